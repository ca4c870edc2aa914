"""The Gray-Scott equations: two substances that react and diffuse, and the patterns they make."""

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

#: Feed and kill of six kinds of patterns, with the diffusivities of Pearson: Ohana et al. (2024),
#: arXiv:2412.00568, data set "gray_scott_reaction_diffusion", on a square of side 2.
PATTERNS = {
    "gliders": (0.014, 0.054),
    "bubbles": (0.098, 0.057),
    "maze": (0.029, 0.057),
    "worms": (0.058, 0.065),
    "spirals": (0.018, 0.051),
    "spots": (0.03, 0.062),
}


class GrayScott(PeriodicEvolution):
    """The Gray-Scott equations on a torus of one to three dimensions.

        u_t = D_u laplace u - u w^2 + F (1 - u)
        w_t = D_w laplace w + u w^2 - (F + k) w

    The catalyst w makes more of itself from the substrate u, which is fed; both are washed out, and
    the catalyst decays. u = 1, w = 0 is stable, patterns start from finite disturbances. Reference:
    Pearson (1993), doi:10.1126/science.261.5118.189, whose diffusivities are the default, on a
    square of side 2.5 with 256^2 points, up to t = 200 000; `PATTERNS` has pairs of F and k.

    Inputs and outputs "substrate" and "catalyst". States have the modes of the 1/2 rule, as u w^2
    needs.

    Args:
        grid: one to three periodic uniform axes.
        feed: F >= 0.
        kill: k >= 0.
        substrate_diffusivity: D_u >= 0.
        catalyst_diffusivity: D_w >= 0.
        sampler: two random fields that draw initial substrates and catalysts, such as
            `GaussianClusters` with low = 1 and high = 0, and with low = 0 and high = 1.
        unit: of both concentrations.
        dtype: precision, "float64" or "float32".

    >>> problem = GrayScott(Grid.periodic((16, 16), upper=2.5), *PATTERNS["spots"])
    >>> v = problem.state({"substrate": np.ones((16, 16)), "catalyst": np.zeros((16, 16))})
    >>> v.shape, [float(mean) for mean in problem.invariants(v).values()]
    ((2, 16, 9), [1.0, 0.0])
    """

    equation = "gray-scott"
    field = ("substrate", "catalyst")
    dimensions = (1, 2, 3)
    intervals: ClassVar = dict.fromkeys(
        ("feed", "kill", "substrate_diffusivity", "catalyst_diffusivity"), "[0, inf)"
    )
    degree, isotropic = 3, True

    def __init__(
        self,
        grid: Grid,
        feed: float = 0.029,
        kill: float = 0.057,
        substrate_diffusivity: float = 2e-5,
        catalyst_diffusivity: float = 1e-5,
        sampler: Sequence[RandomField | None] | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(
            grid,
            sampler,
            unit,
            dtype,
            feed=feed,
            kill=kill,
            substrate_diffusivity=substrate_diffusivity,
            catalyst_diffusivity=catalyst_diffusivity,
        )

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the Fourier coefficients of both."""
        like = inputs[self.field[0]]
        return GrayScottSystem(self.space, self.kept, like, **self.coefficients)

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the means, of which (u + w)' = F (1 - u) - (F + k) w; nothing is conserved."""
        means = self.space.integral(v) / self.space.volume
        return {"substrate": means[..., 0], "catalyst": means[..., 1]}


class GrayScottSystem(EvolutionSystem):
    """The equations for (u_k, w_k), without the modes of which u w^2 has aliases."""

    def __init__(
        self,
        space: FourierSpace,
        kept: Array,
        like: Any,
        feed: float,
        kill: float,
        substrate_diffusivity: float,
        catalyst_diffusivity: float,
    ):
        xp = namespace(like) if lives_on_gpu(like) else np
        self.transform, self.kept, self.feed = space.transform, xp.asarray(kept), feed
        self.which = -len(space.shape) - 1
        symbols = (
            -substrate_diffusivity * space.squared - feed,
            -catalyst_diffusivity * space.squared - (feed + kill),
        )
        self.linear = DiagonalPart(xp.asarray(np.stack(symbols)))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write -(u w^2)_k + F at k = 0, and (u w^2)_k."""
        u, w = self._values(v)
        made = self.transform.forward(u * w * w)
        made *= self.kept
        outs = np.moveaxis(out, self.which, 0)
        outs[1] = made
        made.reshape(*made.shape[: self.which + 1], -1)[..., 0] -= self.feed
        outs[0] = -made

    def rate(self, t: float, v: Array) -> float:
        """Return the largest |w| (2 |u| + |w|), which bounds the eigenvalues of the reaction."""
        u, w = map(abs, self._values(v))
        return float((w * (2 * u + w)).max())

    def _values(self, v: Array) -> Array:
        """Return u and w on the grid, stacked in front."""
        return np.moveaxis(self.transform.backward(v), self.which, 0)
