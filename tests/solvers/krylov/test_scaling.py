import numpy as np
import pytest

from nwidth.solvers.krylov.scaling import power_of_two


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_factor_is_a_power_of_two_that_leads_near_one(dtype):
    info = np.finfo(dtype)
    for size in (info.smallest_subnormal, info.tiny, info.max, info.max / 4):
        values = np.array([0.0, -size, size / 2], dtype)
        scale = power_of_two(values)
        assert np.frexp(scale)[0] == 0.5 and dtype(1 / scale) > 0
        scaled = values * scale
        assert scaled.dtype == dtype and 1e-30 < np.abs(scaled).max() < 1e9
        assert np.array_equal(scaled / scale, values)


@pytest.mark.parametrize("values", [[0.0], [1.0], [1e-9, 1e9], [np.nan], [np.inf, 1.0]])
def test_what_needs_no_factor_gets_one(values):
    assert power_of_two(np.array(values)) == 1.0


def test_one_factor_per_sample():
    values = np.array([[[1.0, 2.0]], [[1e-200, 0.0]], [[0.0, 0.0]]])
    scale = power_of_two(values, (1, 2))
    assert scale.shape == (3, 1, 1) and scale[0] == scale[2] == 1.0
    assert 0.5 <= scale[1] * 1e-200 < 1.0
