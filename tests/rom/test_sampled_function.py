import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import RowSource, SampledFunction, eim


def test_function_on_parameters_and_points():
    x, y = np.random.default_rng(1).uniform(1, 2, (30, 2)), np.linspace(0, 1, 40)
    wave = SampledFunction(lambda x, y: np.sin(x[..., 0] * y) + x[..., 1], x, y)
    wanted = np.sin(x[:, :1] * y) + x[:, 1:]
    np.testing.assert_array_equal(RowSource(wave).read(), wanted)
    np.testing.assert_array_equal(eim(wave, 1e-6).points, eim(wanted, 1e-6).points)


@pytest.mark.parametrize(
    ("function", "x", "y", "message"),
    [
        (3, [1.0], [1.0], r"expected f\(x, y\)"),
        (np.add, [], [1.0], "at least one parameter"),
        (np.add, 1.0, [1.0], "at least one parameter"),
        (lambda x, y: x, [1.0, 2.0], [1.0, 2.0], r"expected values of shape \(1, 2\)"),
        (lambda x, y: None, [1.0, 2.0], [1.0, 2.0], "expected numbers"),
    ],
)
def test_functions_are_checked(function, x, y, message):
    with pytest.raises(InputError, match=message):
        SampledFunction(function, x, y)
