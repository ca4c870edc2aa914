"""Crash-safe appending to a data file: numbers first, then the count that acknowledges them."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5s, h5t
from numpy.typing import NDArray

from nwidth.atomic_file import unwritable, written_in_place
from nwidth.end_of_file import end_ahead
from nwidth.errors import FileFormatError
from nwidth.field_layout import GROUP, FieldLayout, waiting_room

_SLACK = 1 << 20
_AHEAD = 1 << 26
# Nodes of indices that one append splits, however many levels they have.
_NODES = 1 << 16
# Whole chunks are written: they need not pass through a cache.
UNCACHED: dict[str, Any] = {"rdcc_nbytes": 0}
_CHUNK_OVERHEAD = 256
_ONE = h5s.create_simple((1,))


class FieldWriter:
    """Appends samples so that whatever is counted survives the death of the process.

    Data are written and flushed, then the count is written and flushed. Samples beyond the count
    do not exist for readers, and the next append overwrites them.

    Tiny samples share a chunk. Rewriting a chunk in place would endanger the acknowledged samples
    in it, so the samples of a chunk that is not full lie in a plain waiting room, and the chunk is
    written once, when it is full. Before the waiting room is used again, the count says so.
    """

    def __init__(self, file: h5py.File, layout: FieldLayout, path: Path):
        self._file = file
        self._layout = layout
        self._path = path
        self._count = file[f"{GROUP}/count"]
        self._number = np.zeros((), np.int64)
        self._fields = {name: _Appender(file, layout, name) for name in layout.fields}
        shared = {appender.per_chunk for appender in self._fields.values()}
        self._shared = shared - {1}
        self._sample_bytes = layout.sample_bytes + sum(a.extra for a in self._fields.values())
        self._slack = _SLACK + max(shared) * layout.sample_bytes
        self._scalars = {name: file[f"scalars/{name}"] for name in layout.scalars}
        self.count = int(self._count[()])
        self._room = min(d.shape[0] for d in self._extents())
        h5f.flush(file.id)
        self._reserved = 0
        if layout.expected is not None:
            self._reserve(layout.expected - self.count, ahead=0)

    def append(
        self, fields: Mapping[str, NDArray], scalars: Mapping[str, NDArray], samples: int
    ) -> None:
        """Append samples: arrays `(samples, ...)` of the stored type, in C order."""
        first, end = self.count, self.count + samples
        cuts = {cut for k in self._shared for cut in range(first - first % k + k, end, k)}
        for stop in [*sorted(cuts), end]:
            piece = slice(self.count - first, stop - first)
            self._append(
                {name: array[piece] for name, array in fields.items()},
                {name: values[piece] for name, values in scalars.items()},
                stop,
            )

    def _append(
        self, fields: Mapping[str, NDArray], scalars: Mapping[str, NDArray], stop: int
    ) -> None:
        """Append samples up to a number, such that no shared chunk is passed by."""
        start, samples = self.count, stop - self.count
        self.require_space(samples)
        with end_ahead(self._file, self._growth(start, stop)):
            if self._least_room(stop) > self._room:
                self._grow(stop)
            for name, array in fields.items():
                self._fields[name].write(start, array)
            for name, values in scalars.items():
                self._scalars[name][start:stop] = values
            h5f.flush(self._file.id)
        self.acknowledge(stop)

    def acknowledge(self, count: int) -> None:
        """Write the count, last."""
        self._number[()] = count
        self._count.id.write(h5s.ALL, h5s.ALL, self._number, h5t.NATIVE_INT64)
        h5f.flush(self._file.id)
        self.count = count

    def trim(self) -> None:
        """Move waiting samples to their chunks and cut off the room that was not used."""
        if self._least_room(self.count) > self._room:
            self._grow(self.count)
        for appender in self._fields.values():
            appender.finish(self.count)
        for dataset in self._extents():
            dataset.resize(self.count, axis=0)
        self._room = self.count

    def _extents(self) -> list[h5py.Dataset]:
        """Return the datasets with a sample axis, but for the axis itself."""
        fields = [appender.dataset for appender in self._fields.values()]
        return [*fields, *self._scalars.values(), self._file["sample"]]

    def _least_room(self, count: int) -> int:
        """Return the length of the sample axis that some samples need, in whole chunks."""
        return max((-(-count // k) * k for k in self._shared), default=count)

    def _bytes(self, samples: int) -> int:
        """Return how many bytes the file may grow by with some samples, metadata included."""
        return samples * self._sample_bytes + self._slack

    def _growth(self, start: int, stop: int) -> int:
        """Return how many bytes the file may grow by with just these samples, often none."""
        new = sum(appender.new_bytes(start, stop) for appender in self._fields.values())
        new += sum(_begun_bytes(dataset, start, stop) for dataset in self._scalars.values())
        if self._least_room(stop) > self._room:
            new += _begun_bytes(self._file["sample"], self._room, self._room_for(stop))
        return new + new // 64 + _NODES if new else 0  # filters may add a little

    def require_space(self, samples: int = 0) -> None:
        """Have disk space for some samples and 1 MiB of metadata, or raise `FileFormatError`."""
        if self._file.id.get_filesize() + self._bytes(samples) > self._reserved:
            self._reserve(samples, ahead=_AHEAD if samples else 0)

    @contextlib.contextmanager
    def changes(self) -> Iterator[None]:
        """Have disk space for 1 MiB of metadata and flush; a kill before the end costs nothing."""
        self.require_space()
        with end_ahead(self._file, self._bytes(0)):
            yield
            self._file.flush()

    def _reserve(self, samples: int, ahead: int = _AHEAD) -> None:
        """Take disk space before HDF5 needs it: HDF5 itself does not survive a full disk.

        HDF5 does not notice; its own end of the file stays where it was.
        """
        start = self._file.id.get_filesize()
        least = self._bytes(samples)
        descriptor = self._file.id.get_vfd_handle()
        for size in (max(least, ahead), least):
            try:
                os.posix_fallocate(descriptor, start, size)
            except OSError as error:
                if size == least:
                    raise unwritable(self._path, error, size) from None
            else:
                self._reserved = start + size
                return

    def _room_for(self, least: int) -> int:
        """Return the next length of the sample axis."""
        return self._least_room(self._layout.expected or max(least, 2 * self._room))

    def _grow(self, least: int) -> None:
        """Double the room: datasets of unknown length grow rarely, the rest reads as NaN."""
        room = self._room_for(least)
        for dataset in self._extents():
            dataset.resize(room, axis=0)
        self._file["sample"][...] = np.arange(room)
        for appender in self._fields.values():
            appender.refresh()
        self._room = room


class _Appender:
    """Appends to one dataset, whole chunks only if several samples share one."""

    def __init__(self, file: h5py.File, layout: FieldLayout, name: str):
        self.dataset = file[layout.path(name)]
        self.sample = layout.stored_shape(name)
        self._origin = (0,) * len(self.sample)
        self._type = h5t.py_create(self.dataset.dtype)
        chunks = layout.chunks(name)
        self.per_chunk = chunks[0]
        parts = prod(-(-n // c) for n, c in zip(self.sample, chunks[1:], strict=True))
        self.extra = parts * _CHUNK_OVERHEAD
        if self.per_chunk > 1:
            self._waiting = file[waiting_room(name)]
            self._chunk = self._waiting[()]
        self.refresh()

    def refresh(self) -> None:
        """Take note of a new extent."""
        self._space = self.dataset.id.get_space()

    def write(self, start: int, rows: NDArray) -> None:
        """Write samples from number `start` on, up to the end of a shared chunk at most."""
        if self.per_chunk == 1:
            self._write_rows(start, rows)
            return
        rows = rows.reshape(len(rows), *self.sample)
        held = start % self.per_chunk
        after = held + len(rows)
        self._chunk[held:after] = rows
        if after == self.per_chunk:
            self._write_rows(start - held, self._chunk)
        else:
            self._waiting[held:after] = rows

    def new_bytes(self, start: int, stop: int) -> int:
        """Return the bytes of the chunks that samples from `start` to `stop` fill."""
        full = stop // self.per_chunk - start // self.per_chunk
        return full * (
            self.per_chunk * prod(self.sample) * self.dataset.dtype.itemsize + self.extra
        )

    def finish(self, count: int) -> None:
        """Write the last, partly filled chunk."""
        held = count % self.per_chunk
        if held:
            self._chunk[held:] = np.nan
            self._write_rows(count - held, self._chunk)

    def _write_rows(self, start: int, rows: NDArray) -> None:
        shape = (len(rows), *self.sample)
        self._space.select_hyperslab((start, *self._origin), shape)
        self.dataset.id.write(h5s.create_simple(shape), self._space, rows, self._type)


def _begun_bytes(dataset: h5py.Dataset, start: int, stop: int) -> int:
    """Return the bytes of the chunks of a list that begin within some numbers."""
    length = dataset.chunks[0]
    begun = -(-stop // length) - -(-start // length)
    return begun * (length * dataset.dtype.itemsize + _CHUNK_OVERHEAD)


@contextlib.contextmanager
def fresh_file(path: Path, overwrite: bool, image: bytes) -> Iterator[h5py.File]:
    """Give a new file of these bytes, open to append; it is renamed to `path` when the block ends.

    HDF5 opens it when its header is on the disk: HDF5 itself does not survive a full disk.
    """
    file = None
    try:
        with written_in_place(path) as draft:
            if path.exists():
                _require_replaceable(path, overwrite)
            draft.write_bytes(image)
            file = h5py.File(draft, "r+", **UNCACHED)
            yield file
    except BaseException:
        if file is not None:
            file.close()
        raise


@contextlib.contextmanager
def room_to_grow(file: h5py.File, path: Path) -> Iterator[None]:
    """Have 1 MiB of disk space for metadata of a finished file, flush, and give the rest back."""
    descriptor = file.id.get_vfd_handle()
    try:
        os.posix_fallocate(descriptor, file.id.get_filesize(), _SLACK)
    except OSError as error:
        raise unwritable(path, error, _SLACK) from None
    try:
        with end_ahead(file, _SLACK):
            yield
            file.flush()
    finally:
        os.ftruncate(descriptor, file.id.get_filesize())


def _require_replaceable(path: Path, overwrite: bool) -> None:
    """Raise `FileFormatError` if a file must not be replaced or is being written."""
    if not path.is_file():
        raise FileFormatError(f"{path}: expected a file to write, found a folder; add a file name")
    if not overwrite:
        raise FileFormatError(
            f"{path}: the file exists; choose another name, pass overwrite=True, or open it with "
            "mode='a' to go on"
        )
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileFormatError(
                f"{path}: another process is writing this file; wait until it is done"
            ) from None
