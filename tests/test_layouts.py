"""Layouts of others: recognised, read, written back, and refused when they are not clear."""

import errno
import io
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import Field, FieldDataset
from nwidth.layouts import detect_layout, export_fields, import_fields
from nwidth.layouts_source import axis_from_points
from nwidth.meshes import Axis, Grid

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
GRID = Grid.uniform((6, 5), upper=(1.0, 2.0))
TIMES = np.array([0.0, 0.5, 1.5])


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def ours(path, fields, *, grid=GRID, times=None, samples=4, scalars=(), dtype="f8"):
    """Write a finished data set of random numbers."""
    data = FieldDataset.create(
        path, grid, fields, times=times, scalars=dict.fromkeys(scalars, "1"), dtype=dtype
    )
    for k in range(samples):
        data.append(
            {n: draw(10 * k + i, *data[n].shape[1:]) for i, n in enumerate(fields)},
            {n: k + i / 2 for i, n in enumerate(scalars)},
        )
    data.finish()
    return data


def same(first, second, names=None):
    """Whether two data sets hold the same numbers under the same (or the given) names."""
    names = names or {name: name for name in first.field_names}
    assert len(first) == len(second)
    for one, other in names.items():
        assert np.array_equal(first[one][:], second[other][:]), one
        assert first[one].dtype == second[other].dtype
    for name, values in first.scalars.items():
        assert np.array_equal(values, second.scalars[name])
    return True


@pytest.mark.parametrize("layout", ["plain", "npz"])
@pytest.mark.parametrize("times", [None, TIMES])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_arrays_go_out_and_come_back(tmp_path, layout, times, dtype):
    fields = {"a": Field("m2", constant=times is not None), "u": "Pa", "v": Field("m/s", (2,))}
    data = ours(tmp_path / "a.h5", fields, times=times, scalars=("nu",), dtype=dtype)
    path = export_fields(data, tmp_path / f"b.{layout}", layout)
    assert detect_layout(path) == layout
    with import_fields(path, tmp_path / "c.h5", units={"u": "Pa"}) as back:
        assert same(data, back)
        assert back.grid == GRID
        assert back.times is None if times is None else np.array_equal(back.times, times)
        assert back.units["u"] == "Pa"
        assert back.provenance["layout"] == layout
        assert back.provenance["source"] == path.name
        assert back.verify() == []
    with h5py.File(path) if layout == "plain" else np.load(path) as plain:
        assert np.array_equal(plain["u"][2], data["u"][2])
        assert plain["u"].shape == data["u"].shape
        assert np.array_equal(plain["coordinates/y"], GRID.points[1])
    assert path.stat().st_size < 100_000
    data.close()


def test_names_and_units(tmp_path):
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


def test_an_unfinished_data_set_is_exported_as_far_as_it_goes(tmp_path):
    data = FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, samples=9)
    for k in range(3):
        data.append({"u": draw(k, *GRID.shape)})
    with h5py.File(export_fields(data, tmp_path / "b.h5")) as file:
        assert file["u"].shape == (3, 6, 5)
        assert np.array_equal(file["u"][2], draw(2, *GRID.shape))
    with pytest.raises(InputError, match="finish the data set"):
        export_fields(data, tmp_path / "c.h5", "well")
    data.close()


def test_the_well_layout_goes_out_and_comes_back(tmp_path):
    fields = {
        "k": Field(constant=True),
        "u": "Pa",
        "v": Field("m/s", (2,)),
        "s": Field("Pa", (2, 2)),
    }
    grid = Grid.periodic((6, 4))
    data = ours(tmp_path / "a.h5", fields, grid=grid, times=TIMES, scalars=("nu", "mu"))
    path = export_fields(data, tmp_path / "b.hdf5", "well")
    assert detect_layout(path) == "nwidth"
    with import_fields(path, tmp_path / "c.h5", layout="well") as back:
        assert same(data, back)
        assert back.grid == grid
        assert np.array_equal(back.times, TIMES)
        assert back.units == data.units
    data.close()


