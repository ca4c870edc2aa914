import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.parameter_box import ParameterBox, parameter_names

BOX = ParameterBox([0.1, 1.0, -2.0], [1.0, 1e4, 3.0], ["k", "f", "s"], [False, True, False])


def test_points_of_the_unit_cube_and_back():
    t = np.random.default_rng(0).random((50, 3))
    assert np.allclose(BOX.unit(BOX.at(t)), t, atol=1e-14)
    middle = BOX.at([0.5, 0.5, 0.5])
    assert middle == pytest.approx([0.55, 100.0, 0.5])


def test_the_closed_box_contains_its_corners_and_nothing_beyond():
    assert BOX.contains([BOX.lower, BOX.upper]).tolist() == [True, True]
    beyond = np.nextafter(BOX.upper, np.inf)
    for i in range(3):
        mu = BOX.at([0.5, 0.5, 0.5])
        mu[i] = beyond[i]
        assert not BOX.contains(mu)
    assert BOX.contains(BOX.at([0.3, 0.2, 0.1])).shape == ()


@pytest.mark.parametrize("count", [1, 5, 64])
def test_random_and_sobol_points_are_in_the_box_and_come_back(count):
    for draw in (BOX.random, BOX.sobol):
        points = draw(count, 3)
        assert points.shape == (count, 3)
        assert BOX.contains(points).all()
        assert np.array_equal(points, draw(count, 3))
        assert not np.array_equal(points, draw(count, 4))


def test_sobol_points_fall_evenly_into_the_halves_of_each_axis():
    t = BOX.unit(BOX.sobol(64, 5))
    for axis in range(3):
        counts = np.histogram(t[:, axis], bins=8, range=(0, 1))[0]
        assert counts.tolist() == [8] * 8


def test_grid_has_the_corners_and_the_last_axis_runs_fastest():
    grid = BOX.grid([2, 3, 2])
    assert grid.shape == (12, 3)
    assert grid[0].tolist() == BOX.lower.tolist()
    assert grid[-1].tolist() == BOX.upper.tolist()
    assert grid[1].tolist() == [0.1, 1.0, 3.0]
    assert grid[2] == pytest.approx([0.1, 100.0, -2.0])
    assert len(BOX.grid(3)) == 27


def test_halves_share_a_face_and_cover_the_box():
    for axis, middle in ((0, 0.55), (1, 100.0), (2, 0.5)):
        low, high = BOX.halves(axis)
        assert low.upper[axis] == high.lower[axis] == pytest.approx(middle)
        points = BOX.random(200, 1)
        assert (low.contains(points) ^ high.contains(points)).all()
        assert low.names == BOX.names and high.log == BOX.log


def test_one_parameter_and_the_archive():
    box = ParameterBox(1, 3)
    assert box.dimension == 1 and box.name(0) == "mu[0]"
    assert box.grid(3).tolist() == [[1.0], [2.0], [3.0]]
    again = ParameterBox.from_archived(*BOX.archived())
    assert again.names == BOX.names and again.log == BOX.log
    assert again.lower.tolist() == BOX.lower.tolist()
    with pytest.raises(ValueError, match="read-only"):
        box.lower[0] = 2.0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([], []), "lower"),
        (([[1.0]], [[2.0]]), "lower"),
        (([1.0], [2.0, 3.0]), "upper"),
        (([1.0, 2.0], [2.0, 2.0]), r"mu\[1\]: expected lower < upper"),
        (([0.0], [1.0], None, True), "lower > 0"),
        (([0.0], [1.0], None, [True, False]), "log"),
        (([0.0], [1.0], ["a", "b"]), "names"),
        (([0.0], [1j]), "upper"),
    ],
)
def test_boxes_that_are_none(arguments, told):
    with pytest.raises(InputError, match=told):
        ParameterBox(*arguments)


def test_bad_points_and_counts():
    with pytest.raises(NonFiniteError, match="upper"):
        ParameterBox([0.0], [np.inf])
    with pytest.raises(NonFiniteError, match="mu"):
        BOX.contains([[0.5, np.nan, 0.0]])
    for mu in (0.5, [0.5, 0.5]):
        with pytest.raises(InputError, match="mu: expected shape"):
            BOX.contains(mu)
    with pytest.raises(InputError, match="counts"):
        BOX.grid([2, 2])
    with pytest.raises(InputError, match="counts"):
        BOX.grid(1)
    with pytest.raises(InputError, match="axis"):
        BOX.halves(3)
    with pytest.raises(InputError, match="count"):
        BOX.sobol(0)


@pytest.mark.parametrize("names", [[], "k", ["a", "a"], ["1a"], ["mu"], [3]])
def test_names_that_are_none(names):
    with pytest.raises(InputError, match="names"):
        parameter_names(names)
