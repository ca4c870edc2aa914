"""Darcy flow: our multigrid against PyAMG's Ruge-Stueben set-up and conjugate gradients.

    python benchmarks/darcy_solve.py [--quick] [--json FILE] [--data FOLDER] [--rounds N]

Two-phase permeability {3, 12} on square grids of nodes to a relative residual 1e-8, and pressure in
two reservoirs, left-right Dirichlet and no flow elsewhere, to 1e-10: SPE comparative solution
project 10, model 1 (a vertical section of 100 x 20 cells of 25 x 2.5 ft), and the Norne field (46 x
112 x 22 cells, here boxes of 100 x 100 x 8 m because the file holds no geometry; PERMX for all
directions). Zeros in the Norne field stand for inactive cells; they take the smallest positive
permeability. Refined grids split each cell.

Ours is timed from the permeability to the pressure field: assembly, set-up and solve. PyAMG is
given the assembled matrix, which counts for nothing. Both sides' true residuals are checked.
"""

import time
from pathlib import Path

import numba
import numpy as np
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.meshes.eclipse import read_eclipse_field
from nwidth.solvers import Boundary, Darcy, Dirichlet, Multigrid, Neumann, solve

THREADS = 2
FLOW = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())
Case = tuple[Darcy, dict[str, np.ndarray]]


def two_phase(n: int) -> Case:
    """Return the standard benchmark on n x n nodes."""
    grid = Grid.uniform((n, n))
    field = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
    return Darcy(grid), {"permeability": field.sample(generator(0, 0))}


def reservoir(a: np.ndarray, box: tuple[float, ...], split: tuple[int, ...]) -> Case:
    """Flow from left to right through cells of which each is split."""
    for axis, times in enumerate(split):
        a = np.repeat(a, times, axis)
    grid = Grid.uniform(a.shape, upper=box, centering="cell")
    return Darcy(grid, FLOW, source=0.0), {"permeability": np.ascontiguousarray(a)}


def spe10(folder: Path, split: int) -> Case:
    """Vertical section of SPE10 model 1, in feet."""
    a = read_eclipse_field(folder / "spe10_model1_permx.inc", "PERMX", (100, 1, 20))[:, 0]
    return reservoir(a, (2500.0, 50.0), (split, split))


def norne(folder: Path, split: tuple[int, ...]) -> Case:
    """Return the Norne field in 3-D, in metres."""
    a = read_eclipse_field(folder / "norne_permx.prop.gz", "PERMX", (46, 112, 22))
    a = np.where(a > 0, a, a[a > 0].min())
    return reservoir(a, (4600.0, 11200.0, 176.0), split)


def norne_layer(folder: Path, split: int) -> Case:
    """Return the top layer of the Norne field in 2-D, in metres."""
    a = read_eclipse_field(folder / "norne_permx.prop.gz", "PERMX", (46, 112, 22))
    top = np.where(a > 0, a, a[a > 0].min())[:, :, 0]
    return reservoir(top, (4600.0, 11200.0), (split, split))


def bytes_per_iteration(problem: Darcy, inputs: dict) -> float:
    """Bytes that one iteration must move per unknown, each array once per pass over it.

    Conjugate gradients in float64: product 3 + faces, step 6, direction 3, two sums 3, transfer to
    the cycle 2. A cycle in float32: per sweep 3 + faces, residual 3 + faces, transfers 4.
    """
    operator = problem.operator(inputs)
    faces, total = len(operator.faces), 0.0
    for level in Multigrid(operator, dtype=np.float32).levels:
        passes = 2 * level.sweeps * (4 + faces) + (3 + faces) + 4
        total += 4 * passes * level.u.size
    return total / operator.shape[0] + 8 * (3 + faces + 6 + 3 + 3 + 2)


@numba.njit(parallel=True)
def triad(a, b, c):
    """Set a = b + s c, the memory benchmark."""
    for i in numba.prange(a.size):
        a[i] = b[i] + 3.0 * c[i]


def triad_bandwidth(size: int) -> float:
    """Measured GB/s of a triad with three arrays of `size` numbers."""
    a, b, c = np.zeros(size), np.ones(size), np.ones(size)
    best = np.inf
    for _ in range(12):
        start = time.perf_counter()
        triad(a, b, c)
        best = min(best, time.perf_counter() - start)
    return 24 * size / best / 1e9


