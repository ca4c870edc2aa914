"""Truncated singular value decomposition of a sparse matrix that grows and changes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, power_of_two, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.rom.implicit_basis import ImplicitBasis
from nwidth.rom.matrix_products import frobenius_norm

Array = NDArray[Any]

# Part of the squared norm of new columns below which inner products say little of the remainder.
_WEAK = 1e-6
_ROUND_OFF = 8
# Rounding of an update, in units of eps and of the norms of what it adds up.
_UPDATE = 32


class UpdatedSVD:
    """A ~ U diag(sigma) V^H of a given rank, updated as rows, columns and entries come.

    A change D E^H, with few columns in D (m, s) and E (n, s), is worked in by

        D = U U^H D + Q_D R_D,    E = V V^H E + Q_E R_E,
        [diag(sigma), 0; 0, 0] + [U^H D; R_D] [V^H E; R_E]^H = F diag(sigma') G^H,
        U' = [U, Q_D] F_k,    V' = [V, Q_E] G_k

    which is the truncated decomposition of U diag(sigma) V^H + D E^H, to round-off. Sparse D and E
    stay sparse: Q_D = (D - U U^H D) T is never formed, only its inner products, which are D^H D -
    (U^H D)^H (U^H D), and U = P K keeps its changes in few rows of P (`ImplicitBasis`). An update
    takes O((nnz(D) + nnz(E)) (k + s) + (k + s)^3) operations, whatever the size of A; the exception
    are updates that turn U or V by more than 1e-3 allows, or whose remainder is smaller than 1e-3
    of D or E: then columns are formed, O((m + n) k (k + s)); `formed` counts these. When the bound
    of what rounding did to orthonormality exceeds `drift`, the defect is measured, and the vectors
    are made orthonormal again if it is really so large.

    References: Zha & Simon (1999), doi:10.1137/S1064827597329266; Brand (2006),
    doi:10.1016/j.laa.2005.07.021; sparse changes: Deng, Yang, Li, Chen, Jiang & Pu (2024),
    arXiv:2401.09703.

    Args:
        A: the matrix to begin with, sparse or dense, real or complex, shape (m, n).
        rank: number k of singular values to keep, at most.
        drift: of orthonormality, largest entry of U^H U - I that is tolerated. Good values: 1e-8
            to 1e-12, in float32 1e-3.

    `singular_values` (k), `error` a bound of ||A - U diag(sigma) V^H||_F for A with all changes:
    the sum of what each update dropped, and of its rounding.

    >>> import scipy.sparse as sp
    >>> svd = UpdatedSVD(sp.csr_array(np.diag([3.0, 2.0, 1.0])), rank=2)
    >>> svd.append_rows(sp.csr_array([[0.0, 0.0, 4.0]])).singular_values.round(6).tolist()
    [4.0, 3.0]
    >>> svd.shape, bool(svd.error >= 1)
    ((4, 3), True)
    """

    def __init__(self, A: Any, rank: int, *, drift: float = 1e-10):
        A = _checked(A, "matrix")
        if 0 in A.shape:
            raise InputError(f"matrix: expected rows and columns, got shape {A.shape}")
        self.rank = require_integer(rank, "rank", 1)
        self.drift = require_number(drift, "drift", "(0, 1)")
        self.dtype = A.dtype
        U, sigma, V, self.error = _truncated(A, self.rank)
        self.singular_values = sigma
        self._left, self._right = ImplicitBasis(U), ImplicitBasis(V)
        self.updates = self.repaired = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the matrix so far."""
        return self._left.shape[0], self._right.shape[0]

    @property
    def formed(self) -> int:
        """How often tall columns were formed, the dense work."""
        return self._left.formed + self._right.formed

    @property
    def left_vectors(self) -> Array:
        """U (m, k), formed for the occasion."""
        return self._left.columns()

    @property
    def right_vectors(self) -> Array:
        """V (n, k), formed for the occasion."""
        return self._right.columns()

    def left_rows(self, which: Any) -> Array:
        """Return some rows of U, without forming the others."""
        return self._left.rows(which)

    def right_rows(self, which: Any) -> Array:
        """Return some rows of V, without forming the others."""
        return self._right.rows(which)

    def append_rows(self, rows: Any) -> "UpdatedSVD":
        """Put rows (s, n), sparse or dense, below the matrix."""
        rows = self._given(rows, "rows", (None, self.shape[1]))
        count, first = rows.shape[0], self.shape[0]
        self._left.lengthen(count)
        return self._update(
            (np.arange(first, first + count), self._eye(count)), _few(rows.conj().T)
        )

    def append_columns(self, columns: Any) -> "UpdatedSVD":
        """Put columns (m, s), sparse or dense, to the right of the matrix."""
        columns = self._given(columns, "columns", (self.shape[0], None))
        count, first = columns.shape[1], self.shape[1]
        self._right.lengthen(count)
        added = (np.arange(first, first + count), self._eye(count))
        return self._update(_few(columns), added)

    def add(self, change: Any) -> "UpdatedSVD":
        """Add a sparse matrix (m, n) with few rows, or few columns, that are not zero."""
        change = self._given(change, "change", self.shape)
        if not hasattr(change, "tocoo"):
            raise InputError("change: expected a sparse matrix; give add_product its two factors")
        rows, block = _few(change)
        columns, block = _few(block.T)  # the part that is not zero, turned
        if len(rows) <= len(columns):
            return self._update((rows, self._eye(len(rows))), (columns, block.conj()))
        return self._update((rows, block.T), (columns, self._eye(len(columns))))

    def add_product(self, D: Any, E: Any) -> "UpdatedSVD":
        """Add D E^H for D (m, s) and E (n, s), sparse or dense."""
        D = self._given(D, "D", (self.shape[0], None))
        return self._update(_few(D), _few(self._given(E, "E", (self.shape[1], D.shape[1]))))

    def _eye(self, count: int) -> Array:
        return np.eye(count, dtype=self.dtype)

    def _given(self, matrix: Any, name: str, shape: tuple[int | None, ...]) -> Any:
        """Return a matrix of the dtype of A, checked."""
        matrix = _checked(matrix, name)
        fits = all(want in (None, n) for want, n in zip(shape, matrix.shape, strict=True))
        if not fits:
            wanted = tuple("any" if n is None else n for n in shape)
            raise InputError(f"{name}: expected shape {wanted}, got {matrix.shape}")
        if not np.can_cast(matrix.dtype, self.dtype, "safe"):
            raise InputError(
                f"{name}: expected dtype {self.dtype} or one that it holds, got {matrix.dtype}; "
                "begin with a matrix of that dtype"
            )
        return matrix.astype(self.dtype)

    def _update(self, D: tuple[Any, Any], E: tuple[Any, Any]) -> "UpdatedSVD":
        """Work D E^H in, both given by where their rows are not zero, and these rows."""
        if 0 in D[1].shape or 0 in E[1].shape:
            return self
        k = len(self.singular_values)
        left, right = _Remainder(self._left, D), _Remainder(self._right, E)
        K = left.coordinates @ right.coordinates.conj().T
        K[:k, :k] += np.diag(self.singular_values)
        F, sigma, Gh = np.linalg.svd(K, full_matrices=False)
        floor = _ROUND_OFF * float(np.finfo(self.dtype).eps) * float(sigma.max(initial=0.0))
        kept = min(self.rank, int((sigma > floor).sum()))
        self.error += frobenius_norm(sigma[kept:])
        # What rounding of the update itself leaves, in units of the matrices that were added.
        size = frobenius_norm(left.coordinates) * frobenius_norm(right.coordinates)
        size += frobenius_norm(self.singular_values)
        self.error += _UPDATE * float(np.finfo(self.dtype).eps) * size
        self.error += left.lost * frobenius_norm(right.coordinates)
        self.error += right.lost * frobenius_norm(left.coordinates)
        self.singular_values = sigma[:kept]
        left.change(F[:, :kept])
        right.change(Gh[:kept].conj().T)
        self.updates += 1
        if max(self._left.drift, self._right.drift) > self.drift:
            self._repair()
        return self

    def _repair(self) -> None:
        """Measure the orthonormality, and make it good where it is not."""
        for basis in (self._left, self._right):
            measured = basis.defect()
            if measured <= self.drift / 2:
                basis.drift = measured
        if max(self._left.drift, self._right.drift) <= self.drift:
            return
        R, S = self._left.orthonormalize(), self._right.orthonormalize()
        W, self.singular_values, Zh = np.linalg.svd((R * self.singular_values) @ S.conj().T)
        self._left.turn(W)
        self._right.turn(Zh.conj().T)
        self.repaired += 1


class _Remainder:
    """What columns D add to a basis U: D = U C + Q R with Q = (D - U C) T, or formed where weak."""

    def __init__(self, basis: ImplicitBasis, D: tuple[Any, Any]):
        self.basis = basis
        # Squares of very large or small numbers would leave the range.
        unit = _unit(D[1])
        self.where, self.D = D[0], D[1] * unit
        C = basis.inner(self.where, self.D)
        gram = _dense(self.D.conj().T @ self.D)
        sizes = np.sqrt(np.diagonal(gram).real)
        # Columns of length one, so that small ones are not weak for their size; zeros stay.
        scale = np.where(sizes > 0, sizes, 1).astype(sizes.dtype)
        eps = float(np.finfo(C.dtype).eps)
        squares, W = np.linalg.eigh((gram - C.conj().T @ C) / np.outer(scale, scale))
        strong = squares > max(_WEAK, eps**0.5)
        if (~strong).sum() == (sizes == 0).sum():
            roots, W = np.sqrt(squares[strong]), W[:, strong]
            self.T, R = W / scale[:, None] / roots, roots[:, None] * W.conj().T * scale
            self.C: Array | None = C
            basis.drift += eps / float(squares[strong].min(initial=1.0))
        else:
            # Gram-Schmidt twice, on formed columns.
            U = basis.columns()
            Q = -(U @ C)
            Q[self.where] += self.D
            basis.formed += 1
            again = U.conj().T @ Q
            Q, C = Q - U @ again, C + again
            Q, roots, Wh = np.linalg.svd(Q, full_matrices=False)
            keep = roots > _ROUND_OFF * eps * float(sizes.max())
            R = roots[keep, None] * Wh[keep]
            self.where, self.D, self.C = slice(None), Q[:, keep], None
            self.T = np.eye(self.D.shape[1], dtype=C.dtype)
        # What rounding may hide in the inner products.
        self.lost = _ROUND_OFF * eps * float(sizes.max()) / unit
        self.coordinates = np.concatenate([C, R]) / unit

    def change(self, F: Array) -> None:
        """Replace U by [U, Q] F."""
        k = self.basis.shape[1]
        N = self.T @ F[k:]
        M = F[:k] if self.C is None else F[:k] - self.C @ N
        self.basis.change(M, self.where, self.D, N)


def _checked(matrix: Any, name: str) -> Any:
    """Return a matrix, sparse or dense, in floating point and finite."""
    if hasattr(matrix, "tocoo"):
        matrix = matrix.tocoo()
        if matrix.dtype.kind not in "fc":
            matrix = matrix.astype(np.float64)
        require_finite(matrix.data, name)
        return matrix
    matrix = to_numpy(as_floating(matrix, name))
    if matrix.ndim != 2:
        raise InputError(f"{name}: expected a matrix, got shape {matrix.shape}")
    return require_finite(matrix, name)


def _few(matrix: Any) -> tuple[Any, Any]:
    """Return where the rows of a matrix are not zero, and these rows."""
    import scipy.sparse as sp

    if not hasattr(matrix, "tocoo"):
        return slice(None), matrix
    entries = matrix.tocoo()
    where, rows = np.unique(entries.row, return_inverse=True)
    shape = (len(where), matrix.shape[1])
    return where, sp.csr_array((entries.data, (rows, entries.col)), shape=shape)


def _truncated(A: Any, rank: int) -> tuple[Array, Array, Array, float]:
    """Return U, sigma, V of the largest singular values above round-off, and what is left."""
    small, eps, unit = min(A.shape), _ROUND_OFF * float(np.finfo(A.dtype).eps), _unit(A)
    if not (A.data if hasattr(A, "tocoo") else A).any():
        U, V = (np.zeros((size, 0), A.dtype) for size in A.shape)
        return U, np.zeros(0, U.real.dtype), V, 0.0
    A = A * unit
    dense = rank >= small - 1 or small <= 64
    if dense:
        U, sigma, Vh = np.linalg.svd(_dense(A), full_matrices=False)
    else:
        from scipy.sparse.linalg import svds

        A = A.tocsr() if hasattr(A, "tocsr") else A
        rng = np.random.default_rng(0)
        U, sigma, Vh = svds(A, rank, v0=rng.standard_normal(small).astype(A.dtype))
        order = np.argsort(sigma)[::-1]
        U, sigma, Vh = U[:, order], sigma[order], Vh[order]
    k = min(rank, int((sigma > eps * sigma.max(initial=0.0)).sum()))
    if dense:
        left = frobenius_norm(sigma[k:]) + eps * frobenius_norm(sigma)
    else:
        # The difference of squares is exact to their rounding.
        size, kept = frobenius_norm(A.data if hasattr(A, "indptr") else A), frobenius_norm(sigma)
        left = float(np.sqrt(max(size - kept, 0.0) * (size + kept) + eps * size**2))
    return U[:, :k], sigma[:k] / unit, Vh[:k].conj().T, left / unit


def _unit(A: Any) -> float:
    """Return a power of two by which the largest entry is near one, if it is far from it."""
    entries = np.abs(A.data if hasattr(A, "tocoo") else A)
    return float(power_of_two(entries)) if entries.size else 1.0


def _dense(matrix: Any) -> Array:
    return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
