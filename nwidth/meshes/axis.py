"""One coordinate axis: its points, its control volumes, its unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite
from nwidth.errors import InputError

Centering = Literal["node", "cell"]
Array = NDArray[np.float64]

_FACTS = ("name", "unit", "size", "lower", "upper", "periodic", "centering")


@dataclass(frozen=True, eq=False)
class Axis:
    """A finite-volume axis: points x_0 < ... < x_{n-1}, each inside its own control volume.

        node:      lower = x_0, x_{n-1} = upper; volumes between the midpoints of neighbours
        cell:      x_i is the middle of volume i; the volumes fill [lower, upper]
        periodic:  x_i in [lower, upper), upper is the same point as lower

    The widths w_i of the volumes are the weights of the trapezoid rule (node) and of the midpoint
    rule (cell), both of second order. Eymard, Gallouet & Herbin (2000), Finite volume methods,
    doi:10.1016/S1570-8659(00)07005-8.

    `points` is stored as a read-only float64 array; axes compare equal when all contents do, bit by
    bit, and can be dictionary keys.

    Raises `InputError` for fewer than two points, points out of order or not finite, or bounds that
    contradict the centering.

    >>> Axis.uniform(5).widths.tolist()
    [0.125, 0.25, 0.25, 0.25, 0.125]
    >>> Axis.uniform(4, upper=2.0, centering="cell", unit="m").points.tolist()
    [0.25, 0.75, 1.25, 1.75]
    """

    points: Array
    lower: float
    upper: float
    name: str = "x"
    unit: str = "1"
    periodic: bool = False
    centering: Centering = "node"

    def __post_init__(self):
        for label in ("name", "unit"):
            if not isinstance(getattr(self, label), str) or not getattr(self, label):
                raise InputError(
                    f"axis: expected {label} to be a word, got {getattr(self, label)!r}"
                )
        if self.centering not in ("node", "cell"):
            raise InputError(
                f"axis {self.name}: expected centering 'node' or 'cell', got {self.centering!r}"
            )
        lower, upper = (_bound(self.name, value) for value in (self.lower, self.upper))
        if not lower < upper:
            raise InputError(f"axis {self.name}: expected lower < upper, got [{lower}, {upper}]")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        object.__setattr__(self, "periodic", bool(self.periodic))
        object.__setattr__(self, "points", _increasing(self.points, f"axis {self.name}"))
        self._check_bounds()

    def _check_bounds(self) -> None:
        """Raise unless the points sit in [lower, upper] as the centering demands."""
        first, last = float(self.points[0]), float(self.points[-1])
        if self.centering == "cell":
            _ = self.faces  # raises for points that are no cell middles
        elif self.periodic and not (self.lower <= first and last < self.upper):
            raise InputError(
                f"axis {self.name}: expected periodic points in [{self.lower}, {self.upper}), got "
                f"{first} to {last}; leave out the point at upper, it equals the one at lower"
            )
        elif not self.periodic and (first != self.lower or last != self.upper):
            raise InputError(
                f"axis {self.name}: expected the first and last node at {self.lower} and "
                f"{self.upper}, got {first} and {last}; give these as bounds or use cells"
            )

    @classmethod
    def uniform(
        cls,
        n: int,
        lower: float = 0.0,
        upper: float = 1.0,
        *,
        name: str = "x",
        unit: str = "1",
        periodic: bool = False,
        centering: Centering = "node",
    ) -> Self:
        """Return n equidistant points on [lower, upper].

        Points that two such axes share are equal bit by bit, whatever their sizes.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
            raise InputError(f"axis {name}: expected at least 2 points, got {n!r}")
        lower, upper = _bound(name, lower), _bound(name, upper)
        points = _uniform_points(int(n), lower, upper, bool(periodic), centering)
        return cls(points, lower, upper, name, unit, periodic, centering)

    @classmethod
    def cells(cls, faces: Any, *, name: str = "x", unit: str = "1", periodic: bool = False) -> Self:
        """Return the cell-centred axis whose n cells lie between n + 1 given faces.

        >>> Axis.cells([0.0, 1.0, 4.0]).points.tolist()
        [0.5, 2.5]
        """
        faces = _increasing(faces, f"axis {name}: faces", least=3)
        middles = (faces[:-1] + faces[1:]) / 2
        return cls(middles, float(faces[0]), float(faces[-1]), name, unit, periodic, "cell")

    @classmethod
    def chebyshev(
        cls, n: int, lower: float = -1.0, upper: float = 1.0, *, name: str = "x", unit: str = "1"
    ) -> Self:
        """Return n nodes on [lower, upper], dense at the ends, the extrema of T_{n-1}.

            x_j = (lower + upper) / 2 - (upper - lower) / 2 cos(pi j / (n - 1))

        Polynomials through values there are well conditioned (`ChebyshevBasis`). Reference:
        Trefethen (2019), doi:10.1137/1.9781611975949, chapter 2.

        >>> Axis.chebyshev(5, 0.0, 2.0).points.round(6).tolist()
        [0.0, 0.292893, 1.0, 1.707107, 2.0]
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
            raise InputError(f"axis {name}: expected at least 2 points, got {n!r}")
        lower, upper, m = _bound(name, lower), _bound(name, upper), int(n) - 1
        # The sine is odd to the last digit, so that points are symmetric.
        xi = np.sin(np.pi * (2 * np.arange(m + 1) - m) / (2 * m))
        points = (lower + upper) / 2 + (upper - lower) / 2 * xi
        points[0], points[-1] = lower, upper
        return cls(points, lower, upper, name, unit)

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.points)

    @property
    def length(self) -> float:
        """Upper minus lower."""
        return self.upper - self.lower

    @cached_property
    def spacing(self) -> float | None:
        """Distance of neighbours, or None if it varies by more than 1e-9 of itself."""
        n = self.size
        h = self.length / (n if self.periodic or self.centering == "cell" else n - 1)
        ideal = _uniform_points(n, self.lower, self.upper, self.periodic, self.centering)
        slack = 1e-9 * h + 4 * np.spacing(max(abs(self.lower), abs(self.upper)))
        return h if np.max(np.abs(self.points - ideal)) <= slack else None

    @property
    def is_uniform(self) -> bool:
        """Whether the points are those of `Axis.uniform` (to 1e-9 of the spacing)."""
        return self.spacing is not None

    @cached_property
    def faces(self) -> Array:
        """The n + 1 boundaries of the control volumes."""
        x, n = self.points, self.size
        if self.centering == "cell":
            faces = self._cell_faces()
        elif self.periodic:
            seam = (x[0] + x[-1] - self.length) / 2
            faces = np.concatenate([[seam], (x[:-1] + x[1:]) / 2, [seam + self.length]])
        else:
            faces = np.concatenate([[self.lower], (x[:-1] + x[1:]) / 2, [self.upper]])
        assert len(faces) == n + 1
        return _read_only(faces)

    def _cell_faces(self) -> Array:
        """Return the faces that have the points in their middles: f_{i+1} = 2 x_i - f_i."""
        n, length = self.size, self.length
        if self.is_uniform:
            faces = self.lower + length * (np.arange(n + 1) / n)
        else:
            signs = np.where(np.arange(n) % 2, -1.0, 1.0)
            sums = np.cumsum(signs * 2 * (self.points - self.lower))
            faces = self.lower + np.concatenate([[0.0], signs * sums])
        if np.any(np.diff(faces) <= 0) or abs(faces[-1] - self.upper) > 1e-9 * length:
            raise InputError(
                f"axis {self.name}: expected the middles of cells that fill "
                f"[{self.lower}, {self.upper}], but no such cells exist; "
                "build the axis from its faces with Axis.cells"
            )
        faces[-1] = self.upper
        return faces

    @cached_property
    def widths(self) -> Array:
        """Lengths of the control volumes, the quadrature weights."""
        return _read_only(np.diff(self.faces))

    def coarsen(self, factor: int) -> "Axis":
        """Return the axis of every factor-th node, or of `factor` cells merged into one.

        >>> Axis.uniform(421).coarsen(5) == Axis.uniform(85)
        True
        """
        if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or factor < 1:
            raise InputError(f"axis {self.name}: expected a factor >= 1, got {factor!r}")
        whole = self.periodic or self.centering == "cell"
        intervals = self.size if whole else self.size - 1
        coarse = intervals // factor + (0 if whole else 1)
        if intervals % factor or coarse < 2:
            what = "cells" if self.centering == "cell" else "intervals"
            raise InputError(
                f"axis {self.name}: expected a factor that divides its {intervals} {what} and "
                f"leaves at least 2 points, got {factor}"
            )
        labels: dict[str, Any] = {"name": self.name, "unit": self.unit, "periodic": self.periodic}
        if self.centering == "node":
            return Axis(self.points[::factor], self.lower, self.upper, **labels)
        if self.is_uniform:
            return Axis.uniform(coarse, self.lower, self.upper, centering="cell", **labels)
        return Axis.cells(self.faces[::factor], **labels)

    def with_points(self, n: int) -> "Axis":
        """Return the equidistant axis of n points with these ends, label and kind.

        >>> Axis.uniform(421, 1.0, 2.0, name="y").with_points(3)
        Axis(y: 3 uniform nodes on [1.0, 2.0] 1)
        """
        return Axis.uniform(
            n,
            self.lower,
            self.upper,
            name=self.name,
            unit=self.unit,
            periodic=self.periodic,
            centering=self.centering,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description; points are listed only if `uniform` cannot rebuild them.

        >>> Axis.from_description(Axis.uniform(9).describe()) == Axis.uniform(9)
        True
        """
        described = {fact: getattr(self, fact) for fact in _FACTS}
        ideal = _uniform_points(self.size, self.lower, self.upper, self.periodic, self.centering)
        if not np.array_equal(ideal, self.points):
            described["points"] = self.points.tolist()
        return described

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Rebuild an axis from `describe()`, bit by bit."""
        if not isinstance(description, Mapping) or not {*_FACTS} <= {*description} <= {
            *_FACTS,
            "points",
        }:
            raise InputError(
                f"axis description: expected the keys {', '.join(_FACTS)} and at most points, "
                f"got {description!r:.200}"
            )
        facts = dict(description)
        size, points = facts.pop("size"), facts.pop("points", None)
        if points is None:
            return cls.uniform(size, **facts)
        if np.size(points) != size:
            raise InputError(
                f"axis description: expected {size} points, got {np.size(points)}; "
                "the description is damaged"
            )
        return cls(np.asarray(points), **facts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Axis):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return (self.points.tobytes(), *(getattr(self, fact) for fact in _FACTS))

    def __reduce__(self):
        # Pickled arrays come back writable; rebuilding through the constructor locks them again.
        facts = (self.name, self.unit, self.periodic, self.centering)
        return Axis, (np.array(self.points), self.lower, self.upper, *facts)

    def __repr__(self) -> str:
        kind = f"{'uniform ' if self.is_uniform else ''}{'periodic ' if self.periodic else ''}"
        plural = f"{kind}{self.centering}s"
        return (
            f"Axis({self.name}: {self.size} {plural} on [{self.lower}, {self.upper}] {self.unit})"
        )


def _uniform_points(n: int, lower: float, upper: float, periodic: bool, centering: str) -> Array:
    """Return lower + (upper - lower) t with t a correctly rounded fraction, so shared points agree.

    A fraction like 5/420 = 1/84 rounds to the same double in whatever terms it is written.
    """
    i = np.arange(n)
    if centering == "cell":
        return lower + (upper - lower) * ((2 * i + 1) / (2 * n))
    if periodic:
        return lower + (upper - lower) * (i / n)
    points = lower + (upper - lower) * (i / (n - 1))
    points[-1] = upper
    return points


def _bound(name: str, value: Any) -> float:
    """Return a bound as a finite float without a negative zero."""
    try:
        number = float(value) + 0.0
    except (TypeError, ValueError):
        raise InputError(f"axis {name}: expected a number as bound, got {value!r}") from None
    if not np.isfinite(number):
        raise InputError(f"axis {name}: expected finite bounds, got {value!r}")
    return number


def _increasing(values: Any, what: str, least: int = 2) -> Array:
    """Return a read-only float64 copy of strictly increasing finite numbers."""
    try:
        numbers = np.array(values, dtype=np.float64) + 0.0
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected a list of numbers, got {values!r:.80}") from None
    if numbers.ndim != 1 or len(numbers) < least:
        raise InputError(f"{what}: expected at least {least} points, got shape {numbers.shape}")
    require_finite(numbers, what)
    steps = np.diff(numbers)
    if np.any(steps <= 0):
        i = int(np.argmax(steps <= 0))
        raise InputError(
            f"{what}: expected strictly increasing points, got {numbers[i]} before "
            f"{numbers[i + 1]} at index {i}; sort them and remove repeats"
        )
    return _read_only(numbers)


def _read_only(array: Array) -> Array:
    array.setflags(write=False)
    return array
