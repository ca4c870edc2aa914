import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, Robin, solve
from nwidth.solvers.equations.diffusion_problem import (
    described_source,
    moved_source,
    source_on_grid,
)

GRID = Grid.uniform((5, 6))


def test_unknowns_and_field_are_inverse_to_each_other():
    problem = Darcy(GRID, Boundary({"x_lower": Dirichlet(2.0)}))
    stack = np.random.default_rng(0).random((3, *GRID.shape))
    assert problem.unknowns(stack).shape == (3, 3, 4)
    inner = problem.unknowns(stack[0])
    field = problem.field(inner, {})
    np.testing.assert_array_equal(problem.unknowns(field), inner)
    assert np.all(field[0] == 2.0) and not field[-1].any()
    with pytest.raises(InputError, match="pressure"):
        problem.unknowns(np.ones((4, 4)))


def test_source_on_grid():
    x, y = GRID.coordinates()
    np.testing.assert_array_equal(source_on_grid(lambda x, y: x - y, GRID), x - y)
    assert source_on_grid(3, GRID).shape == GRID.shape
    with pytest.raises(InputError, match="source"):
        source_on_grid("hot", GRID)


def test_reference_operator_is_made_once():
    problem = Darcy(GRID)
    assert problem.reference_operator() is problem.reference_operator()


def test_sources_take_all_coordinates():
    with pytest.raises(InputError, match="source: expected a callable of 2 coordinates"):
        source_on_grid(lambda x: x, GRID)


def test_reaction_is_a_number_an_array_or_a_callable():
    x, y = GRID.coordinates()
    a = {"permeability": 1 + x}
    given = [Darcy(GRID, reaction=c) for c in (lambda x, y: 1 + x * y, 1 + x * y)]
    one, other = (problem.operator(a).reaction for problem in given)
    np.testing.assert_array_equal(one, other)
    assert Darcy(GRID).operator(a).reaction is None
    with pytest.raises(InputError, match="reaction: expected numbers >= 0"):
        Darcy(GRID, reaction=-1.0)
    with pytest.raises(InputError, match="reaction: expected a number, a callable or an array"):
        Poisson(GRID, reaction=np.ones(3))


def test_reaction_moves_with_the_problem():
    fine = Grid.uniform((9, 11))
    _, y = fine.coordinates()
    moved = Poisson(GRID, reaction=GRID.coordinates()[1]).on(fine)
    np.testing.assert_allclose(moved.reaction, y)
    assert Darcy(GRID, reaction=3.0).on(fine).reaction == 3.0


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(GRID, Boundary({"x_lower": Robin(4.0)}, default=Neumann())),
        Darcy(Grid.uniform((5, 6), centering="cell"), Boundary(default=Robin(4.0, 1.0))),
        Darcy(GRID, reaction=30.0),
        Darcy(GRID, Boundary(default=Neumann()), reaction=0.1),
    ],
)
@pytest.mark.parametrize("factor", [1e-2, 1.0, 1e2])
def test_coercivity_and_continuity_hold_with_parts_that_do_not_grow_with_a(problem, factor):
    a = factor * np.random.default_rng(0).uniform(1, 3, GRID.shape)
    inputs = {"permeability": a}
    operator, reference = problem.operator(inputs), problem.reference_operator()
    values = np.linalg.eigvals(np.linalg.solve(reference.to_dense(), operator.to_dense())).real
    low, high = problem.coercivity(inputs), problem.continuity(inputs)
    assert (low, high) == (min(1.0, a.min()), max(1.0, a.max()))
    assert low * (1 - 1e-12) <= values.min() and values.max() <= high * (1 + 1e-12)


@pytest.mark.parametrize("method", ["auto", "multigrid-cg", "multigrid", "direct"])
@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_method_solves_with_robin_sides_and_a_reaction(method, centering, dtype):
    grid = Grid.uniform((40, 33), centering=centering)
    boundary = Boundary({"x_lower": Robin(3.0, 1.0), "y_upper": Robin(0.1)}, default=Neumann())
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    for reaction in (0.0, lambda x, y: x):
        problem = Darcy(grid, boundary, reaction=reaction)
        a = np.exp(np.random.default_rng(0).standard_normal(grid.shape)).astype(dtype)
        solution = solve(problem, {"permeability": a}, rtol, method=method).checked()
        assert solution.u.dtype == dtype and solution.iterations <= 25


def test_permeability_may_be_a_tensor_of_torch():
    torch = pytest.importorskip("torch")
    problem, a = Darcy(Grid.uniform((5, 5))), np.linspace(1.0, 2.0, 25).reshape(5, 5)
    for kind in (np.float32, np.float64):
        plain = problem.input_field({"permeability": a.astype(kind)}, "permeability")
        given = problem.input_field({"permeability": torch.tensor(a.astype(kind))}, "permeability")
        assert isinstance(given, np.ndarray) and given.dtype == kind
        assert np.array_equal(given, plain)


@pytest.mark.parametrize("wrong", [[[1.0], [1.0, 2.0]], "a", None])
def test_what_is_no_array_is_refused(wrong):
    with pytest.raises(InputError, match="permeability: expected"):
        Darcy(Grid.uniform((5, 5))).input_field({"permeability": wrong}, "permeability")


@pytest.mark.parametrize("source", [1j, np.full((4, 5), 1j), lambda x, y: 1j * x])
def test_complex_sources_are_refused(source):
    with pytest.raises(InputError, match="source: expected a number, a callable or an array"):
        source_on_grid(source, Grid.uniform((4, 5)))


def test_sources_move_and_are_described():
    coarse, fine = Grid.uniform((5, 4)), Grid.uniform((9, 7))
    f = coarse.coordinates()[0] + 0 * coarse.coordinates()[1]
    expected = fine.coordinates()[0] + 0 * fine.coordinates()[1]
    np.testing.assert_allclose(moved_source(f, coarse, fine), expected)
    assert moved_source(2.0, coarse, fine) == 2.0
    assert moved_source(np.hypot, coarse, fine) is np.hypot
    assert described_source(2) == 2.0 and described_source(f) == f.tolist()
    with pytest.raises(InputError, match="reaction: expected a number or an array to describe"):
        described_source(np.hypot, "reaction")
