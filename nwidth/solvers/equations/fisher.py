"""Fisher's equation: a species that spreads and grows to what the land bears."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.problem import Inputs
from nwidth.solvers.stepping import EvolutionSystem, QuadraticSystem

Array = NDArray[Any]


class Fisher(PeriodicEvolution):
    """Fisher's equation, the reaction-diffusion equation with logistic growth, on a circle.

        u_t = nu u_xx + r u (1 - u)

    u = 0 is unstable, u = 1 is stable, and fronts between them run at 2 sqrt(r nu) or faster; one
    in closed form has the speed 5 sqrt(r nu / 6). Densities in [0, 1] stay there. References:
    Fisher (1937), doi:10.1111/j.1469-1809.1937.tb02153.x; Ablowitz & Zeppetella (1979),
    doi:10.1007/BF02462380, for the front.

    Input and output "density". Fronts are about sqrt(6 nu / r) wide. Growth 5 and diffusivities of
    0.005 to 0.1 on a circle of length one, to t = 1, are the setting of Du, Chalapathi &
    Krishnapriyan (2024), arXiv:2312.05225, whose initial densities `PeriodicKernelField` draws.

    Args:
        grid: one periodic uniform axis.
        diffusivity: nu > 0.
        growth: r >= 0.
        sampler: draws initial densities.
        unit: of the density.
        dtype: precision, "float64" or "float32".

    >>> problem = Fisher(Grid.periodic(32), diffusivity=0.01, growth=5.0)
    >>> problem.state({"density": np.ones(32)})[0]
    np.complex128(1+0j)
    """

    equation, field = "fisher", "density"
    isotropic = True
    intervals: ClassVar = {"diffusivity": "(0, inf)", "growth": "[0, inf)"}

    def __init__(
        self,
        grid: Grid,
        diffusivity: float = 0.01,
        growth: float = 5.0,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(grid, sampler, unit, dtype, diffusivity=diffusivity, growth=growth)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return v_k' = (r - nu k^2) v_k - r (u^2)_k of the modes that have no aliases."""
        nu, r = self.coefficients["diffusivity"], self.coefficients["growth"]
        like = inputs[self.field]
        xp = namespace(like) if lives_on_gpu(like) else np
        factor = np.where(self.space.kept, -r, 0.0)
        return QuadraticSystem(
            self.space.transform, xp.asarray(r - nu * self.space.squared), xp.asarray(factor)
        )

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean density, which grows by r times the mean of u (1 - u)."""
        return {"mean": v[..., 0].real}
