import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Boundary, Darcy, Neumann, Poisson, solve

GRID = Grid.uniform((17, 12))


def test_it_is_darcy_with_coefficient_one():
    f = np.random.default_rng(0).standard_normal(GRID.shape)
    sides = Boundary({"x_upper": Neumann(1.0)})
    u = solve(Poisson(GRID, sides), {"source": f}).checked()
    ones = {"permeability": np.ones(GRID.shape)}
    other = solve(Darcy(GRID, sides, source=f), ones, method="direct").checked()
    np.testing.assert_allclose(u.u, other.u, atol=1e-9)
    assert u.method == "fast-poisson"


def test_its_operator_is_its_reference():
    problem = Poisson(GRID)
    inputs = {"source": np.ones(GRID.shape)}
    assert problem.coercivity(inputs) == problem.continuity(inputs) == 1.0
    assert problem.operator(inputs) is problem.reference_operator()


def test_single_precision_stays():
    f = {"source": np.ones(GRID.shape, np.float32)}
    assert solve(Poisson(GRID), f, 1e-4).checked().u.dtype == np.float32


def test_on_another_grid():
    field = GaussianRandomField(GRID, alpha=2, tau=3)
    fine = Grid.uniform((33, 23))
    moved = Poisson(GRID, source=field).on(fine)
    assert moved.grid == moved.inputs[0].sampler.grid == fine


def test_bad_source():
    with pytest.raises(InputError, match="shape"):
        solve(Poisson(GRID), {"source": np.ones((2, *GRID.shape))})
    with pytest.raises(InputError, match="no side is Dirichlet"):
        solve(Poisson(GRID, Boundary(default=Neumann())), {"source": np.ones(GRID.shape)})
