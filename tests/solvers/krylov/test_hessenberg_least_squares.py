import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.solvers.krylov.hessenberg_least_squares import HessenbergLeastSquares


def columns(kind, samples, m, seed):
    rng = np.random.default_rng(seed)
    for j in range(m):
        h = rng.standard_normal((samples, j + 1))
        if kind is np.complex128:
            h = h + 1j * rng.standard_normal((samples, j + 1))
        yield h, rng.random(samples)


@given(st.integers(1, 8), st.integers(1, 3), st.sampled_from([np.float64, np.complex128]))
@settings(max_examples=30, deadline=None)
def test_agrees_with_dense_least_squares_at_every_column(m, samples, kind):
    beta = np.arange(1.0, samples + 1)
    fit = HessenbergLeastSquares(beta, m, kind)
    for j, (h, size) in enumerate(columns(kind, samples, m, m)):
        norms = fit.append(h, size)
        y = fit.solution(np.full(samples, j + 1))
        for s in range(samples):
            H = fit.H[s, : j + 2, : j + 1]
            right = beta[s] * np.eye(j + 2)[0]
            expected = np.linalg.lstsq(H, right, rcond=None)[0]
            np.testing.assert_allclose(y[s], expected, atol=1e-8 * max(1, abs(expected).max()))
            np.testing.assert_allclose(norms[s], np.linalg.norm(right - H @ y[s]), atol=1e-10)


def test_samples_may_use_fewer_columns():
    fit = HessenbergLeastSquares(np.ones(2), 3, np.float64)
    for h, size in columns(np.float64, 2, 3, 0):
        fit.append(h, size)
    y = fit.solution(np.array([2, 0]))
    expected = np.linalg.lstsq(fit.H[0, :3, :2], np.eye(3)[0], rcond=None)[0]
    np.testing.assert_allclose(y[0, :2], expected)
    assert y[0, 2] == 0 and not y[1].any()


def test_a_dependent_column_changes_nothing():
    """A = diag(1, 0): the Krylov space of (1, 1) ends before the residual does."""
    fit = HessenbergLeastSquares(np.array([np.sqrt(2.0)]), 2, np.float64)
    assert fit.append(np.array([[0.5]]), np.array([0.5]))[0] == pytest.approx(1.0)
    assert fit.append(np.array([[0.5, 0.5]]), np.array([0.0]))[0] == pytest.approx(1.0)
    y = fit.solution(np.array([2]))[0]
    residual = np.array([np.sqrt(2), 0]) - np.full((2, 2), 0.5) @ y
    assert np.linalg.norm(residual) == pytest.approx(1.0)


def test_nan_is_told():
    fit = HessenbergLeastSquares(np.array([1.0]), 1, np.float64)
    assert np.isnan(fit.append(np.array([[np.nan]]), np.array([np.nan])))[0]
