"""Waves in a cavity that changes slowly: recycling on a sequence of indefinite systems.

python examples/helmholtz_sequence.py            # 12 systems at 102 x 102 nodes
python examples/helmholtz_sequence.py --small    # 5 systems at 42 x 42 nodes

A cavity with reflecting walls is driven beyond its first resonances. Its wavenumber varies in space
and from system to system, in no particular order. Restarted GMRES forgets at every restart the few
directions in which the operator is negative, and crawls. GCRO-DR keeps them from system to system,
which are sorted first so that neighbours are alike, and starts from the last solutions. Multigrid
for the damped operator removes most of the trouble; recycling then saves two thirds of the rest.
(So small a system is solved quickest by sparse elimination: see `benchmarks/krylov_recycling.py`.)
"""

import sys

import numpy as np

from nwidth import GaussianRandomField, Grid
from nwidth.solvers.equations import Helmholtz
from nwidth.solvers.krylov import RecycledSpace, fgmres, gcro_dr, sequence_order
from nwidth.solvers.multigrid import ShiftedLaplacian

WALLS = ["x_lower", "x_upper", "y_lower", "y_upper"]
LIMITS = {"rtol": 1e-7, "restart": 40, "max_iterations": 1000}


def media(grid: Grid, systems: int) -> np.ndarray:
    """Return wavenumbers around 10 on a curve between two random fields, shuffled."""
    field = GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")
    one, other = field.samples(seed=0, indices=2)
    curve = [np.cos(t) * one + np.sin(t) * other for t in 0.05 * np.arange(systems)]
    return 10.0 * np.exp(0.2 * np.random.default_rng(0).permutation(curve))


def main(nodes: int = 102, systems: int = 12) -> np.ndarray:
    grid = Grid.uniform((nodes, nodes))
    problem = Helmholtz(
        grid, source=lambda x, y: np.exp(-((x - 0.3) ** 2 + (y - 0.4) ** 2) / 0.002), walls=WALLS
    )
    wavenumbers = media(grid, systems)
    plain, damped = RecycledSpace(20), RecycledSpace(20)
    rows = []
    print("system  GMRES  GCRO-DR  shifted Laplacian: GMRES  GCRO-DR    largest wave")
    for i in sequence_order(wavenumbers):
        inputs = {"wavenumber": wavenumbers[i]}
        A, b = problem.operator(inputs), problem.source(inputs)
        M = ShiftedLaplacian(A, dtype=np.complex64)
        answers = [
            fgmres(A, b, **LIMITS),
            gcro_dr(A, b, space=plain, **LIMITS),
            fgmres(A, b, preconditioner=M, **LIMITS),
            gcro_dr(A, b, space=damped, preconditioner=M, **LIMITS),
        ]
        rows.append([answer.iterations for answer in answers])
        wave = problem.field(answers[-1].x, inputs)
        counts = "{:6d} {:8d} {:25d} {:8d}".format(*rows[-1])
        print(f"{i:6d} {counts} {np.abs(wave).max():15.4f}")
    means = np.mean(rows, axis=0)
    print("  mean {:6.0f} {:8.0f} {:25.1f} {:8.1f}".format(*means))
    return means


if __name__ == "__main__":
    main(**({"nodes": 42, "systems": 5} if "--small" in sys.argv else {}))
