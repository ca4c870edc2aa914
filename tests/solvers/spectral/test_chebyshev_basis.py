import numpy as np
import pytest

from nwidth.meshes import Axis
from nwidth.solvers.spectral import ChebyshevBasis


@pytest.mark.parametrize("n", [2, 3, 10, 17])
def test_numpy_has_the_same_polynomials(n):
    basis, v = ChebyshevBasis(n), np.random.default_rng(n).normal(size=n)
    series = np.polynomial.chebyshev.Chebyshev(v)
    assert np.allclose(basis.backward(v), series(basis.points), atol=1e-14)
    slope = np.zeros(n)
    slope[: n - 1] = series.deriv().coef
    assert np.allclose(basis.derivative(v), slope, atol=1e-12)
    assert np.array_equal(basis.points, Axis.chebyshev(n).points)


@pytest.mark.parametrize("n", [2, 3, 6, 9, 64])
def test_weights_are_positive_and_exact(n):
    basis = ChebyshevBasis(n, 0.0, 2.0)
    assert np.all(basis.weights > 0)
    for k in range(n):
        exact = 2.0 ** (k + 1) / (k + 1)
        assert basis.weights @ basis.points**k == pytest.approx(exact, rel=1e-13)


def test_round_off_at_two_thousand_points():
    basis = ChebyshevBasis(2049)
    x = basis.points
    v = basis.forward(np.cos(300 * x + 1))
    assert abs(v[600:]).max() < 1e-14
    slope = basis.backward(basis.derivative(v))
    assert abs(slope + 300 * np.sin(300 * x + 1))[1:-1].max() < 1e-7
    # The integral of the slope loses only what the rounded 300 x has lost.
    again = basis.antiderivative(basis.forward(-300 * np.sin(300 * x + 1)))[:-1]
    again[0] += np.cos(-299)
    assert abs(basis.backward(again) - np.cos(300 * x + 1)).max() < 1e-12
