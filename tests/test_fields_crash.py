"""Fault injection: kills, full disks, truncation, bit flips, two writers."""

import multiprocessing
import os
import random
import resource
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

# Frames with chunks of their own, and frames that share chunks.
GRIDS = {"large": Grid.uniform((100, 90)), "tiny": Grid.uniform((12, 10))}


FORK = multiprocessing.get_context("fork")


def values(grid, k):
    return np.full(grid.shape, k + 0.5)


def right(data, k):
    grid = data.grid
    return bool((data["u"][k] == k + 0.5).all() and (data["v"][k] == -(k + 0.5)).all()) and (
        data["u"][k].shape == grid.shape
    )


def child(action, *arguments):
    """Run a function in a forked child; return its process."""
    worker = FORK.Process(target=action, args=arguments)
    worker.start()
    return worker


def append_for_ever(path, grid, samples, told):
    """Append and tell each number that was acknowledged through a pipe."""
    if path.exists():
        data = FieldDataset.open(path, "a")
    else:
        data = FieldDataset.create(
            path, grid, {"u": "1", "v": "1"}, scalars={"k": "1"}, samples=samples
        )
    while True:
        k = len(data)
        field = values(grid, k)
        told.send(data.append({"u": field, "v": -field}, {"k": k}))


@pytest.mark.parametrize("kind", ["large", "tiny"])
@pytest.mark.parametrize("samples", [None, 100_000])
def test_kill_at_any_moment_loses_nothing_acknowledged(tmp_path, kind, samples):
    grid, path, draw = GRIDS[kind], tmp_path / "a.h5", random.Random(3)
    acknowledged = -1
    if samples and kind == "large":
        samples = 3000
    for _ in range(5):
        ours, theirs = FORK.Pipe(duplex=False)
        worker = child(append_for_ever, path, grid, samples, theirs)
        theirs.close()
        assert ours.poll(30)  # the first of this round
        time.sleep(draw.uniform(0.0, 0.12))
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        while True:
            try:
                acknowledged = ours.recv()
            except EOFError:
                break
        with FieldDataset.open(path) as data:
            assert not data.complete
            assert len(data) >= acknowledged + 1
            assert all(right(data, k) for k in range(len(data)))
            assert np.array_equal(data.scalars["k"], np.arange(len(data)))
    assert acknowledged > 20
    with FieldDataset.open(path, "a") as data:
        count = len(data)
        data.finish(early=True)
        assert data.verify() == []
        assert all(right(data, k) for k in range(count))
    stored = 2 * count * 8 * grid.size
    assert path.stat().st_size < 1.1 * stored + 2_000_000


def finish_steps(monkeypatch, stop_at):
    """Make the file flush fail at a given call: a kill between two steps of `finish`."""
    calls = []
    flush = h5py.File.flush

    def counting(self):
        calls.append(1)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        flush(self)

    monkeypatch.setattr(h5py.File, "flush", counting)


@pytest.mark.parametrize("kind", ["large", "tiny"])
@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
@pytest.mark.parametrize("samples", [None, 5])
def test_an_interrupted_finish_is_finished_later(tmp_path, monkeypatch, kind, stop_at, samples):
    grid, path = GRIDS[kind], tmp_path / "a.h5"
    data = FieldDataset.create(path, grid, {"u": "1", "v": "1"}, samples=samples)
    for k in range(5):
        data.append({"u": values(grid, k), "v": -values(grid, k)})
    with monkeypatch.context() as patch:
        finish_steps(patch, stop_at)
        with pytest.raises(KeyboardInterrupt):
            data.finish()
    data.close()
    with FieldDataset.open(path, "a") as data:
        assert len(data) == 5
        assert all(right(data, k) for k in range(5))
        data.finish()
        assert data.complete
        assert data.verify() == []
        assert all(right(data, k) for k in range(5))


