"""Shallow water: waves, steady and simple flows in closed form, what is conserved, dry ground."""

import numpy as np
import pytest
from scipy.optimize import brentq

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import ShallowWater, simulate
from nwidth.solvers.stepping import ETDRK4, RK4, EvolutionStatus

G, H = 2.0, 0.5


def water(shape=(24, 24), coriolis=1.5, upper=2 * np.pi, **rest):
    problem = ShallowWater(Grid.periodic(shape, upper=upper), coriolis, G, H, **rest)
    return problem, np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")


def poincare(problem, x, y, t, k, size):
    """A wave eta = A cos(k . x - omega t), omega^2 = f^2 + g H |k|^2."""
    f = problem.coefficients["coriolis"]
    square = k[0] ** 2 + k[1] ** 2
    omega = np.sqrt(f**2 + G * H * square)
    phase = k[0] * x + k[1] * y - omega * t
    along = size / (H * square) * omega * np.cos(phase)
    across = size / (H * square) * f * np.sin(phase)
    return {
        "velocity_x": k[0] * along - k[1] * across,
        "velocity_y": k[1] * along + k[0] * across,
        "height": size * np.cos(phase),
    }


@pytest.mark.parametrize(
    ("shape", "coriolis"), [((24, 21), 1.5), ((21, 24), -1.5), ((24, 24), 0.0)]
)
@pytest.mark.parametrize("k", [(2, 3), (-3, 0), (0, 1)])
def test_small_waves_obey_the_dispersion_relation(shape, coriolis, k):
    """In one step of many periods; what is left is of second order in the size of the wave."""
    problem, (x, y) = water(shape, coriolis)
    size = 1e-13
    found = simulate(problem, poincare(problem, x, y, 0.0, k, size), [40.0], dt=40.0).checked()
    exact = poincare(problem, x, y, 40.0, k, size)
    for name, field in exact.items():
        assert np.abs(found.fields[name][0] - field).max() < 1e-12 * size * 10


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("coriolis", [1.5, -4.0])
def test_balanced_flow_along_an_axis_is_steady(axis, coriolis):
    problem, xs = water((30, 27), coriolis)
    inputs = problem.balanced(0.1 * np.sin(xs[axis]) + 0.05 * np.cos(2 * xs[axis]))
    found = simulate(problem, inputs, [5.0], dt=0.25).checked()
    for name, field in inputs.items():
        assert np.abs(found.fields[name][0] - field).max() < 1e-14
    across = "velocity_x" if axis == 0 else "velocity_y"
    assert np.abs(inputs[across]).max() < 1e-15


def test_uniform_flow_turns_in_inertial_circles():
    problem, (x, _) = water((8, 9), coriolis=1.5)
    inputs = {"velocity_x": 0 * x + 0.3, "velocity_y": 0 * x, "height": 0 * x}
    found = simulate(problem, inputs, [4.0], dt=4.0).fields
    assert np.abs(found["velocity_x"] - 0.3 * np.cos(6)).max() < 1e-15
    assert np.abs(found["velocity_y"] + 0.3 * np.sin(6)).max() < 1e-15


def simple_wave(x, t, size=0.1):
    """Riemann (1860): u = 2 (c - c_0); c = (g h)^(1/2) goes along with u + c = 3 c - 2 c_0."""
    rest = np.sqrt(G * H)

    def start(at):
        return np.sqrt(G * (H + size * np.sin(at)))

    speeds = [
        start(brentq(lambda at, p=p: at + (3 * start(at) - 2 * rest) * t - p, p - 9 - 4 * t, p + 9))
        for p in x
    ]
    c = np.array(speeds)
    return 2 * (c - rest), c**2 / G - H


