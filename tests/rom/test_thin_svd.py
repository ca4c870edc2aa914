import numpy as np
import pytest

from nwidth.rom.thin_svd import thin_svd

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (6, 6), (1, 4), (4, 1)])
def test_it_is_the_svd(shape, dtype):
    A = RNG.standard_normal(shape).astype(dtype)
    if np.iscomplexobj(A):
        A = A + 1j * RNG.standard_normal(shape).astype(A.real.dtype)
    before = A.copy()
    U, sigma, Vh = thin_svd(A)
    eps = np.finfo(dtype).eps
    k = min(shape)
    assert U.dtype == Vh.dtype == dtype
    np.testing.assert_allclose(sigma, np.linalg.svd(A, compute_uv=False), rtol=50 * eps)
    np.testing.assert_allclose(U.conj().T @ U, np.eye(k), atol=30 * eps)
    np.testing.assert_allclose(Vh @ Vh.conj().T, np.eye(k), atol=30 * eps)
    np.testing.assert_allclose((U * sigma) @ Vh, A, atol=100 * eps)
    np.testing.assert_array_equal(A, before)


def test_only_what_is_asked_for_is_kept():
    A = np.diag([8.0, 4.0, 2.0, 1.0]) @ np.linalg.qr(RNG.standard_normal((30, 4)))[0].T
    U, sigma, Vh = thin_svd(A, 0.2, overwrite=True)
    assert (U.shape, Vh.shape) == ((4, 3), (3, 30))
    np.testing.assert_allclose(sigma, [8, 4, 2, 1], rtol=1e-14)
    assert thin_svd(A, 0.0, 2)[2].shape[0] == 2


def test_zero_matrix_has_no_vectors():
    U, sigma, Vh = thin_svd(np.zeros((3, 5)))
    assert (U.shape, Vh.shape, sigma.tolist()) == ((3, 0), (0, 5), [0, 0, 0])
