"""Sparse matrices whose products run in threads, on one vector or on several side by side."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_dtype, require_integer
from nwidth.arrays import require_unmasked
from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.linear_operator import LinearOperator, known_properties

Array = NDArray[Any]

# Entries of a matrix, times vectors, from which on threads are worth waking.
THREADED_ENTRIES = 2**18

# Row sums below this part of the sums of magnitudes are those of a matrix that maps constants to 0.
SINGULAR = 1e-12


class SparseOperator(LinearOperator):
    """A sparse matrix A, on vectors of shape (n,) or on m of them side by side, shape (n, m).

    Columns are innermost in memory, so that every entry of the matrix meets a row of numbers and
    is read once for all of them.

    Args:
        matrix: SciPy sparse matrix or array of any format, or a dense one; unsorted and duplicate
            entries are put in order in a copy. A matrix of `cupyx.scipy.sparse` stays on its device
            and takes CuPy arrays.
        columns: m, the number of vectors side by side; None for plain vectors.
        dtype: precision of the products, by default the matrix's, and float64 for integers. Row
            sums are taken before they are rounded to it.
        properties: what is known of the matrix, as for any `LinearOperator`.

    Raises `InputError` for what is no matrix of numbers and `NonFiniteError` for NaN and infinity.

    >>> A = SparseOperator([[2.0, -1.0], [-1.0, 2.0]], columns=2)
    >>> A.apply(np.array([[1.0, 0.0], [1.0, 1.0]])).tolist()
    [[1.0, -1.0], [1.0, 2.0]]
    """

    def __init__(
        self,
        matrix: Any,
        columns: int | None = None,
        *,
        dtype: Any = None,
        properties: frozenset[str] = frozenset(),
    ):
        if columns is not None:
            columns = require_integer(columns, "columns", 1)
        #: The matrix as a CSR array, in the precision it came in.
        self.matrix = canonical(matrix)
        self.columns = columns
        beside = () if columns is None else (columns,)
        self.range_shape = (self.matrix.shape[0], *beside)
        self.domain_shape = (self.matrix.shape[1], *beside)
        self.dtype = require_dtype(
            self.matrix.dtype if dtype is None else dtype,
            *("float32", "float64", "complex64", "complex128"),
        )
        self.properties = known_properties(properties)
        self._values = self.matrix.astype(self.dtype, copy=False)
        # Complex numbers and devices are left to the library of the matrix.
        self._compiled = self.dtype.kind == "f" and _on_host(self.matrix)
        self.threaded = self.matrix.nnz * (columns or 1) >= THREADED_ENTRIES

    @cached_property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Row pointers, columns and values."""
        return self._values.indptr, self._values.indices, self._values.data

    @cached_property
    def sums(self) -> Array:
        """Sums of rows."""
        return np.ravel(self.matrix.sum(axis=1)).astype(self.dtype)

    @cached_property
    def diagonal(self) -> Array:
        """Entries A_ii, shape (n,), or (n, 1) for several columns."""
        diagonal = self._values.diagonal()
        return diagonal if self.columns is None else diagonal[:, None]

    @cached_property
    def gershgorin(self) -> float:
        """The bound max_i sum_j |A_ij| / A_ii of the eigenvalues of D^-1 A."""
        return float((np.ravel(abs(self.matrix).sum(axis=1)) / self.matrix.diagonal()).max())

    @cached_property
    def singular(self) -> bool:
        """Whether constants are mapped to zero."""
        sums = np.abs(np.ravel(self.matrix.sum(axis=1)))
        return bool((sums <= SINGULAR * np.ravel(abs(self.matrix).sum(axis=1))).all())

    def multiply_into(self, out: Array, u: Array, add: bool = False) -> None:
        """Set out = A u, or out += A u if `add`; contiguous arrays of the operator's dtype."""
        if not self._compiled:
            product = self._values @ u
            np.add(out, product, out=out) if add else np.copyto(out, product)
            return
        from nwidth.solvers.multigrid import _sparse_columns_numba, _sparse_numba

        if self.columns is None:
            _sparse_numba.multiply(out, u, *self.arrays, add, self.threaded)
        else:
            flat = out.reshape(-1), u.reshape(-1)
            _sparse_columns_numba.multiply(*flat, *self.arrays, add, self.threaded, self.columns)

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u from differences of u, so that low precision keeps small row sums."""
        if not self._compiled:
            np.subtract(f, self._values @ u, out=out)
            return
        from nwidth.solvers.multigrid import _sparse_columns_numba, _sparse_numba

        rest = *self.arrays, self.sums, self.threaded
        if self.columns is None:
            _sparse_numba.residual(out, f, u, *rest)
        else:
            flat = (a.reshape(-1) for a in (out, f, u))
            _sparse_columns_numba.residual(*flat, *rest, self.columns)

    def _apply(self, u: Any) -> Any:
        if not self._compiled or np.iscomplexobj(u):
            return self._values @ u
        u = np.ascontiguousarray(u, dtype=self.dtype)
        out = np.empty(self.range_shape, self.dtype)
        self.multiply_into(out, u)
        return out

    def _adjoint(self, v: Any) -> Any:
        return self._transpose @ v

    @cached_property
    def _transpose(self) -> Any:
        return self._values.conj().T.tocsr()

    def to_sparse(self) -> Any:
        """Return the matrix as a CSR array."""
        return self.matrix


def canonical(matrix: Any) -> Any:
    """Return a matrix as a CSR array of floating numbers, entries in order and none twice.

    The argument is never changed. Raises as `SparseOperator` does.

    >>> canonical([[0, 1], [2, 0]]).data.tolist()
    [1.0, 2.0]
    """
    import scipy.sparse as sp

    if not sp.issparse(matrix) and _on_host(matrix):
        matrix = np.asarray(require_unmasked(matrix, "matrix"))
        if matrix.dtype.kind not in "biufc":
            raise InputError(f"matrix: expected numbers, got dtype {matrix.dtype}")
    if len(matrix.shape) != 2 or 0 in matrix.shape:
        raise InputError(f"matrix: expected two dimensions, none empty, got shape {matrix.shape}")
    if not _on_host(matrix):
        return matrix.tocsr()
    result = sp.csr_array(matrix)
    if result.dtype.kind not in "biufc":
        raise InputError(f"matrix: expected numbers, got dtype {result.dtype}")
    if result.dtype.kind not in "fc" or result.dtype == np.float16:
        result = result.astype(np.float64)
    if result.dtype.itemsize > (16 if result.dtype.kind == "c" else 8):
        result = result.astype(np.complex128 if result.dtype.kind == "c" else np.float64)
    if not result.has_canonical_format:
        result = result.copy()
        result.sum_duplicates()
    if not np.isfinite(result.data).all():
        where = int(np.argmin(np.isfinite(result.data)))
        row = int(np.searchsorted(result.indptr, where, side="right")) - 1
        raise NonFiniteError(
            f"matrix: expected finite numbers, got {result.data[where]} in row {row}, column "
            f"{result.indices[where]}; repair or remove such entries"
        )
    return result


def _on_host(matrix: Any) -> bool:
    return not type(matrix).__module__.startswith("cupy")
