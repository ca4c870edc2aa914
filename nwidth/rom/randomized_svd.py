"""Truncated singular value decomposition by random products."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.rom.matrix_products import adjoint_products, finite_operator, frobenius_norm
from nwidth.rom.range_finder import range_finder
from nwidth.rom.thin_svd import thin_svd

Array = NDArray[Any]


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
