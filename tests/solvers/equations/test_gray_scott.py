"""The Gray-Scott equations: a pulse in closed form, linear decay, reactions without space."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import GrayScott, simulate
from nwidth.solvers.equations.gray_scott import PATTERNS

# Patterns sharpen until coarse grids hardly resolve them, which is told.
pytestmark = pytest.mark.filterwarnings("ignore:.*finest third")

FEED, KILL = 0.06, 0.05


def pulse(x):
    """Hale, Peletier & Troy (2000), SIAM J. Appl. Math. 61, 102-130: where u + r w = 1 at rest.

    With D_w / D_u = (F + k) / F = r the sum obeys D_u s'' = F (s - 1), and w is left with
    D_w w'' = (F + k) w - w^2 + r w^3: w = a / (1 + b cosh(x / l)), a = 3 (F + k),
    b^2 = 1 - 9 (F + k) r / 2, l^2 = D_w / (F + k).
    """
    m = FEED + KILL
    r = m / FEED
    b = np.sqrt(1 - 4.5 * m * r)
    w = 3 * m / (1 + b * np.cosh(x * np.sqrt(m / (r * 1e-3))))
    return 1 - r * w, w


def pulse_problem(shape, upper=1.0):
    lower = -np.atleast_1d(upper)
    grid = Grid.periodic(shape, lower=list(np.broadcast_to(lower, (np.size(shape),))), upper=upper)
    return GrayScott(grid, FEED, KILL, 1e-3, 1e-3 * (FEED + KILL) / FEED)


def test_a_pulse_at_rest_converges_to_round_off():
    errors = []
    for n in (32, 64, 128, 512):
        problem = pulse_problem(n, 5.0)
        u, w = pulse(problem.grid.axes[0].points)
        found = simulate(problem, {"substrate": u, "catalyst": w}, [5.0], dt=0.05).checked()
        errors.append(
            max(
                np.abs(found.fields["substrate"][0] - u).max(),
                np.abs(found.fields["catalyst"][0] - w).max(),
            )
        )
    assert errors[0] > 1e-2 and errors[1] < 1e-2 and errors[2] < 1e-3 and errors[3] < 1e-12, errors


def test_without_catalyst_the_substrate_is_linear():
    """u - 1 decays by F + D_u k^2."""
    problem = GrayScott(Grid.periodic((12, 15), upper=2.5), 0.03, 0.06)
    x, y = np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")
    wave = np.cos(2 * np.pi / 2.5 * (x - 2 * y))
    inputs = {"substrate": 1 + 0.2 * wave, "catalyst": 0 * x}
    found = simulate(problem, inputs, [30.0], dt=30.0).checked()
    decay = np.exp(-(0.03 + 2e-5 * 5 * (2 * np.pi / 2.5) ** 2) * 30)
    assert np.abs(found.fields["substrate"][0] - 1 - 0.2 * decay * wave).max() < 1e-14
    assert (found.fields["catalyst"] == 0).all()


@pytest.mark.parametrize("shape", [(8,), (8, 9), (4, 5, 6)])
def test_uniform_mixtures_react_like_those_in_a_stirred_vessel(shape):
    def reaction(t, y):
        u, w = y
        return [-u * w * w + FEED * (1 - u), u * w * w - (FEED + KILL) * w]

    exact = solve_ivp(reaction, (0, 20), [0.5, 0.4], rtol=1e-12, atol=1e-14).y[:, -1]
    problem = GrayScott(Grid.periodic(shape), FEED, KILL)
    inputs = {"substrate": np.full(shape, 0.5), "catalyst": np.full(shape, 0.4)}
    found = simulate(problem, inputs, [20.0], rtol=1e-10).checked()
    for name, value in zip(("substrate", "catalyst"), exact, strict=True):
        assert np.abs(found.fields[name] - value).max() < 1e-8
        assert found.invariants[name][0] == pytest.approx(value, rel=1e-8)


# Pearson's diffusivities times fifty, for coarse grids.
SMOOTH = (1e-3, 5e-4)


def blob(problem):
    x = np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")
    w = np.exp(-sum(1 + np.cos(2 * np.pi / 2.5 * one) for one in x))
    return {"substrate": 1 - 0.5 * w, "catalyst": 0.25 * w}


def test_order_in_time():
    problem = GrayScott(Grid.periodic((32, 32), upper=2.5), *PATTERNS["spots"], *SMOOTH)
    results = [
        simulate(problem, blob(problem), [40.0], dt=dt).evolution.states for dt in (4.0, 2.0, 0.1)
    ]
    errors = [np.abs(r - results[-1]).max() for r in results[:-1]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4)


def test_the_budget_of_the_means_closes():
    """(u + w)' = F (1 - u) - (F + k) w in the mean."""
    feed, kill = PATTERNS["maze"]
    problem = GrayScott(Grid.periodic((32, 30), upper=2.5), feed, kill, *SMOOTH)
    times = np.linspace(0, 40, 81)
    found = simulate(problem, blob(problem), times, rtol=1e-9).checked()
    u, w = found.invariants["substrate"], found.invariants["catalyst"]
    rate, step = feed * (1 - u) - (feed + kill) * w, times[1]
    simpson = step / 3 * (rate[0] + rate[-1] + 4 * rate[1:-1:2].sum() + 2 * rate[2:-1:2].sum())
    change = (u + w)[-1] - (u + w)[0]
    assert abs(change) > 1e-3 and change == pytest.approx(simpson, rel=1e-7)


