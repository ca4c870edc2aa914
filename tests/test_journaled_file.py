"""Kills at every single write, torn and forged journals, forks, interpreters that just end."""

import hashlib
import os
import random
import subprocess
import sys

import h5py
import numpy as np
import pytest

from nwidth import journaled_file
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.journaled_file import _ENTRY, _FOOTER, _MAGIC, JournaledFile, settle
from nwidth.meshes import Grid

# Frames with chunks of their own, and frames that share chunks by 69.
GRIDS = {"large": Grid.uniform((91, 91)), "tiny": Grid.uniform((12, 10))}


def fresh(path, grid, samples=None, **options):
    return FieldDataset.create(
        path, grid, {"u": "1"}, scalars={"k": "1"}, samples=samples, **options
    )


def filled(grid, k):
    return {"u": np.full(grid.shape, k + 0.5)}, {"k": k}


@pytest.fixture
def kills(tmp_path, monkeypatch):
    """A list of copies of the file, as a kill before or amid each write would leave it."""
    monkeypatch.setattr("nwidth.field_writer._AHEAD", 1 << 16)
    for module in ("field_writer", "fields"):
        monkeypatch.setattr(f"nwidth.{module}.METADATA", 1 << 17)
    taken, real = [], journaled_file._write

    def write(descriptor, data, place):
        view = memoryview(data)
        if kept.armed:
            for part in {0, view.nbytes // 2}:
                real(descriptor, view[:part], place)
                copy = tmp_path / f"kill{len(taken)}.h5"
                copy.write_bytes(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
                taken.append(copy)
        real(descriptor, data, place)

    class Kept:
        armed = False
        files = taken

    kept = Kept()
    monkeypatch.setattr(journaled_file, "_write", write)
    return kept


@pytest.mark.parametrize(
    ("kind", "samples", "compression"),
    [(kind, samples, None) for kind in GRIDS for samples in (None, 70)] + [("large", None, "gzip")],
)
def test_a_kill_at_any_write_of_an_append_loses_nothing(
    tmp_path, kills, kind, samples, compression
):
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = fresh(path, grid, samples, compression=compression)
    # One more fills a shared chunk, or needs another leaf of the index.
    before = {"large": 64, "tiny": 68}[kind]
    many = np.arange(before)[:, None, None] + np.full((1, *grid.shape), 0.5)
    data.extend({"u": many}, {"k": np.arange(before)})
    kills.armed = True
    data.append(*filled(grid, before))
    kills.armed = False
    data.close()
    found = set()
    for copy in kills.files:
        with FieldDataset.open(copy) as data:
            count = len(data)
            found.add(count)
            assert np.array_equal(data["u"][:][:, 3, 4], np.arange(count) + 0.5)
        with FieldDataset.open(copy, "a") as data:
            data.append(*filled(grid, count))
            data.finish(early=True)
            assert data.verify() == [] and data["u"][count, 0, 0] == count + 0.5
    assert found == {before, before + 1}


@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_a_kill_at_any_write_of_finish_or_annotate_loses_nothing(tmp_path, kills, kind):
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = fresh(path, grid)
    for k in range(3):
        data.append(*filled(grid, k))
    kills.armed = True
    data.finish()
    with FieldDataset.open(path, "a") as data:
        data.annotate({"note": "x" * 3000})
    kills.armed = False
    for copy in kills.files:
        with FieldDataset.open(copy, "a") as data:
            data.finish(early=True)
        with FieldDataset.open(copy) as data:
            assert len(data) == 3 and data.verify() == [] and data["u"][2, 5, 5] == 2.5
            assert len(data.provenance.get("note", "x" * 3000)) == 3000
    assert len(kills.files) > 20


def test_what_the_journal_is_for(tmp_path, kills, monkeypatch):
    """Without it a root is there whose leaves are not; if HDF5 learns better, it can go."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("u", shape=(200, 2), chunks=(1, 2), dtype="f8")[:64] = 1.0
    with JournaledFile(path) as stream, stream.hdf5() as file:
        stream.reserve(1 << 16)
        kills.armed = True
        file["u"][64] = 2.0
        file.flush()
        kills.armed = False
    lost = 0
    for copy in kills.files:
        bare = copy.read_bytes()
        try:
            with h5py.File(copy) as file:
                lost += not (file["u"][:64] == 1.0).all()
        except OSError:
            lost += 1
        copy.write_bytes(bare)
        settle(copy)
        with h5py.File(copy) as file:
            assert (file["u"][:64] == 1.0).all() and file["u"][64, 0] in (0.0, 2.0)
    assert lost > 0


def plain(path, size=5000):
    """A file that begins like HDF5's, of random bytes."""
    data = bytearray(random.Random(0).randbytes(size))
    data[:9] = b"\x89HDF\r\n\x1a\n\0"
    data[13] = 8
    data[40:48] = size.to_bytes(8, "little")
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("seed", range(20))
def test_what_a_kill_leaves_is_the_state_of_a_flush(tmp_path, kills, seed):
    draw, path = random.Random(seed), tmp_path / "a.h5"
    model = plain(path)
    stream = JournaledFile(path)
    for _ in range(3):
        stream.reserve(draw.choice([0, 100, 10_000]) + 1)
        before = bytes(model)
        for _ in range(draw.randint(0, 9)):
            place, size = draw.randrange(48, len(model) + 1), draw.randint(1, 700)
            data = draw.randbytes(size)
            model[place : place + size] = data
            stream.seek(place)
            assert stream.write(data) == size
            low = draw.randrange(len(model))
            stream.seek(low)
            assert stream.read(900)[: len(model) - low] == model[low : low + 900]
        model[40:48] = len(model).to_bytes(8, "little")  # as HDF5 does
        stream.seek(40)
        stream.write(model[40:48])
        stream.truncate(len(model))
        kills.armed = True
        stream.flush()
        kills.armed = False
        for copy in kills.files:
            settle(copy)
            found = copy.read_bytes()
            assert found.startswith((before, bytes(model)))
        kills.files.clear()
    stream.close()
    assert path.read_bytes() == model


def journal(*entries):
    body = b"".join(_ENTRY.pack(place, len(data)) + data for place, data in entries)
    return body + _FOOTER.pack(_MAGIC, len(body), hashlib.sha256(body).digest())


def test_a_whole_journal_is_put_into_effect_once(tmp_path):
    path = tmp_path / "a.h5"
    data = plain(path)
    path.write_bytes(bytes(data) + journal((100, b"abc"), (101, b"xyz")))
    settle(path)
    data[100:104] = b"axyz"
    assert path.read_bytes() == data
    settle(path)
    assert path.read_bytes() == data


CUT = _ENTRY.pack(100, 50)


@pytest.mark.parametrize(
    "tail",
    [
        journal((100, b"abc"))[1:],
        journal((100, b"abc"))[:-1],
        b"z" + journal((100, b"abc"))[1:],
        journal((6000, b"abc")),
        journal((2**63, b"abc")),
        journal((100, b"abc"))[:20] + _FOOTER.pack(_MAGIC, 2**60, bytes(32)),
        _ENTRY.pack(100, 50)
        + _FOOTER.pack(_MAGIC, 16, hashlib.sha256(_ENTRY.pack(100, 50)).digest()),
    ],
)
def test_a_torn_or_forged_journal_is_passed_over(tmp_path, tail):
    path = tmp_path / "a.h5"
    whole = bytes(plain(path)) + tail
    path.write_bytes(whole)
    settle(path)
    assert path.read_bytes() == whole


def test_a_journal_in_a_file_that_is_in_use_or_not_ours_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    whole = bytes(plain(path)) + journal((100, b"abc"))
    path.write_bytes(whole)
    (tmp_path / "short.h5").write_bytes(b"x")
    settle(tmp_path / "short.h5")

    def refuse(*_):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(journaled_file.os, "open", refuse)
        with pytest.raises(FileFormatError, match="open it once as a user who may write"):
            settle(path)
    assert path.read_bytes() == whole
    with path.open("rb") as other:
        journaled_file.fcntl.flock(other, journaled_file.fcntl.LOCK_SH)
        with pytest.raises(BlockingIOError):
            settle(path)
    assert path.read_bytes() == whole


def test_one_writer_and_no_readers(tmp_path):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    with JournaledFile(path):
        with pytest.raises(BlockingIOError):
            JournaledFile(path)
        with pytest.raises(OSError, match="lock"):
            h5py.File(path)
    h5py.File(path).close()
    with pytest.raises(ValueError, match="closed"), JournaledFile(path) as stream:
        stream.close()
        stream.fileno()


def test_a_forked_copy_changes_nothing(tmp_path):
    path = tmp_path / "a.h5"
    h5py.File(path, "w").close()
    with JournaledFile(path) as stream, stream.hdf5() as file:
        child = os.fork()
        if child == 0:
            file["theirs"] = np.ones(1000)
            file.close()
            stream.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        file["ours"] = 2.0
    with h5py.File(path) as file:
        assert list(file) == ["ours"] and file["ours"][()] == 2.0


@pytest.mark.parametrize("end", ["", "del data", "raise SystemExit(0)", "data.extra = data"])
def test_an_interpreter_may_end_without_closing(tmp_path, end):
    path = tmp_path / "a.h5"
    script = f"""
import numpy as np
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
data = FieldDataset.create({str(path)!r}, Grid.uniform((9, 8)), {{"u": "1"}})
data.append({{"u": np.ones((9, 8))}})
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with FieldDataset.open(path) as data:
        assert len(data) == 1 and data["u"][0].min() == 1.0
    assert path.stat().st_size < 1_000_000
