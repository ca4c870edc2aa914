"""Appending: chunks, waiting rooms, acknowledged counts, reserved space."""

import errno
import os

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError, InputError
from nwidth.field_writer import FieldWriter
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

GRID = Grid.uniform((5, 4), upper=(1.0, 2.0), units=("m", "m"))


# Frames with chunks of their own, and frames that share chunks.
GRIDS = {"large": Grid.uniform((100, 90)), "tiny": Grid.uniform((12, 10))}


def values(grid, k):
    return np.full(grid.shape, k + 0.5)


def right(data, k):
    grid = data.grid
    return bool((data["u"][k] == k + 0.5).all() and (data["v"][k] == -(k + 0.5)).all()) and (
        data["u"][k].shape == grid.shape
    )


# Frames of 160 B share chunks, 30 kB share chunks by three, 80 kB have their own.
@pytest.mark.parametrize("shape", [(20,), (60, 65), (100, 101), (9, 8, 7)])
@pytest.mark.parametrize("samples", [None, 7])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_every_chunking_keeps_every_sample(tmp_path, shape, samples, compression, sample, write):
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


def test_too_many_and_too_few_samples(tmp_path, write):
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


@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_an_unacknowledged_sample_is_dropped_and_overwritten(tmp_path, monkeypatch, kind):
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = FieldDataset.create(path, grid, {"u": "1", "v": "1"}, samples=4)
    data.append({"u": values(grid, 0), "v": -values(grid, 0)})

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FieldWriter, "acknowledge", die)
        with pytest.raises(KeyboardInterrupt):
            data.append({"u": np.full(grid.shape, 99.0), "v": np.full(grid.shape, 99.0)})
    data.close()
    with FieldDataset.open(path) as data:
        assert len(data) == 1
        assert right(data, 0)
    with FieldDataset.open(path, "a") as data:
        for k in range(1, 4):
            data.append({"u": values(grid, k), "v": -values(grid, k)})
        data.finish()
        assert data.verify() == []
        assert all(right(data, k) for k in range(4))


def test_space_is_reserved_and_given_back(tmp_path):
    path, grid = tmp_path / "a.h5", GRIDS["large"]
    data = FieldDataset.create(path, grid, {"u": "1"}, samples=50)
    held = 50 * 8 * grid.size
    assert path.stat().st_blocks * 512 >= held
    data.append({"u": values(grid, 0)})
    assert path.stat().st_blocks * 512 >= held
    data.close()
    with FieldDataset.open(path, "a") as data:  # reserved again after a kill
        assert path.stat().st_blocks * 512 >= held
        data.finish(early=True)
    assert path.stat().st_size < 300_000


def test_a_disk_too_full_is_an_error_before_the_first_sample(tmp_path, monkeypatch):
    path, grid = tmp_path / "a.h5", GRIDS["large"]
    with FieldDataset.create(path, grid, {"u": "1"}) as data:
        data.append({"u": values(grid, 0)})
        data.finish()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(FileFormatError, match=r"no space left for \d.* bytes in") as caught:
        FieldDataset.create(path, grid, {"u": "1"}, samples=10, overwrite=True)
    assert caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with FieldDataset.open(path) as data:  # the former file is as it was
        assert data.verify() == []
