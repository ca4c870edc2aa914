"""Burgers' equation: waves that steepen, and the viscosity that holds them."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.equations.quadratic_advection import QuadraticAdvection
from nwidth.solvers.problem import Inputs
from nwidth.solvers.stepping import EvolutionSystem

Array = NDArray[Any]


class Burgers(PeriodicEvolution):
    """Burgers' equation on a circle.

        u_t + (u^2 / 2)_x = nu u_xx

    The mean of u is conserved; its energy 1/2 int u^2 falls by nu int u_x^2. Reference: Hopf
    (1950), doi:10.1002/cpa.3160030302, who solves it in closed form.

    Input and output "velocity". Fronts are about nu / |u| wide; the grid should have some points in
    them.

    Args:
        grid: one periodic uniform axis.
        viscosity: nu > 0.
        sampler: draws initial velocities.
        unit: of the velocity.
        dtype: precision, "float64" or "float32".

    >>> problem = Burgers(Grid.periodic(32), viscosity=0.1)
    >>> problem.state({"velocity": np.ones(32)})[0]
    np.complex128(1+0j)
    """

    equation, field = "burgers", "velocity"
    intervals: ClassVar = {"viscosity": "(0, inf)"}

    def __init__(
        self,
        grid: Grid,
        viscosity: float = 1e-2,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(grid, sampler, unit, dtype, viscosity=viscosity)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the Fourier coefficients."""
        symbol = -self.coefficients["viscosity"] * self.space.squared
        return QuadraticAdvection(self.space, symbol, 0.5, inputs[self.field])

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean velocity and the energy per length."""
        space = self.space
        return {"mean": v[..., 0].real, "energy": 0.5 * space.inner(v, v) / space.volume}
