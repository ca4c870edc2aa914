"""Flows in space against exact ones, what the nonlinear term conserves, budgets, references."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import romb

from nwidth.arrays import generator
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import (
    NavierStokes,
    NavierStokes3D,
    VelocityWaves,
    generate_trajectories,
    problem_from_description,
    simulate,
)
from nwidth.solvers.equations import navier_stokes_3d
from nwidth.solvers.generate_trajectories import data_set_size
from nwidth.solvers.spectral import pruned_real_fourier
from nwidth.solvers.stepping import ETDRK4, RK4

# Grids are small here, so flows are hardly resolved on some, which is told.
pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")

TURN = 2 * np.pi
SHAPES = [(4, 4, 4), (5, 7, 6), (12, 9, 11), (6, 15, 16)]
BOX = (1.7, 2.7, 2.1)


def torus(shape, lengths=(TURN, TURN, TURN)):
    lower = np.array([0.5, -1.0, 0.0])
    return Grid.periodic(shape, lower=lower, upper=lower + lengths)


def noise(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(3, *shape)).astype(dtype)


def noisy(problem, seed=0):
    """A state with noise in all modes."""
    u = problem.solenoidal(noise(problem.grid.shape, problem.dtype, seed))
    return problem.state({"velocity": u})


def started(grid):
    """A smooth velocity of a few modes, without symmetries, that does not stand still."""
    swirl = VelocityWaves(((1, 1, 0, (0.2, -0.2, 0.5), (0.0, 0.0, 0.3)),))
    both = VelocityWaves.taylor_green(), VelocityWaves.abc(0.5, 0.3, -0.4)
    return {"velocity": sum(waves.field(grid) for waves in (*both, swirl))}


def advection(problem, v):
    """-P (u . grad) u, term by term on the whole grid."""
    space, whole = problem.space, problem.full(v)
    u = space.transform.backward(whole)
    n = np.zeros_like(u)
    for i in range(3):
        for j, k in enumerate(space.wavenumbers):
            n[i] -= u[j] * space.transform.backward(np.ascontiguousarray(1j * k * whole[i]))
    kept = space.resampled(np.where(space.kept, space.transform.forward(n), 0), problem.modes)
    k = np.stack(np.broadcast_arrays(*problem.modes.wavenumbers))
    squared = np.where(problem.modes.squared > 0, problem.modes.squared, np.inf)
    return kept - k * (k * kept).sum(axis=0) / squared, u


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_right_hand_side_is_advection_and_force(shape, dtype, monkeypatch):
    grid = torus(shape, BOX)
    forcing = VelocityWaves(((1, 0, 1, (0.2, -0.3, 0.1), (1.0, 0.0, 0.5)),))
    double, problem = (NavierStokes3D(grid, forcing=forcing, dtype=d) for d in (np.float64, dtype))
    wanted, u = advection(double, noisy(double))
    wanted += double.force
    state = noisy(double).astype(problem.modes.transform.complex)
    system, out = problem.system({}), np.full_like(state, np.nan)
    eps = 30 * np.finfo(dtype).eps
    for device in (False, True):  # kernels, and the arrays that devices get
        for module in (navier_stokes_3d, pruned_real_fourier):
            monkeypatch.setattr(module, "lives_on_gpu", lambda _, d=device: d)
        system = problem.system({})
        for _ in range(2):  # work space is used again
            system.nonlinear(0.0, state, out)
        assert np.allclose(out, wanted, atol=eps * abs(wanted).max(), rtol=0)
        rate = sum(abs(a) * abs(k).max() for a, k in zip(u, problem.modes.wavenumbers, strict=True))
        assert system.rate(0.0, state) == pytest.approx(float(rate.max()), rel=float(eps))


@pytest.mark.parametrize("shape", SHAPES)
def test_nonlinear_term_conserves_energy_and_helicity(shape):
    problem = NavierStokes3D(torus(shape, BOX), 0.0)
    v = noisy(problem)
    slope = np.empty_like(v)
    problem.system({}).nonlinear(0.0, v, slope)
    curl = problem._curl(v)
    for w in (v, curl):
        size = np.sqrt(problem._mean(w, w) * problem._mean(slope, slope))
        assert abs(problem._mean(w, slope)) < 1e-13 * size
    assert abs(slope[:, 0, 0, 0]).max() < 1e-14  # and momentum
    # Enstrophy is not conserved in space.
    grown = problem._mean(curl, problem._curl(slope))
    assert abs(grown) > 1e-4 * np.sqrt(problem._mean(curl, curl) * problem._mean(slope, slope))


def test_taylor_green_at_its_start():
    # Of p = (cos 2x + cos 2y) (cos 2z + 2) / 16 and two lines of trigonometry.
    problem = NavierStokes3D(Grid.periodic((8, 9, 10), upper=TURN), 0.0)
    v = problem.state({"velocity": VelocityWaves.taylor_green().field(problem.grid)})
    slope = np.empty_like(v)
    problem.system({}).nonlinear(0.0, v, slope)
    x, y, z = (2 * c for c in np.meshgrid(*problem.grid.points, indexing="ij"))
    wanted = np.stack(
        [
            -np.sin(x) * np.cos(z),
            -np.sin(y) * np.cos(z),
            (np.cos(x) + np.cos(y)) * np.sin(z),
        ]
    )
    assert np.allclose(problem.fields(slope)["velocity"], wanted / 8, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(12, 12, 12), (9, 13, 11)])
def test_beltrami_flow_decays_in_its_own_shape(shape, dtype):
    grid, nu = torus(shape), 0.2
    u = VelocityWaves.abc(1.0, 0.7, -0.4, 2).field(grid)
    problem, times = NavierStokes3D(grid, nu, dtype=dtype), [0.0, 0.5, 1.0]
    found = simulate(problem, {"velocity": u.astype(dtype)}, times, dt=0.1).checked()
    exact = np.exp(-4 * nu * np.array(times))[:, None, None, None, None] * u
    bound = 1e-13 if dtype is np.float64 else 1e-5
    assert found.fields["velocity"].dtype == dtype
    assert np.abs(found.fields["velocity"] - exact).max() < bound
    assert np.allclose(problem.vorticity(found.evolution.states), 2 * exact, atol=2 * bound)
    quantities = found.invariants
    assert np.allclose(quantities["helicity"], 4 * quantities["energy"], rtol=10 * bound)
    assert np.allclose(quantities["enstrophy"], 4 * quantities["energy"], rtol=10 * bound)


def test_plane_flows_stay_plane_and_are_those_of_their_vorticity():
    shape, nu = (24, 24), 0.05
    plane = NavierStokes(Grid.periodic(shape, upper=TURN), nu)
    x, y = np.meshgrid(*plane.grid.points, indexing="ij")
    w = np.cos(x) * np.cos(2 * y) + 0.7 * np.sin(x + y + 0.3) + 0.5 * np.cos(2 * x - y)
    flat = simulate(plane, {"vorticity": w}, [0.0, 1.0], dt=0.02).checked().evolution.states
    space = NavierStokes3D(Grid.periodic((*shape, 4), upper=TURN), nu)
    u = np.zeros((2, 3, *shape, 4))
    u[:, :2] = plane.velocity(flat)[..., None]
    found = simulate(space, {"velocity": u[0]}, [1.0], dt=0.02).checked().fields["velocity"]
    assert np.abs(found[0] - u[1]).max() < 1e-13


def test_divergence_stays_zero_and_mean_velocity_too():
    problem = NavierStokes3D(torus((24, 20, 18)), 0.02)
    inputs = started(problem.grid)
    inputs["velocity"][0] += 0.3
    run = simulate(problem, inputs, [0.0, 2.0], dt=0.05).checked()
    states = run.evolution.states
    k = problem.modes.wavenumbers
    divergence = sum(k[i] * states[:, i] for i in range(3))
    assert abs(divergence).max() < 1e-15
    means = run.fields["velocity"].mean(axis=(2, 3, 4))
    assert np.abs(means - [0.3, 0, 0]).max() < 1e-14


@pytest.fixture(scope="module")
def fine():
    """A solution at t = 1 of a grid and of steps that leave nothing to wish for."""
    problem = NavierStokes3D(torus((48, 48, 48)), 0.2, forcing=VelocityWaves.kolmogorov(1, 0.5))
    found = simulate(problem, started(problem.grid), [1.0], dt=1 / 20).checked()
    assert found.tail[0] < 1e-7
    return problem, found.fields["velocity"][0]


def test_spectral_convergence(fine):
    problem, wanted = fine
    errors = []
    for n in (8, 16, 24):
        coarse = problem.on(torus((n, n, n)))
        found = simulate(coarse, started(coarse.grid), [1.0], dt=1 / 20).checked()
        step = 48 // n
        gap = found.fields["velocity"][0] - wanted[:, ::step, ::step, ::step]
        errors.append(np.abs(gap).max())
    assert errors[1] < 0.01 * errors[0] and errors[2] < 0.05 * errors[1], errors


@pytest.mark.parametrize("method", [ETDRK4, RK4], ids=lambda m: m.name)
def test_order_in_time(method):
    problem = NavierStokes3D(torus((16, 16, 16)), 0.1)
    inputs, states = started(problem.grid), []
    for n in (8, 16, 64):
        found = simulate(problem, inputs, [1.0], method=method, dt=1 / n).checked()
        states.append(found.evolution.states[0])
    errors = [abs(v - states[-1]).max() for v in states[:2]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4), errors


def test_dissipation_of_taylor_green_flow_at_reynolds_number_100():
    # 80 points per axis and steps of 0.1, 64 and 0.05 agree in these digits at t = 2 and t = 4; so
    # does exponax 0.2.0 at t = 0.5 to 1e-14 of the velocity, on equal grids with equal steps.
    problem = NavierStokes3D(Grid.periodic((32, 32, 32), upper=TURN), 0.01)
    inputs = {"velocity": VelocityWaves.taylor_green().field(problem.grid)}
    found = simulate(problem, inputs, [0.0, 2.0, 4.0], dt=0.1).checked()
    assert found.invariants["energy"][0] == pytest.approx(1 / 8, rel=1e-14)
    assert abs(found.invariants["helicity"]).max() < 1e-15
    dissipation = 2 * problem.viscosity * found.invariants["enstrophy"]
    assert dissipation == pytest.approx([0.0075, 0.0092658, 0.0125755], rel=1.5e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_budgets_hold_at_every_instant(shape):
    problem = NavierStokes3D(torus(shape, BOX), 0.01, forcing=noise(shape, seed=1))
    v = noisy(problem)
    slope, work = np.empty_like(v), np.empty_like(v)
    problem.system({}).full(0.0, v, slope, work)
    rates, curl = problem.rates(v), problem._curl(v)
    size = np.sqrt(problem._mean(slope, slope) * problem._mean(v, v))
    assert abs(problem._mean(v, slope) - rates["energy"]) < 1e-13 * size
    size = np.sqrt(problem._mean(slope, slope) * problem._mean(curl, curl))
    assert abs(2 * problem._mean(curl, slope) - rates["helicity"]) < 1e-13 * size


def test_budgets_in_time_close_to_the_order_of_the_stepper():
    problem = NavierStokes3D(torus((16, 16, 16)), 0.05, forcing=VelocityWaves.abc(0.3))
    times, gaps = np.linspace(0, 1, 17), []
    for dt in (1 / 16, 1 / 32):
        run = simulate(problem, started(problem.grid), times, dt=dt).checked()
        rates = problem.rates(run.evolution.states)
        ends = [np.diff(run.invariants[name][[0, -1]])[0] for name in rates]
        gaps.append([e - romb(r, 1 / 16) for e, r in zip(ends, rates.values(), strict=True)])
    coarse, closed = np.abs(gaps)
    assert (closed < 1e-7).all() and (coarse > 2**3.4 * closed).all(), gaps


def test_without_viscosity_energy_and_helicity_stay():
    problem, drifts = NavierStokes3D(torus((12, 12, 12)), 0.0), []
    for dt in (0.1, 0.025):
        run = simulate(problem, started(problem.grid), [0.0, 2.0], method=RK4, dt=dt)
        drifts.append([abs(np.diff(run.invariants[n])[0]) for n in ("energy", "helicity")])
    assert np.max(drifts[1]) < 1e-8
    assert (np.array(drifts[0]) > 4**3.4 * np.array(drifts[1])).all(), drifts


def test_samples_have_no_divergence_and_the_spectrum_of_their_sampler():
    grid = Grid.periodic((32, 32, 32), upper=TURN)
    sampler = GaussianRandomField(grid, alpha=6.0, tau=4.0, boundary="periodic")
    problem = NavierStokes3D(grid, sampler=sampler)
    total, wanted = 0, 0
    k = np.sqrt(problem.modes.squared)
    for seed in range(4):
        inputs = problem.sample(np.random.default_rng(seed))
        assert np.array_equal(
            inputs["velocity"], problem.sample(np.random.default_rng(seed))["velocity"]
        )
        v = problem.state(inputs)
        waves, energies = problem.spectrum(v)
        assert energies.sum() == pytest.approx(float(problem.invariants(v)["energy"]))
        total = total + energies
    # Two of three directions are left: E over shells of sum (k^2 + tau^2)^-alpha.
    expected = problem.modes.weights * (k**2 + 16) ** -6.0
    shells = np.floor(k + 0.5).astype(int)
    wanted = np.bincount(shells.ravel(), expected.ravel())
    ratios = (total / wanted)[1:8]
    assert ratios.max() < 1.5 * ratios.min(), ratios
    assert waves[1] == pytest.approx(1.0)


def test_data_sets_of_vectors(tmp_path):
    grid = Grid.periodic((8, 8, 8), upper=TURN)
    sampler = GaussianRandomField(grid, alpha=4.0, tau=2.0, boundary="periodic")
    problem = NavierStokes3D(grid, 0.1, sampler, unit="m/s")
    path = tmp_path / "flows.h5"
    with generate_trajectories(problem, path, 2, [0.0, 0.2], restrict=2) as data:
        assert data["velocity"].shape == (2, 2, 4, 4, 4, 3)
        last = data["velocity"][1, -1]
    size = data_set_size(problem, 2, 2, restrict=2).file
    assert size == 8 * 2 * 2 * 4**3 * 3 and path.stat().st_size > size
    with FieldDataset.open(path) as data:
        again = problem_from_description(data.provenance["problem"])
    assert again.describe() == problem.describe()
    run = simulate(again, again.sample(generator(0, 1)), [0.2], rtol=1e-6)
    assert np.allclose(np.moveaxis(last, -1, 0), run.fields["velocity"][0][:, ::2, ::2, ::2])


def test_several_states_side_by_side():
    problem = NavierStokes3D(torus((6, 8, 7)))
    states = np.stack([noisy(problem, seed) for seed in range(3)])
    system, out = problem.system({}), np.empty_like(states)
    system.nonlinear(0.0, states, out)
    for v, found in zip(states, out, strict=True):
        alone = np.empty_like(v)
        system.nonlinear(0.0, v, alone)
        assert np.array_equal(alone, found)
    assert system.rate(0.0, states) == max(system.rate(0.0, v) for v in states)
    assert problem.fields(states)["velocity"].shape == (3, 3, 6, 8, 7)
    assert problem.vorticity(states).shape == (3, 3, 6, 8, 7)
    assert problem.invariants(states)["helicity"].shape == problem.tail(states).shape == (3,)
    assert problem.spectrum(states)[1].shape[0] == 3


def test_fields_as_forces_and_other_grids():
    grid, finer = torus((12, 12, 12)), torus((15, 18, 12))
    waves = VelocityWaves.abc(0.3, 0.2, 0.1, 2)
    one, other = (NavierStokes3D(grid, forcing=f) for f in (waves, waves.field(grid)))
    assert np.allclose(one.force, other.force, atol=1e-15)
    assert np.allclose(one.on(finer).force, other.on(finer).force, atol=1e-15)
    assert np.allclose(other.on(finer).forcing, waves.field(finer), atol=1e-14)
    slope = VelocityWaves(((1, 2, 0, (1.0, 2.0, 0.0), (0.0, 0.0, 0.0)),))
    assert abs(NavierStokes3D(grid, forcing=slope).force).max() < 1e-15  # a gradient


@pytest.mark.parametrize("kind", ["none", "waves", "field"])
def test_descriptions_lead_back(kind):
    grid = Grid.periodic((6, 6, 5), upper=TURN)
    waves = VelocityWaves.abc()
    forcing = {"none": None, "waves": waves, "field": waves.field(grid)}[kind]
    sampler = GaussianRandomField(grid, alpha=2.5, tau=7.0, boundary="periodic")
    problem = NavierStokes3D(grid, 0.1, sampler, forcing=forcing, unit="m/s", dtype="float32")
    again = problem_from_description(json.loads(json.dumps(problem.describe())))
    assert type(again) is NavierStokes3D and again.describe() == problem.describe()
    assert np.array_equal(again.force, problem.force)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"viscosity": -1.0}, r"viscosity: expected a number in \[0, inf\)"),
        ({"grid": Grid.periodic((8, 8))}, "grid: expected 3 dimensions, got 2"),
        ({"grid": Grid.periodic((8, 3, 8))}, "grid: expected at least 4 points along each axis"),
        ({"grid": Grid.uniform((8, 8, 8))}, "not periodic"),
        ({"forcing": np.zeros((8, 8, 8))}, r"forcing: expected real numbers of shape \(3, 8, 8"),
        ({"forcing": 1j * np.ones((3, 8, 8, 8))}, "forcing: expected real numbers"),
        ({"forcing": "abc"}, "forcing: expected numbers"),
        ({"forcing": [[1.0, 2.0], [3.0]]}, "forcing: expected an array of numbers"),
        ({"forcing": VelocityWaves.kolmogorov(3)}, "forcing: expected waves below a third"),
        ({"sampler": 3}, "velocity: expected a RandomField"),
        ({"dtype": "int32"}, "dtype: expected"),
        ({"dtype": "double and a half"}, "dtype: expected"),
    ],
)
def test_what_is_no_flow(change, words):
    with pytest.raises(InputError, match=words):
        NavierStokes3D(**{"grid": Grid.periodic((8, 8, 8)), **change})


def test_initial_velocities_that_do_not_fit():
    problem = NavierStokes3D(Grid.periodic((8, 8, 8), upper=TURN))
    u = VelocityWaves.abc().field(problem.grid)
    with pytest.raises(InputError, match=r"velocity: expected real numbers of shape \(3, 8, 8, 8"):
        problem.state({"velocity": np.moveaxis(u, 0, -1)})
    with pytest.raises(InputError, match=r"got one of which [\d.]+% are gradients"):
        problem.state({"velocity": u[[1, 2, 0]] * [[[[1.0]]], [[[2.0]]], [[[3.0]]]]})
    with pytest.raises(NonFiniteError, match="velocity"):
        problem.state({"velocity": np.where(u > 1.2, np.nan, u)})
    with pytest.raises(InputError, match="velocity: expected a sampler"):
        problem.sample(np.random.default_rng(0))
    almost = u + 1e-3 * noise(problem.grid.shape)
    assert np.allclose(problem.fields(problem.state({"velocity": almost}))["velocity"], u, atol=0.1)
    assert np.array_equal(problem.state({"velocity": 0 * u}), np.zeros((3, 5, 5, 3)))


def test_runs_that_cannot_be_made():
    problem = NavierStokes3D(torus((12, 12, 12)))
    with pytest.raises(InputError, match=r"dt: expected at most 0\.\d+, where ETDRK4 is stable"):
        simulate(problem, started(problem.grid), [2.0], dt=1.0)
    with pytest.raises(InputError, match="times: 20000000 of them would take"):
        simulate(problem, started(problem.grid), np.arange(20_000_000))
    grid = Grid.periodic((4096, 4096, 4096))  # nothing of this size is made to find that out
    sampler = GaussianRandomField(grid, alpha=4.0, tau=2.0, boundary="periodic")
    with pytest.raises(InputError, match=r"they would take .* GiB of memory"):
        generate_trajectories(NavierStokes3D(grid, 0.1, sampler), "never.h5", 1, [1.0])
    description = problem.describe()
    with pytest.raises(InputError, match="expected navier-stokes-3d with the keys"):
        NavierStokes3D.from_description({**description, "wind": 1})


def run_on_device_arrays():
    """Compare a flow with that on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()

    problem = NavierStokes3D(torus((6, 8, 7)), forcing=VelocityWaves.abc())
    u = problem.solenoidal(noise(problem.grid.shape))
    host, device = {"velocity": u}, {"velocity": cupy.asarray(u)}
    one, other = (simulate(problem, i, [0.0, 0.1], dt=0.05).checked() for i in (host, device))
    states = other.evolution.states
    for found in (other.fields["velocity"], problem.vorticity(states), states):
        assert isinstance(found, cupy.ndarray)
    np.testing.assert_allclose(other.fields["velocity"].get(), one.fields["velocity"], atol=1e-12)
    for name, values in one.invariants.items():
        np.testing.assert_allclose(np.array(other.invariants[name]), values, rtol=1e-11)
    rates = problem.rates(states), problem.rates(one.evolution.states)
    np.testing.assert_allclose(np.array(rates[0]["energy"]), rates[1]["energy"], rtol=1e-11)
    assert problem.spectrum(states)[1].shape[0] == 2
    assert problem.system(device).rate(0.0, states[-1]) > 0
    return "agreed"


def test_flow_on_a_device_is_that_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays") == "agreed"
