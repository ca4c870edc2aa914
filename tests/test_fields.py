"""Data files: what goes in comes out, in every reader, and what does not fit is refused."""

import multiprocessing
import pickle
import threading

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.fields import Field, FieldDataset
from nwidth.meshes import Grid

GRID = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))


def sample(k, shape=GRID.shape):
    return np.random.default_rng(k).standard_normal(shape)


def write(path, count=4, finish=True, grid=GRID, **options):
    data = FieldDataset.create(path, grid, {"a": "1", "u": "Pa"}, **options)
    for k in range(count):
        data.append({"a": sample(k, grid.shape), "u": sample(100 + k, grid.shape)})
    if finish:
        data.finish()
    return data


def test_what_is_appended_is_read_back(tmp_path):
    with write(tmp_path / "a.h5", samples=4) as data:
        assert data.complete
        assert data.expected == len(data) == 4
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert data.field_names == ("a", "u")
        assert data.units == {"a": "1", "u": "Pa"}
        assert data.grid == GRID
        assert data.times is None
        assert data["u"].shape == (4, 5, 4)
        assert data["u"].dtype == np.float64
        for k in range(4):
            assert np.array_equal(data["u"][k], sample(100 + k))
            assert np.array_equal(data.read(k, "a"), sample(k))
        assert data.verify() == []


# Frames of 160 B share chunks, 30 kB share chunks by three, 80 kB have their own.
@pytest.mark.parametrize("shape", [(20,), (60, 65), (100, 101), (9, 8, 7)])
@pytest.mark.parametrize("samples", [None, 7])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_every_chunking_keeps_every_sample(tmp_path, shape, samples, compression):
    grid, path = Grid.uniform(shape), tmp_path / "a.h5"
    write(path, 3, finish=False, grid=grid, samples=samples, compression=compression).close()
    data = FieldDataset.open(path)
    assert (len(data), data.complete) == (3, False)
    data.close()
    data = FieldDataset.open(path, "a")
    for k in range(3, 5):
        data.append({"a": sample(k, shape), "u": sample(100 + k, shape)})
        assert np.array_equal(data["u"][k], sample(100 + k, shape))
        assert np.array_equal(data["u"][0], sample(100, shape))
    batch = [5, 6]
    numbers = data.extend(
        {
            "a": np.stack([sample(k, shape) for k in batch]),
            "u": np.stack([sample(100 + k, shape) for k in batch]),
        }
    )
    assert list(numbers) == batch
    data.finish()
    assert data["u"].shape == (7, *shape)
    for k in range(7):
        assert np.array_equal(data["u"][k], sample(100 + k, shape))
    assert data.verify() == []
    with h5py.File(path) as file:
        assert file["t0_fields/u"].shape == (7, 1, *shape)
        assert file["sample"].shape == (7,)
        assert file.attrs["n_trajectories"] == 7
    size = 14 * 8 * np.prod(shape)
    assert (
        path.stat().st_size < size + 600_000
    )  # the last shared chunk is whole, and so is its waiting room
    data.close()


def test_many_tiny_samples_of_unknown_number(tmp_path):
    grid = Grid.uniform(16)
    with FieldDataset.create(
        tmp_path / "a.h5", grid, {"u": "1"}, scalars={"nu": "m2/s"}, dtype="float32"
    ) as data:
        for k in range(1500):
            data.append({"u": np.full(16, k)}, {"nu": k / 2})
        data.finish()
        assert np.array_equal(data["u"][:, 3], np.arange(1500, dtype="f4"))
        assert np.array_equal(data.scalars["nu"], np.arange(1500) / 2)
        assert data.verify() == []


def test_time_series_vectors_tensors_and_constants(tmp_path):
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
        assert data.provenance == {"name": "demo"}
        assert data.verify() == []


