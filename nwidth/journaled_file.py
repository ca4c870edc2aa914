"""Files that HDF5 changes between two flushes wholly or not at all."""

import atexit
import contextlib
import fcntl
import hashlib
import os
import struct
import weakref
from pathlib import Path
from typing import Any, Self

import h5py

from nwidth.arguments import require_path
from nwidth.atomic_file import unwritable
from nwidth.errors import FileFormatError

_MAGIC = b"nwidth journal 1"
# Magic, bytes of the entries, their SHA-256: at the very end of the file.
_FOOTER = struct.Struct("<16sQ32s")
_ENTRY = struct.Struct("<QQ")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What a kill does not tear apart: a write that stays within one page.
_PAGE = 4096
_OPEN: "weakref.WeakSet[JournaledFile]" = weakref.WeakSet()


class JournaledFile:
    """A file for h5py's file-object driver with a redo journal in its own tail.

    HDF5 writes its indices one after the other: a process killed in between leaves an index that
    points to what was never written, and earlier data are lost with it. Here

        space that was free at the last flush     is written at once: nothing refers to it yet
        everything else                           is held in memory until HDF5 flushes; then it is
                                                  written to the tail of the file, with a checksum
                                                  as last word, and after that to its places

    Whoever opens the file next puts a whole journal into effect (`settle`) and takes no notice of a
    torn one, so that flushes are atomic when processes die. Against power cuts only `sync` helps.
    Reference: write-ahead logging, Mohan et al. (1992), doi:10.1145/128765.128770.

    Args:
        path: an HDF5 file that exists. It is locked as HDF5 would: one writer and no readers.

    Attributes: `end`, behind the last byte that was written.

    Raises `BlockingIOError` if the file is in use.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     h5py.File(f"{folder}/a.h5", "w").close()
    ...     with JournaledFile(f"{folder}/a.h5") as stream, h5py.File(stream, "r+") as file:
    ...         file["x"] = 2.0
    ...     float(h5py.File(f"{folder}/a.h5")["x"][()])
    2.0
    """

    def __init__(self, path: str | Path):
        self.path = require_path(path, "path")
        self._file: weakref.ref[h5py.File] | None = None
        self._descriptor: int | None = os.open(self.path, os.O_RDWR)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _redo(self._descriptor)
        except BaseException:
            os.close(self._descriptor)
            self._descriptor = None
            raise
        self._pid = os.getpid()
        self._place = 0
        self._held: dict[tuple[int, int], bytes] = {}
        self._free = self._next_free = self._end_at_opening()
        self.end = os.fstat(self._descriptor).st_size
        _OPEN.add(self)

    def hdf5(self, **options: Any) -> h5py.File:
        """Return the HDF5 file, to be closed before this one."""
        file = h5py.File(self, "r+", **options)
        self._file = weakref.ref(file)
        self.end = self._free
        return file

    def fileno(self) -> int:
        """Return the file descriptor."""
        if self._descriptor is None:
            raise ValueError(f"{self.path}: the file is closed")
        return self._descriptor

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, from the start, from here, or from the last byte written."""
        self._place = offset + {os.SEEK_CUR: self._place, os.SEEK_END: self.end}.get(whence, 0)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read what was written, be it held or on the disk; zeros behind the end."""
        view = memoryview(buffer).cast("B")
        start, done = self._place, 0
        while done < len(view) and (n := os.preadv(self.fileno(), [view[done:]], start + done)):
            done += n
        view[done:] = bytes(len(view) - done)
        for (place, size), data in self._held.items():
            low, high = max(place, start), min(place + size, start + len(view))
            if low < high:
                view[low - start : high - start] = data[low - place : high - place]
        self._place += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        """Return some bytes."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def write(self, data: Any) -> int:
        """Write where space was free at the last flush, hold the rest."""
        view = memoryview(data).cast("B")
        if os.getpid() != self._pid:  # a forked copy
            return len(view)
        held = min(max(self._free - self._place, 0), len(view))
        if held:
            key = (self._place, held)
            self._held.pop(key, None)  # the newest is the last
            self._held[key] = bytes(view[:held])
        _write(self.fileno(), view[held:], self._place + held)
        self._place += len(view)
        self.end = max(self.end, self._place)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Take note of where HDF5's file ends; what was reserved behind it stays."""
        self._next_free = self._place if size is None else size
        return self._next_free

    def flush(self) -> None:
        """Put into effect all that was held, wholly or not at all."""
        if os.getpid() != self._pid:
            return
        if self._held:
            entries = list(self._held.items())
            (place, size), data = entries[0]
            if len(entries) == 1 and place // _PAGE == (place + size - 1) // _PAGE:
                _write(self.fileno(), data, place)
            else:
                self._write_journaled(entries)
            self._held.clear()
        self._free = self._next_free

    def _write_journaled(self, entries: list[tuple[tuple[int, int], bytes]]) -> None:
        """Write the journal to the reserved tail, or behind it, then the entries."""
        journal = b"".join(_ENTRY.pack(*key) + data for key, data in entries)
        footer = _FOOTER.pack(_MAGIC, len(journal), hashlib.sha256(journal).digest())
        size = os.fstat(self.fileno()).st_size
        start = size - len(journal) - len(footer)
        if start < max(self._next_free, self.end):
            start = max(size, self._next_free, self.end)
        _write(self.fileno(), journal + footer, start)
        for (place, _), data in entries:
            _write(self.fileno(), data, place)
        _clear(self.fileno(), start + len(journal))

    def reserve(self, size: int) -> int:
        """Take disk space behind the end before HDF5 needs it; return where it ends.

        HDF5 itself does not survive a full disk. Raises `FileFormatError` (an OSError) if there is
        none.
        """
        try:
            os.posix_fallocate(self.fileno(), self.end, size)
        except OSError as error:
            raise unwritable(self.path, error, size) from None
        return self.end + size

    def sync(self) -> None:
        """Have all that was flushed on the disk."""
        os.fsync(self.fileno())

    def close(self) -> None:
        """Flush, cut off what was reserved and not used, and unlock."""
        if self._descriptor is None:
            return
        try:
            if os.getpid() == self._pid:
                self.flush()
                os.ftruncate(self._descriptor, self._free)
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def close_hdf5(self) -> None:
        """Close the HDF5 file, if it is open, and this one."""
        file = self._file() if self._file is not None else None
        if file is not None:
            file.close()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self):
        with contextlib.suppress(Exception):  # half-made objects, and interpreters that end
            self.close()

    def __repr__(self) -> str:
        return str(self.path)

    def _end_at_opening(self) -> int:
        """Return where HDF5's file ends: its superblock says so, at least in version 0."""
        head, size = os.pread(self.fileno(), 48, 0), os.fstat(self.fileno()).st_size
        known = head.startswith(_SIGNATURE + b"\0") and len(head) == 48 and head[13] == 8
        return min(int.from_bytes(head[40:], "little"), size) if known else size


