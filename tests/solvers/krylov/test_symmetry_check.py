import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from nwidth.errors import InputError
from nwidth.solvers import MatrixOperator
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.symmetry_check import require_symmetric
from nwidth.solvers.stacked_operator import StackedOperator

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def hermitian(kind, n=30):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n, n))
    if np.dtype(kind).kind == "c":
        A = A + 1j * rng.standard_normal((n, n))
    return (A + A.conj().T).astype(kind)


def check(A, shape=30):
    require_symmetric(BatchSystem(A, np.ones(shape, np.float32), None, None))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, spla.aslinearoperator, MatrixOperator])
def test_symmetric_matrices_pass_and_others_do_not(kind, wrap):
    A = hermitian(kind)
    check(wrap(A))
    A[3, 4] += 0.1
    with pytest.raises(InputError, match="fgmres"):
        check(wrap(A))


def test_complex_symmetric_is_not_hermitian():
    A = hermitian(np.complex128)
    with pytest.raises(InputError):
        check(A + 1j * np.eye(30))
    with pytest.raises(InputError):
        check(np.triu(A) + np.triu(A, 1).T)


def test_promises_are_trusted():
    A = np.triu(hermitian(np.float64))
    check(MatrixOperator(A, frozenset({"symmetric"})))


def test_one_sample_of_a_batch_is_enough():
    good = hermitian(np.float64)
    check(StackedOperator([good, 2 * good]), (2, 30))
    with pytest.raises(InputError):
        check(StackedOperator([good, np.triu(good)]), (2, 30))


def test_nan_and_zero_are_for_the_iteration():
    A = np.eye(30)
    A[2, 2] = np.nan
    check(A)
    check(np.zeros((30, 30)))
