import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom import RectangularEIM, eim, generalized_eim, sensor_failures


def test_errors_are_those_of_each_model_that_is_left():
    grid = Grid.uniform((6, 9), upper=(1.0, 3.0))
    data = 2 + generator(0).standard_normal((300, 5)) @ generator(1).standard_normal((5, 54))
    data = (data + 0.05 * generator(2).standard_normal(data.shape)).reshape(300, 6, 9)
    chosen = eim(data, 0, max_rank=5)
    model = RectangularEIM.of(chosen, data)
    found = sensor_failures(model, data, chosen.values, weights=grid.weights, noise=0.1)
    whole = np.sqrt((grid.norm(data) ** 2).sum())
    for k, i in enumerate(model.sensors):
        left, readings = model.without_sensor(i), np.delete(chosen.values, k, axis=1)
        one, other = left.interpolate(readings), left.reconstruct(readings, 0.1).field
        errors = [np.sqrt((grid.norm(f - data) ** 2).sum()) / whole for f in (one, other)]
        np.testing.assert_allclose([found.rectangular[k], found.weighted[k]], errors)
    intact = np.sqrt((grid.norm(chosen.interpolate(chosen.values) - data) ** 2).sum()) / whole
    assert found.intact == pytest.approx(intact)
    assert found.intact_weighted < found.weighted.min()
    assert found.worst == found.weighted.argmax()


def test_numbers_are_those_of_the_sensors_left():
    data = generator(3).standard_normal((40, 6))
    chosen = eim(data, max_rank=4)
    model = RectangularEIM.of(chosen, data).without_sensor(1)
    found = sensor_failures(model, data, np.delete(chosen.values, 1, axis=1))
    assert found.sensors == (0, 2, 3) and found.worst in found.sensors


def test_what_is_wrong_is_said():
    data = np.eye(4)
    model = RectangularEIM.chosen(data, [0, 1], [0, 1])
    with pytest.raises(InputError, match="readings"):
        sensor_failures(model, data, data)
    with pytest.raises(InputError, match="two sensors or more"):
        sensor_failures(model.without_sensor(0), data, data[:, :1])
    with pytest.raises(InputError, match="weights"):
        sensor_failures(model, data, data[:, :2], weights=np.ones(3))


@pytest.mark.parametrize(
    ("dtype", "unit"), [("f4", 2.0**-73), ("f4", 2.0**64), ("f8", 2.0**-600), ("f8", 2.0**600)]
)
def test_very_small_and_very_large_units_change_nothing(dtype, unit):
    data = (1 / (1.1 + np.cos(np.add.outer(np.arange(40), np.linspace(0, 1, 30))))).astype(dtype)
    found = []
    for factor in (1.0, unit):
        rows = data * factor
        chosen = generalized_eim(rows, np.eye(30), 0, max_rank=4)
        model = RectangularEIM.of(chosen, rows)
        bars = model.reconstruct(chosen.values, 0.01 * factor).deviation / factor
        failures = sensor_failures(model, rows, chosen.values)
        found.append((chosen.points, chosen.reached, bars, failures.rectangular, failures.weighted))
    for plain, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-4 if dtype == "f4" else 1e-10)
