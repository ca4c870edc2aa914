"""The layouts of PDEBench (Takamoto et al. 2022, arXiv:2210.07182) with all samples in one array.

One unknown: `tensor (sample, time, x[, y[, z]])`, and for Darcy flow `nu (sample, x, y)` beside it.
Compressible flow: `density`, `pressure`, `Vx`, `Vy`, `Vz`, each `(sample, time, x[, y[, z]])`. Both
with coordinates `x-coordinate`, `y-coordinate`, `z-coordinate`, `t-coordinate`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nwidth.archive import reserved_hdf5
from nwidth.audit import open_audited
from nwidth.errors import FileFormatError, InputError
from nwidth.field_layout import Field
from nwidth.fields import FieldDataset
from nwidth.layouts_source import Source, Wishes, axis_from_points, common_dtype
from nwidth.meshes import Grid

VELOCITY = ("Vx", "Vy", "Vz")
FLOW = ("density", "pressure", *VELOCITY)


@contextmanager
def source_in_pdebench(path: Path, wishes: Wishes) -> Iterator[Source]:
    """Give the content of a PDEBench file; velocity components become one vector field."""
    with open_audited(path) as file:
        try:
            source = _source(file, path, wishes)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, FileFormatError | InputError):
                raise
            raise FileFormatError(
                f"{path}: expected the layout of PDEBench, but a part is missing or wrong "
                f"({str(error)[:160]})"
            ) from None
        yield source


def _source(file: h5py.File, path: Path, wishes: Wishes) -> Source:
    main = file["tensor"] if "tensor" in file else next(file[n] for n in FLOW if n in file)
    samples, steps, *shape = main.shape
    grid = wishes.grid or _grid(file, tuple(shape))
    if tuple(shape) != grid.shape:
        raise FileFormatError(
            f"{path}: expected {main.name[1:]} of shape (sample, time, *{grid.shape}), "
            f"got {main.shape}"
        )
    parts = {name: [name] for name in ("tensor", "nu", "density", "pressure") if name in file}
    moving = [name for name in VELOCITY if name in file]
    if moving:
        parts["velocity"] = moving
    names = wishes.chosen(path, parts)
    static = steps == 1
    times = None
    if not static:
        times = wishes.times if wishes.times is not None else _times(file, steps)
    fields = {}
    for name, theirs in names.items():
        constant = file[parts[name][0]].ndim == 1 + grid.dimension
        components = (len(moving),) if name == "velocity" else ()
        fields[theirs] = Field(components=components, constant=constant and not static)
    left = [n for n in file if isinstance(file[n], h5py.Dataset) and "-coordinate" not in n]

    def read(start: int, stop: int) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        arrays = {}
        for name, theirs in names.items():
            pieces = [file[part][start:stop] for part in parts[name]]
            array = np.stack(pieces, axis=-1) if name == "velocity" else pieces[0]
            constant = file[parts[name][0]].ndim == 1 + grid.dimension
            arrays[theirs] = array[:, 0] if static and not constant else array
        return arrays, {}

    return Source(
        layout="pdebench",
        grid=grid,
        times=times,
        fields=fields,
        scalars={},
        samples=int(samples),
        dtype=common_dtype(file[p].dtype for n in names for p in parts[n]),
        read=read,
        left_out=tuple(n for n in left if n not in {p for m in names for p in parts[m]}),
        notes=_attributes(file),
    )


def _grid(file: h5py.File, shape: tuple[int, ...]) -> Grid:
    axes = []
    for name, _ in zip("xyz", shape, strict=False):
        axes.append(axis_from_points(file[f"{name}-coordinate"][()], name))
    return Grid(tuple(axes))


def _times(file: h5py.File, steps: int) -> NDArray[np.float64]:
    """Return the times; PDEBench stores one more than there are frames."""
    if "t-coordinate" not in file:
        return np.arange(steps, dtype=np.float64)
    return np.asarray(file["t-coordinate"][:steps], dtype=np.float64)


def _attributes(file: h5py.File) -> dict[str, Any]:
    """Return plain attributes of the file: PDEBench keeps parameters of the equation there."""
    plain = {}
    for key, value in file.attrs.items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, str | int | float | bool):
            plain[key] = value
    return plain


def export_pdebench(data: FieldDataset, path: Path, names: Mapping[str, str]) -> None:
    """Write the arrays of PDEBench; `names` gives theirs for each of our fields."""
    fields = data.layout.fields
    theirs = {*names.values()}
    single, flow = theirs <= {"tensor", "nu"}, theirs <= {"density", "pressure", "velocity"}
    if not ((single and "tensor" in theirs) or flow):
        raise InputError(
            f"PDEBench knows the arrays tensor and nu, or density, pressure and velocity; got "
            f"{', '.join(names.values())}; name ours as fields={{'our name': 'tensor'}}"
        )
    for ours, name in names.items():
        components = fields[ours].components
        wanted = (data.grid.dimension,) if name == "velocity" else ()
        if components != wanted:
            raise InputError(f"{ours}: expected components {wanted} for {name}, got {components}")
    size = sum(prod(data[name].shape) for name in names) * data.layout.dtype.itemsize
    with reserved_hdf5(path, size) as file:
        for ours, name in names.items():
            _write(file, data, ours, name)
        for axis in data.grid.axes:
            file[f"{axis.name}-coordinate"] = axis.points
        file["t-coordinate"] = np.zeros(1) if data.times is None else data.times


def _write(file: h5py.File, data: FieldDataset, ours: str, name: str) -> None:
    """Write one field: nu without a time axis, all others with one."""
    view = data[ours]
    vector = name == "velocity"
    has_time = data.times is not None and not data.layout.fields[ours].constant
    lead = () if name == "nu" else (data.layout.n_times if has_time else 1,)
    if name == "nu" and has_time:
        raise InputError(f"{ours}: expected a field that is constant in time for nu")
    parts = VELOCITY[: data.grid.dimension] if vector else (name,)
    shape = (len(data), *lead, *data.grid.shape)
    datasets = [file.create_dataset(part, shape=shape, dtype=view.dtype) for part in parts]
    for index in range(len(data)):
        array = view[index]
        for k, dataset in enumerate(datasets):
            dataset[index] = (array[..., k] if vector else array).reshape(shape[1:])