def compare(name: str, case: Case, rtol: float, rounds: int, goal: float | None) -> Row:
    """One row: our time against PyAMG's, with iterations and both residuals checked."""
    problem, inputs = case
    b = problem.source(inputs).ravel()
    solution = solve(problem, inputs, rtol, method="multigrid-cg").checked()
    size = b.size
    contenders = {"ours": lambda: solve(problem, inputs, rtol, method="multigrid-cg")}
    note = f"{size} unknowns, {solution.iterations} iterations"
    found = ruge_stueben(problem, inputs, b, rtol)
    if found is not None:
        peer, u, residuals = found
        true = np.linalg.norm(b - problem.operator(inputs).to_sparse() @ u) / np.linalg.norm(b)
        ours = problem.unknowns(solution.u).ravel()
        gap = np.abs(ours - u).max() / np.abs(u).max()
        contenders["peer"] = peer
        note += f", PyAMG {len(residuals) - 1}; residuals {solution.residual:.0e} and {true:.0e}"
        note += f"; largest difference {gap:.0e}"
    seconds = interleave(contenders, rounds)
    moved = bytes_per_iteration(problem, inputs) * size * solution.iterations
    note += f"; {moved / size / solution.iterations:.0f} B per unknown and iteration, "
    note += f"{moved / seconds['ours'] / 1e9:.0f} GB/s with set-up"
    peer_name = "PyAMG RS-CG set-up + solve"
    return Row(name, seconds["ours"], seconds.get("peer"), peer_name, "s", goal, THREADS, note)


def ruge_stueben(problem: Darcy, inputs: dict, b: np.ndarray, rtol: float):
    """PyAMG's solve as a callable, its solution and residual history; None if it is not there."""
    try:
        import pyamg
    except ImportError:
        return None
    import scipy.sparse as sp

    matrix = sp.csr_matrix(problem.operator(inputs).to_sparse())

    def run(residuals=None):
        hierarchy = pyamg.ruge_stuben_solver(matrix)
        return hierarchy.solve(b, tol=rtol, accel="cg", maxiter=300, residuals=residuals)

    residuals: list[float] = []
    return run, run(residuals), residuals


def main() -> None:
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        data=(str(Path(__file__).parents[1] / ".." / "shared" / "data"), "folder of reservoirs"),
        rounds=(5, "timed rounds of each contender"),
    )
    numba.set_num_threads(min(THREADS, numba.config.NUMBA_NUM_THREADS))
    rounds, folder = arguments.rounds, Path(arguments.data)
    jobs = [
        ("two-phase Darcy 421 x 421", lambda: two_phase(421), 1e-8, 5.0, None),
        ("two-phase Darcy 1025 x 1025", lambda: two_phase(1025), 1e-8, None, None),
    ]
    for split in (1, 4, 8):
        name, file = f"SPE10 model 1, x-z, cells split {split} x {split}", "spe10_model1_permx.inc"
        jobs.append((name, lambda s=split: spe10(folder, s), 1e-10, None, file))
    file = "norne_permx.prop.gz"
    for split in ((1, 1, 1), (2, 2, 2)):
        name = "Norne 3-D, cells split " + " x ".join(map(str, split))
        jobs.append((name, lambda s=split: norne(folder, s), 1e-10, None, file))
    for split in (4, 8):
        name = f"Norne top layer, cells split {split} x {split}"
        jobs.append((name, lambda s=split: norne_layer(folder, s), 1e-10, None, file))
    rows = []
    with threadpool_limits(THREADS, "blas"):
        for name, build, rtol, goal, needed in jobs:
            if needed is not None and not (folder / needed).exists():
                rows.append(Row(name, None, None, "absent", note=f"no {folder / needed}"))
                continue
            large = "1025" in name or "2 x 2 x 2" in name
            if arguments.quick and (large or "8 x 8" in name):
                continue
            few = large or (arguments.quick and needed is not None)
            rows.append(compare(name, build(), rtol, 1 if few else rounds, goal))
    small, large = triad_bandwidth(180_000), triad_bandwidth(20_000_000)
    note = f"in cache (4 MB) {small:.0f} GB/s, in memory {large:.0f} GB/s"
    rows.append(
        Row("triad a = b + s c, for comparison", 24e-9 / large, None, "-", "s/B", note=note)
    )
    finish("Darcy flow", rows, arguments)


if __name__ == "__main__":
    main()
