import numpy as np
import pytest

from nwidth.rom.remainder import Remainder


@pytest.mark.parametrize("power", [0, 1, 2, 3.5])
def test_rows_that_wait_end_as_if_they_had_not(power):
    f = np.random.default_rng(0).standard_normal((23, 2500))
    f[11:] *= 1e-3
    r, lazy = f.copy(), Remainder(f.copy(), power, None)
    for _ in range(12):
        sizes = np.abs(r).max(axis=1) if power == 0 else (np.abs(r) ** power).sum(axis=1)
        row, size = lazy.largest()
        assert row == sizes.argmax()
        assert size == pytest.approx(sizes.max() ** (1 / (power or 1)), rel=1e-12)
        np.testing.assert_array_equal(lazy.row(row), r[row])
        point = int(np.abs(r[row]).argmax())
        lazy.subtract(row, point)
        r = r - r[:, point, None] * (r[row] / r[row, point])
        r[row] = 0
