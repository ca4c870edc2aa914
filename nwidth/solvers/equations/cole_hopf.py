"""The closed form of Burgers' equation, to measure errors by."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier

Array = NDArray[Any]

# Weights below exp(-45) of the largest, a thousandth of an ulp, are left out.
NEGLIGIBLE = 45.0
# Exponents that are held in memory at once.
BLOCK = 2**20


def cole_hopf(
    u: Any, viscosity: float, time: float, *, length: float = 1.0, points: Any = None
) -> Array:
    """Return the solution of Burgers' equation on a circle, by quadrature of its closed form.

        u(x, t) = int (x - y)/t exp(-G/2 nu) dy / int exp(-G/2 nu) dy,
        G(x, y) = int_0^y u(s, 0) ds + (x - y)^2 / 2t

    The trapezoid rule on the line is spectrally accurate, and sums of positive weights, largest
    exponent taken out, lose no digits however small nu is. A mean of u moves the frame. References:
    Hopf (1950), doi:10.1002/cpa.3160030302; Cole (1951), doi:10.1090/qam/42889; Trefethen
    & Weideman (2014), doi:10.1137/130932132, section 5.

    Args:
        u: u(x, 0) at the nodes x_j = j length / n, shape `(n,)`; between them it is its
            trigonometric interpolant.
        viscosity: nu > 0.
        time: t > 0.
        length: of the circle.
        points: where; by default the nodes.

    The time is that of n to 10 n exponentials for each point. Raises `InputError` for other values.

    >>> x = np.arange(64) / 64
    >>> def exact(t):
    ...     wave = np.exp(-0.1 * (2 * np.pi) ** 2 * t + 2j * np.pi * x)
    ...     return 0.4 * np.pi * wave.imag / (2 + wave.real)
    >>> bool(abs(cole_hopf(exact(0.0), 0.1, 0.5) - exact(0.5)).max() < 1e-15)
    True
    """
    u = _real(u, "u")
    if u.ndim != 1 or u.size < 2:
        raise InputError(f"u: expected values at two or more nodes, got shape {u.shape}")
    nu = require_number(viscosity, "viscosity", "(0, inf)")
    t = require_number(time, "time", "(0, inf)")
    length = require_number(length, "length", "(0, inf)")
    nodes = np.arange(len(u)) * (length / len(u)) if points is None else np.asarray(points)
    x = _real(nodes, "points")
    mean, potential = _potential(u, nu, t, length)
    n, h = len(potential), length / len(potential)
    potential /= 2 * nu
    # Beyond this distance weights are below exp(-NEGLIGIBLE) of those at x.
    reach = math.ceil(math.sqrt(4 * nu * t * (NEGLIGIBLE + float(np.ptp(potential)))) / h) + 1
    places = np.arange(-reach, reach + 1)
    flat, rows = (x - mean * t).ravel(), max(1, BLOCK // len(places))
    found = np.empty_like(flat)
    for first in range(0, len(flat), rows):
        near = np.rint(flat[first : first + rows, None] / h).astype(np.int64)
        apart = (flat[first : first + rows, None] / h - near - places) * h  # x - y
        exponents = -potential[(near + places) % n] - apart**2 / (4 * nu * t)
        weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        found[first : first + rows] = (apart * weights).sum(axis=1) / weights.sum(axis=1) / t
    return mean + found.reshape(x.shape)


def _real(values: Any, name: str) -> Array:
    values = require_finite(as_floating(np.asarray(values), name), name)
    if values.dtype.kind == "c":
        raise InputError(f"{name}: expected real numbers, got {values.dtype}")
    return values.astype(np.float64)


def _potential(u: Array, nu: float, t: float, length: float) -> tuple[float, Array]:
    """Return the mean of u and the integral of the rest, on nodes as fine as the rule needs.

    On a line shifted by s in the complex plane weights grow by exp(s^2 (1/t + |u'|) / 4 nu), so the
    error of spacing h is about exp(-(2 pi/h)^2 nu / (1/t + |u'|)).
    """
    coarse = FastFourier(len(u))
    v = coarse.forward(u)
    k = 2j * np.pi / length * np.arange(len(v))
    k[0] = 1.0
    steepest = float(abs(coarse.backward(v * k * (np.arange(len(v)) < len(u) / 2))).max())
    enough = math.pi * math.sqrt(nu / (NEGLIGIBLE * (1 / t + steepest)))
    n = len(u) * max(1, math.ceil(length / len(u) / enough))
    w = np.zeros(n // 2 + 1, complex)
    w[: len(v)] = v / k
    w[0] = 0
    if len(u) % 2 == 0:
        w[len(v) - 1] = 0  # its integral is zero at the nodes
    return float(v[0].real), FastFourier(n).backward(w)
