import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.operators.in_time.resampled_field import resampled_field


def waves(grid):
    x, y = grid.coordinates()
    return 1.5 + np.sin(2 * np.pi * (x + 2 * y)) - np.cos(2 * np.pi * 3 * x)


@pytest.mark.parametrize("shapes", [((16, 18), (32, 25)), ((17, 19), (12, 40))])
def test_smooth_periodic_fields_keep_their_values(shapes):
    coarse, fine = (Grid.periodic(shape) for shape in shapes)
    np.testing.assert_allclose(
        resampled_field(waves(coarse), coarse, fine), waves(fine), atol=1e-13
    )


def test_rough_fields_get_no_new_extremes():
    coarse, fine = Grid.periodic((16, 16)), Grid.periodic((37, 37))
    rough = np.where(waves(coarse) > 1.5, 12.0, 3.0)
    found = resampled_field(rough, coarse, fine)
    assert found.min() >= 3.0 and found.max() <= 12.0
    # Points that both grids have keep their values.
    half = resampled_field(rough, coarse, Grid.periodic((32, 32)))
    np.testing.assert_allclose(half[::2, ::2], rough)


def test_between_walls_fields_are_interpolated_linearly():
    coarse, fine = Grid.uniform((5, 5)), Grid.uniform((9, 9))
    x, y = coarse.coordinates()
    u, v = fine.coordinates()
    np.testing.assert_allclose(resampled_field(2 * x - y, coarse, fine), 2 * u - v, atol=1e-14)
    assert resampled_field(x, coarse, coarse) is x
