from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.compensated_matrix import CompensatedMatrix, compensated_combination


def exact(A, V, high, low):
    """(high + low) - A V in rational numbers, real and imaginary parts."""

    def parts(z):
        return Fraction(float(z.real)), Fraction(float(z.imag))

    out = []
    for i, k in np.ndindex(high.shape):
        real, imag = (a + b for a, b in zip(parts(high[i, k]), parts(low[i, k]), strict=True))
        for j in range(A.shape[1]):
            (a, b), (c, d) = parts(A[i, j]), parts(V[j, k])
            real, imag = real - (a * c - b * d), imag - (a * d + b * c)
        out.append((real, imag))
    return out


@pytest.mark.parametrize("kinds", ["rr", "rc", "cr", "cc"])
@pytest.mark.parametrize("shape", [(7, 5, 3), (4, 6, 1), (1, 1, 4)])
def test_remainders_agree_with_rational_numbers_within_the_allowance(kinds, shape):
    rng = np.random.default_rng(3)
    rows, columns, m = shape

    def draw(kind, *shape):
        a = rng.standard_normal(shape)
        return a + 1j * rng.standard_normal(shape) if kind == "c" else a

    A, V = draw(kinds[0], rows, columns), draw(kinds[1], columns, m)
    A[rng.random(A.shape) < 0.3] = 0
    product = CompensatedMatrix(sp.csr_array(A))
    high = A @ V  # all but rounding cancels
    low = 1e-18 * draw(kinds[1], rows, m) * np.ones(high.shape)
    h, w = product.subtract(V, high, low)
    allowance = product.allowance(V, high)
    truth = exact(A, V, high, low)
    for (real, imag), a, b, limit in zip(
        truth, h.ravel(), w.ravel(), allowance.ravel(), strict=True
    ):
        for part, x, y in ((real, a.real, b.real), (imag, a.imag, b.imag)):
            assert abs(float(Fraction(float(x)) + Fraction(float(y)) - part)) <= limit
            assert abs(y) <= 2.0**-53 * abs(x)
    assert 0 < np.abs(h).max() < 1e-14
    assert (allowance < 1e-25).all()


def test_arguments_stay_as_they_are_and_dense_is_sparse():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    V, high, low = np.eye(2), np.ones((2, 2)), np.zeros((2, 2))
    h, w = CompensatedMatrix(A).subtract(V, high, low)
    assert h.tolist() == [[0.0, -1.0], [-2.0, -3.0]] and not w.any()
    assert (high == 1).all() and (low == 0).all()


def test_what_does_not_fit_is_refused():
    product = CompensatedMatrix(np.ones((3, 2)))
    good = np.ones((2, 1)), np.ones((3, 1)), np.zeros((3, 1))
    product.subtract(*good)
    for k in range(3):
        bad = list(good)
        bad[k] = np.ones((4, 1))
        with pytest.raises(InputError, match="shape"):
            product.subtract(*bad)
        bad[k] = np.full(good[k].shape, np.nan)
        with pytest.raises(NonFiniteError):
            product.subtract(*bad)


@pytest.mark.parametrize("kind", ["rr", "rc", "cr", "cc"])
def test_combinations_agree_with_rational_numbers(kind):
    rng = np.random.default_rng(4)
    V, w = rng.standard_normal((3, 6)), rng.standard_normal(3)
    V = V + 1j * rng.standard_normal(V.shape) if kind[0] == "c" else V
    w = w + 1j * rng.standard_normal(3) if kind[1] == "c" else w
    high, low = compensated_combination(V, w)
    truth = exact(-V.T, w[:, None], np.zeros((6, 1)), np.zeros((6, 1)))
    limit = (10 * 2.0**-52) ** 2 * (np.abs(w) @ np.abs(V))
    for (real, imag), a, b, most in zip(truth, high, low, limit, strict=True):
        for part, x, y in ((real, a.real, b.real), (imag, a.imag, b.imag)):
            assert abs(float(Fraction(float(x)) + Fraction(float(y)) - part)) <= most
    with pytest.raises(InputError, match="weights"):
        compensated_combination(V, w[:2])
    with pytest.raises(NonFiniteError, match="vectors"):
        compensated_combination(V * np.nan, w)
