"""An equation that is not in the package: patterns of Swift and Hohenberg, in two ways.

python examples/your_own_equation_in_time.py            # 96 x 96 points, to t = 100
python examples/your_own_equation_in_time.py --small    # 32 x 32 points, to t = 30
python examples/your_own_equation_in_time.py --plot stripes.png

u_t = r u - (1 + laplace)^2 u - u^3 on a torus: waves of length 2 pi grow by e^(r t) until u^3 holds
them, and become stripes. `SwiftHohenberg` is an `EvolutionSystem`: L is diagonal for Fourier
coefficients, N is -u^3 there; any method steps it, here at first orders to see what they cost. As a
`PeriodicEvolution` it has names, units and random initial fields, so `simulate`,
`generate_trajectories` and `nwidth plot` take it like an equation of ours.
"""

import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nwidth import GaussianRandomField, Grid, plotting
from nwidth.solvers import simulate
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import (
    ETD1,
    ETDRK2,
    ETDRK4,
    SBDF3,
    DiagonalPart,
    EvolutionSystem,
    evolve,
)

Array = Any


class SwiftHohenberg(EvolutionSystem):
    """v_k' = (r - (1 - k^2)^2) v_k - (u^3)_k, of the modes of which u^3 has no aliases."""

    autonomous = True

    def __init__(self, space: FourierSpace, r: float):
        self.transform, self.kept = space.transform, space.dealiased(3)
        self.linear = DiagonalPart(r - (1 - space.squared) ** 2)

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write -(u^3)_k."""
        u = self.transform.backward(v)
        self.transform.forward(u * u * u, out)
        out *= -1.0 * self.kept

    def rate(self, t: float, v: Array) -> float:
        """Return the largest 3 u^2: fixed steps that are too long for it are refused."""
        return 3 * float(abs(self.transform.backward(v)).max()) ** 2


class Patterns(PeriodicEvolution):
    """The same as a problem: what it is called, of how many axes, with which coefficient."""

    equation, field = "swift-hohenberg", "pattern"
    dimensions, degree = (1, 2), 3
    intervals: ClassVar = {"r": "[0, 1]"}

    def __init__(
        self, grid: Grid, sampler: Any = None, *, r: float = 0.2, unit: str = "1", dtype: Any = "f8"
    ):
        super().__init__(grid, sampler, unit, dtype, r=r)

    def system(self, inputs: Any) -> EvolutionSystem:
        """Return the system that is stepped."""
        return SwiftHohenberg(self.space, self.coefficients["r"])


def main(points: int = 96, end: float = 100.0, plot: str | None = None) -> tuple[float, float]:
    """Return the rate at which the first wave grows, and the largest value of the stripes."""
    grid = Grid.periodic((points, points), upper=(points / 8 * np.pi,) * 2)
    start = GaussianRandomField(grid, alpha=8.0, tau=1.0, sigma=4.0, boundary="periodic")
    problem, x = Patterns(grid, start), grid.coordinates()[0]
    small = {"pattern": 1e-5 * np.cos(x)}
    system, v = problem.system(small), problem.state(small)
    found = evolve(system, v, [10.0], rtol=1e-8).checked()
    grown = float(np.log(abs(found.states[0]).max() / abs(v).max()) / 10)
    print(f"a small wave grows by e^({grown:.6f} t), r = 0.2")

    noise = problem.sample(np.random.default_rng(0))
    truth = evolve(system, problem.state(noise), [5.0], rtol=1e-10).states[0]
    for method in (ETD1, ETDRK2, SBDF3, ETDRK4):
        one = evolve(system, problem.state(noise), [5.0], method=method, dt=0.1)
        error = np.linalg.norm(one.states[0] - truth) / np.linalg.norm(truth)
        print(f"{one.method:7s} {one.counts.evaluations:4d} evaluations, error {error:.1e}")

    times = np.linspace(0.0, end, 5)
    stripes = simulate(problem, noise, times, rtol=1e-5).checked()
    u = stripes.fields["pattern"]
    print(f"stripes of height {abs(u[-1]).max():.3f} after {stripes.counts.steps} steps")
    if plot:
        plotting.save(plotting.snapshots(grid, times, u, "Swift and Hohenberg", "u"), Path(plot))
    return grown, float(abs(u[-1]).max())


if __name__ == "__main__":
    picture = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else None
    small = {"points": 32, "end": 30.0} if "--small" in sys.argv else {}
    main(**small, plot=picture)
