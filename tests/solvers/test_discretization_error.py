import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    AnisotropicDarcy,
    Boundary,
    Darcy,
    Dirichlet,
    Neumann,
    discretization_error,
    solve,
)
from nwidth.solvers.equations import manufactured

SIDES = {"dirichlet": (), "mixed": ("x_upper", "y_lower"), "neumann": None}


def true_error(case, norm):
    """Error of the discrete solution against the exact one, relative to it."""
    problem, grid = case.problem, case.problem.grid
    u = solve(problem, case.inputs, 1e-11).checked().u
    if norm == "L2":
        return grid.norm(u - case.solution) / grid.norm(u)
    operator = problem.operator(case.inputs)
    energy = operator.energy(problem.unknowns(u - case.solution))
    return np.sqrt(energy / problem.volumes.energy(operator, u))


@pytest.mark.parametrize("shape", [(49, 61), (25, 31, 19)])
@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("norm", ["L2", "energy"])
def test_close_to_the_true_error_of_smooth_solutions(shape, centering, sides, norm):
    if centering == "cell":
        shape = tuple(n - 1 for n in shape)
    grid = Grid.uniform(shape, centering=centering)
    names = [f"{n}_{e}" for n in grid.names for e in ("lower", "upper")]
    neumann = names if SIDES[sides] is None else SIDES[sides]
    case = manufactured(grid, neumann)
    # The half cells at Dirichlet walls cost half an order in the energy.
    order = 1.5 if centering == "cell" and sides != "neumann" and norm == "energy" else 2
    estimate = discretization_error(case.problem, case.inputs, order=order, norm=norm)
    assert 0.6 < estimate / true_error(case, norm) < 1.7


@pytest.mark.parametrize("norm", ["L2", "energy"])
def test_robin_sides_and_a_reaction(norm):
    grid = Grid.uniform((49, 61))
    case = manufactured(grid, robin=["x_lower", "y_upper", "y_lower"], reaction=True)
    estimate = discretization_error(case.problem, case.inputs, order=2, norm=norm)
    assert 0.6 < estimate / true_error(case, norm) < 1.7


def test_order_one_is_on_the_safe_side_for_smooth_solutions():
    case = manufactured(Grid.uniform((65, 65)))
    estimate = discretization_error(case.problem, case.inputs)
    np.testing.assert_allclose(
        estimate, 3 * discretization_error(case.problem, case.inputs, order=2)
    )
    assert estimate > true_error(case, "energy")


def test_order_one_covers_jumps():
    fine = Grid.uniform((385, 385))
    field = TwoPhaseField(GaussianRandomField(fine, alpha=2, tau=3), 3.0, 12.0)
    for seed in range(3):
        a = field.sample(np.random.default_rng(seed))
        reference = solve(Darcy(fine), {"permeability": a}).checked().u[::8, ::8]
        problem = Darcy(Grid.uniform((49, 49)))
        inputs = {"permeability": a[::8, ::8]}
        u = solve(problem, inputs).checked().u
        true = problem.grid.norm(u - reference) / problem.grid.norm(u)
        assert 0.3 < discretization_error(problem, inputs, u, norm="L2") / true < 6


def test_a_known_solution_need_not_be_solved_again():
    case = manufactured(Grid.uniform((33, 33)))
    u = solve(case.problem, case.inputs).u
    np.testing.assert_allclose(
        discretization_error(case.problem, case.inputs, u),
        discretization_error(case.problem, case.inputs),
    )


def test_exact_solutions_have_no_error():
    grid = Grid.uniform((13, 10))
    sides = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(2.0)}, default=Neumann())
    problem = Darcy(grid, sides, source=0.0)
    assert discretization_error(problem, {"permeability": np.ones(grid.shape)}) < 1e-7


def test_bad_input():
    problem = Darcy(Grid.uniform((12, 12)))
    a = {"permeability": np.ones((12, 12))}
    grid = Grid.uniform((9, 9))
    tensor = {"permeability": np.eye(2)[:, :, None, None] * np.ones(grid.shape)}
    with pytest.raises(InputError, match="expected 'L2' for an operator that is not in flux form"):
        discretization_error(AnisotropicDarcy(grid), tensor)
    with pytest.raises(InputError, match="divisible"):
        discretization_error(problem, a)
    with pytest.raises(InputError, match="norm"):
        discretization_error(problem, a, norm="H1")
    with pytest.raises(InputError, match="order"):
        discretization_error(problem, a, order=0)
    with pytest.raises(InputError, match="Darcy or Poisson"):
        discretization_error(None, a)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solution": np.zeros((8, 9))}, r"solution: expected shape \(9, 9\), got \(8, 9\)"),
        ({"solution": np.full((9, 9), np.nan)}, "solution: expected finite"),
        ({"solution": "u"}, "solution: expected numbers"),
        ({"order": "a"}, "order: expected a number in"),
        ({"order": np.inf}, "order: expected a number in"),
    ],
)
def test_what_is_no_solution_or_order_is_refused(options, message):
    problem = Darcy(Grid.uniform((9, 9)))
    with pytest.raises(InputError, match=message):
        discretization_error(problem, {"permeability": np.ones((9, 9))}, **options)
