"""Gauss-Seidel relaxation of sparse matrices, point after point."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.solvers.multigrid.relaxation import Relaxation
from nwidth.solvers.sparse_operator import SparseOperator

Array = NDArray[Any]

# Points of a block, which one thread relaxes.
BLOCK = 2**14


class GaussSeidel(Relaxation):
    """Gauss-Seidel relaxation of A u = f for a symmetric CSR array A, points in order.

        u_i <- u_i + (f_i - sum_j A_ij (u_j - u_i) - (sum_j A_ij) u_i) / d_i,    i = 1, 2, ...

    The reverse order is the adjoint. Values enter by their differences and rows by their sums,
    taken in float64, so single precision does whatever the contrast. Reference: Trottenberg,
    Oosterlee & Schueller (2001), Multigrid, section 2.1.

    Blocks of 2^14 points are relaxed at the same time, each with the values that the others had
    before, so results do not depend on the number of threads. d_i is A_ii unless the entries
    outside the block are so large that the sweep might not converge: d_i = max(A_ii, A_ii / 2 +
    3/4 sum |A_ij| over j outside) makes sure of it, since 2 d_i - A_ii exceeds that sum. Reference:
    Baker, Falgout, Kolev & Yang (2011), doi:10.1137/100798806, section 6.

    Args:
        matrix: square SciPy CSR array, float64, with positive diagonal.
        dtype: precision of u and f.
        block: points per block.
        columns: number m of right-hand sides side by side; u and f then have shape (n, m).

    >>> import scipy.sparse as sp
    >>> A = sp.diags_array([[2.0] * 3, [-1.0] * 2, [-1.0] * 2], offsets=[0, 1, -1]).tocsr()
    >>> u = np.zeros(3)
    >>> GaussSeidel(A, np.float64).smooth(u, np.ones(3))
    >>> u.tolist()
    [0.5, 0.75, 0.875]
    """

    def __init__(self, matrix: Any, dtype: Any, block: int = BLOCK, columns: int | None = None):
        super().__init__(SparseOperator(matrix, columns, dtype=dtype))
        self.block, self.size = require_integer(block, "block", 1), matrix.shape[0]
        self._inverse = np.reciprocal(self._divisors(self.operator.matrix)).astype(dtype)
        self._old: Array = np.empty(0, dtype)

    def _divisors(self, matrix: Any) -> Array:
        """Return d."""
        d = matrix.diagonal()
        if self.size <= self.block:
            return d
        rows = np.repeat(np.arange(self.size) // self.block, np.diff(matrix.indptr))
        outside = matrix.copy()
        outside.data = np.where(matrix.indices // self.block == rows, 0, np.abs(matrix.data))
        return np.maximum(d, d / 2 + 0.75 * outside.sum(axis=1))

    def smooth(
        self,
        u: Array,
        f: Array,
        sweeps: int = 1,
        *,
        adjoint: bool = False,
        from_zero: bool = False,
    ) -> None:
        """Relax every point `sweeps` times, first to last, or last to first if `adjoint`.

        u is changed in place; `from_zero` takes it as zero whatever it holds.
        """
        from nwidth.solvers.multigrid import _sparse_columns_numba, _sparse_numba

        if from_zero:
            u[...] = 0
        A = self.operator
        for _ in range(sweeps):
            old = self._before(u)
            rest = *A.arrays, A.sums, self._inverse, adjoint, self.block, A.threaded
            if A.columns is None:
                _sparse_numba.smooth(u, old, f, *rest)
            else:
                flat = (a.reshape(-1) for a in (u, old, f))
                _sparse_columns_numba.smooth(*flat, *rest, A.columns)

    def _before(self, u: Array) -> Array:
        """Return the values before a sweep, u itself where there is but one block."""
        if self.size <= self.block:
            return u
        if self._old.shape != u.shape:
            self._old = np.empty_like(u)
        self._old[...] = u
        return self._old
