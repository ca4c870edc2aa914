import json
import sys
from pathlib import Path

import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import DampedNoise, Grid
from nwidth.solvers import (
    RayleighBenard,
    generate_trajectories,
    normal_modes,
    problem_from_description,
    simulate,
)
from nwidth.solvers.stepping import (
    ARK324L2SA,
    ARK436L2SA,
    ARS222,
    ARS443,
    SBDF2,
    SBDF3,
    evolve,
)

ONSET, WAVE = 1707.7617771, 3.116323563


def layer(nx, nz, length=2.0, **options):
    return RayleighBenard(
        Grid.chebyshev((nx, nz), upper=(length, 1.0), names="xz", periodic=(True, False)), **options
    )


def rolls(problem, size=0.1):
    """Return a buoyancy of one pair of rolls, and a smaller one of two."""
    x, z = problem.grid.coordinates()
    k = 2 * np.pi / problem.grid.lengths[0]
    waves = np.cos(k * x + 1) * np.sin(np.pi * z)
    return {"buoyancy": 1 - z + size * waves + size / 3 * np.sin(2 * k * x) * np.sin(2 * np.pi * z)}


def difference(problem, v, w):
    d = v - w
    return (problem.layer.energy(d[0]) + problem.layer.variance(d[1])) ** 0.5


def test_conduction_stays():
    problem = layer(8, 12, rayleigh=1e6)
    found = simulate(problem, rolls(problem, 0.0), [5.0], dt=0.25).checked()
    _, z = problem.grid.coordinates()
    assert abs(found.fields["buoyancy"][0] - (1 - z)).max() < 1e-14
    assert abs(found.fields["velocity"]).max() < 1e-14
    assert found.tail.max() < 1e-13
    np.testing.assert_allclose(found.invariants["nusselt_upper"], 1.0)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_rolls_grow_above_the_onset_and_decay_below(factor):
    problem = layer(8, 12, 2 * np.pi / WAVE, rayleigh=factor * ONSET, prandtl=0.7)
    sigma = normal_modes(
        problem.layer.basis,
        WAVE,
        viscosity=problem.viscosity,
        diffusivity=problem.diffusivity,
    )[0]
    x, z = problem.grid.coordinates()
    b = 1 - z + 1e-6 * np.cos(WAVE * x) * np.sin(np.pi * z)
    found = simulate(problem, {"buoyancy": b}, [60.0, 120.0], method=SBDF2, dt=0.2)
    energy = found.invariants["energy"]
    assert (energy[1] > energy[0]) == (factor > 1)
    assert abs(np.log(energy[1] / energy[0]) / 120.0 - sigma.real) < 1e-3 * abs(sigma)


def test_heat_of_weak_rolls():
    """Schlueter, Lortz & Busse (1965), doi:10.1017/S0022112065001271, for plates at rest.

    (Nu - 1) Ra / (Ra - Ra_c) -> 1 / (0.69942 - 0.00472 / Pr + 0.00832 / Pr^2).
    """
    found = []
    for excess in (0.04, 0.02):
        problem = layer(8, 15, 2 * np.pi / WAVE, rayleigh=(1 + excess) * ONSET, prandtl=0.71)
        start = rolls(problem, 0.26 * excess**0.5)
        last = simulate(problem, start, [1200.0], method=SBDF2, dt=1.5)
        nusselt = last.invariants["nusselt"][0]
        np.testing.assert_allclose(last.invariants["nusselt_lower"], nusselt, rtol=1e-5)
        found.append((nusselt - 1) * (1 + excess) / excess)
    limit = 2 * found[1] - found[0]
    assert abs(limit * (0.69942 - 0.00472 / 0.71 + 0.00832 / 0.71**2) - 1) < 1e-3


