"""The Kuramoto-Sivashinsky equation: growth of small waves, budget of energy, exact derivatives."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import KuramotoSivashinsky, simulate
from nwidth.solvers.stepping import ARK436L2SA, RK4, EvolutionSystem, evolve


def problem_of(n, length=32 * np.pi, dtype=np.float64):
    problem = KuramotoSivashinsky(Grid.periodic(n, upper=length), dtype=dtype)
    x = problem.grid.axes[0].points * 2 * np.pi / length
    return problem, (np.cos(x) * (1 + np.sin(x))).astype(dtype)


def test_small_waves_grow_and_decay_as_linear_theory_says():
    problem, _ = problem_of(32, length=4 * np.pi)
    x = problem.grid.axes[0].points
    k = np.arange(1, 6) / 2
    u = 1e-8 * sum(np.cos(q * x + q) for q in k)
    found = simulate(problem, {"velocity": u}, [0.0, 0.5], dt=0.05)
    rates = np.log(np.abs(found.evolution.states[1, 1:6] / found.evolution.states[0, 1:6])) / 0.5
    assert np.allclose(rates, k**2 - k**4, atol=1e-6)
    assert rates[0] > 0 > rates[2]


class Forced(EvolutionSystem):
    """The system with the force under which u = sin(x - t) + cos(2 x + t)/2 moves on."""

    def __init__(self, problem):
        self.inner = problem.system({"velocity": np.ones(problem.grid.shape)})
        self.space, self.kept, self.linear = problem.space, problem.kept, self.inner.linear
        self.x = problem.grid.axes[0].points

    def nonlinear(self, t, v, out):
        self.inner.nonlinear(t, v, out)
        a, b = self.x - t, 2 * self.x + t
        u, slope = moving(self.x, t), np.cos(a) - np.sin(b)
        speed = -np.cos(a) - np.sin(b) / 2
        bent = -np.sin(a) - 2 * np.cos(b), np.sin(a) + 8 * np.cos(b)
        out += self.space.transform.forward(speed + u * slope + bent[0] + bent[1]) * self.kept


def moving(x, t):
    return np.sin(x - t) + np.cos(2 * x + t) / 2


@pytest.mark.parametrize(("steps", "bound"), [(200, 1e-8), (3200, 2e-13)])
def test_a_manufactured_solution_is_met_to_round_off(steps, bound):
    problem, _ = problem_of(32, length=2 * np.pi)
    x = problem.grid.axes[0].points
    v = problem.state({"velocity": moving(x, 0.0)})
    found = evolve(Forced(problem), v, [1.0], dt=1 / steps).checked()
    assert np.abs(problem.fields(found.states)["velocity"][0] - moving(x, 1.0)).max() < bound


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_spectral_convergence():
    """Kassam & Trefethen's start, on finer and finer grids; the finest is the reference."""
    found = []
    for n in (64, 128, 256, 512, 1024):
        problem, u = problem_of(n)
        fields = simulate(problem, {"velocity": u}, [10.0], dt=0.1).fields["velocity"][0]
        found.append(fields[:: n // 64])
    errors = [np.abs(u - found[-1]).max() for u in found[:-1]]
    assert errors[0] > 1e-1 and errors[1] < 1e-2 and errors[2] < 1e-6 and errors[3] < 1e-12, errors


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_order_in_time():
    problem, u = problem_of(64)
    results = [
        simulate(problem, {"velocity": u}, [10.0], dt=dt).fields["velocity"][0]
        for dt in (0.1, 0.05, 0.005)
    ]
    errors = [np.abs(r - results[-1]).max() for r in results[:-1]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


def test_the_mean_is_conserved_and_the_budget_of_energy_closes():
    problem, u = problem_of(192)
    times = np.linspace(0, 20, 401)
    found = simulate(problem, {"velocity": 0.2 + u}, times, rtol=1e-9).checked()
    assert np.abs(found.invariants["mean"] - 0.2).max() < 1e-14
    v, space = found.evolution.states, problem.space
    slopes = [space.derivative(v, order=order) for order in (1, 2)]
    gain, loss = (space.inner(s, s) / space.volume for s in slopes)
    rate, step = gain - loss, times[1]
    simpson = step / 3 * (rate[0] + rate[-1] + 4 * rate[1:-1:2].sum() + 2 * rate[2:-1:2].sum())
    balance = found.invariants["energy"][-1] - found.invariants["energy"][0]
    assert abs(balance) > 0.1 and balance == pytest.approx(simpson, rel=1e-6)


def test_it_moves_with_a_frame():
    """Galilei: u(x - c t) + c is a solution if u is."""
    problem, _ = problem_of(64, length=22.0)
    x, c, t = problem.grid.axes[0].points, 0.5, 4.0
    start = np.sin(2 * np.pi * x / 22)
    one, other = (
        simulate(problem, {"velocity": start + mean}, [t], rtol=1e-10).checked()
        for mean in (0.0, c)
    )
    moved = problem.space.evaluate(one.evolution.states[0], ((x - c * t) % 22)[:, None])
    assert np.abs(other.fields["velocity"][0] - moved - c).max() < 1e-7


def test_single_precision():
    problem, u = problem_of(128, dtype=np.float32)
    found = simulate(problem, {"velocity": u}, [5.0], dt=0.1).checked().fields["velocity"][0]
    double, u = problem_of(128)
    exact = simulate(double, {"velocity": u}, [5.0], dt=0.1).fields["velocity"][0]
    assert found.dtype == np.float32 and np.abs(found - exact).max() < 1e-4


def test_fixed_steps_obey_courant_where_waves_are_not_damped():
    """Up to k = 2.3 at speed 3; on a fine grid faster modes are held by k^4."""
    problem, u = problem_of(1024)
    with pytest.raises(InputError, match=r"dt: expected at most 0\.[01].*Courant"):
        simulate(problem, {"velocity": u}, [1.0], dt=0.5, method=ARK436L2SA)
    with pytest.raises(InputError, match=r"dt: expected at most 1\.35e-05.*linear part damps"):
        simulate(problem, {"velocity": u}, [1.0], dt=0.5, method=RK4)
    with pytest.raises(InputError, match=r"dt: expected at most 1\.39"):
        simulate(problem, {"velocity": u}, [4.0], dt=2.0)
    found = simulate(problem, {"velocity": u}, [8.0], dt=0.5).checked().fields["velocity"][0]
    exact = simulate(problem, {"velocity": u}, [8.0], rtol=1e-9).fields["velocity"][0]
    assert 1e-9 < np.abs(found - exact).max() < 1e-2
