"""Products with a matrix in twice the working precision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.rom._rounding_numba import EPS
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]


class CompensatedMatrix:
    """A matrix whose products are subtracted from vectors without losing what cancels.

        (h, l)  <-  (h + l) - A V,    |error|  <=  (c eps)^2 (|h| + |A| |V|),   c the row length + 4

    Vectors of the double precision are the sum of two numbers, h + l with |l| <= eps |h|. Products
    and sums are split into results and exact remainders. References: T. J. Dekker (1971),
    doi:10.1007/BF01397083; T. Ogita, S. M. Rump, S. Oishi (2005), doi:10.1137/030601818.

    Args:
        matrix: sparse or dense, real or complex.

    >>> A = CompensatedMatrix([[1.0, 1e-20]])
    >>> A.subtract(np.array([[1.0], [1.0]]), np.array([[1.0]]), np.array([[0.0]]))
    (array([[-1.e-20]]), array([[0.]]))
    """

    def __init__(self, matrix: Any):
        A = canonical(matrix)
        self.shape: tuple[int, int] = A.shape
        kind = np.complex128 if A.dtype.kind == "c" else np.float64
        #: A as a CSR array.
        self.matrix = A.astype(kind, copy=False)
        #: |A|, for allowances.
        self.absolute = abs(self.matrix)
        # Complex numbers are kept in pairs: an entry has two products per vector.
        longest = int(np.max(np.diff(A.indptr))) * (2 if kind == np.complex128 else 1)
        #: Errors per unit of |h| + |A| |V|.
        self.unit = ((longest + 4) * EPS) ** 2

    def subtract(self, V: Any, high: Any, low: Any) -> tuple[Array, Array]:
        """Return (h, l) - A V for columns V (n, m), high and low (rows, m)."""
        V, high, low = (
            as_floating(np.asarray(v), name) for v, name in ((V, "V"), (high, "high"), (low, "low"))
        )
        require_shape(V, (self.shape[1], None), "V")
        for v, name in ((high, "high"), (low, "low")):
            require_shape(require_finite(v, name), (self.shape[0], V.shape[1]), name)
        dtype = np.result_type(self.matrix.dtype, require_finite(V, "V"), high, low)
        # The kernel works in place, on copies in C order.
        high, low = (np.array(v, dtype, order="C") for v in (high, low))
        V = np.ascontiguousarray(V, dtype)
        self._subtract(self.matrix.data.real, V, high, low)
        if self.matrix.dtype.kind == "c":
            self._subtract(self.matrix.data.imag, 1j * V, high, low)
        return high, low

    def allowance(self, V: Array, high: Array) -> Array:
        """Return a bound of the errors of the entries of `subtract`."""
        return self.unit * (np.abs(high) + self.absolute @ np.abs(V))

    def _subtract(self, data: Array, V: Array, high: Array, low: Array) -> None:
        from nwidth.rom._compensated_products_numba import subtract_product

        A = self.matrix
        subtract_product(
            A.indptr,
            A.indices,
            np.ascontiguousarray(data),
            *(v.view(float) for v in (V, high, low)),
        )


def compensated_combination(vectors: Any, weights: Any) -> tuple[Array, Array]:
    """Return sum_k w_k v_k of rows v (count, n) in twice the working precision, high and low.

    The error is at most ((2 count + 4) eps)^2 sum_k |w_k| |v_k| in each entry.

    >>> compensated_combination([[1.0], [1.0]], [1e-20, -1.0])
    (array([-1.]), array([1.e-20]))
    """
    from nwidth.rom._compensated_products_numba import subtract_combination

    V, w = as_floating(np.asarray(vectors), "vectors"), as_floating(np.asarray(weights), "weights")
    require_shape(require_finite(w, "weights"), require_finite(V, "vectors").shape[:1], "weights")
    dtype = np.result_type(V, w, np.float64)
    V, w = np.ascontiguousarray(V, dtype), w.astype(dtype)
    high, low = np.zeros((2, V.shape[1]), dtype)
    # Of complex numbers: real parts of products, then imaginary ones.
    rows = np.concatenate([V.real, V.imag]) if dtype.kind == "c" else V
    parts = ((w.real, -w.imag), (w.imag, w.real)) if dtype.kind == "c" else ((w,),)
    for k, part in enumerate(parts):
        h, rest = np.zeros((2, V.shape[1]))
        subtract_combination(rows, -np.concatenate(part), h, rest)
        high += 1j**k * h if k else h
        low += 1j**k * rest if k else rest
    return high, low
