"""The two matrices of one layout: Riesz derivatives, and potentials of second derivatives."""

from fractions import Fraction

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional.bordered_toeplitz import BorderedToeplitz
from nwidth.solvers.fractional.riesz_entries import RieszEntries, unit_function


def by_entry(n, p, alpha):
    """Potentials of all functions of degree p - 2, by truncated powers in many digits."""
    q, entries = p - 2, RieszEntries(p - 2, alpha, potential=n)
    knots = [min(max(i - p, 0), n) for i in range(n + 2 * p + 1)]
    points = [Fraction(sum(knots[i + 1 : i + p + 1]), p) for i in range(1, n + p - 1)]
    matrix = np.empty((n + p - 2, n + p - 2))
    for i, x in enumerate(points):
        for j in range(n + q):
            mirrored = j >= n
            function = unit_function(q, min(n + q - 1 - j if mirrored else j, q))
            at = n - x if mirrored else x - max(j - q, 0)
            matrix[i, j] = entries.near(function, at)
    return matrix


@pytest.mark.parametrize("p, n", [(2, 3), (2, 40), (3, 4), (3, 20), (5, 6), (6, 30), (11, 12)])
@pytest.mark.parametrize("alpha", [1.01, 1.5, 1.99])
def test_potentials(p, n, alpha):
    """They vanish where the distance is n, all but the rounding of the largest."""
    A = BorderedToeplitz(RieszEntries(p - 2, alpha, potential=n), n, p, 1.0)
    expected = by_entry(n, p, alpha)
    assert np.allclose(A.dense(), expected, rtol=3e-14, atol=1e-15 * expected.max())
    u = np.random.default_rng(0).standard_normal(A.size)
    tolerance = 1e-14 * expected.sum(axis=1).max()
    assert np.allclose(A.along(u), expected @ u, rtol=0, atol=tolerance)
    assert np.allclose(A.along(u, adjoint=True), expected.T @ u, rtol=0, atol=tolerance)


def test_at_alpha_two_potentials_are_values():
    A = BorderedToeplitz(RieszEntries(3, 2.0, potential=12), 12, 5, 1.0)
    assert np.allclose(A.dense().sum(axis=1), 1.0)


def test_other_sizes_are_refused():
    A = BorderedToeplitz(RieszEntries(3, 1.5), 8, 3, 1.0)
    with pytest.raises(InputError, match="u: expected 9 numbers along axis 0"):
        A.along(np.ones((8, 2)), 0)
