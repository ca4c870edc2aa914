"""The cubic Poisson equation: order, monotony, limits, descriptions."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import CubicPoisson, Poisson, solve


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("strength", [0.0, 1.0, 1000.0])
def test_the_error_falls_with_the_square_of_the_spacing(strength, centering):
    errors = []
    for n in (17, 33):
        grid = Grid.uniform((n - (centering == "cell"),) * 2, centering=centering)
        x, y = grid.coordinates()
        u = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
        f = 5 * np.pi**2 * u + strength * u**3
        found = CubicPoisson(grid, strength).solve({"source": f}, 1e-10).checked()
        errors.append(abs(found.u - u).max())
    assert 3.6 < errors[0] / errors[1] < 4.4


def test_without_the_sink_it_is_the_poisson_equation():
    grid = Grid.uniform((12, 15))
    f = np.random.default_rng(0).standard_normal(grid.shape)
    linear = solve(Poisson(grid), {"source": f}, 1e-12).checked().u
    assert abs(CubicPoisson(grid, 0.0).solve({"source": f}).checked().u - linear).max() < 1e-12


def test_large_sources_are_met_by_the_sink():
    """u is about (f / c)^(1/3) away from the walls; the sign turns with that of f."""
    grid = Grid.uniform((41, 41))
    f = np.full(grid.shape, 1e6)
    found = CubicPoisson(grid, 10.0).solve({"source": f}).checked()
    assert abs(found.u[20, 20] / 1e5 ** (1 / 3) - 1) < 1e-3 and found.iterations < 30
    other = CubicPoisson(grid, 10.0).solve({"source": -f}).checked()
    assert abs(other.u + found.u).max() < 1e-9 * found.u.max()


def test_it_is_solved_quickly_from_near_by():
    problem = CubicPoisson(Grid.uniform((21, 21)), 50.0)
    f = 1e3 * np.random.default_rng(1).standard_normal((21, 21))
    cold = problem.solve({"source": f}).checked()
    warm = problem.solve({"source": f}, initial=cold.u * 1.001).checked()
    assert warm.iterations <= 3 < cold.iterations and abs(warm.u - cold.u).max() < 1e-9


def test_it_is_drawn_moved_and_described():
    grid = Grid.uniform((9, 9))
    sampler = GaussianRandomField(grid, alpha=2, tau=3, boundary="neumann")
    problem = CubicPoisson(grid, 2.0, sampler)
    again = CubicPoisson.from_description(problem.describe())
    one, other = (p.sample(np.random.default_rng(0))["source"] for p in (problem, again))
    assert np.array_equal(one, other) and again.describe() == problem.describe()
    assert problem.on(Grid.uniform((17, 17))).inputs[0].sampler.grid.shape == (17, 17)


def test_bad_input():
    with pytest.raises(InputError, match="strength"):
        CubicPoisson(Grid.uniform(5), -1.0)
    with pytest.raises(InputError, match="expected walls"):
        CubicPoisson(Grid.periodic(8))
    problem = CubicPoisson(Grid.uniform(5))
    with pytest.raises(InputError, match="expected a mapping with source"):
        problem.solve({"density": np.ones(5)})
    with pytest.raises(NonFiniteError, match="source"):
        problem.solve({"source": np.full(5, np.nan)})
    with pytest.raises(InputError, match="problem description"):
        CubicPoisson.from_description({"equation": "poisson"})
