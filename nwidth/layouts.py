"""Data files of others: find out their layout, import them into ours, and write them back."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nwidth.arguments import require_path
from nwidth.atomic_file import written_in_place
from nwidth.audit import open_audited, schema_of
from nwidth.errors import FileFormatError, InputError
from nwidth.field_layout import Field
from nwidth.fields import FieldDataset
from nwidth.layouts_arrays import (
    arrays_in_hdf5,
    arrays_in_npz,
    export_hdf5,
    export_npz,
    source_of_arrays,
)
from nwidth.layouts_pdebench import FLOW, export_pdebench, source_in_pdebench
from nwidth.layouts_source import Source, Wishes
from nwidth.layouts_well import source_in_well
from nwidth.meshes import Grid

LAYOUTS = ("nwidth", "well", "pdebench", "plain", "npz")
_BLOCK_BYTES = 1 << 25


def detect_layout(path: str | Path) -> str:
    """Return the layout of a data file: "nwidth", "well", "pdebench", "plain" (HDF5) or "npz".

    Only names and attributes are looked at. Raises `FileFormatError` for files that are neither
    HDF5 nor npz, for files that the audit refuses, and for models.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", u=np.zeros((3, 4, 4)))
    ...     detect_layout(f"{folder}/a.npz")
    'npz'
    """
    path = require_path(path, "path")
    if path.is_file():
        with path.open("rb") as stream:
            if stream.read(4) == b"PK\x03\x04":
                return "npz"
        if path.suffix == ".npz":
            raise FileFormatError(
                f"{path}: expected an npz file, as numpy.savez writes them, got something else; "
                "write it again, or name it after what it is"
            )
    with open_audited(path, sparse=True) as file:
        schema = schema_of(file)
        if schema == "fields":
            return "nwidth"
        if schema == "archive":
            raise FileFormatError(f"{path}: expected a data file, got a model")
        if "n_spatial_dims" in file.attrs and {"dimensions", "t0_fields"} <= {*file}:
            return "well"
        if "x-coordinate" in file and ("tensor" in file or {*FLOW} & {*file}):
            return "pdebench"
        if any(name.isdigit() and f"{name}/data" in file for name in file):
            raise FileFormatError(
                f"{path}: this is the layout of PDEBench with one group per sample, which is not "
                "read; stack the samples into one array (sample, time, *grid) first"
            )
        return "plain"


def import_fields(
    source: str | Path,
    destination: str | Path,
    *,
    layout: str | None = None,
    grid: Grid | None = None,
    times: ArrayLike | None = None,
    fields: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    compression: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FieldDataset:
    """Copy a data file of another layout into one of ours, block by block, and open it.

    `fields` maps names in the file to ours ({"x": "permeability"}); without it all arrays that
    can be fields are taken under their own names. `grid` and `times` overrule or supply what the
    file does not say; a plain file without coordinates gets the unit box with nodes on its sides.
    `units` gives units by our names. `progress(done, total)` is called after each block.

    float32 data stay float32; small integers go with the others. The destination appears only
    when it is whole. Raises `FileFormatError` for files that are damaged or cannot be understood,
    with a list of what was found, and `InputError` for names that are not there.
    """
    source = require_path(source, "source")
    destination = require_path(destination, "destination")
    found = layout or detect_layout(source)
    if found not in LAYOUTS[1:]:
        text = "it is one of our data sets already" if found == "nwidth" else f"got {found!r}"
        raise InputError(f"{source}: expected one of the layouts {', '.join(LAYOUTS[1:])}: {text}")
    wishes = Wishes(grid, None if times is None else np.asarray(times, np.float64), fields)
    with _opened(source, found, wishes) as content:
        if content.samples == 0:
            raise FileFormatError(
                f"{source}: expected arrays with at least one sample along the first axis, got none"
            )
        return _copy(
            content,
            destination,
            units=units or {},
            provenance={
                "kind": "import",
                "source": source.name,
                "layout": found,
                **({"left_out": list(content.left_out)} if content.left_out else {}),
                **({"notes": dict(content.notes)} if content.notes else {}),
                **(provenance or {}),
            },
            overwrite=overwrite,
            compression=compression,
            progress=progress,
        )


@contextlib.contextmanager
def _opened(path: Path, layout: str, wishes: Wishes) -> Iterator[Source]:
    """Give the content of a file in one of the layouts of others."""
    if layout == "well":
        with source_in_well(path, wishes) as source:
            yield source
    elif layout == "pdebench":
        with source_in_pdebench(path, wishes) as source:
            yield source
    else:
        reader = arrays_in_npz if layout == "npz" else arrays_in_hdf5
        with reader(path) as arrays:
            yield source_of_arrays(path, layout, arrays, wishes)


def _copy(
    source: Source,
    destination: Path,
    *,
    units: Mapping[str, str],
    provenance: Mapping[str, Any],
    overwrite: bool,
    compression: str | None,
    progress: Callable[[int, int], None] | None,
) -> FieldDataset:
    """Copy samples into a draft beside the destination, and rename it when it is finished."""
    strangers = {*units} - {*source.fields} - {*source.scalars}
    if strangers:
        raise InputError(f"units: expected names of fields, got {', '.join(sorted(strangers))}")
    if destination.exists() and not overwrite:
        raise FileFormatError(
            f"{destination}: the file exists; choose another name or pass overwrite=True"
        )
    fields = {
        name: Field(units.get(name, field.unit), field.components, field.constant)
        for name, field in source.fields.items()
    }
    with (
        written_in_place(destination) as draft,
        FieldDataset.create(
            draft,
            source.grid,
            fields,
            scalars={name: units.get(name, unit) for name, unit in source.scalars.items()},
            times=source.times,
            samples=source.samples or None,
            dtype=source.dtype,
            provenance=provenance,
            boundary=source.boundary,
            overwrite=True,
            compression=compression,
        ) as data,
    ):
        step = max(1, _BLOCK_BYTES // data.layout.sample_bytes)
        for start in range(0, source.samples, step):
            stop = min(start + step, source.samples)
            data.extend(*source.read(start, stop))
            if progress is not None:
                progress(stop, source.samples)
        data.finish()
    return FieldDataset.open(destination)


def export_fields(
    data: FieldDataset,
    destination: str | Path,
    layout: str = "plain",
    *,
    fields: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the samples of a data set in the layout of others, whole or not at all.

    "plain" is HDF5 with one array per field, scalar and axis; "npz" the same for `numpy.load`;
    "pdebench" and "well" are for the loaders of these collections ("well" copies the file, which
    is in that layout already). `fields` maps our names to theirs and picks fields; PDEBench needs
    {"pressure": "tensor", "permeability": "nu"} or the like unless ours are called so.

    Returns the path. Raises `InputError` for names that are not there or do not fit the layout.
    """
    destination = require_path(destination, "destination")
    if layout not in LAYOUTS[1:]:
        raise InputError(f"layout: expected one of {', '.join(LAYOUTS[1:])}, got {layout!r}")
    names = {name: name for name in data.field_names} if fields is None else dict(fields)
    for name in names:
        if name not in data.field_names:
            raise InputError(f"expected one of {', '.join(data.field_names)}, got {name!r}")
    if not names or len({*names.values()}) < len(names):
        raise InputError(f"fields: expected at least one and different names, got {names}")
    if destination.exists() and not overwrite:
        raise FileFormatError(
            f"{destination}: the file exists; choose another name or pass overwrite=True"
        )
    if layout == "pdebench" and destination.suffix == ".h5":
        raise InputError(
            f"{destination.name}: PDEBench takes the ending .h5 for another of its layouts; "
            "name the file .hdf5"
        )
    if layout == "well" and (not data.complete or names != {n: n for n in data.field_names}):
        raise InputError(
            "the layout of The Well is a copy of the finished file: finish the data set, and keep "
            "all fields and their names"
        )
    with written_in_place(destination) as draft:
        if layout == "well":
            shutil.copyfile(data.path, draft)
        elif layout == "npz":
            export_npz(data, draft, names)
        elif layout == "pdebench":
            export_pdebench(data, draft, names)
        else:
            export_hdf5(data, draft, names)
    return destination
