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


def read_field(settings: FileSettings, shape: tuple[int, ...], folder: Path) -> NDArray[Any]:
    """Return the field of [permeability] kind = "file", of exactly the shape of the problem."""
    path = folder / settings.path
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file; check [permeability] path")
    array = _read(path, settings)
    array = _plane(array, settings, len(shape))
    for axis in range(array.ndim):
        array = np.repeat(array, settings.refine, axis=axis)
    if array.shape != shape:
        raise ConfigError(
            f"[problem] shape: expected {list(array.shape)}, the shape of {settings.name} in "
            f"{path}{f' refined {settings.refine} times' if settings.refine > 1 else ''}, "
            f"got {list(shape)}"
        )
    return array if settings.floor is None else np.maximum(array, settings.floor)


def _read(path: Path, settings: FileSettings) -> NDArray[Any]:
    if path.suffix == ".npz":
        return _numbered(_read_npz(path, settings.name), settings, path)
    if path.suffix in (".h5", ".hdf5"):
        return _read_hdf5(path, settings)
    from nwidth.meshes import read_eclipse_field

    if settings.shape is None:
        raise ConfigError(
            f"[permeability] shape: expected the numbers of cells [nx, ny, nz] of {path}; add it"
        )
    return read_eclipse_field(path, settings.name, tuple(settings.shape))


def _read_npz(path: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if name not in archive:
                raise ConfigError(
                    f"[permeability] name: expected one of {', '.join(archive)} in {path}, "
                    f"got {name!r}"
                )
            return archive[name]
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, ConfigError):
            raise
        raise FileFormatError(f"{path}: expected an .npz file of plain arrays: {error}") from None


def _read_hdf5(path: Path, settings: FileSettings) -> NDArray[Any]:
    if file_kind(path) == DATA_SET:
        with FieldDataset.open(path) as data:
            names = list(data.field_names)
            if settings.name in names:
                _require_sample(settings, len(data), path)
                return data[settings.name][settings.sample]
    else:
        with open_audited(path) as file:
            item = file.get(settings.name)
            if hasattr(item, "shape"):
                return _numbered(np.asarray(item[()]), settings, path)
            names = [str(name) for name in file]
    raise ConfigError(
        f"[permeability] name: expected one of {', '.join(names)} in {path}, got {settings.name!r}"
    )


def _numbered(array: NDArray[Any], settings: FileSettings, path: Path) -> NDArray[Any]:
    """Return one field of an array that may hold one per sample."""
    if array.ndim > 3 or (settings.sample > 0 and array.ndim > 1):
        _require_sample(settings, len(array), path)
        return array[settings.sample]
    return array


def _require_sample(settings: FileSettings, count: int, path: Path) -> None:
    if settings.sample >= count:
        raise ConfigError(
            f"[permeability] sample: expected a number below {count}, the number of fields in "
            f"{path}, got {settings.sample}"
        )


def _plane(array: NDArray[Any], settings: FileSettings, dimension: int) -> NDArray[Any]:
    """Return the asked layer, or drop axes of one cell, until the dimensions agree."""
    if settings.layer is not None and array.ndim == 3:
        if settings.layer >= array.shape[2]:
            raise ConfigError(
                f"[permeability] layer: expected a number below {array.shape[2]}, "
                f"got {settings.layer}"
            )
        array = array[:, :, settings.layer]
    for axis in reversed(range(array.ndim)):
        if array.ndim > dimension and array.shape[axis] == 1:
            array = np.squeeze(array, axis)
    return array
