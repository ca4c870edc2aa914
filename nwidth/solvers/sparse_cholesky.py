"""Cholesky factorization of sparse matrices whose pattern of entries comes back."""

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.multigrid.algebraic_hierarchy import checked

Array = NDArray[Any]

# Patterns that are remembered.
REMEMBERED = 4

# Up to so many unknowns a factorization with known pattern was measured to be quicker than
# conjugate gradients with multigrid, whose set-up is counted too, in two dimensions.
BREAK_EVEN = 10_000

_lock = RLock()  # CHOLMOD keeps its settings and work space in one global record
_patterns: OrderedDict[Hashable, Any] = OrderedDict()


class SparseCholesky(LinearOperator):
    """The inverse of a symmetric positive definite sparse matrix, by factors.

        Q A Q^T = L L^T,    x = Q^T L^-T L^-1 Q b

    The order Q and the pattern of L depend on where A has entries, not on their values. They are
    kept for the last four patterns, so that a sequence of matrices (samples of a coefficient, time
    steps) pays for them once. Every solve is followed by one step of iterative refinement,
    x <- x + A^-1 (b - A x). CHOLMOD does the work if cvxopt is installed (`pip install
    'nwidth[cholesky]'`), otherwise SuperLU in its symmetric mode, of which the order Q is kept.
    References: Chen, Davis, Hager & Rajamanickam (2008), doi:10.1145/1391989.1391995; Higham
    (2002), doi:10.1137/1.9780898718027, chapter 12, on refinement.

    Args:
        matrix: sparse or dense, n x n, real, symmetric, positive definite. float32 stays for the
            solutions; factors are float64.
        backend: "cvxopt" or "scipy"; by default the first that is installed.

    `reused` tells whether the pattern was known. Raises `InputError` for matrices that are not
    square, symmetric and definite.

    >>> A = SparseCholesky([[4.0, 1.0], [1.0, 3.0]])
    >>> A.apply(np.array([1.0, 2.0])).round(6).tolist()
    [0.090909, 0.636364]
    """

    def __init__(self, matrix: Any, backend: str | None = None):
        if backend is not None:
            require_choice(backend, "backend", ("cvxopt", "scipy"))
        self.dtype = np.dtype(np.float32 if _dtype(matrix) == np.float32 else np.float64)
        self.matrix = checked(matrix)
        size = self.matrix.shape[0]
        self.domain_shape = self.range_shape = (size,)
        self.properties = frozenset({"symmetric", "positive definite"})
        #: Which library factorizes.
        self.backend = backend or ("cvxopt" if has_cvxopt() else "scipy")
        key = (self.backend, _fingerprint(self.matrix))
        with _lock:
            known = _patterns.pop(key, None)
        #: Whether the pattern was known.
        self.reused = known is not None
        if known is None:
            known = (_Cholmod if self.backend == "cvxopt" else _SuperLU)(self.matrix)
        self._factors: Any = known
        try:
            with _lock:
                smallest = self._factors.factorize(self.matrix)
        except ArithmeticError:
            smallest = 0.0
        # A new matrix may take the pattern over when this one is not needed any more.
        weakref.finalize(self, _remember, key, self._factors)
        largest = float(self.matrix.diagonal().max())
        if not smallest > size * float(np.finfo(np.float64).eps) * largest:
            raise InputError(
                "matrix: expected a positive definite one, its factorization meets a pivot of "
                f"{smallest:.1e} against a diagonal of up to {largest:.1e}; if it is singular, as "
                "without any Dirichlet boundary, fix one unknown or the mean, and if it is "
                "indefinite use solve_matrix, which then takes LU factors"
            )

    def solve(self, b: Any) -> Array:
        """Return A^-1 b for b of shape (n,) or (n, m), m right-hand sides at once."""
        b = as_floating(np.asarray(b), "right-hand side")
        if b.ndim not in (1, 2) or b.shape[0] != self.shape[0] or b.dtype.kind != "f":
            raise InputError(
                f"right-hand side: expected real numbers, shape ({self.shape[0]},) or "
                f"({self.shape[0]}, m), got {b.dtype} of shape {b.shape}"
            )
        if b.size == 0:
            return b
        require_finite(b, "right-hand side")
        with _lock:
            x = self._factors.solve(b.astype(np.float64))
            x += self._factors.solve(b - self.matrix @ x)
        return x.astype(np.result_type(b.dtype, self.dtype), copy=False)

    def _apply(self, u: Any) -> Any:
        return self.solve(u).astype(self.dtype, copy=False)

    def _adjoint(self, v: Any) -> Any:
        return self._apply(v)


