"""MgNO: neurons whose linear maps are learned multigrid cycles."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.multigrid.carried_grid import carried, own_axes
from nwidth.operators.multigrid.grid_convolutions import hierarchy
from nwidth.operators.multigrid.learned_cycle import LearnedCycle
from nwidth.operators.multigrid.multigrid_layer import MultigridLayer, channels_last
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.seeded_weights import seeded_weights

BOUNDARIES = ("dirichlet", "zeros", "neumann", "periodic")


class MgNO(OperatorNetwork):
    """A network of operator neurons, each a sum of learned multigrid cycles of the last ones.

        v_i^{l+1} = gelu(sum_j (W_ij + k_ij) v_j^l + b_i),   v^0 = a,     u = sum_j q_j v_j^L

    He, Liu & Xu (2023), MgNO: efficient parameterization of linear operators via multigrid,
    arXiv:2310.19809, equation (3), ICLR 2024. W^l, all W_ij of a layer at once, is a
    `MultigridLayer`; k and b are numbers, as in the published code. There is no lifting and there
    are no coordinates. The published networks have L = 5 layers of 24 channels and 6 levels for
    smooth Darcy flow on 211 x 211 points (678 093 parameters, prolongation=(3, 4, 3, 3, 4)), 4
    layers for rough coefficients on 256 x 256 (572 661, prolongation=4); both here with
    guess="restricted". Their loss is that of H1, their learning rate 5e-4 in one cycle, their batch
    8.

    The boundary condition is what the convolutions find beyond the ends of an axis, one word for
    all or one for each:

        dirichlet   the functions vanish at walls; on node axes the two end points are the walls, so
                    only the points between take part and the output is exactly zero at the ends
        zeros       zero beyond the ends, of functions that need not vanish there (as published)
        neumann     even continuation: about the end points of node axes, the ends of cell axes
        periodic    the other end; for periodic axes, and for these alone

    Any grid size will do. Stencils belong to points of a grid, not to distances, so this network
    claims no resolution invariance. What helps is that levels are counted from the coarsest
    (`LearnedCycle`): on a grid twice as fine the network takes the same values at the points of the
    coarser one, and training may begin there (`Augmentation(coarse=...)`). On grids in between the
    stencils would be those of wrong distances; give `points`, the points per axis of the training
    data, and fields on such grids, or on grids that are not uniform, are carried to that grid and
    back by linear interpolation. docs/neural_operators.md has the measured errors.

    Shapes: forward(v, axes) maps (batch, in_channels, *grid) to (batch, out_channels, *grid); 1 to
    3 dimensions. Good values: width 16 to 32 (32 fills the registers of CPUs), 5 layers, as many
    levels as halve the grid to 2 to 4 points (5 for 85), guess="zero", learning rate 2e-3, batches
    of 10, loss "h1", and training with precision="bf16" where the processor has it, which makes the
    convolutions two to five times as fast; the last sum stays in full precision.

    Raises `InputError` for settings out of range, tensors that do not match the axes, boundary
    conditions that do not suit them, and, by `check`, for grids that leave levels without work.

    >>> from nwidth.meshes import Grid
    >>> model = MgNO(1, 1, LearnedCycle(levels=3), width=8, layers=2)
    >>> u = model(torch.ones(3, 1, 9, 12), Grid.uniform((9, 12)).axes)
    >>> u.shape, u[..., 0].abs().max().item()
    (torch.Size([3, 1, 9, 12]), 0.0)
    """

    resolution_invariant = False

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        cycle: LearnedCycle | Mapping[str, Any] | None = None,
        *,
        dimension: int = 2,
        width: int = 24,
        layers: int = 5,
        boundary: str | Sequence[str] = "dirichlet",
        points: int | Sequence[int] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.in_channels = require_integer(in_channels, "in_channels", 1)
        self.out_channels = require_integer(out_channels, "out_channels", 1)
        self.dimension = require_integer(dimension, "dimension", 1)
        if dimension > 3:
            raise InputError(f"dimension: expected 1, 2 or 3, got {dimension}")
        self.width = require_integer(width, "width", 1)
        require_integer(layers, "layers", 1)
        self.seed = require_integer(seed, "seed", 0)
        if cycle is None:
            cycle = LearnedCycle()
        elif isinstance(cycle, Mapping):
            cycle = LearnedCycle.from_description(cycle)
        self.cycle = require_instance(cycle, "cycle", LearnedCycle)
        words: tuple[Any, ...] = (boundary,) * dimension if isinstance(boundary, str) else ()
        if isinstance(boundary, Sequence) and not words:
            words = tuple(boundary)
        if len(words) != dimension:
            raise InputError(
                f"boundary: expected one word or one for each of {dimension} axes, got {boundary!r}"
            )
        for word in words:
            require_choice(word, "boundary", BOUNDARIES)
        self.boundary = words
        own = points if isinstance(points, Sequence) else (points,) * dimension
        if len(own) != dimension:
            raise InputError(
                f"points: expected one number or one for each of {dimension} axes, got {points!r}"
            )
        self.points: tuple[int, ...] | None = None
        if points is not None:
            self.points = tuple(require_integer(n, "points", 3) for n in own)
        held = tuple(word == "dirichlet" for word in words)
        self.dirichlet = held if any(held) else ()
        with seeded_weights(self.seed):
            self.cycles = nn.ModuleList(
                MultigridLayer(width if k else in_channels, width, self.cycle, dimension=dimension)
                for k in range(layers)
            )
            self.pointwise = nn.ModuleList(
                nn.Linear(width if k else in_channels, width) for k in range(layers)
            )
            self.output = nn.Linear(width, self.out_channels, bias=False)

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` if the axes have fewer levels than the network.

        Fields on them would not train the weights of the others.
        """
        ends = self._ends(axes)
        own = axes if self.points is None else own_axes(axes, self.points)
        grids = hierarchy([n for n, _, _ in self._inner(own)], ends)
        if len(grids) < self.cycle.levels:
            raise InputError(
                f"MgNO: expected no more levels than a grid of {[axis.size for axis in axes]} "
                f"points has, got levels={self.cycle.levels}; use at most {len(grids)}, or finer "
                "data"
            )

    def forward(self, v: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        """Return the output function on the same axes."""
        self.require_fields(v, axes)
        if self.points is not None and (own := own_axes(axes, self.points)) != axes:
            return carried(self(carried(v, axes, own), own), own, axes)
        ends, inner = self._ends(axes), self._inner(axes)
        for k, (n, first, _) in enumerate(inner):
            v = v.narrow(k + 2, first, n)
        x = channels_last(v)
        layers: Any = zip(self.cycles, self.pointwise, strict=True)
        for cycle, pointwise in layers:
            y = cycle(x, ends) + _pointwise(x, pointwise)
            # Channels last in shape too: PyTorch has a faster gelu for what it calls contiguous.
            x = functional.gelu(y.movedim(1, -1)).movedim(-1, 1)
        with torch.autocast(v.device.type, enabled=False):  # a loss with differences sees each bit
            u = _pointwise(x.to(v.dtype), self.output).contiguous()
        beyond = [number for _, first, last in reversed(inner) for number in (first, last)]
        return functional.pad(u, beyond) if any(beyond) else u

    def _ends(self, axes: tuple[Axis, ...]) -> tuple[str, ...]:
        """Return how functions are continued beyond the ends of each axis."""
        if len(axes) != self.dimension:
            raise InputError(f"MgNO: expected {self.dimension} axes, got {len(axes)}")
        ends = []
        for axis, word in zip(axes, self.boundary, strict=True):
            if axis.periodic != (word == "periodic"):
                kind = "periodic" if axis.periodic else "not periodic"
                advice = "periodic" if axis.periodic else "dirichlet, zeros or neumann"
                raise InputError(
                    f"MgNO: expected an axis that suits the boundary {word!r}, but {axis.name} is "
                    f"{kind}; build the network with {advice} there"
                )
            even = "mirrored" if axis.centering == "node" else "doubled"
            ends.append({"dirichlet": "walls", "neumann": even}.get(word, word))
        return tuple(ends)

    def _inner(self, axes: tuple[Axis, ...]) -> list[tuple[int, int, int]]:
        """Return per axis the number of points that take part, and the walls before and after."""
        inner = []
        for axis, word in zip(axes, self.boundary, strict=True):
            walls = int(word == "dirichlet" and axis.centering == "node")
            if axis.size <= 2 * walls:
                raise InputError(
                    f"MgNO: expected points between the walls of {axis.name}, got {axis.size} "
                    "points; use a finer grid"
                )
            inner.append((axis.size - 2 * walls, walls, walls))
        return inner

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "cycle": self.cycle.describe(),
            "dimension": self.dimension,
            "width": self.width,
            "layers": len(self.cycles),
            "boundary": list(self.boundary),
            "points": None if self.points is None else list(self.points),
            "seed": self.seed,
        }


def _pointwise(x: Tensor, linear: nn.Linear) -> Tensor:
    """Return the linear map of the channels at every point, as one matrix product."""
    (batch, channels), sizes = x.shape[:2], x.shape[2:]
    rows = x.movedim(1, -1).reshape(batch * prod(sizes), channels)
    return linear(rows).view(batch, *sizes, -1).movedim(-1, 1)
