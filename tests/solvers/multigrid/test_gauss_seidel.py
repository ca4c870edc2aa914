import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.solvers.multigrid import GaussSeidel


def spd(n, seed=0):
    rng = np.random.default_rng(seed)
    B = sp.random_array((n, n), density=0.15, rng=rng)
    return (B @ B.T + sp.eye_array(n)).tocsr()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 30, 31])
@pytest.mark.parametrize("sweeps", [1, 2])
def test_same_as_triangular_solves(dtype, n, sweeps):
    A = spd(n)
    rng = np.random.default_rng(1)
    f, u = rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)
    dense = A.toarray()
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for adjoint, triangle in ((False, np.tril(dense)), (True, np.triu(dense))):
        expected, v = u.astype(np.float64), u.copy()
        for _ in range(sweeps):
            expected = expected + np.linalg.solve(triangle, f - dense @ expected)
        GaussSeidel(A, dtype).smooth(v, f, sweeps, adjoint=adjoint)
        assert v.dtype == dtype
        np.testing.assert_allclose(v, expected, atol=tolerance * max(1, np.abs(expected).max()))


def test_from_zero():
    A, f = spd(20), np.ones(20)
    u, v = np.full(20, np.nan), np.zeros(20)
    GaussSeidel(A, np.float64).smooth(u, f, from_zero=True)
    GaussSeidel(A, np.float64).smooth(v, f)
    np.testing.assert_array_equal(u, v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_residual(dtype):
    A = spd(40)
    rng = np.random.default_rng(1)
    f, u = rng.standard_normal(40).astype(dtype), rng.standard_normal(40).astype(dtype)
    out = np.empty_like(f)
    GaussSeidel(A, dtype).residual_into(out, f, u)
    expected = f - A @ u.astype(np.float64)
    np.testing.assert_allclose(out, expected, atol=100 * np.finfo(dtype).eps * np.abs(A).max())


def test_single_precision_sees_low_couplings_between_high_ones():
    """A stiff pair tied to the ground by a coupling that float32 entries alone would lose."""
    stiff = 1e9
    A = sp.csr_array(np.array([[stiff + 1.0, -stiff], [-stiff, stiff + 1.0]]))
    out = np.empty(2, np.float32)
    GaussSeidel(A, np.float32).residual_into(out, np.zeros(2, np.float32), np.ones(2, np.float32))
    np.testing.assert_allclose(out, [-1.0, -1.0], rtol=1e-5)


def test_non_finite_numbers_are_not_lost():
    u = np.ones(5)
    GaussSeidel(spd(5), np.float64).smooth(u, np.array([1.0, np.nan, 1.0, 1.0, 1.0]))
    assert np.isnan(u).any()
