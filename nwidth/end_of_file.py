"""The end of a file as its superblock tells it, ahead of all that a flush may write."""

import contextlib
import os
from collections.abc import Iterator

import h5py
from h5py import h5f

_SIGNATURE = b"\x89HDF\r\n\x1a\n\x00"  # with version 0 of the superblock
_OFFSET_BYTES, _PLACE = 13, 40
_BYTES = 8


@contextlib.contextmanager
def end_ahead(file: h5py.File, growth: int) -> Iterator[None]:
    """Have the end in the superblock `growth` bytes further while the block writes and flushes.

    HDF5 writes indices first and the superblock last. Where a process dies in between, indices
    point beyond the end that the superblock knows, and HDF5 refuses to read the file. With the end
    ahead of them it reads, and a gap of `growth` bytes is what is lost.

    The bytes are reserved already: a file shorter than its end counts as truncated. The block ends
    with a flush, which writes the true end. Where HDF5 had no reason to write one, the end before
    is put back. Files with another superblock than ours are left to HDF5. Reference: HDF5 File
    Format Specification, section II.A.

    Raises nothing of its own.
    """
    descriptor = file.id.get_vfd_handle()
    before = end_in_superblock(descriptor)
    size = os.fstat(descriptor).st_size
    ahead = size if before is None else min(before + growth, size)
    if before is None or ahead <= before:
        yield
        return
    _write_end(descriptor, ahead)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # the first failure is the one to tell
            h5f.flush(file.id)
        raise
    finally:
        if end_in_superblock(descriptor) == ahead:
            _write_end(descriptor, before)


def end_in_superblock(descriptor: int) -> int | None:
    """Return the end that an open file's superblock tells, None where it is none of ours."""
    head = os.pread(descriptor, _PLACE + _BYTES, 0)
    ours = head.startswith(_SIGNATURE) and len(head) == _PLACE + _BYTES
    if not ours or head[_OFFSET_BYTES] != _BYTES:
        return None
    return int.from_bytes(head[_PLACE:], "little")


def _write_end(descriptor: int, end: int) -> None:
    os.pwrite(descriptor, end.to_bytes(_BYTES, "little"), _PLACE)