def test_steady_rolls_keep_the_exact_balances():
    """Of energy and variance: friction is kappa (Nu - 1), conduction kappa Nu."""
    problem = layer(24, 20, 2 * np.pi / 3.117, rayleigh=5000.0, prandtl=0.71)
    found = simulate(problem, rolls(problem), [150.0], method=ARK324L2SA, dt=0.2)
    v, told = found.evolution.states[0], found.invariants
    kappa, nusselt = problem.diffusivity, told["nusselt"][0]
    friction = problem.viscosity * problem.layer.squared_gradient(v[0])
    conduction = kappa * (1 + problem.layer.squared_gradient(v[1], heat=True))
    assert abs(friction / (kappa * (nusselt - 1)) - 1) < 1e-9
    assert abs(conduction / (kappa * nusselt) - 1) < 1e-9
    np.testing.assert_allclose(told["nusselt_lower"], nusselt, rtol=1e-5)
    np.testing.assert_allclose(told["nusselt_upper"], nusselt, rtol=1e-5)
    # Clever & Busse (1974), doi:10.1017/S0022112074001571, with few functions: 2.116.
    assert abs(nusselt - 2.116) < 0.01


@pytest.mark.parametrize(
    ("method", "coarse"), [(ARS222, 0.02), (ARS443, 0.04), (SBDF3, 0.02), (ARK436L2SA, 0.04)]
)
def test_order_in_time(method, coarse):
    problem = layer(16, 16, rayleigh=2e4, prandtl=0.7)
    system = problem.system({})
    start = evolve(system, problem.state(rolls(problem)), [1.0], method=ARS443, dt=0.02)
    v = start.states[0]
    exact = evolve(system, v, [0.4], method=ARK436L2SA, dt=0.005).states[0]
    errors = [
        difference(problem, evolve(system, v, [0.4], method=method, dt=dt).states[0], exact)
        for dt in (coarse, coarse / 2)
    ]
    order = np.log2(errors[0] / errors[1])
    assert abs(order - method.order) < 0.6


def test_adaptive_steps_do_not_depend_on_the_resolution():
    """Errors are measured about as energy and variance are, not by their finest modes."""
    steps = []
    for n in (24, 80):
        problem = layer(n, n, rayleigh=1e5)
        found = simulate(problem, rolls(problem), [4.0], rtol=1e-4)
        steps.append(found.counts.steps)
    assert steps[1] < 1.7 * steps[0]


def test_spectral_convergence():
    found = []
    for nx, nz in ((12, 9), (20, 15), (32, 24), (48, 36)):
        problem = layer(nx, nz, rayleigh=1e4)
        x, z = problem.grid.coordinates()
        b = 1 - z + np.exp(np.cos(np.pi * x)) * z * (1 - z) / (2 + z)
        states = evolve(
            problem.system({}), problem.state({"buoyancy": b}), [2.0], method=ARK436L2SA, dt=0.05
        ).states
        found.append((problem, states[0]))
    finest, exact = found.pop()
    errors = []
    for problem, v in found:
        there = np.stack([problem.layer.resampled(one, finest.layer) for one in v])
        errors.append(difference(finest, there, exact))
    assert errors[0] < 2e-2
    assert errors[1] < errors[0] / 30 and errors[2] < errors[1] / 30


def test_budgets_in_time():
    problem = layer(24, 20, rayleigh=1e5)
    times = np.linspace(0.0, 2.0, 81)
    found = simulate(problem, rolls(problem), times, dt=0.0125)
    weights = np.array([1, *[4, 2] * 39, 4, 1]) / 120
    rates = problem.rates(found.evolution.states)
    for name in ("energy", "variance"):
        gain = found.invariants[name][-1] - found.invariants[name][0]
        assert abs(weights @ rates[name] - gain) < 1e-6 * abs(gain)


def test_plates_and_divergence():
    problem = layer(16, 14, rayleigh=1e4)
    found = simulate(problem, rolls(problem), [1.0], rtol=1e-5)
    b, (u, w) = found.fields["buoyancy"][0], found.fields["velocity"][0]
    np.testing.assert_allclose(b[:, 0], 1.0, atol=1e-14)
    np.testing.assert_allclose(b[:, -1], 0.0, atol=1e-14)
    assert max(abs(f[:, [0, -1]]).max() for f in (u, w)) < 1e-15
    assert abs(w).max() > 0.01


def test_single_precision_follows_double():
    fields = []
    for dtype in ("float64", "float32"):
        problem = layer(17, 15, rayleigh=1e5, dtype=dtype)
        start = {name: b.astype(dtype) for name, b in rolls(problem).items()}
        found = simulate(problem, start, [2.0], method=SBDF2, dt=0.02)
        assert found.fields["buoyancy"].dtype == np.dtype(dtype)
        fields.append(found.fields)
    for name in fields[0]:
        assert abs(fields[0][name] - fields[1][name]).max() < 1e-4


