import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import polynomial_tail


@pytest.mark.parametrize("degree", [0, 1, 4, 10, 30])
@pytest.mark.parametrize("f", [np.log, np.sqrt, np.exp, lambda x: 1 / x])
def test_bounds_the_truncated_chebyshev_series_sharply(f, degree):
    a, b = 1.0, 2.6
    t = np.polynomial.Chebyshev.interpolate(f, 80, domain=[a, b])
    x = np.linspace(a, b, 2000)
    error = np.abs(f(x) - t.truncate(degree + 1)(x)).max()
    bound = polynomial_tail(f, degree, (a, b))
    # Where all terms have one sign at an end of the interval, the bound is the error there.
    assert error <= bound + 5e-13
    assert bound <= 1.5 * error + 5e-13


def test_inverse_in_closed_form():
    # 1/x on [1, 3] is 1/(2 + t): sum of |c_k| = 2/sqrt(3) rho^-k.
    rho = 2 + np.sqrt(3)
    wanted = 2 / np.sqrt(3) * rho**-6.0 / (1 - 1 / rho)
    assert polynomial_tail(lambda x: 1 / x, 5, (1.0, 3.0)) == pytest.approx(wanted, rel=1e-9)


def test_discs_give_the_tail_of_taylor():
    q = 0.4  # Neumann's series about 1 with ||A - 1|| <= q
    found = polynomial_tail(lambda x: 1 / x, 6, (1 - q, 1 + q), hermitian=False)
    assert found == pytest.approx(q**7 / (1 - q), rel=1e-9)
    A = np.random.default_rng(0).standard_normal((9, 9))
    A = np.eye(9) - q * A / np.linalg.norm(A, 2)
    series = sum(np.linalg.matrix_power(np.eye(9) - A, k) for k in range(7))
    assert np.linalg.norm(np.linalg.inv(A) - series, 2) <= found


def test_singular_functions_and_bad_arguments():
    with pytest.raises(InputError, match="without singularities"):
        polynomial_tail(np.log, 3, (-1.0, 1.0))
    with pytest.raises(InputError, match="without singularities"):
        polynomial_tail(lambda x: 1 / x, 3, (-1.0, 1.0))
    for hermitian in (True, False):
        with pytest.raises(InputError, match="without singularities"):
            polynomial_tail(lambda x: 1 / x, 3, (-1.0, 1.1), hermitian=hermitian)
    for interval in ((2.0, 1.0), (0.0, np.inf), (np.nan, 1.0), 3.0, ("a", "b")):
        with pytest.raises(InputError, match="interval"):
            polynomial_tail(np.exp, 3, interval)
    with pytest.raises(InputError, match="f: expected a function"):
        polynomial_tail("log", 3, (1.0, 2.0))
    with pytest.raises(InputError, match="degree"):
        polynomial_tail(np.exp, -1, (0.0, 1.0))
