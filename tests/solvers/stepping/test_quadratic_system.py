import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping import QuadraticSystem


def system_of(n, symbol=0.0, dtype="float64"):
    k = np.arange(n // 2 + 1.0)
    factor = np.where(3 * k < n, -0.5j * k, 0)
    return QuadraticSystem(FastFourier(n, dtype=dtype), symbol * k**2, factor)


@pytest.mark.parametrize("n", [12, 15, 128])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_term_is_the_product_of_series(n, dtype):
    system, rng = system_of(n, dtype=dtype), np.random.default_rng(n)
    k = np.arange(-(n // 3 - 1), n // 3)
    half = (rng.normal(size=len(k) // 2) + 1j * rng.normal(size=len(k) // 2)) / len(k)
    series = np.concatenate([half[::-1].conj(), [0.3], half])
    v = np.zeros(n // 2 + 1, system.transform.complex)
    v[: n // 3] = series[len(k) // 2 :]
    system.nonlinear(0.0, v, out := np.empty_like(v))
    squares = np.convolve(series, series)[len(series) - 1 :]  # of modes from zero on
    exact = system.factor[: n // 3] * squares[: n // 3]
    assert out.dtype == v.dtype and not out[3 * np.arange(len(v)) >= n].any()
    assert abs(out[: n // 3] - exact).max() < 50 * np.finfo(dtype).eps * abs(exact).max()


def test_the_rate_counts_the_modes_that_are_not_held():
    system = system_of(24, -0.1)
    v = np.zeros(13, complex)
    v[0] = 3.0  # speed 3: rates 3 k up to k = 7, decay 0.1 k^2
    assert system.rate(0.0, v) == system.undamped_rate(0.0, v, 0.0) == pytest.approx(21.0)
    assert system.undamped_rate(0.0, v, 0.5) == pytest.approx(21.0)
    assert system.undamped_rate(0.0, v / 9, 0.5) == pytest.approx(6 / 3)
    assert system.undamped_rate(0.0, v / 100, 0.5) == 0
    assert system_of(24, 1j).undamped_rate(0.0, v, 0.5) == pytest.approx(21.0)


def test_bad_input():
    with pytest.raises(InputError, match="real functions in one dimension"):
        QuadraticSystem(FastFourier((8, 8)), np.zeros((8, 5)), np.zeros((8, 5)))
    with pytest.raises(InputError, match="transform"):
        QuadraticSystem(None, np.zeros(5), np.zeros(5))
    with pytest.raises(InputError, match="symbol"):
        QuadraticSystem(FastFourier(8), np.zeros(4), np.zeros(5))
    with pytest.raises(InputError, match="factor"):
        QuadraticSystem(FastFourier(8), np.zeros(5), np.zeros(4))
    with pytest.raises(NonFiniteError, match="factor"):
        QuadraticSystem(FastFourier(8), np.zeros(5), np.full(5, np.nan))
