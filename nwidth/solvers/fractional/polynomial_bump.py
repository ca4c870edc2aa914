"""A function whose Riesz derivatives are known in closed form, to test solvers by."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, rgamma

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import real_floating
from nwidth.errors import InputError

Array = NDArray[Any]


class PolynomialBump:
    """A product of bumps on a box, with m - 1 continuous derivatives when continued by zero.

        u(x) = prod_k (4 s_k (1 - s_k))^m,    s_k = (x_k - lower_k) / (upper_k - lower_k)

    By s^m -> Gamma(m+1) / Gamma(m+1-a) s^{m-a} from the left, and likewise from the right; the
    terms cancel as a -> 1, where a digit is lost each time a - 1 falls to a tenth. Podlubny (1999),
    Fractional Differential Equations, section 2.3.4.

    Args:
        power: m >= 2.
        lower: lower corner, one number per axis.
        upper: upper corner.

    >>> u = PolynomialBump(4)
    >>> float(u(0.5)), u.riesz([np.array(0.5)], 0, 2.0).round(9).item()
    (1.0, -32.0)
    """

    def __init__(
        self, power: int = 4, lower: Sequence[float] = (0.0,), upper: Sequence[float] = (1.0,)
    ):
        self.power = require_integer(power, "power", 2)
        self.lower, self.upper = (
            [require_number(v, name, "(-inf, inf)") for v in np.ravel(ends)]
            if isinstance(ends, Sequence | np.ndarray) and not isinstance(ends, str | bytes)
            else [require_number(ends, name, "(-inf, inf)")]
            for name, ends in (("lower", lower), ("upper", upper))
        )
        pairs = zip(self.lower, self.upper, strict=False)
        if not len(self.lower) == len(self.upper) >= 1 or any(a >= b for a, b in pairs):
            raise InputError(
                "lower, upper: expected as many numbers of each, one per axis, lower < upper, got "
                f"{lower!r:.80} and {upper!r:.80}"
            )

    def __call__(self, *x: Any) -> Array:
        """Return u at points of which the coordinates are given, one array per axis."""
        return reduce(np.multiply, self._lines(x))

    def riesz(self, x: Sequence[Any], axis: int, alpha: float) -> Array:
        """Return d^alpha u / d|x|^alpha along an axis, 1 < alpha <= 2."""
        alpha = require_number(alpha, "alpha", "(1, 2]")
        lines = self._lines(x)
        if axis not in range(-len(lines), len(lines)):
            raise InputError(f"axis: expected one of {len(lines)}, from 0 on, got {axis!r:.80}")
        lines[axis] = self._riesz_line(axis, x[axis], alpha)
        return reduce(np.multiply, lines)

    def source(self, x: Sequence[Any], alpha: Sequence[float], K: Sequence[Any]) -> Array:
        """Return f = -sum_k K_k d^{a_k} u / d|x_k|^{a_k}."""
        if not len(alpha) == len(K) == len(self.lower):
            raise InputError(
                f"alpha, K: expected {len(self.lower)} of each, one per axis, got {len(alpha)} and "
                f"{len(K)}"
            )
        terms = [K[k] * self.riesz(x, k, a) for k, a in enumerate(alpha)]
        return -sum(terms[1:], start=terms[0])

    def _lines(self, x: Sequence[Any]) -> list[Array]:
        """Return the factor of each axis."""
        if len(x) != len(self.lower):
            raise InputError(
                f"x: expected {len(self.lower)} coordinates, one array per axis, got {len(x)}"
            )
        return [self._line(k, s) for k, s in enumerate(x)]

    def _line(self, k: int, x: Any) -> Array:
        s = self._scaled(k, x)
        return (4 * s * (1 - s)) ** self.power

    def _riesz_line(self, k: int, x: Any, alpha: float) -> Array:
        s, m = self._scaled(k, x), self.power
        total = np.zeros_like(s)
        for j in range(m + 1):
            q = m + j
            factor = 4.0**m * comb(m, j) * (-1) ** j * rgamma(q + 1 - alpha) / rgamma(q + 1)
            total += factor * (s ** (q - alpha) + (1 - s) ** (q - alpha))
        length = self.upper[k] - self.lower[k]
        return -total / (2 * np.cos(np.pi * alpha / 2)) / length**alpha

    def _scaled(self, k: int, x: Any) -> Array:
        s = (real_floating(x, "x").astype(np.float64) - self.lower[k]) / (
            self.upper[k] - self.lower[k]
        )
        return np.clip(s, 0.0, 1.0)
