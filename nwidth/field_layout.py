"""The layout of a data file: The Well's groups, HDF5 dimension scales, and a group of our own."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.util import find_spec
from math import prod
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite
from nwidth.audit import schema_of
from nwidth.errors import FileFormatError, InputError
from nwidth.meshes import Grid

VERSION = 1
GROUP = "nwidth"
WAITING = f"{GROUP}/waiting"
_NAME = re.compile(r"[A-Za-z_][\w.\-]*")
_RESERVED = frozenset(
    [GROUP, "sample", "time", "dimensions", "scalars", "boundary_conditions"]
    + [f"t{rank}_fields" for rank in range(3)]
)
_LEAST_CHUNK, _MOST_CHUNK = 1 << 16, 1 << 25
_FIRST_ROOM = 64
_PLUGINS = {"bitshuffle": "Bitshuffle", "blosc2": "Blosc2"}
COMPRESSIONS = ("gzip", "lzf", *_PLUGINS)


@dataclass(frozen=True)
class Field:
    """What one named field is: its unit, its components, and whether it changes in time.

    `components` is () for a scalar, (2,) for a vector, (2, 2) for a tensor. `constant` fields of a
    time-dependent data set have no time axis.
    """

    unit: str = "1"
    components: tuple[int, ...] = ()
    constant: bool = False
    description: str = ""


@dataclass(frozen=True)
class FieldLayout:
    """Everything a data file holds except the samples: enough to create it, and read from it.

    `times` is None for static data; the file then has a time axis of length one.
    """

    grid: Grid
    fields: Mapping[str, Field]
    scalars: Mapping[str, str]
    times: NDArray[np.float64] | None
    time_unit: str
    dtype: np.dtype
    boundary: Mapping[str, Any]
    expected: int | None = None
    allow_nonfinite: frozenset[str] = frozenset()

    @classmethod
    def checked(
        cls,
        grid: Grid,
        fields: Mapping[str, Field | str],
        *,
        scalars: Mapping[str, str],
        times: Any,
        time_unit: str,
        dtype: Any,
        boundary: Mapping[str, Any],
        expected: int | None,
        allow_nonfinite: bool | Collection[str],
    ) -> Self:
        """Return the layout of checked arguments, or raise `InputError` on what cannot be."""
        if not isinstance(grid, Grid):
            raise InputError(f"grid: expected a Grid, got {type(grid).__name__}")
        if not isinstance(fields, Mapping) or not fields:
            raise InputError(f"fields: expected at least one name with its unit, got {fields!r}")
        if not isinstance(scalars, Mapping):
            raise InputError(f"scalars: expected a unit by name, got {scalars!r:.80}")
        if not isinstance(boundary, Mapping):
            raise InputError(f"boundary: expected what describe() gives, got {boundary!r:.80}")
        if not isinstance(time_unit, str):
            raise InputError(f"time_unit: expected a unit like 's', got {time_unit!r:.80}")
        if {*fields} & {*scalars}:
            raise InputError(f"expected different names of fields and scalars, got {scalars!r}")
        given = {n: f if isinstance(f, Field) else Field(f) for n, f in fields.items()}
        for name, unit in {**scalars, **{n: f.unit for n, f in given.items()}}.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise InputError(f"expected a name of letters, digits and _ . -, got {name!r}")
            if not isinstance(unit, str):
                raise InputError(f"{name}: expected a unit like 'Pa' or '1', got {unit!r}")
        for name in grid.names:
            if name in _RESERVED or "component" in name or not _NAME.fullmatch(name):
                raise InputError(f"axis: the name {name!r} has a meaning in the file; use another")
        for name, field in given.items():
            if len(field.components) > 2 or any(n < 1 for n in field.components):
                raise InputError(
                    f"{name}: expected components (), (n,) or (n, m), got {field.components}"
                )
        if expected is not None and (not isinstance(expected, int | np.integer) or expected < 1):
            raise InputError(f"samples: expected a number >= 1 or None, got {expected!r}")
        return cls(
            grid,
            given,
            dict(scalars),
            None if times is None else _checked_times(times),
            time_unit,
            _checked_dtype(dtype),
            boundary,
            None if expected is None else int(expected),
            _names_among(allow_nonfinite, {**given, **scalars}),
        )

    @cached_property
    def n_times(self) -> int:
        """Length of the time axis in the file."""
        return 1 if self.times is None else len(self.times)

    def path(self, name: str) -> str:
        """Return where a field lies in the file: by tensor rank."""
        return f"t{len(self.fields[name].components)}_fields/{name}"

    def stored_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one sample in the file."""
        field = self.fields[name]
        times = () if field.constant else (self.n_times,)
        return (*times, *self.grid.shape, *field.components)

    @cached_property
    def sample_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of one sample as users see it: static data have no time axis."""
        shapes = {}
        for name, field in self.fields.items():
            stored = self.stored_shape(name)
            shapes[name] = stored[1:] if self.times is None and not field.constant else stored
        return shapes

    @property
    def sample_bytes(self) -> int:
        """Number of bytes of one sample, all fields and scalars."""
        numbers = sum(prod(self.stored_shape(name)) for name in self.fields)
        return numbers * self.dtype.itemsize + 8 * len(self.scalars)

    def chunks(self, name: str) -> tuple[int, ...]:
        """Return the chunk shape: one frame, several tiny ones, or a part of a huge one."""
        stored = self.stored_shape(name)
        lead = 0 if self.fields[name].constant else 1
        frame = prod(stored[lead:]) * self.dtype.itemsize
        chunks = list(stored)
        if lead:
            chunks[0] = min(stored[0], -(-_LEAST_CHUNK // frame))
        if frame > _MOST_CHUNK:
            slab = frame // stored[lead]
            chunks[lead] = max(1, _MOST_CHUNK // slab)
        sample = prod(stored) * self.dtype.itemsize
        samples = max(1, -(-_LEAST_CHUNK // sample))
        return (min(samples, self.expected or samples), *chunks)


def waiting_room(name: str) -> str:
    """Return where samples of a field wait until they fill a chunk that they share."""
    return f"{WAITING}/{name}"


def room_for(layout: FieldLayout, samples: int) -> int:
    """Return the length of the sample axis while some samples are written: in whole chunks."""
    shared = {layout.chunks(name)[0] for name in layout.fields}
    return max(-(-samples // k) * k for k in shared)


def dataset_options(checksum: bool, compression: str | None) -> dict[str, Any]:
    """Return the filter arguments of h5py, or raise `InputError` if the filter is not there."""
    options: dict[str, Any] = {"fletcher32": checksum}
    if compression is None:
        return options
    if compression not in COMPRESSIONS:
        raise InputError(
            f"compression: expected None or one of {', '.join(COMPRESSIONS)}, got {compression!r}"
        )
    if compression not in _PLUGINS:
        return {**options, "compression": compression, "shuffle": True}
    if find_spec("hdf5plugin") is None:
        raise InputError(
            f"compression: {compression} needs the package hdf5plugin, which is not installed; "
            "install it, or choose gzip or lzf"
        )
    import hdf5plugin

    return {**options, **getattr(hdf5plugin, _PLUGINS[compression])()}


def write_layout(
    file: h5py.File, layout: FieldLayout, provenance: Mapping[str, Any], options: dict[str, Any]
) -> None:
    """Write coordinates, empty fields and all attributes into a new file."""
    grid = layout.grid
    file.attrs["Conventions"] = "CF-1.8"
    file.attrs["dataset_name"] = str(provenance.get("name", "nwidth"))
    file.attrs["grid_type"] = "cartesian"
    file.attrs["n_spatial_dims"] = grid.dimension
    file.attrs["n_trajectories"] = 0  # true when the file is finished
    file.attrs["simulation_parameters"] = _texts([])
    own = file.create_group(GROUP)
    room = room_for(layout, layout.expected or _FIRST_ROOM)
    samples = file.create_dataset(
        "sample", data=np.arange(room), maxshape=(None,), chunks=(min(room, 8192),)
    )
    samples.make_scale("sample")
    samples.attrs["units"] = "1"
    _write_coordinates(file, layout)
    _write_boundaries(file, layout)
    scalars = file.create_group("scalars")
    scalars.attrs["field_names"] = _texts(layout.scalars)
    for name, unit in layout.scalars.items():
        dataset = scalars.create_dataset(
            name,
            shape=(room,),
            maxshape=(None,),
            chunks=(min(room, 8192),),
            dtype="f8",
            fillvalue=np.nan,
        )
        dataset.attrs.update({"units": unit, "sample_varying": True, "time_varying": False})
        dataset.dims[0].attach_scale(samples)
    for rank in range(3):
        group = file.create_group(f"t{rank}_fields")
        names = [n for n, field in layout.fields.items() if len(field.components) == rank]
        group.attrs["field_names"] = _texts(names)
        for name in names:
            _create_field(file, layout, name, room, options)
    own.attrs["schema"] = np.bytes_("fields")
    own.attrs["schema_version"] = VERSION
    write_json(own, "content", _content_of(layout))
    write_json(own, "grid", grid.describe())
    write_json(own, "boundary", dict(layout.boundary))
    write_json(own, "provenance", provenance)
    own["expected"] = np.int64(-1 if layout.expected is None else layout.expected)
    own["complete"] = np.int64(0)
    own["count"] = np.int64(0)


def _write_coordinates(file: h5py.File, layout: FieldLayout) -> None:
    """Write every axis twice: as scale for xarray, as plain copy for The Well.

    One scale under two names would let netCDF readers name the axis by either.
    """
    dimensions = file.create_group("dimensions")
    dimensions.attrs["spatial_dims"] = _texts(layout.grid.names)
    times = np.zeros(1) if layout.times is None else layout.times
    axes = [("time", times, layout.time_unit, "T")]
    for axis, letter in zip(layout.grid.axes, "XYZ", strict=False):
        axes.append((axis.name, axis.points, axis.unit, letter))
    for name, points, unit, letter in axes:
        facts = {"units": unit, "sample_varying": False, "time_varying": False}
        scale = file.create_dataset(name, data=points)
        scale.make_scale(name)
        scale.attrs.update({**facts, "axis": letter})
        copy = dimensions.create_dataset(name, data=points)
        copy.attrs.update(facts)
        copy.dims[0].attach_scale(scale)


def _write_boundaries(file: h5py.File, layout: FieldLayout) -> None:
    """Write what The Well knows of boundaries: which ends of each axis wrap, are walls or open."""
    group = file.create_group("boundary_conditions")
    for axis in layout.grid.axes:
        ends = [
            "periodic" if axis.periodic else _kind_of_side(layout.boundary, f"{axis.name}_{end}")
            for end in ("lower", "upper")
        ]
        for kind in sorted({*ends}):
            item = group.create_group(f"{axis.name}_{kind}")
            item.attrs["associated_dims"] = _texts([axis.name])
            item.attrs["associated_fields"] = _texts(layout.fields)
            item.attrs["bc_type"] = kind.upper()
            item.attrs.update({"sample_varying": False, "time_varying": False})
            mask = np.zeros(axis.size, dtype=bool)
            mask[[0, -1]] = [end == kind for end in ends]
            item.create_dataset("mask", data=mask).dims[0].attach_scale(file[axis.name])


def _kind_of_side(boundary: Mapping[str, Any], side: str) -> str:
    """Return "wall" where no flux passes or nothing is known, else "open"."""
    sides = boundary.get("sides", boundary)
    condition = sides.get(side, boundary.get("default")) if isinstance(sides, Mapping) else None
    if isinstance(condition, str):
        return "open" if condition.lower() in ("open", "dirichlet", "robin") else "wall"
    if not isinstance(condition, Mapping):
        return "wall"
    tight = condition.get("type") == "neumann" and not np.any(condition.get("flux", 0.0))
    return "wall" if tight else "open"


def _create_field(
    file: h5py.File,
    layout: FieldLayout,
    name: str,
    room: int,
    options: dict[str, Any],
) -> None:
    """Create one empty field with its scales; what is not written reads as NaN."""
    field, stored = layout.fields[name], layout.stored_shape(name)
    dataset = file.create_dataset(
        layout.path(name),
        shape=(room, *stored),
        maxshape=(None, *stored),
        dtype=layout.dtype,
        chunks=layout.chunks(name),
        fillvalue=np.nan,
        **options,
    )
    dataset.attrs.update({"units": field.unit, "sample_varying": True})
    dataset.attrs["time_varying"] = not field.constant
    dataset.attrs["dim_varying"] = np.ones(layout.grid.dimension, dtype=bool)
    if field.description:
        dataset.attrs["long_name"] = field.description
    shared = layout.chunks(name)[0]
    if shared > 1:
        file[waiting_room(name)] = np.full((shared, *stored), np.nan, layout.dtype)
    scales = ["sample", *([] if field.constant else ["time"]), *layout.grid.names]
    for position, size in enumerate(field.components):
        scales.append(_component_scale(file, layout.grid.dimension, position, size))
    for k, scale in enumerate(scales):
        dataset.dims[k].attach_scale(file[scale])


def _component_scale(file: h5py.File, dimension: int, position: int, size: int) -> str:
    """Return the name of the scale of a component axis, and create it at first need."""
    name = ("component", "second_component")[position]
    name += "" if size == dimension else f"_of_{size}"
    if name not in file:
        file[name] = np.arange(size)
        file[name].make_scale(name)
        file[name].attrs["units"] = "1"
    return name


def read_layout(file: h5py.File) -> FieldLayout:
    """Read the layout back, and check that the pieces fit each other."""
    schema = schema_of(file)
    if schema != "fields":
        what = "a model" if schema == "archive" else "an HDF5 file of another layout"
        raise FileFormatError(
            f"{file.filename}: expected a data set of nwidth, got {what}; "
            "`nwidth convert` imports data of other layouts"
        )
    own = file[GROUP]
    version = int(own.attrs["schema_version"])
    if version > VERSION:
        raise FileFormatError(
            f"{file.filename}: expected a data set of version {VERSION} or before, got {version}; "
            "update nwidth to read it"
        )
    content = read_json(own, "content")
    expected = int(own["expected"][()])
    layout = FieldLayout(
        grid=Grid.from_description(read_json(own, "grid")),
        fields={name: _field_from(facts) for name, facts in content["fields"].items()},
        scalars={str(name): str(unit) for name, unit in content["scalars"].items()},
        times=None if content["static"] else file["time"][()],
        time_unit=str(content["time_unit"]),
        dtype=_checked_dtype(content["dtype"]),
        boundary=read_json(own, "boundary"),
        expected=None if expected < 0 else expected,
        allow_nonfinite=_names_among(
            content["allow_nonfinite"], {**content["fields"], **content["scalars"]}
        ),
    )
    _check_extents(file, layout, int(own["count"][()]))
    return layout


def _content_of(layout: FieldLayout) -> dict[str, Any]:
    """Return what `read_layout` needs beside grid and boundary.

    The attributes say the same to other readers, but they are texts of variable length, which
    HDF5 may not survive reading from a damaged file.
    """
    return {
        "fields": {name: asdict(field) for name, field in layout.fields.items()},
        "scalars": dict(layout.scalars),
        "static": layout.times is None,
        "time_unit": layout.time_unit,
        "dtype": layout.dtype.name,
        "allow_nonfinite": sorted(layout.allow_nonfinite),
    }


def _names_among(wanted: Any, known: Mapping[str, Any]) -> frozenset[str]:
    """Return names of fields and scalars: all for True, none for False, or those listed."""
    if isinstance(wanted, bool):
        return frozenset(known if wanted else ())
    if isinstance(wanted, str) or not isinstance(wanted, Collection) or {*wanted} - {*known}:
        raise InputError(
            f"allow_nonfinite: expected True, False or names among {', '.join(known)}, "
            f"got {wanted!r:.80}"
        )
    return frozenset(wanted)


def _field_from(facts: Mapping[str, Any]) -> Field:
    return Field(**{**facts, "components": tuple(facts["components"])})


def _check_extents(file: h5py.File, layout: FieldLayout, count: int) -> None:
    """Raise `ValueError` if a dataset has another shape than grid, times and count demand."""
    if not 0 <= count <= (layout.expected or count):
        raise ValueError(f"it counts {count} of {layout.expected} samples")
    wanted = {layout.path(name): layout.stored_shape(name) for name in layout.fields}
    wanted |= {f"scalars/{name}": () for name in layout.scalars}
    for path, stored in wanted.items():
        dataset = file[path]
        if dataset.dtype.name != ("float64" if path[:8] == "scalars/" else layout.dtype.name):
            raise ValueError(f"{path} is of type {dataset.dtype}")
        if dataset.shape[1:] != stored or dataset.shape[0] < count:
            raise ValueError(f"{path} has shape {dataset.shape}, expected ({count}, *{stored})")
        declared = count * prod(stored) * layout.dtype.itemsize
        if dataset.id.get_storage_size() * 1000 < declared - (1 << 24):
            raise ValueError(f"{path} counts {count} samples that are not stored")


def write_json(group: h5py.Group, name: str, content: Any) -> None:
    """Write (or replace) a JSON text as a fixed-length string."""
    try:
        data = json.dumps(content, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}: expected text, finite numbers, lists and dictionaries, but {error}"
        ) from None
    if name in group:
        del group[name]
    group[name] = np.array(data, dtype=f"S{len(data)}")


def read_json(group: h5py.Group, name: str) -> Any:
    """Read a JSON text that `write_json` wrote."""
    return json.loads(bytes(group[name][()]).decode())


def _checked_times(times: Any) -> NDArray[np.float64]:
    """Return increasing times, or raise `InputError`."""
    try:
        points = np.array(times, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"times: expected a list of numbers, got {times!r:.80}") from None
    if points.ndim != 1 or not points.size or not (np.diff(points) > 0).all():
        raise InputError("times: expected increasing numbers, at least one; sort them")
    return require_finite(points, "times")


def _checked_dtype(dtype: Any) -> np.dtype:
    """Return float32 or float64: others break some reader of the file."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind == np.float16:
        return np.dtype(np.float32)
    if kind not in (np.float32, np.float64):
        raise InputError(
            f"dtype: expected float32 or float64, got {dtype!r}; "
            "store real and imaginary parts as components, and integers as float64"
        )
    return kind


def _texts(words: Any) -> NDArray[Any]:
    """Return words as an array of variable-length text, also when there are none."""
    return np.array(list(words), dtype=h5py.string_dtype())
