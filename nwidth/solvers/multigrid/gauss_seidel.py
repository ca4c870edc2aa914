"""Gauss-Seidel relaxation of sparse matrices, point after point."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.diffusion_operator import THREADED_SIZE

Array = NDArray[Any]


class GaussSeidel:
    """Gauss-Seidel relaxation of A u = f for a symmetric CSR array A, points in order.

        u_i <- u_i + (f_i - sum_j A_ij (u_j - u_i) - (sum_j A_ij) u_i) / A_ii,    i = 1, 2, ...

    The reverse order is the adjoint. Values enter by their differences and rows by their sums,
    taken in float64, so single precision does whatever the contrast. Reference: Trottenberg,
    Oosterlee & Schueller (2001), Multigrid, section 2.1.

    Args:
        matrix: square SciPy CSR array, float64, with positive diagonal.
        dtype: precision of u and f.

    >>> import scipy.sparse as sp
    >>> A = sp.diags_array([[2.0] * 3, [-1.0] * 2, [-1.0] * 2], offsets=[0, 1, -1]).tocsr()
    >>> u = np.zeros(3)
    >>> GaussSeidel(A, np.float64).smooth(u, np.ones(3))
    >>> u.tolist()
    [0.5, 0.75, 0.875]
    """

    def __init__(self, matrix: Any, dtype: Any):
        self.threaded = matrix.shape[0] >= THREADED_SIZE
        self._matrix = matrix.indptr, matrix.indices, matrix.data.astype(dtype)
        self._sums = matrix.sum(axis=1).astype(dtype)
        self._inverse = np.reciprocal(matrix.diagonal()).astype(dtype)

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
        from nwidth.solvers.multigrid import _sparse_numba as kernels

        if from_zero:
            u[...] = 0
        kernels.smooth(u, f, *self._matrix, self._sums, self._inverse, sweeps, adjoint)

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u."""
        from nwidth.solvers.multigrid import _sparse_numba as kernels

        kernels.residual(out, f, u, *self._matrix, self._sums, self.threaded)
