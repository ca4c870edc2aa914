"""The functions phi_k of exponential integrators."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, require_finite, to_numpy

Array = NDArray[Any]

# Points on a circle around each z, and the |z| from which the formula itself is accurate.
POINTS, LARGE = 32, 4.0
# Circles of these radii stay away from zero for |z| below and above NEAR.
NEAR, WIDE, NARROW = 2.0, 3.0, 1.0
# Later functions than this one come from the series of one of them, phi_8 or the last one.
CIRCLES, SERIES, TERMS = 4, 8, 40
# Numbers whose circles are worked on together: they stay in the cache.
BLOCK = 256


def phi_functions(z: Any, last: int) -> Array:
    """Return phi_0(z), ..., phi_last(z), in double precision, shape (last + 1, *z.shape).

        phi_0(z) = e^z,    phi_{k+1}(z) = (phi_k(z) - 1/k!) / z,    phi_k(0) = 1/k!

    The recurrence cancels near zero. There each value after phi_1, that of `expm1`, is the mean
    over a circle of 32 points around z: Cauchy's formula, whose trapezoid rule converges
    geometrically, as these functions are entire. The circles keep a distance of one from zero. From
    phi_5 on, whose values are small, phi_k = z phi_{k+1} + 1/k! goes down from a power series.
    References: Kassam & Trefethen (2005), doi:10.1137/S1064827502410633; Hochbruck & Ostermann
    (2010), doi:10.1017/S0962492910000048, section 2.

    Args:
        z: real or complex numbers, any shape. Equal ones are computed once.
        last: the largest k, >= 0.

    Raises `InputError` for what are no numbers, `NonFiniteError` for NaN and infinity.

    >>> phi_functions([0.0, -1.0], 2).round(6).tolist()
    [[1.0, 0.367879], [1.0, 0.632121], [0.5, 0.367879]]
    """
    last = require_integer(last, "last", 0)
    z = require_finite(to_numpy(as_floating(z, "z")), "z")
    z = z.astype(np.complex128 if z.dtype.kind == "c" else np.float64)
    points, place = np.unique(z, return_inverse=True)
    values = np.empty((last + 1, len(points)), z.dtype)
    near, far = np.abs(points) < NEAR, np.abs(points) >= LARGE
    with np.errstate(under="ignore"):
        values[0] = np.exp(points)
        if last > 0:
            values[1] = np.expm1(points) / np.where(points == 0, 1, points)
            values[1, points == 0] = 1
        for k in range(1, last):
            values[k + 1, far] = (values[k, far] - 1 / math.factorial(k)) / points[far]
        for part, radius in ((near, WIDE), (~(near | far), NARROW)):
            chosen = np.flatnonzero(part)
            for first in range(0, len(chosen), BLOCK):
                some = chosen[first : first + BLOCK]
                values[2 : CIRCLES + 1, some] = _means(
                    points[some], values[0, some], min(last, CIRCLES), radius
                )
        if last > CIRCLES:
            _downward(points, values)
    return values[:, place.reshape(z.shape)]


def _downward(points: Array, values: Array) -> None:
    """Write phi_5 to the last function where |z| is below their number, or below LARGE."""
    last = len(values) - 1
    top, places = max(last, SERIES), np.flatnonzero(abs(points) < max(LARGE, last))
    z = points[places]
    found = term = np.full_like(z, 1 / math.factorial(top))
    for j in range(1, TERMS + 3 * top):
        term = term * z / (top + j)
        found = found + term
    for k in range(top, CIRCLES, -1):
        if k < top:
            found = z * found + 1 / math.factorial(k)
        if k <= last:
            small = abs(z) < max(LARGE, k)
            values[k, places[small]] = found[small]


def _means(z: Array, exponential: Array, last: int, radius: float) -> Array:
    """Return phi_2, ..., phi_last as means over circles, where the recurrence cancels."""
    found = np.empty((max(0, last - 1), len(z)), z.dtype)
    if last < 2:
        return found
    angles = (np.arange(POINTS) + 0.5) * (2 * np.pi / POINTS)
    # Half the circle is enough for real z: the other half has the conjugate values.
    angles = angles[: POINTS // 2] if z.dtype.kind == "f" else angles
    circle = radius * np.exp(1j * angles)[:, None]
    inverse = np.conj(z + circle)  # a division of complex numbers takes five times as long
    inverse *= 1 / (inverse.real**2 + inverse.imag**2)
    value = exponential * np.exp(circle)
    for k in range(last):
        value -= 1 / math.factorial(k)
        value *= inverse
        if k > 0:
            mean = value.mean(axis=0)
            found[k - 1] = mean.real if z.dtype.kind == "f" else mean
    return found
