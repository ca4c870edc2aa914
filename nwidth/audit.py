"""Audit of HDF5 files: refuse whatever could reach outside the file or explode when it is read."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5t

from nwidth.arguments import require_path
from nwidth.errors import FileFormatError
from nwidth.journaled_file import JournaledFile, settle

# Filters whose decoders are part of HDF5 or of hdf5plugin: deflate, shuffle, fletcher32, szip,
# nbit, scaleoffset, lzf, blosc, lz4, bitshuffle, zstd, blosc2. Others name a library to be loaded.
_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000, 32001, 32004, 32008, 32015, 32026})
_CHECKSUM = 3
_MOST_BYTES = 1 << 45
_MOST_RATIO = 1000
_SMALL_BYTES = 1 << 24
_MOST_ATTRIBUTE_BYTES = 1 << 24
_MOST_OBJECTS = 100_000


def audit(path: str | Path) -> list[str]:
    """Return what is suspicious in an HDF5 file, one sentence each; empty for an honest file.

    The file is walked link by link without following any that leaves it, and no data are read.
    Reported are external and user-defined links, data kept in other files (external storage and
    virtual datasets), filters that are not on a list of known ones, types that are neither numbers
    nor text, sizes above 32 TiB, and data that claim 1000 times the bytes the file holds for
    them: HDF5 itself follows or allocates all of these on request.

    Raises `FileFormatError` for a file that is missing, locked, truncated or not HDF5.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/a.h5", "w") as file:
    ...         file["there"] = h5py.ExternalLink("b.h5", "/x")
    ...     audit(f"{folder}/a.h5")
    ['/there: external link']
    """
    with open_hdf5(path) as file:
        return list(problems(file))


def open_audited(
    source: str | Path | JournaledFile, *, sparse: bool = False, **options: Any
) -> h5py.File:
    """Open an HDF5 file for reading, or a journaled one for changing, if the audit does not object.

    `sparse` accepts data that are not written yet: for readers that know how much there is.
    `options` go to `h5py.File`.
    """
    if isinstance(source, JournaledFile):
        with _told(source.path):
            file = source.hdf5(**options)
    else:
        file = open_hdf5(source, **options)
    try:
        found = next(problems(file, sparse=sparse), None)
    except Exception:
        file.close()
        raise
    if found is not None:
        file.close()
        raise FileFormatError(
            f"{source}: expected a self-contained HDF5 file, but {found}; "
            "it is not opened: copy the data you trust into a new file"
        )
    return file


def open_hdf5(path: str | Path, **options: Any) -> h5py.File:
    """Open an HDF5 file without an audit; every failure is a `FileFormatError` with its reason.

    What a killed writer had left to do in the file is done first.
    """
    path = require_path(path, "path")
    with _told(path):
        settle(path)
        return h5py.File(path, "r", **options)


def open_journaled(path: str | Path) -> JournaledFile:
    """Open a file for changing; every failure is a `FileFormatError` with its reason."""
    path = require_path(path, "path")
    with _told(path):
        return JournaledFile(path)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file into sentences."""
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "nothing"
            raise FileFormatError(f"{path}: expected an HDF5 file, found {what}; check the path")
        yield
    except FileFormatError:
        raise
    except BlockingIOError:
        raise FileFormatError(
            f"{path}: expected a file that nobody is writing, but another process has it open; "
            "wait until it is done, or close the data set that this process appends to"
        ) from None
    except PermissionError:
        raise FileFormatError(
            f"{path}: no permission to open this file; check its owner and mode"
        ) from None
    except Exception as error:  # HDF5 raises many kinds for damaged files
        raise FileFormatError(_reason(path, error)) from None


def _reason(path: Path, error: Exception) -> str:
    """Return one sentence on why a file cannot be opened."""
    text = str(error)
    if "truncated file" in text:
        return f"{path}: the file is truncated; copy it again or restore it"
    if "signature not found" in text:
        return (
            f"{path}: expected an HDF5 file, got something else; `nwidth convert` reads npz files"
        )
    if getattr(error, "errno", None) == errno.EACCES:
        return f"{path}: no permission to open this file; check its owner and mode"
    return f"{path}: the file is damaged or in use ({text[:200]}); restore it or write it again"


def schema_of(file: h5py.File) -> str | None:
    """Return which of our schemas an open file follows: "fields", "archive" or None."""
    own = file.get("nwidth")
    if not isinstance(own, h5py.Group) or "schema" not in own.attrs:
        return None
    schema = own.attrs["schema"]
    return schema.decode() if isinstance(schema, bytes) else None


def problems(file: h5py.File, *, sparse: bool = False) -> Iterator[str]:
    """Yield what is suspicious in an open file.

    Raises `FileFormatError` where its structure is too damaged to be walked.
    """
    try:
        yield from _walk(file, sparse)
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{file.filename}: the file is damaged ({str(error)[:200]}); restore it"
        ) from None


