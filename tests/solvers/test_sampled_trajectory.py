import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError, NotConvergedError
from nwidth.meshes import GaussianRandomField, Grid, RandomField
from nwidth.solvers import Burgers, simulate
from nwidth.solvers.sampled_trajectory import SampledTrajectory


def burgers(n=48, centering="node"):
    grid = Grid.periodic(n, centering=centering)
    return Burgers(grid, 0.05, GaussianRandomField(grid, 4, 5, boundary="periodic"))


def test_a_sample_is_what_simulate_finds():
    problem = burgers()
    fields, scalars = SampledTrajectory(problem, (0.0, 0.3), 4, rtol=1e-7)(2)
    alone = simulate(problem, problem.sample(generator(4, 2)), [0.0, 0.3], rtol=1e-7)
    np.testing.assert_allclose(fields["velocity"], alone.fields["velocity"], atol=1e-15)
    assert scalars == pytest.approx({"steps": alone.counts.steps, "tail": alone.tail.max()})


def test_subsampling_picks_points_and_truncation_leaves_no_aliases():
    problem = burgers()
    x = problem.grid.axes[0].points
    low, high = np.sin(4 * np.pi * x), np.cos(2 * np.pi * 10 * x)
    picked = SampledTrajectory(problem, (0.0,), 0, 3).restricted(low + high)
    cut = SampledTrajectory(problem, (0.0,), 0, 3, "fourier").restricted(low + high)
    np.testing.assert_array_equal(picked, (low + high)[::3])
    np.testing.assert_allclose(cut, low[::3], atol=1e-14)


def test_components_go_last():
    problem = burgers()
    both = np.stack([np.zeros(48), np.ones(48)])
    for kind in ("subsample", "fourier"):
        found = SampledTrajectory(problem, (0.0,), 0, 2, kind).restricted(both)
        np.testing.assert_allclose(found, np.stack([np.zeros(24), np.ones(24)], -1), atol=1e-14)


def test_what_the_file_has_is_known_beforehand():
    fields, scalars = SampledTrajectory(burgers(), (0.0,), 0).layout()
    assert fields["velocity"].components == () and not fields["velocity"].constant
    assert scalars == {"steps": "1", "tail": "1"}


def test_failures_name_the_sample():
    problem = burgers()
    with pytest.raises(NotConvergedError, match=r"sample 5 of seed 9: .*max_steps"):
        SampledTrajectory(problem, (1.0,), 9, rtol=1e-9, max_steps=3)(5)
    with pytest.raises(InputError, match=r"restriction: .*not periodic"):
        grid = Grid.uniform(5)
        other = SampledTrajectory(problem, (1.0,), 9, 2, "fourier")
        object.__setattr__(other.problem, "grid", grid)
        other.restricted(np.zeros(5))
    with pytest.raises(InputError, match="expected nodes"):
        SampledTrajectory(burgers(48, "cell"), (1.0,), 0, 2, "fourier").layout()


def test_the_tail_is_also_that_of_the_initial_field():
    """What jumps where the torus closes may be smooth at the first time that is asked for."""
    grid = Grid.periodic(64)

    class Ramp(RandomField):
        def __init__(self):
            self.grid = grid

        def sample(self, generator):
            return grid.axes[0].points.copy()

        def on(self, grid):
            return self

        def describe(self):
            return {"kind": "Ramp"}

        @classmethod
        def from_description(cls, description, grid):
            return cls()

    _, scalars = SampledTrajectory(Burgers(grid, 0.1, Ramp()), (1.0,), 0, rtol=1e-6)(0)
    assert scalars["tail"] > 0.1
