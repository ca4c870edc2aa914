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


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("columns", [None, 1, 8, 11])
@pytest.mark.parametrize("block", [7, 100])
def test_blocks_and_columns(adjoint, columns, block):
    """Each block takes the others' values from before the sweep; threads change nothing."""
    A, n = spd(31), 31
    shape = (n,) if columns is None else (n, columns)
    rng = np.random.default_rng(1)
    f, u = rng.standard_normal(shape), rng.standard_normal(shape)
    smoother = GaussSeidel(A, np.float64, block, columns)
    dense, inside = A.toarray(), np.zeros((n, n))
    for start in range(0, n, block):
        s = slice(start, start + block)
        inside[s, s] = 1
    d = np.diag(dense)
    d = np.maximum(d, d / 2 + 0.75 * np.abs(dense * (1 - inside)).sum(axis=1))
    d = d if block < n else np.diag(dense)
    M = np.diag(d) + (np.triu if adjoint else np.tril)(dense * inside, 1 if adjoint else -1)
    expected = u + np.linalg.solve(M, f - dense @ u)
    results = []
    for threaded in (False, True):
        v = u.copy()
        smoother.operator.threaded = threaded
        smoother.smooth(v, f, adjoint=adjoint)
        results.append(v)
    np.testing.assert_allclose(results[0], expected, atol=1e-12)
    np.testing.assert_array_equal(results[0], results[1])


def test_blocks_converge_where_entries_outside_are_large():
    """Plain sweeps of single points are Jacobi's, which diverge for this matrix."""
    A = sp.csr_array(np.full((6, 6), 0.9) + 0.1 * np.eye(6))
    u, f = np.ones(6), np.zeros(6)
    GaussSeidel(A, np.float64, 1).smooth(u, f, 2000)
    assert np.abs(u).max() < 1e-6
