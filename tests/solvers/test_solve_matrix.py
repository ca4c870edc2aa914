import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.solvers import AlgebraicHierarchy, Status, solve_matrix


def poisson(n, convection=0.0):
    one = sp.diags_array(
        [[2.0] * n, [-1.0 + convection] * (n - 1), [-1.0 - convection] * (n - 1)],
        offsets=[0, 1, -1],
    )
    return (sp.kron(one, sp.eye_array(n)) + sp.kron(sp.eye_array(n), one)).tocsr()


def check(A, b, solution, rtol=1e-8):
    assert solution.status is Status.CONVERGED
    residual = np.linalg.norm(b - A @ solution.u, axis=0) / np.linalg.norm(b, axis=0)
    assert np.max(residual) <= 1.01 * rtol
    assert solution.u.shape == b.shape
    assert solution.residual == pytest.approx(np.max(residual), rel=1e-2, abs=1e-14)


@pytest.mark.parametrize("columns", [None, 1, 5])
@pytest.mark.parametrize("method", ["auto", "algebraic-multigrid-cg", "direct"])
def test_symmetric(method, columns):
    A = poisson(30)
    shape = (900,) if columns is None else (900, columns)
    sizes = 1.0 if columns is None else np.array([1e-9] + [1e6] * (columns - 1))
    b = np.random.default_rng(0).standard_normal(shape) * sizes
    check(A, b, solve_matrix(A, b, method=method))


@pytest.mark.parametrize("columns", [None, 3])
@pytest.mark.parametrize("method", ["auto", "direct", "bicgstab", "fgmres"])
@pytest.mark.parametrize("factor", [1.0, 1.0 + 0.5j])
def test_not_symmetric_and_complex(method, columns, factor):
    A = poisson(20, 0.5) * factor
    shape = (400,) if columns is None else (400, columns)
    b = np.random.default_rng(0).standard_normal(shape)
    check(A, b, solve_matrix(A, b, method=method))


def test_reasons():
    b = np.ones(2500)
    assert solve_matrix(poisson(50), b).method == "algebraic-multigrid-cg"
    assert "levels" in solve_matrix(poisson(50), b).reason
    assert "only 4 unknowns" in solve_matrix(poisson(2), np.ones(4)).reason
    assert "not symmetric" in solve_matrix(poisson(50, 0.3), b).reason
    assert "complex" in solve_matrix(poisson(50) * 1j, b).reason
    solution = solve_matrix(-poisson(50), b)
    assert solution.method == "direct" and "diagonal not positive" in solution.reason
    indefinite = poisson(50) - 2.03 * sp.eye_array(2500)
    solution = solve_matrix(indefinite, b)
    assert solution.status is Status.CONVERGED
    assert "broke down" in solution.reason
    with pytest.raises(InputError, match=r"level|positive"):
        solve_matrix(indefinite, b, method="algebraic-multigrid-cg")


def test_large_matrices_that_are_not_symmetric():
    A = poisson(230, 0.5)
    b = np.ones(A.shape[0])
    solution = solve_matrix(A, b)
    assert solution.method == "bicgstab"
    check(A, b, solution)


def test_levels_of_pyamg_and_near_nullspace():
    pyamg = pytest.importorskip("pyamg", reason="PyAMG is not installed")
    A = poisson(40)
    b = np.ones(1600)
    levels = AlgebraicHierarchy.of(pyamg.smoothed_aggregation_solver(A))
    check(A, b, solve_matrix(A, b, hierarchy=levels))
    A, rigid = pyamg.gallery.linear_elasticity((20, 20))
    b = np.ones(A.shape[0])
    solution = solve_matrix(A, b, near_nullspace=rigid)
    check(A, b, solution)
    assert solution.iterations <= 25


def test_constants_in_the_kernel():
    A = poisson(20)
    A = A - sp.diags_array(A.sum(axis=1))
    b = np.random.default_rng(0).standard_normal((400, 2))
    with pytest.raises(InputError, match="subtract the mean"):
        solve_matrix(A, b)
    solution = solve_matrix(A, b - b.mean(axis=0))
    check(A, b - b.mean(axis=0), solution)
    assert np.abs(solution.u.mean(axis=0)).max() < 1e-12


def test_singular_matrix_is_a_breakdown():
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    solution = solve_matrix(A, [1.0, 0.0])
    assert solution.status is not Status.CONVERGED
    with pytest.raises(NotConvergedError):
        solution.checked()


def test_iteration_limit_is_told():
    solution = solve_matrix(
        poisson(30), np.ones(900), method="algebraic-multigrid-cg", max_iterations=2
    )
    assert solution.status is Status.MAX_ITERATIONS


def test_zero_right_hand_sides():
    assert not solve_matrix(poisson(4), np.zeros(16)).u.any()
    b = np.stack([np.zeros(900), np.ones(900)], axis=1)
    solution = solve_matrix(poisson(30), b, method="algebraic-multigrid-cg")
    assert solution.status is Status.CONVERGED
    assert not solution.u[:, 0].any()


def test_precision_and_integers():
    A = poisson(4)
    assert solve_matrix(A.astype(np.float32), np.ones(16, np.float32)).u.dtype == np.float32
    assert solve_matrix(A.astype(int), np.ones(16, int)).u.dtype == np.float64
    assert solve_matrix(A.toarray().tolist(), [1] * 16).u.dtype == np.float64


def test_the_arguments_are_not_changed():
    A, b = poisson(6), np.ones(36)
    A.indices[:5] = A.indices[:5].copy()
    kept, before = A.copy(), b.copy()
    solve_matrix(A, b)
    np.testing.assert_array_equal(A.data, kept.data)
    np.testing.assert_array_equal(b, before)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 999), shift=st.floats(0.1, 10))
def test_random_definite_matrices(n, seed, shift):
    B = sp.random_array((n, n), density=0.2, rng=np.random.default_rng(seed))
    A = B @ B.T + shift * sp.eye_array(n)
    b = np.random.default_rng(seed).standard_normal(n)
    for method in ("algebraic-multigrid-cg", "direct"):
        check(A, b, solve_matrix(A, b, method=method))


@pytest.mark.parametrize(
    ("A", "b", "options", "told"),
    [
        (np.ones((2, 3)), np.ones(2), {}, "square"),
        (np.eye(3), np.ones(2), {}, "right-hand side: expected shape"),
        (np.eye(3), np.ones((3, 0)), {}, "right-hand side: expected shape"),
        (np.eye(3), ["a"] * 3, {}, "expected numbers"),
        (np.eye(3), np.ones(3), {"method": "magic"}, "method"),
        (np.eye(3), np.ones(3), {"rtol": 2}, "rtol"),
        (np.eye(3), np.ones(3), {"max_iterations": -1}, "max_iterations"),
        (poisson(4, 0.5), np.ones(16), {"method": "algebraic-multigrid-cg"}, "symmetric"),
        (poisson(4) * 1j, np.ones(16), {"method": "algebraic-multigrid-cg"}, "real"),
        (np.eye(3), np.ones(3), {"hierarchy": AlgebraicHierarchy.from_matrix(np.eye(4))}, "shape"),
    ],
)
def test_bad_arguments(A, b, options, told):
    with pytest.raises(InputError, match=told):
        solve_matrix(A, b, **options)


def test_numbers_that_are_not_finite():
    with pytest.raises(NonFiniteError):
        solve_matrix(np.eye(2), [1.0, np.nan])
    with pytest.raises(NonFiniteError):
        solve_matrix(np.diag([1.0, np.inf]), [1.0, 1.0])
