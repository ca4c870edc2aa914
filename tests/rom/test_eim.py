import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import SelectionStatus, eim

RNG = np.random.default_rng(0)


def textbook(f, rtol):
    """Greedy choice with every step done on every row."""
    r, rows, points = f.copy(), [], []
    first = np.abs(r).max()
    while np.abs(r).max() > rtol * first:
        row = int(np.abs(r).max(axis=1).argmax())
        point = int(np.abs(r[row]).argmax())
        r = r - np.outer(r[:, point], r[row] / r[row, point])
        rows.append(row)
        points.append(point)
    return rows, points


def bumps(rows, points, width=0.05):
    x, y = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, points)
    return np.exp(-(((x - y) / width) ** 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_choice_is_that_of_the_textbook(dtype):
    x, y = np.linspace(1, 9, 61)[:, None], np.linspace(0, 2, 4099)
    f = np.exp(1j * x * y) if dtype == np.complex128 else np.sin(x * y**2).astype(dtype)
    model = eim(f, 1e-4)
    rows, points = textbook(f, 1e-4)
    assert model.status is SelectionStatus.CONVERGED
    assert model.rows.tolist() == rows
    assert model.points.tolist() == points


def test_interpolation_is_exact_on_rows_and_at_points():
    f = bumps(80, 150)
    model = eim(f, 1e-10)
    found = model.interpolate(model.values)
    np.testing.assert_allclose(found, f, atol=1e-9)
    np.testing.assert_allclose(found[model.rows], f[model.rows], atol=1e-13)
    np.testing.assert_allclose(found[:, model.points], f[:, model.points], atol=1e-13)


def test_empty_data_are_told():
    with pytest.raises(InputError, match="expected rows of fields"):
        eim(np.zeros((0, 3)))
