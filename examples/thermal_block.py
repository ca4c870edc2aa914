"""A plate of four materials: ten thousand temperature fields, each with a bound of its error.

python examples/thermal_block.py                     # 97 x 97 points
python examples/thermal_block.py --small             # 33 x 33 points
python examples/thermal_block.py --plot figure.png   # with a figure

A heated plate, cold at its rim, is made of 2 x 2 blocks whose conductivities are known only to lie
between 0.1 and 1. A greedy search solves the plate for a few of them, chosen where the error bound
of the model so far is largest, until the bound is below 1e-4 of the solution at 512 training
parameters. The model then answers ten thousand random plates, and a bound comes with each: a few
may be above the tolerance, and are known to be. For twenty plates bounds are compared with errors.
At last the box of conductivities is divided until bases of ten vectors are enough. Reference:
Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nwidth import Grid
from nwidth.rom import (
    AffineProblem,
    InnerProduct,
    MinTheta,
    ParameterBox,
    ParameterExpressions,
    ReducedBasis,
    greedy,
    hp_partition,
)
from nwidth.solvers import ThermalBlock, elimination

BLOCKS, RTOL = (2, 2), 1e-4


def main(points: int = 97, queries: int = 10_000, figure: str = "") -> float:
    block = ThermalBlock(Grid.uniform((points, points)), BLOCKS)
    conductivities = ParameterExpressions([f"mu[{q}]" for q in range(4)])
    problem = AffineProblem(
        conductivities, block.matrices, ParameterExpressions(["1"]), block.sources
    )
    box = ParameterBox([0.1] * 4, [1.0] * 4)
    # A(k) >= min k_q X for X of conductivities 1.
    given = {
        "inner_product": InnerProduct(block.energy_matrix),
        "stability": MinTheta(np.ones((1, 4)), [1.0]),
    }

    start = time.perf_counter()
    result = greedy(problem, box.sobol(512), RTOL, box=box, **given).checked()
    seconds = time.perf_counter() - start
    print(f"{problem.size} unknowns, {result.model.size} solutions, {seconds:.1f} s")
    for step in result.history[:: max(1, len(result.history) // 6)]:
        print(f"{step.size:4d} vectors: largest bound {step.bound:.1e}")

    with tempfile.TemporaryDirectory() as folder:
        result.model.save(Path(folder) / "plate.h5")
        model = ReducedBasis.load(Path(folder) / "plate.h5")
    plates = box.random(queries, 1)
    model.solve_many(plates)  # compiled by now
    start = time.perf_counter()
    answers = model.solve_many(plates)
    each = (time.perf_counter() - start) / queries
    start = time.perf_counter()
    exact = np.stack([elimination(problem.matrix(k))(problem.source(k)) for k in plates[:20]])
    full = (time.perf_counter() - start) / 20
    errors = given["inner_product"].norm((exact - model.lift(answers.x[:20])).T)
    effectivity = answers.bound[:20] / errors
    relative = answers.bound / np.linalg.norm(answers.x, axis=1)
    print(f"{queries} plates in {1e6 * each:.1f} us each, a full solution in {1e3 * full:.1f} ms")
    within = np.mean(relative <= RTOL)
    print(
        f"bounds: median {np.median(relative):.1e} of the solution, largest {relative.max():.1e},"
    )
    print(f"{within:.2%} within {RTOL:g}, and it is known which")
    print(f"bound / error of 20 plates: {effectivity.min():.2f} to {effectivity.max():.2f}")

    tree = hp_partition(problem, box, 5e-2, max_size=10, samples=48, **given)
    print(f"to 5e-2 with at most 10 vectors: {len(tree.leaves)} boxes of {tree.size} vectors")

    if figure:
        from nwidth import plotting

        drawn = plotting.greedy_history(result.bounds / result.bounds[0])
        print(plotting.save(drawn, figure))
    return float(relative.max())


if __name__ == "__main__":
    wishes = {"points": 33} if "--small" in sys.argv else {}
    name = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else ""
    main(**wishes, figure=name)