def test_a_file_of_the_well_that_we_did_not_write(tmp_path):
    n, t, x, y = 3, 4, 8, 6
    u, v = draw(0, n, t, x, y).astype("f4"), draw(1, n, t, x, y, 2).astype("f4")
    fixed, frozen, profile = draw(2, x, y), draw(3, n, x, y), draw(4, n, t, y)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.attrs.update(
            {
                "dataset_name": "theirs",
                "grid_type": "cartesian",
                "n_spatial_dims": 2,
                "n_trajectories": n,
                "simulation_parameters": ["nu"],
            }
        )
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = ["x", "y"]
        points = {
            "time": np.linspace(0, 1, t),
            "x": np.arange(x, dtype="f4") / np.float32(x),
            "y": np.linspace(0, 3, y, dtype="f4"),
        }
        for name, values in points.items():
            group[name] = values
            group[name].attrs.update({"sample_varying": False, "time_varying": False})
        side = file.create_group("boundary_conditions/x_periodic")
        side.attrs.update({"associated_dims": ["x"], "bc_type": "PERIODIC"})
        scalars = file.create_group("scalars")
        scalars.attrs["field_names"] = ["nu", "speed", "load"]
        for name, value, each, timed in (
            ("nu", 0.1, False, False),
            ("speed", np.arange(n), True, False),
            ("load", np.arange(t), False, True),
        ):
            scalars[name] = value
            scalars[name].attrs.update({"sample_varying": each, "time_varying": timed})
        for rank in range(3):
            file.create_group(f"t{rank}_fields").attrs["field_names"] = []
        t0 = file["t0_fields"]
        t0.attrs["field_names"] = ["u", "fixed", "frozen", "profile"]
        for name, values, each, timed, varies in (
            ("u", u, True, True, [True, True]),
            ("fixed", fixed, False, False, [True, True]),
            ("frozen", frozen, True, False, [True, True]),
            ("profile", profile, True, True, [False, True]),
        ):
            t0[name] = values
            t0[name].attrs.update(
                {"sample_varying": each, "time_varying": timed, "dim_varying": varies}
            )
        file["t1_fields"].attrs["field_names"] = ["v"]
        file["t1_fields/v"] = v
        file["t1_fields/v"].attrs.update(
            {"sample_varying": True, "time_varying": True, "dim_varying": [True, True]}
        )
    assert detect_layout(tmp_path / "a.hdf5") == "well"
    with import_fields(tmp_path / "a.hdf5", tmp_path / "b.h5") as data:
        assert data.grid == Grid(
            (Axis.uniform(8, periodic=True), Axis.uniform(6, 0.0, 3.0, name="y"))
        )
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data["v"][:], v)
        assert np.array_equal(data["frozen"][:], frozen)
        assert np.array_equal(data["fixed"][:], np.broadcast_to(fixed, (n, x, y)))
        wanted = np.broadcast_to(profile[:, :, None, :], (n, t, x, y))
        assert np.array_equal(data["profile"][:], wanted)
        assert np.array_equal(data.scalars["nu"], np.full(n, 0.1))
        assert np.array_equal(data.scalars["speed"], np.arange(n))
        assert data.provenance["left_out"] == ["scalars/load"]
        assert data.boundary == {"x_periodic": "PERIODIC"}
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["dimensions/x"].attrs["sample_varying"] = True
    with pytest.raises(FileFormatError, match="one tensor-product grid for all samples"):
        import_fields(tmp_path / "a.hdf5", tmp_path / "c.h5")
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file["dimensions"].attrs["spatial_dims"]
    with pytest.raises(FileFormatError, match="The Well's layout, but a part is missing"):
        import_fields(tmp_path / "a.hdf5", tmp_path / "c.h5")


def cells(*shape):
    return Grid.uniform(shape, centering="cell")


def test_pdebench_darcy(tmp_path):
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


def test_pdebench_time_series(tmp_path):
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


def test_pdebench_flow(tmp_path):
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


def test_what_pdebench_cannot_hold(tmp_path):
    data = ours(tmp_path / "a.h5", {"u": "1", "w": "1", "v": Field("1", (2,))})
    with pytest.raises(InputError, match="knows the arrays tensor and nu"):
        export_fields(data, tmp_path / "b.hdf5", "pdebench")
    with pytest.raises(InputError, match=r"name the file \.hdf5"):
        export_fields(data, tmp_path / "b.h5", "pdebench", fields={"u": "tensor"})
    with pytest.raises(InputError, match="expected components"):
        export_fields(data, tmp_path / "b.hdf5", "pdebench", fields={"v": "tensor"})
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
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


def test_plain_files_are_understood_by_their_shapes(tmp_path):
    path = plain(
        tmp_path / "a.h5",
        a=draw(0, 7, 5),
        u=draw(1, 7, 4, 5).astype("f4"),
        nu=np.arange(7.0),
        g=9.81,
        t=np.array([0.0, 1.0, 3.0, 4.0]),
        note=np.bytes_("text"),
    )
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.grid == Grid.uniform(5)
        assert np.array_equal(data.times, [0, 1, 3, 4])
        assert data["a"].shape == (7, 5)
        assert data["u"].shape == (7, 4, 5)
        assert data["u"].dtype == np.float64  # since a needs it
        assert np.array_equal(data.scalars["nu"], np.arange(7))
        assert np.array_equal(data.scalars["g"], np.full(7, 9.81))
        assert data.provenance["left_out"] == ["t"]


def test_names_with_groups_get_allowed_names(tmp_path):
    path = plain(tmp_path / "a.h5", run__u=draw(0, 3, 5))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.field_names == ("run_u",)