def test_descriptions_and_other_grids():
    problem = layer(8, 12, rayleigh=1e5, prandtl=2.0, unit="K")
    told = json.loads(json.dumps(problem.describe()))
    again = problem_from_description(told)
    assert again.describe() == problem.describe()
    noise = DampedNoise(problem.grid, scale=0.01, modes=(4, 8))
    drawn = RayleighBenard(problem.grid, 1e5, sampler=noise, dtype="float32")
    other = problem_from_description(json.loads(json.dumps(drawn.describe())))
    inputs = drawn.sample(generator(0, 0))
    np.testing.assert_array_equal(other.state(inputs), drawn.state(inputs))
    finer = drawn.on(Grid.chebyshev((15, 23), upper=(2.0, 1.0), names="xz", periodic=(True, False)))
    b = finer.sample(generator(0, 0))["buoyancy"]
    np.testing.assert_allclose(b[::15, ::22], inputs["buoyancy"][::8, ::11], atol=1e-12)


def test_data_sets_of_it(tmp_path):
    grid = Grid.chebyshev((16, 12), upper=(2.0, 1.0), names="xz", periodic=(True, False))
    problem = RayleighBenard(grid, 1e4, sampler=DampedNoise(grid, scale=0.02, modes=(4, 6)))
    path = tmp_path / "layers.h5"
    with generate_trajectories(problem, path, 2, [0.0, 0.5], dt=0.05) as data:
        assert data.grid == grid
    with FieldDataset.open(path) as data:
        assert data.grid == grid
        assert data["velocity"].shape == (2, 2, 16, 12, 2)
        inputs = problem.sample(generator(0, 1))
        exact = simulate(problem, inputs, [0.0, 0.5], dt=0.05).fields
        np.testing.assert_array_equal(data["buoyancy"][1], exact["buoyancy"])
        np.testing.assert_array_equal(data["velocity"][1], np.moveaxis(exact["velocity"], 1, -1))
        again = problem_from_description(data.provenance["problem"])
    assert again.describe() == problem.describe()


def run_on_device_arrays():
    """Compare a layer with that on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()

    problem = layer(11, 12, rayleigh=1e4)
    host = rolls(problem)
    device = {"buoyancy": cupy.asarray(host["buoyancy"])}
    options = {"times": [0.0, 0.5], "method": SBDF2, "dt": 0.1}
    one, other = (simulate(problem, i, **options).checked() for i in (host, device))
    states = other.evolution.states
    for name, found in other.fields.items():
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_allclose(found.get(), one.fields[name], atol=1e-13)
    for name, values in one.invariants.items():
        np.testing.assert_allclose(np.array(other.invariants[name]), values, atol=1e-12)
    rates = problem.rates(states), problem.rates(one.evolution.states)
    np.testing.assert_allclose(np.array(rates[0]["energy"]), rates[1]["energy"], atol=1e-12)
    assert problem.system(device).rate(0.0, states[-1]) > 0
    flow = problem.layer.flow(other.fields["velocity"])
    np.testing.assert_allclose(flow.get(), np.asarray(states.get())[:, 0], atol=1e-13)
    return "agreed"


def test_layer_on_a_device_is_that_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays") == "agreed"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rayleigh": 0.0}, "rayleigh"),
        ({"prandtl": "1"}, "prandtl"),
        ({"sampler": 3}, "buoyancy"),
        ({"dtype": int}, "dtype"),
    ],
)
def test_what_does_not_fit(options, words):
    with pytest.raises(InputError, match=words):
        layer(8, 12, **options)


def test_boxes_and_fields_that_are_none():
    with pytest.raises(InputError, match="distance of 1 between the plates"):
        RayleighBenard(Grid.chebyshev((8, 12), upper=(1.0, 2.0), periodic=(True, False)))
    with pytest.raises(InputError, match="Chebyshev"):
        RayleighBenard(Grid.uniform((8, 12), periodic=(True, False)))
    problem = layer(8, 12)
    for b in (np.zeros((12, 8)), np.zeros((8, 12), complex)):
        with pytest.raises(InputError, match=r"real numbers of shape \(8, 12\)"):
            problem.state({"buoyancy": b})
    with pytest.raises(InputError, match="keys"):
        problem_from_description({"equation": "rayleigh-benard"})