def test_indexing_follows_numpy(tmp_path):
    with write(tmp_path / "a.h5", 6) as data:
        view, whole = data["u"], np.stack([sample(100 + k) for k in range(6)])
        keys = [
            2,
            -1,
            np.int64(3),
            slice(None),
            slice(1, 4),
            slice(None, None, -2),
            slice(4, 2),
            [3, 0, 3],
            [-1, 2],
            [],
            np.array([5, 1]),
            np.array([True, False, True, False, False, True]),
            ...,
            (2, 3),
            (slice(1, 5, 2), slice(1, 3)),
            ([4, 0], ..., 2),
            (..., 1),
            (slice(4, 2), 0),
        ]
        for key in keys:
            assert np.array_equal(view[key], whole[key]), key
            assert view[key].shape == whole[key].shape, key
        assert np.array_equal(np.asarray(view), whole)
        assert np.array_equal(np.stack(list(view)), whole)
        out = np.empty((2, 5, 4))
        assert view.read([4, 1], out=out) is out
        assert np.array_equal(out, whole[[4, 1]])
        for key in (6, -7, [0, 6], np.ones(5, bool)):
            with pytest.raises(IndexError, match="u: expected"):
                view[key]
        for key in ("a", 1.5, [0.5], [[1, 2]]):
            with pytest.raises(InputError, match="u: expected"):
                view[key]
        with pytest.raises(InputError, match="expected out of shape"):
            view.read(0, out=np.empty((5, 5)))
        with pytest.raises(InputError, match="expected out of shape"):
            view.read(0, out=np.empty((5, 4), "f4"))


@settings(max_examples=25, deadline=None)
@given(
    picked=st.lists(st.integers(-9, 8), max_size=12),
    start=st.integers(-10, 10),
    stop=st.integers(-10, 10),
    step=st.integers(-3, 3).filter(bool),
)
def test_any_selection_follows_numpy(tmp_path_factory, picked, start, stop, step):
    path = tmp_path_factory.getbasetemp() / "selection.h5"
    if not path.exists():
        write(path, 9).close()
    whole = np.stack([sample(100 + k) for k in range(9)])
    with FieldDataset.open(path) as data:
        assert np.array_equal(data["u"][picked], whole[picked])
        key = slice(start, stop, step)
        assert np.array_equal(data["u"][key], whole[key])


def test_float32_is_kept_and_other_numbers_are_converted(tmp_path):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, dtype=np.float32) as data:
        data.append({"u": np.full((5, 4), 1 / 3)})
        data.append({"u": np.ones((5, 4), dtype=int)})
        data.append({"u": np.ones((5, 4), dtype=">f8")})
        data.append({"u": np.asfortranarray(sample(0))})
        assert data["u"][0].dtype == np.float32
        assert data["u"][0, 0, 0] == np.float32(1 / 3)
        assert data["u"][1:3].sum() == 40
        assert np.array_equal(data["u"][3], sample(0).astype("f4"))
    half = FieldDataset.create(tmp_path / "b.h5", GRID, {"u": "1"}, dtype="float16")
    assert half["u"].dtype == np.float32
    half.close()


def test_what_does_not_fit_is_refused(tmp_path):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "Pa"}, scalars={"nu": "1"}) as data:
        good = sample(0)
        nan, huge = good.copy(), good.copy()
        nan[2, 1], huge[0, 3] = np.nan, np.inf
        cases = [
            (InputError, "expected exactly u", {"v": good}, {"nu": 1.0}),
            (InputError, "expected exactly u", {"u": good, "v": good}, {"nu": 1.0}),
            (InputError, "scalars: expected exactly nu", {"u": good}, {}),
            (InputError, r"u: expected shape \(5, 4\)", {"u": good.T}, {"nu": 1.0}),
            (InputError, "u: expected real numbers", {"u": good * 1j}, {"nu": 1.0}),
            (InputError, "u: expected real numbers", {"u": np.full((5, 4), "a")}, {"nu": 1.0}),
            (NonFiniteError, r"u: expected finite numbers.*\(0, 2, 1\)", {"u": nan}, {"nu": 1.0}),
            (NonFiniteError, "u: expected finite", {"u": huge}, {"nu": 1.0}),
            (NonFiniteError, "nu: expected finite", {"u": good}, {"nu": np.nan}),
        ]
        for error, text, fields, scalars in cases:
            with pytest.raises(error, match=text):
                data.append(fields, scalars)
        assert len(data) == 0
        data.append({"u": np.full((5, 4), 1e308)}, {"nu": 1.0})  # finite, though its sum is not
        assert len(data) == 1
        with pytest.raises(InputError, match="same number of samples"):
            data.extend({"u": np.ones((2, 5, 4))}, {"nu": [1.0]})
        with pytest.raises(InputError, match="one of the fields u, got 'w'"):
            data["w"]


