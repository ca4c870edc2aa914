"""Archives: whole or not at all, of the expected kind, unchanged, and nothing executed."""

import errno
import os
import pickle
import random

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nwidth import archive
from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

ARRAYS = {
    "scalar": np.float64(1.5),
    "weights/first": np.arange(12, dtype="f4").reshape(3, 4),
    "weights/second/bias": np.array([1 + 2j, -1j], dtype="c8"),
    "modes": np.array([1j, 2.0]),
    "empty": np.zeros((0, 3)),
    "count": np.int32(7),
    "bytes": np.array([1, 255], dtype="u1"),
    "mask": np.array([[True, False]]),
    "switch": np.bool_(True),
    "big_endian": np.array([1.0, 2.0], dtype=">f8"),
    "transposed": np.arange(6.0).reshape(2, 3).T,
}
DESCRIPTION = {"width": 32, "modes": [12, 12], "name": "Gau\u00df", "nested": {"none": None}}


def test_everything_comes_back(tmp_path):
    save_archive(tmp_path / "m.h5", "model", ARRAYS, DESCRIPTION)
    arrays, description = load_archive(tmp_path / "m.h5", "model")
    assert description == DESCRIPTION
    assert {*arrays} == {*ARRAYS}
    for name, wanted in ARRAYS.items():
        wanted = np.asarray(wanted)
        assert arrays[name].shape == wanted.shape
        assert arrays[name].dtype == wanted.dtype.newbyteorder("=")
        assert np.array_equal(arrays[name], wanted)
        assert arrays[name].flags.writeable
    assert [p.name for p in tmp_path.iterdir()] == ["m.h5"]


def test_nothing_at_all_is_an_archive_too(tmp_path):
    save_archive(tmp_path / "m.h5", "model", {}, {})
    assert load_archive(tmp_path / "m.h5", "model") == ({}, {})


