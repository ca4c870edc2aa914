import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import (
    DORMAND_PRINCE,
    ETDRK4,
    RK4,
    DiagonalPart,
    EvolutionStatus,
    FunctionSystem,
    Integration,
    StepControl,
)


@pytest.fixture
def seen():
    """Times at which the right-hand side was asked for, and the system that asks."""
    times = []

    def function(t, v):
        times.append(t)
        return np.cos(t) - v

    return times, FunctionSystem(function, DiagonalPart([-2.0]))


def test_equal_steps_end_at_the_times(seen):
    times, system = seen
    run = Integration(system, RK4, np.ones(1), 0.0, 0.3)
    for end, steps in ((0.6, 2), (1.0, 4), (1.6, 6)):
        assert run.advance(end) is EvolutionStatus.FINISHED
        assert run.t == end and run.counts.steps == steps
    starts = times[::4]
    assert np.allclose(starts, [0, 0.3, 0.6, 0.8, 1.0, 1.3], rtol=1e-15)
    assert run.counts.evaluations == len(times) == 24
    assert run.advance(1.6) is EvolutionStatus.FINISHED and len(times) == 24


def test_a_thousand_steps_have_one_size(seen):
    _, system = seen
    run = Integration(system, ETDRK4, np.ones(1), 0.0, 1e-3)
    for k in range(1, 11):
        run.advance(k / 10)
    assert run.counts.steps == 1000 and len(run.stepper.kept) == 1


def test_the_memory_goes_on_in_another_integration(seen):
    _, system = seen

    def start():
        return Integration(system, DORMAND_PRINCE, np.ones(1), 0.0, 0.1, StepControl(1e-8, 5))

    one, other = start(), start()
    one.advance(1.0)
    other.restore(*one.memory())
    for run in (one, other):
        assert run.advance(2.0) is EvolutionStatus.FINISHED
    assert np.array_equal(one.v, other.v) and one.h == other.h
    assert one.counts.steps == other.counts.steps


def test_the_state_that_is_given_stays(seen):
    _, system = seen
    v = np.ones(1)
    Integration(system, RK4, v, 0.0, 0.1).advance(1.0)
    assert v.tolist() == [1.0]
    with pytest.raises(InputError, match="RK4: expected a method with an estimate"):
        Integration(system, RK4, v, 0.0, 0.1, StepControl(1e-3, 4))
