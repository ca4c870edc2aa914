"""Plane flows against exact ones, and the budgets of energy and enstrophy."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import romb

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import NavierStokes, VorticityForcing, simulate
from nwidth.solvers.stepping import ETDRK4, RK4

TURN = 2 * np.pi
SHAPES = [(4, 4), (5, 7), (12, 12), (15, 11), (16, 9), (13, 32)]


def torus(shape, lengths=(TURN, TURN)):
    return Grid.periodic(shape, lower=(0.5, -1.0), upper=(0.5 + lengths[0], lengths[1] - 1.0))


def noise(shape, dtype=np.float64, seed=0):
    w = np.random.default_rng(seed).normal(size=shape)
    return (w - w.mean()).astype(dtype)


def swirls(grid):
    """A smooth field of a few modes, that does not stand still."""
    x, y = np.meshgrid(*(axis.points - axis.lower for axis in grid.axes), indexing="ij")
    return np.cos(x) * np.cos(2 * y) + 0.7 * np.sin(x + y + 0.3) + 0.5 * np.cos(2 * x - y)


def advection(problem, v):
    """-u w_x - v w_y, term by term on the whole grid."""
    space, v = problem.space, problem.full(v)
    kx, ky = space.wavenumbers
    psi = v / np.where(space.squared > 0, space.squared, np.inf)
    u, w, wx, wy = map(
        space.transform.backward, (1j * ky * psi, -1j * kx * psi, 1j * kx * v, 1j * ky * v)
    )
    n = space.transform.forward(-u * wx - w * wy)
    return space.resampled(np.where(space.kept, n, 0), problem.modes), u, w


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_right_hand_side_is_advection_and_force(shape, dtype):
    grid = torus(shape, (1.7, 2.7))
    forcing = VorticityForcing(((1, 1, 0.2, -0.3),))
    double, problem = (NavierStokes(grid, forcing=forcing, dtype=d) for d in (np.float64, dtype))
    w = noise(shape)
    wanted, u, v = advection(double, double.state({"vorticity": w}))
    wanted += double.force
    state = problem.state({"vorticity": w.astype(dtype)})
    system, out = problem.system({}), np.full_like(state, np.nan)
    eps = 30 * np.finfo(dtype).eps
    for _ in range(2):  # work space is used again
        system.nonlinear(0.0, state, out)
    assert np.allclose(out, wanted, atol=eps * abs(wanted).max(), rtol=0)
    fastest = [abs(k).max() for k in problem.modes.wavenumbers]
    rate = (abs(u) * fastest[0] + abs(v) * fastest[1]).max()
    assert system.rate(0.0, state) == pytest.approx(float(rate), rel=float(eps))
    assert np.allclose(problem.velocity(state), [u, v], atol=eps * abs(u).max())


def test_several_states_side_by_side():
    problem = NavierStokes(torus((12, 10)))
    states = np.stack([problem.state({"vorticity": noise((12, 10), seed=s)}) for s in range(3)])
    system, out = problem.system({}), np.empty_like(states)
    system.nonlinear(0.0, states, out)
    for v, found in zip(states, out, strict=True):
        alone = np.empty_like(v)
        system.nonlinear(0.0, v, alone)
        assert np.array_equal(alone, found)
    rates = [system.rate(0.0, v) for v in states]
    assert system.rate(0.0, states) == max(rates)
    assert problem.fields(states)["vorticity"].shape == (3, 12, 10)
    assert problem.velocity(states).shape == (3, 2, 12, 10)
    assert problem.invariants(states)["energy"].shape == problem.tail(states).shape == (3,)


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(16, 16), (17, 21)])
def test_vortices_that_decay_in_their_own_shape(shape, dtype):
    # Taylor (1923): with Laplace w = -25 w, advection vanishes though many modes meet.
    grid, nu, mu = torus(shape), 0.01, 0.2
    x, y = np.meshgrid(*grid.points, indexing="ij")
    w = np.cos(3 * x) * np.sin(4 * y) + 0.5 * np.sin(4 * x + 3 * y) + 0.3 * np.cos(5 * x)
    problem = NavierStokes(grid, nu, drag=mu, dtype=dtype)
    times = [0.0, 0.5, 1.0]
    found = simulate(problem, {"vorticity": w.astype(dtype)}, times, dt=0.05).checked()
    exact = np.exp(-(25 * nu + mu) * np.array(times))[:, None, None] * w
    bound = 1e-13 if dtype is np.float64 else 1e-5
    assert found.fields["vorticity"].dtype == dtype
    assert np.abs(found.fields["vorticity"] - exact).max() < bound
    energy = 0.5 * (exact**2).mean(axis=(1, 2)) / 25
    assert np.allclose(found.invariants["energy"], energy, rtol=10 * bound)


def test_flow_that_a_force_drives_from_rest():
    grid = torus((16, 18))
    forcing, nu, mu = VorticityForcing.kolmogorov(2, 0.3), 0.05, 0.1
    problem = NavierStokes(grid, nu, drag=mu, forcing=forcing)
    found = simulate(problem, {"vorticity": np.zeros(grid.shape)}, [1.0, 4.0], dt=0.1, atol=1.0)
    rate = 4 * nu + mu
    grown = (1 - np.exp(-rate * found.times)) / rate
    wanted = grown[:, None, None] * forcing.field(grid)
    assert np.abs(found.fields["vorticity"] - wanted).max() < 1e-13


@pytest.fixture(scope="module")
def fine():
    """The solution at t = 1 of a grid and of steps that leave nothing to wish for."""
    problem = NavierStokes(torus((96, 96)), 0.05, drag=0.1, forcing=VorticityForcing.diagonal())
    found = simulate(problem, {"vorticity": swirls(problem.grid)}, [1.0], dt=1 / 200).checked()
    assert found.tail[0] < 1e-10
    return problem, found.fields["vorticity"][0]


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_spectral_convergence(fine):
    problem, wanted = fine
    errors = []
    for n in (12, 24, 48):
        coarse = problem.on(torus((n, n)))
        found = simulate(coarse, {"vorticity": swirls(coarse.grid)}, [1.0], dt=1 / 200).checked()
        step = 96 // n
        errors.append(np.abs(found.fields["vorticity"][0] - wanted[::step, ::step]).max())
    assert errors[1] < 0.02 * errors[0] and errors[2] < 0.001 * errors[1], errors


@pytest.mark.parametrize("method", [ETDRK4, RK4], ids=lambda m: m.name)
def test_order_in_time(method, fine):
    problem, wanted = fine
    coarse = problem.on(torus((64, 64)))
    errors = []
    for n in (32, 64):
        inputs = {"vorticity": swirls(coarse.grid)}
        found = simulate(coarse, inputs, [1.0], method=method, dt=1 / n).checked()
        w = found.fields["vorticity"][0]
        errors.append(np.abs(w[::2, ::2] - wanted[::3, ::3]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3), errors


@pytest.mark.parametrize("shape", SHAPES)
def test_budgets_hold_at_every_instant(shape):
    grid = torus(shape, (1.7, 2.7))
    problem = NavierStokes(grid, 0.01, drag=0.3, forcing=VorticityForcing.diagonal(2.0))
    v = problem.state({"vorticity": noise(shape)})
    system, slope, work = problem.system({}), np.empty_like(v), np.empty_like(v)
    system.full(0.0, v, slope, work)
    products = problem.modes.weights * slope * np.conj(v)
    scale = abs(problem.modes.weights * slope * v).sum()
    rates = problem.rates(v)
    inverse = 1 / np.where(problem.modes.squared > 0, problem.modes.squared, np.inf)
    assert abs(products.real.sum() - rates["enstrophy"]) < 1e-14 * scale
    assert abs((products.real * inverse).sum() - rates["energy"]) < 1e-14 * scale * inverse.max()


def test_budgets_in_time_close_to_the_order_of_the_stepper():
    problem = NavierStokes(torus((48, 48)), 0.01, drag=0.05, forcing=VorticityForcing.diagonal())
    inputs = {"vorticity": swirls(problem.grid)}
    times, gaps = np.linspace(0, 1, 17), []
    for dt in (1 / 16, 1 / 32):
        run = simulate(problem, inputs, times, dt=dt).checked()
        rates = problem.rates(run.evolution.states)
        gaps.append(
            [
                run.invariants[name][-1] - run.invariants[name][0] - romb(rates[name], 1 / 16)
                for name in ("energy", "enstrophy")
            ]
        )
    coarse, closed = np.abs(gaps)
    assert (closed < 1e-8).all() and (coarse > 2**3.5 * closed).all(), gaps


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_without_viscosity_energy_and_enstrophy_stay():
    problem = NavierStokes(torus((32, 32)), 0.0)
    inputs, drifts = {"vorticity": swirls(problem.grid)}, []
    for dt in (0.05, 0.0125):
        found = simulate(problem, inputs, [0.0, 2.0], method=RK4, dt=dt).invariants
        drifts.append([abs(np.diff(found[name])[0]) for name in ("energy", "enstrophy")])
    assert np.max(drifts[1]) < 1e-12
    assert (np.array(drifts[0]) > 4**3.4 * np.array(drifts[1])).all(), drifts


def test_fields_as_forces_and_other_grids():
    grid = torus((24, 24))
    waves = VorticityForcing.kolmogorov(2)
    one, other = (NavierStokes(grid, forcing=f) for f in (waves, waves.field(grid)))
    assert np.allclose(one.force, other.force, atol=1e-15)
    finer = torus((36, 30))
    assert np.allclose(one.on(finer).force, other.on(finer).force, atol=1e-15)
    assert np.allclose(other.on(finer).forcing, waves.field(finer), atol=1e-14)


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize("kind", ["none", "waves", "field"])
def test_descriptions_lead_back(kind):
    grid = Grid.periodic((12, 12))
    sampler = GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")
    waves = VorticityForcing.diagonal()
    forcing = {"none": None, "waves": waves, "field": waves.field(grid)}[kind]
    problem = NavierStokes(grid, 1e-4, sampler, drag=0.1, forcing=forcing, unit="1/s")
    again = NavierStokes.from_description(problem.describe())
    assert again.describe() == problem.describe()
    inputs = problem.sample(np.random.default_rng(0))
    one, two = (simulate(p, inputs, [0.1], dt=0.05).fields["vorticity"] for p in (problem, again))
    assert np.array_equal(one, two)
    assert problem.on(Grid.periodic((16, 16))).inputs[0].sampler.grid.shape == (16, 16)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"viscosity": -1.0}, r"viscosity: expected a number in \[0, inf\)"),
        ({"drag": np.nan}, "drag: expected a number"),
        ({"grid": Grid.periodic(8)}, "grid: expected 2 dimensions, got 1"),
        ({"grid": Grid.uniform((8, 8))}, "not periodic"),
        ({"forcing": np.zeros((8, 9))}, r"forcing: expected real numbers of shape \(8, 8\)"),
        ({"forcing": "kolmogorov"}, "forcing: expected real numbers"),
        ({"forcing": [[1.0, 2.0], [3.0]]}, "forcing: expected real numbers"),
        ({"forcing": np.ones((8, 8))}, "forcing: expected a mean of zero"),
        ({"forcing": VorticityForcing.kolmogorov(3)}, "forcing: expected waves below a third"),
        ({"dtype": "int32"}, "dtype: expected"),
        ({"dtype": "double and a half"}, "dtype: expected"),
    ],
)
def test_what_is_no_flow(change, words):
    with pytest.raises(InputError, match=words):
        NavierStokes(**{"grid": Grid.periodic((8, 8)), **change})


def test_vorticity_has_no_mean():
    problem = NavierStokes(Grid.periodic((8, 8)))
    with pytest.raises(InputError, match="vorticity: expected a mean of zero, as of every curl"):
        problem.state({"vorticity": 0.1 + noise((8, 8))})


def test_fixed_steps_obey_courant():
    problem = NavierStokes(torus((32, 32)))
    with pytest.raises(InputError, match=r"dt: expected at most 0\.\d+, where ETDRK4 is stable"):
        simulate(problem, {"vorticity": swirls(problem.grid)}, [2.0], dt=1.0)


def test_descriptions_with_other_keys():
    description = NavierStokes(Grid.periodic((8, 8))).describe()
    with pytest.raises(InputError, match="expected navier-stokes with the keys"):
        NavierStokes.from_description({**description, "wind": 1})


def run_on_device_arrays():
    """Compare a flow with that on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()

    for shape, dtype in (((9, 12), np.float32), ((12, 7), np.float64), ((4, 4), np.float64)):
        problem = NavierStokes(
            torus(shape), forcing=VorticityForcing(((1, 0, 0.2, -0.3),)), dtype=dtype
        )
        system, state = problem.system({}), problem.state({"vorticity": noise(shape, dtype)})
        wanted, found = np.empty_like(state), cupy.asarray(np.empty_like(state))
        for _ in range(2):  # there and back: work space and wavenumbers move
            system.nonlinear(0.0, state, wanted)
            system.nonlinear(0.0, cupy.asarray(state), found)
            eps = 30 * np.finfo(dtype).eps
            np.testing.assert_allclose(found.get(), wanted, atol=eps * abs(wanted).max())

    problem = NavierStokes(torus((15, 16)), forcing=VorticityForcing.diagonal())
    w = swirls(problem.grid)
    host, device = {"vorticity": w}, {"vorticity": cupy.asarray(w)}
    one, other = (simulate(problem, i, [0.0, 0.2], dt=0.05).checked() for i in (host, device))
    states = other.evolution.states
    for found in (other.fields["vorticity"], problem.velocity(states), states):
        assert isinstance(found, cupy.ndarray)
    np.testing.assert_allclose(other.fields["vorticity"].get(), one.fields["vorticity"], atol=1e-13)
    for name, values in one.invariants.items():
        np.testing.assert_allclose(np.array(other.invariants[name]), values, rtol=1e-13)
    rates = problem.rates(states), problem.rates(one.evolution.states)
    np.testing.assert_allclose(np.array(rates[0]["energy"]), rates[1]["energy"], rtol=1e-12)
    assert problem.system(device).rate(0.0, states[-1]) > 0
    return "agreed"


def test_flow_on_a_device_is_that_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays") == "agreed"
