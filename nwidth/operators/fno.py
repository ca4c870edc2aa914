"""The Fourier neural operator."""

from collections.abc import Sequence
from functools import lru_cache
from math import inf, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.fourier_basis import resolvable_modes
from nwidth.operators.fused_layers import projected
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.spectral_conv import SpectralConv


class FNO(OperatorNetwork):
    """A map from functions to functions: layers of global convolutions and pointwise functions.

        v_0 = P (a, x),   v_{l+1} = gelu(W_l v_l + b_l + K_l v_l),   u = Q_2 gelu(Q_1 v_L + q) + r

    without gelu in the last of the L layers; K_l is a `SpectralConv`. Li et al. (2021), Fourier
    neural operator for parametric partial differential equations, arXiv:2010.08895.

    Everything is a function of position, never of an index: it can be trained on one grid and
    used on another of the same box. The coordinates x appended to the input run from 0 to 1 over
    the box, end points included; on a periodic axis, where they would jump, (1 - cos 2 pi x) / 2
    stands for x. For boxes that are not periodic, `padding` lengthens the period of the spectral
    layers to length (1 + padding). With `dirichlet` (one bool, or one per axis) the output is
    multiplied by 4 x (1 - x) of those axes and vanishes exactly at both of their ends.

    Shapes: forward(v, axes) maps (batch, in_channels, *grid) to (batch, out_channels, *grid), with
    `axes` the `Grid.axes` of that grid. One to three dimensions, set by the length of `modes`;
    in_channels does not count the coordinates.

    Parameters are real numbers; the standard Darcy network, modes (12, 12), width 32, 4 layers,
    has 2 269 697 of them:  (1 + 2 + 1) w  +  L (2 m (2m - 1) w^2 + w^2 + w)  +  128 (w + 1) + 129.

    Good values: modes 12, width 32, 4 layers for two-dimensional elliptic problems; padding 0.25 to
    0.5 for problems with walls (on two-phase Darcy flow it lowers the error by a third); modes
    below half the points of the coarsest grid in use.

    Gradients are written by hand (`fused_layers`) and cannot be differentiated again: losses with
    derivatives of the network, and second-order optimizers, are out of reach (`InputError`).

    Raises `InputError` for settings out of range and for tensors that do not match the axes.

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
        modes: Sequence[int] = (12, 12),
        *,
        width: int = 32,
        layers: int = 4,
        projection: int = 128,
        padding: float = 0.25,
        coordinates: bool = True,
        dirichlet: bool | Sequence[bool] = False,
        seed: int = 0,
    ):
        super().__init__()
        modes = tuple(modes) if isinstance(modes, Sequence) else (modes,)
        numbers = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            **{f"modes[{k}]": m for k, m in enumerate(modes)},
            "width": width,
            "layers": layers,
            "projection": projection,
        }
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"FNO: expected {name} to be a positive integer, got {value!r}")
        if not 1 <= len(modes) <= 3:
            raise InputError(f"FNO: expected modes for one to three axes, got {modes}")
        d = len(modes)
        walls: tuple[Any, ...] = (dirichlet,) * d if isinstance(dirichlet, bool) else ()
        if isinstance(dirichlet, Sequence):
            walls = tuple(dirichlet)
        if len(walls) != d or not all(isinstance(wall, bool) for wall in walls):
            raise InputError(
                f"FNO: expected dirichlet to be one bool or one for each of {d} axes, "
                f"got {dirichlet!r}"
            )
        if not isinstance(coordinates, bool):
            raise InputError(f"FNO: expected coordinates to be true or false, got {coordinates!r}")
        number = isinstance(padding, int | float | np.integer | np.floating)
        if isinstance(padding, bool) or not number or not 0 <= padding < inf:
            raise InputError(
                f"FNO: expected padding to be a fraction >= 0 of the length, got {padding!r}"
            )
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise InputError(f"FNO: expected seed to be an integer >= 0, got {seed!r}")
        self.in_channels, self.out_channels = int(in_channels), int(out_channels)
        self.dimension, self.modes = d, tuple(int(m) for m in modes)
        self.width, self.projection = int(width), int(projection)
        self.padding, self.coordinates, self.dirichlet = float(padding), coordinates, walls
        self.seed = int(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.lift = nn.Linear(in_channels + d * self.coordinates, width)
            self.convolutions = nn.ModuleList(
                SpectralConv(width, width, modes, padding=padding) for _ in range(layers)
            )
            self.skips = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
            self.hidden = nn.Linear(width, projection)
            self.output = nn.Linear(projection, out_channels)

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` if the axes resolve fewer modes than the network has.

        The weights of the others would take no part: fields on these axes cannot train them.
        """
        pairs = zip(axes, self.modes, strict=True)
        resolved = tuple(resolvable_modes(axis, m, self.padding) for axis, m in pairs)
        if resolved != self.modes:
            raise InputError(
                f"FNO: expected no more modes than {[axis.size for axis in axes]} points resolve, "
                f"got modes={self.modes}; use at most {resolved}, or finer data"
            )

    def forward(self, v: Tensor, axes: tuple[Axis, ...], /) -> Tensor:
        """Return the output function on the same axes."""
        self.require_fields(v, axes)
        sizes = tuple(axis.size for axis in axes)
        points = prod(sizes)
        # Channels lie last in memory throughout: a pointwise map is then one matrix product.
        x = self._lifted(v.reshape(len(v), self.in_channels, points).transpose(1, 2), axes)
        layers: Any = zip(self.convolutions, self.skips, strict=True)
        for k, (convolution, skip) in enumerate(layers):
            field = x.view(len(v), *sizes, self.width).movedim(-1, 1)
            y = convolution(field, axes, bias=skip.bias, pointwise=skip.weight)
            y = y.movedim(1, -1).reshape(-1, self.width)
            x = functional.gelu(y) if k < len(self.skips) - 1 else y
        hidden, output = self.hidden, self.output
        u = projected(x, hidden.weight, hidden.bias, output.weight, output.bias)
        u = u.view(len(v), *sizes, self.out_channels).movedim(-1, 1)
        return u * _mask(axes, self.dirichlet, u.dtype, u.device) if any(self.dirichlet) else u

    def _lifted(self, v: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """Return P (a, x) of shape (batch * points, width); coordinates are lifted only once."""
        weight = self.lift.weight.t()
        shift = self.lift.bias.expand(v.shape[1], -1)
        if self.coordinates:
            x = _coordinates(axes, v.dtype, v.device)
            shift = torch.addmm(shift, x, weight[self.in_channels :])
        shared = weight[: self.in_channels].expand(len(v), -1, -1)
        return torch.baddbmm(shift.expand(len(v), -1, -1), v, shared).view(-1, self.width)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "modes": list(self.modes),
            "width": self.width,
            "layers": len(self.skips),
            "projection": self.projection,
            "padding": self.padding,
            "coordinates": self.coordinates,
            "dirichlet": list(self.dirichlet),
            "seed": self.seed,
        }


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _coordinates(axes: tuple[Axis, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coordinate channels, shape (points, dimension)."""
    columns = [
        (1 - np.cos(2 * np.pi * _unit(axis))) / 2 if axis.periodic else _unit(axis) for axis in axes
    ]
    fields = np.meshgrid(*columns, indexing="ij")
    return torch.tensor(np.stack([f.ravel() for f in fields], -1), dtype=dtype, device=device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _mask(
    axes: tuple[Axis, ...], walls: tuple[bool, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the product of 4 x (1 - x) over the axes with walls, shape `(*grid)`."""
    factors = [
        4 * s * (1 - s) if wall else np.ones_like(s)
        for s, wall in zip(map(_unit, axes), walls, strict=True)
    ]
    grids = np.meshgrid(*factors, indexing="ij", sparse=True)
    return torch.tensor(prod(grids), dtype=dtype, device=device)


def _unit(axis: Axis) -> np.ndarray:
    """Return the points of an axis scaled to its box [0, 1]."""
    return (axis.points - axis.lower) / axis.length
