import json

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import ChannelFlow, normal_modes, problem_from_description, simulate
from nwidth.solvers.stepping import ARK436L2SA, ARS443, SBDF2, evolve

BOX = {"lower": (0.0, -1.0), "upper": (2 * np.pi, 1.0), "periodic": (True, False)}
GRID = Grid.chebyshev((8, 16), **BOX)


def poiseuille(problem, top=1.0):
    z = problem.grid.coordinates()[1]
    return np.stack([top * (1 - z**2), 0 * z])


@pytest.mark.parametrize("points", [(8, 16), (9, 13)])
def test_poiseuille_flow_stays(points):
    problem = ChannelFlow(Grid.chebyshev(points, **BOX), viscosity=0.01, force=0.02)
    u = poiseuille(problem)
    found = simulate(problem, {"velocity": u}, [1.0, 10.0], dt=0.1).checked()
    assert abs(found.fields["velocity"] - u).max() < 1e-13
    np.testing.assert_allclose(found.invariants["flux"], 2 / 3, rtol=1e-13)
    assert abs(problem.rates(found.evolution.states)["energy"]).max() < 1e-13
    assert found.tail.max() < 1e-12


def test_poiseuille_flow_is_reached_from_rest():
    problem = ChannelFlow(GRID, viscosity=0.5, force=1.0)
    rest = np.zeros((2, *GRID.shape))
    found = simulate(problem, {"velocity": rest}, [30.0], method=ARS443, dt=0.5)
    assert abs(found.fields["velocity"][0] - poiseuille(problem)).max() < 1e-12


def test_start_of_flow_from_rest():
    """U = 1 - z^2 - 32 / pi^3 sum (-1)^m cos((m + 1/2) pi z) exp(-nu ((m + 1/2) pi)^2 t) ..."""
    problem = ChannelFlow(Grid.chebyshev((4, 33), **BOX), viscosity=0.5, force=1.0)
    found = simulate(problem, {"velocity": np.zeros((2, 4, 33))}, [0.2, 0.4], rtol=1e-8)
    z = problem.grid.axes[1].points
    odd = (2 * np.arange(60) + 1) * np.pi / 2
    for t, u in zip(found.times, found.fields["velocity"], strict=True):
        waves = (-1.0) ** np.arange(60) * np.exp(-0.5 * odd**2 * t) / odd**3
        exact = 1 - z**2 - 4 * waves @ np.cos(np.outer(odd, z))
        assert abs(u[0] - exact).max() < 1e-7


def test_disturbances_grow_as_orr_and_sommerfeld_say():
    """The mode of Orszag (1971) at Reynolds number 10000 out of another disturbance."""
    problem = ChannelFlow(Grid.chebyshev((6, 48), **BOX), viscosity=1e-4, force=2e-4)
    sigma = normal_modes(problem.layer.basis, 1.0, viscosity=1e-4, velocity=lambda z: 1 - z**2)
    v = problem.state({"velocity": poiseuille(problem)})
    v[0, 0, 1] = 1e-7
    found = evolve(problem.system({}), v, [0.0, 0.5, 1.0], method=ARK436L2SA, dt=0.025)
    psi = found.checked().states[:, 0, :-2, 1]
    # The generator of the matrices that steps have: exp(t A) psi, t = 0.5 and 1.
    assert len(sigma) == 44
    exact = linear(problem, 0.5) @ psi[0]
    np.testing.assert_allclose(psi[1], exact, atol=1e-5 * abs(psi[1]).max())
    np.testing.assert_allclose(psi[2], linear(problem, 0.5) @ exact, atol=1e-5 * abs(psi).max())
    growth = np.linalg.eigvals(linear(problem, 0.5))
    largest = np.log(growth[np.argmax(abs(growth))]) / 0.5
    assert abs(largest - sigma[0]) < 1e-5


def linear(problem, t):
    """Return the exponential of the system about Poiseuille's flow, for the first wave."""
    from scipy.linalg import expm

    n = problem.layer.shape[0] - 2
    base = problem.state({"velocity": poiseuille(problem)})
    system, work = problem.system({}), np.empty_like(base)
    columns = []
    for j in range(n):
        v, out = np.zeros_like(base), np.empty_like(base)
        v[0, j, 1] = 1e-6
        system.full(0.0, base + v, out, work)
        columns.append(out[0, :n, 1] * 1e6)
    return expm(t * np.stack(columns, axis=1))


def test_energy_budget_in_time():
    problem = ChannelFlow(Grid.chebyshev((16, 20), **BOX), viscosity=0.02, force=0.05)
    x, z = problem.grid.coordinates()
    psi = (1 - z**2) ** 2 * np.sin(x + 0.3)
    waves = np.stack([-4 * z * (1 - z**2) * np.sin(x + 0.3), -((1 - z**2) ** 2) * np.cos(x + 0.3)])
    assert abs(psi).max() < 1.01
    gaps = []
    for steps in (40, 80):
        times = np.linspace(0.0, 1.0, steps + 1)
        found = simulate(problem, {"velocity": poiseuille(problem) + waves}, times, dt=0.1)
        rate = problem.rates(found.evolution.states)["energy"]
        simpson = np.array([1, *[4, 2] * (steps // 2 - 1), 4, 1]) / (3 * steps)
        gain = found.invariants["energy"][-1] - found.invariants["energy"][0]
        gaps.append(abs(simpson @ rate / gain - 1))
    assert gaps[1] < 1e-6
    assert gaps[1] < gaps[0] / 5


def test_single_precision_follows_double():
    fields = []
    for dtype in ("float64", "float32"):
        grid = Grid.chebyshev((16, 20), **BOX)
        problem = ChannelFlow(grid, viscosity=0.05, force=0.1, dtype=dtype)
        x, z = grid.coordinates()
        u = poiseuille(problem)
        u += np.stack([-4 * z * (1 - z**2) * np.sin(x), -((1 - z**2) ** 2) * np.cos(x)])
        found = simulate(problem, {"velocity": u.astype(dtype)}, [1.0], method=SBDF2, dt=0.02)
        assert found.fields["velocity"].dtype == np.dtype(dtype)
        fields.append(found.fields["velocity"])
    assert abs(fields[0] - fields[1]).max() < 2e-5


def test_descriptions_and_other_grids():
    problem = ChannelFlow(GRID, 0.05, force=0.1, unit="m/s", dtype="float32")
    told = json.loads(json.dumps(problem.describe()))
    assert problem_from_description(told).describe() == problem.describe()
    finer = problem.on(Grid.chebyshev((12, 20), **BOX))
    assert (finer.viscosity, finer.force, finer.dtype) == (0.05, 0.1, np.float32)
    with pytest.raises(InputError, match="keys"):
        problem_from_description({"equation": "channel-flow"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"viscosity": 0.0}, "viscosity"),
        ({"force": np.inf}, "force"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_what_does_not_fit(options, words):
    with pytest.raises(InputError, match=words):
        ChannelFlow(GRID, **options)


def test_velocities_that_are_none():
    problem = ChannelFlow(GRID)
    for u in (np.zeros(GRID.shape), np.zeros((2, *GRID.shape), complex), np.zeros((3, 8, 16))):
        with pytest.raises(InputError, match=r"real numbers of shape \(2, 8, 16\)"):
            problem.state({"velocity": u})
    with pytest.raises(InputError, match="velocity"):
        problem.state({"vorticity": np.zeros((2, 8, 16))})
    with pytest.raises(InputError, match="sampler"):
        problem.sample(np.random.default_rng(0))
