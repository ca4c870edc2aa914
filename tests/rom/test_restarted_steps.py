"""Steps from any fields are those of the solver."""

from itertools import pairwise

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom.restarted_steps import RestartedSteps
from nwidth.solvers import (
    Burgers,
    GrayScott,
    NavierStokes,
    NonlinearSchroedinger,
    WaveEquation,
    simulate,
)
from nwidth.solvers.error_growth import error_growth

# Random fields on coarse grids are not resolved, which changes nothing here.
pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")

X = Grid.periodic(32).axes[0].points


def test_two_steps_are_one_simulation():
    problem = Burgers(Grid.periodic(32), viscosity=0.05)
    u = np.sin(2 * np.pi * X)
    steps = RestartedSteps(problem, 1e-9, error_growth(problem), instants=3)
    v, t = steps.state({"velocity": u}, {}), [0.0, 0.1, 0.3]
    for start, end in pairwise(t):
        made = steps.step(v, {"velocity": u}, start, end)
        assert len(made.rates) == len(made.lengths) == 3 and np.isclose(
            sum(made.lengths), end - start
        )
        v = made.state
    exact = simulate(problem, {"velocity": u}, t, rtol=1e-11).evolution.states
    error = np.sqrt(np.mean(problem.fields(v - exact[-1])["velocity"] ** 2))
    assert error < sum(made.errors) < 1e-5 and len(made.errors) == 3


@pytest.mark.parametrize("kind", ["wave", "schroedinger", "gray-scott"])
def test_outputs_are_inputs_again(kind):
    wave = np.exp(np.cos(2 * np.pi * X))
    problem, inputs = {
        "wave": (
            WaveEquation(Grid.periodic(32), speed=None, velocity=None),
            {"displacement": wave, "velocity": 0.1 * wave, "speed": 1 + 0.1 * wave},
        ),
        "schroedinger": (NonlinearSchroedinger(Grid.periodic(32)), {"wave": wave * np.exp(1j)}),
        "gray-scott": (
            GrayScott(Grid.periodic(32)),
            {"substrate": 1 - wave / 9, "catalyst": wave / 9},
        ),
    }[kind]
    steps = RestartedSteps(problem, 1e-9)
    constants = {name: inputs[name] for name in steps.constants}
    assert list(constants) == (["speed"] if kind == "wave" else [])
    t = [0.0, 0.01, 0.02]
    known = simulate(problem, inputs, t, rtol=1e-10).checked().fields
    middle = {name: known[name][1] for name in steps.names}
    again = steps.inputs(middle, constants)
    made = steps.step(steps.state(middle, constants), again, t[1], t[2])
    wanted = np.concatenate([known[name][2] for name in steps.names])
    assert abs(steps.stacked(made.state) - wanted).max() < 1e-6


def test_the_mean_vorticity_is_left_out():
    problem = NavierStokes(Grid.periodic((12, 12)))
    w = np.random.default_rng(0).standard_normal((12, 12)) + 5
    v = RestartedSteps(problem).state({"vorticity": w}, {})
    assert v[0, 0] == 0 and abs(v).max() > 0


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (WaveEquation(Grid.periodic(8)), "velocity it does not take"),
        (WaveEquation(Grid.periodic(8), velocity=None, layer=0.2), "absorbing layers"),
    ],
)
def test_problems_whose_outputs_say_too_little_are_refused(problem, words):
    with pytest.raises(InputError, match=words):
        RestartedSteps(problem)