@settings(max_examples=25, deadline=None)
@given(
    array=hnp.arrays(
        dtype=st.sampled_from(["f4", "f8", "c8", "c16", "i8", "u2", "?"]),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_any_array_comes_back_bit_by_bit(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "any.h5"
    save_archive(path, "any", {"a": array}, {})
    found = load_archive(path, "any")[0]["a"]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_large_archives_take_the_way_over_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_IN_MEMORY", 100)
    save_archive(tmp_path / "m.h5", "model", ARRAYS, DESCRIPTION)
    arrays, description = load_archive(tmp_path / "m.h5", "model")
    assert description == DESCRIPTION
    assert np.array_equal(arrays["weights/first"], ARRAYS["weights/first"])
    assert (tmp_path / "m.h5").stat().st_size < 50_000  # the space reserved is given back
    assert [p.name for p in tmp_path.iterdir()] == ["m.h5"]


def test_chunks_are_bounded():
    class Huge:
        shape, itemsize = (1000, 1 << 13, 1 << 10), 8

    assert archive._chunks(Huge) == (1, 1 << 13, 1 << 10)
    Huge.shape = (4, 1 << 20, 1 << 10)
    assert archive._chunks(Huge) == (1, 1 << 13, 1 << 10)
    Huge.shape = (10,)
    assert archive._chunks(Huge) == (10,)


@pytest.mark.parametrize(
    ("arrays", "description", "text"),
    [
        ({"a": np.array(["x"])}, {}, "a: expected bool, integers"),
        ({"a": np.array([object()])}, {}, "a: expected bool, integers"),
        ({"a": np.zeros(2, "f2")}, {}, "a: expected bool, integers"),
        ({"": 1.0}, {}, "expected names"),
        ({"/a": 1.0}, {}, "expected names"),
        ({"a/../b": 1.0}, {}, "expected names"),
        ({3: 1.0}, {}, "expected names"),
        ({"a": 1.0, "a/b": 1.0}, {}, "an array and a group at once"),
        ({}, {"a": np.zeros(2)}, "expected a description"),
        ({}, {"a": float("nan")}, "expected a description"),
        ({}, [1], "expected a description"),
    ],
)
def test_what_cannot_be_stored_is_refused(tmp_path, arrays, description, text):
    with pytest.raises(InputError, match=text):
        save_archive(tmp_path / "m.h5", "model", arrays, description)
    assert list(tmp_path.iterdir()) == []


def test_a_kind_is_needed(tmp_path):
    with pytest.raises(InputError, match="expected a kind"):
        save_archive(tmp_path / "m.h5", "", {}, {})


def test_other_files_are_refused_by_name(tmp_path):
    path = tmp_path / "m.h5"
    save_archive(path, "model", ARRAYS, DESCRIPTION)
    with pytest.raises(FileFormatError, match="kind 'checkpoint', got 'model'"):
        load_archive(path, "checkpoint")
    with pytest.raises(FileFormatError, match="expected a data set of nwidth, got a model"):
        FieldDataset.open(path)
    with FieldDataset.create(tmp_path / "d.h5", Grid.uniform(4), {"u": "1"}):
        pass
    with pytest.raises(FileFormatError, match="kind 'model', got a data set"):
        load_archive(tmp_path / "d.h5", "model")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(FileFormatError, match="kind 'model', got another HDF5 file"):
        load_archive(tmp_path / "other.h5", "model")
    with pytest.raises(FileFormatError, match="found nothing"):
        load_archive(tmp_path / "none.h5", "model")
    (tmp_path / "pickle.h5").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(FileFormatError, match="got something else"):
        load_archive(tmp_path / "pickle.h5", "model")


def test_a_later_version_is_refused(tmp_path):
    save_archive(tmp_path / "m.h5", "model", {}, {})
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file["nwidth"].attrs["schema_version"] = 2
    with pytest.raises(FileFormatError, match="version 1 or before, got 2; update"):
        load_archive(tmp_path / "m.h5", "model")


@pytest.mark.parametrize("part", ["arrays/modes", "description"])
def test_a_changed_archive_is_refused(tmp_path, part):
    save_archive(tmp_path / "m.h5", "model", ARRAYS, DESCRIPTION)
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        value = file[part][()]
        file[part][()] = value.replace(b"32", b"33") if part == "description" else value + 1e-12
    with pytest.raises(FileFormatError, match=r"the file is damaged \(its SHA-256 differs"):
        load_archive(tmp_path / "m.h5", "model")


def test_links_to_other_files_are_not_followed(tmp_path):
    save_archive(tmp_path / "m.h5", "model", ARRAYS, DESCRIPTION)
    save_archive(tmp_path / "other.h5", "model", ARRAYS, DESCRIPTION)
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file["arrays/modes"]
        file["arrays/modes"] = h5py.ExternalLink("other.h5", "/arrays/modes")
    with pytest.raises(FileFormatError, match="external link"):
        load_archive(tmp_path / "m.h5", "model")


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, on_disk):
    path = tmp_path / "m.h5"
    save_archive(path, "model", {"a": np.ones(3)}, {"old": True})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if on_disk:
        monkeypatch.setattr(archive, "_IN_MEMORY", 0)
        monkeypatch.setattr(os, "posix_fallocate", full)
    else:
        monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(FileFormatError, match="no space left") as caught:
        save_archive(path, "model", {"a": np.zeros(3)}, {"old": False})
    assert caught.value.errno == errno.ENOSPC
    assert load_archive(path, "model")[1] == {"old": True}
    assert [p.name for p in tmp_path.iterdir()] == ["m.h5"]


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist; create it first"):
        save_archive(tmp_path / "none" / "m.h5", "model", {}, {})
    with pytest.raises(FileFormatError, match="found a folder"):
        save_archive(tmp_path, "model", {}, {})


def test_damaged_bytes_never_pass(tmp_path):
    path = tmp_path / "m.h5"
    save_archive(path, "model", {"a": np.arange(500.0), "b/c": np.arange(20)}, DESCRIPTION)
    wanted, _ = load_archive(path, "model")
    whole, draw, outcomes = path.read_bytes(), random.Random(1), []
    for trial in range(120):
        data = bytearray(whole)
        if trial % 10 == 9:
            data = data[: draw.randrange(len(data))]
        else:
            for _ in range(draw.choice([1, 1, 2, 4, 8])):
                data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            found, description = load_archive(path, "model")
        except FileFormatError:
            outcomes.append("refused")
        else:
            outcomes.append("same")
            assert description == DESCRIPTION
            assert {*found} == {*wanted}
            assert all(found[name].tobytes() == wanted[name].tobytes() for name in wanted)
    assert outcomes.count("refused") > 60
