"""The matrix against its entries in exact arithmetic, products against the dense twin."""

from fractions import Fraction

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.bsplines import BSplineBasis
from nwidth.solvers.fractional import RieszMatrix, RieszPreconditioner
from nwidth.solvers.fractional.riesz_entries import RieszEntries, unit_function

SIZES = [(2, 3), (2, 9), (3, 4), (3, 40), (4, 5), (5, 6), (6, 30), (9, 10), (12, 13)]


def by_entry(n, p, alpha):
    """Every entry by truncated powers, in as many digits as they need."""
    entries = RieszEntries(p, alpha)
    knots = [min(max(i - p, 0), n) for i in range(n + 2 * p + 1)]
    points = [Fraction(sum(knots[i + 1 : i + p + 1]), p) for i in range(1, n + p - 1)]
    matrix = np.empty((n + p - 2, n + p - 2))
    for i, x in enumerate(points):
        for j in range(1, n + p - 1):
            mirrored = j >= n
            function = unit_function(p, min(n + p - 1 - j if mirrored else j, p))
            at = n - x if mirrored else x - max(j - p, 0)
            matrix[i, j - 1] = entries.near(function, at)
    return matrix * n**alpha


@pytest.mark.parametrize("p, n", SIZES)
@pytest.mark.parametrize("alpha", [1.01, 1.5, 1.99])
def test_all_entries(p, n, alpha):
    found, expected = RieszMatrix(n, p, alpha).dense(), by_entry(n, p, alpha)
    assert np.allclose(found, expected, rtol=4e-15, atol=0)


@pytest.mark.parametrize("p, n", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_the_dense_matrix(p, n, dtype):
    A = RieszMatrix(n, p, 1.3, lower=-1.0, upper=2.0)
    D, size = A.dense(), A.size
    tolerance = 30 * np.finfo(dtype).eps * np.abs(D).sum(axis=1).max()
    u = np.random.default_rng(0).standard_normal((3, size)).astype(dtype)
    for row in u:
        assert A.apply(row).dtype == dtype
        assert np.allclose(A.apply(row), D @ row, rtol=0, atol=tolerance)
        assert np.allclose(A.adjoint(row), D.T @ row, rtol=0, atol=tolerance)
    assert np.allclose(A.along(u.T, 0), D @ u.T, rtol=0, atol=tolerance)
    assert np.allclose(A.along(u, adjoint=True), u @ D, rtol=0, atol=tolerance)
    z = u[0] + 1j * u[1]
    assert np.allclose(A.apply(z), D @ z, rtol=0, atol=2 * tolerance)


@pytest.mark.parametrize("p", [2, 3, 5])
def test_at_alpha_two_it_is_collocation_of_the_second_derivative(p):
    A = RieszMatrix(11, p, 2.0, upper=3.0)
    expected = A.basis.matrix(A.points, 2).toarray()[:, 1:-1]
    assert isinstance(A.basis, BSplineBasis)
    assert np.allclose(A.dense(), expected, atol=1e-12 * np.abs(expected).max())


def test_eigenvalues_have_negative_real_parts():
    for p, alpha in ((2, 1.2), (3, 1.5), (6, 1.8)):
        assert np.linalg.eigvals(RieszMatrix(40, p, alpha).dense()).real.max() < 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((8, 1, 1.5), "degree: expected an integer >= 2"),
        ((30, 21, 1.5), "degree: expected 2 to 20"),
        ((5, 5, 1.5), "intervals: expected at least degree . 1 = 6, got 5; lower the degree"),
        ((8, 3, 1.0), r"alpha: expected a number in \(1, 2\], got 1.0"),
        ((8, 3, np.nan), "alpha: expected"),
        ((8, 3, 1.5, 1.0, 1.0), "upper: expected a number above lower = 1.0"),
        ((8, 3, 1.5, 0.0, np.inf), "upper: expected"),
        ((8, 3, 1.5, 0.0, 1e-250), "lower, upper: expected an interval"),
        ((8, 3, 1.5, 1e16, 1e16 + 2), "lower, upper: expected knots that are 100 floating-point"),
    ],
)
def test_what_has_no_matrix_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        RieszMatrix(*arguments)


@pytest.mark.parametrize("kind", [RieszMatrix, RieszPreconditioner])
def test_what_holds_no_vectors_is_refused(kind):
    A = RieszMatrix(8, 3, 1.5)
    A = A if kind is RieszMatrix else kind(A)
    for u, axis in (
        (np.ones((8, 2)), 0),
        (np.ones((2, 9)), 2),
        (np.ones((2, 9)), "1"),
        (1.0, -1),
    ):
        with pytest.raises(InputError, match=f"u: expected 9 numbers along axis {axis!r}, got"):
            A.along(u, axis)
    with pytest.raises(InputError, match="u: expected real numbers, got dtype complex128"):
        A.along(1j * np.ones(9))
    with pytest.raises(InputError, match="u: expected numbers, got dtype <U1"):
        A.along(["a"] * 9)
    assert np.array_equal(A.along([1] * 9), A.along(np.ones(9)))
