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


def test_the_maps_of_a_prediction_share_one_scale(texts):
    figure = plotting.prediction(comparison())
    coefficient, reference, predicted, error = (axes.collections[0] for axes in figure.axes[:4])
    assert reference.get_clim() == predicted.get_clim() == (0.0, pytest.approx(1.1 * 62))
    assert coefficient.get_clim() == (3.0, 12.0)
    low, high = error.get_clim()
    assert low == -high and high == pytest.approx(6.2)
    assert "10 % in L2" in texts(figure)


def test_predictions_in_one_and_three_dimensions(texts):
    line = plotting.prediction(plotting.PredictedSample(Grid.uniform(4), *np.ones((3, 4))))
    assert [len(axes.lines) for axes in line.axes] == [1, 2, 1]
    cube = plotting.prediction(
        plotting.PredictedSample(Grid.uniform((4, 3, 5)), *np.ones((3, 4, 3, 5)))
    )
    assert "at z = 0.5" in texts(cube)


def test_certified_shows_maps_and_bounds(texts):
    text = texts(plotting.certified(comparison(), [0.01, 0.02], 0.015))
    assert "prediction − reference" in text and "50 % of the predictions" in text


def test_bound_histogram_counts_what_is_within_tolerance(texts):
    figure = plotting.bound_histogram([0.01, 0.02, 0.04, 0.03], [0.01, 0.01, 0.02, 0.02], 0.03)
    assert "75 % of the predictions within tolerance" in texts(figure)
    assert sum(p.get_height() for p in figure.axes[0].patches) == 8


def test_time_bars_say_milliseconds(texts):
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


def test_gaps_are_named():
    with pytest.raises(InputError, match="bounds: expected finite numbers"):
        plotting.bound_histogram([np.nan, 1.0])
