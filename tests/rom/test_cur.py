import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import SelectionStatus, cur, deim
from nwidth.solvers.linear_operator import MatrixOperator

RNG = np.random.default_rng(12)


@pytest.mark.parametrize("choice", ["deim", "qdeim"])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_core_is_best_and_the_bound_holds(decaying, dtype, choice):
    A = decaying(90, 70, dtype)
    found = cur(A, 1e-3, choice=choice)
    p, q = found.row_indices, found.column_indices
    np.testing.assert_array_equal(found.rows, A[p])
    np.testing.assert_array_equal(found.columns, A[:, q])
    wanted = A[:, q] @ np.linalg.pinv(A[:, q]) @ A @ np.linalg.pinv(A[p]) @ A[p]
    atol = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(found.to_dense(), wanted, atol=atol)
    error = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    assert found.error == pytest.approx(error, rel=0.5)


def test_error_is_below_the_bound_of_sorensen_and_embree(decaying):
    A = decaying(90, 70)
    found = cur(A, 1e-4)
    k = found.rank
    U, sigma, Vh = np.linalg.svd(A, full_matrices=False)
    left, right = deim(U[:, :k].T.copy()), deim(Vh[:k])
    assert left.points.tolist() == found.row_indices.tolist()
    assert right.points.tolist() == found.column_indices.tolist()
    bound = (left.error_constant() + right.error_constant()) * sigma[k]
    assert np.linalg.norm(A - found.to_dense(), 2) <= bound


def test_operators_and_limits(decaying):
    A = decaying(40, 30)
    found = cur(MatrixOperator(A), 1e-8, max_rank=6)
    assert (found.rank, found.status) == (6, SelectionStatus.MAX_RANK)
    np.testing.assert_allclose(found.to_dense(), cur(A, 1e-8, max_rank=6).to_dense(), atol=1e-13)


def test_low_rank_is_reproduced_and_nothing_stays_nothing():
    A = RNG.standard_normal((30, 3)) @ RNG.standard_normal((3, 25))
    found = cur(A, 1e-10)
    assert found.rank == 3
    np.testing.assert_allclose(found.to_dense(), A, atol=1e-12)
    assert cur(np.zeros((4, 5))).rank == 0


def test_arguments_are_checked():
    with pytest.raises(InputError, match="choice: expected one of deim, qdeim"):
        cur(np.eye(3), choice="random")
    with pytest.raises(InputError, match="rtol"):
        cur(np.eye(3), 1.0)


@pytest.mark.parametrize("size", [1e-250, 1e250])
def test_very_large_and_very_small_matrices(decaying, size):
    A = decaying(50, 40)
    wanted, found = cur(A, 1e-4), cur(A * size, 1e-4)
    assert found.row_indices.tolist() == wanted.row_indices.tolist()
    assert found.error == pytest.approx(wanted.error, rel=1e-6)
