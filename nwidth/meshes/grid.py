"""Tensor-product grids of one to three axes: quadrature, restriction, interpolation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace
from nwidth.errors import InputError
from nwidth.meshes.axis import Axis, Centering

Array = NDArray[np.float64]
Field = Any  # an array (..., *grid.shape) of NumPy or CuPy


@dataclass(frozen=True)
class Grid:
    """A box grid, the tensor product of one to three axes; fields have shape `(..., *shape)`.

    Quadrature is the trapezoid rule on nodes and the midpoint rule on cells, both of second order:

        integral of u over the box = sum_ijk w_i w_j w_k u_ijk + O(h^2)

    Grids compare equal when all contents do, bit by bit, and can be dictionary keys. Float32 fields
    give float32 results. `InputError` tells shapes, factors and boxes that do not fit.

    >>> grid = Grid.uniform((3, 5), upper=(1.0, 2.0))
    >>> grid.shape, grid.names, grid.lengths
    ((3, 5), ('x', 'y'), (1.0, 2.0))
    >>> x, y = grid.coordinates()
    >>> float(grid.integrate(x + y))
    3.0
    """

    axes: tuple[Axis, ...]

    def __post_init__(self):
        axes = tuple(self.axes) if isinstance(self.axes, Iterable) else (self.axes,)
        if not 1 <= len(axes) <= 3 or not all(isinstance(axis, Axis) for axis in axes):
            raise InputError(f"grid: expected one to three axes, got {self.axes!r:.200}")
        names = [axis.name for axis in axes]
        if len({*names}) < len(names):
            raise InputError(f"grid: expected a different name for each axis, got {names}")
        object.__setattr__(self, "axes", axes)

    @classmethod
    def uniform(
        cls,
        shape: int | Sequence[int],
        lower: float | Sequence[float] = 0.0,
        upper: float | Sequence[float] = 1.0,
        *,
        names: Sequence[str] | None = None,
        units: str | Sequence[str] = "1",
        centering: Centering | Sequence[Centering] = "node",
        periodic: bool | Sequence[bool] = False,
    ) -> Self:
        """Return equidistant points on a box; one value, or one per axis, for every argument.

        Nodes include both ends of each axis, cells sit h/2 inside.

        >>> Grid.uniform((100, 20), upper=(762.0, 15.24), units="m", centering="cell").axes[1]
        Axis(y: 20 uniform cells on [0.0, 15.24] m)
        """
        shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)  # type: ignore[arg-type,assignment]
        d = len(shape)  # type: ignore[arg-type]
        names = "xyz"[:d] if names is None else names
        columns = zip(
            _per_axis(shape, d, "shape"),
            _per_axis(lower, d, "lower"),
            _per_axis(upper, d, "upper"),
            _per_axis(names, d, "names"),
            _per_axis(units, d, "units"),
            _per_axis(centering, d, "centering"),
            _per_axis(periodic, d, "periodic"),
            strict=True,
        )
        return cls(
            tuple(
                Axis.uniform(n, a, b, name=name, unit=unit, centering=kind, periodic=wraps)
                for n, a, b, name, unit, kind, wraps in columns
            )
        )

    @classmethod
    def periodic(
        cls,
        shape: int | Sequence[int],
        lower: float | Sequence[float] = 0.0,
        upper: float | Sequence[float] = 1.0,
        *,
        names: Sequence[str] | None = None,
        units: str | Sequence[str] = "1",
        centering: Centering | Sequence[Centering] = "node",
    ) -> Self:
        """Return equidistant points on a torus; `upper` is the same point as `lower`.

        >>> Grid.periodic(4).points[0].tolist()
        [0.0, 0.25, 0.5, 0.75]
        """
        return cls.uniform(
            shape, lower, upper, names=names, units=units, centering=centering, periodic=True
        )

    @classmethod
    def chebyshev(
        cls,
        shape: int | Sequence[int],
        lower: float | Sequence[float] = 0.0,
        upper: float | Sequence[float] = 1.0,
        *,
        names: Sequence[str] | None = None,
        units: str | Sequence[str] = "1",
        periodic: bool | Sequence[bool] = False,
    ) -> Self:
        """Return Chebyshev's points, dense at both ends, on axes that are not periodic.

        Periodic axes are equidistant: a layer between two plates, or a box between four walls. See
        `Axis.chebyshev`; the weights are those of the trapezoid rule all the same.

        >>> Grid.chebyshev((4, 3), periodic=(True, False)).points[1].tolist()
        [0.0, 0.5, 1.0]
        """
        shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)  # type: ignore[arg-type,assignment]
        d = len(shape)  # type: ignore[arg-type]
        names = "xyz"[:d] if names is None else names
        columns = zip(
            _per_axis(shape, d, "shape"),
            _per_axis(lower, d, "lower"),
            _per_axis(upper, d, "upper"),
            _per_axis(names, d, "names"),
            _per_axis(units, d, "units"),
            _per_axis(periodic, d, "periodic"),
            strict=True,
        )
        return cls(
            tuple(
                Axis.uniform(n, a, b, name=name, unit=unit, periodic=True)
                if wraps
                else Axis.chebyshev(n, a, b, name=name, unit=unit)
                for n, a, b, name, unit, wraps in columns
            )
        )

    @classmethod
    def tensor(
        cls,
        points_per_axis: Sequence[Any],
        *,
        names: Sequence[str] | None = None,
        units: str | Sequence[str] = "1",
        centering: Centering = "node",
    ) -> Self:
        """Return a non-uniform grid from its nodes, or for cells from the n + 1 faces, per axis.

        >>> float(Grid.tensor([[0.0, 1.0, 4.0], [0.0, 2.0]]).weights.sum())
        8.0
        """
        if not isinstance(points_per_axis, Sequence | np.ndarray):
            raise InputError(
                f"grid: expected a list of the points of each axis, got {points_per_axis!r:.80}"
            )
        d = len(points_per_axis)
        if not 1 <= d <= 3:
            raise InputError(f"grid: expected the points of one to three axes, got {d}")
        names = _per_axis("xyz"[:d] if names is None else names, d, "names")
        units = _per_axis(units, d, "units")
        axes = []
        for x, name, unit in zip(points_per_axis, names, units, strict=True):
            if centering == "cell":
                axes.append(Axis.cells(x, name=name, unit=unit))
                continue
            first, last = np.ravel(x)[[0, -1]] if np.size(x) else (0.0, 1.0)
            axes.append(Axis(x, first, last, name, unit, centering=centering))
        return cls(tuple(axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points of each axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of points."""
        return prod(self.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Side lengths of the box."""
        return tuple(axis.length for axis in self.axes)

    @property
    def points(self) -> list[Array]:
        """Coordinates of each axis."""
        return [axis.points for axis in self.axes]

    @cached_property
    def weights(self) -> Array:
        """Quadrature weights, shape `shape`; they sum to the volume of the box."""
        weights = reduce(np.multiply.outer, (axis.widths for axis in self.axes))
        weights = np.array(weights)
        weights.setflags(write=False)
        return weights

    def coordinates(self, *, sparse: bool = False) -> tuple[Array, ...]:
        """Return the coordinate fields, each of shape `shape`, or broadcastable to it if sparse."""
        return tuple(np.meshgrid(*self.points, indexing="ij", sparse=sparse))

    def integrate(self, field: Field) -> Any:
        """Return the integral over the box of fields `(..., *shape)`, shape `(...)`."""
        total = as_floating(self._checked(field))
        xp = namespace(total)
        for axis in reversed(self.axes):
            total = total @ xp.asarray(axis.widths, dtype=total.dtype)
        return total

    def inner(self, u: Field, v: Field) -> Any:
        """Return the L2 product, integral of conj(u) v, over the last `dimension` axes."""
        u, v = as_floating(self._checked(u)), as_floating(self._checked(v))
        return self.integrate(u.conj() * v)

    def norm(self, field: Field) -> Any:
        """Return the L2 norm over the last `dimension` axes.

        >>> float(Grid.uniform(11, upper=4.0).norm(np.ones(11)))
        2.0
        """
        return self.inner(field, field).real ** 0.5

    def coarsen(self, factor: int | Sequence[int]) -> "Grid":
        """Return the grid of every factor-th node, or of cells merged factor by factor.

        One factor, or one per axis. A factor must divide the intervals (nodes: n - 1) or cells.

        >>> Grid.uniform((421, 421)).coarsen(5).shape
        (85, 85)
        """
        factors = _per_axis(factor, self.dimension, "factor")
        return Grid(tuple(axis.coarsen(k) for axis, k in zip(self.axes, factors, strict=True)))

    def restrict(self, field: Field, factor: int | Sequence[int]) -> Field:
        """Return fields `(..., *shape)` on `coarsen(factor)`, as a new array.

        Nodes are picked, so every dtype works; cells are averaged with their volumes as weights,
        which keeps the integral.

        >>> Grid.uniform(4, centering="cell").restrict(np.array([1.0, 3.0, 5.0, 5.0]), 2).tolist()
        [2.0, 5.0]
        """
        coarse = self.coarsen(factor)
        out = self._checked(field)
        factors = _per_axis(factor, self.dimension, "factor")
        for k, (axis, step) in enumerate(zip(self.axes, factors, strict=True)):
            trailing = self.dimension - 1 - k
            if axis.centering == "node":
                out = out[(..., slice(None, None, step), *[slice(None)] * trailing)]
            elif step > 1:
                out = _average(as_floating(out), axis, step, trailing)
        assert tuple(out.shape[out.ndim - self.dimension :]) == coarse.shape
        return out.copy()

    def interpolate(
        self, field: Field, grid: "Grid", *, edge: Literal["linear", "constant"] = "linear"
    ) -> Field:
        """Return fields `(..., *shape)` on another grid of the same box, multilinearly.

        Second-order accurate, exact at shared points; periodic axes wrap. Between a wall and the
        outermost cell middle the outermost slope continues (`edge="linear"`, second order) or the
        outermost value does (`edge="constant"`, first order there, but no new extremes: right for
        permeabilities and other fields that must stay positive).

        >>> coarse, fine = Grid.uniform(3), Grid.uniform(5)
        >>> coarse.interpolate(np.array([0.0, 1.0, 4.0]), fine).tolist()
        [0.0, 0.5, 1.0, 2.5, 4.0]
        """
        if edge not in ("linear", "constant"):
            raise InputError(f"interpolate: expected edge 'linear' or 'constant', got {edge!r}")
        if not self.same_box(grid):
            raise InputError(
                f"interpolate: expected a grid of the same box, got {grid} for {self}; "
                "build it with the same bounds and periodicity"
            )
        out = as_floating(self._checked(field))
        for k, (axis, target) in enumerate(zip(self.axes, grid.axes, strict=True)):
            out = _interpolate_axis(out, axis, target.points, self.dimension - 1 - k, edge)
        return out

    def same_box(self, grid: "Grid") -> bool:
        """Whether another grid has the same bounds and periodicity."""
        return isinstance(grid, Grid) and [(a.lower, a.upper, a.periodic) for a in self.axes] == [
            (a.lower, a.upper, a.periodic) for a in grid.axes
        ]

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` rebuilds the grid exactly.

        >>> grid = Grid.periodic((8, 6))
        >>> Grid.from_description(grid.describe()) == grid
        True
        """
        return {"axes": [axis.describe() for axis in self.axes]}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Rebuild a grid from `describe()`, bit by bit."""
        if not isinstance(description, Mapping) or {*description} != {"axes"}:
            raise InputError(
                f"grid description: expected the one key 'axes', got {description!r:.200}"
            )
        if not isinstance(description["axes"], list | tuple):
            raise InputError(
                f"grid description: expected a list of axes, got {description['axes']!r:.200}"
            )
        return cls(tuple(Axis.from_description(axis) for axis in description["axes"]))

    def _checked(self, field: Field) -> Field:
        """Return the field as an array if its last axes have `shape`."""
        field = field if hasattr(field, "dtype") else np.asarray(field)
        d = self.dimension
        if field.ndim < d or tuple(field.shape[field.ndim - d :]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise InputError(f"field: expected shape (..., {wanted}), got {tuple(field.shape)}")
        return field

    def __reduce__(self):
        return Grid, (self.axes,)  # cached weights would come back writable

    def __repr__(self) -> str:
        return f"Grid({', '.join(map(repr, self.axes))})"


def _per_axis(value: Any, d: int, what: str) -> tuple[Any, ...]:
    """Return one value per axis: a scalar is repeated, a sequence must have d entries."""
    if isinstance(value, bool | int | float | np.number) or (
        isinstance(value, str) and what in ("units", "centering")
    ):
        return (value,) * d
    values = tuple(value) if isinstance(value, Iterable) else ()
    if len(values) != d:
        raise InputError(f"{what}: expected one value or one for each of {d} axes, got {value!r}")
    return values


def _average(field: Field, axis: Axis, step: int, trailing: int) -> Field:
    """Return volume-weighted means of `step` neighbouring cells along one axis."""
    xp = namespace(field)
    at = field.ndim - 1 - trailing
    shape = field.shape
    grouped = field.reshape(*shape[:at], shape[at] // step, step, *shape[at + 1 :])
    widths = axis.widths.reshape(-1, step)
    shares = xp.asarray(widths / widths.sum(axis=1, keepdims=True), dtype=field.dtype)
    return (grouped * shares.reshape(*shares.shape, *(1,) * trailing)).sum(axis=at + 1)


def _interpolate_axis(field: Field, axis: Axis, x: Array, trailing: int, edge: str) -> Field:
    """Return the field at the coordinates x along one axis, linear between its points."""
    xp = namespace(field)
    points, n = axis.points, axis.size
    if axis.periodic:
        # A ghost point on either side, one period away from its original.
        points = np.concatenate([[points[-1] - axis.length], points, [points[0] + axis.length]])
    left = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
    t = (x - points[left]) / (points[left + 1] - points[left])
    if edge == "constant":
        t = np.clip(t, 0.0, 1.0)
    right = left + 1
    if axis.periodic:
        left, right = (left - 1) % n, (right - 1) % n
    weight = xp.asarray(t, dtype=field.real.dtype).reshape(-1, *(1,) * trailing)
    behind = (slice(None),) * trailing
    return (1 - weight) * field[(..., left, *behind)] + weight * field[(..., right, *behind)]
