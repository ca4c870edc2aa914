"""Points of any place and number with quadrature weights, in a box that may be periodic."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_instance, require_integer, require_integers
from nwidth.arrays import Seed, generator, require_finite
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid

Array = NDArray[np.float64]

# Cells of a lattice are counted in 64 bits.
_MOST_CELLS = 1 << 48


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points x_1, ..., x_n of a domain of any shape, and weights of a quadrature on them.

        integral of u over the domain / its volume = sum_i w_i u(x_i) / sum_i w_i

    Without weights all points count the same, which is the Monte Carlo rule of points drawn
    uniformly from the domain. Weights matter up to a common factor; give control volumes where
    points are denser in some places than in others.

    `lower` and `upper` are corners of a box that holds all clouds of a family (default: the unit
    box): networks measure positions in it. On periodic axes, upper is the same place as lower.

    Points (n, d) with d = 1, 2, 3 and weights (n,) are kept as read-only float64. Clouds compare by
    identity. Raises `InputError` for no points, points outside of the box, weights that are not
    positive, and `NonFiniteError` for NaN.

    >>> cloud = PointCloud([[0.1, 0.2], [0.5, 0.9], [0.7, 0.3]])
    >>> len(cloud), cloud.dimension
    (3, 2)
    >>> float(cloud.mean(cloud.points[:, 1]).round(4))
    0.4667
    """

    points: Array
    weights: Array | None = None
    lower: Any = 0.0
    upper: Any = 1.0
    periodic: Any = False

    def __post_init__(self):
        points = _numbers(self.points, "points")
        if points.ndim != 2 or not len(points) or not 1 <= points.shape[1] <= 3:
            raise InputError(
                "point cloud: expected points of shape (n, d) with n >= 1 and d = 1, 2 or 3, "
                f"got {points.shape}"
            )
        n, d = points.shape
        weights = np.ones(n) if self.weights is None else _numbers(self.weights, "weights")
        if weights.shape != (n,) or not np.all(weights > 0):
            what = f"shape {weights.shape}" if weights.shape != (n,) else f"{weights.min()}"
            raise InputError(
                f"point cloud: expected {n} weights > 0, one per point, got {what}; leave out "
                "points of weight zero"
            )
        flag = isinstance(self.periodic, bool | np.bool_)
        flags = (self.periodic,) * d if flag else self.periodic
        corners = {}
        for name in ("lower", "upper"):
            value = _numbers(getattr(self, name), name)
            if value.shape not in ((), (d,)):
                raise InputError(
                    f"point cloud: expected {name} to be one number or {d}, got {value.shape}"
                )
            corners[name] = np.broadcast_to(value, (d,)).copy()
        with np.errstate(over="ignore"):
            lengths = corners["upper"] - corners["lower"]
        if not np.all((lengths > 0) & np.isfinite(lengths)):
            raise InputError(
                "point cloud: expected lower < upper and finite lengths, got "
                f"{corners['lower'].tolist()} and {corners['upper'].tolist()}"
            )
        facts = {"points": points, "weights": weights, **corners}
        for name, array in facts.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "periodic", require_flags(flags, "point cloud: periodic", d))
        low, high = points.min(0), points.max(0)
        outside = (low < self.lower) | (high > self.upper)
        if outside.any():
            raise InputError(
                f"point cloud: expected points in the box from {self.lower.tolist()} to "
                f"{self.upper.tolist()}, got {low.tolist()} to {high.tolist()}; give lower= and "
                "upper=, the same for all clouds that one network sees"
            )

    @classmethod
    def of_grid(cls, grid: Grid) -> Self:
        """Return the points of a grid, the last axis fastest, with its quadrature weights.

        >>> PointCloud.of_grid(Grid.uniform((3, 3))).weights.tolist()[:3]
        [0.0625, 0.125, 0.0625]
        """
        require_instance(grid, "grid", Grid)
        points = np.stack([x.ravel() for x in grid.coordinates()], axis=-1)
        lower, upper = zip(*((axis.lower, axis.upper) for axis in grid.axes), strict=True)
        periodic = tuple(axis.periodic for axis in grid.axes)
        # Cells around periodic nodes may begin before the box; points may not.
        return cls(points, grid.weights.ravel(), lower, upper, periodic)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return self.points.shape[1]

    @property
    def lengths(self) -> Array:
        """Side lengths of the box."""
        return self.upper - self.lower

    @cached_property
    def unit(self) -> Array:
        """Points in units of the box, within [0, 1]."""
        unit = (self.points - self.lower) / self.lengths
        unit.setflags(write=False)
        return unit

    @cached_property
    def shares(self) -> Array:
        """Weights that sum to one."""
        assert self.weights is not None
        # A power of two changes no digit, and sums of huge weights do not overflow.
        shares = np.ldexp(self.weights, -np.frexp(self.weights.max())[1])
        shares /= shares.sum()
        shares.setflags(write=False)
        return shares

    def mean(self, field: Any) -> Any:
        """Return the mean of fields (..., n) over the domain, by the weights."""
        field = np.asarray(field)
        if field.ndim < 1 or field.shape[-1] != len(self) or field.dtype.kind not in "biufc":
            raise InputError(
                f"expected fields of numbers of shape (..., {len(self)}), got {field.dtype} "
                f"{field.shape}"
            )
        return field @ self.shares

    def take(self, chosen: Any, weights: Any = None) -> "PointCloud":
        """Return some of the points, in the same box, with their own or with new weights."""
        assert self.weights is not None
        kept = self.weights[chosen] if weights is None else weights
        return PointCloud(self.points[chosen], kept, self.lower, self.upper, self.periodic)

    def sampled(self, count: int, seed: Seed) -> tuple["PointCloud", NDArray[np.intp]]:
        """Return about `count` of the points, drawn at random, and their numbers.

        One point of every cell of a lattice of about `count` cells is drawn, with probability in
        proportion to its weight, and gets the weight of all points of its cell. So for every field

            expectation of (sum over drawn w' u)  =  sum over all w u

        and fields that vary little within a cell have little variance (stratified sampling:
        Cochran 1977, Sampling Techniques, chapter 5). Equal seeds draw equal points.

        >>> few, chosen = PointCloud.of_grid(Grid.uniform((9, 9))).sampled(16, seed=0)
        >>> len(few), float(few.weights.sum())
        (16, 1.0)
        """
        cells = self._cells(self._lattice(count))
        assert self.weights is not None
        # Points of a cell lie one after the other; each draws one number, the next sum tells whose.
        order = np.argsort(cells, kind="stable")
        total = np.cumsum(self.weights[order])
        last = np.flatnonzero(np.append(np.diff(cells[order]) > 0, True))
        ends = total[last]
        begins = np.append(0.0, ends[:-1])
        drawn = begins + generator(seed).random(len(ends)) * (ends - begins)
        first = np.append(0, last[:-1] + 1)
        chosen = order[np.clip(np.searchsorted(total, drawn, side="right"), first, last)]
        return self.take(chosen, ends - begins), chosen

    def coarsened(self, count: int) -> "PointCloud":
        """Return the centres of mass of the points in each cell of a lattice of `count` cells.

        Their weights are those of the cells, empty cells have none. Under refinement of the cloud
        the centres settle: they depend on the domain, not on its sampling. A centre need not be a
        point of the cloud, nor lie in a domain that is not convex. The cost is that of the points,
        whatever the count. Raises `InputError` for a count that is not from 1 to 2^48.

        >>> PointCloud.of_grid(Grid.uniform((9, 9))).coarsened(4).points.tolist()
        [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
        """
        shape = self._lattice(count)
        occupied, shares, total = self._shares_of_cells(shape)
        kept = np.flatnonzero(total > 1e-12 * total.max())
        sides = self.lengths / shape
        columns = np.stack(np.unravel_index(occupied, shape), axis=-1)
        # Moments about the middle of each cell: exact for points that repeat from cell to cell.
        middles = self.lower + (columns + 0.5) * sides
        moments = np.zeros((len(occupied), self.dimension))
        for cells, weights in shares:
            offsets = self.points - middles[cells]
            for k in range(self.dimension):
                period = self.lengths[k]
                if self.periodic[k]:
                    offsets[:, k] -= period * np.round(offsets[:, k] / period)
                moments[:, k] += np.bincount(cells, weights * offsets[:, k], len(moments))
        centres = middles[kept] + moments[kept] / total[kept, None]
        centres = np.clip(centres, self.lower, self.upper)
        return PointCloud(centres, total[kept], self.lower, self.upper, self.periodic)

    def _shares_of_cells(
        self, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.intp], list[tuple[NDArray[np.intp], Array]], Array]:
        """Return the cells with points, which of them each point is in, and sums of weights.

        The second are (places among those cells, weights), several since a point on the face of two
        cells belongs to each by one half. What is empty is never formed: there may be many cells.
        """
        assert self.weights is not None
        axes = []
        for k, m in enumerate(shape):
            place = self.unit[:, k] * m
            near = np.round(place)
            on = np.abs(place - near) < 1e-9 * m
            right = np.where(on, near, np.floor(place)).astype(int)
            left = np.where(on, near - 1, right).astype(int)
            if self.periodic[k]:
                left, right = left % m, right % m
            else:
                left, right = np.clip(left, 0, m - 1), np.clip(right, 0, m - 1)
            axes.append((left, right))
        corners = np.ndindex(*(2,) * len(shape))
        cells = [
            np.ravel_multi_index([axes[k][s] for k, s in enumerate(sides)], shape)
            for sides in corners
        ]
        occupied, places = np.unique(np.stack(cells), return_inverse=True)
        weights = self.weights / 2 ** len(shape)
        shares = [(inside, weights) for inside in places.reshape(len(cells), -1)]
        total = np.zeros(len(occupied))
        for inside, _ in shares:
            total += np.bincount(inside, weights, len(occupied))
        return occupied, shares, total

    def _lattice(self, count: int) -> tuple[int, ...]:
        """Return how many nearly cubic cells along each axis make about `count`.

        Axes shorter than a cell have one; the others share the count.
        """
        count = require_integer(count, "point cloud: count", 1)
        if count > _MOST_CELLS:
            raise InputError(
                f"point cloud: expected a count of at most 2**48 cells, got {count!r:.80}; take "
                "fewer than there are points"
            )
        lengths = np.log(self.lengths) - np.log(self.lengths.max())
        long = np.ones(self.dimension, dtype=bool)
        while True:  # the longest is never shorter than a cell
            side = (lengths[long].sum() - np.log(count)) / long.sum()
            if not (shorter := long & (lengths < side)).any():
                return tuple(max(1, round(cells)) for cells in np.exp(lengths - side))
            long &= ~shorter

    def _cells(self, shape: Sequence[int]) -> NDArray[np.intp]:
        """Return the number of the lattice cell of each point."""
        shape = require_integers(shape, "point cloud: shape", 1)
        places = np.minimum((self.unit * shape).astype(int), np.array(shape) - 1)
        return np.ravel_multi_index(tuple(places.T), shape)

    def __repr__(self) -> str:
        box = " x ".join(
            f"[{a:g}, {b:g}{')' if wraps else ']'}"
            for a, b, wraps in zip(self.lower, self.upper, self.periodic, strict=True)
        )
        return f"PointCloud({len(self)} points in {box})"


def _numbers(values: Any, what: str) -> Array:
    """Return a float64 copy of finite numbers."""
    try:
        if np.iscomplexobj(values):
            raise TypeError
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"point cloud: expected numbers as {what}, got {values!r:.80}") from None
    require_finite(numbers, f"point cloud: {what}")
    return numbers
