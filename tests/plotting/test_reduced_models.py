import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.meshes import Grid


@pytest.mark.parametrize("shape", [(9,), (9, 7), (5, 4, 6)])
def test_sensors_stand_where_they_are(shape, texts):
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


def test_interpolation_beside_singular_values(texts):
    figure = plotting.interpolation([2.0, 0.2, 0.02], [5.0, 1.0, 0.1, 0.0], [1.0, 1.5])
    one, best = figure.axes[0].lines
    np.testing.assert_allclose(one.get_ydata(), [1, 0.1, 0.01])
    np.testing.assert_allclose(best.get_ydata(), [1, 0.2, 0.02])
    assert "Lebesgue constant" in texts(figure)


def test_bad_positions_are_named():
    with pytest.raises(InputError, match=r"positions: expected shape"):
        plotting.sensors(Grid.uniform((4, 4)), np.ones((4, 4)), [0.5, 0.5])


def test_singular_values_and_errors_start_at_one():
    one, other = plotting.singular_values([4.0, 2.0, 0.0], [8.0, 4.0, 1.0]).axes[0].lines
    np.testing.assert_allclose(one.get_ydata(), [1, 0.5, 0], atol=1e-300)
    np.testing.assert_array_equal(one.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(other.get_ydata(), [1, 0.5, 0.125])
    np.testing.assert_array_equal(other.get_xdata(), [0, 1, 2])


def test_greedy_history_has_the_tolerance(texts):
    figure = plotting.greedy_history([1.0, 0.1], [0.5, 0.05], 1e-2)
    bounds, errors, level = figure.axes[0].lines
    assert bounds.get_ydata().tolist() == [1.0, 0.1] and errors.get_ydata().tolist() == [0.5, 0.05]
    assert set(level.get_ydata()) == {0.01} and "tolerance 0.01" in texts(figure)


def test_effectivities_count_what_is_below_one(texts):
    figure = plotting.effectivities([2.0, 3.0, 0.9], [1.0, 1.0, 1.0])
    assert "median 2, largest 3, 1 below one" in texts(figure)
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 3
    assert figure.axes[0].get_xscale() == "linear"
    figure = plotting.effectivities([1.1, 2.0, 3.0, 400.0], np.ones(4))
    assert figure.axes[0].get_xscale() == "log"
    assert [int(bar.get_height()) for bar in figure.axes[0].patches if bar.get_height()] == [1] * 4
    with pytest.raises(InputError, match="errors: expected shape"):
        plotting.effectivities([2.0, 3.0], [1.0])


def test_reduction_tells_history_ratios_and_times(texts):
    seconds = {"full solve": 2e-2, "one query": 1e-5}
    figure = plotting.reduction([np.inf, 0.1, 0.01], [2.0, 4.0], [1.0, 1.0], seconds, 0.02)
    history, ratios, bars = figure.axes
    assert history.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.01]]
    assert sum(bar.get_height() for bar in ratios.patches) == 2
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([2e4, 10.0])
    assert "10 µs" in texts(figure) and "tolerance 0.02" in texts(figure)


def test_response_lies_within_its_bounds_in_the_order_of_parameters(texts):
    figure = plotting.response([2.0, 1.0, 3.0], [5.0, 4.0, 6.0], [0.5, np.inf, 1.0], [0.1, 2, 0.3])
    curve, logs = figure.axes
    assert curve.lines[0].get_xydata().tolist() == [[1, 4], [2, 5], [3, 6]]
    corners = curve.collections[0].get_paths()[0].vertices.tolist()
    assert [2.0, 5.5] in corners and [3.0, 5.0] in corners and 1.0 not in np.ravel(corners)[::2]
    bounds, errors = (line.get_ydata() for line in logs.lines)
    assert np.isnan(bounds[0]) and bounds[1:].tolist() == [0.5, 1.0]
    assert errors.tolist() == [2.0, 0.1, 0.3] and "reduced model" in texts(figure)
    assert len(plotting.response([1.0, 2.0], [1.0, 1.0], [0.1, 0.1]).axes[1].lines) == 1
    with pytest.raises(InputError, match="bounds: expected shape"):
        plotting.response([1.0, 2.0], [1.0, 1.0], [0.1])
