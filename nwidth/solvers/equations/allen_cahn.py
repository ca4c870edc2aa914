"""The Allen-Cahn equation: two phases, and fronts between them."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.problem import Inputs
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]


class AllenCahn(PeriodicEvolution):
    """The Allen-Cahn equation on a torus of one to three dimensions.

        u_t = eps^2 laplace u + u - u^3

    Phases are u = 1 and u = -1; fronts between them, tanh(x / (sqrt(2) eps)), shorten by their
    curvature. Into the unstable u = 0 a phase grows by 3 eps / sqrt(2) per unit of time. The energy
    int eps^2/2 |grad u|^2 + (1 - u^2)^2 / 4 never grows. Reference: Allen & Cahn (1979),
    doi:10.1016/0001-6160(79)90196-2.

    Input and output "phase". States have the modes of the 1/2 rule, as u^3 needs. Good values: eps
    of two or more grid spacings.

    Args:
        grid: one to three periodic uniform axes.
        width: eps > 0.
        sampler: draws initial phases.
        unit: of the phase.
        dtype: precision, "float64" or "float32".

    >>> problem = AllenCahn(Grid.periodic((16, 16)), width=0.1)
    >>> v = problem.state({"phase": np.full((16, 16), 0.5)})
    >>> problem.invariants(v)["energy"], (1 - 0.5**2) ** 2 / 4
    (np.float64(0.140625), 0.140625)
    """

    equation, field = "allen-cahn", "phase"
    dimensions = (1, 2, 3)
    intervals: ClassVar = {"width": "(0, inf)"}
    degree, isotropic = 3, True

    def __init__(
        self,
        grid: Grid,
        width: float = 0.02,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(grid, sampler, unit, dtype, width=width)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the Fourier coefficients."""
        return AllenCahnSystem(
            self.space, self.kept, self.coefficients["width"], inputs[self.field]
        )

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the energy; its integral of u^4 has no aliases."""
        space = self.space
        u = space.transform.backward(v)
        wells = ((1 - u * u) ** 2 / 4).mean(axis=space.transform.axes) * space.volume
        slopes = [space.derivative(v, axis) for axis in range(self.grid.dimension)]
        bent = sum(space.inner(slope, slope) for slope in slopes)
        return {"energy": 0.5 * self.coefficients["width"] ** 2 * bent + wells}


class AllenCahnSystem(EvolutionSystem):
    """v_k' = (1 - eps^2 |k|^2) v_k - (u^3)_k, without the modes of which u^3 has aliases."""

    def __init__(self, space: FourierSpace, kept: Array, width: float, like: Any):
        xp = namespace(like) if lives_on_gpu(like) else np
        self.transform = space.transform
        self.linear = DiagonalPart(xp.asarray(1 - width**2 * space.squared))
        self.factor = xp.asarray(np.where(kept, -1, 0).astype(space.transform.precision))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write -(u^3)_k."""
        u = self.transform.backward(v)
        u *= u * u
        self.transform.forward(u, out)
        out *= self.factor

    def rate(self, t: float, v: Array) -> float:
        """Return the largest 3 u^2 to come: phases grow to 1, larger ones fall."""
        return 3 * max(1.0, float(abs(self.transform.backward(v)).max())) ** 2