@pytest.mark.parametrize("axis", [0, 1])
def test_a_simple_wave_steepens_with_spectral_accuracy(axis):
    errors = []
    for n in (24, 48, 96):
        shape = (n, 6) if axis == 0 else (6, n)
        problem, xs = water(shape, coriolis=0.0)
        points = problem.grid.axes[axis].points
        (u0, eta0), (u1, eta1) = simple_wave(points, 0.0), simple_wave(points, 1.0)
        spread = lambda f, axis=axis, x=xs[0]: np.expand_dims(f, 1 - axis) + 0 * x  # noqa: E731
        names = ("velocity_x", "velocity_y")[:: 1 if axis == 0 else -1]
        inputs = {names[0]: spread(u0), names[1]: 0 * xs[0], "height": spread(eta0)}
        found = simulate(problem, inputs, [1.0], rtol=1e-11).checked().fields
        error = np.abs(found["height"][0] - spread(eta1)).max()
        errors.append(max(error, np.abs(found[names[0]][0] - spread(u1)).max()))
    assert errors[0] > 1e-6 and errors[1] < 1e-7 and errors[2] < 2e-11, errors


def vortices(problem, x, y, size=0.1):
    inputs = problem.balanced(size * (np.sin(x) * np.cos(y) + 0.5 * np.cos(2 * x + y)))
    return {**inputs, "velocity_x": inputs["velocity_x"] + 0.05 * np.cos(y - x)}


@pytest.mark.parametrize("method", [ETDRK4, RK4], ids=lambda m: m.name)
def test_order_in_time(method):
    problem, xs = water((32, 32))
    inputs = vortices(problem, *xs)
    runs = [
        simulate(problem, inputs, [1.0], method=method, dt=1 / n).evolution.states
        for n in (16, 32, 512)
    ]
    errors = [np.abs(run - runs[-1]).max() for run in runs[:-1]]
    assert errors[1] > 1e-12 and np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.5)


def test_what_is_conserved():
    """Mass to the last bit; energy and potential enstrophy to the order of the stepper."""
    problem, (x, y) = water((64, 60))
    inputs = vortices(problem, x, y)
    inputs["height"] = inputs["height"] + 0.03
    drifts = []
    for dt in (0.2, 0.1):
        known = simulate(problem, inputs, [0.0, 2.0], dt=dt).checked().invariants
        assert known["height"][0] == known["height"][1] and known["height"][0] > 0.029
        drifts.append(
            [abs(q[1] / q[0] - 1) for q in (known["energy"], known["potential_enstrophy"])]
        )
    fine = simulate(problem, inputs, [0.0, 2.0], rtol=1e-12).checked().invariants
    for which, name in enumerate(("energy", "potential_enstrophy")):
        assert drifts[0][which] > 8 * drifts[1][which] > 1e-13
        assert abs(fine[name][1] / fine[name][0] - 1) < 1e-11


def test_water_carries_potential_vorticity_along():
    """Its largest and least values stay."""
    problem, xs = water((48, 48))
    found = simulate(problem, vortices(problem, *xs), [0.0, 3.0], rtol=1e-8).evolution.states
    q = problem.potential_vorticity(found)
    assert abs(q[1] - q[0]).max() > 0.3
    assert q[1].max() == pytest.approx(q[0].max(), rel=5e-3)
    assert q[1].min() == pytest.approx(q[0].min(), rel=5e-3)


def test_viscosity_spreads_velocities_and_heights():
    problem, (x, y) = water((24, 24), viscosity=0.05, power=2)
    size = 1e-12
    inputs = poincare(problem, x, y, 0.0, (2, 1), size)
    found = simulate(problem, inputs, [3.0], dt=3.0).fields
    decay = np.exp(-0.05 * 5**2 * 3)
    for name, field in poincare(problem, x, y, 3.0, (2, 1), size).items():
        assert np.abs(found[name][0] - decay * field).max() < 1e-13 * size * 100
    known = simulate(*_strong(problem, x, y), [0.0, 1.0], rtol=1e-6).invariants
    assert known["energy"][1] < 0.9 * known["energy"][0]


def _strong(problem, x, y):
    return problem, vortices(problem, x, y)


def test_single_precision():
    found = {}
    for dtype in ("float32", "float64"):
        problem, xs = water((20, 21), dtype=dtype)
        found[dtype] = simulate(problem, vortices(problem, *xs), [1.0], dt=0.05)
    for name, field in found["float32"].fields.items():
        assert field.dtype == np.float32
        assert np.abs(field - found["float64"].fields[name]).max() < 1e-5


