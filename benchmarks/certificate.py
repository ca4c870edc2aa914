"""Certificates: what a bound costs, how sharp it is, and what polishing to it costs.

    python benchmarks/certificate.py [--quick] [--json FILE]

Two-phase Darcy {3, 12}, f = 1, zero Dirichlet, square grids of nodes. Predictions are solutions
plus an error of given size in L2 made of a smooth random field and a little noise, as surrogates
make it. Peers are full solves: a bound is only of use if it costs less than the answer itself.
"""

import numba
import numpy as np
import scipy.fft
import scipy.sparse.linalg as spla
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.rom import DualNorm, ErrorBound, certify_fields
from nwidth.solvers import Darcy, solve

THREADS = 2


def two_phase(n: int) -> Darcy:
    """Return the benchmark problem on n x n nodes."""
    grid = Grid.uniform((n, n))
    return Darcy(grid, permeability=TwoPhaseField(GaussianRandomField(grid, 2.0, 3.0), 3.0, 12.0))


def prediction(problem: Darcy, u: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Return the solution with a smooth and slightly noisy error of relative size `size` in L2."""
    grid = problem.grid
    modes = rng.standard_normal(grid.shape)
    k = np.add.outer(np.arange(grid.shape[0]) ** 2.0, np.arange(grid.shape[1]) ** 2.0)
    error = scipy.fft.idctn(modes * (k + 50.0) ** -1.5, norm="ortho")
    error *= u / u.max() + 0.1
    error += 0.003 * np.abs(error).max() * rng.standard_normal(grid.shape)
    return u + error * (size * grid.norm(u) / grid.norm(error))


def eliminate(problem: Darcy, inputs: dict) -> np.ndarray:
    """Sparse elimination by SciPy, assembly included."""
    matrix = problem.operator(inputs).to_sparse().tocsc()
    factors = spla.splu(
        matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return factors.solve(problem.source(inputs).ravel())


def cost(n: int, repeats: int) -> list[Row]:
    """One certificate against one solve."""
    problem, rng = two_phase(n), generator(0, n)
    inputs = problem.sample(generator(1, 0))
    u = solve(problem, inputs, 1e-8).checked().u
    guess = prediction(problem, u, 0.02, rng)[None]
    batch = {name: field[None] for name, field in inputs.items()}
    norm = DualNorm(problem)
    times = interleave(
        {
            "certificate": lambda: certify_fields(problem, batch, guess, dual_norm=norm),
            "solve": lambda: solve(problem, inputs, 1e-8),
            "splu": lambda: eliminate(problem, inputs),
        },
        repeats,
    )
    bound = certify_fields(problem, batch, guess).bound[0]
    task = f"certificate of one prediction, {n} x {n}"
    note = (
        f"median of {repeats}; the prediction is 2 % wrong in L2, its bound in energy {bound:.3f}"
    )
    return [
        Row(
            task,
            times["certificate"],
            times["solve"],
            "nwidth.solve to 1e-8",
            "s",
            1.0,
            THREADS,
            note,
        ),
        Row(
            task,
            times["certificate"],
            times["splu"],
            "scipy splu",
            "s",
            1.0,
            THREADS,
            "with assembly",
        ),
    ]


def sharpness(n: int, samples: int) -> list[Row]:
    """Bound over true error, for predictions from good to bad."""
    problem, rng, found = two_phase(n), generator(2), []
    norm = DualNorm(problem)
    for i in range(samples):
        inputs = problem.sample(generator(3, i))
        error_bound = ErrorBound(problem, inputs, norm)
        u = solve(problem, inputs, 1e-12, method="direct").u
        fields = [prediction(problem, u, size, rng) for size in (1e-6, 1e-3, 1e-2, 1e-1, 1.0)]
        fields += [0 * u, -u, 1.5 * u, rng.standard_normal(u.shape)]
        for field in fields:
            x = problem.unknowns(field)
            error = np.sqrt(error_bound.operator.energy(problem.unknowns(u) - x))
            found.append(error_bound(x).absolute / error)
    worst, least, middle = float(max(found)), float(min(found)), float(np.median(found))
    note = f"{len(found)} predictions, good and bad, {n} x {n}; median {middle:.3f}"
    limit = 2.0 * (1 + 1e-9)
    return [
        Row("largest bound / true error", worst, limit, "theory: at most 2", "1", 1.0, 1, note),
        Row("true error / smallest bound", 1 / least, 1.0, "theory: at most 1", "1", 1.0, 1, note),
    ]


def polishing(n: int, samples: int, repeats: int) -> list[Row]:
    """Polishing a prediction against solving from zero to the same bound."""
    problem, rng, rows = two_phase(n), generator(4), []
    norm = DualNorm(problem)
    drawn = [problem.sample(generator(5, i)) for i in range(samples)]
    batch = {"permeability": np.stack([inputs["permeability"] for inputs in drawn])}
    solutions = [solve(problem, inputs, 1e-8).u for inputs in drawn]
    for size in (0.01, 0.1):
        guess = np.stack([prediction(problem, u, size, rng) for u in solutions])
        for rtol in (1e-2, 1e-4):
            answers = {}

            def run(name, u, rtol=rtol, answers=answers):
                answers[name] = certify_fields(problem, batch, u, rtol, dual_norm=norm).checked()

            times = interleave(
                {
                    "guess": lambda guess=guess, run=run: run("guess", guess),
                    "zero": lambda guess=guess, run=run: run("zero", 0 * guess),
                },
                repeats,
            )
            polished, from_zero = answers["guess"], answers["zero"]
            note = (
                f"bound before {np.median(polished.bound_before):.3f}, iterations "
                f"{np.mean(polished.iterations):.1f} against {np.mean(from_zero.iterations):.1f}"
            )
            rows.append(
                Row(
                    f"polish a {size:.0%} prediction to bound {rtol:g}, {n} x {n}",
                    times["guess"] / samples,
                    times["zero"] / samples,
                    "from zero",
                    "s",
                    None,
                    THREADS,
                    note,
                )
            )
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    quick = arguments.quick
    numba.set_num_threads(min(THREADS, numba.config.NUMBA_NUM_THREADS))
    with scipy.fft.set_workers(THREADS), threadpool_limits(THREADS):
        rows = cost(85, 15) + cost(421, 3 if quick else 5)
        rows += sharpness(65 if quick else 85, 25 if quick else 60)
        for n in (85, 421):
            rows += polishing(n, 2 if quick else 5, 3 if quick else 5)
    finish("Certificates of two-phase Darcy predictions", rows, arguments)


if __name__ == "__main__":
    main()