def fill_a_small_disk(path, grid, samples, limit, told):
    """Append under a limit of file size, as on a small disk, and tell how it ended."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        data = FieldDataset.create(path, grid, {"u": "1", "v": "1"}, samples=samples)
        while True:
            k = len(data)
            data.append({"u": values(grid, k), "v": -values(grid, k)})
    except OSError as error:
        told.send((type(error).__name__, str(error), len(data) if samples is None else 0))
        if samples is None:
            data.close()


@pytest.mark.parametrize("kind", ["large", "tiny"])
def test_a_full_disk_midway_keeps_what_was_acknowledged(tmp_path, kind):
    grid, path, limit = GRIDS[kind], tmp_path / "a.h5", 4_000_000
    ours, theirs = FORK.Pipe(duplex=False)
    worker = child(fill_a_small_disk, path, grid, None, limit, theirs)
    assert ours.poll(60)
    name, text, count = ours.recv()
    worker.join()
    assert worker.exitcode == 0  # HDF5 itself was not met by the full disk
    assert name == "FileFormatError"
    assert "no space left" in text
    assert count > 5
    with FieldDataset.open(path, "a") as data:
        assert len(data) == count
        assert all(right(data, k) for k in range(count))
        data.append({"u": values(grid, count), "v": -values(grid, count)})  # there is space again
        data.finish()
        assert data.verify() == []


def test_a_small_disk_is_refused_at_once(tmp_path):
    ours, theirs = FORK.Pipe(duplex=False)
    path = tmp_path / "a.h5"
    worker = child(fill_a_small_disk, path, GRIDS["large"], 1000, 4_000_000, theirs)
    assert ours.poll(60)
    name, text, _ = ours.recv()
    worker.join()
    assert worker.exitcode == 0
    assert name == "FileFormatError"
    assert "no space left for" in text
    assert list(tmp_path.iterdir()) == []


def create_on_a_small_disk(path, limit, samples, told):
    """Create, append and finish under a limit of file size, and tell how it ended."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        grid = GRIDS["tiny"]
        with FieldDataset.create(
            path, grid, {"u": "1", "v": "1"}, scalars={"k": "1"}, samples=samples
        ) as data:
            for k in range(3):
                data.append({"u": values(grid, k), "v": -values(grid, k)}, {"k": k})
            data.finish()
        told.send("done")
    except OSError as error:
        told.send(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize("kilobytes", [0, 4, 12, 24, 40, 60, 100, 400, 1000, 2000, 8000])
def test_a_full_disk_of_any_size_is_a_sentence(tmp_path, kilobytes, samples):
    ours, theirs = FORK.Pipe(duplex=False)
    path = tmp_path / "a.h5"
    worker = child(create_on_a_small_disk, path, 1000 * kilobytes, samples, theirs)
    theirs.close()
    answer = ours.recv()
    worker.join()
    assert worker.exitcode == 0
    if answer == "done":
        assert kilobytes >= 2000
        with FieldDataset.open(path) as data:
            assert len(data) == 3 and data.verify() == []
        return
    assert answer.startswith("FileFormatError: ") and "no space left" in answer
    left = [p.name for p in tmp_path.iterdir()]
    assert left == [] or (left == ["a.h5"] and samples is None)  # it may stop at the first sample
    if left:
        with FieldDataset.open(path, "a") as data:  # there is space again
            assert len(data) == 0
            data.append({n: values(GRIDS["tiny"], 0) for n in ("u", "v")}, {"k": 0.0})
            data.finish()
            assert data.verify() == []


def annotate_on_a_full_disk(path, told):
    """Add to the provenance of a finished file that may not grow."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        with FieldDataset.open(path, "a") as data:
            data.annotate({"note": "x" * 5000})
    except OSError as error:
        told.send(str(error))


def test_a_note_on_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    path, grid = tmp_path / "a.h5", GRIDS["tiny"]
    with FieldDataset.create(path, grid, {"u": "1"}, provenance={"seed": 1}) as data:
        data.append({"u": values(grid, 0)})
        data.finish()
    ours, theirs = FORK.Pipe(duplex=False)
    worker = child(annotate_on_a_full_disk, path, theirs)
    theirs.close()
    assert "no space left" in ours.recv()
    worker.join()
    assert worker.exitcode == 0
    before = path.stat().st_size
    with FieldDataset.open(path, "a") as data:
        assert data.verify() == [] and data.provenance == {"seed": 1}
        data.annotate({"note": "x" * 5000})
    with FieldDataset.open(path) as data:
        assert data.verify() == [] and len(data.provenance["note"]) == 5000
    assert path.stat().st_size < before + 50_000


def hold_open(path, mode, told, done):
    data = FieldDataset.open(path, mode)
    told.send("open")
    done.recv()
    data.close()


@pytest.mark.parametrize(("theirs", "ours"), [("a", "a"), ("a", "r"), ("r", "a")])
def test_two_processes_do_not_write_at_once(tmp_path, theirs, ours):
    path, grid = tmp_path / "a.h5", GRIDS["large"]
    FieldDataset.create(path, grid, {"u": "1"}).close()
    here, there = FORK.Pipe()
    worker = child(hold_open, path, theirs, there, there)
    assert here.poll(30)
    here.recv()
    with pytest.raises(FileFormatError, match="another process has it open; wait until"):
        FieldDataset.open(path, ours)
    if theirs == "a":
        with pytest.raises(FileFormatError, match="another process is writing this file"):
            FieldDataset.create(path, grid, {"u": "1"}, overwrite=True)
    here.send("done")
    worker.join()
    FieldDataset.open(path, ours).close()


def test_two_processes_read_at_once(tmp_path):
    path, grid = tmp_path / "a.h5", GRIDS["large"]
    with FieldDataset.create(path, grid, {"u": "1"}) as data:
        data.append({"u": values(grid, 0)})
        data.finish()
    here, there = FORK.Pipe()
    worker = child(hold_open, path, "r", there, there)
    assert here.poll(30)
    here.recv()
    with FieldDataset.open(path) as data:
        assert data["u"][0, 0, 0] == 0.5
    here.send("done")
    worker.join()


def append_in_copy(data, told):
    try:
        data.append({"u": values(data.grid, 1)})
    except FileFormatError as error:
        told.send(str(error))


def test_a_forked_copy_of_a_writer_does_not_write(tmp_path):
    data = FieldDataset.create(tmp_path / "a.h5", GRIDS["large"], {"u": "1"})
    here, there = FORK.Pipe()
    worker = child(append_in_copy, data, there)
    assert here.poll(30)
    assert "expected one writer" in here.recv()
    worker.join()
    data.append({"u": values(data.grid, 0)})
    data.close()


def content(data):
    """Everything that a reader can ask for."""
    numbers = [data[name][:].tobytes() for name in data.field_names]
    scalars = [values.tobytes() for values in data.scalars.values()]
    facts = (data.field_names, data.units, data.grid.describe(), data.provenance, data.boundary)
    return numbers, scalars, facts, None if data.times is None else data.times.tobytes()


def judge(path, wanted):
    """Return how a damaged file shows; run in a child, which may hang or die."""
    try:
        with FieldDataset.open(path) as data:
            if data.verify():
                return "found"
            return "same" if content(data) == wanted else "silent change"
    except FileFormatError:
        return "refused"


def judge_in_child(path, wanted):
    here, there = FORK.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # 4 GB more than there are: libraries that are loaded already may have mapped as much.
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (4 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        signal.alarm(10)
        try:
            there.send(judge(path, wanted))
        except BaseException as error:
            there.send(f"{type(error).__name__}: {error}")
        os._exit(0)
    there.close()
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        return f"exit {os.waitstatus_to_exitcode(status)}"
    return here.recv()


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_bytes_are_found_and_crash_nothing(tmp_path, seed):
    grid, path = Grid.uniform((8, 8)), tmp_path / "a.h5"
    with FieldDataset.create(
        path, grid, {"u": "Pa"}, scalars={"nu": "1"}, samples=12, provenance={"seed": 1}
    ) as data:
        for k in range(12):
            data.append({"u": values(grid, k)}, {"nu": k})
        data.finish()
        wanted = content(data)
    assert judge(path, wanted) == "same"
    whole, draw, outcomes = path.read_bytes(), random.Random(seed), {}
    for trial in range(60):
        data = bytearray(whole)
        if trial % 10 == 9:
            data = data[: draw.randrange(len(data))]
        else:
            for _ in range(draw.choice([1, 1, 2, 4, 8])):
                data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        outcome = judge_in_child(path, wanted)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert {*outcomes} <= {"same", "found", "refused"}, outcomes
    assert outcomes["refused"] >= 6, outcomes  # every truncation
