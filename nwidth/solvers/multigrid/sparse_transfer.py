"""Transfer between levels by a sparse matrix."""

from typing import Any

from numpy.typing import NDArray

from nwidth.solvers.sparse_operator import SparseOperator

Array = NDArray[Any]


class SparseTransfer:
    """Interpolation P and restriction P^T by a sparse matrix, between arrays of any shape.

    Args:
        interpolation: SciPy CSR array, a row per fine point, or one of `cupyx.scipy.sparse`.
        fine_shape: shape of the fine array; the coarse one is flat.
        dtype: precision of the arrays.
        columns: number m of vectors side by side; the arrays then have shape (n, m).

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> P = SparseTransfer(sp.csr_array([[0.5], [1.0], [0.5]]), (3,), np.float64)
    >>> u, r = np.zeros(3), np.zeros(1)
    >>> P.prolong_into(u, np.ones(1), False)
    >>> P.restrict_into(r, u)
    >>> u.tolist(), r.tolist()
    ([0.5, 1.0, 0.5], [1.5])
    """

    def __init__(
        self,
        interpolation: Any,
        fine_shape: tuple[int, ...],
        dtype: Any,
        columns: int | None = None,
    ):
        self.fine_shape = fine_shape
        self._prolong = SparseOperator(interpolation, columns, dtype=dtype)
        self._restrict = SparseOperator(interpolation.T.tocsr(), columns, dtype=dtype)
        self.coarse_shape: tuple[int, ...] = self._prolong.domain_shape

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        self._restrict.multiply_into(out, r.reshape(self._restrict.domain_shape))

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        self._prolong.multiply_into(u.reshape(self._prolong.range_shape), e, add)
