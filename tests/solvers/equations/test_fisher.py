"""Fisher's equation: logistic growth and a front in closed form."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid, PeriodicKernelField
from nwidth.solvers import Fisher, problem_from_description, simulate

NU, R = 2e-4, 5.0


def fronts(x, t):
    """Ablowitz & Zeppetella's front into u = 0, to either side of x = 1/2."""
    away = np.abs(x - 0.5) - 0.28 - 5 * np.sqrt(R * NU / 6) * t
    return (1 + np.exp(np.sqrt(R / (6 * NU)) * away)) ** -2.0


@pytest.mark.filterwarnings("ignore:.*finest third")
def test_fronts_converge():
    errors = []
    for n in (64, 128, 256):
        problem = Fisher(Grid.periodic(n), NU, R)
        x = problem.grid.axes[0].points
        found = simulate(problem, {"density": fronts(x, 0.0)}, [1.0], dt=2e-3).checked()
        errors.append(np.abs(found.fields["density"][0] - fronts(x, 1.0)).max())
    assert errors[0] > 1e-4 and errors[1] < 1e-5 and errors[2] < 1e-7, errors


def test_uniform_densities_grow_as_in_closed_form():
    found = simulate(Fisher(Grid.periodic(9)), {"density": np.full(9, 0.1)}, [0.7], rtol=1e-10)
    exact = 0.1 * np.exp(3.5) / (0.9 + 0.1 * np.exp(3.5))
    assert np.abs(found.fields["density"] - exact).max() < 1e-8
    assert found.invariants["mean"][0] == pytest.approx(exact)


def test_description_and_bad_input():
    grid = Grid.periodic(32)
    problem = Fisher(grid, 0.1, 2.0, PeriodicKernelField(grid), unit="1/m")
    again = problem_from_description(problem.describe())
    assert isinstance(again, Fisher) and again.describe() == problem.describe()
    with pytest.raises(InputError, match="diffusivity"):
        Fisher(grid, 0.0)
    with pytest.raises(InputError, match="growth"):
        Fisher(grid, 0.1, -1.0)
