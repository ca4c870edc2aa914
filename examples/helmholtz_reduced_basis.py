"""What does a microphone behind a lens hear? A band of wavenumbers, with bounds of every answer.

python examples/helmholtz_reduced_basis.py                     # 49 x 49 points, k = 4 to 16
python examples/helmholtz_reduced_basis.py --small             # 17 x 17 points, k = 3 to 6
python examples/helmholtz_reduced_basis.py --plot figure.png   # with a figure

A source sounds in a corner of two soft walls, and waves leave through the two other sides; on their
way is a lens in which they are slower. After discretization (K - k^2 M - i k B) u = f, complex and
indefinite: coercivity constants are negative, and error bounds divide by inf-sup constants instead,
whose lower bounds are known from a few anchors. A greedy search solves at the wavenumbers where the
bound of the model so far is largest. Reduced solutions are those of least residual, as Galerkin's
may be far off where nothing is coercive. The microphone has a reduced model too, that of its
adjoint problem, and the error of what is heard is bounded by the product of both. Two hundred
wavenumbers that the search has not seen are solved in full, to compare bounds with errors.
Reference: Huynh, Knezevic, Chen, Hesthaven & Patera (2010), doi:10.1016/j.cma.2010.02.011.
"""

import sys
import time
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from nwidth import Grid
from nwidth.rom import (
    AffineProblem,
    DualWeightedOutput,
    InnerProduct,
    ParameterBox,
    ParameterExpressions,
    dual_problem,
    greedy,
)
from nwidth.rom.stability import choose_stability
from nwidth.solvers import Helmholtz, elimination

RTOL = 1e-3
SOURCE, LENS, MICROPHONE = (0.2, 0.25), (0.55, 0.5), (0.9, 0.8)


class Band(NamedTuple):
    """What the study found; bounds and errors at unseen wavenumbers, relative to the solution."""

    size: int
    bound: np.ndarray
    error: np.ndarray
    heard_bound: np.ndarray
    heard_error: np.ndarray


def room(points: int) -> tuple[AffineProblem, np.ndarray, list]:
    """Return the problem of all wavenumbers, the weights of the microphone, and K, M, B."""
    grid = Grid.uniform((points, points))
    x, y = grid.coordinates()

    def spot(at, radius):
        return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / radius**2)

    waves = Helmholtz(grid, spot(SOURCE, 0.06), walls=["x_lower", "y_lower"])
    # k times 1.5 in the lens; the operator of k = 1 has all parts of the others.
    slowness = 1 + 0.5 * ((x - LENS[0]) ** 2 + (y - LENS[1]) ** 2 < 0.2**2)
    A = waves.operator({"wavenumber": slowness})
    parts = [A.diffusion.to_sparse(), *(sp.diags_array(d.ravel()) for d in (A.mass, A.damping))]
    volumes = waves.volumes.volumes * waves.unknowns(spot(MICROPHONE, 0.06))
    problem = AffineProblem(
        ParameterExpressions(["1", "-k**2", "-1j*k"], ["k"]),
        parts,
        ParameterExpressions(["1"]),
        waves.source({"wavenumber": slowness}).reshape(1, -1),
    )
    return problem, (volumes / volumes.sum()).ravel(), parts


def main(
    points: int = 49, band: tuple[float, float] = (4.0, 16.0), unseen: int = 200, figure: str = ""
) -> Band:
    problem, microphone, (K, M, _) = room(points)
    box = ParameterBox(band[:1], band[1:], ["k"])
    training = box.grid(400)
    # The energy norm of a wavenumber in the middle: both of its parts are about as large then.
    X = InnerProduct(K + np.mean(band) ** 2 * M)
    start = time.perf_counter()
    stability = choose_stability(
        problem.matrices, X, problem.coefficients(training)[0], kind="inf-sup"
    )
    anchors = time.perf_counter() - start
    given = {"stability": stability, "inner_product": X, "box": box, "test": "least-squares"}
    result = greedy(problem, training, RTOL, **given).checked()
    adjoint = dual_problem(problem, microphone, ParameterExpressions(["1"]))
    dual = greedy(adjoint, training, RTOL, **given).checked()
    heard = DualWeightedOutput.of(result.basis, dual.basis)
    seconds = time.perf_counter() - start
    model = result.model
    low = stability.lower(problem.coefficients(training)[0])
    print(f"{problem.size} unknowns; inf-sup constants above {low.min():.4f}, known from", end=" ")
    print(f"{len(stability.samples)} anchors in {anchors:.1f} s")
    print(f"{model.size} and {dual.model.size} solutions, {seconds:.1f} s in all")

    ks = np.sort(box.random(unseen, 1), axis=0)
    model.solve_many(ks), model.solve(ks[0]), heard.evaluate_many(ks)  # compiled by now
    clock = [time.perf_counter()]
    exact = np.stack([elimination(problem.matrix(k))(problem.source(k)) for k in ks])
    clock.append(time.perf_counter())
    for k in ks:
        model.solve(k)
    clock.append(time.perf_counter())
    answers = model.solve_many(ks)
    clock.append(time.perf_counter())
    sound = heard.evaluate_many(ks)
    clock.append(time.perf_counter())
    names = ("full solution", "reduced, one by one", "reduced, side by side", "what is heard")
    for name, each in zip(names, np.diff(clock) / unseen, strict=True):
        print(f"{name:24s}{1e6 * each:10.1f} us per wavenumber")

    size = X.norm(exact.T)
    error = X.norm((exact - model.lift(answers.x)).T)
    true = exact @ microphone
    heard_error = abs(true - sound.value)
    for name, bounds, errors, sizes in (
        ("waves", answers.bound, error, size),
        ("heard", sound.bound, heard_error, abs(true)),
    ):
        ratio = bounds / errors
        print(f"{name}: bounds at most {(bounds / sizes).max():.1e}, bound / error", end=" ")
        print(f"{ratio.min():.1f} to {ratio.max():.1f}, median {np.median(ratio):.1f}")
    loudest = int(np.argmax(abs(sound.value)))
    print(f"loudest at k = {ks[loudest, 0]:.2f}: {abs(sound.value[loudest]):.3e}", end=" ")
    print(f"+- {sound.bound[loudest]:.1e}")

    if figure:
        from nwidth import plotting

        drawn = plotting.response(
            ks[:, 0], abs(sound.value), sound.bound, heard_error, xlabel="wavenumber k"
        )
        print(plotting.save(drawn, figure))
    return Band(
        model.size, answers.bound / size, error / size, sound.bound / abs(true),
        heard_error / abs(true),
    )  # fmt: skip


if __name__ == "__main__":
    wishes = {"points": 17, "band": (3.0, 6.0)} if "--small" in sys.argv else {}
    name = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else ""
    main(**wishes, figure=name)
