"""Burgers' equation against its closed form."""

import numpy as np
import pytest
from scipy.integrate import quad

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Burgers, simulate
from nwidth.solvers.stepping import DORMAND_PRINCE, ETDRK4, RK4

VISCOSITY = 0.05


def cole_hopf(x, t, viscosity=VISCOSITY):
    """Hopf (1950): u(x, 0) = sin(2 pi x), by quadrature of its closed form over the real line."""
    k = 2 * np.pi

    def weight(s, x):
        return np.exp((np.cos(k * (x - s)) - 1) / (2 * viscosity * k) - s**2 / (4 * viscosity * t))

    found = []
    for one in x:
        above, below = (
            quad(lambda s, p=p, one=one: s**p * weight(s, one), -8, 8, limit=400, epsabs=1e-13)[0]
            for p in (1, 0)
        )
        found.append(above / below / t)
    return np.array(found)


def wave(n, dtype=np.float64):
    problem = Burgers(Grid.periodic(n), VISCOSITY, dtype=dtype)
    return problem, {"velocity": np.sin(2 * np.pi * problem.grid.axes[0].points).astype(dtype)}


@pytest.fixture(scope="module")
def exact():
    return cole_hopf(np.arange(8) / 8, 0.5)


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
