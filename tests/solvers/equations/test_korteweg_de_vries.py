"""The Korteweg-de Vries equation against its solitons."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import KortewegDeVries, simulate

LENGTH = 40.0


def soliton(x, t, a=1.0, start=18.0):
    """Korteweg & de Vries (1895): a wave of permanent form with speed 4 a^2."""
    return 2 * a**2 / np.cosh(a * (x - start - 4 * a**2 * t)) ** 2


def two_solitons(x, t, a=0.8, b=1.2, starts=(24.0, 18.0)):
    """Hirota (1971): u = 2 (log f)_xx with f = 1 + e^p + e^q + ((a - b)/(a + b))^2 e^(p + q)."""
    e, g = (np.exp(2 * c * (x - s - 4 * c**2 * t)) for c, s in ((a, starts[0]), (b, starts[1])))
    r = ((a - b) / (a + b)) ** 2
    f = 1 + e + g + r * e * g
    f1 = 2 * a * e + 2 * b * g + 2 * (a + b) * r * e * g
    f2 = (2 * a) ** 2 * e + (2 * b) ** 2 * g + (2 * (a + b)) ** 2 * r * e * g
    return 2 * (f2 * f - f1**2) / f**2


def problem_of(n, dtype=np.float64, length=LENGTH):
    problem = KortewegDeVries(Grid.periodic(n, upper=length), dtype=dtype)
    return problem, problem.grid.axes[0].points


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_spectral_convergence_to_round_off():
    errors = []
    for n in (64, 128, 256, 512):
        problem, x = problem_of(n)
        found = simulate(problem, {"height": soliton(x, 0.0)}, [0.5], dt=2e-4).checked()
        errors.append(np.abs(found.fields["height"][0] - soliton(x, 0.5)).max())
    assert errors[0] > 1e-2 and errors[1] < 1e-3 and errors[2] < 1e-7 and errors[3] < 2e-11, errors


def test_order_in_time():
    problem, x = problem_of(256)
    errors = [
        np.abs(
            simulate(problem, {"height": soliton(x, 0.0)}, [0.4], dt=dt).fields["height"][0]
            - soliton(x, 0.4)
        ).max()
        for dt in (0.01, 0.005)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3)


def test_two_solitons_pass_through_each_other():
    problem, x = problem_of(512, length=60.0)
    times = [0.0, 1.9, 3.0]
    inputs = {"height": two_solitons(x, 0.0)}
    found = simulate(problem, inputs, times, rtol=1e-9).checked()
    exact = np.array([two_solitons(x, t) for t in times])
    assert np.argmax(exact[0]) < np.argmax(exact[2]) and exact[1].max() < 0.9 * exact[0].max()
    assert np.abs(found.fields["height"] - exact).max() < 1e-7
    for values in found.invariants.values():
        assert np.abs(values / values[0] - 1).max() < 1e-8


def test_mass_momentum_and_energy_of_a_soliton():
    problem, x = problem_of(256)
    found = problem.invariants(problem.state({"height": soliton(x, 0.0, a=0.9)}))
    assert found["mass"] == pytest.approx(4 * 0.9, rel=1e-12)
    assert found["momentum"] == pytest.approx(8 / 3 * 0.9**3, rel=1e-12)
    assert found["energy"] == pytest.approx(32 / 5 * 0.9**5, rel=1e-12)


def test_what_is_conserved_is_so_in_space_exactly():
    """The right-hand side of any kept modes is orthogonal to the gradients of the invariants."""
    problem, _ = problem_of(48, length=6.0)
    v = problem.state({"height": np.random.default_rng(1).normal(size=48)})
    system, space = problem.system({"height": np.ones(48)}), problem.space
    system.full(0.0, v, out := np.empty_like(v), np.empty_like(v))
    u = space.transform.backward(v)
    gradient = space.transform.forward(3 * u * u) + space.derivative(v, order=2)
    for slope in (v, gradient):
        size = np.sqrt(space.inner(slope, slope) * space.inner(out, out))
        assert abs(space.inner(slope, out)) < 1e-13 * size
    assert out[0] == 0


def test_small_waves_have_their_speed():
    """exp(i k x) moves with -k^2."""
    problem, x = problem_of(32, length=2 * np.pi)
    found = simulate(problem, {"height": 1e-9 * np.cos(3 * x)}, [0.2], dt=0.01)
    exact = 1e-9 * np.cos(3 * (x + 9 * 0.2))
    assert np.abs(found.fields["height"][0] - exact).max() < 1e-16


def test_single_precision():
    problem, x = problem_of(256, np.float32)
    inputs = {"height": soliton(x, 0.0).astype(np.float32)}
    found = simulate(problem, inputs, [0.25], dt=5e-3).checked().fields["height"][0]
    assert found.dtype == np.float32 and np.abs(found - soliton(x, 0.25)).max() < 1e-4


def test_fixed_steps_obey_courant():
    problem, x = problem_of(256)
    with pytest.raises(InputError, match=r"dt: expected at most 0\.0"):
        simulate(problem, {"height": soliton(x, 0.0)}, [1.0], dt=0.1)
