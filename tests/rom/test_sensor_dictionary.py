import numpy as np
import pytest
from scipy.integrate import trapezoid

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom.sensor_dictionary import SensorDictionary


def test_points_are_values():
    grid = Grid.uniform((4, 3))
    field = np.arange(24.0).reshape(2, 4, 3)
    np.testing.assert_array_equal(SensorDictionary.points(grid)(field), field.reshape(2, 12))
    x, y = grid.coordinates()
    sensors = SensorDictionary.points(grid, [(0.4, 0.7), (1.0, 0.0)])
    np.testing.assert_allclose(sensors(2 * x - y + x * y), [0.38, 2.0])
    assert sensors.names[0] == "point (0.4, 0.7)"


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_averages_of_linear_fields_are_values_at_the_center(dimension):
    grid = Grid.uniform((41, 41, 21)[:dimension])
    center = (0.5, 0.25, 0.5)[:dimension]
    sensors = SensorDictionary.averages(grid, 0.11, [center])
    assert sensors(sum(grid.coordinates()))[0] == pytest.approx(sum(center))


def test_averages_count_control_volumes_and_go_around():
    uneven = Grid.tensor([[0.0, 1.0, 4.0]])
    assert SensorDictionary.averages(uneven, 9.0, [1.0])(uneven.points[0]) == pytest.approx(
        (0 * 0.5 + 1 * 2 + 4 * 1.5) / 4
    )
    ring = Grid.periodic(10)
    assert (SensorDictionary.averages(ring, 0.11, [0.0]).matrix.toarray() > 0).sum() == 3


@pytest.mark.parametrize(
    "grid",
    [Grid.uniform((33, 33)), Grid.uniform((33, 33), centering="cell"), Grid.periodic((32, 32))],
)
def test_line_integrals_are_of_second_order(grid):
    def error(factor):
        fine = Grid.uniform(
            [factor * n for n in grid.shape],
            centering=grid.axes[0].centering,
            periodic=grid.axes[0].periodic,
        )
        x, y = fine.coordinates()
        sensors = SensorDictionary.lines(fine, [(0.1, 0.2)], [(0.7, 0.9)], 64 * factor + 1)
        t = np.linspace(0, 1, 20001)
        exact = trapezoid(
            np.cos(2 * np.pi * (0.1 + 0.6 * t)) * np.sin(2 * np.pi * (0.2 + 0.7 * t)), t
        )
        exact *= np.hypot(0.6, 0.7)
        return abs(sensors(np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y))[0] - exact)

    assert error(4) < error(1) / 10


def test_dictionaries_are_joined():
    grid = Grid.uniform((9, 9))
    both = SensorDictionary.points(grid) + SensorDictionary.averages(grid, 0.2, [(0.5, 0.5)])
    assert len(both) == 82 and both.matrix.shape == (82, 81)
    with pytest.raises(InputError, match="fields with 81 points, got 4"):
        both + SensorDictionary.points(Grid.uniform(4))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda g: SensorDictionary.points(g, [(0.5, 1.5)]), "expected y from 0 to 1, got 1.5"),
        (lambda g: SensorDictionary.points(g, [(0.5,)]), r"expected coordinates of shape \(q, 2\)"),
        (lambda g: SensorDictionary.points(g, [(0.5, np.nan)]), "places"),
        (lambda g: SensorDictionary.averages(g, 0.0), "radius"),
        (lambda g: SensorDictionary.averages(g, 0.01, [(0.06, 0.06)]), "one that reaches a point"),
        (lambda g: SensorDictionary.lines(g, [(0, 0)], [(1, 1), (0, 1)]), "as many as starts, 1"),
        (lambda g: SensorDictionary.lines(g, [(0, 0)], [(1, 1)], 1), "samples"),
        (lambda g: SensorDictionary.points(g)(np.ones(7)), "expected 81 points in the last axes"),
        (lambda g: SensorDictionary(np.eye(3), ("a",)), "names: expected one for each of 3"),
    ],
)
def test_what_is_wrong_is_said(wrong, words):
    with pytest.raises(InputError, match=words):
        wrong(Grid.uniform((9, 9)))
