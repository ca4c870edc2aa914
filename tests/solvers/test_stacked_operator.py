import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.errors import InputError
from nwidth.solvers import MatrixOperator
from nwidth.solvers.linear_operator import as_operator
from nwidth.solvers.stacked_operator import StackedOperator

RNG = np.random.default_rng(0)
MATRIX = RNG.standard_normal((4, 3)) + 1j * RNG.standard_normal((4, 3))


def test_blocks():
    other = RNG.standard_normal((4, 3))
    A, u = StackedOperator([MATRIX, sp.csr_array(other)]), RNG.standard_normal((2, 3))
    assert A.batched and A.domain_shape == (2, 3) and A.range_shape == (2, 4)
    np.testing.assert_allclose(A.apply(u), [MATRIX @ u[0], other @ u[1]])
    v = RNG.standard_normal((2, 4))
    np.testing.assert_allclose(A.adjoint(v), [MATRIX.conj().T @ v[0], other.T @ v[1]])
    assert (2 * A).batched and not (MatrixOperator(MATRIX)).batched


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, spla.aslinearoperator])
def test_repeated_matrices_are_multiplied_at_once(wrap):
    A, u = StackedOperator([wrap(MATRIX)] * 5), RNG.standard_normal((5, 3))
    np.testing.assert_allclose(A.apply(u), u @ MATRIX.T)
    v = RNG.standard_normal((5, 4))
    np.testing.assert_allclose(A.adjoint(v), v @ MATRIX.conj())


def test_a_property_of_all_is_one_of_the_stack():
    facts = frozenset({"symmetric", "positive definite"})
    good, less = MatrixOperator(np.eye(2), facts), MatrixOperator(-np.eye(2), {"symmetric"})
    assert StackedOperator([good, good]).properties == facts
    assert StackedOperator([good, less]).properties == {"symmetric"}


@pytest.mark.parametrize("operators", [[], [np.eye(2), np.eye(3)], ["no"]])
def test_what_cannot_be_stacked(operators):
    with pytest.raises(InputError):
        StackedOperator(operators)


def test_operators_pass_as_they_are():
    A = MatrixOperator(np.eye(2))
    assert as_operator(A) is A
    with pytest.raises(InputError, match="LinearOperator"):
        as_operator("matrix")
