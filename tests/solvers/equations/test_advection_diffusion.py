"""Advection and diffusion against the motion of each wave."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import AdvectionDiffusion, simulate
from nwidth.solvers.stepping import RK4

VELOCITY, DIFFUSIVITY = (0.7, -0.3, 1.1), 0.02


def problem_in(dimension, dtype=np.float64, points=(12, 15, 16)):
    grid = Grid.periodic(
        points[:dimension], lower=[-1.0, 0.0, 2.0][:dimension], upper=[1.0, 1.5, 3.0][:dimension]
    )
    return AdvectionDiffusion(grid, VELOCITY[:dimension], DIFFUSIVITY, dtype=dtype)


def wave(problem, t):
    """A wave that runs across the box on top of a constant: exp(i k . (x - c t) - nu k^2 t)."""
    axes = problem.grid.axes
    k = [2 * np.pi * m / a.length for m, a in zip((2, -3, 1), axes, strict=False)]
    x = np.meshgrid(*(a.points for a in axes), indexing="ij")
    phase = sum(
        q * (one - c * t) for q, one, c in zip(k, x, problem.coefficients["velocity"], strict=True)
    )
    return 0.4 + np.sin(phase) * np.exp(-DIFFUSIVITY * t * np.dot(k, k))


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_step_of_any_length_is_exact(dimension, dtype):
    problem = problem_in(dimension, dtype)
    inputs = {"density": wave(problem, 0.0).astype(dtype)}
    found = simulate(problem, inputs, [0.6], dt=0.6).checked()
    error = np.abs(found.fields["density"][0] - wave(problem, 0.6)).max()
    assert found.counts.steps == 1 and error < 20 * np.finfo(dtype).eps


def test_a_gaussian_spreads():
    """The heat kernel on the line, far from where the circle closes."""
    problem = AdvectionDiffusion(Grid.periodic(128, lower=-4.0, upper=4.0), 2.0, 0.04)
    x = problem.grid.axes[0].points

    def kernel(t):
        return np.exp(-((x - 2 * t) ** 2) / (4 * 0.04 * (1 + t))) / np.sqrt(1 + t)

    found = simulate(problem, {"density": kernel(0.0)}, [0.2, 0.5]).checked()
    assert np.abs(found.fields["density"] - [kernel(0.2), kernel(0.5)]).max() < 1e-14


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_spectral_convergence_to_round_off():
    """exp(2 sin(2 pi x)) is carried along: its modes fall like 1/m!."""
    errors = []
    for n in (8, 16, 32, 64):
        problem = AdvectionDiffusion(Grid.periodic(n), 0.75, 0.0)
        x = problem.grid.axes[0].points
        inputs = {"density": np.exp(2 * np.sin(2 * np.pi * x))}
        found = simulate(problem, inputs, [1.0], dt=1.0).fields["density"][0]
        errors.append(np.abs(found - np.exp(2 * np.sin(2 * np.pi * (x - 0.75)))).max())
    assert errors[0] > 1e-2 and errors[1] < 1e-4 and errors[2] < 3e-13 and errors[3] < 3e-13


def test_the_mean_stays_and_diffusion_takes_energy():
    problem = problem_in(2)
    found = simulate(problem, {"density": wave(problem, 0.0)}, [0.0, 0.1, 0.3])
    assert np.abs(found.invariants["mean"] - 0.4).max() < 1e-15
    k2 = (2 * np.pi) ** 2 * (1 + 4)  # two waves in a length of 2, three in 1.5
    exact = 0.08 + 0.25 * np.exp(-2 * DIFFUSIVITY * k2 * found.times)
    assert np.allclose(found.invariants["energy"], exact, rtol=1e-14)


def test_explicit_methods_agree():
    problem = problem_in(1)
    inputs = {"density": wave(problem, 0.0)}
    found = simulate(problem, inputs, [0.1], method=RK4, dt=1e-3).fields["density"][0]
    assert np.abs(found - wave(problem, 0.1)).max() < 1e-10


def test_the_way_back_from_descriptions():
    grid = Grid.periodic((8, 9))
    sampler = GaussianRandomField(grid, alpha=2.0, tau=5.0, boundary="periodic")
    problem = AdvectionDiffusion(grid, 2, 0, sampler, unit="kg")
    again = AdvectionDiffusion.from_description(problem.describe())
    assert again.describe() == problem.describe()
    assert problem.coefficients == {"velocity": [2.0, 2.0], "diffusivity": 0.0}
    one, other = (p.sample(np.random.default_rng(0))["density"] for p in (problem, again))
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("velocity", "diffusivity", "words"),
    [
        ([1.0, 2.0], 0.1, "velocity: expected one number or 1, got"),
        (np.nan, 0.1, "velocity: expected a number in"),
        ([[1.0, 2.0]], 0.1, "velocity: expected a number in"),
        (None, 0.1, "velocity: expected a number in"),
        (np.array(1.0), 0.1, "velocity: expected a number in"),
        ("fast", 0.1, "velocity: expected a number in"),
        (1.0, -0.1, r"diffusivity: expected a number in \[0, inf\)"),
    ],
)
def test_numbers_that_make_no_problem(velocity, diffusivity, words):
    with pytest.raises(InputError, match=words):
        AdvectionDiffusion(Grid.periodic(8), velocity, diffusivity)
