"""The Fourier neural operator."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.operators.layered_network import LayeredNetwork
from nwidth.operators.spectral.dealiasing import Dealiasing
from nwidth.operators.spectral.spectral_conv import SpectralConv
from nwidth.operators.spectral.spectral_transform import axis_bases


class FNO(LayeredNetwork):
    """A map from functions to functions: layers of global convolutions and pointwise functions.

        v_0 = P (a, x),   v_{l+1} = gelu(W_l v_l + b_l + K_l v_l),   u = Q_2 gelu(Q_1 v_L + q) + r

    without gelu in the last of the L layers; K_l is a `SpectralConv`. Li et al. (2021), Fourier
    neural operator for parametric partial differential equations, arXiv:2010.08895.

    Everything is a function of position, never of an index: it can be trained on one grid and
    used on another of the same box. The coordinates x appended to the input run from 0 to 1 over
    the box, end points included; on a periodic axis, where they would jump, (1 - cos 2 pi x) / 2
    stands for x, and (1 - cos pi x) / 2 where the basis is "cosine". For boxes that are not
    periodic, `padding` lengthens the period of the spectral layers to length (1 + padding). With
    `dirichlet` (one bool, or one per axis) the output is multiplied by 4 x (1 - x) of those axes
    and vanishes exactly at both of their ends.

    Shapes: forward(v, axes) maps (batch, in_channels, *grid) to (batch, out_channels, *grid), with
    `axes` the `Grid.axes` of that grid. One to three dimensions, set by the length of `modes`;
    in_channels does not count the coordinates.

    `bases` are those of `SpectralConv`, one name or one per axis: "cosine" or "chebyshev" between
    walls need no padding, and "chebyshev" converges fastest for smooth fields. `quadrature` is the
    order between grids of padded Fourier layers on uniform axes (see `gregory_weights`); networks
    described before it was an option have 2.

    gelu makes frequencies that a grid takes for lower ones, so that the network settles only as its
    fields are resolved. With `dealias` modes (one number, or one per axis, no fewer than `modes`)
    it is evaluated on a finer grid and cut to those modes (`Dealiasing`): on input that the grids
    resolve the network is then the same function on all of them to round-off. That needs bases
    without padding and grids that resolve these modes. With 12 and 16 modes a step on 85 x 85
    points takes 1.2 and 1.3 times as long.

    Parameters are real numbers; the standard Darcy network, modes (12, 12), width 32, 4 layers,
    has 2 269 697 of them:  (1 + 2 + 1) w  +  L (2 m (2m - 1) w^2 + w^2 + w)  +  128 (w + 1) + 129.

    Good values: modes 12, width 32, 4 layers for two-dimensional elliptic problems; padding 0.25 to
    0.5 for problems with walls (on two-phase Darcy flow it lowers the error by a third); modes
    below half the points of the coarsest grid in use.

    Gradients are written by hand (`fused_layers`) and cannot be differentiated again: losses with
    derivatives of the network, and second-order optimizers, are out of reach (`InputError`).

    Raises `InputError` for settings out of range and for tensors that do not match the axes.

    >>> import torch
    >>> from nwidth.meshes import Grid
    >>> model = FNO(1, 1, modes=(4, 4), width=8, layers=2, dirichlet=True)
    >>> u = model(torch.ones(3, 1, 9, 11), Grid.uniform((9, 11)).axes)
    >>> u.shape, u[..., 0].abs().max().item()
    (torch.Size([3, 1, 9, 11]), 0.0)
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        modes: int | Sequence[int] = (12, 12),
        *,
        width: int = 32,
        layers: int = 4,
        projection: int = 128,
        padding: float = 0.25,
        coordinates: bool = True,
        dirichlet: bool | Sequence[bool] = False,
        seed: int = 0,
        bases: str | Sequence[str] = "fourier",
        quadrature: int = 4,
        dealias: int | Sequence[int] | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            modes,
            width=width,
            layers=layers,
            projection=projection,
            coordinates=coordinates,
            dirichlet=dirichlet,
            seed=seed,
        )
        self.padding = require_number(padding, "FNO: padding", "[0, inf)")
        self.quadrature = require_integer(quadrature, "FNO: quadrature", 2)
        self._bases = axis_bases(bases, self.dimension, self.padding, self.quadrature)
        self._assemble(
            lambda: SpectralConv(
                width, width, self.modes, bases, padding=self.padding, quadrature=self.quadrature
            )
        )
        self.dealias = None if dealias is None else self._kept(dealias)
        if self.dealias is not None:
            self.dealiasing = Dealiasing(self._bases, self.dealias)

    def _kept(self, dealias: Any) -> tuple[int, ...]:
        """Return how many modes activations keep, per axis."""
        alike = not isinstance(dealias, Sequence) or isinstance(dealias, str)
        listed = (dealias,) * self.dimension if alike else tuple(dealias)
        kept = tuple(require_integer(m, "FNO: dealias", 1) for m in listed)
        if len(kept) != self.dimension or any(m < n for m, n in zip(kept, self.modes, strict=True)):
            raise InputError(
                f"FNO: expected dealias to be at least the modes {self.modes}, one number or one "
                f"per axis, got {dealias!r}"
            )
        return kept

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "projection": self.projection,
            "padding": self.padding,
            "bases": list(self.basis_names),
            "quadrature": self.quadrature,
            "dealias": None if self.dealias is None else list(self.dealias),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Build the network of a description; those without `quadrature` had second order."""
        if isinstance(description, Mapping):
            description = {"quadrature": 2, **description}
        return super().from_description(description)
