"""Burgers' equation against its closed form."""

import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Burgers, cole_hopf, published_setting, simulate
from nwidth.solvers.stepping import DORMAND_PRINCE, ETDRK4, RK4

VISCOSITY = 0.05


def wave(n, dtype=np.float64):
    problem = Burgers(Grid.periodic(n), VISCOSITY, dtype=dtype)
    return problem, {"velocity": np.sin(2 * np.pi * problem.grid.axes[0].points).astype(dtype)}


@pytest.fixture(scope="module")
def exact():
    u = np.sin(2 * np.pi * np.arange(64) / 64)
    return cole_hopf(u, VISCOSITY, 0.5, points=np.arange(8) / 8)


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_spectral_convergence_to_round_off(exact):
    errors = []
    for n in (16, 32, 64, 128):
        problem, inputs = wave(n)
        found = simulate(problem, inputs, [0.5], rtol=1e-11).checked().fields["velocity"][0]
        errors.append(np.abs(found[:: n // 8] - exact).max())
    assert errors[0] > 1e-4 and errors[1] < 1e-5 and errors[-1] < 2e-10, errors


@pytest.mark.parametrize("method", [ETDRK4, RK4, DORMAND_PRINCE], ids=lambda m: m.name)
def test_order_in_time(method, exact):
    problem, inputs = wave(64)
    errors = [
        np.abs(
            simulate(problem, inputs, [0.5], method=method, dt=0.5 / n).fields["velocity"][0][::8]
            - exact
        ).max()
        for n in (400, 800)
    ]
    slope = np.log2(errors[0] / errors[1])
    assert errors[1] < 1e-9 or slope == pytest.approx(method.order, abs=0.3)


@pytest.mark.parametrize(
    ("name", "points", "rtol"),
    [
        ("burgers-fno-paper", 1024, 1e-8),
        ("burgers-fno-script", 2048, 5e-11),  # 1024 do not resolve its steepest fronts so far
        pytest.param("burgers-fno-paper", 8192, 1e-8, marks=pytest.mark.slow),
        pytest.param("burgers-fno-script", 8192, 5e-11, marks=pytest.mark.slow),
    ],
)
def test_published_settings_against_the_closed_form(name, points, rtol):
    problem, times = published_setting(name).problem(points), [0.01, 0.1, 0.5, 1.0]
    x, viscosity = problem.grid.axes[0].points, problem.coefficients["viscosity"]
    for i in range(3):
        inputs = problem.sample(generator(0, i))
        found = simulate(problem, inputs, times, rtol=rtol).checked().fields["velocity"]
        for t, u in zip(times, found, strict=True):
            picked = slice(i, None, points // 128)
            exact = cole_hopf(inputs["velocity"], viscosity, t, points=x[picked])
            assert np.abs(u[picked] - exact).max() < 1e-10


def test_momentum_is_conserved_and_energy_lost_to_viscosity():
    problem, inputs = wave(96)
    inputs = {"velocity": 0.3 + inputs["velocity"]}
    times = np.linspace(0, 0.4, 41)
    found = simulate(problem, inputs, times, rtol=1e-10).checked()
    assert np.abs(found.invariants["mean"] - 0.3).max() < 1e-14
    u, space = found.fields["velocity"], problem.space
    slopes = space.transform.backward(space.derivative(space.transform.forward(u)))
    lost = VISCOSITY * (slopes**2).mean(axis=1)
    step = times[1]
    balance = found.invariants["energy"][-1] - found.invariants["energy"][0]
    simpson = step / 3 * (lost[0] + lost[-1] + 4 * lost[1:-1:2].sum() + 2 * lost[2:-1:2].sum())
    assert balance == pytest.approx(-simpson, rel=1e-6)


def test_single_precision():
    problem, inputs = wave(64, np.float32)
    found = simulate(problem, inputs, [0.5], dt=0.005).checked().fields["velocity"][0]
    double = simulate(*wave(64), [0.5], dt=0.005).fields["velocity"][0]
    assert found.dtype == np.float32
    assert np.abs(found - double).max() < 1e-5


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_random_initial_velocities_and_the_way_back_from_descriptions():
    grid = Grid.periodic(64)
    sampler = GaussianRandomField(grid, alpha=2.0, tau=5.0, sigma=25.0, boundary="periodic")
    problem = Burgers(grid, 0.1, sampler, unit="m/s")
    inputs = problem.sample(np.random.default_rng(0))
    again = Burgers.from_description(problem.describe())
    assert again.describe() == problem.describe()
    one, other = (simulate(p, inputs, [0.1]).fields["velocity"] for p in (problem, again))
    assert np.array_equal(one, other)
    finer = problem.on(Grid.periodic(128))
    assert finer.grid.shape == (128,) and finer.coefficients == {"viscosity": 0.1}


def test_fixed_steps_obey_courant():
    problem, inputs = wave(64)
    with pytest.raises(InputError, match=r"dt: expected at most 0\.075"):
        simulate(problem, inputs, [0.5], dt=0.1)


@pytest.mark.parametrize("viscosity", [0, -1.0, np.nan, "a"])
def test_viscosities_are_positive(viscosity):
    with pytest.raises(InputError, match="viscosity: expected a number in"):
        Burgers(Grid.periodic(8), viscosity)
