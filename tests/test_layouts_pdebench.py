"""PDEBench's layouts, both ways."""

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError
from nwidth.fields import Field
from nwidth.layouts import detect_layout, export_fields, import_fields
from nwidth.meshes import Grid


def cells(*shape):
    return Grid.uniform(shape, centering="cell")


def test_pdebench_darcy(tmp_path, draw):
    u, nu = draw(0, 5, 1, 8, 8).astype("f4"), draw(1, 5, 8, 8).astype("f4")
    points = ((np.arange(8) + 0.5) / 8).astype("f4")
    with h5py.File(tmp_path / "darcy.hdf5", "w") as file:
        file["tensor"], file["nu"] = u, nu
        file["x-coordinate"] = file["y-coordinate"] = points
        file.attrs["beta"] = 0.1
    assert detect_layout(tmp_path / "darcy.hdf5") == "pdebench"
    data = import_fields(
        tmp_path / "darcy.hdf5",
        tmp_path / "a.h5",
        fields={"nu": "permeability", "tensor": "pressure"},
    )
    assert data.grid == cells(8, 8)
    assert data.times is None
    assert np.array_equal(data["pressure"][:], u[:, 0])
    assert np.array_equal(data["permeability"][:], nu)
    assert data["pressure"].dtype == np.float32
    assert data.provenance["notes"] == {"beta": 0.1}
    back = export_fields(
        data,
        tmp_path / "back.hdf5",
        "pdebench",
        fields={"permeability": "nu", "pressure": "tensor"},
    )
    with h5py.File(back) as file:
        assert np.array_equal(file["tensor"], u)
        assert np.array_equal(file["nu"], nu)
        assert np.allclose(file["y-coordinate"], points)
    data.close()


def test_pdebench_time_series(tmp_path, draw, same):
    u = draw(0, 5, 3, 16).astype("f4")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["tensor"] = u
        file["x-coordinate"] = (np.arange(16) + 0.5) / 16
        file["t-coordinate"] = np.linspace(0, 3, 4)  # one more than there are frames
    data = import_fields(tmp_path / "a.hdf5", tmp_path / "a.h5")
    assert np.array_equal(data.times, [0, 1, 2])
    assert np.array_equal(data["tensor"][:], u)
    back = export_fields(data, tmp_path / "back.hdf5", "pdebench")
    with import_fields(back, tmp_path / "b.h5") as again:
        assert same(data, again)
        assert again.grid == data.grid == cells(16)
    data.close()


def test_pdebench_flow(tmp_path, draw):
    parts = {
        name: draw(k, 2, 3, 8, 6) for k, name in enumerate(["density", "pressure", "Vx", "Vy"])
    }
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for name, values in parts.items():
            file[name] = values
        file["x-coordinate"], file["y-coordinate"] = np.arange(8) / 8, np.arange(6) / 6
        file["t-coordinate"] = np.arange(4)
    data = import_fields(tmp_path / "a.hdf5", tmp_path / "a.h5")
    assert {*data.field_names} == {"density", "pressure", "velocity"}
    assert np.array_equal(data["velocity"][1, 2, ..., 1], parts["Vy"][1, 2])
    with h5py.File(export_fields(data, tmp_path / "back.hdf5", "pdebench")) as file:
        for name, values in parts.items():
            assert np.array_equal(file[name], values)
    data.close()


def test_what_pdebench_cannot_hold(tmp_path, ours):
    data = ours(tmp_path / "a.h5", {"u": "1", "w": "1", "v": Field("1", (2,))})
    with pytest.raises(InputError, match="knows the arrays tensor and nu"):
        export_fields(data, tmp_path / "b.hdf5", "pdebench")
    with pytest.raises(InputError, match=r"name the file \.hdf5"):
        export_fields(data, tmp_path / "b.h5", "pdebench", fields={"u": "tensor"})
    with pytest.raises(InputError, match="expected components"):
        export_fields(data, tmp_path / "b.hdf5", "pdebench", fields={"v": "tensor"})
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    data.close()


def test_one_group_per_sample_is_refused_by_name(tmp_path, draw):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for k in range(3):
            file[f"{k:04d}/data"] = draw(k, 4, 8, 8, 1)
    with pytest.raises(FileFormatError, match="one group per sample"):
        import_fields(tmp_path / "a.h5", tmp_path / "b.h5")
