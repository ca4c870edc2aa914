"""The wave equation: travelling and standing waves in closed form, energy, absorbing layers."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField, RandomSineSeries
from nwidth.solvers import WaveEquation, problem_from_description, simulate
from nwidth.solvers.equations.wave import FORMS
from nwidth.solvers.stepping import DORMAND_PRINCE, RK4, RK43

each_form = pytest.mark.parametrize("form", FORMS)


def points(problem):
    return np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")


def hill(x):
    return np.exp(2 * np.cos(2 * np.pi * x))


def slope(x):
    return -4 * np.pi * np.sin(2 * np.pi * x) * hill(x)


@each_form
@pytest.mark.parametrize(("speed", "error"), [(3.0, 1e-13), (None, 1e-5)])
@pytest.mark.parametrize("n", [40, 45])
def test_what_d_alembert_says(form, speed, error, n):
    """u = f(x - c t) if u_t = -c f', and half of it to either side from rest."""
    problem = WaveEquation(Grid.periodic(n), speed, velocity=None, form=form)
    x = problem.grid.axes[0].points
    rest = {} if speed else {"speed": 3.0 + 0 * x}
    one = {"displacement": hill(x), "velocity": -3.0 * slope(x), **rest}
    found = simulate(problem, one, [0.1, 0.37], rtol=1e-8).checked()
    for t, u, w in zip(found.times, *found.fields.values(), strict=True):
        assert np.abs(u - hill(x - 3 * t)).max() < error
        assert np.abs(w + 3 * slope(x - 3 * t)).max() < 30 * error
    still = WaveEquation(Grid.periodic(n), speed, form=form)
    u = simulate(still, {"displacement": hill(x), **rest}, [0.21], rtol=1e-8).fields["displacement"]
    assert np.abs(u[0] - (hill(x - 0.63) + hill(x + 0.63)) / 2).max() < error


@each_form
@pytest.mark.parametrize(("speed", "error"), [(0.5, 1e-14), (None, 1e-8)])
def test_plane_waves(form, speed, error):
    grid = Grid.periodic((16, 15), upper=2 * np.pi)
    problem = WaveEquation(grid, speed, velocity=None, form=form)
    x, y = points(problem)
    omega, phase = 0.5 * np.hypot(2, 3), 2 * x - 3 * y
    inputs = {"displacement": 2 + np.cos(phase), "velocity": 0.1 + omega * np.sin(phase)}
    if speed is None:
        inputs["speed"] = 0.5 + 0 * x
    found = simulate(problem, inputs, [0.0, 4.0], rtol=1e-10).checked()
    exact = 2.4 + np.cos(phase - 4 * omega)
    assert np.abs(found.fields["displacement"][1] - exact).max() < error
    energy = (0.01 + omega**2) / 2 / (0.25 if form == "laplace" else 1)
    np.testing.assert_allclose(found.invariants["energy"], energy, rtol=10 * error)
    assert (found.counts.steps < 20) == (speed is not None)


def standing(problem, part=0.08):
    """A wave v(x) cos(t): in form "laplace" c^2 = -v / laplace v is chosen for it.

    v is the product of cos x exp(e cos 2 x), of which -v'' / v is a smooth function; on a circle
    (c^2 v'')' = -v' too, so that v' cos(t) is a wave in form "divergence".
    """
    v, total = 1.0, 0.0
    for x in points(problem):
        cosine, sine = np.cos(2 * x), np.sin(x)
        v = v * np.cos(x) * np.exp(part * cosine)
        total = total + 1 - 8 * part * sine**2 + 4 * part * cosine
        total = total - 4 * part**2 * np.sin(2 * x) ** 2
    if problem.form == "divergence":
        v = -sine * np.exp(part * cosine) * (1 + 4 * part * np.cos(x) ** 2)
    return v, total**-0.5


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize(("form", "d"), [("divergence", 1), ("laplace", 1), ("laplace", 2)])
def test_standing_waves_where_the_speed_varies(form, d):
    errors = []
    for n in (8, 15, 24):
        problem = WaveEquation(Grid.periodic((n,) * d, upper=2 * np.pi), None, form=form)
        u, c = standing(problem)
        run = simulate(problem, {"displacement": u, "speed": c}, [0.0, 2.0], rtol=1e-10).checked()
        errors.append(np.abs(run.fields["displacement"][1] - np.cos(2.0) * u).max())
        assert run.invariants["energy"][1] == pytest.approx(run.invariants["energy"][0], rel=1e-8)
    assert c.max() / c.min() > 1.5
    assert errors[0] > 1e-4 and errors[1] < errors[0] / 100 and errors[2] < 1e-8, errors


