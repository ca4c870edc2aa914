"""What networks on graphs and clouds share: they see points, of a grid or of a cloud."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_flag, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.meshes.point_cloud import PointCloud
from nwidth.operators.fused_layers import projected
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.training.mixed_precision import in_full_precision
from nwidth.operators.walls import require_walls, wall_factor

Where = PointCloud | tuple[Axis, ...]


class NodeNetwork(OperatorNetwork):
    """A network v_0 = P (a, x), v_{l+1} = layer_l(v_l), u = Q_2 gelu(Q_1 v_L + q) + r on points.

    Layers are integrals over the domain by the weights of the points, and pointwise maps, so the
    network is a function of position: grids of a box and clouds in it can be mixed. Coordinates x
    are in units of the box, two waves for each axis: cos 2 pi x and sin 2 pi x along periodic axes,
    cos pi x and sin pi x along others. With `waves=False` they are as in `FNO`: x itself, and
    (1 - cos 2 pi x) / 2 along periodic axes, where x and 1 - x are then the same; on Darcy flow
    networks with waves have two thirds of the error after a minute of training. With
    `coordinates=False` nothing depends on them, and on a torus the network commutes with shifts.
    With `dirichlet` (one flag or one per axis) the output is multiplied by 4 x (1 - x) of those
    axes, in units of the box, and vanishes at its sides exactly.

    Shapes: forward(v, axes) maps (batch, in, *grid) to (batch, out, *grid) with the `Grid.axes` of
    the grid, forward(v, cloud) maps (batch, in, n) to (batch, out, n) on a `PointCloud`.

    A subclass gives `on_points`, which maps (n, batch, width) to the same.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dimension: int,
        *,
        width: int,
        projection: int,
        coordinates: bool,
        waves: bool,
        dirichlet: bool | Sequence[bool],
        seed: int,
    ):
        super().__init__()
        name = type(self).__name__
        self.in_channels = require_integer(in_channels, f"{name}: in_channels", 1)
        self.out_channels = require_integer(out_channels, f"{name}: out_channels", 1)
        self.dimension = require_integer(dimension, f"{name}: dimension", 1)
        if self.dimension > 3:
            raise InputError(f"{name}: expected a dimension of 1, 2 or 3, got {dimension}")
        self.width = require_integer(width, f"{name}: width", 1)
        self.projection = require_integer(projection, f"{name}: projection", 1)
        self.coordinates = require_flag(coordinates, f"{name}: coordinates")
        self.waves = require_flag(waves, f"{name}: waves")
        self.dirichlet = require_walls(dirichlet, name, self.dimension)
        self.seed = require_integer(seed, f"{name}: seed", 0)
        with seeded_weights(self.seed, 0):
            self.lift = nn.Linear(self.in_channels + self.coordinate_count, self.width)
            self.hidden = nn.Linear(self.width, self.projection)
            self.output = nn.Linear(self.projection, self.out_channels)

    @property
    def coordinate_count(self) -> int:
        """Number of coordinates that lift and kernels see."""
        return self.dimension * (1 + self.waves) if self.coordinates else 0

    @abstractmethod
    def on_points(self, x: Tensor, a: Tensor, cloud: PointCloud) -> Tensor:
        """Return the layers' output (n, batch, width) for lifted x and inputs a (n, batch, in)."""

    @in_full_precision
    def forward(self, v: Tensor, axes: Where) -> Tensor:
        """Return the output function on the same grid or cloud."""
        cloud = self._cloud(v, axes)
        a = v.flatten(2).permute(2, 0, 1)
        x = a
        if self.coordinates:
            place = coordinates_of(cloud, v, self.coordinate_count)[:, None].expand(-1, len(v), -1)
            x = torch.cat([a, place], dim=-1)
        x = self.on_points(self.lift(x), a, cloud)
        hidden, output = self.hidden, self.output
        rows = x.reshape(-1, self.width)
        u = projected(rows, hidden.weight, hidden.bias, output.weight, output.bias)
        u = u.view(len(cloud), len(v), self.out_channels).permute(1, 2, 0)
        if any(self.dirichlet):
            factor = wall_factor([*cloud.unit.T], self.dirichlet)
            u = u * torch.as_tensor(factor, dtype=v.dtype, device=v.device)
        return u.reshape(len(v), self.out_channels, *v.shape[2:])

    def _cloud(self, v: Any, where: Any) -> PointCloud:
        """Return the points that v is given on, or raise `InputError`."""
        if not isinstance(where, PointCloud):
            self.require_fields(v, where)
            return cloud_of_axes(tuple(where))
        name = type(self).__name__
        if where.dimension != self.dimension:
            raise InputError(
                f"{name}: expected points of {self.dimension} coordinates, got {where.dimension}; "
                f"build the network with dimension={where.dimension}"
            )
        shape = (self.in_channels, len(where))
        if not isinstance(v, Tensor) or tuple(v.shape[1:]) != shape or v.ndim != 3:
            got = tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__
            raise InputError(
                f"{name}: expected a tensor (batch, {shape[0]}, {shape[1]}) on a cloud of "
                f"{shape[1]} points, got {got}"
            )
        if v.dtype != self.lift.weight.dtype:
            raise InputError(
                f"{name}: expected {self.lift.weight.dtype}, the precision of its weights, got "
                f"{v.dtype}; convert the fields, or the network by .double() or .float()"
            )
        return where

    def settings(self) -> dict[str, Any]:
        """Return the settings that all these networks have."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "dimension": self.dimension,
            "width": self.width,
            "projection": self.projection,
            "coordinates": self.coordinates,
            "waves": self.waves,
            "dirichlet": list(self.dirichlet),
            "seed": self.seed,
        }


def cloud_at(where: Where) -> PointCloud:
    """Return a cloud itself, or that of the points of a grid's axes."""
    return where if isinstance(where, PointCloud) else cloud_of_axes(tuple(where))


@lru_cache(maxsize=32)
def cloud_of_axes(axes: tuple[Axis, ...]) -> PointCloud:
    """Return the cloud of a grid's points, the same object every time."""
    return PointCloud.of_grid(Grid(axes))


def coordinates_of(cloud: PointCloud, like: Tensor, count: int) -> Tensor:
    """Return coordinates in units of the box, (n, count): one for each axis, or two waves."""
    if count == 2 * cloud.dimension:
        angle = np.where(cloud.periodic, 2 * np.pi, np.pi) * cloud.unit
        both = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        return torch.as_tensor(both, dtype=like.dtype, device=like.device)
    bent = np.where(cloud.periodic, (1 - np.cos(2 * np.pi * cloud.unit)) / 2, cloud.unit)
    return torch.as_tensor(bent, dtype=like.dtype, device=like.device)