def test_steps_beyond_the_courant_number_are_refused():
    problem, xs = water((48, 48))
    with pytest.raises(InputError, match="Courant"):
        simulate(problem, vortices(problem, *xs), [10.0], dt=2.0)


def test_dry_ground():
    problem, (x, y) = water((24, 24), coriolis=0.0)
    still = {"velocity_x": 0 * x, "velocity_y": 0 * x}
    with pytest.raises(InputError, match=r"height: expected more than -0.5 .* got -0.5"):
        problem.state({**still, "height": -0.5 * np.cos(x)})
    inputs = {"velocity_x": np.sin(x), "velocity_y": np.sin(y), "height": -0.45 + 0 * x}
    fixed = simulate(problem, inputs, [2.0], dt=0.02)
    assert fixed.status is EvolutionStatus.BLOWN_UP and 0 < fixed.evolution.t < 2
    adaptive = simulate(problem, inputs, [2.0], rtol=1e-4)
    assert adaptive.status is EvolutionStatus.STEP_VANISHED and 0 < adaptive.evolution.t < 2


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-15), ("float32", 1e-6)])
@pytest.mark.parametrize(("shape", "coriolis"), [((9, 14), 1.5), ((14, 9), 0.0)])
def test_kernels_agree_with_array_expressions(shape, coriolis, dtype, digits):
    """Of fields whose shortest waves are as high as the others, one by one and several at once."""
    problem, _ = water(shape, coriolis, dtype=dtype)
    rng = np.random.default_rng(0)
    inputs = {name: 0.1 * rng.normal(size=shape) for name in problem.field}
    system, v = problem.system(inputs), problem.state(inputs)
    outs = [np.full_like(v, np.nan) for _ in range(2)]
    system.nonlinear(0.0, v, outs[0])
    system._by_expressions(v, outs[1])
    size = np.abs(outs[1]).max()
    assert np.abs(outs[0] - outs[1]).max() < 4 * digits * size
    both = np.full((2, *v.shape), np.nan, v.dtype)
    system.nonlinear(0.0, np.stack([v, 2 * v]), both)
    assert np.array_equal(both[0], outs[0]) and np.abs(both[1] - 4 * both[0]).max() < 8 * digits
    for write in (lambda w, out: system.nonlinear(0.0, w, out), system._by_expressions):
        write(20 * v, outs[0])
        assert np.isnan(outs[0]).all()  # dry somewhere


def test_units_and_random_fields_for_each():
    grid = Grid.periodic((8, 9))
    draw = GaussianRandomField(grid, alpha=3.0, tau=3.0, sigma=1.0, boundary="periodic")
    problem = ShallowWater(grid, sampler=[draw, draw, draw], unit=["m/s", "m/s", "m"])
    assert problem.outputs == {"velocity_x": "m/s", "velocity_y": "m/s", "height": "m"}
    again = ShallowWater.from_description(problem.describe())
    assert again.describe() == problem.describe() and again.inputs[2].unit == "m"
    assert problem.on(Grid.periodic((16, 18))).unit == ["m/s", "m/s", "m"]
    inputs = problem.sample(np.random.default_rng(0))
    assert np.array_equal(again.state(inputs), problem.state(inputs))
    for unit in (["m"], 3, ["m", "m", 1]):
        with pytest.raises(InputError, match="unit: expected one word, or 3"):
            ShallowWater(grid, unit=unit)


def test_what_makes_no_problem():
    grid = Grid.periodic((8, 9))
    for name, value in {"gravity": 0.0, "depth": -1.0, "viscosity": -1.0, "power": 0.5}.items():
        with pytest.raises(InputError, match=f"{name}: expected a number in"):
            ShallowWater(grid, **{name: value})
    with pytest.raises(InputError, match="2 dimensions for shallow-water, got 1"):
        ShallowWater(Grid.periodic(8))
    with pytest.raises(InputError, match="coriolis: expected a number in"):
        ShallowWater(grid).balanced(np.zeros(grid.shape))
    with pytest.raises(InputError, match="height: expected real numbers of shape"):
        ShallowWater(grid, 1.0).balanced(np.zeros(3))
