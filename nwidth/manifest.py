"""The SHA-256 manifest of a finished data file, and its verification."""

import hashlib
import json
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import h5py
import numpy as np

from nwidth.errors import FileFormatError
from nwidth.field_layout import GROUP, WAITING, read_json, write_json
from nwidth.meshes import Grid

_BLOCK_BYTES = 1 << 22
# Written after the manifest, or gone by then.
_OUTSIDE = (f"{GROUP}/manifest", f"{GROUP}/complete", WAITING)


def manifest_of(file: h5py.File) -> dict[str, str]:
    """Return the SHA-256 of every dataset of a file, and of all its attributes together.

    A dataset's digest covers its type, shape, and values in C order and little-endian, so it is the
    same after a copy with other chunks or filters.
    """
    entries: dict[str, str] = {}
    attributes = hashlib.sha256()
    names = ["/"]
    # Nothing is read during the visit, which holds h5py's lock: a new thread whose first garbage
    # collection closes an HDF5 object would wait for that lock, and we for the thread.
    file.visit(names.append)
    for name in names:
        if name.startswith(_OUTSIDE):
            continue
        item = file[name]
        _add_attributes(attributes, name, item)
        if isinstance(item, h5py.Dataset):
            entries[name] = _dataset_digest(item)
    return {"attributes": attributes.hexdigest(), **dict(sorted(entries.items()))}


def write_manifest(file: h5py.File) -> None:
    """Read everything and write its digests into the file."""
    write_json(file[GROUP], "manifest", manifest_of(file))


def update_manifest(file: h5py.File, name: str) -> None:
    """Renew the entry of one dataset of a file whose other content is as it was."""
    entries = read_json(file[GROUP], "manifest")
    write_json(file[GROUP], "manifest", {**entries, name: _dataset_digest(file[name])})


def verify_manifest(file: h5py.File) -> Iterator[str]:
    """Yield each part of a file whose content is not what its manifest says."""
    if f"{GROUP}/manifest" not in file:
        yield "it has no manifest: it was never finished"
        return
    wanted, found = read_json(file[GROUP], "manifest"), manifest_of(file)
    for name in sorted({*wanted} | {*found}):
        if name not in found:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} was added after the file was finished"
        elif wanted[name] != found[name]:
            yield f"{name} was changed: its SHA-256 differs"


def verify_coordinates(file: h5py.File, grid: Grid) -> Iterator[str]:
    """Yield each axis whose stored points are not those of the grid."""
    for axis in grid.axes:
        for name in (axis.name, f"dimensions/{axis.name}"):
            if not np.array_equal(file[name][()], axis.points):
                yield f"{name} differs from the grid"


def verify_finite(name: str, values: Any) -> Iterator[str]:
    """Yield a sentence on the first sample with NaN or infinity, reading block by block."""
    step = max(1, _BLOCK_BYTES // max(int(np.prod(values.shape[1:])) * values.dtype.itemsize, 1))
    for start in range(0, len(values), step):
        block = values[start : start + step]
        finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if not finite.all():
            yield f"{name} holds NaN or infinity in sample {start + int(np.argmin(finite))}"
            return


def _dataset_digest(dataset: h5py.Dataset) -> str:
    """Return the SHA-256 of one dataset, reading block by block."""
    kind = dataset.dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{kind.str} {dataset.shape} ".encode())
    if dataset.shape == ():
        digest.update(np.asarray(dataset[()], dtype=kind).tobytes())
        return digest.hexdigest()
    before: _Aside | None = None
    # A block is digested while the next one is read.
    for start, stop in _blocks(dataset, dataset.shape[0]):
        block = np.ascontiguousarray(dataset[start:stop], dtype=kind)
        if before is not None:
            before.finish()
        before = _Aside(partial(digest.update, block.reshape(-1).view(np.uint8).data))
    if before is not None:
        before.finish()
    return digest.hexdigest()


class _Aside:
    """A job in a thread of its own, or in `finish` if none has begun it by then.

    Where memory is short a thread may be refused, and one that was granted may end before it runs
    any of our lines: `threading.Thread.start` waits for that one forever, nothing here does.
    """

    def __init__(self, job: Callable[[], None]):
        self.job = job
        self.error: BaseException | None = None
        self.begun, self.ended = allocate_lock(), allocate_lock()
        self.ended.acquire()
        with suppress(RuntimeError):
            start_new_thread(self._run, ())

    def _run(self) -> None:
        """Do the job, unless somebody has begun it."""
        if self.begun.acquire(blocking=False):
            try:
                self.job()
            except BaseException as error:
                self.error = error
            finally:
                self.ended.release()

    def finish(self) -> None:
        """Return when the job is done, or raise what it has raised."""
        self._run()
        self.ended.acquire()
        if self.error is not None:
            raise self.error


def _blocks(dataset: h5py.Dataset, count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of the first axis in whole chunks, of at most 4 MiB or one chunk."""
    row = int(np.prod(dataset.shape[1:])) * dataset.dtype.itemsize
    step = max(1, _BLOCK_BYTES // max(row, 1))
    per_chunk = dataset.chunks[0] if dataset.chunks else 1
    step = max(per_chunk, step - step % per_chunk)
    for start in range(0, count, step):
        yield start, min(start + step, count)


def _add_attributes(digest: Any, name: str, item: Any) -> None:
    """Add the attributes of one object, but for the references that tie scales to axes."""
    for key in sorted(item.attrs):
        if key in ("DIMENSION_LIST", "REFERENCE_LIST"):
            continue
        value = item.attrs[key]
        plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        if isinstance(plain, bytes):
            plain = plain.decode("latin-1")
        try:
            text = json.dumps([name, key, plain])
        except (TypeError, ValueError):
            raise FileFormatError(f"attribute {key} of {name} is neither number nor text") from None
        digest.update(text.encode())
