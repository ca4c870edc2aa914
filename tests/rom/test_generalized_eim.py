import numpy as np
import pytest
from scipy.sparse import csr_array

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom import RectangularEIM, SelectionStatus, eim
from nwidth.rom.generalized_eim import generalized_eim
from nwidth.rom.sensor_dictionary import SensorDictionary


def pulses(grid, count=60):
    """Gaussian pulses of different places and widths on a plane."""
    x, y = grid.coordinates()
    places = generator(0).uniform(0.2, 0.8, (count, 3))
    return np.array([np.exp(-((x - a) ** 2 + (y - b) ** 2) / (0.5 * c)) for a, b, c in places])


@pytest.mark.parametrize("norm", ["sup", "l1", "l2"])
@pytest.mark.parametrize("unit", [0.0, 1j])
def test_point_values_give_empirical_interpolation(norm, unit):
    grid = Grid.uniform((12, 15))
    data = pulses(grid) * np.exp(unit * np.arange(60.0))[:, None, None]
    data = data if unit else data.real
    one = eim(data, 1e-6, norm=norm)
    other = generalized_eim(data, SensorDictionary.points(grid), 1e-6, norm=norm)
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.values, other.values)
    largest = max(one.errors)
    np.testing.assert_allclose(np.array(one.errors), other.errors, atol=1e-12 * largest, rtol=1e-6)
    assert other.status is SelectionStatus.CONVERGED


def test_averages_and_lines_interpolate_what_they_see():
    grid = Grid.uniform((31, 31))
    data = pulses(grid, 120)
    side = np.linspace(0, 1, 9)
    across = [(0.0, s) for s in side], [(1.0, s) for s in side]
    dictionary = SensorDictionary.averages(grid, 0.08) + SensorDictionary.lines(grid, *across)
    model = generalized_eim(data, dictionary, 1e-3, weights=grid.weights)
    assert model.status is SelectionStatus.CONVERGED and model.rank < 60
    readings = dictionary(data)[:, model.points]
    np.testing.assert_allclose(model.values, readings, atol=1e-14)
    found = model.interpolate(readings)
    assert np.abs(dictionary(found)[:, model.points] - readings).max() < 1e-9
    errors, sizes = grid.norm(found - data), grid.norm(data)
    assert errors.max() <= 1.001e-3 * sizes.max()
    assert errors.max() == pytest.approx(model.errors[-1], rel=1e-3)


def test_sensors_that_fail_are_those_of_the_dictionary():
    grid = Grid.uniform((31, 31))
    data = pulses(grid, 120)
    dictionary = SensorDictionary.averages(grid, 0.08)
    chosen = generalized_eim(data, dictionary, 0, max_rank=12)
    model = RectangularEIM.of(chosen, data).without_sensor(4)
    field, deviation = model.reconstruct(np.delete(chosen.values, 4, axis=1), 1e-3)
    assert np.linalg.norm(field - data) < 0.5 * np.linalg.norm(data - data.mean(axis=0))
    assert np.mean(np.abs(field - data) < 2 * deviation) > 0.9


def test_sparse_and_dense_functionals_are_the_same():
    data, L = generator(1).standard_normal((9, 8)), generator(2).standard_normal((12, 8))
    one, other = generalized_eim(data, L), generalized_eim(data, csr_array(L))
    np.testing.assert_array_equal(one.points, other.points)
    assert one.rank == 8


def test_the_choice_ends_where_no_functional_sees_anything():
    data = np.eye(5)
    model = generalized_eim(data, np.eye(5)[:2])
    assert model.rank == 2 and model.status is SelectionStatus.EXHAUSTED
    assert generalized_eim(data, np.eye(5), max_rank=3).status is SelectionStatus.MAX_RANK
    assert generalized_eim(np.zeros((2, 5)), np.eye(5)).rank == 0


def test_single_precision_stays():
    model = generalized_eim(np.eye(5, dtype=np.float32), np.eye(5))
    assert model.values.dtype == model.functions.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "dictionary", "options", "words"),
    [
        (np.ones(3), np.eye(3), {}, "data: expected rows of fields"),
        (np.full((2, 3), np.nan), np.eye(3), {}, "data"),
        (
            np.ones((2, 3)),
            np.eye(4),
            {},
            r"functionals of shape \(sensors, 3\), got shape \(4, 4\)",
        ),
        (np.ones((2, 3)), np.full((1, 3), np.inf), {}, "dictionary"),
        (np.ones((2, 3)), np.eye(3), {"norm": "l3"}, "norm: expected one of sup, l1, l2"),
        (np.ones((2, 3)), np.eye(3), {"norm": "sup", "weights": np.ones(3)}, "weights"),
        (np.ones((2, 3)), np.eye(3), {"weights": np.zeros(3)}, "weights: expected finite numbers"),
        (np.ones((2, 3)), np.eye(3), {"rtol": 2}, "rtol"),
        (np.ones((2, 3)), np.eye(3), {"max_rank": 0}, "max_rank"),
    ],
)
def test_what_is_wrong_is_said(data, dictionary, options, words):
    with pytest.raises(InputError, match=words):
        generalized_eim(data, dictionary, **options)
