"""The focusing nonlinear Schroedinger equation: envelopes of waves, and their solitons."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.problem import Inputs
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]


class NonlinearSchroedinger(PeriodicEvolution):
    """The focusing nonlinear Schroedinger equation on a circle, for a complex wave.

        i u_t + u_xx + 2 |u|^2 u = 0

    Solitons u = a sech(a (x - c t)) exp(i c x / 2 + i (a^2 - c^2/4) t) pass through each other;
    uniform waves of amplitude a are unstable to ripples with k < 2 a. Mass int |u|^2, momentum
    Im int conj(u) u_x and energy int |u_x|^2 - |u|^4 are conserved, in space exactly. References:
    Satsuma & Yajima (1974), doi:10.1143/PTPS.55.284, on solitons; Akhmediev, Eleonskii & Kulagin
    (1987), doi:10.1007/BF01017105, on ripples that grow and vanish again.

    Input "wave", complex or real, shape `grid.shape`; outputs "wave_real" and "wave_imag". States
    have the modes of the 1/2 rule, as |u|^2 u needs.

    Args:
        grid: one periodic uniform axis.
        sampler: draws initial waves, which are real.
        unit: of the wave.
        dtype: precision, "float64" or "float32".

    >>> from nwidth.solvers import simulate
    >>> problem = NonlinearSchroedinger(Grid.periodic(256, upper=40.0))
    >>> soliton = 1 / np.cosh(problem.grid.axes[0].points - 20)
    >>> found = simulate(problem, {"wave": soliton}, [1.0], rtol=1e-8)
    >>> bool(abs(found.fields["wave_imag"][0] - soliton * np.sin(1)).max() < 1e-6)
    True
    """

    equation, field = "nonlinear-schroedinger", "wave"
    degree = 3
    real, isotropic = False, True

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
        return NonlinearSchroedingerSystem(self.space, self.kept, inputs[self.field])

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return mass, momentum and energy; the integral of |u|^4 has no aliases."""
        space = self.space
        slope, u = space.derivative(v), space.transform.backward(v)
        fourth = (abs(u) ** 4).mean(axis=-1) * space.volume
        return {
            "mass": space.inner(v, v).real,
            "momentum": space.inner(v, slope).imag,
            "energy": space.inner(slope, slope).real - fourth,
        }


class NonlinearSchroedingerSystem(EvolutionSystem):
    """v_k' = -i k^2 v_k + 2 i (|u|^2 u)_k, without the modes of which |u|^2 u has aliases."""

    def __init__(self, space: FourierSpace, kept: Array, like: Any):
        xp = namespace(like) if lives_on_gpu(like) else np
        self.transform = space.transform
        self.linear = DiagonalPart(xp.asarray(-1j * space.squared))
        self.factor = xp.asarray(np.where(kept, 2j, 0).astype(space.transform.complex))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write 2 i (|u|^2 u)_k."""
        u = self.transform.backward(v)
        u *= u.real**2 + u.imag**2
        self.transform.forward(u, out)
        out *= self.factor

    def rate(self, t: float, v: Array) -> float:
        """Return sqrt(12) max |u|^2: about a wave u, disturbances go with 4 |u|^2 and 2 u^2."""
        return 12**0.5 * float(abs(self.transform.backward(v)).max()) ** 2
