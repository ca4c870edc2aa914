"""Guessing axes and fields from bare arrays, and refusing to."""

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError
from nwidth.layouts import import_fields
from nwidth.layouts_source import axis_from_points
from nwidth.meshes import Axis, Grid

GRID = Grid.uniform((6, 5), upper=(1.0, 2.0))


def plain(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def test_axes_from_points():
    single = np.linspace(0, 1, 33, dtype="f4")
    assert axis_from_points(single, "x") == Axis.uniform(33)
    middles = ((np.arange(128) + 0.5) / 128).astype("f4")
    assert axis_from_points(middles, "x") == Axis.uniform(128, centering="cell")
    wrapped = (np.arange(64) / 64).astype("f4")
    assert axis_from_points(wrapped, "x", periodic=True) == Axis.uniform(64, periodic=True)
    bent = np.array([0.0, 1.0, 4.0])
    assert axis_from_points(bent, "x", "m") == Axis(bent, 0.0, 4.0, "x", "m")
    for wrong in ([1.0], [0.0, 0.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]):
        with pytest.raises(FileFormatError, match="increasing coordinates"):
            axis_from_points(wrong, "x")


def test_an_array_that_could_be_two_things(tmp_path, draw):
    path = plain(tmp_path / "a.h5", u=draw(0, 2, 4, 4))
    with pytest.raises(FileFormatError, match="does not fit"):
        import_fields(path, tmp_path / "b.h5", grid=Grid.uniform(4))
    with import_fields(path, tmp_path / "b.h5", grid=Grid.uniform(4), times=np.arange(4)) as data:
        assert data["u"].shape == (2, 4, 4)
        assert data.times.tolist() == [0, 1, 2, 3]


def test_components_with_a_given_grid(tmp_path, draw):
    path = plain(tmp_path / "a.h5", v=draw(0, 4, 6, 5, 2), u=draw(1, 4, 6, 5))
    with import_fields(path, tmp_path / "b.h5", grid=GRID) as data:
        assert data["v"].components == (2,)
        assert data["u"].components == ()
