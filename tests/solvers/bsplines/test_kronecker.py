from functools import reduce

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.kronecker import KroneckerOperator, KroneckerSum
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator

RNG = np.random.default_rng(6)


def tridiagonal(n, dtype=np.float64):
    parts = [RNG.uniform(4, 5, n), RNG.uniform(-1, 1, n - 1), RNG.uniform(-1, 1, n - 1)]
    return sp.diags_array(parts, offsets=[0, 1, -1]).tocsr().astype(dtype)


class Reversed(LinearOperator):
    """Something that is no matrix: lines read backwards."""

    def __init__(self, n):
        self.domain_shape = self.range_shape = (n,)
        self.dtype = np.dtype(np.float64)

    def _apply(self, u):
        return u[::-1].copy()

    def _adjoint(self, v):
        return v[::-1].copy()

    def to_dense(self):
        return np.eye(self.domain_shape[0])[::-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_products_of_all_kinds_of_factors(dtype):
    factors = [RNG.standard_normal((3, 4)).astype(dtype), tridiagonal(5, dtype), Reversed(2)]
    dense = reduce(np.kron, [np.asarray(f.toarray() if sp.issparse(f) else f)
                             for f in factors[:2]] + [np.eye(2)[::-1]])  # fmt: skip
    A = KroneckerOperator(factors)
    u = RNG.standard_normal((4, 5, 2, 3))
    exact = (dense @ u.reshape(40, 3)).reshape(3, 5, 2, 3)
    np.testing.assert_allclose(A.multiply(u), exact, atol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(A.to_sparse().toarray(), dense)
    v, rtol = exact[..., 0], 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(A.adjoint(v.ravel()), dense.conj().T @ v.ravel(), rtol=rtol)


def test_factors_are_solved_along_their_axes():
    matrices = [RNG.standard_normal((4, 4)) + 1j * RNG.standard_normal((4, 4)), tridiagonal(6)]
    A = KroneckerOperator([MatrixOperator(matrices[0]), BandedOperator(matrices[1])])
    dense = np.kron(matrices[0], matrices[1].toarray())
    b = RNG.standard_normal((4, 6, 2))
    np.testing.assert_allclose(dense @ A.solve(b).reshape(24, 2), b.reshape(24, 2), atol=1e-13)
    x = A.solve(b, adjoint=True).reshape(24, 2)
    np.testing.assert_allclose(dense.conj().T @ x, b.reshape(24, 2), atol=1e-13)


def symmetric(n):
    a = RNG.standard_normal((n, n))
    return a @ a.T + np.eye(n)


@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 4, 5)])
@pytest.mark.parametrize("kind", ["symmetric", "general", "identity", "complex"])
def test_sums_are_applied_and_inverted(shape, kind):
    terms, masses = [symmetric(n) for n in shape], [symmetric(n) for n in shape]
    if kind == "general":
        terms = [a + np.triu(RNG.standard_normal(a.shape), 1) for a in terms]
        masses = [b + 0.2 * np.tril(RNG.standard_normal(b.shape), -1) for b in masses]
    if kind == "complex":
        terms = [a + 1j * RNG.standard_normal(a.shape) for a in terms]
    used = [np.eye(n) for n in shape] if kind == "identity" else masses
    dense = 0.7 * reduce(np.kron, used)
    for k, a in enumerate(terms):
        dense = dense + reduce(np.kron, [*used[:k], a, *used[k + 1 :]])
    K = KroneckerSum(terms, None if kind == "identity" else masses, shift=0.7)
    u = RNG.standard_normal((*shape, 2))
    exact = (dense @ u.reshape(-1, 2)).reshape(u.shape)
    size = np.abs(dense).sum(1).max()
    np.testing.assert_allclose(K.multiply(u), exact, atol=1e-15 * size)
    np.testing.assert_allclose(K.to_sparse().toarray(), dense, atol=1e-14 * size)
    assert K.hermitian is (kind in ("symmetric", "identity"))
    tolerance = 1e-14 * np.linalg.cond(dense)
    np.testing.assert_allclose(K.solve(exact), u, atol=tolerance)
    back = (dense.conj().T @ u.reshape(-1, 2)).reshape(u.shape)
    np.testing.assert_allclose(K.solve(back, adjoint=True), u, atol=tolerance)
    np.testing.assert_array_equal(K.solve(back[..., 0].ravel()), K.solve(back[..., 0]).ravel())
    values = np.linalg.eigvals(np.linalg.solve(reduce(np.kron, used), dense))
    assert np.sum(K.eigenvalues) == pytest.approx(np.sum(values))


@pytest.mark.parametrize("p", [2, 3, 4, 5])
def test_collocation_of_poissons_equation_is_inverted(p):
    """Matrices without symmetry but for p = 2; errors of order p for even p, p - 1 for odd p."""
    errors = []
    for n in (16, 32):
        basis = BSplineBasis(KnotVector.uniform(n, p))
        x = basis.greville[1:-1]
        values, bends = (basis.matrix(x, k)[:, 1:-1].toarray() for k in (0, 2))
        K = KroneckerSum([-bends, -bends], [values, values])
        assert K.hermitian is (p == 2) and K.condition < 100
        u = np.multiply.outer(np.sin(np.pi * x), np.sin(np.pi * x))
        c = K.solve(2 * np.pi**2 * u)
        assert abs(K.apply(c) - 2 * np.pi**2 * u).max() < 1e-10
        errors.append(abs(KroneckerOperator([values, values]).apply(c) - u).max())
    assert np.log2(errors[0] / errors[1]) > 2 * (p // 2) - 0.15


def test_float32_stays():
    K = KroneckerSum([symmetric(4).astype("f4"), symmetric(3).astype("f4")])
    u = RNG.standard_normal((4, 3)).astype("f4")
    assert K.apply(u).dtype == K.solve(u).dtype == np.float32


def test_wrong_parts_are_told():
    with pytest.raises(InputError, match="one or more matrices"):
        KroneckerOperator([])
    with pytest.raises(InputError, match="one or more matrices"):
        KroneckerOperator(np.eye(3))
    with pytest.raises(InputError, match="one or more matrices"):
        KroneckerOperator(sp.eye_array(3))
    with pytest.raises(InputError, match="expected matrices"):
        KroneckerOperator([np.ones(3)])
    with pytest.raises(InputError, match="on vectors"):
        KroneckerOperator([KroneckerOperator([np.eye(2), np.eye(3)])])
    with pytest.raises(InputError, match="square"):
        KroneckerOperator([np.ones((3, 2))]).solve(np.ones(3))
    with pytest.raises(InputError, match="singular"):
        KroneckerOperator([np.ones((2, 2))]).solve(np.ones(2))
    with pytest.raises(InputError, match="have `solve`"):
        KroneckerOperator([Reversed(3)]).solve(np.ones(3))
    with pytest.raises(InputError, match="begins with"):
        KroneckerOperator([np.eye(3), np.eye(2)]).solve(np.ones((2, 3)))
    with pytest.raises(InputError, match="one square matrix each"):
        KroneckerSum([np.eye(3)], [np.eye(2)])
    with pytest.raises(InputError, match="give a shift"):
        KroneckerSum([np.diag([0.0, 1.0])] * 2).solve(np.ones((2, 2)))
    with pytest.raises(InputError, match="condition up to"):
        KroneckerSum([np.array([[1.0, 1.0], [0.0, 1.0]])]).solve(np.ones(2))
    with pytest.raises(InputError, match="no singular one"):
        KroneckerSum([np.array([[1.0, 2.0], [0.0, 3.0]])], [np.diag([1.0, 0.0])]).solve(np.ones(2))
