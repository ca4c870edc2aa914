"""QR decomposition in the inner product of a matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom.inner_product import InnerProduct

Array = NDArray[Any]

_PASSES = 6


def oblique_qr(columns: Array, product: InnerProduct) -> tuple[Array, Array]:
    """Return Q and R with columns = Q R and Q^H X Q = I.

        columns = Z S (Householder),    Z^H X Z = L L^H,    Q = Z L^-H,    R = L^H S

    The second step is repeated until Z^H X Z is the identity to round-off; where X is so badly
    conditioned on the columns that Cholesky's method breaks down, a small multiple of the identity
    is added for that time. Columns may depend on each other. References: Lowery & Langou (2014),
    arXiv:1401.5171 (PRE-CHOLQR); Fukaya, Kannan, Nakatsukasa, Yamamoto & Yanagisawa (2020),
    doi:10.1137/18M1218212 (the shift).

    Args:
        columns: shape (n, k), real or complex, finite.
        product: of X, n x n.

    Returns:
        Q (n, min(n, k)) and R (min(n, k), k), in double precision.

    >>> Q, R = oblique_qr(np.array([[1.0, 2.0], [0.0, 4.0]]), InnerProduct([[4.0, 0], [0, 1.0]]))
    >>> abs(Q).round(12).tolist(), abs(Q @ R).round(12).tolist()
    ([[0.5, 0.0], [0.0, 1.0]], [[1.0, 2.0], [0.0, 4.0]])
    """
    from scipy.linalg import LinAlgError, cholesky, qr, solve_triangular

    double = np.result_type(columns.dtype, product.dtype, np.float64)
    Q, R = qr(columns.astype(double), mode="economic", overwrite_a=True, check_finite=False)
    k, eps = Q.shape[1], float(np.finfo(double).eps)
    for _ in range(_PASSES):
        gram = product.inner(Q, Q)
        size = float(np.linalg.norm(gram, 2))
        defect = float(np.abs(gram - np.eye(k)).max())
        if defect <= 8 * k * eps:
            return Q, R
        try:
            L = cholesky(gram, lower=True, check_finite=False)
        except LinAlgError:
            L = cholesky(gram + 100 * k * eps * size * np.eye(k), lower=True, check_finite=False)
        Q = solve_triangular(L, Q.conj().T, lower=True, overwrite_b=True).conj().T
        R = L.conj().T @ R
        if defect < 0.1:
            return Q, R  # what is left is the square of the defect, or round-off
    raise InputError(
        "inner product: the fields cannot be made orthonormal, it is too badly conditioned for "
        "double precision; scale its matrix"
    )
