"""Singular value decomposition of a matrix with few rows, or few columns, by way of QR."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def thin_svd(
    matrix: Array, rtol: float = 0.0, max_rank: int | None = None, *, overwrite: bool = False
) -> tuple[Array, Array, Array]:
    """Return U, sigma, V* with U and V* of the values above rtol sigma_1, and all sigma.

        A^T = Q R,    R^T = U diag(sigma) Z*,    V* = Z* Q^T        (few rows; else A = Q R)

    Q stays in Householder's form and is applied to the vectors that are kept. Small singular values
    have errors of round-off times sigma_1, where those from A A* have its square root. Reference:
    Chan (1982), doi:10.1145/355984.355990.

    Args:
        matrix: shape (m, n), real or complex, finite.
        rtol: relative to the largest singular value.
        max_rank: limit on the number of vectors.
        overwrite: whether the matrix may be destroyed, which saves a copy.

    >>> U, sigma, Vh = thin_svd(np.array([[3.0, 0.0, 4.0], [0.0, 0.5, 0.0]]), 0.2)
    >>> sigma.round(12).tolist(), abs(Vh).round(12).tolist()
    ([5.0, 0.5], [[0.6, 0.0, 0.8]])
    """
    from scipy.linalg import get_lapack_funcs, qr, svd

    if len(matrix) > matrix.shape[1]:
        V, sigma, Uh = thin_svd(matrix.T, rtol, max_rank, overwrite=overwrite)
        return Uh.T, sigma, V.T
    (reflectors, tau), triangle = qr(
        matrix.T, mode="raw", overwrite_a=overwrite, check_finite=False
    )
    k = len(matrix)
    U, sigma, Zh = svd(triangle[:k].T, check_finite=False)
    kept = int((sigma > rtol * sigma.max(initial=0.0)).sum())
    kept = kept if max_rank is None else min(kept, max_rank)
    V = np.zeros((matrix.shape[1], kept), matrix.dtype, order="F")
    if kept == 0:
        return U[:, :0], sigma, V.T
    V[:k] = Zh[:kept].T
    (multiply,) = get_lapack_funcs(
        ("unmqr" if np.iscomplexobj(matrix) else "ormqr",), (reflectors,)
    )
    work = multiply("L", "N", reflectors, tau, V, -1)[1]
    V = multiply("L", "N", reflectors, tau, V, int(work[0].real), overwrite_c=True)[0]
    return U[:, :kept], sigma, V.T
