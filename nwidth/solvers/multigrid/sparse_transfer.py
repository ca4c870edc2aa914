"""Transfer between levels by a sparse matrix."""

from typing import Any

from numpy.typing import NDArray

from nwidth.solvers.diffusion_operator import THREADED_SIZE

Array = NDArray[Any]


class SparseTransfer:
    """Interpolation P and restriction P^T by a CSR array, between arrays of any shape.

    Args:
        interpolation: SciPy CSR array, a row per fine point.
        fine_shape: shape of the fine array; the coarse one is flat.
        dtype: precision of the arrays.
    """

    def __init__(self, interpolation: Any, fine_shape: tuple[int, ...], dtype: Any):
        self.fine_shape = fine_shape
        self.coarse_shape: tuple[int, ...] = (interpolation.shape[1],)
        P = interpolation.astype(dtype)
        R = P.T.tocsr()
        self._prolong = P.indptr, P.indices, P.data
        self._restrict = R.indptr, R.indices, R.data
        self.threaded = P.shape[0] >= THREADED_SIZE

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        from nwidth.solvers.multigrid._sparse_numba import multiply

        multiply(out, r.reshape(-1), *self._restrict, False, self.threaded)

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        from nwidth.solvers.multigrid._sparse_numba import multiply

        multiply(u.reshape(-1), e, *self._prolong, add, self.threaded)
