"""Banded matrices of splines: products, and solutions by LAPACK's banded LU, periodic ones too."""

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_instance, require_integer, require_number
from nwidth.arrays import as_floating, lives_on_gpu, namespace, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator, known_properties
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]

# Numbers of a factored band, at most: beyond them a matrix with few entries is not banded.
LARGEST = 2**28


class BandedOperator(LinearOperator):
    """A matrix whose entries lie near the diagonal, or near it around a circle, with its solver.

        A_ij = 0   unless  -lower <= j - i <= upper          (periodic: modulo n)

    Matrices of B-splines of degree p have p + 1 entries in a row (collocation) or 2 p + 1 (mass,
    stiffness). Square ones are solved by P A = L U with partial pivoting, which takes O(n) numbers
    and operations and is backward stable. A periodic matrix has corners as well: with the unknowns
    in the order 0, n - 1, 1, n - 2, ... the circle is folded flat, and what was within k of the
    diagonal is within 2 k of it. Nothing is split off, so that the factors are pivoted as a whole
    and stay stable where a bordered elimination would need a block that may be singular.

    Reference: Golub & Van Loan (2013), Matrix Computations, section 4.3; LAPACK's xGBTRF.

    Args:
        matrix: sparse or dense, real or complex; for rows of neighbouring entries see `from_rows`.
        properties: what is known of it, as for any `LinearOperator`.

    Shapes: `apply` and `adjoint` take (n,); `apply_along` and `solve` take arrays of any shape and
    work along one axis, the first by default, as coefficients of splines stand. float32 and complex
    matrices are factored as they are, after balancing where rows or columns are of very different
    size. Right-hand sides on a device come and go: factors are the host's. Raises `InputError`
    where a matrix is not square or is singular to working precision when it is to be solved.

    >>> A = BandedOperator(np.diag([2.0] * 4) + np.diag([-1.0] * 3, 1) + np.diag([-1.0] * 3, -1))
    >>> A.bandwidths, A.solve(np.array([0.0, 0.0, 0.0, 5.0])).round(12).tolist()
    ((1, 1), [1.0, 2.0, 3.0, 4.0])
    """

    def __init__(self, matrix: Any, properties: frozenset[str] = frozenset()):
        if not hasattr(matrix, "shape"):
            matrix = as_floating(matrix, "matrix")
        #: The matrix as a CSR array.
        self.matrix = canonical(matrix)
        self.range_shape, self.domain_shape = (self.matrix.shape[0],), (self.matrix.shape[1],)
        self.dtype = np.dtype(self.matrix.dtype)
        self.properties = known_properties(properties)

    @classmethod
    def from_rows(
        cls, values: Any, first: Any, columns: int, properties: frozenset[str] = frozenset()
    ) -> "BandedOperator":
        """Return the matrix with A[i, (first[i] + k) mod columns] = values[i, k].

        Args:
            values: shape (rows, width), entries that stand side by side in each row; where a row
                is wider than the matrix, what falls on one place is added.
            first: shape (rows,), the column of the first of them, from 0 to columns - 1.
            columns: number of columns.
            properties: as above.

        >>> BandedOperator.from_rows([[1.0, 2.0]] * 3, [0, 1, 2], 3).to_dense().tolist()
        [[1.0, 2.0, 0.0], [0.0, 1.0, 2.0], [2.0, 0.0, 1.0]]
        """
        values = as_floating(values, "values")
        try:
            first = np.asarray(first)
        except ValueError:  # rows of different lengths
            raise InputError(f"first: expected integers, got {first!r:.80}") from None
        columns = require_integer(columns, "columns", 1)
        whole = first.dtype.kind in "iu" and first.ndim == 1
        if not whole or values.ndim != 2 or values.shape[:1] != first.shape:
            raise InputError(
                f"values, first: expected numbers (rows, width) and integers (rows,), got shapes "
                f"{values.shape} and {first.shape}, dtype {first.dtype}"
            )
        if len(first) and not 0 <= first.min() <= first.max() < columns:
            raise InputError(
                f"first: expected columns from 0 to {columns - 1}, got {first.min()} to "
                f"{first.max()}"
            )
        where = (first[:, None] + np.arange(values.shape[1])) % columns
        rows = np.repeat(np.arange(len(first)), values.shape[1])
        shape = len(first), columns
        entries = (to_numpy(values).ravel(), (rows, where.ravel()))
        return cls(scipy.sparse.coo_array(entries, shape=shape).tocsr(), properties)

    @cached_property
    def bandwidths(self) -> tuple[int, int]:
        """The numbers of diagonals below and above the main one; around the circle if shorter."""
        low, high = self._plain
        return (low, high) if not self.periodic else (max(0, -self._arc[0]), max(0, self._arc[1]))

    @cached_property
    def periodic(self) -> bool:
        """Whether the matrix is solved around a circle, as its corners make the plain band wide."""
        rows, columns = self.matrix.shape
        if rows != columns:
            return False
        if max(self._plain) < columns // 2:  # no distance is shorter around the circle
            return False
        low, high = self._arc
        return sum(self._plain) > 2 * (high - low) + 2

    def apply_along(self, u: Array, axis: int = 0) -> Array:
        """Return the products with all lines of u along an axis."""
        return self._lines(u, axis, self.domain_shape[0], lambda lines: self._products @ lines)

    def adjoint_along(self, v: Array, axis: int = 0) -> Array:
        """Return the products of A* with all lines of v along an axis."""
        return self._lines(v, axis, self.range_shape[0], lambda lines: self._adjoint_matrix @ lines)

    def solve(self, b: Array, axis: int = 0, *, adjoint: bool = False) -> Array:
        """Return x with A x = b, or A* x = b, for all lines of b along an axis."""
        adjoint = require_flag(adjoint, "adjoint")
        self._regular  # noqa: B018  (a matrix that cannot be solved is told before its shapes)
        return self._lines(
            b, axis, self.range_shape[0], lambda lines: self._solved(lines, adjoint), host=True
        )

    def plus(self, other: "BandedOperator", scale: complex = 1.0) -> "BandedOperator":
        """Return A + scale B as one banded matrix.

        >>> A = BandedOperator(np.eye(2))
        >>> A.plus(A, 0.5).to_dense().tolist()
        [[1.5, 0.0], [0.0, 1.5]]
        """
        require_instance(other, "other", BandedOperator)
        if not np.iscomplexobj(scale):
            scale = require_number(scale, "scale", "(-inf, inf)")
        elif np.ndim(scale) or not np.isfinite(scale):
            raise InputError(f"scale: expected a finite number, got {scale!r:.80}")
        if self.matrix.shape != other.matrix.shape:
            raise InputError(f"plus: expected matrices of one shape, got {self} and {other}")
        kept = self.properties & other.properties
        kept = kept if scale == abs(scale) else kept & {"symmetric"}
        kept = kept if np.imag(scale) == 0 else frozenset()
        with np.errstate(over="ignore"):  # told as an entry that is not finite
            return BandedOperator(self.matrix + scale * other.matrix, kept)

    def to_sparse(self) -> Any:
        """Return the matrix as a CSR array."""
        return self.matrix

    @cached_property
    def reciprocal_condition(self) -> float:
        """An estimate of 1 / (|A| |A^-1|) in the 1-norm, rarely more than three times too large.

        Hager (1984), doi:10.1137/0905023, takes about four solutions.
        """
        from scipy.sparse.linalg import LinearOperator as ScipyOperator
        from scipy.sparse.linalg import onenormest

        n = self.matrix.shape[0]
        inverse = ScipyOperator(
            (n, n),
            matvec=lambda b: self._solved(b.reshape(n, -1), False),
            rmatvec=lambda b: self._solved(b.reshape(n, -1), True),
            dtype=self.dtype,
        )
        with np.errstate(over="ignore", invalid="ignore"):
            size = float(onenormest(inverse, t=1)) * float(abs(self.matrix).sum(axis=0).max())
        return 1 / size if np.isfinite(size) else 0.0

    def _apply(self, u: Any) -> Any:
        return self.apply_along(u)

    def _adjoint(self, v: Any) -> Any:
        return self.adjoint_along(v)

    @cached_property
    def _products(self) -> "_OnItsDevice":
        return _OnItsDevice(self.matrix)

    @cached_property
    def _adjoint_matrix(self) -> "_OnItsDevice":
        return _OnItsDevice(self.matrix.conj().T.tocsr())

    @cached_property
    def _entries(self) -> tuple[Array, Array, Array]:
        """Rows, columns and values of what is not zero."""
        coo = self.matrix.tocoo()
        there = coo.data != 0
        return coo.row[there].astype(np.intp), coo.col[there].astype(np.intp), coo.data[there]

    @cached_property
    def _plain(self) -> tuple[int, int]:
        return self._widths(*(np.arange(n) for n in self.matrix.shape))

    def _widths(self, place_rows: Array, place_columns: Array) -> tuple[int, int]:
        """Return the diagonals below and above, with rows and columns at other places."""
        from nwidth.solvers.bsplines._banded_matrix_numba import widths

        A = self.matrix
        low, high = widths(A.indptr, A.indices, A.data, place_rows, place_columns)
        return int(low), int(high)

    @cached_property
    def _arc(self) -> tuple[int, int]:
        """The shortest range that holds all distances j - i around the circle."""
        rows, columns, _ = self._entries
        n = self.matrix.shape[1]
        there = np.unique((columns - rows) % n)
        if len(there) == 0:
            return 0, 0
        gaps = np.diff(there, append=there[0] + n)
        last = int(np.argmax(gaps))
        low, high = int(there[(last + 1) % len(there)]), int(there[last])
        low = low - n if low > high else low
        turn = n * round((low + high) / 2 / n)
        return low - turn, high - turn

    @cached_property
    def _factors(self) -> tuple[Array, Array, int, int, Any, Any]:
        """LU of the band, its pivots and widths, the orders of rows and unknowns."""
        n, columns = self.matrix.shape
        if n != columns:
            raise InputError(
                f"solve: expected a square matrix, got {n} rows and {columns} columns; least "
                "squares are solved by `least_squares`"
            )
        order_rows = order = None
        place_rows = place = np.arange(n)
        low, high = self._plain
        if self.periodic:
            # Rows are turned so that the arc has its middle on the diagonal, then both are folded.
            place = np.empty(n, np.intp)
            order = np.stack([np.arange(n), np.arange(n)[::-1]], axis=1).ravel()[:n]
            place[order] = np.arange(n)
            turn = (sum(self._arc)) // 2
            order_rows = (order - turn) % n
            place_rows = np.roll(place, -turn)
            low, high = self._widths(place_rows, place)
        if (2 * low + high + 1) * n > LARGEST:
            raise InputError(
                f"solve: expected entries near the diagonal, got {low} and {high} diagonals beside "
                f"it in {n} rows; solve with `solve_matrix` or `scipy.sparse.linalg.splu`"
            )
        from nwidth.solvers.bsplines._banded_matrix_numba import fill

        A = self.matrix
        band = np.zeros((n, 2 * low + high + 1), self.dtype).T
        fill(band.T, low + high, A.indptr, A.indices, A.data, place_rows, place)
        from scipy.linalg import get_lapack_funcs

        (factor,) = get_lapack_funcs(("gbtrf",), (band,))
        lu, pivots, info = factor(band, low, high, overwrite_ab=True)
        if info > 0:
            raise self._singular(0.0)
        return lu, pivots, low, high, order_rows, order

    @cached_property
    def _balanced(self) -> "tuple[BandedOperator, Array, Array] | None":
        """The matrix with rows and columns times powers of two, if its pivots differ much.

        The largest numbers of rows and columns are near 1 then (Ruiz's iteration), as is fair where
        units, weights or lengths of intervals go over many decades.
        """
        lu, _, low, high, *_ = self._factors
        pivots = np.abs(lu[low + high])
        # Without rounding a pivot would be zero; only small ones make more worth its time.
        if pivots.min() >= np.sqrt(np.finfo(self.dtype).eps) * pivots.max():
            return None
        matrix, scales = self.matrix, [np.ones(n, lu.real.dtype) for n in self.matrix.shape]
        for _ in range(8):
            largest = [abs(matrix).max(axis=1 - axis).toarray().ravel() for axis in (0, 1)]
            steps = [np.exp2(-np.round(np.log2(np.where(m > 0, m, 1)) / 2)) for m in largest]
            left, right = (scipy.sparse.diags_array(step) for step in steps)
            matrix = left @ matrix @ right
            scales = [scale * step for scale, step in zip(scales, steps, strict=True)]
        balanced = BandedOperator(matrix)
        balanced._balanced = None
        return balanced, scales[0], scales[1]

    @cached_property
    def _regular(self) -> bool:
        """True, unless the matrix is singular to working precision, which is told."""
        if self._balanced is not None:
            condition = self._balanced[0].reciprocal_condition
            if condition < np.finfo(self.dtype).eps:
                raise self._singular(condition)
        return True

    def _singular(self, condition: float) -> InputError:
        return InputError(
            f"solve: expected a matrix that is not singular, got one of {self.shape[0]} rows with "
            f"reciprocal condition {condition:.1e}; as many conditions as functions are needed, "
            "each with functions of its own"
        )

    def _solved(self, lines: Array, adjoint: bool) -> Array:
        """Return solutions for columns of a matrix on the host."""
        from scipy.linalg import get_lapack_funcs

        if self._balanced is not None:
            balanced, *scales = self._balanced
            before, after = scales[::-1] if adjoint else scales
            return after[:, None] * balanced._solved(before[:, None] * lines, adjoint)
        lu, pivots, low, high, order_rows, order = self._factors
        if lines.dtype.kind == "c" and lu.dtype.kind != "c":
            real, imaginary = (self._solved(part, adjoint) for part in (lines.real, lines.imag))
            return real + 1j * imaginary
        before, after = (order, order_rows) if adjoint else (order_rows, order)
        lines = lines.astype(lu.dtype, copy=False)
        lines = lines if before is None else lines[before]
        (substitute,) = get_lapack_funcs(("gbtrs",), (lu,))
        found = substitute(lu, low, high, lines, pivots, trans=2 if adjoint else 0)[0]
        if after is None:
            return found
        out = np.empty_like(found)
        out[after] = found
        return out

    def _lines(self, u: Any, axis: int, length: int, action: Any, host: bool = False) -> Array:
        """Return an action on columns, done along an axis of u."""
        u = as_floating(u, "array")
        axis = require_integer(axis, "axis", -u.ndim)
        if axis >= u.ndim or u.shape[axis] != length:
            raise InputError(
                f"array: expected length {length} along axis {axis}, got shape {u.shape}"
            )
        xp = namespace(u)
        lines = xp.moveaxis(u, axis, 0)
        rest = lines.shape[1:]
        lines = lines.reshape(length, -1)
        if host:
            solved = action(require_finite(to_numpy(lines), "right-hand side"))
            found = xp.asarray(np.ascontiguousarray(solved))
        else:
            found = action(lines)
        return xp.moveaxis(found.reshape(found.shape[0], *rest), 0, axis)


class _OnItsDevice:
    """A CSR array that follows what it is multiplied with to a device."""

    def __init__(self, matrix: Any):
        self.matrix = matrix
        self._copy: Any = None

    def __matmul__(self, lines: Array) -> Array:
        if not lives_on_gpu(lines):
            return self.matrix @ lines
        if self._copy is None:
            from nwidth.solvers.multigrid._sparse_cupy import to_device

            self._copy = to_device(self.matrix)
        return self._copy @ lines
