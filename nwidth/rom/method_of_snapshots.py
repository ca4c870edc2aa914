"""Singular value decomposition from the Gram matrix of rows, where its squares can be trusted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Errors of Gram matrices and of their eigenvalues, in units of eps ||A||_F^2.
_ROUND_OFF = 32
# Eigenvalues that vectors are made of are larger than their errors by so much.
_TRUSTED = 16


def squares_suffice(rtol: float, dtype: np.dtype) -> bool:
    """Return whether eigenvalues of a Gram matrix can be trusted above rtol^2 of the largest.

    >>> squares_suffice(1e-5, np.dtype(float)), squares_suffice(1e-8, np.dtype(float))
    (True, False)
    """
    return rtol**2 > _TRUSTED * _ROUND_OFF * float(np.finfo(dtype).eps)


def method_of_snapshots(
    matrix: Array, rtol: float = 1e-5, max_rank: int | None = None
) -> tuple[Array, Array, Array, float] | None:
    """Return U, sigma, V* and the relative error of A ~ U diag(sigma) V*, or None if in doubt.

        A A* = U diag(lambda) U*,    sigma_k = sqrt(lambda_k),    V* = diag(1 / sigma) U* A

    Rounding moves each lambda by up to delta = 32 eps ||A||_F^2. None is returned unless

        |lambda_j - rtol^2 lambda_1| > delta  for all j,    lambda_k > 16 delta  for all kept k:

    then the number of values above rtol sigma_1 is certain. V* is orthonormal to a sixteenth at
    worst, and made so to round-off by Cholesky's method, as are the values that are kept. Of the
    others those above sqrt(delta) are returned; the error in the Frobenius norm is a bound, never
    below sqrt(delta). References: Sirovich (1987), doi:10.1090/qam/910462; what squaring costs:
    Chan (1982), doi:10.1145/355984.355990.

    Args:
        matrix: A, shape (m, n), real or complex, finite, of a size whose squares are in range.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-5.
        max_rank: limit on the number of vectors.

    >>> A = np.array([[3.0, 0.0, 4.0], [0.0, 0.5, 0.0]])
    >>> U, sigma, Vh, error = method_of_snapshots(A, 0.2)
    >>> sigma.round(12).tolist(), abs(Vh).round(12).tolist()
    ([5.0, 0.5], [[0.6, 0.0, 0.8]])
    >>> method_of_snapshots(A, 0.1) is None  # 0.5 is a tenth of 5
    True
    """
    from scipy.linalg import eigh, solve_triangular, svd

    if len(matrix) > matrix.shape[1]:
        found = method_of_snapshots(matrix.T, rtol, max_rank)
        return None if found is None else (found[2].T, found[1], found[0].T, found[3])
    # By divide and conquer: vectors of the default driver are orthogonal to fewer digits.
    gram = matrix @ matrix.conj().T
    squares, U = eigh(gram, check_finite=False, overwrite_a=True, driver="evd")
    squares, U = squares[::-1], U[:, ::-1]
    total = float(np.maximum(squares, 0).sum(dtype=np.float64))
    delta = _ROUND_OFF * float(np.finfo(matrix.dtype).eps) * total
    cut = rtol**2 * float(squares[0])
    k, certain = int((squares > cut).sum()), bool((np.abs(squares - cut) > delta).all())
    if max_rank is not None and k > max_rank:
        k, certain = max_rank, bool(squares[max_rank] > cut + delta)
    if not certain or not (k > 0 and squares[k - 1] > _TRUSTED * delta):
        return None
    U, roots = np.ascontiguousarray(U[:, :k]), np.sqrt(squares[:k])
    V = (U / roots).conj().T @ matrix
    L = np.linalg.cholesky(V @ V.conj().T)  # V = L (L^-1 V), and L is nearly the identity
    W, sigma, Zh = svd(roots[:, None] * L, check_finite=False)
    turn = solve_triangular(L, Zh.conj().T, lower=True, trans="C", check_finite=False)
    rest = squares[k:]
    error = np.sqrt((float(np.maximum(rest, 0).sum(dtype=np.float64)) + delta) / total)
    sigma = np.concatenate([sigma, np.sqrt(rest[rest > delta])])
    return U @ W, sigma, turn.conj().T @ V, float(error)
