"""Truncated singular value decomposition by random products."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.rom.matrix_products import adjoint_products, finite_operator, frobenius_norm
from nwidth.rom.range_finder import sampled_range
from nwidth.rom.thin_svd import thin_svd

Array = NDArray[Any]

# What rounding may add to the relative error, in units of eps.
_ROUND_OFF = 8


def randomized_svd(
    A: Any, rtol: float = 1e-8, *, max_rank: int | None = None, seed: int = 0
) -> tuple[Array, Array, Array, float]:
    """Return U, sigma, V* of A ~ U diag(sigma) V* and the relative error in the Frobenius norm.

    Vectors are kept for singular values above rtol times the first; sigma holds all values that
    were found. The range is found to a tenth of rtol, so that kept values are good to half a per
    cent at the end and far better before it.

        ||A - U diag(sigma) V*||_F^2 = ||A - Q Q* A||_F^2 + sum of left out sigma_j^2

    The first term is bounded by what fresh random vectors say (`norm_factor`), and so the error is
    a bound of the true one, with a probability of 1 - 1e-10. Reference: Halko, Martinsson & Tropp
    (2011), doi:10.1137/090771806, algorithm 5.1 and section 4.3.

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
    wanted = min(operator.shape)
    if max_rank is not None:
        wanted = min(wanted, require_integer(max_rank, "max_rank", 1) + 16)
    Q, _, _, missed = sampled_range(operator, 0.1 * rtol, wanted, seed)
    B = adjoint_products(operator, Q.T).conj()
    W, sigma, Vh = thin_svd(B, rtol, max_rank, overwrite=True)
    total = frobenius_norm(sigma)
    # No more than all of A is missed, and its norm is at least that of Q* A.
    left = np.hypot(missed, frobenius_norm(sigma[len(Vh) :]))
    rounding = _ROUND_OFF * float(np.finfo(operator.dtype).eps)
    error = float(left / np.hypot(missed, total)) + rounding if total else 0.0
    return Q @ W, sigma, Vh, error
