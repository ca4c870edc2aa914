import numpy as np
import pytest

from nwidth.rom import method_of_snapshots
from nwidth.rom.method_of_snapshots import squares_suffice

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (50, 50)])
def test_it_is_the_svd(decaying, shape, dtype):
    A = decaying(*shape, dtype)
    eps, rtol = np.finfo(dtype).eps, 2e-2 if np.finfo(dtype).bits == 32 else 2e-6
    assert squares_suffice(rtol, np.dtype(dtype))
    U, sigma, Vh, error = method_of_snapshots(A, rtol)
    k = len(Vh)
    exact = np.linalg.svd(A.astype(np.result_type(dtype, np.float64)), compute_uv=False)
    assert k == (exact > rtol * exact[0]).sum()
    assert U.dtype == Vh.dtype == dtype
    np.testing.assert_allclose(sigma[:k], exact[:k], atol=100 * eps)
    np.testing.assert_allclose(U.conj().T @ U, np.eye(k), atol=100 * eps)
    np.testing.assert_allclose(Vh @ Vh.conj().T, np.eye(k), atol=100 * eps)
    missed = np.linalg.norm(A - (U * sigma[:k]) @ Vh) / np.linalg.norm(A)
    assert missed <= error <= 1.1 * missed + np.sqrt(40 * eps)


def test_doubt_is_told():
    """Squares cannot tell noise from modes below the square root of round-off."""
    x, y = np.linspace(0, 1, 200)[:, None], np.linspace(0, 1, 300)
    f = np.exp(-(((x - y) / 0.02) ** 2))
    assert method_of_snapshots(f, 1e-5) is not None
    for rtol in (1e-8, 1e-10, 0.0):
        assert method_of_snapshots(f, rtol) is None
    assert method_of_snapshots(np.outer(np.ones(3), np.ones(5)), 1e-9) is None
    assert method_of_snapshots(np.zeros((3, 5)), 1e-3) is None


def test_a_value_at_the_tolerance_is_in_doubt():
    turn = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
    for last, certain in ((0.1, False), (0.1 * (1 + 1e-9), True), (0.1 * (1 - 1e-9), True)):
        A = turn @ np.diag([1.0, 0.5, last]) @ turn.T
        found = method_of_snapshots(A, 0.1)
        assert (found is not None) == certain
        if found is not None:
            assert len(found[2]) == 2 + (last > 0.1)


def test_well_conditioned_rows_need_no_tolerance():
    """The spectrum decides, not the tolerance alone."""
    A = RNG.standard_normal((20, 400))
    U, sigma, Vh, _ = method_of_snapshots(A, 1e-12)
    assert len(sigma) == len(Vh) == 20
    np.testing.assert_allclose((U * sigma) @ Vh, A, atol=1e-12)


def test_limit_of_the_rank():
    A = np.diag([8.0, 4.0, 2.0, 1.0, 1e-9])
    _, sigma, Vh, error = method_of_snapshots(A, 1e-3, 2)
    assert len(Vh) == 2
    np.testing.assert_allclose(sigma, [8, 4, 2, 1], rtol=1e-12)
    assert error == pytest.approx(np.sqrt(5 / 85), rel=1e-6)


def test_rounding_of_eigenvalues_is_within_its_allowance():
    """delta = 32 eps ||A||_F^2, against singular values in double precision."""
    for m, n in ((10, 20000), (200, 200), (3, 100000)):
        A = RNG.uniform(0.5, 1, (m, n)).astype(np.float32)
        exact = np.linalg.svd(A.astype(float), compute_uv=False) ** 2
        found = np.linalg.eigvalsh(A @ A.T)[::-1]
        assert abs(found - exact).max() < 32 * np.finfo(np.float32).eps * exact.sum()


def test_vectors_are_orthogonal_to_the_last_digits():
    """The default driver of the eigenvalue problem leaves products of 3e-13 in this case."""
    rng = np.random.default_rng(220)
    left, right = (np.linalg.qr(rng.standard_normal((n, 45)))[0] for n in (45, 46))
    A = (left * np.sort(10.0 ** rng.uniform(-7, 0, 45))[::-1]) @ right.T
    U, _, Vh, _ = method_of_snapshots(A, 1e-5)
    assert len(Vh) > 20
    for vectors in (U.T, Vh):
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=2e-14)
