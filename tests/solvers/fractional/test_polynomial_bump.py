import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma

from nwidth.errors import InputError
from nwidth.solvers.fractional import PolynomialBump


@pytest.mark.parametrize("alpha", [1.2, 1.7])
def test_riesz_derivative_is_minus_the_fractional_laplacian(alpha):
    """-C integral over y > 0 of (2 u(x) - u(x + y) - u(x - y)) / y^{1 + alpha}."""
    u, x = PolynomialBump(5, (-1.0,), (2.0,)), 0.3
    C = 2**alpha * gamma((1 + alpha) / 2) / np.sqrt(np.pi) / abs(gamma(-alpha / 2))
    near = quad(lambda y: (2 * u(x) - u(x + y) - u(x - y)) / y ** (1 + alpha), 1e-3, 4, limit=400)
    h = 1e-3
    second = (2 * u(x) - u(x + h) - u(x - h)) / h**2
    total = near[0] + second * h ** (2 - alpha) / (2 - alpha) + 2 * u(x) / (alpha * 4**alpha)
    assert float(u.riesz([x], 0, alpha)) == pytest.approx(-C * total, rel=1e-6)


def test_the_source_is_the_sum_over_directions():
    u = PolynomialBump(3, (0.0, 1.0), (2.0, 4.0))
    x = np.meshgrid([0.5, 1.0], [2.0, 3.0], indexing="ij")
    one, two = u.riesz(x, 0, 1.5), u.riesz(x, 1, 1.8)
    assert np.allclose(u.source(x, (1.5, 1.8), (2.0, x[0])), -2 * one - x[0] * two)
    assert u(*x).shape == (2, 2)
    assert u(0.0, 2.0) == 0


def test_bad_input():
    u = PolynomialBump(4, (0.0, 0.0), (1.0, 1.0))
    with pytest.raises(InputError, match="expected 2 coordinates"):
        u(0.5)
    with pytest.raises(InputError, match="expected numbers"):
        u("a", 0.5)
    with pytest.raises(InputError, match="axis"):
        u.riesz([0.5, 0.5], 2, 1.5)
    with pytest.raises(InputError, match="alpha"):
        u.riesz([0.5, 0.5], 0, 1.0)
    with pytest.raises(InputError, match="2 of each"):
        u.source([0.5, 0.5], [1.5], [1.0])
