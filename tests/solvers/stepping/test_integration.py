import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.stepping import (
    DORMAND_PRINCE,
    ETDRK4,
    EXPRB32,
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


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e160, 1e200])
@pytest.mark.parametrize("method", [ETDRK4, DORMAND_PRINCE, EXPRB32], ids=lambda m: m.name)
def test_errors_count_whatever_the_units_of_the_state(method, scale):
    decay = FunctionSystem(lambda t, v: -v, DiagonalPart([-1.0, -2.0]))
    counts = []
    for unit in (1.0, scale):
        control = StepControl(1e-6, method.embedded_order + 1)
        run = Integration(decay, method, unit * np.ones(2), 0.0, 0.01, control)
        assert run.advance(1.0) is EvolutionStatus.FINISHED
        assert np.allclose(run.v / unit, np.exp([-2.0, -3.0]), rtol=1e-5)
        counts.append(run.counts.steps)
    assert abs(counts[0] - counts[1]) <= 1


@pytest.mark.parametrize("unit", [1e-30, 1e-22, 1e25])
def test_errors_count_in_single_precision(unit):
    decay = FunctionSystem(lambda t, v: -v, DiagonalPart([-1.0]))
    control = StepControl(1e-5, DORMAND_PRINCE.embedded_order + 1)
    run = Integration(decay, DORMAND_PRINCE, np.float32([unit]), 0.0, 0.01, control)
    assert run.advance(1.0) is EvolutionStatus.FINISHED
    assert run.v[0] / np.float32(unit) == pytest.approx(np.exp(-2), rel=1e-5)


@pytest.mark.parametrize("h", [5e-324, 1e-300, 1e-17])
def test_steps_too_short_to_count_are_told(h, seen):
    run = Integration(seen[1], RK4, np.ones(1), 0.0, h)
    assert run.advance(1.0) is EvolutionStatus.STEP_VANISHED and run.counts.steps == 0
