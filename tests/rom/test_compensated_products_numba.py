from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.rom._compensated_products_numba import subtract_combination, subtract_product


def exact(start, terms):
    return Fraction(float(start)) - sum(
        (Fraction(float(a)) * Fraction(float(b)) for a, b in terms), Fraction(0)
    )


def error(high, low, truth):
    return abs(float(Fraction(float(high)) + Fraction(float(low)) - truth))


@pytest.mark.parametrize(("count", "n"), [(0, 3), (1, 1), (5, 513), (8, 1024), (17, 37)])
def test_combinations_agree_with_rational_numbers(count, n):
    rng = np.random.default_rng(0)
    Q, y = (
        rng.standard_normal((count, n)) * 10.0 ** rng.integers(-9, 9, n),
        rng.standard_normal(count),
    )
    start = y @ Q
    high, low = start.copy(), np.zeros(n)
    subtract_combination(Q, y, high, low)
    for i in {0, n // 2, n - 1}:
        scale = np.abs(start[i]) + np.abs(y) @ np.abs(Q[:, i])
        truth = exact(start[i], zip(y, Q[:, i], strict=True))
        assert error(high[i], low[i], truth) <= (count + 2) ** 2 * 1e-32 * scale


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 9, 2), (8, 6, 3)])
def test_matrix_products_agree_with_rational_numbers(shape):
    rng = np.random.default_rng(0)
    rows, columns, m = shape
    A = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.6)
    V = rng.standard_normal((columns, m))
    high = A @ V
    start, low = high.copy(), np.zeros((rows, m))
    C = sp.csr_array(A)
    subtract_product(C.indptr, C.indices, C.data, V, high, low)
    for i, k in np.ndindex(rows, m):
        truth = exact(start[i, k], zip(A[i], V[:, k], strict=True))
        scale = np.abs(start[i, k]) + np.abs(A[i]) @ np.abs(V[:, k])
        assert error(high[i, k], low[i, k], truth) <= (columns + 2) ** 2 * 1e-32 * scale
