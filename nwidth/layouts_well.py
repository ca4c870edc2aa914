"""The Well's layout (Ohana et al. 2024, arXiv:2412.00568), as others write it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nwidth.audit import open_audited
from nwidth.errors import FileFormatError
from nwidth.field_layout import Field
from nwidth.layouts_source import Source, Wishes, axis_from_points, common_dtype
from nwidth.meshes import Grid


@contextmanager
def source_in_well(path: Path, wishes: Wishes) -> Iterator[Source]:
    """Give the content of a file in The Well's layout."""
    with open_audited(path) as file:
        try:
            source = _source(file, path, wishes)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(
                f"{path}: expected The Well's layout, but a part is missing or wrong "
                f"({str(error)[:160]})"
            ) from None
        yield source


def _source(file: h5py.File, path: Path, wishes: Wishes) -> Source:
    grid = wishes.grid or _grid(file, path)
    times = np.asarray(file["dimensions/time"][()], dtype=np.float64)
    times = times if wishes.times is None else wishes.times
    samples = int(file.attrs["n_trajectories"])
    found = {
        f"{group}/{name}": str(name)
        for group in ("t0_fields", "t1_fields", "t2_fields")
        for name in file[group].attrs["field_names"]
    }
    names = wishes.chosen(path, found.values())
    taken = {where: names[name] for where, name in found.items() if name in names}
    static = len(times) == 1
    fields, shapes = {}, {}
    for where, name in taken.items():
        dataset = file[where]
        rank = int(where[1])
        constant = not dataset.attrs["time_varying"] and not static
        components = dataset.shape[dataset.ndim - rank :]
        fields[name] = Field(str(dataset.attrs.get("units", "1")), components, constant)
        lead = () if constant or static else (len(times),)
        shapes[name] = (*lead, *grid.shape, *components)
    kept: list[str] = []
    left: list[str] = []
    for name in map(str, file["scalars"].attrs["field_names"]):
        dataset = file[f"scalars/{name}"]
        (left if dataset.attrs["time_varying"] else kept).append(name)

    def read(start: int, stop: int) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        arrays = {}
        for where, name in taken.items():
            wanted = (stop - start, *shapes[name])
            arrays[name] = _expanded(file[where], start, stop, static, wanted)
        values = {}
        for name in kept:
            dataset = file[f"scalars/{name}"]
            varies = bool(dataset.attrs["sample_varying"])
            value = dataset[start:stop] if varies else dataset[()]
            values[name] = np.broadcast_to(np.asarray(value, dtype=np.float64), (stop - start,))
        return arrays, values

    return Source(
        layout="well",
        grid=grid,
        times=None if static else times,
        fields=fields,
        scalars={name: str(file[f"scalars/{name}"].attrs.get("units", "1")) for name in kept},
        samples=samples,
        dtype=common_dtype(file[where].dtype for where in taken),
        read=read,
        left_out=(*(f"scalars/{n}" for n in left), *(w for w in found if w not in taken)),
        boundary=_boundary(file),
        notes={"dataset_name": str(file.attrs.get("dataset_name", ""))},
    )


def _expanded(
    dataset: h5py.Dataset,
    start: int,
    stop: int,
    static: bool,
    wanted: tuple[int, ...],
) -> NDArray[Any]:
    """Read samples of a field; what does not vary with sample or coordinate is repeated."""
    array = dataset[start:stop] if dataset.attrs["sample_varying"] else dataset[()][None]
    has_times = bool(dataset.attrs["time_varying"])
    if has_times and static:
        array, has_times = array[:, 0], False
    for k, varies in enumerate(dataset.attrs["dim_varying"]):
        if not varies:
            array = np.expand_dims(array, 1 + has_times + k)
    return np.broadcast_to(array, wanted)


def _grid(file: h5py.File, path: Path) -> Grid:
    """Return the grid of the stored coordinates; axes with a periodic condition wrap."""
    group = file["dimensions"]
    conditions = file["boundary_conditions"]
    wraps = {
        str(dim)
        for name in conditions
        if str(conditions[name].attrs["bc_type"]).upper() == "PERIODIC"
        for dim in conditions[name].attrs["associated_dims"]
    }
    axes = []
    for name in map(str, group.attrs["spatial_dims"]):
        dataset = group[name]
        if dataset.ndim != 1 or dataset.attrs["sample_varying"] or dataset.attrs["time_varying"]:
            raise FileFormatError(
                f"{path}: expected one tensor-product grid for all samples and times, but the "
                f"coordinates {name} have shape {dataset.shape}"
            )
        unit = str(dataset.attrs.get("units", "1"))
        axes.append(axis_from_points(dataset[()], name, unit, periodic=name in wraps))
    return Grid(tuple(axes))


def _boundary(file: h5py.File) -> dict[str, Any]:
    """Return the types of conditions by side, or by the name of a group that is no side."""
    kinds: dict[str, str] = {}
    for name, item in file["boundary_conditions"].items():
        kind, dims = str(item.attrs["bc_type"]), item.attrs["associated_dims"]
        if len(dims) == 1 and kind.upper() != "PERIODIC" and "mask" in item:
            mask = item["mask"][()].reshape(-1)
            ends = {"lower": mask[0], "upper": mask[-1]}
            kinds |= {f"{dims[0]}_{end}": kind for end, holds in ends.items() if holds}
        else:
            kinds[name] = kind
    return kinds
