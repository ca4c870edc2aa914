import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance

VALUES = np.array([[1.0, 100.0], [-4.0, 0.0]])


def test_units_are_errors_over_those_allowed():
    tolerance = MixedTolerance(0.1, [0.5, 1.0])
    tolerance.see(VALUES)
    assert tolerance.units(np.array([[1.2, 0.0], [0.0, 2.0]]), VALUES).tolist() == [2.0, 2.0]


def test_the_absolute_part_follows_the_largest_value():
    tolerance = MixedTolerance(0.1)
    tolerance.see(VALUES[:1])
    tolerance.see(VALUES[1:])
    np.testing.assert_allclose(tolerance.atol, [0.4, 10.0])
    assert tolerance.units(np.zeros((1, 2)), np.zeros((1, 2))) == 0


def test_zero_values_allow_almost_nothing_and_divide_by_nothing():
    tolerance = MixedTolerance(0.1)
    tolerance.see(np.zeros((3, 1)))
    assert tolerance.units(np.zeros((3, 1)), np.zeros((3, 1))).tolist() == [0, 0, 0]


def test_rounding_is_that_of_values_nearby():
    tolerance = MixedTolerance(1e-15)
    near = np.array([[1.0, 1e-8]])
    assert tolerance.rounded(np.array([[1e-15, 1e-24]]), near).all()
    assert not tolerance.rounded(np.array([[1e-15, 1e-15]]), near).any()


@pytest.mark.parametrize("atol", [[-1.0], "a", [[1.0]], [], np.nan, 1j])
def test_bad_tolerances(atol):
    with pytest.raises(InputError, match="atol"):
        MixedTolerance(1e-3, atol)
