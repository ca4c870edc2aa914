"""Writers that die between an index and the superblock, which HDF5 writes last."""

import os
import shutil

import h5py
import numpy as np
import pytest
from h5py import h5f

from nwidth.end_of_file import end_ahead, end_in_superblock
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

GRIDS = {"large": Grid.uniform((100, 90)), "tiny": Grid.uniform((12, 10))}
PLACE = 40


class Killed(Exception):
    pass


def end_of(path):
    with path.open("rb") as stream:
        return end_in_superblock(stream.fileno())


def field(grid, k):
    return {"u": np.full(grid.shape, k + 0.5), "v": np.full(grid.shape, -k)}


def fresh(path, grid, samples=None):
    return FieldDataset.create(
        path, grid, {"u": "1", "v": "1"}, scalars={"k": "1"}, samples=samples
    )


def killed_in_flush(monkeypatch, path, data, batch, copy):
    """Copy the file as it is in the flush of a batch with all written but the superblock."""

    def die(file):
        before = end_of(path)
        real(file)
        if copy.exists():
            return
        shutil.copyfile(path, copy)
        with copy.open("r+b") as stream:
            stream.seek(PLACE)
            stream.write(before.to_bytes(8, "little"))
        raise Killed

    real = h5f.flush
    with monkeypatch.context() as patch:
        patch.setattr("nwidth.field_writer.h5f.flush", die)
        with pytest.raises(Killed):
            data.extend(*batch)


@pytest.mark.parametrize("samples", [None, 60])
@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_a_kill_before_the_superblock_costs_only_what_was_not_acknowledged(
    tmp_path, monkeypatch, kind, samples
):
    grid, path, copy = GRIDS[kind], tmp_path / "a.h5", tmp_path / "b.h5"
    data = fresh(path, grid, samples)
    for k in range(3):
        data.append(field(grid, k), {"k": k})
    many = {name: np.full((40, *grid.shape), -1.0) for name in ("u", "v")}
    killed_in_flush(monkeypatch, path, data, (many, {"k": np.arange(40)}), copy)
    with FieldDataset.open(copy) as found:
        assert len(found) == 3 and found["u"][2].max() == 2.5
    with FieldDataset.open(copy, "a") as found:
        for k in range(3, 50):
            assert found.append(field(grid, k), {"k": k}) == k
        found.finish(early=True)
        assert found.verify() == []
    with FieldDataset.open(copy) as found:
        assert len(found) == 50 and found.complete
        assert np.array_equal(found["u"][:][:, 0, 0], np.arange(50) + 0.5)


def test_without_it_hdf5_refuses_to_read(tmp_path, monkeypatch):
    """What the end is ahead for; if HDF5 learns to do so, this can go."""
    grid, path, copy = GRIDS["large"], tmp_path / "a.h5", tmp_path / "b.h5"
    data = fresh(path, grid)
    data.append(field(grid, 0), {"k": 0})
    monkeypatch.setattr("nwidth.end_of_file._write_end", lambda *_: None)
    many = {name: np.zeros((300, *grid.shape)) for name in ("u", "v")}
    killed_in_flush(monkeypatch, path, data, (many, {"k": np.zeros(300)}), copy)
    with pytest.raises(FileFormatError, match="addr overflow"):
        FieldDataset.open(copy)


@pytest.mark.parametrize("samples", [None, 400])
@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_no_append_passes_the_end_that_was_written_ahead(tmp_path, monkeypatch, kind, samples):
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = fresh(path, grid, samples)
    ahead, real = [], h5f.flush

    def flush(file):
        ahead.append(end_of(path))
        real(file)
        assert end_of(path) <= ahead[-1]

    monkeypatch.setattr("nwidth.field_writer.h5f.flush", flush)
    for k in range(0, 300, 3):
        batch = {name: np.full((3, *grid.shape), k) for name in ("u", "v")}
        data.extend(batch, {"k": np.arange(3)})
    data.finish(early=True)
    assert data.verify() == [] and len({*ahead}) > 10


def test_a_block_that_fails_leaves_a_file_that_reads(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
    with h5py.File(path, "r+") as file:
        os.posix_fallocate(file.id.get_vfd_handle(), file.id.get_filesize(), 10_000)
        with pytest.raises(Killed), end_ahead(file, 5_000):
            file["y"] = np.arange(200.0)
            raise Killed
    with h5py.File(path) as file:
        assert file["x"][2] == 2.0 and file["y"][199] == 199.0


def test_an_end_that_hdf5_did_not_renew_is_put_back(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
    end = end_of(path)
    with h5py.File(path, "r+") as file:
        os.posix_fallocate(file.id.get_vfd_handle(), end, 10_000)
        with end_ahead(file, 5_000):
            assert end_of(path) == end + 5_000
            file["x"][0] = 7.0
            file.flush()
        assert end_of(path) == end
        with end_ahead(file, 50_000):  # never beyond the file itself
            assert end_of(path) == end + 10_000
    with h5py.File(path) as file:
        assert file["x"][0] == 7.0


def test_other_superblocks_are_left_to_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = np.arange(3.0)
    kept = path.read_bytes()
    assert end_of(path) is None
    with h5py.File(path, "r+") as file:
        os.posix_fallocate(file.id.get_vfd_handle(), len(kept), 10_000)
        with end_ahead(file, 5_000):
            assert path.read_bytes()[: len(kept)][48:] == kept[48:]
            file["y"] = 1.0
            file.flush()
    with h5py.File(path) as file:
        assert file["y"][()] == 1.0
