"""What the file looks like: to The Well, to xarray, and to itself."""

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError
from nwidth.fields import Field, FieldDataset
from nwidth.meshes import Grid

GRID = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))


def test_time_series_vectors_tensors_and_constants(tmp_path, sample):
    times = [0.0, 0.5, 2.0]
    fields = {
        "k": Field("m2", constant=True, description="permeability"),
        "v": Field("m/s", components=(2,)),
        "s": Field("Pa", components=(2, 2)),
        "p": "Pa",
        "odd": Field("1", components=(5,)),
    }
    shapes = {
        "k": (5, 4),
        "v": (3, 5, 4, 2),
        "s": (3, 5, 4, 2, 2),
        "p": (3, 5, 4),
        "odd": (3, 5, 4, 5),
    }
    values = {name: sample(3, shape) for name, shape in shapes.items()}
    with FieldDataset.create(
        tmp_path / "a.h5",
        GRID,
        fields,
        times=times,
        time_unit="s",
        boundary={"x_lower": "Dirichlet"},
        provenance={"name": "demo"},
    ) as data:
        data.append(values)
        data.append({name: 2 * value for name, value in values.items()})
        data.finish()
        for name, shape in shapes.items():
            assert data[name].shape == (2, *shape)
            assert np.array_equal(data[name][1], 2 * values[name])
        assert np.array_equal(data["v"][0, 2, ..., 1], values["v"][2, ..., 1])
        assert np.array_equal(data.times, times)
        assert data.boundary == {"x_lower": "Dirichlet"}
        with h5py.File(tmp_path / "a.h5") as file:
            conditions = file["boundary_conditions"]
            assert {*conditions} == {"x_open", "x_wall", "y_wall"}
            assert conditions["x_open/mask"][()].tolist() == [True, *[False] * 4]
            assert conditions["x_wall/mask"][()].tolist() == [*[False] * 4, True]
            assert conditions["y_wall/mask"][()].tolist() == [True, False, False, True]
        assert data.provenance == {"name": "demo"}
        assert data.verify() == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fields": {}}, "at least one name"),
        ({"fields": {"a/b": "1"}}, "expected a name of letters"),
        ({"fields": {"": "1"}}, "expected a name of letters"),
        ({"fields": {"u": 3}}, "expected a unit"),
        ({"fields": {"u": Field("1", components=(2, 2, 2))}}, "expected components"),
        ({"scalars": {"u": "1"}}, "different names"),
        ({"samples": 0}, "samples: expected a number >= 1"),
        ({"samples": 2.5}, "samples: expected a number >= 1"),
        ({"dtype": "complex128"}, "expected float32 or float64"),
        ({"dtype": "nonsense"}, "expected float32 or float64"),
        ({"times": [0.0, 0.0]}, "increasing"),
        ({"times": []}, "increasing"),
        ({"times": "soon"}, "expected a list of numbers"),
        ({"times": [0.0, np.inf]}, "expected finite"),
        ({"grid": "square"}, "expected a Grid"),
        ({"grid": Grid.uniform(4, names=["time"])}, "has a meaning in the file"),
        ({"compression": "zip"}, "expected None or one of gzip, lzf"),
        ({"provenance": {"a": np.ones(2)}}, "provenance: expected text"),
        ({"provenance": {"a": np.nan}}, "provenance: expected text"),
    ],
)
def test_bad_arguments_leave_no_file(tmp_path, change, text):
    arguments = {"grid": GRID, "fields": {"u": "1"}, **change}
    with pytest.raises(InputError, match=text):
        FieldDataset.create(tmp_path / "a.h5", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_plugin_filters_say_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("nwidth.field_layout.find_spec", lambda name: None)
    with pytest.raises(InputError, match="bitshuffle needs the package hdf5plugin"):
        FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, compression="bitshuffle")


@pytest.mark.parametrize("compression", ["bitshuffle", "blosc2"])
def test_plugin_filters(tmp_path, compression, sample, write):
    pytest.importorskip("hdf5plugin")
    with write(tmp_path / "a.h5", compression=compression) as data:
        assert np.array_equal(data["u"][3], sample(103))


def test_a_later_version_is_refused(tmp_path, write):
    write(tmp_path / "a.h5").close()
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["nwidth"].attrs["schema_version"] = 99
    with pytest.raises(FileFormatError, match="version 1 or before, got 99; update"):
        FieldDataset.open(tmp_path / "a.h5")


