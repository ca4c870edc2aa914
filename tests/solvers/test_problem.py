"""What every problem promises: symmetric operators between two multiples of the reference."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, problem_from_description
from nwidth.solvers.problem import FieldInput

MIXED = Boundary({"x_lower": Dirichlet(1.0), "y_upper": Neumann(0.5)})
GRIDS = [Grid.uniform((7, 6)), Grid.uniform((6, 7), centering="cell"), Grid.uniform((4, 5, 4))]
PROBLEMS = [kind(grid, MIXED) for kind in (Darcy, Poisson) for grid in GRIDS]


def inputs_of(problem, rng):
    (item,) = problem.inputs
    values = rng.standard_normal(problem.grid.shape)
    return {item.name: np.exp(2 * values) if item.positive else values}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{type(p).__name__}{p.grid.shape}")
def test_operator_lies_between_its_bounds(problem):
    inputs = inputs_of(problem, np.random.default_rng(1))
    a = problem.operator(inputs).to_dense()
    k = problem.reference_operator().to_dense()
    np.testing.assert_allclose(a, a.T, atol=1e-12 * np.abs(a).max())
    slack = 1e-12 * np.abs(a).max()
    assert np.linalg.eigvalsh(a - problem.coercivity(inputs) * k).min() > -slack
    assert np.linalg.eigvalsh(problem.continuity(inputs) * k - a).min() > -slack


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{type(p).__name__}{p.grid.shape}")
def test_unknowns_and_field_are_inverse(problem):
    rng = np.random.default_rng(2)
    inputs = inputs_of(problem, rng)
    x = rng.standard_normal(problem.operator(inputs).domain_shape)
    field = problem.field(x, inputs)
    assert field.shape == problem.grid.shape
    np.testing.assert_array_equal(problem.unknowns(field), x)
    if problem.grid.axes[0].centering == "node":
        np.testing.assert_array_equal(field[0], 1.0)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{type(p).__name__}{p.grid.shape}")
def test_description_rebuilds_the_problem(problem):
    twin = problem_from_description(problem.describe())
    inputs = inputs_of(problem, np.random.default_rng(3))
    assert twin.describe() == problem.describe()
    np.testing.assert_array_equal(twin.source(inputs), problem.source(inputs))


def test_sampling_needs_a_sampler():
    with pytest.raises(InputError, match="permeability: expected a sampler"):
        Darcy(GRIDS[0]).sample(np.random.default_rng(0))


@pytest.mark.parametrize("unit", [3, None, ["m"]])
def test_units_are_words(unit):
    with pytest.raises(InputError, match="unit: expected one word, got"):
        FieldInput("source", unit)
