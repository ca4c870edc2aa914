"""Transfer between levels by a sparse matrix."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

# Entries of a matrix, times right-hand sides, from which on threads are worth waking.
THREADED_ENTRIES = 2**18


class SparseTransfer:
    """Interpolation P and restriction P^T by a CSR array, between arrays of any shape.

    Args:
        interpolation: SciPy CSR array, a row per fine point.
        fine_shape: shape of the fine array; the coarse one is flat.
        dtype: precision of the arrays.
        columns: number m of vectors side by side; the arrays then have shape (n, m).
    """

    def __init__(
        self,
        interpolation: Any,
        fine_shape: tuple[int, ...],
        dtype: Any,
        columns: int | None = None,
    ):
        self.fine_shape = fine_shape
        coarse = interpolation.shape[1]
        self.coarse_shape: tuple[int, ...] = (coarse,) if columns is None else (coarse, columns)
        self.columns = columns
        P = interpolation.astype(dtype)
        R = P.T.tocsr()
        self._prolong = P.indptr, P.indices, P.data
        self._restrict = R.indptr, R.indices, R.data
        self.threaded = P.nnz * (columns or 1) >= THREADED_ENTRIES

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        self._multiply(out, r, self._restrict, False)

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        self._multiply(u, e, self._prolong, add)

    def _multiply(self, out: Array, u: Array, matrix: Any, add: bool) -> None:
        from nwidth.solvers.multigrid import _sparse_columns_numba, _sparse_numba

        arguments = out.reshape(-1), u.reshape(-1), *matrix, add, self.threaded
        if self.columns is None:
            _sparse_numba.multiply(*arguments)
        else:
            _sparse_columns_numba.multiply(*arguments, self.columns)
