"""Two solutions of an equation part at most as fast as its comparison inequality says."""

import numpy as np
import pytest

from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import (
    AdvectionDiffusion,
    AllenCahn,
    Burgers,
    Fisher,
    GrayScott,
    KortewegDeVries,
    KuramotoSivashinsky,
    NavierStokes,
    simulate,
)
from nwidth.solvers.error_growth import error_growth

# Random fields on coarse grids are not resolved, which changes nothing here.
pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")

PROBLEMS = {
    "burgers": (Burgers(Grid.periodic(48), viscosity=0.03), 0.1, 20.0),
    "kdv": (KortewegDeVries(Grid.periodic(45, upper=20.0)), 0.1, 20.0),
    "ks": (KuramotoSivashinsky(Grid.periodic(48, upper=30.0)), 0.5, 20.0),
    "advection": (AdvectionDiffusion(Grid.periodic((12, 10)), (1.0, -2.0), 0.02), 0.5, 20.0),
    "allen-cahn": (AllenCahn(Grid.periodic(48), width=0.05), 1.0, 20.0),
    "fisher": (Fisher(Grid.periodic(48), 0.01, 5.0), 0.2, 10.0),
    "navier-stokes": (NavierStokes(Grid.periodic((24, 20)), 1e-3, drag=0.1), 1.0, 50.0),
}


@pytest.mark.parametrize("size", [1e-3, 1.0])
@pytest.mark.parametrize("name", PROBLEMS)
def test_no_pair_of_solutions_parts_faster(name, size):
    problem, end, scale = PROBLEMS[name]
    growth = error_growth(problem)
    field = GaussianRandomField(problem.grid, alpha=2.2, tau=7, sigma=scale, boundary="periodic")
    (output,) = problem.outputs
    shift = 0.0 if name == "navier-stokes" else 0.3
    rng = np.random.default_rng(0)
    t = np.linspace(0, end, 7)
    closest = 0.0
    for _ in range(2):
        one = field.sample(rng)
        other = one + size * (field.sample(rng) + shift)
        w, u = (
            simulate(problem, {output: f}, t, rtol=1e-8).checked().evolution.states
            for f in (one, other)
        )
        rates = [growth.rates(v) for v in w]
        y = growth.norms(w[0] - u[0])
        for n in range(6):
            y = growth.grown(y, t[n + 1] - t[n], np.maximum(rates[n], rates[n + 1]))
            e = w[n + 1] - u[n + 1]
            true = growth.norms(e)
            assert (true <= y * (1 + 1e-7)).all()
            difference = problem.fields(e)[output]
            assert np.isclose(growth.size(true), np.sqrt(np.mean(difference**2)), rtol=1e-12)
            closest = max(closest, growth.size(true) / growth.size(y))
    assert closest > 0.05  # it is no bound that says nothing


@pytest.mark.parametrize("name", PROBLEMS)
def test_norms_are_at_most_those_of_a_difference_of_this_size(name):
    problem = PROBLEMS[name][0]
    growth, rng = error_growth(problem), np.random.default_rng(1)
    (output,) = problem.outputs
    u = rng.standard_normal(problem.grid.shape)
    v = problem.state({output: u - u.mean()})
    size = np.sqrt(np.mean(problem.fields(v)[output] ** 2))
    assert (growth.norms(v) <= growth.at_most(size) * (1 + 1e-12)).all()


def test_largest_values_between_the_points_are_allowed_for():
    problem = Burgers(Grid.periodic(30), viscosity=1e-3)
    growth = error_growth(problem)
    for phase in np.linspace(0, 1, 7):
        x = problem.grid.axes[0].points + phase / 30
        w = problem.state({"velocity": np.sin(2 * np.pi * 9 * x)})
        exact = 0.5 * 2 * np.pi * 9
        assert exact <= growth.rates(w)[0] <= 1.2 * exact


def test_strain_and_gradient_of_a_known_flow():
    problem = NavierStokes(Grid.periodic((24, 24), upper=2 * np.pi), 0.0)
    growth = error_growth(problem)
    _, y = np.meshgrid(*problem.grid.points, indexing="ij")
    shear = problem.state({"vorticity": -3 * np.cos(3 * y)})  # u = sin 3 y, |S| = 3 |cos 3 y| / 2
    assert 1.5 <= growth.rates(shear)[0] <= 1.5 * 1.2
    assert 9.0 <= growth.rates(shear)[1] <= 9.0 * 1.2


def test_large_errors_of_a_riccati_inequality_have_no_bound():
    growth = error_growth(PROBLEMS["fisher"][0])
    small, large = (growth.grown(np.array([e]), 0.2, np.array([5.0]))[0] for e in (1e-6, 1.0))
    assert np.isclose(small, 1e-6 * np.e, rtol=1e-3) and large == np.inf


@pytest.mark.parametrize("name", ["allen-cahn", "fisher"])
def test_long_times_are_no_overflow(name):
    growth = error_growth(PROBLEMS[name][0])
    rates = np.array([5.0] if name == "fisher" else [])
    for y, wanted in ((0.0, 0.0), (1e-9, np.inf)):
        assert growth.grown(np.array([y]), 1e3, rates).tolist() == [wanted]


def test_other_equations_have_none():
    assert error_growth(GrayScott(Grid.periodic((8, 8)))) is None
