import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers import Status
from nwidth.solvers.krylov import deflated_conjugate_gradient, gcro_dr
from nwidth.solvers.krylov.recycled_space import RecycledSpace, orthonormal_combinations


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64, np.complex128])
def test_orthonormal_combinations_of_badly_scaled_rows(kind):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6, 40)) + 1j * rng.standard_normal((6, 40))
    rows = rows if np.dtype(kind).kind == "c" else rows.real
    rows = (rows * np.geomspace(1, 1e6, 6)[:, None]).astype(kind)
    T, Q = orthonormal_combinations(rows)
    eps = np.finfo(kind).eps
    assert Q.shape == (6, 40) and Q.dtype == kind
    np.testing.assert_allclose(Q @ Q.conj().T, np.eye(6), atol=50 * eps)
    np.testing.assert_allclose(T @ rows, Q, atol=500 * eps)


def test_dependent_rows_are_dropped():
    rows = np.random.default_rng(0).standard_normal((3, 20))
    rows = np.stack([rows[0], rows[1], rows[0] - 2 * rows[1], np.zeros(20), rows[2]])
    T, Q = orthonormal_combinations(rows)
    assert Q.shape == (3, 20)
    np.testing.assert_allclose(Q @ Q.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(T @ rows, Q, atol=1e-7)


def test_an_operator_that_maps_all_to_zero_recycles_nothing():
    T, Q = orthonormal_combinations(np.zeros((3, 20)))
    assert T.shape == (0, 3) and Q.shape == (0, 20)
    b = np.random.default_rng(0).standard_normal(30)
    for method in (gcro_dr, deflated_conjugate_gradient):
        space = RecycledSpace(4)
        method(np.diag(np.arange(1.0, 31.0)), b, space=space)
        result = method(np.zeros((30, 30)), b, space=space)
        assert result.status is not Status.CONVERGED and result.residuals[-1] == 1.0
        result = method(np.diag(np.arange(2.0, 32.0)), b, space=space)
        assert result.status is Status.CONVERGED
        np.testing.assert_allclose(np.arange(2.0, 32.0) * result.x, b, atol=1e-6)


def test_vectors_change_precision_but_not_length():
    space = RecycledSpace(2)
    space.suit(5, np.float32)
    u = np.ones((2, 5)) * (1 + 1j)
    space.keep(u, u, u, "operator")
    space.suit(5, np.complex128)
    assert space.images is u
    space.suit(5, np.float32)
    assert space.vectors.dtype == np.float32 and space.images is None and space.operator is None
    with pytest.raises(InputError, match="another size"):
        space.suit(6, np.float32)
    space.forget()
    assert space.dimension == 0


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("method", [gcro_dr, deflated_conjugate_gradient])
def test_a_system_starts_from_the_best_combination_of_the_last_solutions(method, kind):
    rng, n, space = np.random.default_rng(0), 30, RecycledSpace(4, solutions=2)
    A = np.diag(np.arange(1.0, n + 1)).astype(kind)
    x = rng.standard_normal((3, n)).astype(kind)
    for u in x:
        method(A, A @ u, space=space, rtol=1e-5 if kind is np.float32 else 1e-12)
    np.testing.assert_allclose(
        space.solutions[0] / np.abs(space.solutions[0]).max(), x[2] / np.abs(x[2]).max(), atol=1e-4
    )
    b = A @ rng.standard_normal(n).astype(kind)
    result = method(A, b, space=space, max_iterations=0)
    y = np.linalg.lstsq(A @ x[:0:-1].T, b, rcond=None)[0]
    np.testing.assert_allclose(result.x, x[:0:-1].T @ y, atol=1e-3)
    inside = method(A, A @ (x[1] - 2 * x[2]), space=space, rtol=1e-3)
    assert inside.iterations == 0
    given = method(A, b, space=space, max_iterations=0, initial=np.zeros(n, kind))
    assert given.residuals == (1.0,)


def test_solutions_that_are_not_wanted():
    space = RecycledSpace(2, solutions=0)
    gcro_dr(np.diag([1.0, 2.0, 3.0]), np.ones(3), space=space)
    assert space.solutions is None
    gcro_dr(np.diag([1.0, 2.0, 3.0]), np.zeros(3), space=(space := RecycledSpace(2)))
    assert space.solutions is None
    with pytest.raises(InputError, match="solutions"):
        RecycledSpace(2, solutions=-1)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_bad_sizes(size):
    with pytest.raises(InputError, match="size"):
        RecycledSpace(size)
