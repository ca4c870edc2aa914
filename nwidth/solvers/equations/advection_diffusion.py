"""Advection and diffusion with constant coefficients, which Fourier coefficients solve exactly."""

from collections.abc import Sequence
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


class AdvectionDiffusion(PeriodicEvolution):
    """A density that is carried along and spreads, on a torus of one to three dimensions.

        u_t + c . grad u = nu laplace u
        v_k(t) = v_k(0) exp(-(i c . k + nu |k|^2) t)

    Exponential methods take each mode exactly, whatever the step: the error is round-off. The mean
    of u is conserved; its energy 1/2 int u^2 falls by nu int |grad u|^2. Reference: Canuto,
    Hussaini, Quarteroni & Zang (2006), doi:10.1007/978-3-540-30726-6, section 2.1.

    Input and output "density".

    Args:
        grid: one to three periodic uniform axes.
        velocity: c, one number for all axes or one for each.
        diffusivity: nu >= 0.
        sampler: draws initial densities.
        unit: of the density.
        dtype: precision, "float64" or "float32".

    >>> from nwidth.solvers import simulate
    >>> problem = AdvectionDiffusion(Grid.periodic(16), velocity=1.0, diffusivity=0.0)
    >>> x = problem.grid.axes[0].points
    >>> found = simulate(problem, {"density": np.sin(2 * np.pi * x)}, [0.25], dt=0.25)
    >>> bool(abs(found.fields["density"][0] + np.cos(2 * np.pi * x)).max() < 1e-14)
    True
    """

    equation, field = "advection-diffusion", "density"
    dimensions = (1, 2, 3)
    intervals: ClassVar = {"velocity": "(-inf, inf)", "diffusivity": "[0, inf)"}
    per_axis = ("velocity",)
    degree = 1

    def __init__(
        self,
        grid: Grid,
        velocity: float | Sequence[float] = 1.0,
        diffusivity: float = 1e-2,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(grid, sampler, unit, dtype, velocity=velocity, diffusivity=diffusivity)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the Fourier coefficients."""
        return AdvectionDiffusionSystem(self.space, inputs[self.field], **self.coefficients)

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean density and the energy per volume."""
        space = self.space
        return {
            "mean": space.integral(v) / space.volume,
            "energy": 0.5 * space.inner(v, v) / space.volume,
        }


class AdvectionDiffusionSystem(EvolutionSystem):
    """v_k' = -(i c . k + nu |k|^2) v_k, all of it linear."""

    def __init__(
        self, space: FourierSpace, like: Any, velocity: Sequence[float], diffusivity: float
    ):
        symbol: Array = -diffusivity * space.squared
        for c, k in zip(velocity, space.odd_wavenumbers, strict=True):
            symbol = symbol - 1j * c * k
        xp = namespace(like) if lives_on_gpu(like) else np
        self.linear = DiagonalPart(xp.asarray(symbol))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write zero."""
        out[...] = 0

    def rate(self, t: float, v: Array) -> float:
        """Return zero: nothing limits the step."""
        return 0.0
