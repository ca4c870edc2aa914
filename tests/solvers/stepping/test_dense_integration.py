"""States between steps: their order, their cost, and what cannot have them."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping import (
    BOGACKI_SHAMPINE,
    DORMAND_PRINCE,
    ETDRK4,
    HEUN,
    RK43,
    DenseIntegration,
    DiagonalPart,
    EvolutionStatus,
    FunctionSystem,
    QuadraticSystem,
    StepControl,
    evolve,
)

METHODS = {m.name: m for m in (BOGACKI_SHAMPINE, RK43, DORMAND_PRINCE)}
LOCAL = {"Bogacki-Shampine 3(2)": 4, "RK4(3)": 4, "Dormand-Prince 5(4)": 5}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def riccati(t, v):
    """The solution from 1 / 2 is 1 / (2 - sin t)."""
    return np.cos(t) * v**2


def lorenz(t, v):
    x, y, z = v
    return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


@each_method
@pytest.mark.parametrize("theta", [0.2, 0.5, 0.83])
def test_order_between_the_ends_of_a_step(method, theta):
    errors = []
    for h in (0.1, 0.05, 0.025):
        v, out = np.array([0.5]), np.empty(1)
        stepper = method.start(FunctionSystem(riccati), v)
        stepper.step(0.0, h, v, out)
        stepper.accept()
        stepper.interpolate(theta, h, v, out)
        errors.append(abs(out[0] - 1 / (2 - np.sin(theta * h))))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > LOCAL[method.name] - 0.35).all()


@each_method
def test_weights_lead_from_one_end_of_the_step_to_the_other(method):
    assert np.allclose(method.weights(0.0), 0, atol=1e-15)
    assert np.allclose(method.weights(1.0), method.b, atol=1e-12)
    slopes = (method.weights(1e-7) / 1e-7, (np.array(method.b) - method.weights(1 - 1e-7)) / 1e-7)
    for found, at in zip(slopes, (0, -1), strict=True):  # the curve is smooth where steps meet
        wanted = np.zeros(len(method.b))
        wanted[at] = 1
        assert np.allclose(found, wanted, atol=1e-5)


@each_method
def test_many_times_cost_no_steps(method):
    system, times = FunctionSystem(riccati), np.linspace(0, 6, 1001)
    dense, landing = (
        evolve(system, [0.5], times, method=method, rtol=1e-7, dense=choice).checked()
        for choice in (True, False)
    )
    assert 2 * dense.counts.evaluations < landing.counts.evaluations
    assert dense.t == 6.0 and np.array_equal(dense.times, times)
    assert dense.states.shape == (1001, 1) and dense.states[0, 0] == 0.5
    error = abs(dense.states[:, 0] - 1 / (2 - np.sin(times))).max()
    assert error < (1e-7 if method is DORMAND_PRINCE else 5e-6)


def test_chaos_is_followed_as_by_steps_that_land():
    times = np.linspace(0, 5, 2001)[1:]
    options = {"method": DORMAND_PRINCE, "rtol": 1e-7}
    v = [1.0, 1.0, 20.0]
    one = evolve(FunctionSystem(lorenz), v, times, dense=True, **options).checked()
    other = evolve(FunctionSystem(lorenz), v, times, **options).checked()
    assert abs(one.states - other.states).max() < 1e-2
    assert 2 * one.counts.evaluations < other.counts.evaluations


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_dtypes_and_stiff_parts_taken_explicitly(dtype):
    system = FunctionSystem(lambda t, v: 0 * v, DiagonalPart(np.array([-1.0, -3.0], dtype)))
    times = np.linspace(0, 1, 30)
    found = evolve(system, np.ones(2, dtype), times, method=RK43, rtol=1e-5, dense=True).checked()
    assert found.states.dtype == dtype
    assert np.allclose(found.states, np.exp(np.outer(times, [-1.0, -3.0])), atol=1e-4)


def test_steps_by_courants_condition():
    k = np.arange(17.0)
    system = QuadraticSystem(FastFourier(32), -0.05 * k**2, np.where(k < 11, -0.5j * k, 0))
    v = np.zeros(17, complex)
    v[1] = -0.5j
    times = np.linspace(0, 1, 101)
    dense = evolve(system, v, times, method=RK43, courant=0.1, dense=True).checked()
    other = evolve(system, v, times, method=RK43, rtol=1e-10).checked()
    assert dense.counts.steps < 60
    assert abs(dense.states - other.states).max() < 1e-4


def test_blow_up_and_stops_are_told_with_the_states_before():
    grows = FunctionSystem(lambda t, v: v**2)  # 1 / (1 - t)
    times = np.linspace(0, 1.36, 18)  # one is 0.96, the next 1.04
    found = evolve(grows, [1.0], times, method=DORMAND_PRINCE, rtol=1e-6, dense=True)
    assert found.status in (EvolutionStatus.BLOWN_UP, EvolutionStatus.STEP_VANISHED)
    assert 0.99 < found.t < 1.01 and len(found.states) == len(found.times) == 13
    assert np.allclose(found.states[:, 0], 1 / (1 - times[:13]), rtol=1e-3)
    stopped = evolve(
        FunctionSystem(riccati),
        [0.5],
        times,
        method=RK43,
        rtol=1e-3,
        dense=True,
        progress=lambda t, counts: t > 0.5,
    )
    assert stopped.status is EvolutionStatus.STOPPED
    assert len(stopped.times) == len(stopped.states) < 18


def test_what_has_no_states_between_steps_is_refused(tmp_path):
    system = FunctionSystem(lambda t, v: -v)
    for method in (ETDRK4, HEUN):
        with pytest.raises(InputError, match="dense: expected a method that knows states between"):
            evolve(system, [1.0], [1.0], method=method, rtol=1e-3, dense=True)
    with pytest.raises(InputError, match="dense: expected rtol or courant"):
        evolve(system, [1.0], [1.0], method=RK43, dt=0.1, dense=True)
    with pytest.raises(InputError, match="no checkpoint"):
        path = tmp_path / "c.h5"
        evolve(system, [1.0], [1.0], method=RK43, rtol=0.1, dense=True, checkpoint=path)


def test_steps_end_at_the_last_time():
    run = DenseIntegration(
        FunctionSystem(riccati), RK43, np.array([0.5]), 0.0, 0.4, StepControl(1e-2, 4), end=1.0
    )
    assert run.advance(1.0) is EvolutionStatus.FINISHED
    assert run.t == 1.0 and np.array_equal(run.state, run.v)
