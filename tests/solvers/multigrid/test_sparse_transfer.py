import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.solvers.diffusion_operator import THREADED_SIZE
from nwidth.solvers.multigrid import SparseTransfer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_with_the_matrix_and_its_transpose(dtype):
    P = sp.random_array((30, 11), density=0.3, rng=RNG).tocsr()
    transfer = SparseTransfer(P, (5, 6), dtype)
    assert transfer.fine_shape == (5, 6) and transfer.coarse_shape == (11,)
    r, e = RNG.standard_normal((5, 6)).astype(dtype), RNG.standard_normal(11).astype(dtype)
    out, u = np.empty(11, dtype), r.copy()
    options = {"atol": 20 * np.finfo(dtype).eps}
    transfer.restrict_into(out, r)
    np.testing.assert_allclose(out, P.T @ r.ravel().astype(float), **options)
    transfer.prolong_into(u, e, add=True)
    np.testing.assert_allclose(u, r + (P @ e.astype(float)).reshape(5, 6), **options)
    transfer.prolong_into(u, e, add=False)
    np.testing.assert_allclose(u, (P @ e.astype(float)).reshape(5, 6), **options)


def test_threaded_products_agree():
    n = THREADED_SIZE + 3
    P = sp.csr_array((np.ones(n), (np.arange(n), np.arange(n) // 2)))
    transfer = SparseTransfer(P, (n,), np.float64)
    e, u = RNG.standard_normal(P.shape[1]), np.empty(n)
    transfer.prolong_into(u, e, add=False)
    np.testing.assert_array_equal(u, P @ e)


@pytest.mark.parametrize("columns", [1, 8, 10])
def test_columns(columns):
    P = sp.random_array((21, 9), density=0.3, rng=np.random.default_rng(0)).tocsr()
    transfer = SparseTransfer(P, (21, columns), np.float64, columns)
    rng = np.random.default_rng(1)
    u, e = rng.standard_normal((21, columns)), rng.standard_normal((9, columns))
    out = np.empty(transfer.coarse_shape)
    transfer.restrict_into(out, u)
    np.testing.assert_allclose(out, P.T @ u, atol=1e-13)
    v = u.copy()
    transfer.prolong_into(v, e, add=True)
    np.testing.assert_allclose(v, u + P @ e, atol=1e-13)
