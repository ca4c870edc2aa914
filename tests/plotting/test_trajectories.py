import numpy as np
import pytest
from PIL import Image

from nwidth import plotting
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting import trajectories

LINE, PLANE = Grid.periodic(8, names=["s"], units="m"), Grid.periodic((6, 5))


def test_space_time_has_space_to_the_right_and_time_upwards(texts):
    values = np.arange(24.0).reshape(3, 8)
    figure = plotting.space_time(LINE, [0.0, 1.0, 4.0], values, "sample 0", "u (m/s)")
    axes = figure.axes[0]
    mesh = axes.collections[0]
    np.testing.assert_array_equal(np.ravel(mesh.get_array()), np.arange(24.0))
    np.testing.assert_allclose(mesh.get_coordinates()[:, 0, 1], [-0.5, 0.5, 2.5, 5.5])
    assert axes.get_ylim() == (0.0, 4.0)
    words = texts(figure)
    assert "s (m)" in words and "u (m/s)" in words and "sample 0" in words


def test_long_arrays_are_thinned():
    values = np.zeros((trajectories.CELLS * 2, 8))
    figure = plotting.space_time(LINE, np.arange(len(values)), values)
    assert figure.axes[0].collections[0].get_array().size == trajectories.CELLS * 8


def test_both_signs_get_their_own_colours():
    assert trajectories.colours_of(np.array([-1.0, 2.0])) == ("RdBu_r", (-2.0, 2.0))
    assert trajectories.colours_of(np.array([-0.01, 2.0])) == ("viridis", (-0.01, 2.0))
    assert trajectories.colours_of(np.array([1.0, 2.0])) == ("viridis", (1.0, 2.0))


def test_snapshots_of_one_axis_are_curves_and_of_three_a_plane(texts):
    values = np.arange(24.0).reshape(3, 8)
    figure = plotting.snapshots(LINE, [0.0, 1.0, 2.0], values, "sample 0", "u", time="t (s)")
    lines = figure.axes[0].lines
    np.testing.assert_array_equal([line.get_ydata() for line in lines], values)
    assert [line.get_label() for line in lines] == ["t = 0 s", "t = 1 s", "t = 2 s"]
    assert len({str(line.get_color()) for line in lines}) == 3 and "s (m)" in texts(figure)
    space = Grid.periodic((4, 3, 6))
    u = np.random.default_rng(0).standard_normal((2, 4, 3, 6))
    figure = plotting.snapshots(space, [0.0, 1.0], u)
    painted = np.ravel(figure.axes[0].collections[0].get_array())
    np.testing.assert_array_equal(painted, u[0, :, :, 3].T.ravel())
    assert "at z = 0.5" in texts(figure)


def test_nothing_is_clipped():
    """All words lie on the paper, also beside axes."""
    values = np.linspace(-1, 1, 7)[:, None, None] * np.ones((7, 6, 5))
    k, energies = np.arange(9.0), {f"t = {t}": np.full(9, 10.0**-t) for t in range(6)}
    drawn = [
        plotting.snapshots(PLANE, np.arange(7.0), values, "a longer title, sample 3", "vorticity"),
        plotting.snapshots(LINE, np.arange(7.0), np.ones((7, 8)), "title", "velocity (m/s)"),
        plotting.energy_spectra(k, energies, [-5 / 3, -3], "title", label="energy, per shell"),
        plotting.conservation(np.arange(3.0), {f"quantity {n}": np.ones(3) for n in range(6)}),
    ]
    drawn.append(plotting.fields(PLANE, {"a": values[0], "b": values[1]}))
    for figure in drawn:
        figure.draw_without_rendering()
        paper = figure.bbox
        words = [*figure.texts]
        for legend in [*figure.legends, *(a.get_legend() for a in figure.axes)]:
            words += [] if legend is None else legend.get_texts()
        for axes in figure.axes:
            words += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for text in words:
            box = text.get_window_extent()
            if text.get_text() and text.get_visible():
                assert paper.x0 <= box.x0 and box.x1 <= paper.x1, text
                assert paper.y0 <= box.y0 and box.y1 <= paper.y1, text
        for axes in figure.axes:
            assert len({str(line.get_color()) for line in axes.lines}) >= min(6, len(axes.lines))


def test_long_boxes_lie_below_one_another(texts):
    grid = Grid.uniform((9, 4), upper=(4.0, 1.0), names="xz")
    figure = plotting.snapshots(grid, np.arange(3.0), np.random.default_rng(0).random((3, 9, 4)))
    figure.draw_without_rendering()
    places = [axes.get_position() for axes in figure.axes if axes.get_title()]
    assert len(places) == 3 and len({round(p.x0, 3) for p in places}) == 1
    assert places[0].y0 > places[1].y1 > places[2].y1
    assert places[0].width * figure.get_figwidth() > 5
    assert texts(figure).split().count("x") == 1 and texts(figure).split().count("z") == 3


