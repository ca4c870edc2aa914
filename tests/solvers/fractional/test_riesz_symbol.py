"""The symbol against Hurwitz's zeta function and its own Fourier coefficients."""

import mpmath
import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.fractional import RieszMatrix, RieszSymbol


def exact(p, alpha, theta):
    """The sum over all periods in 40 digits."""
    with mpmath.workdps(40):
        s, t = p + 1 - mpmath.mpf(alpha), mpmath.mpf(theta)

        def series(q):
            if p % 2:
                return mpmath.zeta(s, q)
            if s == 1:
                return (mpmath.digamma((q + 1) / 2) - mpmath.digamma(q / 2)) / 2
            return 2**-s * (mpmath.zeta(s, q / 2) - mpmath.zeta(s, (q + 1) / 2))

        q = t / (2 * mpmath.pi)
        total = (series(q) + series(1 - q)) * (2 * mpmath.pi) ** -s
        return float(-((2 * mpmath.sin(t / 2)) ** (p + 1)) * total)


@pytest.mark.parametrize("p", [2, 3, 6, 13, 20])
@pytest.mark.parametrize("alpha", [1.01, 1.5, 1.9999, 2.0])
def test_machine_precision_at_all_angles(p, alpha):
    theta = np.array([1e-6, 0.01, 0.7, 2.0, 3.0, np.pi])
    found = RieszSymbol(p, alpha)(theta)
    expected = [exact(p, alpha, t) for t in theta]
    assert np.allclose(found, expected, rtol=3e-15 + 4e-16 * p, atol=0)


@pytest.mark.parametrize("p, alpha", [(2, 1.2), (3, 1.5), (6, 1.8), (5, 2.0)])
def test_its_coefficients_are_the_entries(p, alpha):
    n = 4096
    matrix = RieszMatrix(n, p, alpha)
    # Coefficients fall as k^{-1-alpha}: the sum over a grid adds those that are n apart.
    values = matrix.symbol(2 * np.pi * np.arange(n) / n)
    found = np.fft.irfft(values[: n // 2 + 1], n)[:20]
    assert np.allclose(found, matrix.toeplitz[:20], atol=30 * n ** (-1 - alpha) * matrix.scale)


def test_even_periodic_and_zero_at_zero():
    f, theta = RieszSymbol(4, 1.3), np.linspace(0, 3, 7)
    assert f(0.0) == 0
    assert np.allclose(f(-theta), f(theta), rtol=1e-14)
    assert np.allclose(f(theta[1:] + 4 * np.pi), f(theta[1:]), rtol=1e-13)
    assert f(theta.astype(np.float32)).dtype == np.float32
    small = f(np.array([1e-4, 2e-4]))
    assert np.isclose(small[1] / small[0], 2**1.3)
    with pytest.raises(NonFiniteError, match="theta: expected finite"):
        f(np.inf)


@pytest.mark.parametrize("alpha", [1.0, 2.1, np.nan, "1.5"])
def test_orders_outside_are_refused(alpha):
    with pytest.raises(InputError, match=r"alpha: expected a number in \(1, 2\]"):
        RieszSymbol(3, alpha)
