"""Sensors that may be chosen: points, local averages, line integrals."""

from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid

Array = NDArray[Any]


@dataclass(frozen=True)
class SensorDictionary:
    """Linear functionals of fields on a grid, one row of a sparse matrix each.

        sigma_i(f) = sum_j L_ij f(y_j)

    `matrix` is L, shape (sensors, points); `names` tells each sensor. Dictionaries are joined by
    `+`. Reference: Maday, Mula, Patera & Yano (2015), The generalized empirical interpolation
    method, doi:10.1016/j.cma.2015.01.018, where such functionals are the sensors.

    >>> grid = Grid.uniform((21, 21))
    >>> sensors = SensorDictionary.averages(grid, 0.1, [(0.5, 0.5)])
    >>> sensors += SensorDictionary.lines(grid, [(0.0, 0.0)], [(1.0, 0.0)])
    >>> x, _ = grid.coordinates()
    >>> sensors(x).round(12).tolist()
    [0.5, 0.5]
    """

    matrix: Any
    names: tuple[str, ...]

    def __post_init__(self):
        from scipy.sparse import csr_array

        object.__setattr__(self, "matrix", csr_array(self.matrix))
        if self.matrix.shape[0] != len(self.names) or not self.names:
            raise InputError(
                f"names: expected one for each of {self.matrix.shape[0]} sensors, at least one, "
                f"got {len(self.names)}"
            )
        require_finite(self.matrix.data, "dictionary")

    @classmethod
    def points(cls, grid: Grid, places: Any = None) -> Self:
        """Return the values at places (q, dimension), or at every point of the grid.

        Between points of the grid they are interpolated multilinearly.
        """
        where = _places(grid, places, "places")
        return cls(_interpolation(grid, where), tuple(f"point {_words(at)}" for at in where))

    @classmethod
    def averages(cls, grid: Grid, radius: float, centers: Any = None) -> Self:
        """Return the averages over balls around centers (q, dimension), or every point.

        Points of the grid within the radius count with their control volumes; there must be one.
        """
        from scipy.sparse import csr_array, vstack

        radius = require_number(radius, "radius", "(0, inf)")
        rows, weights = [], np.asarray(grid.weights)
        where = _places(grid, centers, "centers")
        for center in where:
            squares = [_offsets(axis, c) ** 2 for axis, c in zip(grid.axes, center, strict=True)]
            inside = reduce(np.add.outer, squares) <= radius**2
            if not inside.any():
                raise InputError(
                    f"radius: expected one that reaches a point of the grid from {_words(center)}, "
                    f"got {radius:g}"
                )
            row = np.where(inside, weights, 0.0).reshape(1, -1)
            rows.append(csr_array(row / row.sum()))
        names = tuple(f"average over {radius:g} around {_words(center)}" for center in where)
        return cls(vstack(rows), names)

    @classmethod
    def lines(cls, grid: Grid, starts: Any, ends: Any, samples: int = 101) -> Self:
        """Return the integrals along straight lines between starts and ends (q, dimension).

        By the trapezoid rule with so many samples, interpolated multilinearly: second order.
        """
        from scipy.sparse import csr_array

        samples = require_integer(samples, "samples", 2)
        one, other = _places(grid, starts, "starts"), _places(grid, ends, "ends")
        if one.shape != other.shape:
            raise InputError(f"ends: expected as many as starts, {len(one)}, got {len(other)}")
        t = np.linspace(0.0, 1.0, samples)
        weights = np.full(samples, 1.0 / (samples - 1))
        weights[[0, -1]] /= 2
        along = (one[:, None] + t[:, None] * (other - one)[:, None]).reshape(-1, grid.dimension)
        lengths = np.linalg.norm(other - one, axis=1)
        rows = np.repeat(np.arange(len(one)), samples)
        columns = np.arange(len(along))
        rule = csr_array((np.outer(lengths, weights).ravel(), (rows, columns)))
        pairs = zip(one, other, strict=True)
        names = tuple(f"line from {_words(a)} to {_words(b)}" for a, b in pairs)
        return cls(rule @ _interpolation(grid, along), names)

    def __call__(self, fields: Any) -> Array:
        """Return the readings (..., sensors) of fields (..., *shape)."""
        fields, size = np.asarray(fields), self.matrix.shape[1]
        for k in range(fields.ndim + 1):
            if np.prod(fields.shape[k:], dtype=int) == size:
                flat = fields.reshape(-1, size)
                return (self.matrix @ flat.T).T.reshape(*fields.shape[:k], len(self.names))
        raise InputError(f"fields: expected {size} points in the last axes, got {fields.shape}")

    def __len__(self) -> int:
        return len(self.names)

    def __add__(self, other: "SensorDictionary") -> "SensorDictionary":
        from scipy.sparse import vstack

        if self.matrix.shape[1] != other.matrix.shape[1]:
            raise InputError(
                f"dictionary: expected sensors of fields with {self.matrix.shape[1]} points, got "
                f"{other.matrix.shape[1]}"
            )
        return SensorDictionary(vstack([self.matrix, other.matrix]), self.names + other.names)


def _places(grid: Grid, places: Any, name: str) -> Array:
    """Return places within the grid's box, shape (q, dimension)."""
    if places is None:
        return np.stack([c.ravel() for c in grid.coordinates()], axis=1)
    found = np.atleast_2d(np.asarray(places, np.float64))
    if found.ndim != 2 or found.shape[1] != grid.dimension or not found.size:
        raise InputError(
            f"{name}: expected coordinates of shape (q, {grid.dimension}), got {found.shape}"
        )
    require_finite(found, name)
    for axis, values in zip(grid.axes, found.T, strict=True):
        if values.min() < axis.lower or values.max() > axis.upper:
            raise InputError(
                f"{name}: expected {axis.name} from {axis.lower:g} to {axis.upper:g}, got "
                f"{values.min():g} to {values.max():g}"
            )
    return found


def _interpolation(grid: Grid, places: Array) -> Any:
    """Return the sparse matrix of multilinear interpolation at places within the box."""
    from scipy.sparse import csr_array

    count = len(places)
    columns, weights = np.zeros((count, 1), np.int64), np.ones((count, 1))
    for axis, x in zip(grid.axes, places.T, strict=True):
        n, points = axis.size, axis.points
        if axis.periodic:  # one point more stands for the first
            points = np.append(points, points[0] + axis.length)
            x = points[0] + np.mod(x - points[0], axis.length)
        k = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
        t = np.clip((x - points[k]) / (points[k + 1] - points[k]), 0.0, 1.0)
        both, shares = np.stack([k, (k + 1) % n], axis=1), np.stack([1 - t, t], axis=1)
        columns = (columns[:, :, None] * n + both[:, None]).reshape(count, -1)
        weights = (weights[:, :, None] * shares[:, None]).reshape(count, -1)
    rows = np.repeat(np.arange(count), columns.shape[1])
    L = csr_array((weights.ravel(), (rows, columns.ravel())), shape=(count, grid.size))
    L.eliminate_zeros()
    return L


def _offsets(axis: Axis, center: float) -> Array:
    """Return the distances of an axis' points from a center, around a periodic axis too."""
    away = np.abs(axis.points - center)
    return np.minimum(away, axis.length - away) if axis.periodic else away


def _words(place: Array) -> str:
    return "(" + ", ".join(f"{x:.4g}" for x in place) + ")"