def suits(matrix: Any) -> bool:
    """Whether a factorization is the quickest solve: few unknowns, a pattern that is known.

    The argument is a SciPy CSR array in order, as `checked` returns it. The first matrix of a
    pattern never suits; make a `SparseCholesky` of it if more are to come.

    >>> import scipy.sparse as sp
    >>> suits(sp.eye_array(7, format="csr"))
    False
    """
    if matrix.shape[0] > BREAK_EVEN or not has_cvxopt():
        return False
    with _lock:
        return ("cvxopt", _fingerprint(matrix)) in _patterns


class _Cholmod:
    """Factors by CHOLMOD; one pattern, changing values."""

    def __init__(self, matrix: Any):
        import cvxopt
        from cvxopt import cholmod

        self._cvxopt, self._cholmod = cvxopt, cholmod
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        # Rows of the upper triangle are columns of the lower one.
        self._kept = np.flatnonzero(matrix.indices >= rows)
        columns, rows = rows[self._kept], matrix.indices[self._kept]
        parts = (matrix.data[self._kept], rows.astype(np.int64), columns.astype(np.int64))
        self._lower = cvxopt.spmatrix(*parts, matrix.shape)
        with _lock:
            self._factor = cholmod.symbolic(self._lower)

    def factorize(self, matrix: Any) -> float:
        """Factorize and return the smallest pivot."""
        self._lower.V = self._cvxopt.matrix(matrix.data[self._kept])
        self._cholmod.numeric(self._lower, self._factor)
        return float(np.min(np.array(self._cholmod.diag(self._factor)))) ** 2

    def solve(self, b: Array) -> Array:
        """Return A^-1 b."""
        x = self._cvxopt.matrix(np.asfortranarray(b))
        self._cholmod.solve(self._factor, x)
        return np.array(x).reshape(b.shape)


class _SuperLU:
    """Factors by SuperLU, always with the diagonal as pivot, in an order that is kept."""

    def __init__(self, matrix: Any):
        self._order: Array | None = None

    def factorize(self, matrix: Any) -> float:
        """Factorize and return the smallest pivot."""
        from scipy.sparse.linalg import splu

        spec = "MMD_AT_PLUS_A"
        if self._order is not None:
            matrix, spec = matrix[self._order][:, self._order], "NATURAL"
        options = {"SymmetricMode": True}
        try:
            self._lu = splu(matrix.tocsc(), permc_spec=spec, diag_pivot_thresh=0.0, options=options)
        except RuntimeError as error:
            raise ArithmeticError(str(error)) from None
        pivots = self._lu.U.diagonal()
        if self._order is None:
            order = np.argsort(self._lu.perm_c)
            # With rows in another order than columns some pivot was not on the diagonal.
            definite = (self._lu.perm_c == self._lu.perm_r).all()
            self._order, self._inner = order, None
        else:
            definite = (self._lu.perm_r == np.arange(len(pivots))).all()
            self._inner = self._order
        return float(pivots.min()) if definite else 0.0

    def solve(self, b: Array) -> Array:
        """Return A^-1 b."""
        if self._inner is None:
            return self._lu.solve(b)
        x = np.empty_like(b)
        x[self._inner] = self._lu.solve(b[self._inner])
        return x


def _remember(key: Hashable, factors: Any) -> None:
    """Keep the pattern of factors that nobody uses any more, and forget the oldest ones."""
    with _lock:
        _patterns[key] = factors
        _patterns.move_to_end(key)
        while len(_patterns) > REMEMBERED:
            _patterns.popitem(last=False)


def _fingerprint(matrix: Any) -> Hashable:
    """Return what tells patterns apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (matrix.indptr, matrix.indices):
        digest.update(np.ascontiguousarray(part, dtype=np.int64).data)
    return matrix.shape[0], matrix.nnz, digest.digest()


def _dtype(matrix: Any) -> Any:
    return getattr(matrix, "dtype", None)


def has_cvxopt() -> bool:
    """Return whether CHOLMOD is there, through cvxopt."""
    try:
        import cvxopt.cholmod  # noqa: F401
    except ImportError:
        return False
    return True
