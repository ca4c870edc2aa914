"""Read one field from an Eclipse keyword file, an HDF5 file or an .npz file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.audit import open_audited
from nwidth.cli.config import FileSettings
from nwidth.cli.file_kind import DATA_SET, file_kind
from nwidth.errors import ConfigError, FileFormatError
from nwidth.fields import FieldDataset
from nwidth.layouts_arrays import arrays_in_npz


def read_field(
    settings: FileSettings, shape: tuple[int, ...], folder: Path, section: str
) -> NDArray[Any]:
    """Return the field of a section with kind = "file", of exactly the shape of the problem."""
    path = folder / settings.path
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file; check [{section}] path")
    array = _read(path, settings, len(shape), section)
    array = _plane(array, settings, len(shape), section)
    for axis in range(array.ndim):
        array = np.repeat(array, settings.refine, axis=axis)
    if array.shape != shape:
        raise ConfigError(
            f"[problem] shape: expected {list(array.shape)}, the shape of {settings.name} in "
            f"{path}{f' refined {settings.refine} times' if settings.refine > 1 else ''}, "
            f"got {list(shape)}"
        )
    return array if settings.floor is None else np.maximum(array, settings.floor)


def _read(path: Path, settings: FileSettings, dimension: int, section: str) -> NDArray[Any]:
    if path.suffix == ".npz":
        array = _read_npz(path, settings.name, section)
        return _numbered(array, settings, dimension, path, section)
    if path.suffix in (".h5", ".hdf5"):
        return _read_hdf5(path, settings, dimension, section)
    from nwidth.meshes import read_eclipse_field

    if settings.shape is None:
        raise ConfigError(
            f"[{section}] shape: expected the numbers of cells [nx, ny, nz] of {path}; add it"
        )
    return read_eclipse_field(path, settings.name, tuple(settings.shape))


def _read_npz(path: Path, name: str, section: str) -> NDArray[Any]:
    with arrays_in_npz(path) as arrays:
        if not arrays:
            raise FileFormatError(f"{path}: expected an npz file with arrays of numbers, got none")
        if name not in arrays:
            raise _unknown_name(path, name, list(arrays), section)
        stored = arrays[name]
        return np.asarray(stored.read(0, stored.shape[0] if stored.shape else 1))


def _read_hdf5(path: Path, settings: FileSettings, dimension: int, section: str) -> NDArray[Any]:
    if file_kind(path) == DATA_SET:
        with FieldDataset.open(path) as data:
            names = list(data.field_names)
            if settings.name in names:
                _require_sample(settings, len(data), path, section)
                return data[settings.name][settings.sample]
    else:
        with open_audited(path) as file:
            item = file.get(settings.name)
            if hasattr(item, "shape"):
                return _numbered(np.asarray(item[()]), settings, dimension, path, section)
            names = [str(name) for name in file]
    raise _unknown_name(path, settings.name, names, section)


def _unknown_name(path: Path, name: str, known: list[str], section: str) -> ConfigError:
    return ConfigError(
        f"[{section}] name: expected one of {', '.join(known)} in {path}, got {name!r}"
    )


def _numbered(
    array: NDArray[Any], settings: FileSettings, dimension: int, path: Path, section: str
) -> NDArray[Any]:
    """Return one field of an array that may hold one per sample.

    One axis more than a field has makes a stack, unless it is an axis of one cell to be dropped.
    """
    own = dimension if settings.layer is None else 3
    flat = settings.sample == 0 and array.ndim <= 3 and 1 in array.shape[1:]
    if array.ndim <= own or flat:
        _require_sample(settings, 1, path, section)
        return array
    _require_sample(settings, len(array), path, section)
    return array[settings.sample]


def _require_sample(settings: FileSettings, count: int, path: Path, section: str) -> None:
    if settings.sample >= count:
        raise ConfigError(
            f"[{section}] sample: expected a number below {count}, the number of fields in "
            f"{path}, got {settings.sample}"
        )


def _plane(
    array: NDArray[Any], settings: FileSettings, dimension: int, section: str
) -> NDArray[Any]:
    """Return the asked layer, or drop axes of one cell, until the dimensions agree."""
    if settings.layer is not None and array.ndim == 3:
        if settings.layer >= array.shape[2]:
            raise ConfigError(
                f"[{section}] layer: expected a number below {array.shape[2]}, got {settings.layer}"
            )
        array = array[:, :, settings.layer]
    for axis in reversed(range(array.ndim)):
        if array.ndim > dimension and array.shape[axis] == 1:
            array = np.squeeze(array, axis)
    return array
