"""Products by the second derivative: those of the matrix, and accurate where these are not."""

from fractions import Fraction
from itertools import combinations
from math import comb, prod

import numpy as np
import pytest

from nwidth.solvers.fractional import PolynomialBump, RieszMatrix
from nwidth.solvers.fractional.curvature_product import CurvatureProduct

CASES = [(2, 3), (2, 20), (3, 4), (3, 20), (4, 5), (5, 60), (6, 30), (9, 10), (12, 40)]


@pytest.mark.parametrize("p, n", CASES)
@pytest.mark.parametrize("alpha", [1.0001, 1.01, 1.5, 1.99, 2.0])
def test_it_is_the_product_of_the_matrix(p, n, alpha):
    A = RieszMatrix(n, p, alpha, -1.0, 2.0)
    x, y = np.random.default_rng(n).standard_normal((2, A.size))
    C = CurvatureProduct(A)
    tolerance = 2e-14 * np.abs(A.apply(x)).max()
    assert np.allclose(C(x), A.apply(x), rtol=0, atol=tolerance)
    assert np.allclose(C(x, y), A.apply(x + y), rtol=0, atol=2 * tolerance)
    assert np.allclose(C(x + 1j * y), A.apply(x) + 1j * A.apply(y), rtol=0, atol=2 * tolerance)


def bump(n, p):
    """The coefficients of 16 x^2 (1 - x)^2 by its polar form, in two parts."""
    t = [Fraction(min(max(i - p, 0), n), n) for i in range(n + 2 * p + 1)]
    exact = []
    for j in range(1, n + p - 1):
        inner = t[j + 1 : j + p + 1]
        e2, e3, e4 = (
            sum(prod(some) for some in combinations(inner, k)) / Fraction(comb(p, k))
            for k in (2, 3, 4)
        )
        exact.append(16 * (e2 - 2 * e3 + e4))
    high = np.array([float(v) for v in exact])
    return high, np.array([float(v - Fraction(h)) for v, h in zip(exact, high, strict=True)])


@pytest.mark.parametrize("p, alpha", [(4, 1.2), (4, 1.8), (5, 1.8)])
def test_it_is_accurate_where_the_entries_are_large(p, alpha):
    A, u = RieszMatrix(2048, p, alpha), PolynomialBump(2)
    high, low = bump(2048, p)
    expected = u.riesz([A.points], 0, alpha)
    error = np.abs(CurvatureProduct(A)(high, low) - expected).max() / np.abs(expected).max()
    entries = np.abs(A.apply(high) - expected).max() / np.abs(expected).max()
    assert error < 3e-14
    assert entries > 10 * error
