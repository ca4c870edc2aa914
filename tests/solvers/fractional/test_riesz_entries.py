"""Entries against truncated powers in 200 digits, at every distance."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.interpolate import BSpline

from nwidth.errors import InputError
from nwidth.solvers.fractional.riesz_entries import (
    RieszEntries,
    greville_point,
    require_degree,
    unit_function,
)

ALPHAS = (1.01, 1.2, 1.5, 1.8, 1.99)


def exact(function, alpha, x):
    """The sum of the published formula for both sides, in mpmath with 200 digits."""
    with mpmath.workdps(200):
        a, total = mpmath.mpf(alpha), mpmath.mpf(0)
        for (k, m), c in function.powers.items():
            y = x - k
            c = mpmath.mpf(c.numerator) / c.denominator
            c *= mpmath.factorial(m) * mpmath.rgamma(m - a + 1)
            power = (mpmath.mpf(abs(y.numerator)) / y.denominator) ** (m - a) if y else 0
            total += c * power * (1 if y > 0 or m % 2 else -1)
        return float(-total / (2 * mpmath.cos(mpmath.pi * a / 2)))


@pytest.mark.parametrize("p", [2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_cardinal_entries_at_all_lags(p, alpha):
    entries, bell = RieszEntries(p, alpha), unit_function(p, p)
    centre = Fraction(p + 1, 2)
    points = [centre + J for J in range(2 * p + 6)]
    expected = np.array([exact(bell, alpha, x) for x in points])
    assert np.allclose(entries.at(bell, points), expected, rtol=2e-15, atol=0)
    n = 10**6
    lag = np.arange(1.0, n + 1)
    powers = np.concatenate([[0.0], lag**-alpha / lag])
    first = p + 1
    found = np.empty(n - first + 1)
    entries.lags(bell.nodes - float(centre), bell.weights, first, powers, found)
    for J in (p + 1, p + 2, p + 3, 8 * p, 8 * p + 8, 16 * p, 9000, 123456, n - 1, n):
        assert np.isclose(found[J - first], exact(bell, alpha, centre + J), rtol=3e-15, atol=0)


@pytest.mark.parametrize("p", [2, 3, 6])
@pytest.mark.parametrize("alpha", (1.01, 1.5, 1.99))
def test_functions_at_the_border(p, alpha):
    entries = RieszEntries(p, alpha)
    points = [greville_point(p, i) for i in range(1, 3 * p)] + [Fraction(40), Fraction(-1, 2)]
    for j in range(1, p + 1):
        function = unit_function(p, j)
        expected = [exact(function, alpha, x) for x in points]
        assert np.allclose(entries.at(function, points), expected, rtol=3e-15, atol=0)


@pytest.mark.parametrize("p", [2, 4, 7])
def test_functions_are_those_of_de_boor(p):
    knots = np.concatenate([np.zeros(p + 1), np.arange(1.0, 2 * p + 2)])
    for j in range(1, p + 1):
        function = unit_function(p, j)
        x = function.nodes
        powers = sum(
            float(c) * np.maximum(x - k, 0.0) ** m for (k, m), c in function.powers.items()
        )
        expected = BSpline.basis_element(knots[j : j + p + 2])(x)
        assert np.allclose(powers, expected, atol=1e-10)
        integral = (knots[j + p + 1] - knots[j]) / (p + 1)
        assert np.isclose(function.weights.sum(), integral, rtol=1e-15)
        assert (function.weights > 0).all()


@pytest.mark.parametrize("degree", [1, 21, 2.5, True])
def test_degrees_without_formula_are_refused(degree):
    with pytest.raises(InputError, match="degree: expected"):
        require_degree(degree)
