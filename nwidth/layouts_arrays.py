"""Named arrays `(sample, [time,] *grid[, component])` in plain HDF5 or npz files."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nwidth.archive import reserved_hdf5
from nwidth.audit import open_audited
from nwidth.errors import FileFormatError
from nwidth.field_layout import Field
from nwidth.fields import FieldDataset
from nwidth.layouts_source import Source, Wishes, axis_from_points, common_dtype, field_of
from nwidth.meshes import Grid

_MOST_RATIO, _SMALL_BYTES = 1000, 1 << 24
_TIMES = ("coordinates/time", "time", "times", "t", "t-coordinate", "t_coordinate")


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, with a function that reads adjoining ranges of its first axis."""

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int, int], NDArray[Any]]
    unit: str = "1"


@contextmanager
def arrays_in_hdf5(path: Path) -> Iterator[dict[str, StoredArray]]:
    """Give the numeric arrays of an HDF5 file by their paths."""
    with open_audited(path) as file:
        arrays: dict[str, StoredArray] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf":
                unit = item.attrs.get("units", "1")
                arrays[name] = StoredArray(item.shape, item.dtype, _slicer(item), str(unit))

        file.visititems(visit)
        yield arrays


def _slicer(dataset: h5py.Dataset) -> Callable[[int, int], NDArray[Any]]:
    return lambda start, stop: dataset[start:stop] if dataset.ndim else dataset[()]


