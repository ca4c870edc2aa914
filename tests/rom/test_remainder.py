import numpy as np
import pytest

from nwidth.rom.remainder import Remainder


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("power", [0, 1, 2, 3.5])
@pytest.mark.parametrize("shape", [(23, 2500), (40, 31), (17, 1024)])
def test_rows_that_wait_end_as_if_they_had_not(power, shape, dtype):
    f = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    f[11:] *= np.asarray(1e-3, dtype)
    r, lazy = f.copy(), Remainder(f.copy(), power, None)
    for _ in range(12):
        sizes = np.abs(r).max(axis=1) if power == 0 else (np.abs(r) ** power).sum(axis=1)
        row, size = lazy.largest()
        assert row == sizes.argmax()
        assert size == pytest.approx(sizes.max() ** (1 / (power or 1)), rel=1e-6)
        np.testing.assert_array_equal(lazy.row(row), r[row])
        point = int(np.abs(r[row]).argmax())
        assert lazy.subtract(row) == point
        r = r - r[:, point, None] * (r[row] / r[row, point])
        r[row] = 0


def test_functions_are_triangular_at_the_points_to_the_last_bit():
    x, y = np.linspace(0, 1, 60)[:, None], np.linspace(0, 1, 700)
    f = 1 / (1.05 - x * y)
    remainder, points = Remainder(f.copy(), 0, None), []
    interpolants, directly, basis = [], [], np.zeros((0, 700))
    for _ in range(15):
        row, _ = remainder.largest()
        points.append(remainder.subtract(row))
        interpolants.append(remainder.row(row).copy())
        # r = f - I_k f from the values of f, as in the textbook
        beta = np.zeros(len(basis))
        for k in range(len(basis)):
            beta[k] = f[row, points[k]] - beta[:k] @ basis[:k, points[k]]
        r = f[row] - beta @ basis
        directly.append(np.abs(r[points[:-1]]).max(initial=0.0) / np.abs(r).max())
        basis = np.vstack([basis, r / r[points[-1]]])
    B = np.array(interpolants)[:, points].T
    np.testing.assert_array_equal(np.triu(B, 1), 0)
    np.testing.assert_array_equal(np.diag(B), 1)
    assert max(directly) > 1e-8  # what rounding leaves of zero there
