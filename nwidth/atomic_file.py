"""Files that are there whole or not at all: written beside their place, synced, renamed."""

import errno
import itertools
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nwidth.errors import FileFormatError

_HOST = re.sub(r"[^\w-]", "-", platform.node()) or "host"
_DRAFT = re.compile(r"\..+\.(?P<host>[\w-]+)\.(?P<pid>\d+)-\d+\.partial", re.DOTALL)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_number = itertools.count()


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Give a new name in the folder of `path`, `.NAME.HOST.PID-NUMBER.partial`; remove it after.

    No other call, process or machine has the same name, and `sweep` knows whose it is.
    """
    # Not `with_name`: "." and "/" have no name, and what is wrong with them is told on writing.
    draft = path.parent / f".{path.name}.{_HOST}.{os.getpid()}-{next(_number)}.partial"
    try:
        yield draft
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def written_in_place(path: Path) -> Iterator[Path]:
    """Give a new file beside `path` to write to; on success sync it and rename it to `path`.

    On any error, and on interruption, `path` stays as it was and the draft is removed. Raises
    `FileFormatError` (an OSError) with the reason if the place cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     with written_in_place(path) as draft:
    ...         _ = draft.write_text("whole")
    ...     path.read_text(), len(list(Path(folder).iterdir()))
    ('whole', 1)
    """
    with draft_beside(path) as draft:
        ours = {None, *map(str, (draft, path, path.parent))}
        try:
            draft.touch(exist_ok=False)
            yield draft
            with draft.open("rb+") as stream:
                os.fsync(stream.fileno())
            draft.replace(path)
            _sync_folder(path.parent)
        except FileFormatError as error:
            if draft.name not in str(error):
                raise
            # The writer knows the file by the name of the draft only.
            named = FileFormatError(str(error).replace(draft.name, path.name))
            named.errno = error.errno
            raise named from None
        except OSError as error:
            if error.filename is not None and str(error.filename) not in ours:
                raise  # it is about another file, which the writer reads
            raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError, size: int | None = None) -> FileFormatError:
    """Return the error for a path that cannot be written, with the reason and the remedy."""
    if error.errno in _FULL or "errno = 28" in str(error):
        needed = "" if size is None else f" for {size:,} bytes"
        text = f"{path}: no space left{needed} in {path.parent}; free some or write elsewhere"
    elif path.is_dir():
        text = f"{path}: expected a file to write, found a folder; add a file name"
    elif not path.parent.is_dir():
        text = f"{path}: the folder {path.parent} does not exist; create it first"
    elif isinstance(error, PermissionError):
        text = f"{path}: no permission to write here; choose another place"
    else:
        text = f"{path}: cannot be written ({error.strerror or error})"
    result = FileFormatError(text)
    result.errno = error.errno
    return result


def sweep(folder: Path) -> None:
    """Remove the drafts that killed processes of this machine have left in a folder."""
    for draft in folder.glob(".*.partial"):
        name = _DRAFT.fullmatch(draft.name)
        if name and name["host"] == _HOST and not _alive(int(name["pid"])):
            with suppress(OSError):  # it may be another user's
                draft.unlink(missing_ok=True)


def _alive(number: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
