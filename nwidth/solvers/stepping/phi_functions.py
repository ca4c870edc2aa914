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


def phi_functions(z: Any, last: int) -> Array:
    """Return phi_0(z), ..., phi_last(z), in double precision, shape (last + 1, *z.shape).

        phi_0(z) = e^z,    phi_{k+1}(z) = (phi_k(z) - 1/k!) / z,    phi_k(0) = 1/k!

    The recurrence cancels near zero. There each value is the mean over a circle of 32 points around
    z: Cauchy's formula, whose trapezoid rule converges geometrically, as these functions are
    entire. The circles keep a distance of one from zero. References: Kassam & Trefethen (2005),
    doi:10.1137/S1064827502410633, section 3; Hochbruck & Ostermann (2010),
    doi:10.1017/S0962492910000048, eq. (2.11).

    Args:
        z: real or complex numbers, any shape. Equal ones are computed once.
        last: the largest k, >= 0.

    >>> phi_functions([0.0, -1.0], 2).round(6).tolist()
    [[1.0, 0.367879], [1.0, 0.632121], [0.5, 0.367879]]
    """
    last = require_integer(last, "last", 0)
    z = require_finite(as_floating(to_numpy(z), "z"), "z")
    z = z.astype(np.complex128 if z.dtype.kind == "c" else np.float64)
    points, place = np.unique(z, return_inverse=True)
    values = np.empty((last + 1, len(points)), z.dtype)
    near = np.abs(points) < LARGE
    with np.errstate(under="ignore"):
        values[:, ~near] = _recurrence(points[~near], last)
    # Half the circle is enough for real z: the other half has the conjugate values.
    angles = (np.arange(POINTS) + 0.5) * (2 * np.pi / POINTS)
    angles = angles[: POINTS // 2] if z.dtype.kind == "f" else angles
    radii = np.where(np.abs(points[near]) < NEAR, WIDE, NARROW)
    around = _recurrence(points[near] + np.exp(1j * angles)[:, None] * radii, last).mean(axis=1)
    values[:, near] = around.real if z.dtype.kind == "f" else around
    values[0] = np.exp(points)
    return values[:, place.reshape(z.shape)]


def _recurrence(z: Array, last: int) -> Array:
    """Return phi_0, ..., phi_last by their recurrence, for |z| that are not small."""
    values = [np.exp(z)]
    for k in range(last):
        values.append((values[-1] - 1 / math.factorial(k)) / z)
    return np.array(values)