def test_three_dimensions_hold_the_solutions_of_two():
    plane = GrayScott(Grid.periodic((20, 24), upper=2.5), FEED, KILL, *SMOOTH)
    space = GrayScott(Grid.periodic((20, 24, 4), upper=2.5), FEED, KILL, *SMOOTH)
    inputs = blob(plane)
    thick = {k: np.repeat(f[..., None], 4, axis=-1) for k, f in inputs.items()}
    one, other = (
        simulate(p, i, [10.0], dt=0.5).fields for p, i in ((plane, inputs), (space, thick))
    )
    for name, field in one.items():
        assert np.abs(other[name] - field[..., None]).max() < 1e-14


def test_single_precision():
    problems = [GrayScott(Grid.periodic(64, upper=2.5), dtype=d) for d in ("float32", "float64")]
    found, double = (simulate(p, blob(p), [20.0], dt=1.0).fields for p in problems)
    for name, field in found.items():
        assert field.dtype == np.float32 and np.abs(field - double[name]).max() < 1e-5


def test_random_fields_for_each_and_the_way_back_from_descriptions():
    grid = Grid.periodic((8, 9))
    one, other = (
        GaussianRandomField(grid, alpha=2.0, tau=t, boundary="periodic") for t in (3.0, 7.0)
    )
    problem = GrayScott(grid, sampler=[one, other])
    inputs = problem.sample(np.random.default_rng(0))
    again = GrayScott.from_description(problem.describe())
    assert again.describe() == problem.describe()
    for name, u in again.sample(np.random.default_rng(0)).items():
        assert np.array_equal(u, inputs[name])
    assert not np.array_equal(inputs["substrate"], inputs["catalyst"])
    assert problem.on(Grid.periodic((16, 18))).inputs[1].sampler.grid.shape == (16, 18)
    half = GrayScott(grid, sampler=[one, None])
    assert GrayScott.from_description(half.describe()).inputs[1].sampler is None


def test_what_makes_no_problem():
    grid = Grid.periodic((8, 9))
    with pytest.raises(InputError, match=r"feed: expected a number in \[0, inf\)"):
        GrayScott(grid, -0.1)
    one = GaussianRandomField(grid, alpha=2.0, tau=3.0, boundary="periodic")
    for sampler in (one, [one], [one] * 3):
        with pytest.raises(InputError, match="sampler: expected a list of 2 random fields"):
            GrayScott(grid, sampler=sampler)
    with pytest.raises(InputError, match="inputs: expected a mapping with substrate, catalyst"):
        GrayScott(grid).state({"substrate": np.ones((8, 9))})
