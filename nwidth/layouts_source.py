"""What a foreign data file holds, described without reading its numbers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import FileFormatError, InputError
from nwidth.field_layout import Field
from nwidth.meshes import Axis, Grid

# Longer last axes are not taken for components unless someone says so.
_COMPONENTS = 9

# Reads samples start..stop of all fields and scalars; called with rising, adjoining ranges.
Reader = Callable[[int, int], tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]]


@dataclass(frozen=True)
class Source:
    """A foreign file: its grid, its fields and scalars by their names in our file, its samples.

    `left_out` names what was found and not taken.
    """

    layout: str
    grid: Grid
    times: NDArray[np.float64] | None
    fields: Mapping[str, Field]
    scalars: Mapping[str, str]
    samples: int
    dtype: np.dtype
    read: Reader
    left_out: tuple[str, ...] = ()
    boundary: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wishes:
    """What the caller says of a foreign file: its grid, its times, and names to take and give."""

    grid: Grid | None = None
    times: NDArray[np.float64] | None = None
    names: Mapping[str, str] | None = None

    def chosen(self, path: Any, found: Iterable[str]) -> dict[str, str]:
        """Return our name of each array to take, by its name in the file."""
        found = list(found)
        if self.names is None:
            return {name: ours_of(name) for name in found}
        missing = [name for name in self.names if name not in found]
        if missing or not self.names:
            raise InputError(
                f"{path}: expected names of arrays in the file, got {', '.join(missing) or 'none'};"
                f" it holds {', '.join(found) or 'no arrays of samples'}"
            )
        if len({*self.names.values()}) < len(self.names):
            raise InputError(f"{path}: expected different names, got {dict(self.names)}")
        return dict(self.names)


def ours_of(name: str) -> str:
    """Return a name that is allowed in our files for any name in another."""
    cleaned = "".join(c if c.isalnum() or c in "_.-" else "_" for c in name.strip("/"))
    return cleaned if cleaned[:1].isalpha() or cleaned[:1] == "_" else f"_{cleaned}"


def axis_from_points(
    points: Any, name: str, unit: str = "1", *, periodic: bool = False, cells: bool | None = None
) -> Axis:
    """Return the axis of given coordinates.

    Coordinates in single precision are taken for equidistant if they are so to 1e-5 of their
    spacing. `cells` None decides by the lower end: a first point half a spacing above zero is the
    middle of a cell.
    """
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all() or not (np.diff(x) > 0).all():
        raise FileFormatError(
            f"axis {name}: expected increasing coordinates; give the grid instead"
        )
    h = (x[-1] - x[0]) / (len(x) - 1)
    uniform = np.abs(np.diff(x) - h).max() < 1e-5 * h + 4 * np.spacing(np.float32(np.abs(x).max()))
    if cells is None:
        cells = bool(uniform and abs(x[0] - h / 2) < 1e-3 * h)
    if not uniform:
        if periodic:
            return Axis(x, x[0], x[-1] + h, name, unit, True)
        return Axis(x, x[0], x[-1], name, unit)
    if cells:
        lower = 0.0 if abs(x[0] - h / 2) < 1e-3 * h else x[0] - h / 2
        upper = _tidy(x[-1] + h / 2, h)
        return Axis.uniform(
            len(x), lower, upper, name=name, unit=unit, periodic=periodic, centering="cell"
        )
    upper = _tidy(x[-1] + h, h) if periodic else x[-1]
    return Axis.uniform(len(x), x[0], upper, name=name, unit=unit, periodic=periodic)


def _tidy(value: float, h: float) -> float:
    """Return the nearest short decimal if it is within rounding of single precision."""
    short = round(float(value), 4)
    return short if abs(short - value) < 1e-3 * h else float(value)


def common_dtype(dtypes: Iterable[np.dtype]) -> np.dtype:
    """Return float32 if that holds every array, else float64."""
    kinds = [np.dtype(np.float32) if d == np.float16 else d for d in dtypes]
    joined = np.result_type(*kinds)
    return np.dtype(np.float32) if joined == np.float32 else np.dtype(np.float64)


def field_of(shape: tuple[int, ...], grid: Grid, times: int | None) -> Field | None:
    """Return what a sample of some shape is on a grid: (time?, *grid, component?, component?).

    `times` is the number of times if it is known. None if it is nothing, or two things at once.
    """
    d = grid.dimension
    found = []
    for constant in (True, False):
        rest = shape if constant else shape[1:]
        if rest[:d] != grid.shape or len(rest) > d + 2 or max(rest[d:], default=1) > _COMPONENTS:
            continue
        if constant or times in (None, shape[0]):
            found.append(Field(components=tuple(rest[d:]), constant=constant))
    if times is not None and len(found) > 1:
        return found[1]
    return found[0] if len(found) == 1 else None
