from decimal import Decimal, getcontext
from math import factorial

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping import phi_functions


def exact(k, z):
    """phi_k(z) by its series, in 90 digits."""
    getcontext().prec = 90
    z, term, total = Decimal(z), Decimal(1) / factorial(k), Decimal(0)
    for j in range(400):
        total += term
        term *= z / (j + k + 1)
    return float(total)


def test_all_digits_from_tiny_to_large():
    z = np.concatenate([s * np.geomspace(1e-9, 50, 80) for s in (1, -1)])
    z = np.concatenate([z, [0.0, -1.0, 1.0, 2.0, -2.0, 4.0, -4.0]])
    found = phi_functions(z, 4)
    for k in range(5):
        wanted = np.array([exact(k, x) for x in z])
        assert np.abs(found[k] / wanted - 1).max() < 4e-15


@pytest.mark.parametrize("last", [5, 6, 9, 15, 25])
def test_later_functions_keep_their_digits(last):
    z = np.array([s * r for s in (1, -1) for r in (0, 1e-9, 0.3, 1.99, 2.01, 3.9, 4.1, 8, 20, 45)])
    found = phi_functions(z, last)
    for k in range(last + 1):
        wanted = np.array([exact(k, x) for x in z])
        assert np.abs(found[k] / wanted - 1).max() < 4e-14
    assert np.allclose(phi_functions(z + 0j, last), found, rtol=4e-14, atol=0)
    turned = 1j * z  # whose recurrence is another check
    phi = phi_functions(turned, last)
    for k in range(last):
        rest = turned * phi[k + 1] + 1 / factorial(k) - phi[k]
        assert np.allclose(rest * factorial(k), 0, atol=1e-13)


def test_complex_numbers_follow_the_recurrence():
    generator = np.random.default_rng(0)
    z = generator.normal(size=(7, 9)) * 5 + 1j * generator.normal(size=(7, 9)) * 20
    phi = phi_functions(z, 3)
    assert phi.shape == (4, 7, 9)
    for k in range(3):
        assert np.allclose(z * phi[k + 1] + 1 / factorial(k), phi[k], rtol=1e-13, atol=1e-14)
    real = phi_functions(z.real, 3)
    assert np.allclose(phi_functions(z.real + 0j, 3), real, rtol=4e-15, atol=0)


def test_strong_decay_does_not_overflow_or_warn():
    phi = phi_functions([-1e6, -800.0, -1e300], 3)
    assert phi[0].tolist() == [0.0, 0.0, 0.0]
    assert np.allclose(phi[1], [1e-6, 1 / 800, 1e-300], rtol=1e-15)


def test_what_is_no_number_is_refused():
    with pytest.raises(NonFiniteError, match="z"):
        phi_functions([0.0, np.nan], 1)
    with pytest.raises(InputError, match="last"):
        phi_functions([0.0], -1)
