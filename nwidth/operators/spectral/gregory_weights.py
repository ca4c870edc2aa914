"""Weights of quadrature at equal distances that are of high order, corrected near the ends."""

from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis

Array = NDArray[np.float64]


HIGHEST = 8


def require_order(order: int) -> int:
    """Return an order from 2 to 8; beyond, weights turn negative and errors of round-off grow.

    >>> require_order(4)
    4
    """
    if require_integer(order, "order", 2) > HIGHEST:
        raise InputError(f"order: expected 2 to {HIGHEST}, got {order}; 4 or 6 serve well")
    return int(order)


def gregory_weights(axis: Axis, order: int) -> Array:
    """Return weights whose quadrature of smooth functions is of so high an order.

        w_j = h (1 + d_j + d_{n-1-j}),    sum_{j<q} d_j (j + a)^r = B_{r+1}(a) / (r + 1),  r < q

    with a = 0 on nodes (Gregory's rule), a = 1/2 in the middles of cells, B the Bernoulli
    polynomials and q = order - 1 corrected points at each end; the rule is exact for polynomials of
    degree less than q, and nothing but the ends is touched. Axes that are periodic, at unequal
    distances or shorter than 2 q points keep `axis.widths`, which is order 2.

    Fornberg & Reeger (2019), doi:10.1007/s00211-018-0992-0, section 2; for the middles of cells
    Putland (2025), arXiv:2512.15806. Good values: order 4 or 6, whose weights are all positive.

    >>> (gregory_weights(Axis.uniform(9), 4) * 8).round(4).tolist()[:4]
    [0.375, 1.1667, 0.9583, 1.0]
    """
    q = require_order(order) - 1
    if q == 1 or axis.periodic or axis.spacing is None or axis.size < 2 * q:
        return axis.widths
    weights = np.ones(axis.size)
    corrections = _corrections(q, 0.0 if axis.centering == "node" else 0.5)
    weights[:q] += corrections
    weights[-q:] += corrections[::-1]
    return weights * axis.spacing


@lru_cache(maxsize=32)
def _corrections(q: int, a: float) -> Array:
    """Return d_0, ..., d_{q-1}."""
    powers = np.vander(np.arange(q) + a, q, increasing=True).T
    right = np.array([_bernoulli_polynomial(r + 1, a) / (r + 1) for r in range(q)])
    return np.linalg.solve(powers, right)


def _bernoulli_polynomial(n: int, x: float) -> float:
    """Return B_n(x) = sum_k (n choose k) B_k x^(n-k), B_1 = -1/2."""
    k = np.arange(n + 1)
    binomial = np.array([factorial(n) // (factorial(j) * factorial(n - j)) for j in k])
    return float(np.sum(binomial * bernoulli(n) * x ** (n - k)))
