"""The compiled integration against the plain one, which is its reference."""

import numpy as np
import pytest

from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping import (
    ETDRK3,
    ETDRK4,
    RK4,
    EvolutionStatus,
    Integration,
    QuadraticSystem,
    StepControl,
    evolve,
    quadratic_integration,
)
from nwidth.solvers.stepping.quadratic_integration import QuadraticIntegration

TIMES = (0.0, 0.02, 0.07, 0.12)


def burgers(n, dtype="float64"):
    return system_of(n, lambda k: -0.05 * k**2, dtype)


def korteweg(n, dtype="float64"):
    return system_of(n, lambda k: np.where(2 * k == n, 0, 1j * k**3), dtype)


def system_of(n, symbol, dtype):
    k = np.arange(n // 2 + 1.0)
    return QuadraticSystem(
        FastFourier(n, dtype=dtype), symbol(k), np.where(3 * k < n, -0.5j * k, 0)
    )


def wave(system, size=1.0):
    n = system.transform.shape[0]
    x = 2 * np.pi * np.arange(n) / n
    u = size * (np.sin(x) + np.cos(3 * x) / 2 + 0.1)
    return system.transform.forward(u.astype(system.transform.precision))


def control(rtol, atol=0.0):
    return None if rtol is None else StepControl(rtol, ETDRK4.embedded_order + 1, atol)


def both(system, v, h, rtol=None, max_steps=1000, atol=0.0):
    return [
        kind(system, ETDRK4, v, 0.0, h, control(rtol, atol), max_steps)
        for kind in (QuadraticIntegration, Integration)
    ]


@pytest.mark.parametrize("rtol", [None, 1e-4, 1e-7])
@pytest.mark.parametrize(("kind", "n"), [(burgers, 128), (korteweg, 128), (burgers, 384)])
def test_steps_and_states_are_those_of_the_plain_one(kind, n, rtol):
    system = kind(n)
    ours, plain = both(system, wave(system), 0.0011, rtol)
    for time in TIMES:
        assert ours.advance(time) is plain.advance(time) is EvolutionStatus.FINISHED
        assert ours.counts == plain.counts and ours.t == plain.t == time
        assert np.linalg.norm(ours.v - plain.v) < 1e-13 * np.linalg.norm(plain.v)
    assert rtol is None or ours.h == pytest.approx(plain.h, rel=1e-6)


def test_repeated_steps():
    system = burgers(128)
    ours, plain = both(system, wave(system, 3.0), 0.1, 1e-9)
    for run in (ours, plain):
        run.advance(0.3)
    assert ours.counts == plain.counts and ours.rejected > 1
    assert np.linalg.norm(ours.v - plain.v) < 1e-13 * np.linalg.norm(plain.v)


@pytest.mark.parametrize("rtol", [None, 1e-4])
def test_single_precision(rtol):
    single, double = burgers(256, "float32"), burgers(256)
    ours, _ = both(single, wave(single), 0.002, rtol)
    exact, _ = both(double, wave(double), 0.002, 1e-10)
    for run in (ours, exact):
        assert run.advance(0.1) is EvolutionStatus.FINISHED
    assert ours.v.dtype == np.complex64
    assert np.linalg.norm(ours.v - exact.v) < 1e-5 * np.linalg.norm(exact.v)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blow_up_is_at_the_same_step_and_warns_of_nothing(dtype):
    system = burgers(128, dtype)
    ours, plain = both(system, wave(system, 10.0), 0.05)
    for run in (ours, plain):
        assert run.advance(0.01) is EvolutionStatus.FINISHED
        assert run.advance(5.0) is EvolutionStatus.BLOWN_UP
        assert np.isfinite(run.v).all()
    assert ours.counts == plain.counts and ours.steps > 1 and ours.t == plain.t


@pytest.mark.parametrize("rtol", [None, 1e-6])
def test_the_number_of_steps_is_limited(rtol):
    system = burgers(128)
    ours, plain = both(system, wave(system), 0.001, rtol, max_steps=7)
    for run in (ours, plain):
        assert run.advance(5.0) is EvolutionStatus.MAX_STEPS
    assert ours.counts == plain.counts and ours.t == pytest.approx(plain.t, rel=1e-9)


def test_steps_may_vanish():
    system = burgers(128)
    system.factor = system.factor * 1e300  # no step is short enough
    ours, plain = both(system, wave(system), 0.1, 1e-6)
    for run in (ours, plain):
        assert run.advance(1.0) is EvolutionStatus.STEP_VANISHED
    assert ours.counts == plain.counts and ours.t == plain.t == 0


@pytest.mark.parametrize("power", [-500, 500])
def test_units_of_the_state_do_not_matter(power):
    """Squares of states are just in range, those of errors are not."""
    system, scaled = burgers(128), burgers(128)
    scaled.factor = scaled.factor * 2.0**-power
    one, _ = both(system, wave(system), 0.1, 1e-6)
    other, _ = both(scaled, wave(system) * 2.0**power, 0.1, 1e-6)
    for run in (one, other):
        assert run.advance(0.2) is EvolutionStatus.FINISHED
    assert one.counts == other.counts and one.steps > 5
    assert np.linalg.norm(other.v * 2.0**-power - one.v) < 1e-12 * np.linalg.norm(one.v)


def test_what_decays_to_nothing_needs_an_absolute_error():
    system = burgers(128)
    for atol in (0.0, 1e-12):
        ours, plain = both(system, np.zeros(65, complex), 0.1, 1e-6, atol=atol)
        for run in (ours, plain):
            assert run.advance(1.0) is EvolutionStatus.FINISHED
        assert ours.counts == plain.counts


@pytest.mark.parametrize("options", [{"dt": 0.003}, {"rtol": 1e-6}])
def test_runs_that_were_stopped_go_on_bit_by_bit(options, tmp_path):
    system, times, path = korteweg(128), np.linspace(0.01, 0.1, 7), tmp_path / "run.h5"
    v = wave(system)
    whole = evolve(system, v, times, **options).checked()
    evolve(system, v, times, checkpoint=path, progress=lambda t, _: t > 0.05, **options)
    again = evolve(system, v, times, checkpoint=path, **options).checked()
    assert np.array_equal(whole.states, again.states) and whole.counts.steps == again.counts.steps


@pytest.mark.parametrize("rtol", [None, 1e-6])
def test_calls_may_be_as_short_as_one_step(rtol, monkeypatch):
    system = burgers(128)
    whole, _ = both(system, wave(system), 0.0013, rtol)
    whole.advance(0.1)
    monkeypatch.setattr(quadratic_integration, "AT_ONCE", 1)
    parts, _ = both(system, wave(system), 0.0013, rtol)
    parts.advance(0.1)
    assert np.array_equal(whole.v, parts.v) and whole.counts == parts.counts


def test_a_run_that_begins_again_is_a_new_one():
    system = burgers(128)
    for rtol in (None, 1e-6):
        run, new = (both(system, wave(system), 0.01, rtol)[0] for _ in range(2))
        run.advance(0.1)
        run.begin(wave(system), 0.0)
        for one in (run, new):
            one.advance(0.1)
        assert np.array_equal(run.v, new.v) and run.counts == new.counts


def test_what_it_takes():
    class Forced(QuadraticSystem):
        def nonlinear(self, t, v, out):
            super().nonlinear(t, v, out)
            out[1] += 1.0

    system = burgers(128)
    v, takes = wave(system), QuadraticIntegration.takes
    assert takes(system, ETDRK4, v)
    assert not takes(system, ETDRK3, v) and not takes(system, RK4, v)
    assert not takes(system, ETDRK4, np.stack([v, v]))
    assert not takes(system, ETDRK4, v.astype(np.complex64))
    assert not takes(burgers(96), ETDRK4, wave(burgers(96)))
    forced = Forced(system.transform, system.linear.symbol, system.factor)
    assert not takes(forced, ETDRK4, v)
    moved = evolve(forced, v, [0.1], dt=0.01).checked().states[0]
    assert abs(moved - evolve(system, v, [0.1], dt=0.01).states[0]).max() > 0.05
