import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.meshes import Grid


def comparison(shape=(9, 7)) -> plotting.PredictedSample:
    grid = Grid.uniform(shape, units="m")
    u = np.arange(grid.size, dtype=float).reshape(shape)
    return plotting.PredictedSample(grid, np.where(u > 9, 12.0, 3.0), u, 1.1 * u)


def texts(figure) -> str:
    figure.canvas.draw()
    return " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


@pytest.mark.parametrize(("shape", "axes"), [((9,), 1), ((9, 7), 1), ((4, 5, 6), 3)])
def test_field_draws_every_dimension(shape, axes):
    grid = Grid.uniform(shape, units="m")
    figure = plotting.field(grid, np.ones(shape), "pressure", "pressure (Pa)")
    assert len(figure.axes) == axes
    assert "x (m)" in texts(figure) and "pressure (Pa)" in texts(figure)


def test_the_maps_of_a_prediction_share_one_scale():
    figure = plotting.prediction(comparison())
    coefficient, reference, predicted, error = (axes.collections[0] for axes in figure.axes[:4])
    assert reference.get_clim() == predicted.get_clim() == (0.0, pytest.approx(1.1 * 62))
    assert coefficient.get_clim() == (3.0, 12.0)
    low, high = error.get_clim()
    assert low == -high and high == pytest.approx(6.2)
    assert "10 % in L2" in texts(figure)


def test_predictions_in_one_and_three_dimensions():
    line = plotting.prediction(plotting.PredictedSample(Grid.uniform(4), *np.ones((3, 4))))
    assert [len(axes.lines) for axes in line.axes] == [1, 2, 1]
    cube = plotting.prediction(
        plotting.PredictedSample(Grid.uniform((4, 3, 5)), *np.ones((3, 4, 3, 5)))
    )
    assert "at z = 0.5" in texts(cube)


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


def test_certified_shows_maps_and_bounds():
    text = texts(plotting.certified(comparison(), [0.01, 0.02], 0.015))
    assert "prediction − reference" in text and "50 % of the predictions" in text


def test_bound_histogram_counts_what_is_within_tolerance():
    figure = plotting.bound_histogram([0.01, 0.02, 0.04, 0.03], [0.01, 0.01, 0.02, 0.02], 0.03)
    assert "75 % of the predictions within tolerance" in texts(figure)
    assert sum(p.get_height() for p in figure.axes[0].patches) == 8


def test_time_bars_say_milliseconds():
    assert "2 ms  ·  error 1 %" in texts(plotting.time_bars({"FNO": 2e-3}, {"FNO": "error 1 %"}))


def test_bars_have_the_colours_that_are_asked_for():
    seconds = {"solver": 1e-3, "FNO": 2e-3}
    figure = plotting.time_bars(seconds, colours={"FNO": "#ff0000"})
    first, second = (to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches)
    assert (first, second) == (plotting.BLUE.lower(), "#ff0000")


def test_training_history_draws_every_loss():
    figure = plotting.training_history([1, 2], {"training": [0.1, 0.05], "validation": [0.2, 0.1]})
    assert len(figure.axes[0].lines) == 2


def test_report_is_one_figure_and_is_saved_whole(tmp_path):
    figure = plotting.report(
        comparison(), [0.01, 0.02], [0.01, 0.01], 0.015, {"FNO": 1e-3, "solver": 2e-3}, {}, "Darcy"
    )
    path = plotting.save(figure, tmp_path / "report.png", dpi=50)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["report.png"]


@pytest.mark.parametrize("shape", [(9,), (9, 7), (5, 4, 6)])
def test_sensors_stand_where_they_are(shape):
    grid = Grid.uniform(shape, units="m")
    mean = np.arange(grid.size, dtype=float).reshape(shape)
    places = np.array([[0.25] * len(shape), [0.75] * len(shape)])
    figure = plotting.sensors(grid, mean, places, [0.02, 0.05], 0.01, "temperature (K)")
    drawn = figure.axes[0].lines[-1].get_xydata()
    np.testing.assert_allclose(drawn[:, 0], [0.25, 0.75])
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    np.testing.assert_allclose(heights, [2.0, 5.0])
    words = texts(figure)
    assert "2 sensors" in words and "all sensors: 1 %" in words and "temperature (K)" in words


def test_magic_points_alone():
    assert len(plotting.sensors(Grid.uniform((4, 4)), np.ones((4, 4)), [[0.5, 0.5]]).axes) == 1


def test_interpolation_beside_singular_values():
    figure = plotting.interpolation([2.0, 0.2, 0.02], [5.0, 1.0, 0.1, 0.0], [1.0, 1.5])
    one, best = figure.axes[0].lines
    np.testing.assert_allclose(one.get_ydata(), [1, 0.1, 0.01])
    np.testing.assert_allclose(best.get_ydata(), [1, 0.2, 0.02])
    assert "Lebesgue constant" in texts(figure)


def test_bad_input_is_named():
    grid = Grid.uniform((4, 4))
    with pytest.raises(InputError, match=r"expected shape \(4, 4\), got \(4, 5\)"):
        plotting.field(grid, np.ones((4, 5)))
    with pytest.raises(InputError, match="bounds: expected finite numbers"):
        plotting.bound_histogram([np.nan, 1.0])
    with pytest.raises(InputError, match=r"positions: expected shape"):
        plotting.sensors(grid, np.ones((4, 4)), [0.5, 0.5])
    with pytest.raises(InputError, match=r"ending in \.png"):
        plotting.save(plotting.field(grid, np.ones((4, 4))), "figure.txt")


def test_fields_with_gaps_and_constant_fields_are_drawn():
    values = np.full((4, 4), 2.0)
    values[0, 0] = np.nan
    assert plotting.field(Grid.uniform((4, 4)), values).axes


def test_pyplot_and_displays_are_not_touched():
    code = "import nwidth.plotting, sys; print('matplotlib.pyplot' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
