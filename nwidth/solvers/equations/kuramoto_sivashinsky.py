"""The Kuramoto-Sivashinsky equation: flame fronts, chaos in space and time."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.equations.quadratic_advection import QuadraticAdvection
from nwidth.solvers.problem import Inputs
from nwidth.solvers.stepping import EvolutionSystem

Array = NDArray[Any]


class KuramotoSivashinsky(PeriodicEvolution):
    """The Kuramoto-Sivashinsky equation on a circle.

        u_t + u u_x + u_xx + u_xxxx = 0

    Long waves grow by exp((k^2 - k^4) t) while they are small, short ones are damped, and u u_x
    goes between them. The mean of u is conserved; its energy obeys
    d/dt 1/2 int u^2 = int u_x^2 - u_xx^2. References: Kuramoto & Tsuzuki (1976),
    doi:10.1143/PTP.55.356; Sivashinsky (1977), doi:10.1016/0094-5765(77)90096-0; Kassam & Trefethen
    (2005), doi:10.1137/S1064827502410633, section 4, on how it is stepped.

    Input and output "velocity". Good values: lengths 22 (few modes) to 32 pi and more (chaos), two
    or three points per unit of length, outputs after t = 100 to 200, when chaos has developed.

    Args:
        grid: one periodic uniform axis.
        sampler: draws initial velocities.
        unit: of the velocity.
        dtype: precision, "float64" or "float32".

    >>> from nwidth.solvers import simulate
    >>> problem = KuramotoSivashinsky(Grid.periodic(32, upper=4 * np.pi))
    >>> wave = 1e-6 * np.cos(problem.grid.axes[0].points / 2)
    >>> found = simulate(problem, {"velocity": wave}, [1.0], dt=0.1)
    >>> grown = abs(found.evolution.states[0, 1]) / 0.5e-6
    >>> float(np.log(grown).round(9)), 1 / 4 - 1 / 16
    (0.1875, 0.1875)
    """

    equation, field = "kuramoto-sivashinsky", "velocity"

    def __init__(
        self,
        grid: Grid,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(grid, sampler, unit, dtype)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the Fourier coefficients."""
        symbol = self.space.squared - self.space.squared**2
        return QuadraticAdvection(self.space, symbol, 0.5, inputs[self.field])

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean velocity and the energy per length."""
        space = self.space
        return {"mean": v[..., 0].real, "energy": 0.5 * space.inner(v, v) / space.volume}