def rough(n=(20, 21), seed=0, **rest):
    """A random problem, with modes up to the shortest ones."""
    grid = Grid.periodic(n)
    rng = np.random.default_rng(seed)
    problem = WaveEquation(grid, None, velocity=None, **rest)
    inputs = {name: rng.normal(size=n) for name in ("displacement", "velocity")}
    return problem, {**inputs, "speed": np.exp(0.3 * rng.normal(size=n))}


@each_form
@pytest.mark.parametrize("shape", [(20, 21), (30,)])
def test_energy_is_conserved_by_all_but_the_steps(form, shape):
    """Also of fields that no grid resolves; the dissipation of RK4 is of fifth order."""
    problem, inputs = rough(shape, form=form)
    rate, lost = problem.system(inputs).rate(0.0, problem.state(inputs)), []
    with pytest.warns(UserWarning, match="finest third"):
        for steps in (60, 120):
            found = simulate(problem, inputs, [0.0, 20 / rate], method=RK4, dt=20 / rate / steps)
            energy = found.invariants["energy"]
            lost.append(1 - energy[1] / energy[0])
    assert lost[1] > 1e-12 and np.log2(lost[0] / lost[1]) == pytest.approx(5, abs=0.4)


@each_form
def test_damping(form):
    """u = exp(-sigma t) cos(k x) (cos(m t) + sigma / m sin(m t)), m^2 = (c k)^2 - sigma^2."""
    problem = WaveEquation(Grid.periodic(16, upper=2 * np.pi), 2.0, damping=0.3, form=form)
    x = problem.grid.axes[0].points
    found = simulate(problem, {"displacement": np.cos(3 * x)}, [1.7], rtol=1e-10).checked()
    m = np.sqrt(36 - 0.09)
    decay = np.exp(-0.3 * 1.7) * (np.cos(m * 1.7) + 0.3 / m * np.sin(m * 1.7))
    assert np.abs(found.fields["displacement"][0] - decay * np.cos(3 * x)).max() < 1e-8


@each_form
def test_the_budget_of_the_energy_closes(form):
    """E' = -2 sigma <u_t^2>, over c^2 in form "laplace"."""
    problem = WaveEquation(Grid.periodic((16, 18)), None, damping=0.7, form=form)
    x, y = points(problem)
    c = 1 + 0.3 * np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y)
    times = np.linspace(0, 0.5, 81)
    inputs = {"displacement": np.cos(2 * np.pi * (x + y)), "speed": c}
    found = simulate(problem, inputs, times, rtol=1e-9)
    w = found.fields["velocity"] / (c if form == "laplace" else 1)
    loss = 2 * 0.7 * (w**2).mean(axis=(1, 2))
    simpson = times[1] / 3 * (loss[0] + loss[-1] + 4 * loss[1:-1:2].sum() + 2 * loss[2:-1:2].sum())
    energy = found.invariants["energy"]
    assert energy[0] - energy[-1] == pytest.approx(simpson, rel=1e-6) and simpson > 0.3 * energy[0]


