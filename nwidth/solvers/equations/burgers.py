"""Burgers' equation: waves that steepen, and the viscosity that holds them."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.problem import Inputs
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

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
        return BurgersSystem(self.space, self.coefficients["viscosity"])

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean velocity and the energy per length."""
        space = self.space
        return {"mean": v[..., 0].real, "energy": 0.5 * space.inner(v, v) / space.volume}


class BurgersSystem(EvolutionSystem):
    """v_k' = -nu k^2 v_k - i k / 2 (u^2)_k, without the modes of which u^2 has aliases."""

    def __init__(self, space: FourierSpace, viscosity: float):
        self.space, self.transform = space, space.transform
        self.linear = DiagonalPart(-viscosity * space.squared)
        k = space.wavenumbers[0]
        self.fastest = float(np.abs(k[space.kept]).max())
        self.factor = np.where(space.kept, -0.5j * k, 0).astype(space.transform.complex)

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write -i k / 2 (u^2)_k."""
        u = self.transform.backward(v)
        u *= u
        self.transform.forward(u, out)
        out *= self.factor

    def rate(self, t: float, v: Array) -> float:
        """Return max |u| times the largest wavenumber."""
        return float(abs(self.transform.backward(v)).max()) * self.fastest
