"""Arrays and a JSON description in one HDF5 file: how models and checkpoints are kept."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_path
from nwidth.atomic_file import written_in_place
from nwidth.audit import open_audited, schema_of
from nwidth.errors import FileFormatError, InputError

_VERSION = 1
_GROUP = "nwidth"
_TYPES = frozenset(["b1", "f4", "f8", "c8", "c16", *(f"{k}{n}" for k in "iu" for n in "1248")])
_IN_MEMORY = 1 << 28
_SLACK = 1 << 20
_NAME = re.compile(r"[^/\x00]+(/[^/\x00]+)*")


def save_archive(
    path: str | Path, kind: str, arrays: Mapping[str, Any], description: Mapping[str, Any]
) -> None:
    """Write named arrays and a JSON description, whole or not at all.

    The file is written beside its place, synced to disk and renamed, so that a crash or a full disk
    leaves the former file as it was. `kind` says what is inside ("neural-operator"), and
    `load_archive` insists on it. A SHA-256 over everything is stored with it.

    Arrays may have any shape, scalars and empty ones included, and hold bool, integers, float32,
    float64 or complex numbers; names may contain "/" for groups. Raises `InputError` for what
    cannot be stored and `FileFormatError` (an OSError) if the disk is full or not writable.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_archive(f"{folder}/m.h5", "demo", {"layer/w": np.ones(2)}, {"width": 2})
    ...     load_archive(f"{folder}/m.h5", "demo")
    ({'layer/w': array([1., 1.])}, {'width': 2})
    """
    path = require_path(path, "path")
    if not isinstance(kind, str) or not kind:
        raise InputError(f"archive: expected a kind like 'neural-operator', got {kind!r}")
    stored = {name: _storable(name, array) for name, array in arrays.items()}
    for name in stored:
        if any(other.startswith(f"{name}/") for other in stored):
            raise InputError(f"archive: {name!r} is an array and a group at once; rename one")
    text = _to_json(description)
    size = sum(array.nbytes for array in stored.values()) + len(text)
    with written_in_place(path) as draft:
        if size < _IN_MEMORY:
            draft.write_bytes(hdf5_image(lambda file: _fill(file, kind, stored, text)))
        else:
            with reserved_hdf5(draft, size + 4096 * len(stored)) as file:
                _fill(file, kind, stored, text)


def load_archive(path: str | Path, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the description that `save_archive` wrote.

    Executes nothing, opens no other file, and compares the SHA-256 over all content. Raises
    `FileFormatError` if the file is missing, foreign, damaged, of another kind or of a later
    version.
    """
    path = require_path(path, "path")
    with open_audited(path) as file:
        try:
            return _read(file, path, kind)
        except FileFormatError:
            raise
        except Exception as error:  # HDF5 raises many kinds for damaged files
            raise _damaged(path, str(error)) from None


@contextlib.contextmanager
def reserved_hdf5(path: Path, size: int) -> Iterator[h5py.File]:
    """Give a new HDF5 file with disk space reserved: HDF5 itself does not survive a full disk."""
    path.write_bytes(hdf5_image(lambda file: None))
    with h5py.File(path, "r+") as file:
        os.posix_fallocate(file.id.get_vfd_handle(), 0, size + _SLACK)
        yield file
    with h5py.File(path, "r+") as file:
        file.flush()  # cuts off what lies behind HDF5's own end of the file


def hdf5_image(fill: Callable[[h5py.File], None]) -> bytes:
    """Return the bytes of the HDF5 file that a function fills, built in memory."""
    with h5py.File("image", "w", driver="core", backing_store=False) as file:
        fill(file)
        file.flush()
        return file.id.get_file_image()


def _storable(name: str, array: Any) -> NDArray[Any]:
    """Return the array in C order and little-endian, or raise if it cannot be stored."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or not _NAME.fullmatch(name) or {".", ".."} & {*parts}:
        raise InputError(f"archive: expected names like 'layer/weight', got {name!r}")
    array = np.asarray(array)
    if array.dtype.kind + str(array.dtype.itemsize) not in _TYPES:
        raise InputError(
            f"archive: {name}: expected bool, integers, float32, float64 or complex numbers, got "
            f"{array.dtype}; convert it first"
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _to_json(description: Mapping[str, Any]) -> str:
    """Return the JSON text of the description, or raise `InputError`."""
    try:
        if not isinstance(description, Mapping):
            raise TypeError(f"got {type(description).__name__}")
        return json.dumps(dict(description), allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"archive: expected a description of text, finite numbers, lists and dictionaries, "
            f"but {error}; convert arrays to lists or store them as arrays"
        ) from None


def _digest(kind: str, arrays: Mapping[str, NDArray[Any]], text: str) -> str:
    """Return the SHA-256 over kind, description, and names, types, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for word in (str(_VERSION), kind, text):
        digest.update(f"{len(word.encode())}:{word}".encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{len(name.encode())}:{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _fill(file: h5py.File, kind: str, arrays: Mapping[str, NDArray[Any]], text: str) -> None:
    """Write everything into an open file."""
    group = file.create_group(_GROUP)
    # Texts of fixed length: HDF5 may not survive others in a damaged file.
    group.attrs["schema"] = np.bytes_("archive")
    group.attrs["schema_version"] = _VERSION
    group.attrs["kind"] = np.bytes_(kind.encode())
    group.attrs["sha256"] = np.bytes_(_digest(kind, arrays, text))
    file["description"] = np.array(text.encode(), dtype=f"S{len(text.encode())}")
    place = file.create_group("arrays")
    for name, array in arrays.items():
        options = {"chunks": _chunks(array), "fletcher32": True} if array.size > 1 else {}
        place.create_dataset(name, data=array, **options)


def _chunks(array: NDArray[Any]) -> tuple[int, ...]:
    """Return chunks of at most 64 MiB, split along the first axes."""
    chunks = list(array.shape)
    if not chunks:
        return ()
    for k in range(len(chunks)):
        rest = int(np.prod(chunks[k + 1 :])) * array.itemsize
        chunks[k] = max(1, min(chunks[k], (1 << 26) // rest))
        if chunks[k] > 1:
            break
    return tuple(chunks)


def _read(file: h5py.File, path: Path, kind: str) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read, check kind, version and digest, and return arrays and description."""
    schema = schema_of(file)
    if schema != "archive":
        what = "a data set" if schema == "fields" else "another HDF5 file"
        raise FileFormatError(
            f"{path}: expected a model file of kind {kind!r}, got {what}; check the path"
        )
    group = file[_GROUP]
    found = group.attrs["kind"].decode()
    if found != kind:
        raise FileFormatError(
            f"{path}: expected a model file of kind {kind!r}, got {found!r}; check the path"
        )
    version = int(group.attrs["schema_version"])
    if version > _VERSION:
        raise FileFormatError(
            f"{path}: expected an archive of version {_VERSION} or before, got {version}; "
            "update nwidth to read it"
        )
    text = bytes(file["description"][()]).decode()
    arrays: dict[str, NDArray[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item[()])

    file["arrays"].visititems(visit)
    little = {
        n: np.asarray(a, dtype=a.dtype.newbyteorder("<"), order="C") for n, a in arrays.items()
    }
    if _digest(kind, little, text) != group.attrs["sha256"].decode():
        raise _damaged(path, "its SHA-256 differs")
    return arrays, json.loads(text)


def _damaged(path: Path, reason: str) -> FileFormatError:
    return FileFormatError(f"{path}: the file is damaged ({reason[:200]}); restore or rewrite it")