def test_frames_and_chunks(tmp_path):
    def chunks(shape, samples=None, times=None, components=(), dtype="f8"):
        field = Field(components=components)
        with FieldDataset.create(
            tmp_path / "c.h5",
            Grid.uniform(shape),
            {"u": field},
            samples=samples,
            times=times,
            dtype=dtype,
            overwrite=True,
        ):
            pass
        with h5py.File(tmp_path / "c.h5") as file:
            rank = len(components)
            dataset = file[f"t{rank}_fields/u"]
            assert dataset.fletcher32
            return dataset.chunks

    assert chunks((128, 128)) == (1, 1, 128, 128)
    assert chunks((128, 128), times=range(20)) == (1, 1, 128, 128)
    assert chunks((128, 128), components=(2,)) == (1, 1, 128, 128, 2)
    assert chunks((16, 16)) == (32, 1, 16, 16)  # 64 KiB
    assert chunks((16, 16), samples=10) == (10, 1, 16, 16)
    assert chunks((64, 64), times=range(20)) == (1, 2, 64, 64)
    assert chunks((400, 400, 40)) == (1, 1, 262, 400, 40)  # at most 32 MiB


def test_xarray_reads_labelled_axes(tmp_path, sample):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = tmp_path / "a.h5"
    with FieldDataset.create(
        path,
        GRID,
        {"u": "Pa", "v": Field("m/s", (2,)), "s": Field("Pa", (2, 2))},
        times=[0.0, 1.0, 4.0],
        time_unit="s",
        scalars={"nu": "m2/s"},
    ) as data:
        for k in range(3):
            shapes = {"u": (3, 5, 4), "v": (3, 5, 4, 2), "s": (3, 5, 4, 2, 2)}
            data.append({name: sample(k, shape) for name, shape in shapes.items()}, {"nu": k})
        data.finish()
    with xarray.open_dataset(path, engine="h5netcdf", group="t0_fields") as found:
        assert found.u.dims == ("sample", "time", "x", "y")
        assert found.u.attrs["units"] == "Pa"
    with xarray.open_dataset(path, engine="h5netcdf", group="t1_fields") as found:
        assert found.v.dims == ("sample", "time", "x", "y", "component")
    with xarray.open_dataset(path, engine="h5netcdf", group="t2_fields") as found:
        assert found.s.dims[-2:] == ("component", "second_component")
    with xarray.open_dataset(path, engine="h5netcdf", group="scalars") as found:
        assert found.nu.dims == ("sample",)
    tree = xarray.open_datatree(path, engine="h5netcdf")
    u = tree["t0_fields"].to_dataset().u
    found = u.sel(x=0.5, time=4.0).isel(sample=1)
    assert np.array_equal(found, sample(1, (3, 5, 4))[2, 2])
    tree.close()


def test_the_attributes_that_the_well_asks_for(tmp_path, write):
    write(tmp_path / "a.h5", grid=Grid.periodic((8, 6))).close()
    with h5py.File(tmp_path / "a.h5") as file:
        for name in ("dataset_name", "grid_type", "n_spatial_dims", "n_trajectories"):
            assert name in file.attrs
        assert list(file["dimensions"].attrs["spatial_dims"]) == ["x", "y"]
        for name in ("time", "x", "y"):
            assert not file[f"dimensions/{name}"].attrs["sample_varying"]
            assert not file[f"dimensions/{name}"].attrs["time_varying"]
            assert file[f"dimensions/{name}"].id != file[name].id  # a copy, not a link
        assert {*file["boundary_conditions"]} == {"x_periodic", "y_periodic"}
        side = file["boundary_conditions/x_periodic"]
        assert side.attrs["bc_type"] == "PERIODIC"
        assert list(side.attrs["associated_dims"]) == ["x"]
        assert not side.attrs["sample_varying"]
        assert not side.attrs["time_varying"]
        assert side["mask"][()].tolist() == [True, *[False] * 6, True]
        assert list(file["scalars"].attrs["field_names"]) == []
        for rank in range(3):
            wanted = ["a", "u"] if rank == 0 else []
            assert list(file[f"t{rank}_fields"].attrs["field_names"]) == wanted
        u = file["t0_fields/u"]
        assert u.attrs["sample_varying"]
        assert u.attrs["time_varying"]
        assert u.attrs["dim_varying"].tolist() == [True, True]
        assert u.shape == (4, 1, 8, 6)
        assert [d[0].name for d in u.dims] == ["/sample", "/time", "/x", "/y"]


def test_the_well_reads_it(tmp_path, sample):
    the_well = pytest.importorskip("the_well.data")
    with FieldDataset.create(tmp_path / "a.hdf5", GRID, {"u": "Pa"}, times=[0.0, 1.0, 2.0]) as data:
        for k in range(2):
            data.append({"u": sample(k, (3, 5, 4))})
        data.finish()
    loaded = the_well.WellDataset(
        path=str(tmp_path), n_steps_input=2, n_steps_output=1, normalization_path=""
    )
    assert np.allclose(loaded[1]["input_fields"][..., 0], sample(1, (3, 5, 4))[:2])
