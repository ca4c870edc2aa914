"""Read what sensors have measured, from CSV or HDF5; NaN where a sensor has failed."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nwidth.audit import open_audited
from nwidth.cli.csv_table import read_csv
from nwidth.cli.file_kind import DATA_SET, FOREIGN, file_kind
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

if TYPE_CHECKING:
    from nwidth.rom import RectangularEIM

_HEAD = re.compile(r"(?:sensor|s)?[ _-]*(\d+)", re.IGNORECASE)
_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_readings(path: Path, model: "RectangularEIM") -> NDArray[np.float64]:
    """Return readings (rows, p) in the order of the model's sensors."""
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file; check the path")
    with path.open("rb") as stream:
        hdf5 = stream.read(8) == _HDF5
    if not hdf5:
        found = _csv(path, model.sensors)
    elif (kind := file_kind(path)) == DATA_SET:
        found = _at_sensors(path, model)
    elif kind == FOREIGN:
        found = _array(path, len(model.sensors))
    else:
        raise FileFormatError(f"{path}: expected readings, got a model of kind {kind!r}")
    if np.isinf(found).any():
        row, column = np.argwhere(np.isinf(found))[0]
        raise InputError(
            f"{path}: expected finite readings, or none where a sensor failed, got infinity from "
            f"sensor {model.sensors[column]} in line {row} (from 0)"
        )
    if not len(found):
        raise InputError(f"{path}: expected at least one line of readings, got none")
    return found


def _csv(path: Path, sensors: tuple[int, ...]) -> NDArray[np.float64]:
    heads, lines = read_csv(path, "the sensors' numbers")
    columns = [_column(path, word, sensors) for word in heads]
    if len({*columns}) < len(columns):
        raise InputError(f"{path}: expected each sensor once in the first line, got {heads}")
    found = np.full((len(lines), len(sensors)), np.nan)
    for k, line in enumerate(lines):
        for column, cell in zip(columns, line, strict=True):
            found[k, column] = _number(path, cell, k, sensors[column])
    return found


def _column(path: Path, word: str, sensors: tuple[int, ...]) -> int:
    match = _HEAD.fullmatch(word)
    if match is None or int(match[1]) not in sensors:
        raise InputError(
            f"{path}: expected the first line to name sensors by their numbers "
            f"({', '.join(map(str, sensors))}), got {word!r}"
        )
    return sensors.index(int(match[1]))


def _number(path: Path, cell: str, line: int, sensor: int) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        raise InputError(
            f"{path}: expected a number, or nothing where a sensor failed, got {cell!r} "
            f"from sensor {sensor} in line {line} of readings (from 0)"
        ) from None


def _array(path: Path, count: int) -> NDArray[np.float64]:
    with open_audited(path) as file:
        item: Any = file.get("readings")
        shape = getattr(item, "shape", None)
        if shape is None or len(shape) != 2 or shape[1] != count or item.dtype.kind not in "iuf":
            raise FileFormatError(
                f"{path}: expected an array `readings` of shape (rows, {count}), one column per "
                f"sensor, got {shape if shape is not None else ', '.join(map(str, file))}"
            )
        return np.asarray(item[()], np.float64)


def _at_sensors(path: Path, model: "RectangularEIM") -> NDArray[np.float64]:
    """Return the values of a data set's field where the sensors stand."""
    name, grid = model.about["field"], Grid.from_description(model.about["grid"])
    with FieldDataset.open(path) as data:
        if name not in data.field_names or data.grid != grid or data.times is not None:
            raise InputError(
                f"{path}: expected the field {name} on the grid of the sensors, without times, got "
                f"{', '.join(data.field_names)} on {data.grid}"
            )
        rows = [data[name][k].ravel()[model.points] for k in range(len(data))]
        return np.array(rows, np.float64).reshape(-1, len(model.sensors))
