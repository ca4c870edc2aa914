"""Data files: what goes in comes out, in every reader, and what does not fit is refused."""

import multiprocessing
import threading
import time

import h5py
import numpy as np
import pytest

from nwidth import fields
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

GRID = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))


def test_what_is_appended_is_read_back(tmp_path, sample, write):
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


def test_float32_is_kept_and_other_numbers_are_converted(tmp_path, sample):
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


def test_what_does_not_fit_is_refused(tmp_path, sample):
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


def test_existing_files_are_not_replaced_by_accident(tmp_path, write):
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


def test_a_finished_file_is_not_appended_to(tmp_path, sample, write):
    write(tmp_path / "a.h5").close()
    for mode in ("r", "a"):
        data = FieldDataset.open(tmp_path / "a.h5", mode)
        with data, pytest.raises(InputError, match="expected a file to append to"):
            data.append({"a": sample(0), "u": sample(0)})
    with pytest.raises(InputError, match="mode"):
        FieldDataset.open(tmp_path / "a.h5", "w")


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


def test_an_unfinished_file_says_so(tmp_path, write):
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


def test_open_is_quick_and_reads_no_numbers(tmp_path, monkeypatch, write):
    write(tmp_path / "a.h5", 3).close()
    with FieldDataset.open(tmp_path / "a.h5") as data:
        monkeypatch.setattr(data, "reader", None)
        assert data["u"].shape == (3, 5, 4)
        assert "3 samples (complete) of a, u" in repr(data)


def _sum_in_child(data, queue):
    queue.put(float(data["u"][:].sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_reopen_the_file(tmp_path, method, write):
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


def test_a_closed_data_set_opens_again_by_itself(tmp_path, sample, write):
    data = write(tmp_path / "a.h5")
    data.close()
    data.close()
    assert np.array_equal(data["u"][0], sample(100))
    data.close()


def test_names_of_fields_are_the_keys(tmp_path, write):
    with write(tmp_path / "a.h5", 2) as data:
        assert "u" in data and "pressure" not in data and 0 not in data
        assert [*data] == [*data.keys()] == ["a", "u"]
        assert {name: view.shape for name, view in dict(data).items()} == {
            "a": (2, 5, 4),
            "u": (2, 5, 4),
        }
    with write(tmp_path / "empty.h5", 0) as data:
        assert len(data) == 0 and data


def _open_in_child(path, queue):
    queue.put(len(FieldDataset.open(path)))


def test_a_fork_waits_for_files_being_opened(tmp_path, write):
    write(tmp_path / "a.h5", 2).close()
    held = threading.Event()

    def hold():
        with fields._OPENING:
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_open_in_child, args=(tmp_path / "a.h5", queue), daemon=True)
    child.start()
    assert queue.get(timeout=30) == 2
    child.join()
    thread.join()


@pytest.mark.parametrize("given", [None, "u", [1.0], np.ones((5, 4)), 3])
def test_only_arrays_by_name_are_appended(tmp_path, given):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, scalars={"k": "1"}) as data:
        for add in (data.append, data.extend):
            with pytest.raises(InputError, match="fields: expected arrays by name"):
                add(given, {"k": 1.0})
        if given is not None:
            with pytest.raises(InputError):
                data.append({"u": np.ones((5, 4))}, given)
        with pytest.raises(InputError, match="u: expected"):
            data.append({"u": [[1.0], [1.0, 2.0]]}, {"k": 1.0})
        assert len(data) == 0


@pytest.mark.parametrize(
    "options",
    [{"provenance": 3}, {"scalars": ["k"]}, {"boundary": "open"}, {"time_unit": 3}],
)
def test_only_mappings_describe_a_file(tmp_path, options):
    with pytest.raises(InputError, match=next(iter(options))):
        FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, **options)
    assert not (tmp_path / "a.h5").exists()
