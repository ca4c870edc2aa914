"""Files whose writer died between an index and the superblock."""

import fcntl
import shutil

import h5py
import numpy as np
import pytest

from nwidth.end_of_file import regain_end
from nwidth.field_writer import FieldWriter
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

GRIDS = {"large": Grid.uniform((100, 90)), "tiny": Grid.uniform((12, 10))}
END = slice(40, 48)


class Killed(Exception):
    pass


def end_of(path):
    return int.from_bytes(path.read_bytes()[END], "little")


def killed(tmp_path, monkeypatch, kind, samples, value):
    """A file with three samples whose writer died in the flush of the next ones."""
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = FieldDataset.create(path, grid, {"u": "1"}, samples=samples)
    for k in range(3):
        data.append({"u": np.full(grid.shape, k + 0.5)})
    before = path.read_bytes()[END]

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FieldWriter, "acknowledge", die)
        with pytest.raises(Killed):
            data.extend({"u": np.full((40, *grid.shape), value)})
    copy = tmp_path / "b.h5"
    shutil.copyfile(path, copy)
    data.close()
    with copy.open("r+b") as stream:
        stream.seek(END.start)
        stream.write(before)
    return copy


@pytest.mark.parametrize("value", [-1.0, 0.0])
@pytest.mark.parametrize("samples", [None, 60])
@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_a_stale_end_costs_only_what_was_not_acknowledged(
    tmp_path, monkeypatch, kind, samples, value
):
    path, shape = killed(tmp_path, monkeypatch, kind, samples, value), GRIDS[kind].shape
    with FieldDataset.open(path) as data:
        assert len(data) == 3 and data["u"][2].max() == 2.5
    with FieldDataset.open(path, "a") as data:
        for k in range(3, 50):
            assert data.append({"u": np.full(shape, k + 0.5)}) == k
    with FieldDataset.open(path, "a") as data:
        data.finish(early=True)
        assert data.verify() == []
    with FieldDataset.open(path) as data:
        assert len(data) == 50 and data.complete
        assert np.array_equal(data["u"][:][:, 0, 0], np.arange(50) + 0.5)


def test_without_it_hdf5_refuses_to_go_on(tmp_path, monkeypatch):
    """What the end is regained for; if HDF5 learns to do so, this can go."""
    path = killed(tmp_path, monkeypatch, "large", None, -1.0)
    monkeypatch.setattr("nwidth.fields.regain_end", lambda path, least: False)
    with FieldDataset.open(path, "a") as data, pytest.raises(OSError, match="addr overflow"):
        data.append({"u": np.zeros((100, 90))})


def test_files_that_were_closed_or_are_in_use_or_are_others_stay_as_they_are(tmp_path, monkeypatch):
    path = killed(tmp_path, monkeypatch, "large", None, -1.0)
    stale = end_of(path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not regain_end(path, 0) and end_of(path) == stale
    path.chmod(0o444)
    monkeypatch.setattr("os.access", lambda *_: False)  # as for users other than root
    assert not regain_end(path, 0) and end_of(path) == stale
    monkeypatch.undo()
    path.chmod(0o644)
    assert regain_end(path, 0) and end_of(path) > stale + 72_000
    FieldDataset.open(path, "a").close()
    kept = path.read_bytes()
    assert not regain_end(path, 0) and path.read_bytes() == kept
    new = tmp_path / "new.h5"
    with h5py.File(new, "w", libver="latest") as file:
        file["x"] = np.ones(3)
    with new.open("ab") as stream:
        stream.write(b"tail")
    kept = new.read_bytes()
    assert not regain_end(new, 0) and new.read_bytes() == kept
