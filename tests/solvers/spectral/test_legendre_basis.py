import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import LegendreBasis
from nwidth.solvers.spectral.legendre_basis import gauss_quadrature, lobatto_quadrature


@pytest.mark.parametrize("kind", ["lobatto", "gauss"])
@pytest.mark.parametrize("n", [2, 3, 10, 17])
def test_numpy_has_the_same_polynomials(n, kind):
    basis, v = LegendreBasis(n, kind=kind), np.random.default_rng(n).normal(size=n)
    series = np.polynomial.legendre.Legendre(v)
    assert np.allclose(basis.backward(v), series(basis.points), atol=1e-14)
    slope = np.zeros(n)
    slope[: n - 1] = series.deriv().coef
    assert np.allclose(basis.derivative(v), slope, atol=1e-12)


@pytest.mark.parametrize("n", [2, 5, 32, 33])
@pytest.mark.parametrize(("rule", "degree"), [(gauss_quadrature, -1), (lobatto_quadrature, -3)])
def test_quadrature_is_exact_to_its_degree(rule, degree, n):
    x, w = rule(n)
    series = np.polynomial.legendre.legvander(x, 2 * n + 2)
    moments = w @ series
    moments[0] -= 2
    last = 2 * n + degree
    assert abs(moments[: last + 1]).max() < 1e-14
    assert abs(moments[last + 1]) > 1e-3
    assert np.array_equal(x, -x[::-1]) and np.array_equal(w, w[::-1])


@pytest.mark.parametrize("n", [1, 2, 7, 50])
def test_numpy_has_the_same_gauss_points(n):
    for one, other in zip(gauss_quadrature(n), np.polynomial.legendre.leggauss(n), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rule", [gauss_quadrature, lobatto_quadrature])
def test_a_thousand_points_are_distinct(rule):
    x, w = rule(1000)
    assert np.all(np.diff(x) > 2e-6) and w.sum() == pytest.approx(2, rel=1e-14)
    assert w @ np.cos(300 * x) == pytest.approx(2 * np.sin(300) / 300, abs=1e-14)


def test_other_kinds_are_refused():
    with pytest.raises(InputError, match="kind: expected one of lobatto, gauss"):
        LegendreBasis(4, kind="radau")
