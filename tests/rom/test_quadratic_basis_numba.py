import numpy as np
import pytest

from nwidth.rom import _quadratic_basis_numba as kernels

SIZES = [1, 2, 5, 8]


def system(N, seed=0):
    rng = np.random.default_rng(seed)
    T = rng.standard_normal((N, N, N)) * 0.2
    T = (T + T.transpose(2, 1, 0)) / 2  # as [j, k, i], symmetric in j and i
    return rng.standard_normal((N, N)) + 3 * np.eye(N), T, rng.standard_normal(N)


def plain_residual(A, T, f, x):
    return A @ x + np.einsum("jki,j,i->k", T, x, x) - f


@pytest.mark.parametrize("N", SIZES)
def test_evaluate(N):
    A, T, f = system(N)
    x = np.random.default_rng(9).standard_normal(N)
    S, F = np.empty((N, N)), np.empty(N)
    norm = kernels.evaluate(S, F, A, T, f, x)
    np.testing.assert_allclose(S, np.einsum("jki,j->ki", T, x), atol=1e-14)
    np.testing.assert_allclose(F, plain_residual(A, T, f, x), atol=1e-13)
    assert norm == pytest.approx(np.linalg.norm(F))


@pytest.mark.parametrize("N", SIZES)
def test_eliminate(N):
    A, _, f = system(N, 3)
    A[0, 0] = 0.0 if N > 1 else A[0, 0]  # pivots have to be sought
    wanted, d = np.linalg.solve(A, f), f.copy()
    assert kernels.eliminate(A.copy(), d)
    np.testing.assert_allclose(d, wanted, rtol=1e-11)
    assert not kernels.eliminate(np.zeros((N, N)), f.copy())


@pytest.mark.parametrize("N", SIZES)
def test_newton(N):
    A, T, f = system(N, 4)
    x, work = np.zeros(N), (np.empty((N, N)), np.empty((N, N)), np.empty(N), np.empty(N))
    status, steps = kernels.newton(A, T, f, x, *work)
    assert status == kernels.CONVERGED and 1 <= steps <= 9
    y = np.zeros(N)  # plain Newton
    for _ in range(12):
        y -= np.linalg.solve(A + 2 * np.einsum("jki,j->ki", T, y), plain_residual(A, T, f, y))
    np.testing.assert_allclose(plain_residual(A, T, f, x), 0, atol=1e-13)
    np.testing.assert_allclose(x, y, atol=1e-12)


def test_newton_tells_where_there_is_no_solution():
    one = np.ones((1, 1))
    work = (np.empty((1, 1)), np.empty((1, 1)), np.empty(1), np.empty(1))
    rest = np.full(1, 1.3), np.full(1, 0.1)
    status, _ = kernels.newton(one, -one[None], *rest, *work)  # x - x^2 = 1.3
    assert status == kernels.DIVERGED
    status, _ = kernels.newton(0 * one, one[None], np.ones(1), np.zeros(1), *work)
    assert status == kernels.SINGULAR


@pytest.mark.parametrize(("N", "Q", "P", "Qf"), [(1, 1, 1, 1), (3, 2, 2, 1), (4, 1, 1, 3)])
def test_residual_coordinates(N, Q, P, Qf):
    rng = np.random.default_rng(0)
    theta, psi, phi, x = (rng.standard_normal(k) for k in (Q, P, Qf, N))
    z = np.empty(Qf + N * Q + P * N * (N + 1) // 2)
    kernels.residual_coordinates(z, theta, phi, psi, x)
    wanted = [*phi]
    for n in range(N):
        wanted += [-t * x[n] for t in theta]
        for p in psi:
            wanted += [-p * x[j] * x[n] * (1 if j == n else 2) for j in range(n + 1)]
    np.testing.assert_allclose(z, wanted, rtol=1e-14)


def test_combine_and_nearest():
    rng = np.random.default_rng(0)
    terms, out = rng.standard_normal((3, 7)), np.empty(7)
    kernels.combine(out, np.array([1.0, -2.0, 0.5]), terms)
    np.testing.assert_allclose(out, [1.0, -2.0, 0.5] @ terms, rtol=1e-13)
    thetas = np.array([[1.0], [5.0], [9.0]])
    none = np.zeros((3, 1))
    for theta, wanted in ((1.2, 0), (5.5, 1), (100.0, 2)):
        found = kernels.nearest(np.array([theta]), none[0], none[0], thetas, none, none)
        assert found == wanted
