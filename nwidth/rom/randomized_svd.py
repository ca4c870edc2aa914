"""Truncated singular value decomposition by random products, with its error from fresh ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, generator, require_finite
from nwidth.errors import InputError
from nwidth.rom.thin_svd import thin_svd
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator, as_operator

Array = NDArray[Any]

# Random vectors of a step; the mean of their squared residuals is the error, to about 1 / sqrt(32).
_BLOCK = 32


def random_block(rows: int, n: int, dtype: np.dtype, seed: int, *key: int) -> Array:
    """Return Gaussian vectors as rows (rows, n), real or complex, E |w_i|^2 = 1.

    >>> random_block(2, 3, np.dtype(np.complex64), 0).dtype
    dtype('complex64')
    """
    rng = generator(seed, *key)
    if dtype.kind == "c":
        parts = rng.standard_normal((2, rows, n)) / np.sqrt(2)
        return (parts[0] + 1j * parts[1]).astype(dtype)
    return rng.standard_normal((rows, n)).astype(dtype)


def finite_operator(A: Any) -> LinearOperator:
    """Return a matrix or operator as `LinearOperator`, in a floating dtype; NaN are refused.

    >>> finite_operator(np.array([[1, 2]])).dtype
    dtype('float64')
    """
    operator = as_operator(A)
    if isinstance(operator, MatrixOperator):
        matrix = operator.matrix
        if isinstance(matrix, np.ndarray):
            operator = MatrixOperator(require_finite(as_floating(matrix), "matrix"))
        elif operator.dtype.kind in "bui":
            operator = MatrixOperator(matrix.astype(np.float64))
    if 0 in operator.shape:
        raise InputError(f"matrix: expected rows and columns, got shape {operator.shape}")
    return operator


def frobenius_norm(A: Array) -> float:
    """Return ||A||_F without overflow or underflow of squares.

    >>> frobenius_norm(np.array([3e-200, 4e-200]))
    5e-200
    """
    largest = np.abs(A).max(initial=0)
    return float(largest) * float(np.linalg.norm(A / largest)) if largest > 0 else 0.0


def products(A: LinearOperator, rows: Array) -> Array:
    """Return A w for each row w, as rows (number, m).

    >>> products(as_operator(np.array([[1.0, 2.0]])), np.eye(2)).tolist()
    [[1.0], [2.0]]
    """
    if isinstance(A, MatrixOperator):
        found = np.asarray((A.matrix @ rows.T).T)
    else:
        found = _stacked([A.apply(row) for row in rows], A.shape[0], A.dtype)
    return require_finite(found, "products with the matrix")


def adjoint_products(A: LinearOperator, rows: Array) -> Array:
    """Return A* v for each row v, as rows (number, n).

    >>> adjoint_products(as_operator(np.array([[1.0, 2.0]])), np.ones((1, 1))).tolist()
    [[1.0, 2.0]]
    """
    if isinstance(A, MatrixOperator) and not hasattr(A.matrix, "rmatvec"):
        found = np.asarray(rows.conj() @ A.matrix).conj()
    else:
        found = _stacked([A.adjoint(row) for row in rows], A.shape[1], A.dtype)
    return require_finite(found, "products with the adjoint matrix")


def _stacked(rows: list[Array], length: int, dtype: np.dtype) -> Array:
    """Return rows as a matrix, also where there are none."""
    return np.stack([row.ravel() for row in rows]) if rows else np.zeros((0, length), dtype)


def range_finder(
    A: Any, rtol: float = 1e-8, *, max_rank: int | None = None, seed: int = 0
) -> tuple[Array, float]:
    """Return orthonormal columns Q whose span holds the range of A to a tolerance, and the error.

        ||A - Q Q* A||_F^2  ~  mean_i ||(I - Q Q*) A w_i||^2  <=  rtol^2 ||A||_F^2

    with Gaussian w_i that Q has not seen: 32 at a time are tested, and join Q if they fail. The
    error that is returned is relative, an unbiased estimate from the last 32, also where the
    rank was reached first. Reference: Halko, Martinsson & Tropp (2011), doi:10.1137/090771806,
    algorithm 4.2 in blocks.

    Args:
        A: matrix, dense or sparse, or operator, shape (m, n).
        rtol: good values 1e-1 to 1e-13, for float32 to 1e-5.
        max_rank: limit on the number of columns.
        seed: an integer, of the random vectors.

    >>> A = 1 / (1 + np.add.outer(np.arange(60.0), np.arange(50.0)))
    >>> Q, error = range_finder(A, 1e-6)
    >>> error < 1e-6, bool(np.linalg.norm(A - Q @ (Q.T @ A)) < 2e-6 * np.linalg.norm(A))
    (True, True)
    """
    operator = finite_operator(A)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    limit = min(operator.shape)
    wanted = limit if max_rank is None else min(limit, require_integer(max_rank, "max_rank", 1))
    Q = np.zeros((0, operator.shape[0]), operator.dtype)
    size, step = 0.0, 0
    eps = float(np.finfo(operator.dtype).eps)
    while True:
        Y = products(operator, random_block(_BLOCK, operator.shape[1], operator.dtype, seed, step))
        size = size or frobenius_norm(Y)
        Y -= (Y @ Q.conj().T) @ Q
        error = frobenius_norm(Y) / size if size else 0.0
        if error <= max(rtol, 4 * eps) or len(Q) >= wanted:
            return Q.T, error
        Y -= (Y @ Q.conj().T) @ Q
        fresh = np.linalg.qr(Y[: wanted - len(Q)].T)[0].T
        # Directions that the block lacks are noise, and may lie in the span of Q.
        fresh = np.linalg.qr((fresh - (fresh @ Q.conj().T) @ Q).T)[0].T
        Q, step = np.concatenate([Q, fresh]), step + 1


def randomized_svd(
    A: Any, rtol: float = 1e-8, *, max_rank: int | None = None, seed: int = 0
) -> tuple[Array, Array, Array, float]:
    """Return U, sigma, V* of A ~ U diag(sigma) V* and the relative error in the Frobenius norm.

    Vectors are kept for singular values above rtol times the first; sigma holds all values that
    were found. The range is found to a tenth of rtol, so that kept values are good to half a per
    cent at the end and far better before it. The error is the estimate of `range_finder` and the
    values left out. Reference: Halko, Martinsson & Tropp (2011), doi:10.1137/090771806, algorithm
    5.1.

    Args:
        A: matrix, dense or sparse, or operator, shape (m, n).
        rtol: good values 1e-1 to 1e-12, for float32 to 1e-5.
        max_rank: limit on the number of vectors; up to 16 more values are computed.
        seed: an integer, of the random vectors.

    >>> U, sigma, Vh, error = randomized_svd(np.diag([4.0, 2.0, 1e-12]), 1e-6)
    >>> sigma[: len(Vh)].round(9).tolist(), error < 1e-6
    ([4.0, 2.0], True)
    """
    operator = finite_operator(A)
    rtol = require_number(rtol, "rtol", "[0, 1)")
    further = None if max_rank is None else require_integer(max_rank, "max_rank", 1) + 16
    Q, error = range_finder(operator, 0.1 * rtol, max_rank=further, seed=seed)
    B = adjoint_products(operator, Q.T).conj()
    W, sigma, Vh = thin_svd(B, rtol, max_rank, overwrite=True)
    total = frobenius_norm(sigma)
    left = frobenius_norm(sigma[len(Vh) :]) / total if total else 0.0
    return Q @ W, sigma, Vh, float(np.hypot(error, left))
