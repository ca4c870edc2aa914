"""The end of a file as HDF5 knows it, after its writer was killed in the middle of a flush."""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

import h5py

from nwidth.atomic_file import unwritable

_SIGNATURE = b"\x89HDF\r\n\x1a\n\x00"  # with version 0 of the superblock
_OFFSET_BYTES, _END = 13, slice(40, 48)
# Beyond so many zeros nothing was written.
_ZEROS = 1 << 24
_BLOCK, _MARGIN = 1 << 20, 1 << 16


def was_closed(path: Path) -> bool:
    """Return whether a file ends where its superblock says, or has none that is known here.

    Writers reserve space ahead, which is there until they close the file.
    """
    with path.open("rb") as stream:
        end = _end(stream)
        return end is None or end >= os.fstat(stream.fileno()).st_size


def end_of_chunks(datasets: list[h5py.Dataset]) -> int:
    """Return the place behind all chunks that are listed, 0 if the lists cannot be read."""
    found = [0]
    try:
        for dataset in datasets:
            dataset.id.chunk_iter(lambda one: found.append(one.byte_offset + one.size))
    except (OSError, RuntimeError):  # a list beyond the end: it is not zero
        return 0
    return max(found)


def regain_end(path: Path, least: int) -> bool:
    """Move the end that is in the superblock behind `least` and all numbers; say if it moved.

    HDF5 writes indices first and the superblock last. Where a process dies in between, indices
    point beyond the end, nothing can be appended there, and new numbers would lie over old ones.
    64 KiB are added, as indices may end with zeros.

    Files that were closed, that others write or that may not be written, and those with other
    superblocks stay as they are. Reference: HDF5 File Format Specification, section II.A. Raises
    `FileFormatError` if the disk is full.
    """
    if was_closed(path) or not os.access(path, os.W_OK):
        return False
    with path.open("r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        end = _end(stream) or 0
        found = max(_last_number(stream, end), least)
        if found <= end:
            return False
        found += _MARGIN
        try:
            os.posix_fallocate(stream.fileno(), end, found - end)
        except OSError as error:
            raise unwritable(path, error, found - end) from None
        stream.seek(_END.start)
        stream.write(found.to_bytes(8, "little"))
    return True


def _end(stream: BinaryIO) -> int | None:
    """Return the end in the superblock, None for other files."""
    head = stream.read(_END.stop)
    if len(head) < _END.stop or not head.startswith(_SIGNATURE) or head[_OFFSET_BYTES] != 8:
        return None
    return int.from_bytes(head[_END], "little")


def _last_number(stream: BinaryIO, start: int) -> int:
    """Return the place behind the last byte from `start` on that is not zero."""
    stream.seek(start)
    place = last = start
    while place - last < _ZEROS and (block := stream.read(_BLOCK)):
        if used := len(block.rstrip(b"\x00")):
            last = place + used
        place += len(block)
    return last
