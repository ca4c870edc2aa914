"""The multigrid V-cycle for several samples side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.batched_diffusion_operator import BatchedDiffusionOperator
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
    doi:10.1016/0021-9991(82)90057-2) for five-point operators. The coarsest matrix is factorized.
    M is symmetric and positive definite.

    All sweeps on a level, the residual and its restriction are one pass over memory, prolongation
    and sweeps another; each moves six float32 numbers per unknown. So two sweeps cost little more
    than one. `products` holds (r, M r) and (M r, A M r) per sample after a cycle, which the passes
    collect on their way.

    Args:
        operator: what to invert approximately. After it has changed, call `set_up`.
        sweeps: relaxations before and after on each level, the last number repeated.

    Raises `InputError` for sweeps < 1.

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

    def __init__(self, operator: BatchedDiffusionOperator, sweeps: Sequence[int] = (2, 2, 4)):
        from nwidth.solvers.multigrid import _batched_coarsening_numba as coarsening
        from nwidth.solvers.multigrid import _batched_relaxation_numba as relaxation

        if not sweeps or any(not isinstance(n, int) or n < 1 for n in sweeps):
            raise InputError(f"sweeps: expected integers >= 1, got {sweeps!r}")
        self.operator, self._coarsening, self._relaxation = operator, coarsening, relaxation
        lanes = operator.lanes
        #: One row per level: offset, points per row, first row, rows, first column, columns, sweeps
        self.table = _levels(operator.level, lanes, sweeps)
        size = int(_end(self.table[-1], lanes))
        fine = operator.faces[0].size
        self._u, self._f, self._t0, self._t1, self._d = (
            np.zeros(size, np.float32) for _ in range(5)
        )
        reaction = operator.reaction.size > 0
        self._c = np.zeros(size if reaction else 0, np.float32)
        half = (
            int((self.table[0][2] + self.table[0][3] + 2) * self.table[1][1])
            if (len(self.table) > 1)
            else 0
        )
        self._halves = [np.zeros(half * lanes, np.float32) for _ in range(2)]
        self._halves.append(np.zeros(half * lanes if reaction else 0, np.float32))
        rows, columns = self.table[-1][[3, 5]]
        self._factor = np.zeros((rows * columns, max(min(rows, columns), 1) + 1, lanes))
        self._coarsest = np.zeros((rows * columns, lanes))
        #: M r goes here, flat as the operator's arrays; r comes from `right`.
        self.solution, self.right = self._u[:fine], self._f[:fine]
        self.products = np.zeros((2, lanes))
        #: Samples whose couplings are about equally strong along both axes; others would need
        #: semi-coarsening, see `strong_axes`.
        self.suited = np.ones(lanes, bool)

    def set_up(self) -> None:
        """Build the coarse operators of the operator's present couplings."""
        A, kernels = self.operator, self._coarsening
        couplings = (self._t0, self._t1, self._c)
        for own, single in zip(couplings, A.single, strict=False):
            own[: single.size] = single
        self._c[: A.reaction.size] = A.reaction
        for fine, coarse in zip(self.table[:-1], self.table[1:], strict=True):
            kernels.coarsen(*couplings, *self._halves, fine, coarse)
        for level in self.table:
            kernels.invert_diagonal(*couplings, self._d, level)
        if len(self.table) > 1:
            strengths = np.empty((2, A.lanes))
            args = (self._t0, self._t1, self._d, self.table[0], strengths.reshape(-1))
            kernels.shares(*args)
            self.suited = strengths.min(axis=0) >= STRONG * strengths.max(axis=0)
        kernels.factorize(*couplings, self.table[-1], A.singular, self._factor)

    def cycle(self) -> None:
        """Set `solution` to M applied to `right`, and `products`."""
        self._relaxation.v_cycle(
            *(self._u, self._f, self._t0, self._t1, self._c, self._d, self.table),
            *(self._factor, self._coarsest, self.products.reshape(-1)),
        )


def _levels(finest: Array, lanes: int, sweeps: Sequence[int]) -> Array:
    """Return the table of levels: coarse points are those with two even indices."""
    levels = [[*map(int, finest), sweeps[0]]]
    while True:
        _, _, row, rows, column, columns, _ = levels[-1]
        if rows * columns <= COARSEST or min(rows, columns) < 4:
            return np.array(levels, np.int64)
        offset = _end(levels[-1], lanes)
        rows, columns = (rows + row - 1) // 2, (columns + column - 1) // 2
        number = sweeps[min(len(levels), len(sweeps) - 1)]
        levels.append([offset, columns + column + 2, row, rows, column, columns, number])


def _end(level: Sequence[int], lanes: int) -> int:
    """Return the flat index behind a level."""
    offset, points, row, rows = level[:4]
    return offset + (row + rows + 2) * points * lanes
