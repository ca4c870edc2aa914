"""Stability bounds are read back by name, and say which sample is not stable."""

import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.stability import (
    MinTheta,
    StabilityBound,
    require_stable,
    stability_from_archived,
)
from nwidth.rom.stability.stability_bound import require_coefficients


def test_min_theta_is_a_stability_bound():
    assert isinstance(MinTheta([[1.0]], [1.0]), StabilityBound)


@pytest.mark.parametrize("told", [{}, {"name": "guess"}, None, {"name": 3}])
def test_an_unknown_bound_is_refused(told):
    with pytest.raises(FileFormatError, match="expected one of min-theta"):
        stability_from_archived({}, told)


def test_coefficients_are_checked():
    assert require_coefficients(np.float32([1, 2]), 2).dtype == np.float64
    assert require_coefficients([[1j]], 1, allow_complex=True).dtype == np.complex128
    with pytest.raises(InputError, match=r"expected shape \(m, 3\)"):
        require_coefficients([[1.0, 2.0]], 3)
    with pytest.raises(InputError, match=r"expected shape \(m, 1\)"):
        require_coefficients(np.ones((2, 2, 1)), 1)
    with pytest.raises(InputError, match="expected real coefficients"):
        require_coefficients([[1j, 0]], 2)
    with pytest.raises(NonFiniteError, match=r"theta.*\(1, 0\)"):
        require_coefficients([[1.0], [np.nan]], 1)


def test_the_first_sample_that_is_not_stable_is_named():
    bound = MinTheta([[1.0, 2.0]], [0.5])
    good = np.array([[1.0, 1.0], [3.0, 3.0]])
    assert np.array_equal(require_stable(bound, good), bound.lower(good))
    bad = np.array([[1.0, 1.0], [3.0, 0.0], [-1.0, 1.0]])
    with pytest.raises(InputError, match=r"sample 1.*coercivity.*min-theta.*mu = \[7.0\].*2 of 3"):
        require_stable(bound, bad, [[5.0], [7.0], [9.0]])
