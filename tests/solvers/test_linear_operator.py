"""Algebra of operators: every composition agrees with its dense matrix and has a true adjoint."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator

RNG = np.random.default_rng(0)
A = RNG.standard_normal((5, 4))
B = RNG.standard_normal((5, 4)) + 1j * RNG.standard_normal((5, 4))
C = RNG.standard_normal((4, 3))

CASES = {
    "matrix": (MatrixOperator(A), A),
    "sparse": (MatrixOperator(sp.csr_array(A)), A),
    "scipy operator": (MatrixOperator(spla.aslinearoperator(B)), B),
    "sum": (MatrixOperator(A) + MatrixOperator(B), A + B),
    "difference": (MatrixOperator(A) - MatrixOperator(B), A - B),
    "scaled": (2.5 * MatrixOperator(A), 2.5 * A),
    "complex scaled": (MatrixOperator(A) * (1 + 2j), (1 + 2j) * A),
    "product": (MatrixOperator(B) @ MatrixOperator(C), B @ C),
    "adjoint": (MatrixOperator(B).H, B.conj().T),
    "negative": (-MatrixOperator(A), -A),
    "quotient": (MatrixOperator(A) / 4, A / 4),
    "number from the left": (np.float64(3) * MatrixOperator(A), 3 * A),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_its_dense_matrix(name):
    operator, dense = CASES[name]
    assert operator.shape == dense.shape
    np.testing.assert_allclose(operator.to_dense(), dense, atol=1e-14)
    np.testing.assert_allclose(operator.H.to_dense(), dense.conj().T, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_adjoint(name):
    operator, _ = CASES[name]
    u = RNG.standard_normal(operator.shape[1]) + 1j * RNG.standard_normal(operator.shape[1])
    v = RNG.standard_normal(operator.shape[0]) + 1j * RNG.standard_normal(operator.shape[0])
    assert np.vdot(v, operator.apply(u)) == pytest.approx(np.vdot(operator.adjoint(v), u))


def test_scipy_can_use_it():
    spd = MatrixOperator(sp.diags_array([1.0, 2.0, 4.0]))
    solution, flag = spla.cg(spd.to_scipy(), np.ones(3), rtol=1e-12)
    assert flag == 0
    np.testing.assert_allclose(solution, [1, 0.5, 0.25])
    np.testing.assert_allclose(spd @ solution, np.ones(3))


def test_properties_survive_only_where_they_hold():
    facts = frozenset({"symmetric", "positive definite"})
    a = MatrixOperator(np.eye(2), facts)
    assert (a + a).properties == facts
    assert (2 * a).properties == facts
    assert (-a).properties == {"symmetric"}
    assert (1j * a).properties == frozenset()
    assert (a @ a).properties == frozenset()
    assert a.H.symmetric


class Reversal(LinearOperator):
    """(A u)_ij = u_{n-i, j} on a 2 x 3 field."""

    domain_shape = range_shape = (2, 3)
    dtype = np.dtype(float)

    def _apply(self, u):
        return u[::-1]

    _adjoint = _apply


def test_fields_and_flat_vectors():
    u = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Reversal().apply(u), u[::-1])
    np.testing.assert_array_equal(Reversal().apply(u.ravel()), u[::-1].ravel())
    with pytest.raises(InputError, match=r"expected an array of shape \(2, 3\) or \(6,\)"):
        Reversal().apply(u.T)


def test_lists_are_arrays():
    assert Reversal().apply([[1.0, 2, 3], [4, 5, 6]]).tolist() == [[4, 5, 6], [1, 2, 3]]


@pytest.mark.parametrize("factor", [np.ones(4), MatrixOperator(A), "2", None])
def test_only_numbers_scale(factor):
    with pytest.raises(InputError, match="product: expected a number"):
        MatrixOperator(A) * factor
    with pytest.raises(InputError, match="product: expected a number"):
        factor * MatrixOperator(A)


def test_shapes_must_match():
    with pytest.raises(InputError, match="sum"):
        MatrixOperator(A) + MatrixOperator(C)
    with pytest.raises(InputError, match="product"):
        MatrixOperator(C) @ MatrixOperator(A)
    with pytest.raises(InputError, match="two dimensions"):
        MatrixOperator(np.zeros(3))
