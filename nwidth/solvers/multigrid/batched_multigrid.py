"""The multigrid V-cycle for several samples side by side."""

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integers
from nwidth.solvers.batched_diffusion_operator import (
    BatchedDiffusionOperator,
    box_level,
    box_size,
)
from nwidth.solvers.multigrid.coarsening import STRONG

Array = NDArray[Any]

# Unknowns on the coarsest level, at most, unless an axis has fewer than four points.
COARSEST = 64


class BatchedMultigrid:
    """One V-cycle M ~ A^-1 for each sample of a `BatchedDiffusionOperator`, in float32.

    The cycle is that of `Multigrid` with all axes halved on every level: relax red-black; restrict
    with P^T; cycle; correct with P; relax black-red; coarse operators average fluxes as `coarsen`
    does. P at a centre between four coarse points takes each flux through the points between as
    constant, the interpolation of black box multigrid (Dendy (1982),
    doi:10.1016/0021-9991(82)90057-2) for five-point operators; in three dimensions, where couplings
    out of the plane of the four are left out, centres of cubes are black and need none. The
    coarsest matrix is factorized. M is symmetric and positive definite.

    All sweeps on a level, the residual and its restriction are one pass over memory, prolongation
    and sweeps another; each moves six float32 numbers per unknown, seven in three dimensions. So
    two sweeps cost little more than one. `products` holds (r, M r) and (M r, A M r) per sample
    after a cycle, which the passes collect on their way.

    Args:
        operator: what to invert approximately. After it has changed, call `set_up`.
        sweeps: relaxations before and after on each level, the last number repeated.

    Raises `InputError` for other operators and sweeps < 1.

    >>> from nwidth.solvers.diffusion_operator import DiffusionOperator
    >>> A = BatchedDiffusionOperator((3, 3), (True, True))
    >>> A.set_operators([DiffusionOperator((np.ones((4, 3)), np.ones((3, 4))))])
    >>> M = BatchedMultigrid(A)
    >>> M.set_up()
    >>> A.pack(np.ones((1, 3, 3)), M.right)
    >>> M.cycle()
    >>> A.fields(M.solution, 1, A.scales).round(3).tolist()
    [[[0.688, 0.875, 0.688], [0.875, 1.125, 0.875], [0.688, 0.875, 0.688]]]
    """

    def __init__(self, operator: BatchedDiffusionOperator, sweeps: int | Sequence[int] = (2, 2, 4)):
        from nwidth.solvers.multigrid import _batched_coarsening_numba as coarsening
        from nwidth.solvers.multigrid import _batched_relaxation_numba as relaxation

        require_instance(operator, "batched multigrid", BatchedDiffusionOperator)
        sweeps = require_integers(sweeps, "sweeps", 1)
        self.operator, self._coarsening, self._relaxation = operator, coarsening, relaxation
        lanes = operator.lanes
        #: One row per level: its box, see `box_level`, and its sweeps.
        self.table = levels(operator.level, lanes, sweeps)
        size = int(self.table[-1][0]) + box_size(self.table[-1]) * lanes
        fine = operator.faces[0].size
        self._u, self._f, self._d = (np.zeros(size, np.float32) for _ in range(3))
        axes = len(operator.shape)
        self._t: Any = operator.couplings([np.zeros(size, np.float32) for _ in range(axes)])
        reaction = operator.reaction.size > 0
        self._c = np.zeros(size if reaction else 0, np.float32)
        #: For each coarse level the boxes on the way to it, one axis after the other.
        self._ways = [_way(*pair) for pair in itertools.pairwise(self.table)]
        self._halves = []
        for box in self._ways[0][1:-1] if self._ways else ():
            spaces = [np.zeros(box_size(box) * lanes, np.float32) for _ in range(axes + reaction)]
            self._halves.append((operator.couplings(spaces[:axes]), *spaces[axes:]))
        sizes = sorted(map(int, self.table[-1][[4, 6, 8]]))
        self._factor = np.zeros((prod(sizes), sizes[0] * sizes[1] + 1, lanes))
        self._coarsest = np.zeros((prod(sizes), lanes))
        #: M r goes here, flat as the operator's arrays; r comes from `right`.
        self.solution, self.right = self._u[:fine], self._f[:fine]
        self.products = np.zeros((2, lanes))
        #: Samples whose couplings are about equally strong along all axes; others would need
        #: semi-coarsening, see `strong_axes`.
        self.suited = np.ones(lanes, bool)

    def set_up(self) -> None:
        """Build the coarse operators of the operator's present couplings."""
        A, kernels = self.operator, self._coarsening
        for own, single in zip(self._t[-len(A.single) :], A.single, strict=True):
            own[: single.size] = single
        self._c[: A.reaction.size] = A.reaction
        for way in self._ways:
            self._coarsen(way)
        for level in self.table:
            kernels.invert_diagonal(*self._t, self._c, self._d, level)
        if len(self.table) > 1:
            strengths = np.empty((len(A.shape), A.lanes))
            kernels.shares(*self._t, self._d, self.table[0], strengths.reshape(-1))
            self.suited = strengths.min(axis=0) >= STRONG * strengths.max(axis=0)
        kernels.factorize(*self._t, self._c, self.table[-1], A.singular, self._factor)

    def _coarsen(self, way: list[Array]) -> None:
        """Set the couplings of a coarse level: halve columns, then rows, then planes."""
        whole: Any = (self._t, *([self._c] if self._c.size else []))
        spaces = [whole, *self._halves, whole]
        for axis, fine, coarse, own, new in zip(
            (2, 1, 0), way[:-1], way[1:], spaces[:-1], spaces[1:], strict=False
        ):
            along = own[0][axis]
            for k, (t, out) in enumerate(zip(own[0], new[0], strict=True)):
                if k == axis:
                    self._coarsening.series(t, out, axis, fine, coarse)
                elif t is not None:
                    self._coarsening.sums(t, along, out, k, axis, fine, coarse)
            for c, out in zip(own[1:], new[1:], strict=True):
                self._coarsening.sums(c, along, out, -1, axis, fine, coarse)

    def cycle(self) -> None:
        """Set `solution` to M applied to `right`, and `products`."""
        self._relaxation.v_cycle(
            *(self._u, self._f, *self._t, self._c, self._d, self.table),
            *(self._factor, self._coarsest, self.products.reshape(-1)),
        )


