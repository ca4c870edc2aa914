"""One learned multigrid cycle: a linear map of functions on a grid, for all channels at once."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.errors import InputError
from nwidth.operators.multigrid.grid_convolutions import (
    ENDS,
    hierarchy,
    injected,
    interpolated,
    linear_stencil,
    prolonged,
    restricted,
    smoothed,
)
from nwidth.operators.multigrid.learned_cycle import LearnedCycle
from nwidth.operators.multigrid.poisson_stencils import poisson_stencils


class MultigridLayer(nn.Module):
    """The map W: f -> u of a multigrid cycle whose stencils are learned.

        u <- S f,  u <- u + S (f - A u)     on the finest grid, `sweeps` before
        f' = R f  or  R (f - A u)           restrict: the right-hand side of the coarser grid
        u' = Pi u  or  0                    ... and its first guess
        ... the same there ...
        u <- u + P u'                       prolong
        u <- u + S (f - A u)                `sweeps` after

    He, Liu & Xu (2023), MgNO, arXiv:2310.19809: every A, S, R, Pi and P is a convolution of 3
    points per axis that mixes the channels, without bias, of its own on each level; the published
    form is V(1, 0), restricts f and Pi u, and takes two sweeps on the coarsest grid. With residual
    restricted and guess zero it is the correction scheme of `nwidth.solvers.multigrid`: smooth,
    residual, restrict, prolong; `initial="poisson"` gives it the stencils of a solver.

    Grids may have any size: coarser ones are chosen as by the solver's `coarsen` (see
    `grid_convolutions` for this and for `ends`, what lies beyond the ends of each axis). A grid has
    as many levels as it can be halved. With `counted_from="coarsest"` a level is known by its
    distance from the coarsest, and a grid that has more than the weights are for begins with
    injection and ends with linear interpolation, so that the layer is the same function at the
    points of the coarser grid. Counted from the "finest", a grid with fewer levels goes from the
    last it has to the weights of the coarsest.

    A stencil knows no distances: W is a map of grid functions and claims no resolution invariance.

    Shapes: (batch, in_channels, *grid) -> (batch, out_channels, *grid). On CPUs channels are best
    last in memory (`torch.channels_last`), twice as fast as first (benchmarks/mgno_training.py).

    >>> layer = MultigridLayer(1, 4, LearnedCycle(levels=3), dimension=2)
    >>> layer(torch.ones(2, 1, 11, 14), ("walls", "periodic")).shape
    torch.Size([2, 4, 11, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        cycle: LearnedCycle | None = None,
        *,
        dimension: int = 2,
    ):
        super().__init__()
        self.in_channels = require_integer(in_channels, "in_channels", 1)
        self.out_channels = require_integer(out_channels, "out_channels", 1)
        cycle = LearnedCycle() if cycle is None else cycle
        self.cycle = require_instance(cycle, "cycle", LearnedCycle)
        self.dimension = require_integer(dimension, "dimension", 1)
        if dimension > 3:
            raise InputError(f"dimension: expected 1, 2 or 3, got {dimension}")
        f, u = self.in_channels, self.out_channels
        # Lists from the coarsest level up; the transfers of level k lead to and from level k - 1.
        self.A: Any = nn.ModuleList()
        self.S: Any = nn.ModuleList()
        self.R: Any = nn.ParameterList()
        self.Pi: Any = nn.ParameterList()
        self.P: Any = nn.ParameterList()
        self.residual: Any = nn.ParameterList()
        for k in range(cycle.levels):
            top = k == cycle.levels - 1
            count = cycle.coarsest if k == 0 else sum(cycle.sweeps)
            from_zero = top or cycle.guess == "zero"
            self.S.append(nn.ParameterList(self._stencil(u, f) for _ in range(count)))
            self.A.append(nn.ParameterList(self._stencil(f, u) for _ in range(count - from_zero)))
            if k > 0:
                size = cycle.stencils[cycle.levels - 1 - k]
                self.R.append(self._stencil(f, f))
                self.P.append(self._stencil(u, u, size))
                if cycle.guess == "restricted":
                    self.Pi.append(self._stencil(u, u))
                if cycle.restricts == "residual":
                    self.residual.append(self._stencil(f, u))
        if cycle.initial == "nested":
            self._interpolate_at_first()
        elif cycle.initial == "poisson":
            poisson_stencils(self)

    def _stencil(self, out: int, incoming: int, size: int = 3) -> nn.Parameter:
        """Return PyTorch's first weights of a convolution, channels last in memory."""
        w = torch.empty(out, incoming, *(size,) * self.dimension)
        bound = (incoming * size**self.dimension) ** -0.5
        return nn.Parameter(channels_last(nn.init.uniform_(w, -bound, bound)))

    @torch.no_grad()
    def _interpolate_at_first(self) -> None:
        """Add injection to R and linear interpolation to P; the finest level has these alone.

        There u = P W' R f at first, with S = 0 and Pi = 0.
        """
        middle, near = (1,) * self.dimension, (slice(0, 3),) * self.dimension
        linear = linear_stencil((True,) * self.dimension)
        if self.cycle.levels > 1:
            finest = [*self.S[-1], self.R[-1], self.P[-1], *([self.Pi[-1]] if len(self.Pi) else [])]
            for stencil in finest:
                stencil.zero_()
        for R, P in zip(self.R, self.P, strict=True):
            R.diagonal()[middle] += 1.0
            P.diagonal()[near] += linear.unsqueeze(-1)

    def forward(self, f: Tensor, ends: Sequence[str]) -> Tensor:
        """Return W f; `ends` says per axis how functions are continued."""
        d = self.dimension
        require_instance(f, "multigrid layer: f", Tensor)
        if f.ndim != d + 2 or f.shape[1] != self.in_channels or prod(f.shape) == 0:
            raise InputError(
                f"multigrid layer: expected shape (batch, {self.in_channels}, grid of {d} axes), "
                f"got {tuple(f.shape)}"
            )
        if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != d:
            raise InputError(
                f"ends: expected a word for each of {self.dimension} axes, got {ends!r}"
            )
        for end in ends:
            require_choice(end, "ends", ENDS)
        grids = hierarchy(f.shape[2:], ends)
        ways = list(self._ways(len(grids)))
        return self._visit(ways, None, f, ends)

    def levels_on(self, sizes: Sequence[int], ends: Sequence[str]) -> int:
        """Return how many levels a grid of these sizes has."""
        return len(hierarchy(sizes, ends))

    def _ways(self, depth: int) -> Iterator[int | None]:
        """Yield whose weights each level has, the finest first; None where there are none."""
        levels = self.cycle.levels
        if self.cycle.counted_from == "coarsest":
            yield from (k if k < levels else None for k in reversed(range(depth)))
        else:
            depth = min(depth, levels)
            yield from range(levels - 1, levels - depth, -1)
            yield 0

    def _visit(self, ways: list[int | None], u: Tensor | None, f: Tensor, ends: Sequence[str]):
        """Return the result of the cycle for f on one level, from the guess u (None: zero)."""
        level, sizes = ways[0], f.shape[2:]
        if level is None:
            return interpolated(self._visit(ways[1:], None, injected(f, ends), ends), ends, sizes)
        if len(ways) == 1:
            return self._smooth(level, 0, len(self.S[level]), u, f, ends)
        before, after = self.cycle.sweeps
        if level == 0:
            before, after = self.cycle.coarsest, 0
        u = self._smooth(level, 0, before, u, f, ends)
        r = f
        if self.cycle.restricts == "residual":
            r = f - smoothed(u, self.residual[level - 1], ends)
        guess = None
        if self.cycle.guess == "restricted":
            guess = restricted(u, self.Pi[level - 1], ends)
        e = self._visit(ways[1:], guess, restricted(r, self.R[level - 1], ends), ends)
        u = u + prolonged(e, self.P[level - 1], ends, sizes)
        return self._smooth(level, before, before + after, u, f, ends)

    def _smooth(
        self, level: int, first: int, last: int, u: Tensor | None, f: Tensor, ends: Sequence[str]
    ) -> Tensor:
        """Return u after the relaxations u <- u + S (f - A u) number first to last - 1."""
        S, A = self.S[level], self.A[level]
        missing = len(S) - len(A)  # the first relaxation from zero has no A
        for k in range(first, last):
            r = f if u is None else f - smoothed(u, A[k - missing], ends)
            step = smoothed(r, S[k], ends)
            u = step if u is None else u + step
        assert u is not None
        return u

    def extra_repr(self) -> str:
        """Return the settings that `print(model)` shows."""
        return f"{self.in_channels} -> {self.out_channels}, {self.cycle}"


def channels_last(v: Tensor) -> Tensor:
    """Return v with its second axis last in memory, where PyTorch's convolutions know of it."""
    if v.ndim == 4:
        return v.contiguous(memory_format=torch.channels_last)
    return v.contiguous(memory_format=torch.channels_last_3d) if v.ndim == 5 else v.contiguous()
