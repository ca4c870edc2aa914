import numpy as np
import pytest

from nwidth.solvers.spectral import ChebyshevBasis, LegendreBasis

LOWER, UPPER = -0.5, 2.0


@pytest.fixture(params=["chebyshev", "lobatto", "gauss"])
def build(request):
    def basis(size, lower=LOWER, upper=UPPER):
        if request.param == "chebyshev":
            return ChebyshevBasis(size, lower, upper)
        return LegendreBasis(size, lower, upper, kind=request.param)

    return basis


@pytest.mark.parametrize("degree", [0, 1, 4, 7])
def test_derivatives_of_powers_are_exact(build, degree):
    basis = build(8)
    x, p = basis.points, np.polynomial.Polynomial.basis(degree)
    v = basis.forward(p(x))
    for order in range(4):
        wanted = p.deriv(order)(x) if order else p(x)
        found = basis.backward(basis.derivative(v, order))
        assert np.allclose(found, wanted, rtol=0, atol=1e-13 * 10**order * (1 + abs(wanted).max()))
    assert basis.integral(v) == pytest.approx(p.integ(lbnd=LOWER)(UPPER), rel=1e-13)


@pytest.mark.parametrize("size", [2, 3, 9])
def test_antiderivatives_vanish_at_lower(build, size):
    basis, generator = build(size), np.random.default_rng(2)
    v = generator.normal(size=(4, size)) + 1j * generator.normal(size=(4, size))
    more = build(size + 1)
    w = basis.antiderivative(v)
    assert np.allclose(more.derivative(w)[:, :-1], v, atol=1e-13)
    assert np.allclose(more.evaluate(w, [LOWER, UPPER])[:, 0], 0, atol=1e-14)
    assert np.allclose(more.evaluate(w, [UPPER])[:, 0], basis.integral(v), atol=1e-14)
    assert np.allclose(basis.antiderivative(v.T, axis=0).T, w, atol=1e-15)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_boundary_values(build, order):
    basis = build(9)
    wanted = basis.evaluate(basis.derivative(np.eye(9), order), [LOWER, UPPER])
    assert np.allclose(basis.boundary_values(order), wanted.T, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_interpolation_from_values_and_coefficients(build, size):
    basis, u = build(size), np.random.default_rng(0).normal(size=(2, size))
    x = np.concatenate([np.linspace(LOWER, UPPER, 11), basis.points[:2]])
    wanted = basis.evaluate(basis.forward(u), x)
    assert np.allclose(basis.interpolate(u, x), wanted, atol=1e-12)
    assert np.array_equal(basis.interpolate(u, basis.points), u)
    single = basis.interpolate(u.astype(np.float32), x)
    assert single.dtype == np.float32 and np.allclose(single, wanted, atol=2e-5)


def test_values_are_those_of_single_polynomials(build):
    basis, x = build(6), np.linspace(LOWER, UPPER, 5)
    assert np.allclose(basis.values(x), basis.evaluate(np.eye(6), x).T, atol=1e-14)
    assert basis.values(x, 9).shape == (5, 9)
    assert np.allclose(basis.values(x, 9)[:, :6], basis.values(x), atol=1e-15)


def test_analytic_functions_converge_geometrically(build):
    """1 / (1 + 25 xi^2): errors fall as rho^-n with rho = 0.2 + sqrt(1.04)."""
    rho = 0.2 + np.sqrt(1.04)
    errors, x = [], np.linspace(-1, 1, 301)
    for n in (21, 41, 81):
        basis = build(n, -1.0, 1.0)
        v = basis.forward(1 / (1 + 25 * basis.points**2))
        errors.append(abs(basis.evaluate(v, x) - 1 / (1 + 25 * x**2)).max())
    rates = np.array(errors[:-1]) / errors[1:]
    assert np.all(rates > 0.7 * rho ** np.array([20.0, 40.0])) and errors[-1] < 8 * rho**-81.0
