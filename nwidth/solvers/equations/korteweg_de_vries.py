"""The Korteweg-de Vries equation: long waves in shallow water, and solitons."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.equations.quadratic_advection import QuadraticAdvection
from nwidth.solvers.problem import Inputs
from nwidth.solvers.stepping import EvolutionSystem

Array = NDArray[Any]


class KortewegDeVries(PeriodicEvolution):
    """The Korteweg-de Vries equation on a circle.

        u_t + 6 u u_x + u_xxx = 0

    Solitons u = 2 a^2 sech^2(a (x - 4 a^2 t)) pass through each other. Mass int u, momentum
    1/2 int u^2 and energy int u^3 - 1/2 u_x^2 are conserved, in space exactly. References: Korteweg
    & de Vries (1895), doi:10.1080/14786449508620739; Hirota (1971),
    doi:10.1103/PhysRevLett.27.1192, on several solitons; Miura, Gardner & Kruskal (1968),
    doi:10.1063/1.1664701, on what is conserved.

    Input and output "height". A soliton is 1/a wide; the grid should have some points in it.

    Args:
        grid: one periodic uniform axis.
        sampler: draws initial heights.
        unit: of the height.
        dtype: precision, "float64" or "float32".

    >>> from nwidth.solvers import simulate
    >>> problem = KortewegDeVries(Grid.periodic(256, upper=40.0))
    >>> x = problem.grid.axes[0].points
    >>> soliton = [2 / np.cosh(x - 15 - 4 * t) ** 2 for t in (0, 1)]
    >>> found = simulate(problem, {"height": soliton[0]}, [1.0], rtol=1e-8)
    >>> bool(abs(found.fields["height"][0] - soliton[1]).max() < 1e-6)
    True
    """

    equation, field = "korteweg-de-vries", "height"

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
        """Return the system of the Fourier coefficients: -u_xxx has the symbol i k^3."""
        symbol = 1j * self.space.odd_wavenumbers[0] ** 3
        return QuadraticAdvection(self.space, symbol, 3.0, inputs[self.field])

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return mass, momentum and energy."""
        space = self.space
        slope = space.derivative(v)
        u = space.transform.backward(v)
        cubes = (u**3).mean(axis=-1) * space.volume
        return {
            "mass": space.integral(v),
            "momentum": 0.5 * space.inner(v, v),
            "energy": cubes - 0.5 * space.inner(slope, slope),
        }
