import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.rom import generalized_nystroem
from nwidth.solvers.linear_operator import MatrixOperator


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_error_is_near_that_of_the_best_approximation(decaying, dtype):
    A = decaying(120, 100, dtype)
    for r in (10, 20):
        found = generalized_nystroem(A, r)
        assert found.dtype == dtype
        error = np.linalg.norm(A - found.to_dense())
        best = 0.6 ** (r - 3) / np.sqrt(1 - 0.36)
        assert error < 10 * best
        assert found.error == pytest.approx(error / np.linalg.norm(A), rel=0.6)


def test_a_rank_far_above_that_of_the_matrix_is_stable(decaying):
    """Without a truncation of Y* A X below round-off the formula would blow up."""
    A = decaying(150, 120, rate=0.3)
    found = generalized_nystroem(A, 80)
    assert np.linalg.norm(A - found.to_dense()) < 1e-12
    assert found.error < 1e-12


def test_sparse_matrices_and_operators_give_the_same(decaying):
    A = decaying(60, 50)
    wanted = generalized_nystroem(A, 12, seed=5).to_dense()
    for kind in (sp.csr_array(A), MatrixOperator(A)):
        found = generalized_nystroem(kind, 12, seed=5).to_dense()
        np.testing.assert_allclose(found, wanted, atol=1e-13)
    assert abs(generalized_nystroem(A, 12, seed=6).to_dense() - wanted).max() > 1e-12


def test_oversampling_helps(decaying):
    A = decaying(200, 180, rate=0.9)
    errors = [
        np.mean([generalized_nystroem(A, 30, oversampling=c, seed=s).error for s in range(10)])
        for c in (0.1, 0.5, 1.0)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_arguments_are_checked():
    with pytest.raises(InputError, match="rank: expected at most 3 for a 3 x 4 matrix, got 5"):
        generalized_nystroem(np.ones((3, 4)), 5)
    with pytest.raises(InputError, match="rank"):
        generalized_nystroem(np.ones((3, 4)), 0)
    with pytest.raises(InputError, match="oversampling"):
        generalized_nystroem(np.ones((3, 4)), 2, oversampling=-1)
    assert generalized_nystroem(np.zeros((3, 4)), 2).rank == 0
