"""Riesz derivatives of B-splines on uniform open knots, to machine precision at any distance."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil, comb, factorial, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, rgamma, roots_legendre

from nwidth.arguments import require_integer
from nwidth.errors import InputError

Array = NDArray[np.float64]
Polynomial = tuple[Fraction, ...]

# The highest degree of the formulas below.
HIGHEST = 20
# Gauss nodes per polynomial piece: half a piece away, the rest is below 1e-17 to degree 20.
NODES = 24
# Points are near a function up to this distance from its support.
MARGIN = Fraction(1, 2)
# From this multiple of the radius of a function on, its moments take the place of Gauss nodes.
FAR = 16
# Terms that moments may need there, and numbers that stay in the cache of a core.
TERMS, BLOCK = 18, 8192


def require_degree(degree: Any) -> int:
    """Return the degree of splines that have Riesz derivatives at points, or raise `InputError`.

    >>> require_degree(3)
    3
    """
    degree = require_integer(degree, "degree", 2)
    if degree > HIGHEST:
        raise InputError(
            f"degree: expected 2 to {HIGHEST}, got {degree}; smooth solutions are met to rounding "
            "with less"
        )
    return degree


@dataclass(frozen=True)
class UnitFunction:
    """A B-spline on the knots 0^{p+1}, 1, 2, 3, ..., as the entries of the matrix need it.

        B(s) = sum over k and m of c_{k,m} (s - k)_+^m,      integral B g = sum over q of w_q g(s_q)

    Attributes: `end`, of the support [0, end]; `integral` and `powers`, the truncated powers
    c_{k,m} by (k, m), exact; `nodes` s_q and `weights` w_q of Gauss for g that are smooth on each
    piece, w_q >= 0.
    """

    degree: int
    end: int
    integral: Fraction
    powers: dict[tuple[int, int], Fraction]
    nodes: Array
    weights: Array


@cache
def unit_function(degree: int, index: int) -> UnitFunction:
    """Return function number `index` of the open knots; that of index p is the cardinal one.

    >>> unit_function(2, 2).powers[1, 2], unit_function(2, 2).end
    (Fraction(-3, 2), 3)
    """
    pieces = _pieces(degree)[index]
    powers: dict[tuple[int, int], Fraction] = {}
    previous: Polynomial = (Fraction(0),) * (degree + 1)
    for k, piece in enumerate([*pieces, (Fraction(0),) * (degree + 1)]):
        for m, (new, old) in enumerate(zip(piece, _shifted(previous), strict=True)):
            if k == 0 and new != 0:
                powers[0, m] = new
            elif k > 0 and new != old:
                powers[k, m] = new - old
        previous = piece
    x, w = roots_legendre(NODES)
    x, w = (x + 1) / 2, w / 2
    nodes, weights = [], []
    for k, piece in enumerate(pieces):
        # In Bernstein's form, whose coefficients are not negative, nothing cancels.
        value = np.zeros_like(x)
        for i in range(degree + 1):
            b = sum(Fraction(comb(i, m), comb(degree, m)) * piece[m] for m in range(i + 1))
            value += float(b) * comb(degree, i) * x**i * (1 - x) ** (degree - i)
        nodes.append(k + x)
        weights.append(w * value)
    integral = Fraction(len(pieces), degree + 1)
    return UnitFunction(
        degree, len(pieces), integral, powers, np.concatenate(nodes), np.concatenate(weights)
    )


@cache
def _pieces(degree: int) -> tuple[tuple[Polynomial, ...], ...]:
    """Return the polynomials of s - k on [k, k + 1], for k = 0, 1, ..., of functions 0 to p.

    The recursion of de Boor and Cox in exact fractions; functions end where they become zero.
    """
    knots = [max(i - degree, 0) for i in range(2 * degree + 2)]
    level = [
        [[Fraction(t <= k < after)] for k in range(degree + 1)] for t, after in pairwise(knots)
    ]
    for p in range(1, degree + 1):
        above = []
        for i in range(len(level) - 1):
            up, down = knots[i + p] - knots[i], knots[i + p + 1] - knots[i + 1]
            pieces = []
            for k in range(min(knots[i + p + 1], degree + 1)):
                total = [Fraction(0)] * (p + 1)
                for m in range(p):
                    if up and k < len(level[i]):
                        total[m] += level[i][k][m] * Fraction(k - knots[i], up)
                        total[m + 1] += level[i][k][m] / up
                    if down:
                        total[m] += level[i + 1][k][m] * Fraction(knots[i + p + 1] - k, down)
                        total[m + 1] -= level[i + 1][k][m] / down
                pieces.append(total)
            above.append(pieces)
        level = above
    return tuple(tuple(tuple(piece) for piece in pieces) for pieces in level)


def _shifted(piece: Polynomial) -> Polynomial:
    """Return the polynomial of s - 1 that a polynomial of s is."""
    size = len(piece)
    return tuple(
        sum((piece[j] * comb(j, m) for j in range(m, size)), Fraction(0)) for m in range(size)
    )


def greville_point(degree: int, index: int) -> Fraction:
    """Return (t_{i+1} + ... + t_{i+p}) / p on the knots 0^{p+1}, 1, 2, 3, ...

    >>> greville_point(3, 1), greville_point(3, 3)
    (Fraction(1, 3), Fraction(2, 1))
    """
    return Fraction(sum(max(i - degree, 0) for i in range(index + 1, index + degree + 1)), degree)


class RieszEntries:
    """Riesz derivatives of order alpha of the functions of `unit_function`, at points and lags.

    Three formulas share the work, each where it is exact to rounding:

        near   c sum c_{k,m} m! / Gamma(m-alpha+1) sgn(x-k)^{m-1} |x-k|^{m-alpha}
        apart  C integral B(s) |x-s|^{-1-alpha} ds                 by Gauss, without cancellation
        far    C J^{-1-alpha} sum_k binom(alpha+k, k) mu_k J^{-k}      by moments, for whole rows

        c = -1 / (2 cos(pi alpha / 2)),    C = Gamma(1+alpha) sin(pi alpha / 2) / pi

    The truncated powers of the first cancel, and more so the further away, the higher the degree
    and the closer alpha to one, where c is infinite; they are few and are added in decimal
    arithmetic of as many digits as that takes. The two constants are finite where they are used:
    as alpha -> 2 the second vanishes and the first leaves second derivatives.

    With `potential` it is that of order 2 - alpha, which makes the Riesz derivative of a function
    from its second derivative: alpha - 2 stands for alpha, C = c / Gamma(2 - alpha), and
    r^{1-alpha} - R^{1-alpha} for r^{1-alpha}, which is small where C is large.

    Reference: Mazza, Donatelli, Manni & Speleers (2023), doi:10.1002/nla.2462, where the first
    formula stands for cardinal splines; moments: Greengard & Rokhlin (1987),
    doi:10.1016/0021-9991(87)90140-9.

    Args:
        degree: p >= 2, or >= 0 of a potential.
        alpha: order of the derivative, 1 < alpha <= 2.
        potential: R, about the length of the interval; None for the derivative.

    >>> entries = RieszEntries(2, 2.0)
    >>> [entries.near(unit_function(2, 2), Fraction(3, 2) + k) for k in (-1, 0, 1, 2)]
    [1.0, -2.0, 1.0, 0.0]
    """

    def __init__(self, degree: int, alpha: float, *, potential: float | None = None):
        self.degree, self.alpha, self.radius = degree, alpha, potential
        self.integrated = potential is not None
        self._digits = 60 + 4 * degree
        self._powers: dict[Fraction, Decimal] = {}
        self._order = Decimal(alpha) - 2 * self.integrated
        order = alpha - 2 if self.integrated else alpha
        with localcontext() as context:
            context.prec = self._digits
            # m! / Gamma(m - alpha + 1) = factors[m] / Gamma(p - alpha + 1)
            self._factors = [Decimal(1)] * (degree + 1)
            for m in range(degree, 0, -1):
                self._factors[m - 1] = self._factors[m] * (m - self._order)
            # R^{1-alpha} / Gamma(2 - alpha), times the same.
            self._shift = Decimal(0)
            if potential is not None:
                power = ((1 - Decimal(alpha)) * Decimal(potential).ln()).exp()
                self._shift = self._factors[0] * (2 - Decimal(alpha)) * power
            self._factors = [f * factorial(m) for m, f in enumerate(self._factors)]
        # c and C, with sines of what is small near alpha = 1 and near alpha = 2.
        c = 1 / (2 * sin(pi / 2 * (alpha - 1)))
        self._near = float(rgamma(degree + 1 - order)) * c
        self._apart = float(gamma(1 + alpha)) * sin(pi / 2 * (2 - alpha)) / pi
        if self.integrated:
            self._apart = float(rgamma(2 - alpha)) * c

    def kernel(self, distance: Array) -> Array:
        """Return r^{-1-alpha}, or r^{1-alpha} - R^{1-alpha}, without the constant."""
        if self.radius is None:
            return distance**-self.alpha / distance
        excess = np.expm1((self.alpha - 1) * np.log(self.radius / distance))
        return self.radius ** (1 - self.alpha) * excess

    @property
    def constant(self) -> float:
        """The constant C of the kernel."""
        return self._apart

    def near(self, function: UnitFunction, x: Fraction) -> float:
        """Return the derivative at a point anywhere, by truncated powers."""
        with localcontext() as context:
            context.prec = self._digits
            total = -self._shift * function.integral.numerator / function.integral.denominator
            for (k, m), c in function.powers.items():
                y = x - k
                if y == 0:  # of 0^{p-alpha}; for p = alpha = 2 the mean of both sides
                    continue
                sign = -1 if y < 0 and m % 2 == 0 else 1
                power = self._power(abs(y)) * (abs(y.numerator) ** m)
                term = self._factors[m] * power * c.numerator * sign
                total += term / (c.denominator * y.denominator**m)
            return float(total) * self._near

    def _power(self, y: Fraction) -> Decimal:
        """Return y^-alpha for y > 0, y^{2-alpha} if integrated."""
        if y not in self._powers:
            logarithm = (Decimal(y.numerator) / Decimal(y.denominator)).ln()
            self._powers[y] = (-self._order * logarithm).exp()
        return self._powers[y]

    def at(self, function: UnitFunction, points: list[Fraction]) -> Array:
        """Return the derivatives at some points, each by the formula that holds there."""
        apart = [x < -MARGIN or x >= function.end + MARGIN for x in points]
        far = np.array([float(x) for x, is_far in zip(points, apart, strict=True) if is_far])
        distance = np.abs(far[:, None] - function.nodes)
        values = np.empty(len(points))
        values[apart] = self._apart * (self.kernel(distance) @ function.weights)
        for i in np.flatnonzero(~np.array(apart, bool)):
            values[i] = self.near(function, points[i])
        return values

    def lags(self, offsets: Array, weights: Array, first: int, powers: Array, out: Array) -> None:
        """Write C sum_q w_q (J - e_q)^{-1-alpha}, or the potential, for J = first, first + 1, ...

        Args:
            offsets: e_q, of positions in a function from the point that lags are counted from.
            weights: w_q, of Gauss for the function.
            first: the first lag, beyond every offset by half a piece at least.
            powers: the kernel at J = 0, 1, 2, ...; that of zero is not used.
            out: where to write the values.
        """
        radius = float(np.abs(offsets).max())
        last = first + len(out)
        middle = min(max(first, ceil(FAR * radius)), last)
        J = np.arange(first, middle)
        out[: middle - first] = self._apart * (self.kernel(J[:, None] - offsets) @ weights)
        moments, coefficient = [], self._apart
        exponent = self.alpha - 1 if self.integrated else self.alpha + 1
        for k in range(TERMS):
            moments.append(coefficient * float(weights @ offsets**k))
            coefficient *= (exponent + k) / (k + 1)
        while middle < last:
            stop = min(middle + BLOCK, 2 * middle, last)
            inverse = 1.0 / np.arange(middle, stop)
            # Terms fall by radius / J each, and rise by less than (k + 1)^alpha altogether.
            terms = min(ceil(42 / np.log(middle / radius)) + 1, TERMS)
            total = np.full(stop - middle, moments[terms - 1])
            for moment in reversed(moments[1 : terms - 1]):
                total *= inverse
                total += moment
            total *= inverse
            if self.radius is None:
                total += moments[0]
                total *= powers[middle:stop]
            else:  # what is subtracted belongs to the first moment alone
                total *= powers[middle:stop] + self.radius ** (1 - self.alpha)
                total += moments[0] * powers[middle:stop]
            out[middle - first : stop - first] = total
            middle = stop
