"""Lifting, layers, projection: the frame that FNO and its relatives share."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_flag, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.fused_layers import projected
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.spectral.axis_basis import require_axes
from nwidth.operators.spectral.dealiasing import Dealiasing
from nwidth.operators.spectral.spectral_transform import axis_bases, require_resolved
from nwidth.operators.walls import require_walls, wall_factor


class LayeredNetwork(OperatorNetwork):
    """A pointwise lifting of (a, x), layers of one width, and a pointwise projection.

        v_0 = P (a, x),     v_{l+1} = layer_l(v_l),     u = Q_2 gelu(Q_1 v_L + q) + r

    The coordinates x appended to the input (`coordinates`) run from 0 to 1 over the box, end points
    included; on a periodic axis, where they would jump, (1 - cos 2 pi x) / 2 stands for x, and
    (1 - cos pi x) / 2 where the basis is "cosine". With `dirichlet` (one bool, or one per
    axis) the output is multiplied by 4 x (1 - x) of those axes and vanishes exactly at both of
    their ends.

    With `dealiasing` (a `Dealiasing`, None unless a subclass sets it) activations and coordinates
    are cut to their modes before a layer analyses them, so that the network is one function on all
    grids to round-off.

    The layers are convolutions beside pointwise maps, K_l v_l + W_l v_l + b_l with gelu between
    them, which a subclass makes by `_assemble`; or it gives a `_layer` of its own and builds the
    parts within `seeded_weights`. It sets `_bases` if its waves are padded or none. Between the
    layers fields are (batch, *grid, width): channels last, so that a pointwise map is one matrix
    product. The projection is four times as wide as the layers unless `projection` says otherwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: int | Sequence[int],
        *,
        width: int,
        layers: int,
        projection: int | None = None,
        coordinates: bool,
        dirichlet: bool | Sequence[bool],
        seed: int,
    ):
        super().__init__()
        name = type(self).__name__
        self.in_channels = require_integer(in_channels, f"{name}: in_channels", 1)
        self.out_channels = require_integer(out_channels, f"{name}: out_channels", 1)
        listed: Any = (modes,) if isinstance(modes, int | np.integer) else modes
        if not isinstance(listed, Sequence) or not 1 <= len(listed) <= 3:
            raise InputError(f"{name}: expected modes for one to three axes, got {modes!r}")
        pairs = enumerate(listed)
        self.modes = tuple(require_integer(m, f"{name}: modes[{k}]", 1) for k, m in pairs)
        self.dimension = len(self.modes)
        self.width = require_integer(width, f"{name}: width", 1)
        self.layers = require_integer(layers, f"{name}: layers", 1)
        wide = 4 * self.width if projection is None else projection
        self.projection = require_integer(wide, f"{name}: projection", 1)
        self.coordinates = require_flag(coordinates, f"{name}: coordinates")
        self.dirichlet = require_walls(dirichlet, name, self.dimension)
        self.seed = require_integer(seed, f"{name}: seed", 0)
        self._bases = axis_bases("fourier", self.dimension)
        self.dealiasing: Dealiasing | None = None

    @property
    def basis_names(self) -> tuple[str, ...]:
        """Words of the bases of all axes."""
        return tuple(basis.name for basis in self._bases)

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` if the axes resolve fewer modes than the network has.

        The weights of the others would take no part: fields on these axes cannot train them.
        """
        name = type(self).__name__
        axes = require_axes(axes, self.dimension, name)
        require_resolved(self._bases, axes, self.modes, name)
        if self.dealiasing is not None:
            self.dealiasing.check(axes)

    def _assemble(self, convolution: Callable[[], nn.Module]) -> None:
        """Make all parts of a network whose layers are convolutions beside pointwise maps."""
        width = self.width
        with seeded_weights(self.seed):
            self.lift = self._lifting()
            self.convolutions = nn.ModuleList(convolution() for _ in range(self.layers))
            self.skips = nn.ModuleList(nn.Linear(width, width) for _ in range(self.layers))
            self.hidden = nn.Linear(width, self.projection)
            self.output = nn.Linear(self.projection, self.out_channels)

    def _lifting(self) -> nn.Linear:
        """Return P."""
        return nn.Linear(self.in_channels + self.dimension * self.coordinates, self.width)

    def forward(self, v: Tensor, axes: tuple[Axis, ...], /) -> Tensor:
        """Return the output function on the same axes."""
        self.require_fields(v, axes)
        axes = tuple(axes)
        sizes = tuple(axis.size for axis in axes)
        x = self._lifted(v.flatten(2).transpose(1, 2), axes).view(len(v), *sizes, self.width)
        for k in range(self.layers):
            x = self._layer(k, x, axes)
        u = self._projected(x).view(len(v), *sizes, self.out_channels).movedim(-1, 1)
        return u * _mask(axes, self.dirichlet, u.dtype, u.device) if any(self.dirichlet) else u

    def _layer(self, k: int, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """Return K_k v + W_k v + b_k for v = gelu(x), or v = x in the first layer.

        Fields are (batch, *grid, width) on these axes. gelu belongs to the layer that uses its
        values: what is kept for the gradient is x alone.
        """
        convolution, skip, activated = self.convolutions[k], self.skips[k], k > 0
        if activated and self.dealiasing is not None:
            x, activated = self.dealiasing(functional.gelu, x, axes), False
        y = convolution(
            x.movedim(-1, 1), axes, bias=skip.bias, pointwise=skip.weight, activated=activated
        )
        moved: Tensor = y.movedim(1, -1)
        return moved

    def _lifted(self, v: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """Return P (a, x) of shape (batch * points, width); coordinates are lifted only once."""
        weight = self.lift.weight.t()
        shift = self.lift.bias.expand(v.shape[1], -1)
        if self.coordinates:
            x = self._coordinates(axes, v)
            shift = torch.addmm(shift, x, weight[self.in_channels :])
        shared = weight[: self.in_channels].expand(len(v), -1, -1)
        return torch.baddbmm(shift.expand(len(v), -1, -1), v, shared).view(-1, self.width)

    def _coordinates(self, axes: tuple[Axis, ...], like: Tensor) -> Tensor:
        """Return the coordinate channels, shape (points, dimension)."""
        if self.dealiasing is None:
            return _coordinates(axes, self.basis_names, like.dtype, like.device)
        fine = self.dealiasing.fine_axes(axes)
        exact = _coordinates(fine, self.basis_names, like.dtype, like.device)
        exact = exact.view(1, *(axis.size for axis in fine), -1)
        blank = like.new_zeros(1, *(axis.size for axis in axes), exact.shape[-1])
        return self.dealiasing(lambda _: exact, blank, axes).view(-1, exact.shape[-1])

    def settings(self) -> dict[str, Any]:
        """Return the settings that all these networks have."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "modes": list(self.modes),
            "width": self.width,
            "layers": self.layers,
            "coordinates": self.coordinates,
            "dirichlet": list(self.dirichlet),
            "seed": self.seed,
        }

    def _projected(self, x: Tensor) -> Tensor:
        """Return Q_2 gelu(Q_1 x + q) + r."""
        hidden, output, rows = self.hidden, self.output, x.reshape(-1, self.width)
        return projected(rows, hidden.weight, hidden.bias, output.weight, output.bias)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _coordinates(
    axes: tuple[Axis, ...], bases: tuple[str, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the coordinate channels, shape (points, dimension)."""
    columns = []
    for axis, basis in zip(axes, bases, strict=True):
        s = _unit(axis)
        turns = 1.0 if axis.periodic else 0.5  # over the box
        waves = axis.periodic or basis == "cosine"
        columns.append((1 - np.cos(2 * np.pi * turns * s)) / 2 if waves else s)
    fields = np.meshgrid(*columns, indexing="ij")
    return torch.tensor(np.stack([f.ravel() for f in fields], -1), dtype=dtype, device=device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _mask(
    axes: tuple[Axis, ...], walls: tuple[bool, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the factor that vanishes at walls, shape `(*grid)`."""
    units = np.meshgrid(*map(_unit, axes), indexing="ij", sparse=True)
    return torch.tensor(wall_factor(units, walls), dtype=dtype, device=device)


def _unit(axis: Axis) -> np.ndarray:
    """Return the points of an axis scaled to its box [0, 1]."""
    return (axis.points - axis.lower) / axis.length