def levels(finest: Array, lanes: int, sweeps: Sequence[int] = (1,)) -> Array:
    """Return the table of levels: coarse points are those with even indices alone.

    >>> levels(box_level(0, (1, 1), (15, 31)), 8)[:, [6, 8]].tolist()
    [[15, 31], [7, 15], [3, 7]]
    """
    table = [[*map(int, finest), sweeps[0]]]
    while True:
        axes = _axes(table[-1])
        if prod(n for _, n in axes) <= COARSEST or min(n for _, n in axes) < 4:
            return np.array(table, np.int64)
        offset = table[-1][0] + box_size(np.array(table[-1])) * lanes
        starts, halves = [start for start, _ in axes], [(n + start - 1) // 2 for start, n in axes]
        number = sweeps[min(len(table), len(sweeps) - 1)]
        table.append([*map(int, box_level(offset, starts, halves)), number])


def coarsest_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many unknowns the coarsest level has per axis, at most.

    >>> coarsest_shape((15, 31, 31))
    (2, 4, 4)
    """
    last = levels(box_level(0, [2] * len(shape), shape), 1)[-1]
    return tuple(n for _, n in _axes(last))


def _axes(level: Any) -> list[tuple[int, int]]:
    """Return first number and count of points of every axis: two or three of them."""
    axes = [(int(level[k]), int(level[k + 1])) for k in (3, 5, 7)]
    return axes if level[1] else axes[1:]


def _way(fine: Array, coarse: Array) -> list[Array]:
    """Return the boxes between two levels, which lie at the start of their own arrays."""
    starts, boxes = [start for start, _ in _axes(fine)], [fine]
    shape, halves = ([n for _, n in _axes(level)] for level in (fine, coarse))
    for k in range(len(shape) - 1, 0, -1):
        shape[k] = halves[k]
        boxes.append(box_level(0, starts, shape))
    return [*boxes, coarse]
