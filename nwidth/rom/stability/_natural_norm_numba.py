"""The best lower bound of all anchors, for many coefficients, as one compiled loop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth._njit_numba import njit
from nwidth.rom._rounding_numba import EPS

Array = NDArray[Any]

# Numbers whose squares are below may lose digits to underflow.
UNDERFLOW = 1e-280


@njit(cache=True, error_model="numpy", inline="always")
def modulus(a: float, b: float) -> float:
    """Return |a + ib|; never less where squares underflow."""
    square = a * a + b * b
    return np.sqrt(square) if square > UNDERFLOW else abs(a) + abs(b)


@njit(cache=True, error_model="numpy")
def anchored_bounds(
    theta: Array, points: Array, values: Array, norms: Array, ranges: Array, best: Array
) -> None:
    """Write the largest bound of all anchors and trials, see `InfSupAnchors`, for each row.

    Args:
        theta: coefficients (m, 2 Q), real and imaginary parts in turn.
        points: theta_i (k, 2 Q), likewise.
        values: beta_i, shape (k,).
        norms: g_iq, shape (k, Q).
        ranges: shape (k, Q, 4).
        best: written, shape (m,).

    Products of complex numbers are written out, so that each is rounded as it stands here.
    """
    k, Q = norms.shape
    best[:] = -np.inf
    for i in range(k):
        reach = 0.0
        for q in range(Q):
            reach += modulus(points[i, 2 * q], points[i, 2 * q + 1]) * norms[i, q]
        for j in range(len(theta)):
            size = 0.0
            for q in range(Q):
                size += modulus(theta[j, 2 * q], theta[j, 2 * q + 1]) * norms[i, q]
            for trial in range(-1, Q):
                # z theta - s theta_i vanishes in the term of the trial for s / z = theta / theta_i.
                s, z_re, z_im = 1.0, 1.0, 0.0
                if trial >= 0:
                    a, b = points[i, 2 * trial], points[i, 2 * trial + 1]
                    if a == 0 and b == 0:
                        continue
                    c, d = theta[j, 2 * trial], theta[j, 2 * trial + 1]
                    square = a * a + b * b
                    z_re, z_im = (c * a + d * b) / square, (c * b - d * a) / square
                    s = modulus(z_re, z_im)
                    if s > 0:
                        z_re, z_im = z_re / s, z_im / s
                    else:
                        z_re, z_im = 1.0, 0.0
                total = s
                for q in range(Q):
                    c, d = theta[j, 2 * q], theta[j, 2 * q + 1]
                    re = z_re * c - z_im * d - s * points[i, 2 * q]
                    im = z_re * d + z_im * c - s * points[i, 2 * q + 1]
                    inside = min(re * ranges[i, q, 0], re * ranges[i, q, 1])
                    inside += min(im * ranges[i, q, 2], im * ranges[i, q, 3])
                    total += max(-modulus(re, im) * norms[i, q], inside)
                total -= (4 * Q + 32) * EPS * (s + size + s * reach)
                # What overflowed is no number, and not larger.
                if values[i] * total > best[j]:
                    best[j] = values[i] * total
