"""The smallest and largest singular value of a matrix between dual norms, proved by inertia."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import NotConvergedError
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability.inertia import DENSE, EPS, further, inertia, row_sums

Array = NDArray[Any]

# Tolerances of Lanczos' method for the smallest and the largest value. The latter often is the end
# of a cluster, the essential spectrum, where more digits would take long.
_SMALLEST, _LARGEST = 1e-10, 1e-3
# The growth of pivots makes some errors large: these do not set the next distance.
_CLOSE = 1e-4
# A largest value that is not proved up to this multiple of the computed one is not proved.
_FAR = 1e3


@dataclass(frozen=True)
class SingularValue:
    """sigma of A w = sigma X z: `lower` <= sigma <= `upper`, and w with ||w||_X = 1.

    One of the two is proved, the other one is the quotient ||A w||_{X^-1}, up to its rounding.
    """

    lower: float
    upper: float
    vector: Array


def smallest_singular_value(A: Any, product: InnerProduct, rounding: float = 0.0) -> SingularValue:
    """Compute beta = min_w ||A w||_{X^-1} / ||w||_X, the inf-sup constant, and prove it.

    The matrix [[t X, A], [A^H, t X]] has the eigenvalues t +- sigma_i against diag(X, X), so that
    it has n negative ones if and only if t < beta, and none if t exceeds all sigma_i. Its inertia
    proves a lower bound just below the value that Lanczos' method found with factors of A. No
    square of A is formed, in which small constants would be lost. Reference: Golub & Kahan (1965),
    doi:10.1137/0702016, on the matrix; `inertia` on the proof.

    Args:
        A: n x n, dense or sparse as `product.matrix` is, real or complex.
        product: the inner product X.
        rounding: r with |z^H (A - A_exact) w| <= r ||z||_X ||w||_X.

    The lower bound is not positive for matrices that are singular to round-off.

    >>> found = smallest_singular_value(np.array([[0.0, 2.0], [1.0, 0.0]]), InnerProduct(np.eye(2)))
    >>> found.lower < 1 <= found.upper, round(found.upper - found.lower, 12)
    (True, 0.0)
    """
    w = _vector(A, product, smallest=True)
    value = float(product.dual_norm(A @ w) / product.norm(w))
    best, delta = 0.0, 0.0
    while value - delta > best:
        negative, e = _counted(A, product, value - delta)
        if negative == A.shape[0]:
            best = max(best, value - delta - e)
        delta = further(delta, value, e, _CLOSE * value)
    upper = value * (1 + 64 * EPS) + rounding
    return SingularValue(best - rounding, upper, w / product.norm(w))


def largest_singular_value(A: Any, product: InnerProduct, rounding: float = 0.0) -> SingularValue:
    """Compute gamma = max_w ||A w||_{X^-1} / ||w||_X, the continuity constant, and prove it.

    As `smallest_singular_value`, with an upper bound that the inertia proves. Raises
    `NotConvergedError` if none can be.

    >>> found = largest_singular_value(np.diag([3.0, 8.0]), InnerProduct(np.diag([1.0, 2.0])))
    >>> found.lower <= 4 <= found.upper, round(found.upper - found.lower, 12)
    (True, 0.0)
    """
    w = _vector(A, product, smallest=False)
    value = float(product.dual_norm(A @ w) / product.norm(w))
    if value == 0:
        return SingularValue(0.0, rounding, w / product.norm(w))
    best, delta = np.inf, 0.0
    while value + delta < best and delta < _FAR * value:
        negative, e = _counted(A, product, value + delta)
        if negative == 0:
            best = min(best, value + delta + e)
        delta = further(delta, value, e, _CLOSE * value)
    if not np.isfinite(best):
        raise NotConvergedError(
            "largest singular value: no upper bound could be proved by a factorization; check that "
            "the matrix and the inner product are scaled alike"
        )
    lower = value * (1 - 64 * EPS) - rounding
    return SingularValue(lower, best + rounding, w / product.norm(w))


def _counted(A: Any, product: InnerProduct, t: float) -> tuple[int, float]:
    """Return the number of negative eigenvalues of [[t X, A], [A^H, t X]] and its error.

    The matrix is turned by 45 degrees, to [[t X + H, -S], [S, t X - H]] with the Hermitian part H
    and the skew part S of A: its pivots are not small where t is.
    """
    import scipy.sparse as sp

    X = product.matrix
    H, S = (A + A.conj().T) / 2, (A - A.conj().T) / 2
    if isinstance(A, np.ndarray):
        X = X.toarray() if sp.issparse(X) else X
        K = np.block([[t * X + H, -S], [S, t * X - H]])
    else:
        K = sp.csr_array(sp.block_array([[t * X + H, -S], [S, t * X - H]]))
    weights = np.concatenate([product.diagonal, product.diagonal])
    found = inertia(K, weights)
    # And the rounding of the matrix itself, of each of its two terms and of their sum.
    terms = row_sums(K) + t * np.tile(row_sums(X), 2)
    assembly = 2 * EPS * float((terms / weights).max())
    return found.negative, (1.01 * found.error + assembly) / product.lowest


def _vector(A: Any, product: InnerProduct, *, smallest: bool) -> Array:
    """Return a right singular vector of A, that of the smallest or the largest singular value."""
    from scipy.linalg import cholesky, solve_triangular

    X, n = product.matrix, A.shape[0]
    if n <= DENSE or isinstance(A, np.ndarray):
        X, A = (B if isinstance(B, np.ndarray) else B.toarray() for B in (X, A))
        L = cholesky(X, lower=True)
        half = solve_triangular(L, A, lower=True)
        B = solve_triangular(L, half.conj().T, lower=True).conj().T
        vectors = np.linalg.svd(B)[2]
        return solve_triangular(L, vectors[-1 if smallest else 0].conj(), lower=True, trans="C")
    return _lanczos(A, product, smallest)


def _lanczos(A: Any, product: InnerProduct, smallest: bool) -> Array:
    """Return w of A^H X^-1 A w = sigma^2 X w by Lanczos' method."""
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh, splu

    X, n, dtype = product.matrix, A.shape[0], np.result_type(A.dtype, product.dtype)
    start = (1.5 + np.cos(0.1 * np.arange(n))).astype(dtype)
    adjoint = A.conj().T.tocsr()
    square = LinearOperator((n, n), matvec=lambda w: adjoint @ product.riesz(A @ w), dtype=dtype)
    look: dict[str, Any] = {"k": 1, "M": X, "v0": start, "which": "LM"}
    if smallest:
        try:
            lu = splu(A.tocsc().astype(dtype))
        except RuntimeError:  # exactly singular: any vector says how small the value may be
            return start

        def inverse(b: Array) -> Array:
            return lu.solve(X @ lu.solve(b, "H"))

        look |= {"sigma": 0.0, "OPinv": LinearOperator((n, n), matvec=inverse, dtype=dtype)}
        look["tol"] = _SMALLEST
    else:
        look["Minv"] = LinearOperator((n, n), matvec=product.riesz, dtype=dtype)
        look["tol"] = _LARGEST
    try:
        return eigsh(square, **look)[1][:, 0]
    except ArpackNoConvergence as stopped:
        return stopped.eigenvectors[:, 0] if len(stopped.eigenvalues) else start
    except ArpackError:  # a vanishing matrix
        return start
