import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.meshes import Grid


@pytest.mark.parametrize(("shape", "axes"), [((9,), 1), ((9, 7), 1), ((4, 5, 6), 3)])
def test_field_draws_every_dimension(shape, axes, texts):
    grid = Grid.uniform(shape, units="m")
    figure = plotting.field(grid, np.ones(shape), "pressure", "pressure (Pa)")
    assert len(figure.axes) == axes
    assert "x (m)" in texts(figure) and "pressure (Pa)" in texts(figure)


def test_a_map_shows_each_value_over_its_control_volume():
    figure = plotting.field(Grid.tensor([[0.0, 1.0, 4.0], [0.0, 1.0]]), np.ones((3, 2)))
    mesh = figure.axes[0].collections[0]
    assert np.allclose(mesh.get_coordinates()[0, :, 0], [0.0, 0.5, 2.5, 4.0])


def test_fields_of_a_sample_stand_side_by_side():
    grid = Grid.uniform((4, 5))
    vector = np.stack([np.full((4, 5), 3.0), np.full((4, 5), 4.0)], axis=-1)
    figure = plotting.fields(grid, {"pressure": np.ones((4, 5)), "velocity": vector})
    assert np.allclose(figure.axes[1].collections[0].get_array(), 5.0)
    assert len(plotting.fields(Grid.uniform(4), {"u": np.ones(4)}).axes[0].lines) == 1
    with pytest.raises(InputError, match="at least one field"):
        plotting.fields(grid, {})


def test_fields_with_gaps_and_constant_fields_are_drawn():
    values = np.full((4, 4), 2.0)
    values[0, 0] = np.nan
    assert plotting.field(Grid.uniform((4, 4)), values).axes


def test_bad_shapes_are_named():
    with pytest.raises(InputError, match=r"expected shape \(4, 4\), got \(4, 5\)"):
        plotting.field(Grid.uniform((4, 4)), np.ones((4, 5)))
