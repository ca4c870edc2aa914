"""The manifest and what `verify` finds."""

import threading

import h5py
import numpy as np
import pytest

from nwidth import manifest
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

GRID = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))


def test_annotations_keep_the_manifest(tmp_path, write):
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


def test_verification_names_what_changed(tmp_path, write):
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


def test_nonfinite_values_are_kept_on_request(tmp_path):
    with FieldDataset.create(tmp_path / "a.h5", GRID, {"u": "1"}, allow_nonfinite=True) as data:
        data.append({"u": np.full((5, 4), np.nan)})
        data.finish()
        assert np.isnan(data["u"][0]).all()
        assert data.verify() == []


def test_nonfinite_values_are_kept_where_they_are_named(tmp_path):
    with FieldDataset.create(
        tmp_path / "a.h5", GRID, {"u": "1"}, scalars={"k": "1", "l": "1"}, allow_nonfinite=["k"]
    ) as data:
        u = np.ones((5, 4))
        data.append({"u": u}, {"k": np.inf, "l": 1.0})
        with pytest.raises(NonFiniteError, match="l: expected finite"):
            data.append({"u": u}, {"k": 1.0, "l": np.inf})
        with pytest.raises(NonFiniteError, match="u: expected finite"):
            data.append({"u": np.inf * u}, {"k": 1.0, "l": 1.0})
        data.finish()
    with FieldDataset.open(tmp_path / "a.h5") as data:
        assert data.layout.allow_nonfinite == {"k"}
        assert data.scalars["k"].tolist() == [np.inf]
        assert data.verify() == []
    for wrong in ("k", ["m"], 3):
        with pytest.raises(InputError, match="allow_nonfinite: expected True, False or names"):
            FieldDataset.create(
                tmp_path / "b.h5", GRID, {"u": "1"}, scalars={"k": "1"}, allow_nonfinite=wrong
            )


@pytest.mark.parametrize(("shape", "chunks"), [((5000, 300), (7, 300)), ((9, 3000, 3000), None)])
def test_digests_read_blocks_of_whole_chunks_of_at_most_4_mib(tmp_path, shape, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", shape, "f8", chunks=chunks or (1, *shape[1:]))
        blocks = list(manifest._blocks(dataset, shape[0]))
        row, per_chunk = 8 * int(np.prod(shape[1:])), dataset.chunks[0]
    assert [start for start, _ in blocks] == [0, *(stop for _, stop in blocks[:-1])]
    assert blocks[-1][1] == shape[0]
    assert all(start % per_chunk == 0 for start, _ in blocks)
    assert max(stop - start for start, stop in blocks) * row <= max(4 << 20, per_chunk * row)


def test_h5py_is_not_locked_while_threads_start(tmp_path, write, monkeypatch):
    # A thread that closes an HDF5 object at its start must not have to wait for us.
    closed = []
    digest = manifest._dataset_digest

    def digest_beside(dataset):
        done = threading.Event()

        def close():
            with h5py._objects.phil:
                done.set()

        threading.Thread(target=close, daemon=True).start()
        assert done.wait(5)
        closed.append(dataset.name)
        return digest(dataset)

    monkeypatch.setattr(manifest, "_dataset_digest", digest_beside)
    with write(tmp_path / "a.h5") as data:
        assert data.verify() == []
    assert len(closed) > 4


def refused(function, arguments):
    raise RuntimeError("can't start new thread")


def ended_before_it_began(function, arguments):
    """For want of memory: no line of the function is run."""


@pytest.mark.parametrize("start", [refused, ended_before_it_began])
def test_a_thread_that_does_not_start_is_not_waited_for(tmp_path, write, monkeypatch, start):
    monkeypatch.setattr(manifest, "_BLOCK_BYTES", 64)  # several blocks
    with write(tmp_path / "a.h5") as data:
        with h5py.File(tmp_path / "a.h5") as file:
            found = manifest.manifest_of(file)
            monkeypatch.setattr(manifest, "start_new_thread", start)
            assert manifest.manifest_of(file) == found
        assert data.verify() == []


def test_what_a_thread_raises_is_raised():
    def fail():
        raise ValueError(f"in another thread: {threading.get_ident() != here}")

    here, begun = threading.get_ident(), threading.Event()
    aside = manifest._Aside(lambda: (begun.set(), fail()))
    assert begun.wait(5)
    with pytest.raises(ValueError, match="in another thread: True"):
        aside.finish()
