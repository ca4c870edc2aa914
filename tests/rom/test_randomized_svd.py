import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.randomized_svd import adjoint_products, products, randomized_svd, range_finder
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator, as_operator

RNG = np.random.default_rng(8)


def decaying(m, n, dtype=np.float64, rate=0.6):
    k = min(m, n)
    parts = [RNG.standard_normal((size, k)) for size in (m, n)]
    if np.issubdtype(dtype, np.complexfloating):
        parts = [part + 1j * RNG.standard_normal(part.shape) for part in parts]
    U, V = (np.linalg.qr(part)[0] for part in parts)
    return ((U * rate ** np.arange(k)) @ V.conj().T).astype(dtype)


class Opaque(LinearOperator):
    """A matrix that shows nothing but its action, on fields."""

    def __init__(self, A, range_shape, domain_shape):
        self.A, self.dtype = A, A.dtype
        self.range_shape, self.domain_shape = range_shape, domain_shape

    def _apply(self, u):
        return (self.A @ u.ravel()).reshape(self.range_shape)

    def _adjoint(self, v):
        return (self.A.conj().T @ v.ravel()).reshape(self.domain_shape)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_products_of_every_kind_of_matrix_agree(dtype):
    A = decaying(12, 10, dtype)
    rows, adjoint_rows = RNG.standard_normal((3, 10)), RNG.standard_normal((3, 12)) * (1 + 1j)
    for kind in (A, sp.csr_array(A), aslinearoperator(A), Opaque(A, (3, 4), (5, 2))):
        operator = as_operator(kind)
        np.testing.assert_allclose(products(operator, rows), rows @ A.T, atol=1e-13)
        found = adjoint_products(operator, adjoint_rows)
        np.testing.assert_allclose(found, adjoint_rows @ A.conj(), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
@pytest.mark.parametrize("shape", [(300, 200), (150, 400)])
def test_range_and_its_error(shape, dtype):
    A = decaying(*shape, dtype, rate=0.9)
    rtol = 1e-3 if dtype == np.float32 else 1e-7
    Q, error = range_finder(A, rtol)
    assert Q.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(Q.conj().T @ Q, np.eye(Q.shape[1]), atol=100 * eps)
    true = np.linalg.norm(A - Q @ (Q.conj().T @ A)) / np.linalg.norm(A)
    assert error <= rtol
    assert 0.5 * true < error < 2 * true


def test_range_of_low_rank_and_of_nothing():
    low = np.outer(np.arange(1.0, 90), np.arange(1.0, 80))
    Q, error = range_finder(low, 1e-12)
    assert error < 1e-14
    assert Q.shape[1] <= 32
    assert range_finder(np.zeros((5, 4)))[0].shape == (5, 0)


def test_limit_of_the_rank_tells_the_error_it_leaves():
    A = decaying(200, 150, rate=0.97)
    Q, error = range_finder(A, 1e-10, max_rank=40)
    assert Q.shape[1] == 40
    true = np.linalg.norm(A - Q @ (Q.T @ A)) / np.linalg.norm(A)
    assert 0.5 * true < error < 2 * true


def test_full_rank_ends():
    A = RNG.standard_normal((50, 45))
    Q, error = range_finder(A, 0.0)
    assert Q.shape[1] == 45
    assert error < 1e-13


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_singular_values_and_vectors(dtype):
    A = decaying(120, 300, dtype)
    U, sigma, Vh, error = randomized_svd(A, 1e-4)
    k = len(Vh)
    exact = np.linalg.svd(A, compute_uv=False)
    assert k == (exact > 1e-4 * exact[0]).sum()
    np.testing.assert_allclose(sigma[:k], exact[:k], rtol=1e-3)
    np.testing.assert_allclose(sigma[: k - 4], exact[: k - 4], rtol=1e-4)
    true = np.linalg.norm(A - (U * sigma[:k]) @ Vh) / np.linalg.norm(A)
    assert true == pytest.approx(error, rel=0.05)


def test_same_seed_same_answer():
    A = decaying(80, 70)
    one, two = (randomized_svd(A, 1e-6, seed=3)[1] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_bad_matrices_are_told():
    with pytest.raises(NonFiniteError, match="matrix"):
        range_finder(np.array([[1.0, np.nan]]))
    with pytest.raises(NonFiniteError, match="products with the matrix"):
        range_finder(sp.csr_array(np.array([[1.0, np.nan]])))
    with pytest.raises(InputError, match="expected rows and columns"):
        range_finder(np.zeros((0, 3)))
    with pytest.raises(InputError, match="rtol"):
        range_finder(np.eye(2), -1.0)
    with pytest.raises(InputError, match="max_rank"):
        randomized_svd(np.eye(2), 0.1, max_rank=0)
    assert isinstance(as_operator(np.eye(2)), MatrixOperator)
