import json

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    Boundary,
    Darcy,
    Dirichlet,
    Neumann,
    Poisson,
    Robin,
    problem_from_description,
)

GRID = Grid.uniform((8, 7))
SIDES = Boundary({"x_lower": Dirichlet(np.arange(7.0)), "y_upper": Neumann(2.0)})
GAUSSIAN = GaussianRandomField(GRID, alpha=2, tau=3)


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(GRID),
        Darcy(GRID, SIDES, np.ones(GRID.shape), TwoPhaseField(GAUSSIAN, 3.0, 12.0), unit="mD"),
        Poisson(GRID, SIDES, GAUSSIAN, output_unit="K"),
        Darcy(GRID, Boundary({"x_lower": Robin(np.arange(7.0), 3.0)}), reaction=2.0),
        Poisson(GRID, Boundary(default=Robin(1.0)), reaction=np.ones(GRID.shape)),
        Poisson(Grid.tensor([[0.0, 0.5, 2.0, 3.0]], centering="cell")),
    ],
)
def test_round_trip_through_json(problem):
    text = json.dumps(problem.describe())
    again = problem_from_description(json.loads(text))
    assert type(again) is type(problem)
    assert json.dumps(again.describe()) == text
    if problem.inputs[0].sampler is not None:
        one, other = (p.sample(np.random.default_rng(3)) for p in (problem, again))
        np.testing.assert_array_equal(one[problem.inputs[0].name], other[problem.inputs[0].name])


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


@pytest.mark.parametrize("description", [None, 3, {}, {"equation": "stokes"}])
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
