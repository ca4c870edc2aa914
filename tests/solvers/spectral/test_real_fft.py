import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral.real_fft import RealFFT

SIZES = [n for n in range(1, 16385) if RealFFT.takes(n)]


def test_sizes_are_those_of_the_first_stage_and_small_factors():
    expected = {
        128 * 2**a * 3**b * 5**c for a in range(8) for b in range(6) for c in range(4)
    }  # fmt: skip
    assert set(SIZES) == {n for n in expected if n <= 16384}
    assert not any(RealFFT.takes(n) for n in (-128, 0, 1, 64, 127, 7 * 128, 128 * 49))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_with_numpy_at_every_size(dtype):
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    for n in SIZES:
        u, transform = rng.standard_normal(n).astype(dtype), RealFFT(n, dtype)
        exact = np.fft.rfft(u.astype(float)) / n
        # Roundings of log2 n stages add up like a random walk: Schatzman (1996).
        bound = eps * np.sqrt(np.log2(n))
        v = transform.forward(u)
        assert v.dtype == np.result_type(dtype, np.complex64)
        assert np.linalg.norm(v - exact) < bound * np.linalg.norm(exact), n
        back = transform.backward(exact)
        assert back.dtype == dtype
        assert np.linalg.norm(back - u) < bound * np.linalg.norm(u), n


@pytest.mark.parametrize("n", [128, 640, 1152])
def test_single_waves(n):
    transform, x = RealFFT(n), 2 * np.pi * np.arange(n) / n
    for k in (0, 1, n // 4, n // 2 - 1, n // 2):
        v = transform.forward(np.cos(k * x))
        expected = np.zeros(n // 2 + 1)
        expected[k] = 1.0 if k in (0, n // 2) else 0.5
        assert abs(v - expected).max() < 1e-13
        assert abs(transform.backward(expected + 0j) - np.cos(k * x)).max() < 1e-12


def test_backward_ignores_what_no_real_function_has():
    v = np.random.default_rng(1).standard_normal((65, 2)) @ [1, 1j]
    real = v.copy()
    real[[0, -1]] = real[[0, -1]].real
    transform = RealFFT(128)
    assert np.array_equal(transform.backward(v), transform.backward(real))


def test_bad_input():
    with pytest.raises(InputError, match="expected 128 2"):
        RealFFT(100)
    with pytest.raises(InputError, match="dtype"):
        RealFFT(128, "int32")
    with pytest.raises(InputError, match="u"):
        RealFFT(128).forward(np.ones(129))
    for numbers in (1j * np.ones(128), np.ones(128, np.complex64)):
        with pytest.raises(InputError, match="u: expected real numbers, got complex"):
            RealFFT(128).forward(numbers)
    with pytest.raises(InputError, match="u: expected numbers"):
        RealFFT(128).forward(["a"] * 128)
    with pytest.raises(InputError, match="v: expected numbers"):
        RealFFT(128).backward(["a"] * 65)
    for odd in (127, 129, 1):
        with pytest.raises(InputError, match="expected 128 2"):
            RealFFT(odd)
    with pytest.raises(InputError, match="v"):
        RealFFT(128).backward(np.ones(128))