def test_missing_times_are_numbers_and_said_to_be(tmp_path):
    path = plain(tmp_path / "a.h5", a=draw(0, 7, 5), u=draw(1, 7, 4, 5))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert np.array_equal(data.times, np.arange(4))
        assert "no time axis" in data.provenance["notes"]["times"]


def test_components_with_a_given_grid(tmp_path):
    path = plain(tmp_path / "a.h5", v=draw(0, 4, 6, 5, 2), u=draw(1, 4, 6, 5))
    with import_fields(path, tmp_path / "b.h5", grid=GRID) as data:
        assert data["v"].components == (2,)
        assert data["u"].components == ()


def test_unclear_files_list_what_they_hold(tmp_path):
    cases = [
        ({"u": draw(0, 3, 4), "v": draw(0, 5, 4)}, {}, "numbers of samples differ"),
        ({"x": np.arange(4.0)}, {}, "no array has samples on a grid"),
        ({"u": draw(0, 2, 2, 3, 2, 2)}, {}, "fit no grid; give the grid"),
        ({"u": draw(0, 2, 4, 4)}, {"grid": Grid.uniform(5)}, "does not fit"),
        (
            {"a": draw(0, 2, 5), "u": draw(0, 2, 3, 5), "v": draw(0, 2, 4, 5)},
            {"grid": Grid.uniform(5)},
            "time axes of different lengths",
        ),
    ]
    for arrays, options, text in cases:
        path = plain(tmp_path / "a.h5", **arrays)
        with pytest.raises(FileFormatError, match=text) as caught:
            import_fields(path, tmp_path / "b.h5", **options)
        for name, values in arrays.items():
            assert f"{name} {values.shape} float64" in str(caught.value)
        assert "name those to take" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_an_array_that_could_be_two_things(tmp_path):
    path = plain(tmp_path / "a.h5", u=draw(0, 2, 4, 4))
    with pytest.raises(FileFormatError, match="does not fit"):
        import_fields(path, tmp_path / "b.h5", grid=Grid.uniform(4))
    with import_fields(path, tmp_path / "b.h5", grid=Grid.uniform(4), times=np.arange(4)) as data:
        assert data["u"].shape == (2, 4, 4)
        assert data.times.tolist() == [0, 1, 2, 3]


def test_bad_requests(tmp_path):
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


def test_numbers_that_are_not_finite_stop_an_import(tmp_path):
    values = draw(0, 3, 5)
    values[2, 1] = np.nan
    path = plain(tmp_path / "a.h5", u=values)
    with pytest.raises(InputError, match="u: expected finite numbers"):
        import_fields(path, tmp_path / "b.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_links_to_other_files_are_not_imported(tmp_path):
    plain(tmp_path / "secret.h5", u=draw(0, 3, 5))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["u"] = h5py.ExternalLink("secret.h5", "/u")
    with pytest.raises(FileFormatError, match="external link"):
        import_fields(tmp_path / "a.h5", tmp_path / "b.h5")


def test_npz_in_fortran_order_compressed_and_with_objects(tmp_path):
    u, v = np.asfortranarray(draw(0, 6, 5, 4)), draw(1, 6, 5, 4)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, u=u, v=v, words=np.array(["a"]), things=np.array([{}], dtype=object))
    with import_fields(path, tmp_path / "b.h5") as data:
        assert data.field_names == ("u", "v")
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data["v"][:], v)


def test_npz_files_that_lie(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, u=draw(0, 30, 50))
    path = tmp_path / "a.npz"
    path.write_bytes(whole.getvalue()[:5000])
    with pytest.raises(FileFormatError, match="expected an npz file"):
        import_fields(path, tmp_path / "b.h5")
    np.savez_compressed(path, u=np.zeros((400, 100, 100)))
    with pytest.raises(FileFormatError, match="it is not read"):
        import_fields(path, tmp_path / "b.h5")
    with zipfile.ZipFile(path, "w") as archive:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
        with archive.open("u.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(FileFormatError, match="declares more bytes than the file holds"):
        import_fields(path, tmp_path / "b.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("layout", ["plain", "npz", "pdebench", "well"])
def test_a_full_disk_leaves_no_export(tmp_path, monkeypatch, layout):
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


def test_progress_is_told(tmp_path):
    path, told = plain(tmp_path / "a.h5", u=draw(0, 3, 5)), []
    import_fields(path, tmp_path / "b.h5", progress=lambda *n: told.append(n)).close()
    assert told == [(3, 3)]


def test_large_imports_go_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("nwidth.layouts._BLOCK_BYTES", 3 * 5 * 8)
    u, told = draw(0, 10, 5), []
    np.savez(tmp_path / "a.npz", u=u, nu=np.arange(10.0))
    with import_fields(
        tmp_path / "a.npz", tmp_path / "b.h5", progress=lambda *n: told.append(n)
    ) as data:
        assert np.array_equal(data["u"][:], u)
        assert np.array_equal(data.scalars["nu"], np.arange(10))
    assert len(told) >= 5
