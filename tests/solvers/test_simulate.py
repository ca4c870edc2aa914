import warnings

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import Burgers, simulate
from nwidth.solvers.stepping import RK4, EvolutionStatus


@pytest.fixture
def wave():
    problem = Burgers(Grid.periodic(32), 0.05)
    return problem, {"velocity": np.sin(2 * np.pi * problem.grid.axes[0].points)}


def test_a_trajectory_has_all_that_is_asked_for(wave):
    problem, inputs = wave
    seen = []
    found = simulate(problem, inputs, [0.0, 0.1, 0.3], progress=lambda t, _: seen.append(t))
    assert found.checked() is found and found.status is EvolutionStatus.FINISHED
    assert found.fields["velocity"].shape == (3, 32) and found.tail.shape == (3,)
    assert found.invariants["energy"].shape == (3,) and found.counts.steps > 3
    assert seen == found.times.tolist() == [0.0, 0.1, 0.3]
    assert np.allclose(found.fields["velocity"][0], inputs["velocity"], atol=1e-15)


def test_steps_may_be_fixed_and_the_method_another(wave):
    found = simulate(*wave, [0.1], method=RK4, dt=0.001).checked()
    adaptive = simulate(*wave, [0.1], rtol=1e-9).checked()
    assert found.counts.steps == 100 and found.evolution.method == "RK4"
    assert np.allclose(found.fields["velocity"], adaptive.fields["velocity"], atol=1e-7)


def test_steps_may_follow_courants_condition(wave):
    found = simulate(*wave, [0.1], courant=0.5).checked()
    finer = simulate(*wave, [0.1], courant=0.05).checked()
    assert 5 * found.counts.steps < finer.counts.steps
    assert np.allclose(found.fields["velocity"], finer.fields["velocity"], atol=1e-6)


def test_runs_go_on_from_their_checkpoint(wave, tmp_path):
    path, times = tmp_path / "run.h5", [0.1, 0.2, 0.3]
    whole = simulate(*wave, times)
    stopped = simulate(*wave, times, checkpoint=path, progress=lambda t, _: t > 0.15)
    assert stopped.status is EvolutionStatus.STOPPED and len(stopped.fields["velocity"]) == 2
    again = simulate(*wave, times, checkpoint=path).checked()
    assert np.array_equal(again.fields["velocity"], whole.fields["velocity"])


def test_checkpoints_of_other_problems_and_inputs_are_refused(wave, tmp_path):
    path, (problem, inputs) = tmp_path / "run.h5", wave
    simulate(problem, inputs, [0.1], checkpoint=path)
    simulate(problem, {"velocity": inputs["velocity"].tolist()}, [0.1], checkpoint=path)
    others = [
        (Burgers(problem.grid, 2 * problem.coefficients["viscosity"]), inputs),
        (problem, {"velocity": 2 * inputs["velocity"]}),
    ]
    for other in others:
        with pytest.raises(InputError, match="same problem and initial fields"):
            simulate(*other, [0.1], checkpoint=path)


def test_fields_that_are_not_resolved_are_warned_of():
    problem = Burgers(Grid.periodic(16), 1e-3)
    x = problem.grid.axes[0].points
    with pytest.warns(UserWarning, match="of the solution is in the finest third of the modes"):
        simulate(problem, {"velocity": np.sin(2 * np.pi * x)}, [0.0, 0.2])
    with pytest.warns(UserWarning, match="fields that are periodic and smooth"):
        simulate(Burgers(Grid.periodic(256)), {"velocity": np.linspace(0, 1, 256)}, [0.0])


def test_initial_fields_that_are_not_periodic_are_warned_of_though_they_decay():
    """A ramp is smooth, but jumps where the circle closes; diffusion hides that soon."""
    problem = Burgers(Grid.periodic(64), 0.1)
    x = problem.grid.axes[0].points
    with pytest.warns(UserWarning, match="of the initial fields is in the finest third"):
        found = simulate(problem, {"velocity": x}, [1.0])
    assert found.tail.max() < 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(problem, {"velocity": np.sin(2 * np.pi * x)}, [1.0])


def test_a_blow_up_is_told(wave):
    problem, inputs = wave
    system = problem.system(inputs)
    system.factor *= 1e6

    class Wild(Burgers):
        def system(self, inputs):
            return system

    found = simulate(Wild(problem.grid, 0.05), inputs, [0.5], max_steps=50)
    assert found.status is not EvolutionStatus.FINISHED and len(found.fields["velocity"]) == 0
    system.undamped_rate = lambda t, v, held: None
    with pytest.raises(NonFiniteError, match=r"ETDRK4: NaN or infinity.*at t = 0.1, step 2"):
        simulate(Wild(problem.grid, 0.05), inputs, [0.5], dt=0.1).checked()


def test_what_cannot_be_simulated_is_refused(wave):
    problem, inputs = wave
    with pytest.raises(InputError, match="problem"):
        simulate(len, inputs, [1.0])
    with pytest.raises(InputError, match=r"times: 100000000000 of them would take .* GiB"):
        simulate(problem, inputs, np.broadcast_to(0.5, 10**11))
    with pytest.raises(InputError, match="dt, rtol"):
        simulate(problem, inputs, [1.0], dt=0.1, rtol=0.1)
