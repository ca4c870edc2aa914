import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping import (
    ETDRK4,
    EULER,
    EXPRB32,
    RK4,
    SBDF3,
    SSPRK3,
    CourantControl,
    DiagonalPart,
    EvolutionStatus,
    EvolutionSystem,
    FunctionSystem,
    QuadraticSystem,
    SparsePart,
    evolve,
)
from nwidth.solvers.stepping.courant_control import decay_limit


class Gusts(EvolutionSystem):
    """v' = -i k c(t) v with a speed that rises tenfold at t = 1; it keeps the times asked for."""

    def __init__(self):
        self.k, self.times = np.arange(9.0), []

    @staticmethod
    def speed(t):
        return 1 + 9 / (1 + np.exp(-40 * (t - 1)))

    def nonlinear(self, t, v, out):
        self.times.append(t)
        np.multiply(-1j * self.k * self.speed(t), v, out=out)

    def rate(self, t, v):
        return float(self.k[-1] * self.speed(t))


def test_steps_follow_the_speed():
    system = Gusts()
    found = evolve(system, np.ones(9, complex), [1.0, 2.0], method=RK4, courant=0.5).checked()
    assert found.times.tolist() == [1.0, 2.0] and found.counts.rejected == 0
    starts = np.array(system.times[::4])
    sizes = np.diff([*starts, 2.0])
    allowed = 0.5 * RK4.reach / (8 * system.speed(starts))
    assert (sizes <= allowed * (1 + 1e-12)).all()
    assert np.median(sizes / allowed) > 0.6  # and no shorter than they must be
    assert sizes[starts < 0.8].mean() > 5 * sizes[starts > 1.2].mean()
    assert len(np.unique(sizes.round(9))) < 0.5 * len(sizes)  # kept for some while


@pytest.fixture
def burgers():
    k = np.arange(129.0)
    symbol, factor = -0.01 * k**2, np.where(k < 256 / 3, -0.5j * k, 0)
    v = np.zeros(129, complex)
    v[1] = -0.5j  # sin x
    return QuadraticSystem(FastFourier(256), symbol, factor), v


@pytest.mark.parametrize("method", [ETDRK4, RK4, SBDF3, SSPRK3], ids=lambda m: m.name)
def test_solutions_of_burgers(method, burgers):
    exact = evolve(*burgers, [0.5, 2.0], rtol=1e-10).checked().states
    found = evolve(*burgers, [0.5, 2.0], method=method, courant=0.5).checked()
    error = np.linalg.norm(found.states - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert error.max() < 1e-3
    half = evolve(*burgers, [0.5, 2.0], method=method, courant=0.25).checked()
    assert half.counts.steps > 1.5 * found.counts.steps
    assert np.linalg.norm(half.states - exact) < 0.5 * np.linalg.norm(found.states - exact)


@pytest.mark.parametrize("method", [RK4, SBDF3, ETDRK4], ids=lambda m: m.name)
def test_runs_go_on_bit_by_bit(method, burgers, tmp_path):
    times, path = [0.3, 0.7, 1.1], tmp_path / "run.h5"
    whole = evolve(*burgers, times, method=method, courant=0.4).checked()
    part = evolve(
        *burgers, times, method=method, courant=0.4, checkpoint=path, progress=lambda t, _: t > 0.5
    )
    assert part.status is EvolutionStatus.STOPPED
    with pytest.raises(InputError, match=r"with courant = 0.3, got one of .* with courant = 0.4"):
        evolve(*burgers, times, method=method, courant=0.3, checkpoint=path)
    again = evolve(*burgers, times, method=method, courant=0.4, checkpoint=path).checked()
    assert np.array_equal(again.states, whole.states) and again.counts == whole.counts


def test_where_nothing_moves_steps_are_as_long_as_the_times(burgers):
    found = evolve(burgers[0], 0 * burgers[1], [1.0, 2.0], courant=1.0).checked()
    assert found.counts.steps == 2 and not found.states.any()


def test_what_cannot_be_known_is_refused(burgers):
    decay = FunctionSystem(lambda t, v: -v, DiagonalPart([-1.0]))
    with pytest.raises(InputError, match="courant: expected a system that tells its rate"):
        evolve(decay, [1.0], [1.0], courant=0.5)
    with pytest.raises(InputError, match="a longest stable step for waves, got Euler"):
        CourantControl(burgers[0], EULER, 0.5)
    with pytest.raises(InputError, match="got exprb32"):
        CourantControl(burgers[0], EXPRB32, 0.5)
    for courant in (0, 1.5, "a", np.nan):
        with pytest.raises(InputError, match=r"courant: expected a number in \(0, 1\]"):
            evolve(*burgers, [1.0], courant=courant)
    with pytest.raises(InputError, match="dt, rtol, courant: expected one of them"):
        evolve(*burgers, [1.0], courant=0.5, dt=0.1)


def still(t, v):
    return 0 * v


@pytest.mark.parametrize("method", [EULER, SSPRK3, RK4])
def test_steps_too_long_for_what_is_damped_are_refused(method):
    """Just below the limit heat decays, just above it would grow."""
    system, v = FunctionSystem(still, DiagonalPart([-1.0, -50.0])), np.ones(2)
    longest = decay_limit(system, method, v)
    assert longest == pytest.approx(method.decay_reach / 50)
    found = evolve(system, v, [60 * longest], method=method, dt=0.999 * longest).checked()
    assert abs(found.states[0, 1]) < 1
    with pytest.raises(InputError, match=r"dt: expected at most .*linear part damps"):
        evolve(system, v, [1.0], method=method, dt=1.01 * longest)
    stepper, out = method.start(system, v), np.empty(2)
    stepper.step(0.0, 1.01 * longest, v, out)
    assert abs(out[1]) > 1
    # modes that are not there do not count, nor does what others take implicitly
    evolve(system, np.array([1.0, 0.0]), [1.0], method=method, dt=0.5).checked()
    evolve(system, v, [1.0], method=SBDF3, dt=0.5).checked()


def test_damping_of_matrices_is_found_by_power_iteration():
    n = 40
    matrix = sp.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)) * (n + 1) ** 2
    wanted = RK4.decay_reach / (4 * (n + 1) ** 2 * np.sin(np.pi * n / (2 * (n + 1))) ** 2)
    system = FunctionSystem(still, SparsePart(matrix))
    v = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    assert wanted <= decay_limit(system, RK4, v) < 1.3 * wanted
    with pytest.raises(InputError, match="linear part damps"):
        evolve(system, v, [1.0], method=RK4, dt=1.5 * wanted)
    control = CourantControl(Gusts(), RK4, 1.0)
    control.system.linear = SparsePart(matrix)
    assert control.longest(0.0, v) <= 1.3 * wanted
