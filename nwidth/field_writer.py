"""Crash-safe appending to a data file: numbers first, then the count that acknowledges them."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

import h5py
import numpy as np
from h5py import h5s
from numpy.typing import NDArray

from nwidth.archive import unwritable
from nwidth.errors import FileFormatError
from nwidth.field_layout import GROUP, FieldLayout, room_for

_SLACK = 1 << 20
_AHEAD = 1 << 26
_CHUNK_OVERHEAD = 256
_ONE = h5s.create_simple((1,))


class FieldWriter:
    """Appends samples so that whatever is counted survives the death of the process.

    Data are written and flushed, then the count is written and flushed. Samples beyond the count
    do not exist for readers, and the next append overwrites them.

    Tiny samples share a chunk. A chunk that is not full is rewritten in place at each append, and a
    kill in the middle of that must not break the checksum over samples already acknowledged: such
    chunks are stored without filters, and moved once, through the filters, when they are full.
    """

    def __init__(self, file: h5py.File, layout: FieldLayout, path: Path):
        self._file = file
        self._layout = layout
        self._path = path
        self._count = file[f"{GROUP}/count"]
        self._shapes = [(layout.stored_shape(n), layout.chunks(n)) for n in layout.fields]
        self._fields = {name: _Appender(file[layout.path(name)], file) for name in layout.fields}
        self._scalars = {name: file[f"scalars/{name}"] for name in layout.scalars}
        self.count = int(self._count[()])
        self._room = min(d.shape[0] for d in self._extents())
        self._file.flush()
        self._reserved = 0
        if layout.expected is not None:
            self._reserve(layout.expected - self.count)
        for appender in self._fields.values():
            appender.resume(self.count)

    def append(
        self, fields: Mapping[str, NDArray], scalars: Mapping[str, NDArray], samples: int
    ) -> None:
        """Append samples: arrays `(samples, ...)` of the stored type, in C order."""
        start, stop = self.count, self.count + samples
        if self._file.id.get_filesize() + self._bytes(samples) > self._reserved:
            self._reserve(samples)
        if room_for(self._layout, stop) > self._room:
            self._grow(stop)
        for name, array in fields.items():
            self._fields[name].write(start, array.reshape(samples, -1))
        for name, values in scalars.items():
            self._scalars[name][start:stop] = values
        self._file.flush()
        self.acknowledge(stop)

    def acknowledge(self, count: int) -> None:
        """Write the count, last."""
        self._count[()] = count
        self._file.flush()
        self.count = count

    def trim(self) -> None:
        """Close open chunks and cut off the room that was not used."""
        for appender in self._fields.values():
            appender.close_chunk(self.count)
        for dataset in self._extents():
            dataset.resize(self.count, axis=0)
        self._file["sample"].resize(self.count, axis=0)
        self._room = self.count

    def _extents(self) -> list[h5py.Dataset]:
        """Return the datasets with a sample axis, but for the axis itself."""
        fields = [appender.dataset for appender in self._fields.values()]
        return [*fields, *self._scalars.values(), self._file["sample"]]

    def _bytes(self, samples: int) -> int:
        """Return how many bytes the file may grow by with some samples, metadata included."""
        chunks = sum(
            prod(-(-n // c) for n, c in zip((samples, *stored), shape, strict=True))
            for stored, shape in self._shapes
        )
        return samples * self._layout.sample_bytes + chunks * _CHUNK_OVERHEAD + _SLACK

    def _reserve(self, samples: int) -> None:
        """Take disk space before HDF5 needs it: HDF5 itself does not survive a full disk.

        HDF5 does not notice; its own end of the file stays where it was.
        """
        start = self._file.id.get_filesize()
        least = self._bytes(samples)
        descriptor = self._file.id.get_vfd_handle()
        for size in (max(least, _AHEAD), least):
            try:
                os.posix_fallocate(descriptor, start, size)
            except OSError as error:
                if size == least:
                    raise unwritable(self._path, error, size) from None
            else:
                self._reserved = start + size
                return

    def _grow(self, least: int) -> None:
        """Double the room: datasets of unknown length grow rarely, the rest reads as NaN."""
        room = room_for(self._layout, max(least, 2 * self._room))
        for dataset in self._extents():
            dataset.resize(room, axis=0)
        self._file["sample"][...] = np.arange(room)
        for appender in self._fields.values():
            appender.refresh()
        self._room = room


class _Appender:
    """Appends to one dataset, chunk by chunk if several samples share one."""

    def __init__(self, dataset: h5py.Dataset, file: h5py.File):
        self.dataset = dataset
        self._file = file
        self._sample = dataset.shape[1:]
        self._origin = (0,) * len(self._sample)
        self._per_chunk = dataset.chunks[0]
        self._has_filters = dataset.id.get_create_plist().get_nfilters() > 0
        self._open = np.full((self._per_chunk, prod(self._sample)), np.nan, dataset.dtype)
        self._open_is_stored = False
        self.refresh()

    def refresh(self) -> None:
        """Take note of a new extent."""
        self._space = self.dataset.id.get_space()

    def resume(self, count: int) -> None:
        """Read the samples of a chunk that is not full yet."""
        held = count % self._per_chunk
        if held:
            self._open[:held] = self.dataset[count - held : count].reshape(held, -1)
            self._store_open(count - held)
            self._file.flush()

    def write(self, start: int, rows: NDArray) -> None:
        """Write samples from number `start` on."""
        if self._per_chunk == 1:
            self._write_rows(start, rows)
            return
        done = 0
        while done < len(rows):
            index = start + done
            held = index % self._per_chunk
            take = min(self._per_chunk - held, len(rows) - done)
            self._open[held : held + take] = rows[done : done + take]
            done += take
            if held + take == self._per_chunk:
                self._close(index - held)
            else:
                self._store_open(index - held)

    def close_chunk(self, count: int) -> None:
        """Pass the last, partly filled chunk through the filters."""
        held = count % self._per_chunk
        if self._open_is_stored and held:
            self._close(count - held)

    def _store_open(self, first: int) -> None:
        """Write an unfinished chunk without filters, so that it may be torn without harm."""
        if not self._has_filters:
            self._write_rows(first, self._open)
            return
        self.dataset.id.write_direct_chunk((first, *self._origin), self._open, 0xFFFFFFFF)
        self._open_is_stored = True
        # HDF5 2.0 remembers the last chunk it looked up, but not that its filters were skipped;
        # looking up the next one, which is empty, makes it forget.
        self.dataset.id.read(
            _ONE,
            self._select(first + self._per_chunk, (1,) * len(self._sample)),
            np.empty(1, self.dataset.dtype),
        )

    def _close(self, first: int) -> None:
        """Write a chunk through the filters; its former place must not be reused before a flush."""
        self._write_rows(first, self._open)
        if self._open_is_stored:
            self._file.flush()
        self._open[:] = np.nan
        self._open_is_stored = False

    def _write_rows(self, start: int, rows: NDArray) -> None:
        memory = h5s.create_simple((len(rows), *self._sample))
        self.dataset.id.write(memory, self._select(start, self._sample, len(rows)), rows)

    def _select(self, start: int, shape: tuple[int, ...], samples: int = 1) -> h5s.SpaceID:
        """Return the file space with some samples, or the first corner of them, selected."""
        self._space.select_hyperslab((start, *self._origin), (samples, *shape))
        return self._space


@contextlib.contextmanager
def fresh_file(path: Path, overwrite: bool) -> Iterator[h5py.File]:
    """Give a new open file; it takes its name when the block ends, and is removed if it fails."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    file = None
    try:
        if path.exists():
            _require_replaceable(path, overwrite)
        file = h5py.File(draft, "w")
        yield file
        draft.replace(path)
    except BaseException as error:
        if file is not None:
            file.close()
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, FileFormatError):
            raise unwritable(path, error) from None
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
