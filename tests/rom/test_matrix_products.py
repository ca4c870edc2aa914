import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.matrix_products import (
    adjoint_products,
    finite_operator,
    frobenius_norm,
    products,
    random_block,
)
from nwidth.solvers.linear_operator import LinearOperator, as_operator

RNG = np.random.default_rng(8)


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
    A = random_block(12, 10, np.dtype(dtype), 0)
    rows, adjoint_rows = RNG.standard_normal((3, 10)), RNG.standard_normal((3, 12)) * (1 + 1j)
    for kind in (A, sp.csr_array(A), aslinearoperator(A), Opaque(A, (3, 4), (5, 2))):
        operator = as_operator(kind)
        np.testing.assert_allclose(products(operator, rows), rows @ A.T, atol=1e-13)
        found = adjoint_products(operator, adjoint_rows)
        np.testing.assert_allclose(found, adjoint_rows @ A.conj(), atol=1e-13)


def test_no_vectors_have_no_products():
    A = Opaque(np.ones((12, 10)), (3, 4), (5, 2))
    assert products(A, np.zeros((0, 10))).shape == (0, 12)
    assert adjoint_products(A, np.zeros((0, 12))).shape == (0, 10)


def test_matrices_that_are_none():
    with pytest.raises(NonFiniteError, match="matrix"):
        finite_operator(np.array([[1.0, np.nan]]))
    with pytest.raises(NonFiniteError, match="products with the matrix"):
        products(finite_operator(sp.csr_array(np.array([[1.0, np.nan]]))), np.ones((1, 2)))
    with pytest.raises(InputError, match="expected rows and columns"):
        finite_operator(np.zeros((0, 3)))
    assert finite_operator(sp.csr_array(np.eye(2, dtype=int))).dtype == np.float64


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_random_vectors_have_unit_variance_and_follow_their_key(dtype):
    w = random_block(200, 300, np.dtype(dtype), 0, 1)
    assert w.dtype == dtype
    assert np.mean(np.abs(w) ** 2) == pytest.approx(1, abs=0.02)
    assert (w == random_block(200, 300, np.dtype(dtype), 0, 1)).all()
    assert (w != random_block(200, 300, np.dtype(dtype), 0, 2)).all()


@pytest.mark.parametrize("size", [0.0, 1e-300, 1.0, 1e300])
def test_norm_of_any_size(size):
    assert frobenius_norm(size * np.ones((2, 2))) == pytest.approx(2 * size, rel=1e-14)
    assert frobenius_norm(np.zeros((0, 3))) == 0