def settle(path: Path) -> None:
    """Put into effect the journal that a killed writer left in a file, if there is a whole one.

    Raises `FileFormatError` if there is one and the file may not be written, `BlockingIOError` if
    its writer lives.
    """
    with path.open("rb") as stream:
        if _journal(stream.fileno()) is None:
            return
    try:
        JournaledFile(path).close()
    except PermissionError:
        raise FileFormatError(
            f"{path}: its writer was killed, and the file must be mended before it is read; open "
            "it once as a user who may write it"
        ) from None


def _redo(descriptor: int) -> None:
    """Write what the journal of a file says, as often as it takes."""
    journal = _journal(descriptor)
    if journal is None:
        return
    place = 0
    while place < len(journal):
        target, size = _ENTRY.unpack_from(journal, place)
        place += _ENTRY.size
        _write(descriptor, journal[place : place + size], target)
        place += size
    _clear(descriptor, os.fstat(descriptor).st_size - _FOOTER.size)


def _journal(descriptor: int) -> bytes | None:
    """Return the entries of a whole journal at the end of a file, None if there is none."""
    size = os.fstat(descriptor).st_size
    footer = os.pread(descriptor, _FOOTER.size, max(0, size - _FOOTER.size))
    if not footer.startswith(_MAGIC) or len(footer) != _FOOTER.size:
        return None
    _, length, digest = _FOOTER.unpack(footer)
    start = size - _FOOTER.size - length
    if start < len(_SIGNATURE) or os.pread(descriptor, len(_SIGNATURE), 0) != _SIGNATURE:
        return None
    journal = os.pread(descriptor, length, start)
    if hashlib.sha256(journal).digest() != digest or not _fits(journal, start):
        return None
    return journal


def _fits(journal: bytes, start: int) -> bool:
    """Return whether the entries follow each other to the end and stay before the journal."""
    place = 0
    while place + _ENTRY.size <= len(journal):
        target, size = _ENTRY.unpack_from(journal, place)
        place += _ENTRY.size + size
        if target + size > start:
            return False
    return place == len(journal)


def _clear(descriptor: int, place: int) -> None:
    """Make a footer unreadable."""
    _write(descriptor, bytes(_FOOTER.size), place)


def _write(descriptor: int, data: Any, place: int) -> None:
    """Write all bytes, however many calls it takes."""
    view = memoryview(data)
    while view.nbytes:
        written = os.pwrite(descriptor, view, place)
        view, place = view[written:], place + written


@atexit.register
def _close_all() -> None:
    """Close what is open: HDF5 itself would call a stream when Python is gone."""
    for stream in list(_OPEN):
        with contextlib.suppress(Exception):
            stream.close_hdf5()
