"""The Allen-Cahn equation: fronts, growth in closed form, energy."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import AllenCahn, simulate

WIDTH = 0.005


def fronts(x, t, start=0.2):
    """The front of Allen & Cahn's equation into u = 0, to either side of x = 1/2.

    u = 1 / (1 + exp((x - c t) / (sqrt(2) eps))), c = 3 eps / sqrt(2): so fast that where both
    meet the other's tail is below round-off.
    """
    away = np.abs(x - 0.5) - start - 3 / np.sqrt(2) * WIDTH * t
    return 1 / (1 + np.exp(away / (np.sqrt(2) * WIDTH)))


def problem_of(shape, width=WIDTH, dtype=np.float64):
    return AllenCahn(Grid.periodic(shape), width, dtype=dtype)


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_travelling_fronts_converge_to_round_off():
    errors = []
    for n in (128, 256, 512, 1024):
        problem = problem_of(n)
        x = problem.grid.axes[0].points
        found = simulate(problem, {"phase": fronts(x, 0.0)}, [2.0], dt=4e-3).checked()
        errors.append(np.abs(found.fields["phase"][0] - fronts(x, 2.0)).max())
    assert errors[0] > 1e-3 and errors[1] < 1e-3 and errors[2] < 1e-6 and errors[3] < 1e-11, errors


def test_order_in_time():
    problem = problem_of(512)
    x = problem.grid.axes[0].points
    u = {"phase": fronts(x, 0.0)}
    results = [simulate(problem, u, [2.0], dt=dt).fields["phase"][0] for dt in (0.2, 0.1, 0.01)]
    errors = [np.abs(r - results[-1]).max() for r in results[:-1]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4)


@pytest.mark.parametrize("shape", [(8,), (8, 9), (4, 5, 6)])
def test_uniform_phases_grow_as_in_closed_form(shape):
    """u' = u - u^3: u = a e^t / sqrt(1 + a^2 (e^2t - 1))."""
    a, t = 0.1, 3.0
    found = simulate(problem_of(shape), {"phase": np.full(shape, a)}, [t], rtol=1e-10).checked()
    exact = a * np.exp(t) / np.sqrt(1 + a**2 * (np.exp(2 * t) - 1))
    assert np.abs(found.fields["phase"] - exact).max() < 1e-8


@pytest.mark.parametrize("dimension", [2, 3])
def test_more_dimensions_hold_the_solutions_of_fewer(dimension):
    line, n = problem_of(32, 0.1), 32
    x = line.grid.axes[0].points
    u = 0.2 + np.cos(2 * np.pi * x)
    one = simulate(line, {"phase": u}, [0.5], dt=0.01).fields["phase"][0]
    for axis in range(dimension):
        shape = [6] * dimension
        shape[axis] = n
        wide = [n if a == axis else 1 for a in range(dimension)]
        inputs = {"phase": np.broadcast_to(u.reshape(wide), shape)}
        found = simulate(problem_of(tuple(shape), 0.1), inputs, [0.5], dt=0.01).fields["phase"][0]
        assert np.abs(found - one.reshape(wide)).max() < 1e-13


@pytest.mark.parametrize("shape", [(64,), (24, 30), (20, 20, 24)])
def test_energy_falls(shape):
    problem = problem_of(shape, 0.1)
    u = np.random.default_rng(2).normal(size=shape)
    v = problem.state({"phase": u})
    v *= np.exp(-1e-2 * problem.space.squared)
    start = {"phase": problem.fields(v)["phase"]}
    found = simulate(problem, start, np.linspace(0, 2, 21), rtol=1e-7).checked()
    energy = found.invariants["energy"]
    assert (np.diff(energy) < 0).all() and energy[-1] < 0.99 * energy[0]


def test_energy_of_a_wave_and_its_rate():
    """The energy of a cosine in closed form; it falls by int u_t^2."""
    problem = problem_of((16, 18), 0.1)
    x = np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")[0]
    v = problem.state({"phase": 0.6 * np.cos(2 * np.pi * x)})
    exact = 0.01 / 2 * (0.6 * 2 * np.pi) ** 2 / 2 + (1 - 0.36 + 3 / 8 * 0.6**4) / 4
    assert problem.invariants(v)["energy"] == pytest.approx(exact, rel=1e-13)
    system = problem.system({"phase": x})
    system.full(0.0, v, slope := np.empty_like(v), np.empty_like(v))
    h = 1e-5
    change = [problem.invariants(v + s * h * slope)["energy"] for s in (1, -1)]
    lost = problem.space.inner(slope, slope)
    assert (change[0] - change[1]) / (2 * h) == pytest.approx(-lost, rel=1e-8)


def test_single_precision():
    x = problem_of(256, 0.02).grid.axes[0].points
    u = np.cos(2 * np.pi * x)
    found, double = (
        simulate(problem_of(256, 0.02, dtype), {"phase": u.astype(dtype)}, [2.0], dt=0.05)
        for dtype in (np.float32, np.float64)
    )
    assert found.fields["phase"].dtype == np.float32
    assert np.abs(found.fields["phase"] - double.fields["phase"]).max() < 1e-5


@pytest.mark.parametrize("width", [0, -1.0, np.inf, "thin"])
def test_widths_are_positive(width):
    with pytest.raises(InputError, match="width: expected a number in"):
        AllenCahn(Grid.periodic(8), width)


def test_steps_too_long_for_the_phases_to_come_are_refused():
    """From 0.5 the phase grows to 1; steps of 1.2 would end at 0.74, of 2 blow up."""
    problem = AllenCahn(Grid.periodic(64), 0.05)
    u = 0.5 * np.sin(2 * np.pi * problem.grid.axes[0].points)
    for dt in (1.2, 2.0):
        with pytest.raises(InputError, match=r"dt: expected at most 0\.9"):
            simulate(problem, {"phase": u}, [30.0], dt=dt)
