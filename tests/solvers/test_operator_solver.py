import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import (
    Boundary,
    Darcy,
    DiffusionOperator,
    MatrixOperator,
    Neumann,
    Status,
)
from nwidth.solvers.operator_solver import METHODS, OperatorSolver

GRID = Grid.uniform((33, 30))
RNG = np.random.default_rng(0)


def operator(contrast=1e2):
    a = np.where(RNG.random(GRID.shape) < 0.5, 1.0, contrast)
    return Darcy(GRID).operator({"permeability": a})


@pytest.mark.parametrize("method", METHODS)
def test_one_set_up_serves_many_right_hand_sides(method):
    A = operator(1.5)
    solver = OperatorSolver(A, GRID, method)
    dense = A.to_sparse().toarray()
    for _ in range(3):
        b = RNG.standard_normal(A.domain_shape)
        result, _ = solver.solve(b, rtol=1e-10)
        assert result.status is Status.CONVERGED
        x = np.linalg.solve(dense, b.ravel())
        np.testing.assert_allclose(result.x.ravel(), x, atol=1e-8 * abs(x).max())


def test_the_second_right_hand_side_goes_straight_to_algebraic_multigrid():
    grid = Grid.uniform((129, 129))
    a = np.where(RNG.random(grid.shape) < 0.3, 1.0, 1e5)
    A = Darcy(grid).operator({"permeability": a})
    solver = OperatorSolver(A, grid, "multigrid-cg")
    b = RNG.standard_normal(A.domain_shape)
    first, note = solver.solve(b)
    assert "algebraic multigrid after" in note and first.status is Status.CONVERGED
    second, note = solver.solve(2 * b)
    assert "as for the right-hand side before" in note and second.status is Status.CONVERGED
    assert len(second.residuals) < len(first.residuals)
    np.testing.assert_allclose(second.x, 2 * first.x, rtol=1e-4, atol=1e-6 * abs(first.x).max())


@pytest.mark.parametrize("reaction", [1e-6, 1e-9])
def test_float64_cycles_take_over_where_float32_ones_lose_what_holds_the_solution(reaction):
    rng = np.random.default_rng(1)
    a = np.where(rng.random(GRID.shape) < 0.5, 1.0, 10.0)
    problem = Darcy(GRID, Boundary(default=Neumann()), reaction=reaction)
    A = problem.operator({"permeability": a})
    solver = OperatorSolver(A, GRID, "multigrid-cg")
    notes = []
    for _ in range(2):
        x = rng.standard_normal(A.domain_shape)
        result, note = solver.solve(A.apply(x))
        notes.append(note)
        assert result.status is Status.CONVERGED and result.iterations < 40
        assert np.ptp(result.x - x) < 1e-5  # a constant is hardly seen by A
    assert all("float64, as float32 ones broke down" in note for note in notes)


def test_zero_right_hand_side_and_unusable_operators():
    result, note = OperatorSolver(operator(), GRID, "direct").solve(np.zeros((31, 28)))
    assert not result.x.any() and note == "the right-hand side is zero"
    with pytest.raises(InputError, match="expected one of"):
        OperatorSolver(operator(), GRID, "magic")
    with pytest.raises(InputError, match="use conjugate_gradient"):
        OperatorSolver(MatrixOperator(np.eye(3)), GRID, "direct")


def test_a_zero_pivot_is_a_breakdown():
    A = DiffusionOperator((np.array([1e-25, 1.0, 1.0, 0.0]),))
    result, _ = OperatorSolver(A, Grid.uniform(4), "direct").solve(np.ones(3))
    assert result.status is Status.BREAKDOWN and not result.x.any()


@pytest.mark.parametrize("method", METHODS)
def test_integers_are_a_right_hand_side(method):
    A = operator(1.5)
    solver = OperatorSolver(A, GRID, method)
    b = np.ones(A.domain_shape)
    expected, _ = solver.solve(b)
    for ones in (b.astype(int), b.tolist()):
        np.testing.assert_array_equal(solver.solve(ones)[0].x, expected.x)
