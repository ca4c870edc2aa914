"""The nonlinear Schroedinger equation against solitons, breathers and plane waves."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import NonlinearSchroedinger, simulate

LENGTH = 40.0


def soliton(x, t, a=1.6, m=2, start=20.0):
    """Satsuma & Yajima (1974): an envelope that moves with c = 4 pi m / L, periodic in L."""
    c = 4 * np.pi * m / LENGTH
    return a / np.cosh(a * (x - start - c * t)) * np.exp(1j * (c * x / 2 + (a**2 - c**2 / 4) * t))


def breather(x, t, angle=0.9):
    """Akhmediev, Eleonskii & Kulagin (1987): ripples that grow out of a uniform wave and vanish."""
    k, rate = 2 * np.sin(angle), 2 * np.sin(2 * angle)
    ripple = np.cos(angle) * np.cos(k * x)
    top = np.cosh(rate * t - 2j * angle) - ripple
    return np.exp(2j * t) * top / (np.cosh(rate * t) - ripple)


def problem_of(n, length=LENGTH, dtype=np.float64):
    problem = NonlinearSchroedinger(Grid.periodic(n, upper=length), dtype=dtype)
    return problem, problem.grid.axes[0].points


def waves(found):
    return found.fields["wave_real"] + 1j * found.fields["wave_imag"]


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_a_soliton_converges_to_round_off():
    errors = []
    for n in (96, 192, 384, 768):
        problem, x = problem_of(n)
        found = simulate(problem, {"wave": soliton(x, 0.0)}, [0.5], dt=5e-4).checked()
        errors.append(np.abs(waves(found)[0] - soliton(x, 0.5)).max())
    assert errors[0] > 1e-2 and errors[1] < 1e-2 and errors[2] < 1e-5 and errors[3] < 1e-11, errors


def test_a_breather_on_its_own_circle():
    """It is periodic exactly; the error is that of time alone."""
    problem, x = problem_of(128, length=np.pi / np.sin(0.9))
    found = simulate(problem, {"wave": breather(x, -1.0)}, [1.0, 2.0], rtol=1e-10).checked()
    exact = [breather(x, t) for t in (0.0, 1.0)]
    assert np.abs(exact[0]).max() > 1.5 * np.abs(breather(x, -1.0)).max()
    assert np.abs(waves(found) - exact).max() < 1e-8


def test_plane_waves_turn_by_their_amplitude_and_wavenumber():
    problem, x = problem_of(24, length=2 * np.pi)
    a, k, t = 0.7, -3, 0.8
    found = simulate(problem, {"wave": a * np.exp(1j * k * x)}, [t], dt=2e-4)
    exact = a * np.exp(1j * (k * x - (k**2 - 2 * a**2) * t))
    assert np.abs(waves(found)[0] - exact).max() < 1e-12


def test_order_in_time():
    problem, x = problem_of(512)
    errors = [
        np.abs(waves(simulate(problem, {"wave": soliton(x, 0)}, [0.5], dt=dt))[0] - soliton(x, 0.5))
        for dt in (0.01, 0.005)
    ]
    assert np.log2(errors[0].max() / errors[1].max()) == pytest.approx(4, abs=0.3)


def test_mass_momentum_and_energy_of_a_soliton():
    problem, x = problem_of(512)
    found = problem.invariants(problem.state({"wave": soliton(x, 0.0)}))
    a, c = 1.6, 8 * np.pi / LENGTH
    assert found["mass"] == pytest.approx(2 * a, rel=1e-12)
    assert found["momentum"] == pytest.approx(a * c, rel=1e-12)
    assert found["energy"] == pytest.approx(a * c**2 / 2 - 2 / 3 * a**3, rel=1e-12)


def test_what_is_conserved_is_so_in_space_exactly():
    problem, _ = problem_of(48, length=6.0)
    generator = np.random.default_rng(3)
    u = generator.normal(size=48) + 1j * generator.normal(size=48)
    v, space = problem.state({"wave": u}), problem.space
    problem.system({"wave": u}).full(0.0, v, out := np.empty_like(v), np.empty_like(v))
    w = space.transform.backward(v)
    gradients = {
        "mass": v,
        "momentum": -1j * space.derivative(v),
        "energy": -space.derivative(v, order=2) - 2 * space.transform.forward(abs(w) ** 2 * w),
    }
    for gradient in gradients.values():
        size = np.sqrt((space.inner(gradient, gradient) * space.inner(out, out)).real)
        assert abs(space.inner(gradient, out).real) < 1e-13 * size


def test_invariants_stay_through_a_collision():
    problem, x = problem_of(512)
    u = soliton(x, 0.0, 1.0, 3, 12.0) + soliton(x, 0.0, 0.9, -3, 28.0)
    found = simulate(problem, {"wave": u}, [0.0, 4.0], rtol=1e-8).checked()
    for values in found.invariants.values():
        assert abs(values[1] - values[0]) < 1e-7


def test_single_precision():
    problem, x = problem_of(384, dtype=np.float32)
    inputs = {"wave": soliton(x, 0.0).astype(np.complex64)}
    found = simulate(problem, inputs, [0.5], dt=0.01).checked()
    assert found.fields["wave_real"].dtype == np.float32
    assert np.abs(waves(found)[0] - soliton(x, 0.5)).max() < 1e-4


def test_waves_are_real_or_complex():
    problem, x = problem_of(24, length=1.0)
    real = problem.state({"wave": np.cos(2 * np.pi * x)})
    assert np.array_equal(real, problem.state({"wave": np.cos(2 * np.pi * x) + 0j}))
    with pytest.raises(InputError, match=r"wave: expected numbers of shape \(24,\)"):
        problem.state({"wave": np.ones(25)})
    with pytest.raises(NonFiniteError, match="wave"):
        problem.state({"wave": np.full(24, 1j * np.nan)})


def test_random_waves_and_the_way_back_from_descriptions():
    grid = Grid.periodic(32)
    sampler = GaussianRandomField(grid, alpha=2.0, tau=5.0, boundary="periodic")
    problem = NonlinearSchroedinger(grid, sampler, unit="V/m")
    inputs = problem.sample(np.random.default_rng(0))
    again = NonlinearSchroedinger.from_description(problem.describe())
    assert again.describe() == problem.describe()
    assert problem.outputs == {"wave_real": "V/m", "wave_imag": "V/m"}
    assert np.array_equal(again.sample(np.random.default_rng(0))["wave"], inputs["wave"])
