import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError
from nwidth.rom import EmpiricalInterpolation, eim

NAMES = ("rows", "points", "functions", "values", "errors", "status", "norm")


def cosines(dtype=float):
    f = np.cos(np.outer(np.linspace(0, 3, 20), np.linspace(0, 3, 60)))
    return (f * (1 + 0.5j if dtype is complex else 1)).reshape(20, 6, 10)


@pytest.mark.parametrize("dtype", [float, complex])
def test_file_gives_back_what_was_saved(tmp_path, dtype):
    for f in (cosines(dtype), np.zeros((3, 4, 5))):
        model = eim(f, 1e-6)
        model.save(tmp_path / "model.h5")
        found = EmpiricalInterpolation.load(tmp_path / "model.h5")
        for name in NAMES:
            np.testing.assert_array_equal(getattr(found, name), getattr(model, name))
        assert found.shape == f.shape[1:]
        np.testing.assert_array_equal(
            found.interpolate(found.values), model.interpolate(model.values)
        )


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError):
        EmpiricalInterpolation.load(tmp_path / "absent.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["rows"] = np.arange(3)
    with pytest.raises(FileFormatError):
        EmpiricalInterpolation.load(tmp_path / "other.h5")


@pytest.mark.parametrize("dtype", [float, complex])
def test_formula_is_that_of_the_inverse_transposed(dtype):
    f = cosines(dtype)
    model = eim(f, 1e-5)
    d = np.linalg.inv(model.matrix).T
    wanted = np.einsum("lm,l...,jm->j...", d, model.functions, model.values)
    np.testing.assert_allclose(model.interpolate(model.values), wanted, atol=1e-9)
    np.testing.assert_array_equal(model.matrix, f.reshape(20, -1)[model.rows][:, model.points])
    one = model.interpolate(model.values[3])
    np.testing.assert_allclose(one, f[3], atol=1e-4)
    assert model.interpolate(model.values.reshape(4, 5, -1)).shape == (4, 5, 6, 10)


def test_lebesgue_constant_bounds_what_errors_of_values_do():
    model = eim(cosines(), 1e-8)
    cardinal = model.interpolate(np.eye(model.rank)).reshape(model.rank, -1)
    constant = model.lebesgue_constant()
    assert constant == pytest.approx(np.abs(cardinal).sum(axis=0).max())
    assert constant >= 1 - 1e-12
    wide = eim(np.repeat(cosines().reshape(20, 60), 100, axis=1), 1e-8)  # more than one part
    assert wide.lebesgue_constant() == pytest.approx(constant)


def test_exchanged_roles_twice_are_the_first():
    model = eim(cosines().reshape(20, 60), 1e-6)
    for name in NAMES:
        np.testing.assert_array_equal(
            getattr(model.swapped().swapped(), name), getattr(model, name)
        )
    found = model.swapped().interpolate(model.functions.T)
    np.testing.assert_allclose(found.T, model.interpolate(model.values), atol=1e-12)


@pytest.mark.parametrize("values", [1.0, np.ones(3), np.full(8, np.nan)])
def test_values_are_checked(values):
    model = eim(cosines(), 1e-5)
    assert model.rank == 8
    with pytest.raises(InputError, match="values: expected"):
        model.interpolate(values)
