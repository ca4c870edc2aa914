"""A basis of the range of a matrix from random products, with its error from fresh ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_limit, require_number
from nwidth.rom.matrix_products import finite_operator, frobenius_norm, products, random_block
from nwidth.rom.sampled_norm import FAILURE, norm_factor
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Random vectors of a step; the mean of their squared residuals is the error, to about 1 / sqrt(32).
_BLOCK = 32


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
    wanted = require_limit(max_rank, "max_rank", min(operator.shape))
    Q, missed, size, _ = sampled_range(operator, rtol, wanted, seed)
    return Q, missed / size if size else 0.0


def sampled_range(
    operator: LinearOperator, rtol: float, wanted: int, seed: int
) -> tuple[Array, float, float, float]:
    """Return Q of `range_finder`, what it misses, the size of A, and a bound of what it misses.

    Norms are Frobenius', the first two estimates; the bound fails with a probability of 1e-10, and
    allows for round-off.

    >>> Q, missed, size, bound = sampled_range(finite_operator(np.eye(3)), 1e-6, 2, 0)
    >>> Q.shape, bool(missed < bound), bool(bound > 1)
    ((3, 2), True, True)
    """
    Q = np.zeros((0, operator.shape[0]), operator.dtype)
    size, step = 0.0, 0
    eps = float(np.finfo(operator.dtype).eps)
    while True:
        Y = products(operator, random_block(_BLOCK, operator.shape[1], operator.dtype, seed, step))
        size = size or frobenius_norm(Y)
        Y -= (Y @ Q.conj().T) @ Q
        missed = frobenius_norm(Y)
        if missed <= max(rtol, 4 * eps) * size or len(Q) >= wanted:
            # Every test could have ended the search: their failures add up to the stated one.
            factor = norm_factor(_BLOCK, operator.dtype, FAILURE / ((step + 1) * (step + 2)))
            root = _BLOCK**0.5
            bound = factor * (missed + 4 * eps * size) / root
            return Q.T, missed / root, size / root, bound
        Y -= (Y @ Q.conj().T) @ Q
        fresh = np.linalg.qr(Y[: wanted - len(Q)].T)[0].T
        # Directions that the block lacks are noise, and may lie in the span of Q.
        fresh = np.linalg.qr((fresh - (fresh @ Q.conj().T) @ Q).T)[0].T
        Q, step = np.concatenate([Q, fresh]), step + 1