def _walk(file: h5py.File, sparse: bool) -> Iterator[str]:
    """Yield the problems of every object once, however many links and cycles lead to it."""
    root = h5o.open(file.id, b"/")
    seen = {h5o.get_info(root).addr}
    waiting = [(root, "")]
    while waiting:
        group, path = waiting.pop()
        yield from _attribute_problems(group, path or "/")
        names: list[bytes] = []
        group.links.iterate(names.append)
        for name in names:
            here = f"{path}/{name.decode('utf-8', 'replace')}"
            kind = group.links.get_info(name).type
            if kind == h5l.TYPE_EXTERNAL:
                yield f"{here}: external link"
            elif kind not in (h5l.TYPE_HARD, h5l.TYPE_SOFT):
                yield f"{here}: user-defined link"
            if kind != h5l.TYPE_HARD:
                continue  # the target of a soft link is audited where it lives
            object_ = h5o.open(group, name)
            address = h5o.get_info(object_).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MOST_OBJECTS:
                yield f"{here}: more than {_MOST_OBJECTS} objects"
                return
            if isinstance(object_, h5g.GroupID):
                waiting.append((object_, here))
            elif isinstance(object_, h5d.DatasetID):
                yield from _attribute_problems(object_, here)
                yield from _dataset_problems(object_, here, sparse)


def _attribute_problems(object_: Any, here: str) -> Iterator[str]:
    """Yield attributes that declare too much, or lists of any length: damaged ones crash HDF5.

    References are let pass: they tie scales to axes.
    """
    for k in range(h5py.h5a.get_num_attrs(object_)):
        attribute = h5py.h5a.open(object_, index=k)
        type_ = attribute.get_type()
        name = attribute.name.decode("utf-8", "replace")
        declared = _declared_bytes(attribute.shape, type_)
        if declared > _MOST_ATTRIBUTE_BYTES:
            yield f"{here}: attribute {name} declares {declared} bytes"
        if type_.get_class() == h5t.VLEN and type_.get_super().get_class() != h5t.REFERENCE:
            yield f"{here}: attribute {name} holds lists of any length"


def _dataset_problems(dataset: h5d.DatasetID, here: str, sparse: bool) -> Iterator[str]:
    """Yield where data lie outside the file, need foreign code, or claim absurd sizes."""
    creation = dataset.get_create_plist()
    layout = creation.get_layout()
    type_ = dataset.get_type()
    if not _is_plain(type_):
        yield f"{here}: type that is neither number nor text ({type_.get_class()})"
    if layout == h5d.VIRTUAL:
        for k in range(creation.get_virtual_count()):
            if creation.get_virtual_filename(k) != ".":
                yield f"{here}: virtual dataset of another file"
                break
    elif creation.get_external_count():
        yield f"{here}: data stored in another file"
    filters = {creation.get_filter(k)[0] for k in range(creation.get_nfilters())}
    for number in sorted(filters - _FILTERS):
        yield f"{here}: unknown filter {number}"
    declared = _declared_bytes(dataset.shape, type_)
    if declared > _MOST_BYTES:
        yield f"{here}: declares {declared} bytes"
    elif layout == h5d.VIRTUAL or declared <= _SMALL_BYTES:
        return
    else:
        stored = max(dataset.get_storage_size(), 1)
        if declared <= _MOST_RATIO * stored:
            return
        if not filters <= {_CHECKSUM}:
            cells = dataset.get_num_chunks() * _chunk_bytes(creation, type_)
            if cells > _MOST_RATIO * stored:
                yield f"{here}: {stored} stored bytes unpack to {cells}"
                return
        if not sparse:
            yield f"{here}: declares {declared} bytes and stores {stored}"


def _is_plain(type_: Any) -> bool:
    """Whether a type is a number, a truth value, text, or a compound or array of such."""
    kind = type_.get_class()
    if kind == h5t.STRING:
        return True
    if kind == h5t.COMPOUND:
        return all(_is_plain(type_.get_member_type(k)) for k in range(type_.get_nmembers()))
    if kind in (h5t.ENUM, h5t.ARRAY):
        return _is_plain(type_.get_super())
    return kind in (h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD, getattr(h5t, "COMPLEX", h5t.FLOAT))


def _chunk_bytes(creation: Any, type_: Any) -> int:
    """Return the unpacked size of one chunk."""
    return int(np.prod(creation.get_chunk(), dtype=object)) * type_.get_size()


def _declared_bytes(shape: tuple[int, ...] | None, type_: Any) -> int:
    """Return how many bytes a reader would have to allocate."""
    if shape is None:
        return 0
    return int(np.prod(shape, dtype=object)) * type_.get_size()
