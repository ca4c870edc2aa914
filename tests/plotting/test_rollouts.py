import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.plotting import rollout, save


def trajectories(grid, times=6):
    t = np.arange(times).reshape(-1, *[1] * grid.dimension)
    u = np.sin(2 * np.pi * (grid.coordinates()[0] - 0.1 * t))
    return np.arange(times), u, u * (1 + 0.01 * t)


@pytest.mark.parametrize("shape", [(16,), (12, 8)])
def test_the_distance_over_time_is_drawn(shape, tmp_path):
    grid = Grid.periodic(shape)
    t, u, v = trajectories(grid)
    figure = rollout(grid, t, u, v, "flow", "vorticity")
    (line,) = figure.axes[-1].lines
    # At the first time they agree, which a logarithm cannot show.
    np.testing.assert_allclose(line.get_xdata(), t[1:])
    np.testing.assert_allclose(line.get_ydata(), 0.01 * t[1:])
    titles = [axes.get_title() for axes in figure.axes]
    wanted = {"solver", "learned", "difference"} if len(shape) == 1 else {"t = 0", "t = 5"}
    assert wanted <= {*titles}
    save(figure, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 10_000


def test_what_cannot_be_drawn_is_told():
    grid = Grid.periodic(16)
    t, u, v = trajectories(grid)
    with pytest.raises(InputError, match="predicted"):
        rollout(grid, t, u, v[:-1])
    with pytest.raises(NonFiniteError, match="rollout: known"):
        rollout(grid, t, u * np.nan, v)
    with pytest.raises(InputError, match="one or two axes, got 3"):
        rollout(Grid.periodic((4, 4, 4)), t, u, v)
