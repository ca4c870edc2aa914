import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.bsplines.banded_matrix import BandedOperator

RNG = np.random.default_rng(5)


def rows(n, width, turn, dtype=np.float64, columns=None):
    """Rows of `width` entries from column i + turn on, around the circle, one of them large."""
    values = RNG.standard_normal((n, width))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RNG.standard_normal((n, width))
    values[:, width // 2] += 2 * width
    columns = n if columns is None else columns
    return BandedOperator.from_rows(values.astype(dtype), (np.arange(n) + turn) % columns, columns)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(("n", "width", "turn"), [(40, 5, -2), (41, 4, 0), (40, 3, 17), (7, 5, -2)])
def test_circles_are_solved_as_dense_matrices(n, width, turn, dtype):
    A = rows(n, width, turn, dtype)
    dense, b = A.to_dense(), RNG.standard_normal((3, n, 2)).astype(dtype)
    eps = np.finfo(dtype).eps
    x = A.solve(b, axis=1)
    assert x.dtype == dtype
    exact = np.linalg.solve(dense.astype(np.complex128), b.astype(np.complex128))
    np.testing.assert_allclose(x, exact, atol=100 * eps)
    adjoint = A.solve(b, axis=-2, adjoint=True)
    np.testing.assert_allclose(dense.conj().T @ adjoint, b, atol=300 * eps)
    np.testing.assert_allclose(A.apply_along(b, 1), dense @ b, atol=100 * eps)
    if turn == -2 and n > 7:
        assert A.periodic and A.bandwidths == (2, 2)


def test_plain_bands_and_bandwidths():
    dense = np.triu(np.tril(RNG.standard_normal((30, 30)), 2), -1) + 5 * np.eye(30)
    A = BandedOperator(dense)
    assert A.bandwidths == (1, 2) and not A.periodic
    b = RNG.standard_normal(30) + 1j * RNG.standard_normal(30)
    np.testing.assert_allclose(dense @ A.solve(b), b, atol=1e-14)
    assert A.reciprocal_condition == pytest.approx(1 / np.linalg.cond(dense, 1), rel=0.5)
    both = A.plus(BandedOperator(np.eye(30)), -2.0)
    np.testing.assert_allclose(both.to_dense(), dense - 2 * np.eye(30))


def test_pivots_are_taken_where_a_bordered_elimination_would_divide_by_zero():
    n = 10
    shift = np.roll(np.eye(n), 1, axis=1)
    dense = shift - 0.5 * shift.T
    assert np.linalg.matrix_rank(dense[:-1, :-1]) == n - 2  # with its corners it is regular
    A, b = BandedOperator(dense), RNG.standard_normal(n)
    assert A.periodic and A.bandwidths == (1, 1)
    np.testing.assert_allclose(dense @ A.solve(b), b, atol=1e-14)


def test_what_is_promised_of_a_sum():
    eye = BandedOperator(np.eye(3), {"symmetric", "positive definite"})
    assert eye.plus(eye).properties == {"symmetric", "positive definite"}
    assert eye.plus(eye, -1.0).properties == {"symmetric"}
    assert eye.plus(eye, 1j).properties == frozenset()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_rows_and_columns_of_very_different_size_are_balanced(dtype):
    A = RNG.standard_normal((12, 12)) * (abs(np.subtract.outer(np.arange(12), np.arange(12))) < 3)
    A = (A + 5 * np.eye(12)).astype(dtype)
    rows, columns = (np.exp2(RNG.integers(-40, 40, 12)).astype(A.real.dtype) for _ in range(2))
    graded = BandedOperator(rows[:, None] * A * columns)
    for adjoint in (False, True):
        x = RNG.standard_normal((12, 2)).astype(dtype)
        left, right = (columns, rows) if adjoint else (rows, columns)
        b = left[:, None] * ((A.conj().T if adjoint else A) @ x)
        found = right[:, None] * graded.solve(b, adjoint=adjoint)
        np.testing.assert_allclose(found, x, atol=100 * np.finfo(dtype).eps * abs(x).max())
    with pytest.raises(InputError, match="singular"):
        BandedOperator(rows[:, None] * np.ones((12, 12)) * columns).solve(np.ones(12))


def test_what_cannot_be_solved_is_told():
    with pytest.raises(InputError, match="square"):
        rows(6, 2, 0, columns=7).solve(np.ones(6))
    with pytest.raises(InputError, match="singular"):
        rows_of_ones = BandedOperator.from_rows(np.ones((6, 2)), np.arange(6), 6)
        rows_of_ones.solve(np.ones(6))
    with pytest.raises(InputError, match="near the diagonal"):
        far = sp.eye_array(30000) + sp.eye_array(30000, k=15000) + sp.eye_array(30000, k=-11000)
        BandedOperator(far).solve(np.ones(30000))
    with pytest.raises(InputError, match="along axis 1"):
        rows(6, 3, -1).solve(np.ones((6, 5)), axis=1)
    with pytest.raises(NonFiniteError):
        rows(6, 3, -1).solve(np.full(6, np.nan))
    with pytest.raises(InputError, match="columns from 0 to 3"):
        BandedOperator.from_rows(np.ones((2, 2)), [0, 4], 4)
    with pytest.raises(InputError, match="rows, width"):
        BandedOperator.from_rows(np.ones((2, 2)), [0.0, 1.0], 4)
    with pytest.raises(InputError, match="expected integers"):
        BandedOperator.from_rows(np.ones((2, 2)), [[0], [1, 2]], 4)
    with pytest.raises(InputError, match="one shape"):
        rows(6, 3, -1).plus(BandedOperator(sp.eye_array(5)))