def test_overflow_of_float32_is_refused(tmp_path):
    data = FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, dtype="f4")
    with data, pytest.raises(NonFiniteError, match="u: expected finite"):
        data.append({"u": np.full((5, 4), 1e300)})


def test_nonfinite_values_are_kept_on_request(tmp_path):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, allow_nonfinite=True) as data:
        data.append({"u": np.full((5, 4), np.nan)})
        data.finish()
        assert np.isnan(data["u"][0]).all()
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
def test_plugin_filters(tmp_path, compression):
    pytest.importorskip("hdf5plugin")
    with write(tmp_path / "a.h5", compression=compression) as data:
        assert np.array_equal(data["u"][3], sample(103))


def test_existing_files_are_not_replaced_by_accident(tmp_path):
    write(tmp_path / "a.h5").close()
    with pytest.raises(FileFormatError, match="exists; choose another name"):
        write(tmp_path / "a.h5")
    with write(tmp_path / "a.h5", 2, overwrite=True) as data:
        assert len(data) == 2
    with pytest.raises(FileFormatError, match="found a folder"):
        write(tmp_path, overwrite=True)
    with pytest.raises(FileFormatError, match="does not exist; create it first"):
        write(tmp_path / "none" / "a.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_finished_file_is_not_appended_to(tmp_path):
    write(tmp_path / "a.h5").close()
    for mode in ("r", "a"):
        data = FieldDataset.open(tmp_path / "a.h5", mode)
        with data, pytest.raises(InputError, match="expected a file to append to"):
            data.append({"a": sample(0), "u": sample(0)})
    with pytest.raises(InputError, match="mode"):
        FieldDataset.open(tmp_path / "a.h5", "w")


def test_too_many_and_too_few_samples(tmp_path):
    data = write(tmp_path / "a.h5", 2, finish=False, samples=3)
    with pytest.raises(InputError, match="expected 3 samples, got 2"):
        data.finish()
    both = {"a": np.ones((2, *GRID.shape)), "u": np.ones((2, *GRID.shape))}
    with pytest.raises(InputError, match="expected 3 samples in all, got number 4"):
        data.extend(both)
    data.finish(early=True)
    assert data.complete
    assert data.expected == len(data) == 2
    data.finish()  # a second time changes nothing
    assert data.verify() == []
    data.close()


def test_annotations_keep_the_manifest(tmp_path):
    data = write(tmp_path / "a.h5", provenance={"seed": 3})
    with pytest.raises(InputError, match="open it with mode='a'"):
        data.annotate({"b": 1})
    data.close()
    with FieldDataset.open(tmp_path / "a.h5", "a") as data:
        data.annotate({"certified": [1.5, "text"]})
        assert data.provenance == {"seed": 3, "certified": [1.5, "text"]}
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert data.verify() == []
        assert data.provenance["certified"] == [1.5, "text"]


def test_empty_data_sets_finish(tmp_path):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}) as data:
        data.finish()
        assert data["u"][:].shape == (0, 5, 4)
        assert data.verify() == []


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileFormatError, match="found nothing"):
        FieldDataset.open(tmp_path / "none.h5")
    with pytest.raises(FileFormatError, match="found a folder"):
        FieldDataset.open(tmp_path)
    (tmp_path / "text.h5").write_text("hello" * 1000)
    with pytest.raises(FileFormatError, match="expected an HDF5 file, got something else"):
        FieldDataset.open(tmp_path / "text.h5")
    (tmp_path / "empty.h5").touch()
    with pytest.raises(FileFormatError, match="expected an HDF5 file"):
        FieldDataset.open(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(FileFormatError, match="another layout; `nwidth convert`"):
        FieldDataset.open(tmp_path / "other.h5")


def test_a_later_version_is_refused(tmp_path):
    write(tmp_path / "a.h5").close()
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["nwidth"].attrs["schema_version"] = 99
    with pytest.raises(FileFormatError, match="version 1 or before, got 99; update"):
        FieldDataset.open(tmp_path / "a.h5")


def test_verification_names_what_changed(tmp_path):
    def broken(change):
        path = tmp_path / "a.h5"
        write(path, overwrite=True).close()
        with h5py.File(path, "r+") as file:
            change(file)
        with FieldDataset.open(path) as data:
            return " | ".join(data.verify())

    def set_value(file):
        file["t0_fields/u"][1, 0, 2, 3] += 1e-13

    def set_nan(file):
        file["t0_fields/a"][2, 0, 0, 1] = np.nan

    def set_unit(file):
        file["t0_fields/u"].attrs["units"] = "kPa"

    def set_axis(file):
        file["x"][2] = 0.6

    def add(file):
        file["more"] = 1

    assert "t0_fields/u was changed" in broken(set_value)
    assert "a holds NaN or infinity in sample 2" in broken(set_nan)
    assert "attributes was changed" in broken(set_unit)
    assert "x differs from the grid" in broken(set_axis)
    assert "more was added" in broken(add)


def test_an_unfinished_file_says_so(tmp_path):
    data = write(tmp_path / "a.h5", 2, finish=False, samples=5)
    assert "unfinished, 5 expected" in repr(data)
    data.close()
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert not data.complete
        assert len(data) == 2
        assert data.verify() == ["it is unfinished: 2 of 5 samples"]
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["n_trajectories"] == 0
        assert np.isnan(file["t0_fields/u"][2:]).all()


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


def test_open_is_quick_and_reads_no_numbers(tmp_path, monkeypatch):
    write(tmp_path / "a.h5", 3).close()
    with FieldDataset.open(tmp_path / "a.h5") as data:
        monkeypatch.setattr(data, "reader", None)
        assert data["u"].shape == (3, 5, 4)
        assert "3 samples (complete) of a, u" in repr(data)


def _sum_in_child(data, queue):
    queue.put(float(data["u"][:].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_reopen_the_file(tmp_path, method):
    data = write(tmp_path / "a.h5")
    total = float(data["u"][:].sum())
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    worker = context.Process(target=_sum_in_child, args=(data, queue))
    worker.start()
    assert queue.get(timeout=60) == total
    worker.join()
    assert float(data["u"][:].sum()) == total
    data.close()


def test_pickling_drops_the_handle(tmp_path):
    data = write(tmp_path / "a.h5")
    copy = pickle.loads(pickle.dumps(data))
    data.close()
    assert np.array_equal(copy["u"][2], sample(102))
    view = pickle.loads(pickle.dumps(copy["u"]))
    assert np.array_equal(view[2], sample(102))
    copy.close()


def test_threads_read_what_they_ask_for(tmp_path):
    grid, wrong = Grid.uniform((70, 70)), []
    path = tmp_path / "a.h5"
    with FieldDataset.create(path, grid, {"u": "1"}) as data:
        for k in range(20):
            data.append({"u": np.full(grid.shape, k)})
        data.finish()

        def read(seed):
            for k in np.random.default_rng(seed).integers(0, 20, 200):
                if not (data["u"][int(k)] == k).all():
                    wrong.append(k)

        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_closed_data_set_opens_again_by_itself(tmp_path):
    data = write(tmp_path / "a.h5")
    data.close()
    data.close()
    assert np.array_equal(data["u"][0], sample(100))
    data.close()


def test_xarray_reads_labelled_axes(tmp_path):
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


def test_the_attributes_that_the_well_asks_for(tmp_path):
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


def test_the_well_reads_it(tmp_path):
    the_well = pytest.importorskip("the_well.data")
    with FieldDataset.create(tmp_path / "a.hdf5", GRID, {"u": "Pa"}, times=[0.0, 1.0, 2.0]) as data:
        for k in range(2):
            data.append({"u": sample(k, (3, 5, 4))})
        data.finish()
    loaded = the_well.WellDataset(
        path=str(tmp_path), n_steps_input=2, n_steps_output=1, normalization_path=""
    )
    assert np.allclose(loaded[1]["input_fields"][..., 0], sample(1, (3, 5, 4))[:2])
