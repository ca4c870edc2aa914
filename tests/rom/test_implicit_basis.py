import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.rom.implicit_basis import ImplicitBasis

RNG = np.random.default_rng(11)


def orthonormal(n, k, kind=float):
    part = RNG.standard_normal((n, k))
    return np.linalg.qr(part + 1j * RNG.standard_normal((n, k)) if kind is complex else part)[0]


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("angle", [0.1, 1.2, np.pi / 2])
def test_columns_follow_their_changes(kind, angle):
    """Small turns change few rows; a turn by a right angle cannot."""
    V = np.zeros((50, 3), kind)
    V[:40] = orthonormal(40, 3, kind)
    basis = ImplicitBasis(V)
    S = sp.csr_array(orthonormal(10, 2, kind))
    where = np.arange(40, 50)
    M = np.diag([np.cos(angle), 1.0, np.cos(angle / 2)]).astype(kind)
    N = np.array([[np.sin(angle), 0, 0], [0, 0, np.sin(angle / 2)]], kind)
    np.testing.assert_allclose(basis.inner(where, S), 0, atol=1e-15)
    basis.change(M, where, S, N)
    wanted = V @ M
    wanted[where] += S @ N
    np.testing.assert_allclose(basis.columns(), wanted, atol=1e-14)
    np.testing.assert_allclose(basis.rows([41, 3]), wanted[[41, 3]], atol=1e-14)
    np.testing.assert_allclose(basis.inner(where, S), wanted[where].conj().T @ S, atol=1e-14)
    assert basis.formed == (angle > 1.5)
    assert basis.defect() < 1e-14
    assert (basis._tall[0] == V[0]).all() == (angle < 1.5)


def test_lengthening_adds_zeros():
    V = orthonormal(5, 2)
    basis = ImplicitBasis(V)
    for count in (1, 7, 1):
        basis.lengthen(count)
    assert basis.shape == (14, 2)
    np.testing.assert_array_equal(basis.columns(), np.concatenate([V, np.zeros((9, 2))]))
    basis.change(np.eye(2), [5], np.ones((1, 1)), np.array([[0.0, 0.0]]))
    np.testing.assert_allclose(basis.columns()[:5], V, atol=1e-15)


def test_orthonormalize_keeps_products():
    V = orthonormal(30, 4) + 1e-6 * RNG.standard_normal((30, 4))
    basis = ImplicitBasis(V)
    assert 1e-7 < basis.defect() < 1e-4
    R = basis.orthonormalize()
    assert basis.defect() < 1e-15 * 8
    np.testing.assert_allclose(basis.columns() @ R, V, atol=1e-14)
    turn = orthonormal(4, 4)
    np.testing.assert_allclose(basis.turn(turn).columns() @ turn.T @ R, V, atol=1e-14)


def test_drift_bounds_the_defect():
    basis = ImplicitBasis(orthonormal(200, 5))
    for _ in range(300):
        row = RNG.integers(200)
        s = np.zeros(200)
        s[row] = 1
        c = basis.inner([row], np.ones((1, 1)))
        size = np.sqrt(1 - (c**2).sum())
        turn = np.linalg.qr(np.eye(6) + 0.1 * RNG.standard_normal((6, 6)))[0]
        N = turn[5:, :5] / size
        basis.change(turn[:5, :5] - c @ N, [row], np.ones((1, 1)), N)
    assert basis.defect() < basis.drift
    assert basis.formed == 0
