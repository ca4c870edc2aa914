"""Writing and random reading of samples: `FieldDataset` against plain h5py with the same settings.

Plain h5py gets a dataset of full size with the same chunks and checksums, a persistent handle, and
the same two flushes per sample (data, then the count). A contiguous dataset without checksums shows
what the safety of chunks and checksums costs both. Samples go to all contenders in turn, so that a
busy machine hits them alike; what is read is compared with what was written.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from report import Row, finish, interleave, parse_arguments

from nwidth.audit import audit
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

SHAPE = (256, 256)
NAMES = ("permeability", "pressure")
SAMPLE_BYTES = len(NAMES) * 8 * SHAPE[0] * SHAPE[1]
BATCH = 20


class PlainFile:
    """What a careful user of h5py writes: two datasets, one count, flushes in this order."""

    def __init__(self, path: Path, samples: int, chunked: bool):
        options = {"chunks": (1, 1, *SHAPE), "fletcher32": True} if chunked else {}
        self.file = h5py.File(path, "w")
        self.datasets = [
            self.file.create_dataset(name, shape=(samples, 1, *SHAPE), dtype="f8", **options)
            for name in NAMES
        ]
        self.count = self.file.create_dataset("count", data=np.int64(0))
        self.file.flush()

    def append(self, index: int, fields: list[np.ndarray]) -> None:
        """Write one sample and acknowledge it."""
        for dataset, field in zip(self.datasets, fields, strict=True):
            dataset[index, 0] = field
        self.file.flush()
        self.count[()] = index + 1
        self.file.flush()


def plain_batch(datasets: list[h5py.Dataset], picked: np.ndarray) -> list[np.ndarray]:
    """Read a batch in the quickest way plain h5py was found to have."""
    batch = []
    for dataset in datasets:
        out = np.empty((len(picked), *SHAPE))
        for k, index in enumerate(picked):
            out[k] = dataset[index, 0]
        batch.append(out)
    return batch


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def write(folder: Path, samples: int) -> dict[str, float]:
    """Write all samples to three files, sample by sample in turn; return seconds of each."""
    grid, draw = Grid.uniform(SHAPE), np.random.default_rng(0)
    for path in folder.iterdir():
        path.unlink()
    seconds = {}
    start = time.perf_counter()
    ours = FieldDataset.create(folder / "ours.h5", grid, dict.fromkeys(NAMES, "1"), samples=samples)
    seconds["ours"] = time.perf_counter() - start
    peers = {}
    for name, chunked in (("h5py", True), ("contiguous", False)):
        start = time.perf_counter()
        peers[name] = PlainFile(folder / f"{name}.h5", samples, chunked)
        seconds[name] = time.perf_counter() - start
    fields = draw.standard_normal((8, len(NAMES), *SHAPE))
    for index in range(samples):
        parts = list(fields[index % 8])
        parts[0][0, 0] = index
        named = dict(zip(NAMES, parts, strict=True))
        actions = {"ours": lambda named=named: ours.append(named)}
        for name, peer in peers.items():
            actions[name] = lambda peer=peer, parts=parts, k=index: peer.append(k, parts)
        order = list(actions)
        for name in order[index % 3 :] + order[: index % 3]:
            seconds[name] += timed(actions[name])
    seconds["ours finish"] = timed(ours.finish)
    ours.close()
    for name, peer in peers.items():
        seconds[name] += timed(peer.file.close)
    return seconds


def read(folder: Path, samples: int, batches: int) -> dict[str, float]:
    """Read random batches from the three files in turn; return median seconds per batch."""
    draw = np.random.default_rng(1)
    ours = FieldDataset.open(folder / "ours.h5")
    views = [ours[name] for name in NAMES]
    files = {name: h5py.File(folder / f"{name}.h5") for name in ("h5py", "contiguous")}
    datasets = {name: [file[field] for field in NAMES] for name, file in files.items()}
    seconds: dict[str, list[float]] = {"ours": [], "h5py": [], "contiguous": []}
    for index in range(batches):
        picked = draw.integers(0, samples, BATCH)
        found = {}
        actions = {
            "ours": lambda p=picked, f=found: f.update(ours=[view[p] for view in views]),
            "h5py": lambda p=picked, f=found: f.update(h5py=plain_batch(datasets["h5py"], p)),
            "contiguous": lambda p=picked: plain_batch(datasets["contiguous"], p),
        }
        order = list(actions)
        for name in order[index % 3 :] + order[: index % 3]:
            seconds[name].append(timed(actions[name]))
        for one, other in zip(found["ours"], found["h5py"], strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(found["ours"][0][:, 0, 0], picked)
    ours.close()
    for file in files.values():
        file.close()
    return {name: statistics.median(values) for name, values in seconds.items()}


def tiny(folder: Path, samples: int = 1000, batches: int = 200) -> dict[str, float]:
    """Read random batches of 16 x 16 samples, one chunk each in plain h5py; seconds per batch."""
    shape, draw = (16, 16), np.random.default_rng(2)
    numbers = draw.standard_normal((samples, *shape))
    ours = FieldDataset.create(
        folder / "tiny.h5", Grid.uniform(shape), {"u": "1"}, samples=samples, overwrite=True
    )
    ours.extend({"u": numbers})
    ours.finish()
    with h5py.File(folder / "plain.h5", "w") as file:
        file.create_dataset("u", data=numbers, chunks=(1, *shape), fletcher32=True)
    with h5py.File(folder / "plain.h5") as file, ours:
        dataset, view = file["u"], ours["u"]
        picks = [draw.integers(0, samples, BATCH) for _ in range(batches)]

        def plain() -> None:
            for picked in picks:
                out = np.empty((BATCH, *shape))
                for k, index in enumerate(picked):
                    out[k] = dataset[index]

        assert np.array_equal(view[picks[0]], numbers[picks[0]])
        seconds = interleave({"ours": lambda: [view[p] for p in picks], "h5py": plain})
    return {name: value / batches for name, value in seconds.items()}


def opening(folder: Path) -> dict[str, float]:
    """Open a file and read the shape of a field; seconds."""
    path = folder / "ours.h5"

    def ours() -> None:
        with FieldDataset.open(path) as data:
            assert data["pressure"].shape[1:] == SHAPE

    def plain() -> None:
        with h5py.File(path) as file:
            assert file["t0_fields/pressure"].shape[2:] == SHAPE

    return interleave({"ours": ours, "h5py": plain, "audit": lambda: audit(path)}, repeats=9)


def main() -> None:
    arguments = parse_arguments("Writing and reading samples: FieldDataset against plain h5py.")
    samples = (100 << 20 if arguments.quick else 1 << 30) // SAMPLE_BYTES
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        runs = [write(folder, samples) for _ in range(4 if arguments.quick else 6)][1:]
        wrote = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        got = read(folder, samples, 60 if arguments.quick else 200)
        opened = opening(folder)
        small = tiny(folder)
    size = samples * SAMPLE_BYTES
    rate = {name: size / value / 1e6 for name, value in wrote.items()}
    what = f"write {size / 2**30:.2g} GiB float64, {samples} samples of 2 x 256 x 256"
    same = "h5py, same chunks, checksums, flushes"
    loose = "h5py, contiguous, no checksums"
    note = f"{rate['ours']:.0f} against {rate['h5py']:.0f} MB/s; finite checks and reserve included"
    rows = [
        Row(what, wrote["ours"], wrote["h5py"], same, goal=0.9, note=note),
        Row(what, wrote["ours"], wrote["contiguous"], loose, note=f"{rate['contiguous']:.0f} MB/s"),
        Row(
            "the same with finish()",
            wrote["ours"] + wrote["ours finish"],
            wrote["h5py"],
            same,
            note="finish reads everything back and writes a SHA-256 manifest",
        ),
        Row(
            f"read a batch of {BATCH} random samples",
            got["ours"],
            got["h5py"],
            "h5py, persistent handle, same chunks",
            goal=1.0,
            note="values compared",
        ),
        Row(f"read a batch of {BATCH} random samples", got["ours"], got["contiguous"], loose),
        Row(
            f"read a batch of {BATCH} random 16 x 16 samples",
            small["ours"],
            small["h5py"],
            "h5py, persistent handle, one chunk per sample",
            goal=1.0,
        ),
        Row(
            "open a file",
            opened["ours"],
            opened["h5py"],
            "h5py, no audit",
            note=f"audit alone {1e3 * opened['audit']:.1f} ms",
        ),
    ]
    finish("Data files", rows, arguments)


if __name__ == "__main__":
    main()
