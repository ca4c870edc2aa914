"""Crash-safe appending to a data file: numbers, indices and count in one atomic flush."""

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5s, h5t
from numpy.typing import NDArray

from nwidth.atomic_file import written_in_place
from nwidth.errors import FileFormatError
from nwidth.field_layout import GROUP, FieldLayout, waiting_room
from nwidth.journaled_file import JournaledFile

# Room for metadata, which is always there.
METADATA = 1 << 20
_AHEAD = 1 << 26
# Whole chunks are written: they need not pass through a cache.
UNCACHED: dict[str, Any] = {"rdcc_nbytes": 0}
_CHUNK_OVERHEAD = 256


class FieldWriter:
    """Appends samples so that whatever is counted survives the death of the process.

    Numbers, indices and count change in one flush, which is atomic in a `JournaledFile`. Samples
    beyond the count do not exist for readers, and the next append overwrites them.

    Tiny samples share a chunk. The samples of a chunk that is not full lie in a plain waiting room,
    and the chunk, which has a checksum, is written once, when it is full.
    """

    def __init__(self, stream: JournaledFile, file: h5py.File, layout: FieldLayout):
        self._stream = stream
        self._file = file
        self._layout = layout
        self._count = file[f"{GROUP}/count"]
        self._number = np.zeros((), np.int64)
        self._fields = {name: _Appender(file, layout, name) for name in layout.fields}
        shared = {appender.per_chunk for appender in self._fields.values()}
        self._shared = shared - {1}
        self._sample_bytes = layout.sample_bytes + sum(a.extra for a in self._fields.values())
        self._slack = METADATA + max(shared) * layout.sample_bytes
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
        if self._least_room(stop) > self._room:
            self._grow(stop)
        for name, array in fields.items():
            self._fields[name].write(start, array)
        for name, values in scalars.items():
            scalar = self._scalars[name].id
            space = scalar.get_space()
            space.select_hyperslab((start,), (samples,))
            scalar.write(h5s.create_simple((samples,)), space, values, h5t.NATIVE_DOUBLE)
        self.acknowledge(stop)

    def acknowledge(self, count: int) -> None:
        """Write the count and flush."""
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

    def require_space(self, samples: int = 0) -> None:
        """Have disk space for some samples and 1 MiB of metadata, or raise `FileFormatError`."""
        if self._stream.end + self._bytes(samples) > self._reserved:
            self._reserve(samples, ahead=_AHEAD if samples else 0)

    def _reserve(self, samples: int, ahead: int = _AHEAD) -> None:
        """Take disk space before HDF5 needs it: HDF5 itself does not survive a full disk.

        HDF5 does not notice; its own end of the file stays where it was.
        """
        least = self._bytes(samples)
        for size in (max(least, ahead), least):
            try:
                self._reserved = self._stream.reserve(size)
            except FileFormatError:
                if size == least:
                    raise
            else:
                return

    def _grow(self, least: int) -> None:
        """Double the room: datasets of unknown length grow rarely, the rest reads as NaN."""
        room = self._least_room(self._layout.expected or max(least, 2 * self._room))
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


@contextlib.contextmanager
def fresh_file(path: Path, overwrite: bool, image: bytes) -> Iterator[JournaledFile]:
    """Give a new file of these bytes, open to append; it is renamed to `path` when the block ends.

    HDF5 opens it when its header is on the disk: HDF5 itself does not survive a full disk.
    """
    stream = None
    try:
        with written_in_place(path) as draft:
            if path.exists():
                _require_replaceable(path, overwrite)
            draft.write_bytes(image)
            stream = JournaledFile(draft)
            stream.path = path
            yield stream
    except BaseException:
        if stream is not None:
            stream.close_hdf5()
        raise


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
