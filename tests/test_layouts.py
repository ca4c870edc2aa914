"""Layouts of others: recognised, converted, and refused when they are not clear."""

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import FieldDataset
from nwidth.layouts import detect_layout, export_fields, import_fields
from nwidth.meshes import Grid

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


GRID = Grid.uniform((6, 5), upper=(1.0, 2.0))


def test_names_and_units(tmp_path, ours, same):
    data = ours(tmp_path / "a.h5", {"permeability": "m2", "pressure": "Pa"})
    path = export_fields(data, tmp_path / "b.h5", fields={"pressure": "y", "permeability": "x"})
    with import_fields(
        path,
        tmp_path / "c.h5",
        fields={"x": "k", "y": "p"},
        units={"p": "bar"},
        provenance={"seed": 4},
    ) as back:
        assert same(data, back, {"permeability": "k", "pressure": "p"})
        assert back.units == {"k": "m2", "p": "bar"}
        assert back.provenance["seed"] == 4
    with import_fields(path, tmp_path / "d.h5", fields={"y": "p"}) as back:
        assert back.field_names == ("p",)
        assert "x" in back.provenance["left_out"]
    data.close()


def test_an_unfinished_data_set_is_exported_as_far_as_it_goes(tmp_path, draw):
    data = FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, samples=9)
    for k in range(3):
        data.append({"u": draw(k, *GRID.shape)})
    with h5py.File(export_fields(data, tmp_path / "b.h5")) as file:
        assert file["u"].shape == (3, 6, 5)
        assert np.array_equal(file["u"][2], draw(2, *GRID.shape))
    with pytest.raises(InputError, match="finish the data set"):
        export_fields(data, tmp_path / "c.h5", "well")
    data.close()


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")
def test_third_party_darcy_data(tmp_path):
    path = DATA / "darcy_train_16.h5"
    assert detect_layout(path) == "plain"
    with import_fields(
        path, tmp_path / "a.h5", fields={"x": "permeability", "y": "pressure"}
    ) as data:
        assert data["permeability"].shape == data["pressure"].shape == (1000, 16, 16)
        assert data["pressure"].dtype == np.float32
        assert data.times is None
        with h5py.File(path) as file:
            assert np.array_equal(data["pressure"][:], file["y"])
            assert np.array_equal(data["permeability"][:], file["x"])
        assert data.verify() == []
        export_fields(
            data, tmp_path / "b.npz", "npz", fields={"permeability": "x", "pressure": "y"}
        )
    with np.load(tmp_path / "b.npz") as back, h5py.File(path) as file:
        assert np.array_equal(back["y"], file["y"])


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")
def test_third_party_burgers_data(tmp_path):
    path = DATA / "burgers_train_16.h5"
    with import_fields(
        path,
        tmp_path / "a.h5",
        grid=Grid.periodic(16),
        times=np.linspace(0, 1, 17),
        fields={"x": "initial", "y": "u", "visc": "viscosity"},
    ) as data:
        assert data["initial"].shape == (800, 16)
        assert data["u"].shape == (800, 17, 16)
        assert np.array_equal(data.scalars["viscosity"], np.full(800, 0.01))
        with h5py.File(path) as file:
            assert np.array_equal(data["u"][:], file["y"])
            assert np.array_equal(data["initial"][:], file["x"])


def plain(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def test_bad_requests(tmp_path, draw, ours):
    path = plain(tmp_path / "a.h5", u=draw(0, 3, 5))
    with pytest.raises(InputError, match="expected names of arrays in the file, got w; it holds u"):
        import_fields(path, tmp_path / "b.h5", fields={"w": "u"})
    with pytest.raises(InputError, match="expected different names"):
        import_fields(
            plain(tmp_path / "c.h5", u=draw(0, 3, 5), v=draw(0, 3, 5)),
            tmp_path / "b.h5",
            fields={"u": "a", "v": "a"},
        )
    with pytest.raises(InputError, match="units: expected names of fields, got w"):
        import_fields(path, tmp_path / "b.h5", units={"w": "m"})
    with pytest.raises(InputError, match="expected one of the layouts"):
        import_fields(path, tmp_path / "b.h5", layout="csv")
    (tmp_path / "b.h5").write_text("mine")
    with pytest.raises(FileFormatError, match="exists; choose another name"):
        import_fields(path, tmp_path / "b.h5")
    with ours(tmp_path / "d.h5", {"u": "1"}) as data:
        with pytest.raises(FileFormatError, match="exists; choose another name"):
            export_fields(data, tmp_path / "b.h5")
        with pytest.raises(InputError, match="layout: expected one of"):
            export_fields(data, tmp_path / "e.csv", "csv")
        with pytest.raises(InputError, match="expected one of u, got 'w'"):
            export_fields(data, tmp_path / "e.h5", fields={"w": "w"})
        with pytest.raises(InputError, match="at least one and different"):
            export_fields(data, tmp_path / "e.h5", fields={})
    with pytest.raises(InputError, match="one of our data sets already"):
        import_fields(tmp_path / "d.h5", tmp_path / "e.h5")
    save_archive(tmp_path / "m.h5", "model", {}, {})
    with pytest.raises(FileFormatError, match="expected a data file, got a model"):
        detect_layout(tmp_path / "m.h5")
    with pytest.raises(FileFormatError, match="found nothing"):
        detect_layout(tmp_path / "none.h5")
    assert (tmp_path / "b.h5").read_text() == "mine"
    assert not list(tmp_path.glob("*.partial"))


def test_numbers_that_are_not_finite_stop_an_import(tmp_path, draw):
    values = draw(0, 3, 5)
    values[2, 1] = np.nan
    path = plain(tmp_path / "a.h5", u=values)
    with pytest.raises(InputError, match="u: expected finite numbers"):
        import_fields(path, tmp_path / "b.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_links_to_other_files_are_not_imported(tmp_path, draw):
    plain(tmp_path / "secret.h5", u=draw(0, 3, 5))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["u"] = h5py.ExternalLink("secret.h5", "/u")
    with pytest.raises(FileFormatError, match="external link"):
        import_fields(tmp_path / "a.h5", tmp_path / "b.h5")


@pytest.mark.parametrize("layout", ["plain", "npz", "pdebench", "well"])
def test_a_full_disk_leaves_no_export(tmp_path, monkeypatch, layout, ours):
    data = ours(tmp_path / "a.h5", {"tensor": "1"})
    (tmp_path / "b.hdf5").write_text("former")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr("shutil.copyfile", full)
    monkeypatch.setattr("zipfile.ZipFile.open", full)
    with pytest.raises(FileFormatError, match="no space left"):
        export_fields(data, tmp_path / "b.hdf5", layout, overwrite=True)
    assert (tmp_path / "b.hdf5").read_text() == "former"
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5", "b.hdf5"}
    data.close()


def test_progress_is_told(tmp_path, draw):
    path, told = plain(tmp_path / "a.h5", u=draw(0, 3, 5)), []
    import_fields(path, tmp_path / "b.h5", progress=lambda *n: told.append(n)).close()
    assert told == [(3, 3)]