@pytest.mark.filterwarnings("ignore:.*finest third")
@pytest.mark.parametrize("method", [RK4, RK43, DORMAND_PRINCE], ids=lambda m: m.name)
def test_order_in_time(method):
    problem = WaveEquation(Grid.periodic(24), None, form="laplace", layer=0.2)
    x = problem.grid.axes[0].points
    inputs = {"displacement": hill(x), "speed": 1 + 0.1 * np.cos(2 * np.pi * x)}
    runs = [
        simulate(problem, inputs, [0.25], method=method, dt=0.25 / n).evolution.states
        for n in (50, 100, 400)
    ]
    errors = [np.abs(run - runs[-1]).max() for run in runs[:-1]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(method.order, abs=0.4)


def largest_step(problem, inputs):
    return 0.9 * RK43.reach / problem.system(inputs).rate(0.0, problem.state(inputs))


def echo(form, n, layer, residue):
    """Return which part of the energy of a pulse is there when it has left."""
    problem = WaveEquation(Grid.periodic(n, upper=2.0), form=form, layer=layer, residue=residue)
    inputs = {"displacement": np.exp(-(((problem.grid.axes[0].points - 1) / 0.08) ** 2))}
    run = simulate(problem, inputs, [0, 3.0], dt=largest_step(problem, inputs)).checked()
    return run.invariants["energy"][1] / run.invariants["energy"][0]


@pytest.mark.filterwarnings("ignore:.*finest third")  # of what is left, which is next to nothing
@each_form
def test_layers_absorb(form):
    """By what they are told to, the square of an amplitude, and more where they are wider."""
    echoes = [echo(form, 96, width, 1e-3) for width in (0.1, 0.2, 0.4)]
    assert 1e-6 > echoes[0] > 3 * echoes[1] > 9 * echoes[2] > 0, echoes
    assert echo(form, 96, 0.2, 1e-6) < 1e-11
    assert echo(form, 64, 0.2, 1e-6) < 1e-6


@each_form
def test_layers_are_open_space(form):
    """Inside, waves are those of a torus so large that nothing came back; oblique ones too."""
    found = []
    for n, half, layer in ((60, 1.0, 0.4), (120, 2.0, 0.0)):
        grid = Grid.periodic((n, n), lower=(-half, -half), upper=(half, half))
        problem = WaveEquation(grid, 1.0, form=form, layer=layer, residue=1e-5)
        x, y = points(problem)
        inputs = {"displacement": np.exp(-(((x - 0.1) / 0.15) ** 2) - (y / 0.15) ** 2)}
        dt = largest_step(problem, inputs) / 2 if layer else 0.7
        run = simulate(problem, inputs, [0.7, 1.4], dt=dt).checked()
        inside = slice(n // 2 - 18, n // 2 + 19)  # |x| <= 0.6
        found.append(run.fields["displacement"][:, inside, inside])
    gaps = np.abs(found[0] - found[1]).max(axis=(1, 2))
    assert np.abs(found[1]).max(axis=(1, 2)).min() > 0.01 and gaps.max() < 5e-5, gaps


@pytest.mark.filterwarnings("ignore:.*finest third")
@each_form
def test_layers_are_stable_with_random_speeds_in_them(form):
    grid = Grid.periodic((24, 25))
    draw = GaussianRandomField(grid, alpha=4.0, tau=6.0, boundary="periodic", modes=8)
    problem = WaveEquation(grid, LogNormalField(draw, 6.0), draw, layer=0.25, form=form)
    inputs = problem.sample(np.random.default_rng(1))
    run = simulate(problem, inputs, [0, 1.0, 4.0], dt=largest_step(problem, inputs)).checked()
    energy = run.invariants["energy"]
    assert inputs["speed"].max() > 3 * inputs["speed"].min()
    assert energy[1] < 0.2 * energy[0] and energy[2] < 1e-3 * energy[0]


def test_layers_along_one_axis_leave_waves_along_the_other():
    problem = WaveEquation(Grid.periodic((32, 12), upper=1.0), layer=[0.2, 0.0])
    x = points(problem)[0]
    alone = WaveEquation(Grid.periodic(32), layer=0.2)
    u = np.exp(-(((alone.grid.axes[0].points - 0.5) / 0.1) ** 2))
    one = simulate(problem, {"displacement": u[:, None] + 0 * x}, [0.3], rtol=1e-9)
    other = simulate(alone, {"displacement": u}, [0.3], rtol=1e-9)
    gap = one.fields["displacement"][0] - other.fields["displacement"][0][:, None]
    assert np.abs(gap).max() < 1e-8


def test_waves_between_walls_are_odd_on_a_torus_of_twice_the_length():
    """Each product of sines swings by itself; the corner of the torus is the box of the walls."""
    grid = Grid.periodic((26, 28), upper=2.0)
    problem = WaveEquation(grid, 0.1, RandomSineSeries(grid, 6, 1.0))
    u = problem.sample(np.random.default_rng(3))["displacement"]
    found = simulate(problem, {"displacement": u}, [5.0], dt=5.0).fields["displacement"][0]
    v = np.fft.rfft2(u)
    m = np.hypot(*np.meshgrid(np.fft.fftfreq(26, 1 / 26), np.arange(15.0), indexing="ij"))
    exact = np.fft.irfft2(v * np.cos(0.1 * np.pi * m * 5.0), u.shape)
    assert np.abs(found - exact).max() < 1e-14
    assert np.abs(found[[0, 13]]).max() < 1e-14 and np.abs(found[:, [0, 14]]).max() < 1e-14


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_single_precision():
    for form in FORMS:
        found = {}
        for dtype in ("float32", "float64"):
            problem = WaveEquation(Grid.periodic((16, 15)), 2.0, layer=0.2, form=form, dtype=dtype)
            x, y = points(problem)
            u = np.exp(-(((x - 0.5) / 0.2) ** 2) - ((y - 0.5) / 0.2) ** 2)
            found[dtype] = simulate(problem, {"displacement": u}, [0.1], dt=0.002).fields
        for name, field in found["float32"].items():
            assert field.dtype == np.float32
            assert np.abs(field - found["float64"][name]).max() < 1e-4


def test_steps_beyond_the_courant_number_are_refused():
    problem, inputs = rough((32,))
    fastest = inputs["speed"].max() * np.pi * 32
    with pytest.raises(InputError, match="Courant"):
        simulate(problem, inputs, [1.0], dt=1.01 * RK43.reach / fastest)
    uniform = WaveEquation(Grid.periodic(32))
    with pytest.raises(InputError, match="Courant"):
        simulate(uniform, {"displacement": inputs["displacement"]}, [1.0], method=RK4, dt=0.05)
    with pytest.warns(UserWarning, match="finest third"):
        ran = simulate(problem, inputs, [0.0, 1.0], dt=0.99 * RK43.reach / fastest).checked()
    assert ran.invariants["energy"][1] < ran.invariants["energy"][0]


def test_random_speeds_and_the_way_back_from_descriptions():
    grid = Grid.periodic((12, 15))
    draw = GaussianRandomField(grid, alpha=3.0, tau=5.0, boundary="periodic")
    problem = WaveEquation(
        grid,
        LogNormalField(draw, 0.2),
        draw,
        velocity=draw,
        form="laplace",
        layer=[0.1, 0.2],
        residue=1e-4,
        damping=0.1,
        unit=["Pa", "Pa/s", "m/s"],
    )
    assert [item.unit for item in problem.inputs] == ["Pa", "Pa/s", "m/s"]
    inputs = problem.sample(np.random.default_rng(0))
    assert problem.invariants(problem.state(inputs)) == {}
    assert problem.measured(problem.state(inputs), inputs)["energy"] > 0
    again = problem_from_description(problem.describe())
    finer = problem.on(Grid.periodic((24, 30)))
    assert again.describe() == problem.describe()
    assert {k for k, v in finer.describe().items() if v != again.describe()[k]} == {"grid"}
    outs = [np.empty_like(problem.state(inputs)) for _ in range(2)]
    for one, out in zip((problem, again), outs, strict=True):
        one.system(inputs).nonlinear(0.0, one.state(inputs), out)
    assert np.array_equal(*outs)


def test_what_makes_no_problem():
    grid = Grid.periodic((8, 9))
    for name, value, words in (
        ("speed", 0.0, "speed: expected a number in"),
        ("speed", "fast", "speed: expected a number, a RandomField, or None"),
        ("velocity", np.inf, "velocity: expected a number in"),
        ("form", "other", "form: expected one of divergence, laplace"),
        ("layer", 0.5, "layer: expected a number in"),
        ("residue", 0.0, "residue: expected a number in"),
        ("damping", -1.0, "damping: expected a number in"),
        ("unit", ["m"], "unit: expected one word, or three"),
        ("unit", ["m", "m", 1], "unit: expected one word, or three"),
        ("speed", True, "speed: expected a number in"),
        ("dtype", "float16", "dtype"),
    ):
        with pytest.raises(InputError, match=words):
            WaveEquation(grid, **{name: value})
    with pytest.raises(InputError, match="1 or 2 dimensions, got 3"):
        WaveEquation(Grid.periodic((4, 4, 4)))
    with pytest.raises(InputError, match="not periodic"):
        WaveEquation(Grid.uniform(8))
    problem = WaveEquation(grid, None)
    u = np.ones((8, 9))
    for c in (0.0, -1.0, 1e200):
        with pytest.raises(InputError, match="speed: expected positive numbers"):
            problem.system({"displacement": u, "speed": c * u})
    with pytest.raises(NonFiniteError, match="speed"):
        problem.system({"displacement": u, "speed": np.nan * u})
    with pytest.raises(InputError, match="inputs: expected a mapping with displacement, speed"):
        problem.state({"displacement": u})


def run_on_device_arrays():
    """Compare with the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()
    for form in FORMS:
        problem = WaveEquation(Grid.periodic((12, 15)), None, layer=0.2, form=form)
        x, y = points(problem)
        host = {
            "displacement": np.cos(2 * np.pi * (x + y)),
            "speed": 1 + 0.1 * np.cos(2 * np.pi * x),
        }
        device = {name: cupy.asarray(u) for name, u in host.items()}
        one, other = (simulate(problem, i, [0.0, 0.01], dt=5e-3) for i in (host, device))
        for name, field in one.fields.items():
            assert isinstance(other.fields[name], cupy.ndarray)
            np.testing.assert_allclose(other.fields[name].get(), field, atol=1e-13)
        energy = np.array(other.invariants["energy"])
        np.testing.assert_allclose(energy, one.invariants["energy"], rtol=1e-13)
    return "agreed"


def test_waves_on_a_device_are_those_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays") == "agreed"
