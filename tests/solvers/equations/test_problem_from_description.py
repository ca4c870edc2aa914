import json

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField, TwoPhaseField
from nwidth.solvers import (
    AnisotropicDarcy,
    Boundary,
    ConvectionDiffusion,
    CubicPoisson,
    Darcy,
    Dirichlet,
    Helmholtz,
    Neumann,
    Poisson,
    Robin,
    problem_from_description,
)

GRID = Grid.uniform((8, 7))
SIDES = Boundary({"x_lower": Dirichlet(np.arange(7.0)), "y_upper": Neumann(2.0)})
GAUSSIAN = GaussianRandomField(GRID, alpha=2, tau=3)
LOG_NORMAL = LogNormalField(GAUSSIAN)
WAVES = np.arange(56.0).reshape(8, 7) - 2j


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(GRID),
        Darcy(GRID, SIDES, np.ones(GRID.shape), TwoPhaseField(GAUSSIAN, 3.0, 12.0), unit="mD"),
        Poisson(GRID, SIDES, GAUSSIAN, output_unit="K"),
        Darcy(GRID, Boundary({"x_lower": Robin(np.arange(7.0), 3.0)}), reaction=2.0),
        Poisson(GRID, Boundary(default=Robin(1.0)), reaction=np.ones(GRID.shape)),
        Poisson(Grid.tensor([[0.0, 0.5, 2.0, 3.0]], centering="cell")),
        AnisotropicDarcy(GRID, SIDES, source=np.ones(GRID.shape), reaction=2.0),
        ConvectionDiffusion(GRID, [1, -2.5], SIDES, np.ones(GRID.shape), LOG_NORMAL, unit="m2/s"),
        ConvectionDiffusion(GRID, [3.0, np.arange(56.0).reshape(8, 7)]),
        ConvectionDiffusion(Grid.uniform(5), np.ones((1, 5)), source=2.0),
        Helmholtz(GRID),
        Helmholtz(
            *(GRID, WAVES, LOG_NORMAL),
            walls=["x_lower"],
            incoming={"x_upper": 1 - 2j, "y_lower": np.arange(8.0) * 1j},
            output_unit="Pa",
        ),
    ],
)
def test_round_trip_through_json(problem):
    text = json.dumps(problem.describe())
    again = problem_from_description(json.loads(text))
    assert type(again) is type(problem)
    assert json.dumps(again.describe()) == text
    values = {item.name: np.full(problem.grid.shape, 2.0) for item in problem.inputs}
    if not isinstance(problem, AnisotropicDarcy):
        np.testing.assert_array_equal(again.source(values), problem.source(values))
        one, other = (p.operator(values).to_dense() for p in (problem, again))
        np.testing.assert_array_equal(one, other)
    if problem.inputs[0].sampler is not None:
        one, other = (p.sample(np.random.default_rng(3)) for p in (problem, again))
        np.testing.assert_array_equal(one[problem.inputs[0].name], other[problem.inputs[0].name])


def test_the_nonlinear_equation_is_rebuilt():
    problem = CubicPoisson(Grid.uniform((6, 7)), 3.0)
    again = problem_from_description(json.loads(json.dumps(problem.describe())))
    assert isinstance(again, CubicPoisson)
    assert again.describe() == problem.describe()


def test_a_reaction_is_named_only_where_there_is_one():
    assert "reaction" not in Darcy(GRID).describe()
    assert Darcy(GRID, reaction=2).describe()["reaction"] == 2.0
    with pytest.raises(InputError, match="reaction: expected a number or an array"):
        Poisson(GRID, reaction=lambda x, y: x).describe()


def test_callables_cannot_be_described():
    with pytest.raises(InputError, match="callable"):
        Darcy(GRID, source=lambda x, y: x).describe()
    with pytest.raises(InputError, match="callable"):
        Poisson(GRID, Boundary({"x_lower": Dirichlet(lambda x, y: x)})).describe()


@pytest.mark.parametrize("description", [None, 3, {}, {"equation": "stokes"}, {"equation": []}])
def test_unknown_equations(description):
    with pytest.raises(InputError, match="expected an equation among darcy, poisson"):
        problem_from_description(description)


def test_keys_must_be_known():
    description = Darcy(GRID).describe()
    with pytest.raises(InputError, match="expected the keys"):
        problem_from_description({**description, "viscosity": 1.0})
    del description["unit"]
    with pytest.raises(InputError, match="expected the keys"):
        problem_from_description(description)


@pytest.mark.parametrize("equation", [Helmholtz(GRID), ConvectionDiffusion(GRID, [1, 2])])
def test_reactions_are_those_of_diffusion_alone(equation):
    with pytest.raises(InputError, match="expected the keys"):
        problem_from_description({**equation.describe(), "reaction": 1.0})


@pytest.mark.parametrize(
    ("problem", "change", "message"),
    [
        (Helmholtz(GRID), {"source": 1.0}, "source: expected pairs of re and im, got 1.0"),
        (Helmholtz(GRID), {"source": "one"}, "source: expected pairs of re and im"),
        (Helmholtz(GRID), {"incoming": ["x_lower"]}, "incoming: expected a mapping of sides"),
        (Helmholtz(GRID), {"incoming": {"x_lower": [[1.0]]}}, "incoming x_lower: expected pairs"),
        (Darcy(GRID), {"source": [[1.0], ["a"]]}, "problem description: expected numbers"),
        (Helmholtz(GRID), {"walls": 3}, "walls: expected a list of sides like"),
        (Helmholtz(GRID), {"walls": [3]}, "walls: expected a list of sides like"),
        (ConvectionDiffusion(GRID, [1, 2]), {"velocity": 3.0}, "velocity: expected a list"),
        (ConvectionDiffusion(GRID, [1, 2]), {"boundary": None}, "boundary description"),
    ],
)
def test_values_that_make_no_problem(problem, change, message):
    with pytest.raises(InputError, match=message):
        problem_from_description({**problem.describe(), **change})