def test_snapshots_share_their_colours(texts):
    values = np.linspace(-1, 1, 7)[:, None, None] * np.ones((7, 6, 5))
    figure = plotting.snapshots(PLANE, np.arange(7.0), values, "sample 3", "vorticity", count=4)
    maps = [axes.collections[0] for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == [
        "t = 0", "t = 2", "t = 4", "t = 6"
    ]  # fmt: skip
    assert {m.get_clim() for m in maps} == {(-1.0, 1.0)}
    words = texts(figure)
    assert words.count("vorticity") == 1 and "sample 3" in words


@pytest.mark.parametrize("grid", [LINE, PLANE, Grid.periodic((6, 5, 4))])
def test_a_movie_has_a_frame_for_each_time(grid, tmp_path):
    values = np.random.default_rng(0).standard_normal((4, *grid.shape))
    path = plotting.movie(grid, [0.0, 1.0, 2.0, 3.0], values, tmp_path / "a.gif", dpi=40)
    with Image.open(path) as found:
        assert found.n_frames == 4 and found.size[0] > 100
        frames = []
        for k in range(4):
            found.seek(k)
            frames.append(found.convert("RGB").tobytes())
    assert len({*frames}) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_mp4_needs_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(trajectories.FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(InputError, match=r"ffmpeg .*use \.gif"):
        plotting.movie(PLANE, [0.0], np.zeros((1, 6, 5)), tmp_path / "a.mp4")
    monkeypatch.undo()
    if trajectories.FFMpegWriter.isAvailable():
        path = plotting.movie(PLANE, [0.0, 1.0], np.zeros((2, 6, 5)), tmp_path / "a.mp4")
        assert path.stat().st_size > 500


def test_reference_slopes_are_straight_and_above(texts):
    k = np.arange(20.0)
    energy = np.where(k > 0, np.maximum(k, 1) ** -4.0, 0)
    figure = plotting.energy_spectra(k, {"t = 0": energy, "t = 1": energy / 2}, [-5 / 3, -3])
    one, two, gentle, steep = figure.axes[0].lines
    np.testing.assert_array_equal(one.get_ydata(), energy[1:])
    np.testing.assert_array_equal(two.get_ydata(), energy[1:] / 2)
    for line, slope in ((gentle, -5 / 3), (steep, -3.0)):
        found = np.diff(np.log(line.get_ydata())) / np.diff(np.log(line.get_xdata()))
        np.testing.assert_allclose(found, slope)
        assert (line.get_ydata() >= energy[1:]).all()
    assert "k^{-5/3}" in texts(figure) and "k^{-3}" in texts(figure)


def test_what_is_conserved_and_what_is_not():
    t = np.arange(5.0)
    found = {"mass": np.full(5, -2.0), "energy": np.exp(-t), "mean": 1e-17 * (-1) ** t}
    left, right = plotting.conservation(t, found).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), -1.0)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), 1e-17)
    np.testing.assert_allclose(right.lines[1].get_ydata(), 1 - np.exp(-t[1:]))
    np.testing.assert_array_equal(left.lines[2].get_ydata(), 0.0)
    assert [line.get_label() for line in left.lines] == ["mass", "energy", "mean (zero)"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plotting.space_time(PLANE, [0, 1], np.zeros((2, 6, 5))), "one axis"),
        (lambda: plotting.space_time(LINE, [0], np.zeros((1, 8))), "at least 2"),
        (lambda: plotting.space_time(LINE, [1, 0], np.zeros((2, 8))), "increasing"),
        (lambda: plotting.space_time(LINE, [0, 1], np.zeros((2, 7))), "expected shape"),
        (lambda: plotting.snapshots(LINE, [0, 1], np.zeros((2, 7))), "expected shape"),
        (lambda: plotting.snapshots(LINE, [0], np.zeros((1, 8)), count=0), "count"),
        (lambda: plotting.movie(PLANE, [0], np.zeros((1, 6, 5)), "a.avi"), ".gif or .mp4"),
        (lambda: plotting.energy_spectra([1, 2], {}), "at least one"),
        (lambda: plotting.energy_spectra([1, 2], {"a": [0, 0]}), "energies > 0"),
        (lambda: plotting.energy_spectra([1, 2], {"a": [1, 2, 3]}), "expected shape"),
        (lambda: plotting.conservation([0, 1], {}), "at least one"),
        (lambda: plotting.conservation([0, 1], {"mass": [1.0]}), "expected shape"),
    ],
)
def test_bad_input(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