@contextmanager
def arrays_in_npz(path: Path) -> Iterator[dict[str, StoredArray]]:
    """Give the numeric arrays of an npz file; read as streams, without unpacking the whole."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            arrays = {}
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    continue
                if info.file_size > max(_SMALL_BYTES, _MOST_RATIO * info.compress_size):
                    raise FileFormatError(
                        f"{path}: {info.filename} unpacks {info.compress_size} bytes to "
                        f"{info.file_size}; it is not read"
                    )
                stream = stack.enter_context(archive.open(info))
                array = _stored_npy(stream, info.file_size, path)
                if array is not None:
                    arrays[info.filename.removesuffix(".npy")] = array
        except (zipfile.BadZipFile, ValueError, EOFError, KeyError, NotImplementedError) as error:
            raise FileFormatError(
                f"{path}: expected an npz file, but it is damaged ({str(error)[:100]})"
            ) from None
        yield arrays


def _stored_npy(stream: IO[bytes], size: int, path: Path) -> StoredArray | None:
    """Return the array behind a stream of the npy format, or None if it holds no numbers."""
    version = npy.read_magic(stream)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.kind not in "biuf" or dtype.hasobject:
        return None
    row = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
    if row * (shape[0] if shape else 1) > size:
        raise FileFormatError(f"{path}: an array declares more bytes than the file holds")

    def take(start: int, stop: int) -> NDArray[Any]:
        want = row * (stop - start)
        data = stream.read(want)
        if len(data) != want:
            raise FileFormatError(f"{path}: the file ends before its arrays do; copy it again")
        return np.frombuffer(data, dtype).reshape(stop - start, *shape[1:])

    if not shape:
        return StoredArray((), dtype, lambda *_: np.frombuffer(stream.read(row), dtype)[0])
    if not fortran:
        return StoredArray(shape, dtype, take)
    whole: list[NDArray[Any]] = []

    def take_fortran(start: int, stop: int) -> NDArray[Any]:
        if not whole:
            data = np.frombuffer(stream.read(row * shape[0]), dtype)
            whole.append(data.reshape(shape, order="F"))
        return whole[0][start:stop]

    return StoredArray(shape, dtype, take_fortran)


def source_of_arrays(
    path: Path, layout: str, arrays: Mapping[str, StoredArray], wishes: Wishes
) -> Source:
    """Find out which arrays are fields of one set of samples, and on which grid.

    Arrays of two or more axes with the commonest first length are fields; one-dimensional ones of
    that length, and single numbers, are scalars. Without a grid, the unit box with the points of
    the smallest field is taken.
    """
    names = wishes.chosen(path, [n for n in arrays if wishes.names or _may_be_data(n, arrays[n])])
    samples = _sample_count(path, arrays, names)
    shapes = {n: arrays[n].shape[1:] for n in names if _is_field(arrays[n], samples)}
    if not shapes:
        raise _unclear(path, arrays, "no array has samples on a grid")
    grid = wishes.grid or _grid_of(arrays, shapes)
    if grid is None:
        raise _unclear(path, arrays, "their shapes fit no grid; give the grid")
    times = wishes.times if wishes.times is not None else _times_of(arrays)
    known = None if times is None else len(times)
    fields: dict[str, Field] = {}
    for name, shape in shapes.items():
        field = field_of(shape, grid, known)
        if field is None:
            raise _unclear(path, arrays, f"{name} with samples {shape} does not fit {grid.shape}")
        fields[name] = field
    lengths = {shapes[n][0] for n, field in fields.items() if not field.constant}
    if len(lengths) > 1:
        raise _unclear(path, arrays, f"time axes of different lengths {sorted(lengths)}")
    notes = {}
    if not lengths:
        times = None
        fields = {n: Field(components=f.components) for n, f in fields.items()}
    elif times is None:
        times = np.arange(lengths.pop(), dtype=np.float64)
        notes["times"] = "numbers of the stored times: the file has no time axis"
    scalars = [n for n in names if n not in fields and arrays[n].shape in ((), (samples,))]
    scalars += [n for n in names if n not in fields and set(arrays[n].shape) == {1}]
    scalars = list(dict.fromkeys(scalars))

    def read(start: int, stop: int) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        values = {}
        for name in scalars:
            array = arrays[name]
            if array.shape == (samples,) and samples > 1:
                values[names[name]] = np.asarray(array.read(start, stop), dtype=np.float64)
            else:
                values[names[name]] = np.full(stop - start, constants[name])
        return {names[n]: arrays[n].read(start, stop) for n in fields}, values

    constants = {
        n: float(np.ravel(arrays[n].read(0, 1))[0])
        for n in scalars
        if arrays[n].shape != (samples,) or samples == 1
    }
    return Source(
        layout=layout,
        grid=grid,
        times=times,
        fields={
            names[n]: Field(arrays[n].unit, f.components, f.constant) for n, f in fields.items()
        },
        scalars={names[n]: arrays[n].unit for n in scalars},
        samples=samples,
        dtype=common_dtype(arrays[n].dtype for n in fields),
        read=read,
        left_out=tuple(sorted({*arrays} - {*fields} - {*scalars})),
        notes=notes,
    )


def _may_be_data(name: str, array: StoredArray) -> bool:
    """Whether an array that was not asked for by name can be a field or a scalar."""
    return not name.startswith("coordinates/") and name not in _TIMES and "-coordinate" not in name


def _is_field(array: StoredArray, samples: int) -> bool:
    return len(array.shape) >= 2 and array.shape[0] == samples and set(array.shape) != {1}


def _sample_count(path: Path, arrays: Mapping[str, StoredArray], names: Mapping[str, str]) -> int:
    """Return the first length that the arrays share."""
    lengths = {arrays[n].shape[0] for n in names if len(arrays[n].shape) >= 2}
    lengths -= {1} if len(lengths) > 1 else set()
    if len(lengths) != 1:
        why = "no array has samples on a grid" if not lengths else "numbers of samples differ"
        raise _unclear(path, arrays, why)
    return lengths.pop()


def _grid_of(arrays: Mapping[str, StoredArray], shapes: Mapping[str, tuple]) -> Grid | None:
    """Return the grid that is stored beside the fields, or the unit box with their points."""
    smallest = min(shapes.values(), key=len)
    stored = {
        name.removeprefix("coordinates/"): array
        for name, array in arrays.items()
        if name.startswith("coordinates/") and name not in _TIMES
    }
    if tuple(array.shape[0] for array in stored.values()) == smallest[: len(stored)] != ():
        axes = [
            axis_from_points(array.read(0, array.shape[0]), name, array.unit)
            for name, array in stored.items()
        ]
        return Grid(tuple(axes))
    return Grid.uniform(smallest) if len(smallest) <= 3 and min(smallest) > 1 else None


def _times_of(arrays: Mapping[str, StoredArray]) -> NDArray[np.float64] | None:
    """Return the times stored under one of the usual names."""
    for name in _TIMES:
        if name in arrays and len(arrays[name].shape) == 1:
            return np.asarray(arrays[name].read(0, arrays[name].shape[0]), dtype=np.float64)
    return None


def _unclear(path: Path, arrays: Mapping[str, StoredArray], why: str) -> FileFormatError:
    """Return the error for a file whose arrays cannot be told apart, with a list of them."""
    listed = ", ".join(f"{n} {a.shape} {a.dtype}" for n, a in list(arrays.items())[:20])
    return FileFormatError(
        f"{path}: cannot tell which arrays are fields: {why}; it holds {listed or 'no arrays'}; "
        "name those to take as fields={'name in the file': 'our name'} of shape "
        "(sample, [time,] *grid[, component])"
    )


def export_hdf5(data: FieldDataset, path: Path, names: Mapping[str, str]) -> None:
    """Write one contiguous dataset per field and scalar, and the coordinates."""
    size = sum(prod(data[name].shape) for name in names) * data.layout.dtype.itemsize
    with reserved_hdf5(path, size) as file:
        for name, theirs in names.items():
            view = data[name]
            dataset = file.create_dataset(theirs, shape=view.shape, dtype=view.dtype)
            dataset.attrs["units"] = view.unit
            for index in range(len(data)):
                dataset[index] = view[index]
        for name, values in data.scalars.items():
            file[name] = values
            file[name].attrs["units"] = data.units[name]
        for name, points in coordinates_of(data).items():
            file[f"coordinates/{name}"] = points
        for axis in data.grid.axes:
            file[f"coordinates/{axis.name}"].attrs["units"] = axis.unit


def export_npz(data: FieldDataset, path: Path, names: Mapping[str, str]) -> None:
    """Write an npz file sample by sample, without holding a field in memory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, theirs in names.items():
            view = data[name]
            with archive.open(f"{theirs}.npy", "w", force_zip64=True) as stream:
                facts = {
                    "descr": npy.dtype_to_descr(view.dtype),
                    "fortran_order": False,
                    "shape": view.shape,
                }
                npy.write_array_header_1_0(stream, facts)
                for index in range(len(data)):
                    stream.write(view[index].tobytes())
        plain = {f"coordinates/{n}": points for n, points in coordinates_of(data).items()}
        for name, values in {**data.scalars, **plain}.items():
            with archive.open(f"{name}.npy", "w") as stream:
                npy.write_array(stream, np.ascontiguousarray(values), allow_pickle=False)


def coordinates_of(data: FieldDataset) -> dict[str, NDArray[np.float64]]:
    """Return the coordinates of all axes, and the times, by name."""
    points = {axis.name: axis.points for axis in data.grid.axes}
    return points if data.times is None else {**points, "time": data.times}
