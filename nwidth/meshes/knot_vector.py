"""Knots of splines: where polynomial pieces meet, and how smoothly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import namespace, require_finite, require_unmasked
from nwidth.errors import InputError

Array = NDArray[np.float64]

# One over the distance of knots must be a number.
SHORTEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class KnotVector:
    """The knots t_0 <= t_1 <= ... of splines of degree p, which live on [lower, upper].

        lower = t_p,    upper = t_n,    n = len(values) - p - 1 functions
        periodic:  t_{i+n} = t_i + upper - lower,    n = len(values) - 2 p - 1 functions

    At a knot that stands m times, splines have p - m continuous derivatives; m = p + 1 lets them
    jump. The first and the last p knots lie at the ends or outside: repeated at the ends
    (`open`, `uniform`), the spline's end values are its end coefficients; going on as inside
    (`cardinal`), all functions have one shape. de Boor (1978), A Practical Guide to Splines,
    doi:10.1007/978-1-4612-6333-3, chapter IX.

    Args:
        values: all knots, sorted; stored as a read-only float64 array.
        degree: p >= 0. Three is the usual choice; five and seven pay for smooth functions.
        periodic: whether upper is the same point as lower. Then at least p + 1 functions.

    Raises `InputError` for knots that are unsorted, not finite, repeated more than p + 1 times, too
    few for the degree, or not those of a periodic line.

    >>> knots = KnotVector.open([0.0, 0.5, 1.0], degree=2)
    >>> knots.values.tolist(), knots.size
    ([0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0], 4)
    >>> knots.greville.tolist()
    [0.0, 0.25, 0.75, 1.0]
    """

    values: Array
    degree: int
    periodic: bool = False

    def __post_init__(self):
        p = require_integer(self.degree, "degree", 0)
        if not isinstance(self.periodic, bool | np.bool_):
            raise InputError(f"periodic: expected True or False, got {self.periodic!r:.80}")
        object.__setattr__(self, "degree", p)
        object.__setattr__(self, "periodic", bool(self.periodic))
        t = _numbers(self.values, "knots")
        object.__setattr__(self, "values", t)
        if self.size < p + 1:
            least = 3 * p + 2 if self.periodic else 2 * (p + 1)
            raise InputError(
                f"knots: expected at least {least} of them for degree {p}, got {len(t)}; "
                "lower the degree or give more knots"
            )
        _require_sorted(t)
        if np.any((t[1:] > t[:-1]) & (t[1:] - t[:-1] < SHORTEST)):
            raise InputError(f"knots: expected different knots to be {SHORTEST} apart; scale them")
        if np.any(t[p + 1 :] == t[: -p - 1]):
            i = int(np.argmax(t[p + 1 :] == t[: -p - 1]))
            raise InputError(
                f"knots: expected none to stand more than degree + 1 = {p + 1} times, got {t[i]} "
                f"{int(np.sum(t == t[i]))} times from index {i}; remove repeats"
            )
        if self.periodic:
            self._require_continued()
        elif t[p] == t[p + 1] or t[-p - 1] == t[-p - 2]:
            raise InputError(
                f"knots: expected the knots of index {p} and {p + 1} to differ, likewise from the "
                f"end, got {t[: p + 2].tolist()} and {t[-p - 2 :].tolist()}; a function would "
                "vanish on the whole domain"
            )

    def _require_continued(self) -> None:
        """Raise unless the knots outside are those inside, moved by the period."""
        t, n, period = self.values, self.size, self.upper - self.lower
        slack = 1e-12 * period + 8 * np.spacing(np.abs(t).max())
        wrong = np.abs(t[n:] - t[:-n] - period) > slack
        if period <= 0 or np.any(wrong):
            i = int(np.argmax(wrong))
            raise InputError(
                f"knots: expected periodic knots with values[i + {n}] - values[i] = {period}, got "
                f"{t[i + n] - t[i]} at index {i}; build them with KnotVector.closed"
            )

    @classmethod
    def open(cls, breakpoints: Any, degree: int) -> Self:
        """Return the knots whose ends are repeated degree + 1 times.

        Inner breakpoints may be repeated for less smoothness.

        >>> KnotVector.open([0.0, 1.0, 1.0, 2.0], 2).values.tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        """
        p, x = require_integer(degree, "degree", 0), _breakpoints(breakpoints)
        return cls(np.concatenate([np.full(p, x[0]), x, np.full(p, x[-1])]), p)

    @classmethod
    def closed(cls, breakpoints: Any, degree: int) -> Self:
        """Return periodic knots: the last breakpoint is the same point as the first.

        >>> KnotVector.closed([0.0, 1.0, 3.0], 1).values.tolist()
        [-2.0, 0.0, 1.0, 3.0, 4.0]
        """
        p, x = require_integer(degree, "degree", 0), _breakpoints(breakpoints)
        n, period = len(x) - 1, x[-1] - x[0]
        if n < p + 1:
            raise InputError(
                f"knots: expected at least {p + 1} intervals of periodic splines of degree {p}, "
                f"got {n}; lower the degree or give more breakpoints"
            )
        last, first = x[n - p : n], x[1 : p + 1]
        # Copies of the seam are the seam, and none is on its other side, whatever the rounding.
        before = np.where(last == x[-1], x[0], np.minimum(last - period, x[0]))
        after = np.where(first == x[0], x[-1], np.maximum(first + period, x[-1]))
        return cls(np.concatenate([before, x, after]), p, True)

    @classmethod
    def uniform(cls, intervals: int, degree: int, lower: float = 0.0, upper: float = 1.0) -> Self:
        """Return open knots with equal intervals.

        >>> KnotVector.uniform(2, 1).values.tolist()
        [0.0, 0.0, 0.5, 1.0, 1.0]
        """
        return cls.open(_equidistant(intervals, lower, upper), degree)

    @classmethod
    def uniform_periodic(
        cls, intervals: int, degree: int, lower: float = 0.0, upper: float = 1.0
    ) -> Self:
        """Return periodic knots with equal intervals, as many as functions.

        >>> KnotVector.uniform_periodic(4, 1).values.tolist()
        [-0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
        """
        return cls.closed(_equidistant(intervals, lower, upper), degree)

    @classmethod
    def cardinal(cls, intervals: int, degree: int) -> Self:
        """Return consecutive integers, with the domain [0, intervals] and degree more on each side.

        All functions are translates of one, the cardinal B-spline.

        >>> KnotVector.cardinal(3, 1).values.tolist()
        [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
        """
        n, p = require_integer(intervals, "intervals", 1), require_integer(degree, "degree", 0)
        return cls(np.arange(-p, n + p + 1, dtype=np.float64), p)

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.values) - self.degree * (2 if self.periodic else 1) - 1

    @property
    def lower(self) -> float:
        """Lower end of the domain."""
        return float(self.values[self.degree])

    @property
    def upper(self) -> float:
        """Upper end of the domain."""
        return float(self.values[-self.degree - 1])

    @cached_property
    def breakpoints(self) -> Array:
        """The different knots of [lower, upper]."""
        p = self.degree
        return _read_only(np.unique(self.values[p : len(self.values) - p]))

    @cached_property
    def multiplicities(self) -> NDArray[np.int64]:
        """How often each of the breakpoints stands among the knots; int64, read-only."""
        t, x = self.values, self.breakpoints
        counts = np.searchsorted(t, x, "right") - np.searchsorted(t, x, "left")
        if self.periodic:  # copies at both ends are the same knots
            inside = t[self.degree : self.degree + self.size]
            counts = np.array([np.sum(inside == y) for y in x])
            counts[0] = counts[-1] = counts[0] + counts[-1]
        return _read_only(counts)

    @cached_property
    def spacing(self) -> float | None:
        """Distance of neighbouring breakpoints, or None if it varies or inner knots are repeated.

        To vary means by more than rounding does.
        """
        p, n = self.degree, len(self.values) - 2 * self.degree - 1
        ideal = self.lower + (self.upper - self.lower) * (np.arange(n + 1) / n)
        slack = 4 * np.spacing(max(abs(self.lower), abs(self.upper)))
        inside = self.values[p : len(self.values) - p]
        return (self.upper - self.lower) / n if np.abs(inside - ideal).max() <= slack else None

    @cached_property
    def greville(self) -> Array:
        """The Greville points (t_{i+1} + ... + t_{i+p}) / p, one for each function.

        Sum_i greville_i B_i(x) = x, and interpolation there has one solution. For degree 0 they are
        the middles of the supports. Those of periodic knots are moved into [lower, upper); those of
        the outer functions of knots that are not repeated at the ends lie outside the domain.
        """
        t, p, n = self.values, self.degree, self.size
        if p == 0:
            return _read_only((t[:n] + t[1 : n + 1]) / 2)
        low, high = t[1 : n + 1], t[p : p + n]
        means = low + sum(t[k : k + n] - low for k in range(1, p + 1)) / p
        points = np.clip(means, low, high)
        if self.periodic:
            points = wrapped(points, self.lower, self.upper)
        return _read_only(points)

    def inserted(self, points: Any) -> Self:
        """Return these knots and more; points may be repeated, and repeat knots.

        Raises `InputError` for points outside the domain, and for those that would stand more often
        than degree + 1 times.

        >>> KnotVector.uniform(2, 1).inserted([0.25]).values.tolist()
        [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]
        """
        x = _numbers(points, "points", least=0)
        if len(x) and not (self.lower <= x.min() and x.max() <= self.upper):
            wrong = x[(x < self.lower) | (x > self.upper)][0]
            raise InputError(
                f"points: expected knots to insert in [{self.lower}, {self.upper}], got {wrong}"
            )
        if not self.periodic:
            return type(self)(np.sort(np.concatenate([self.values, x])), self.degree)
        inside = self.values[self.degree : self.degree + self.size]
        x = np.where(x == self.upper, self.lower, x)
        return self.closed(np.append(np.sort(np.concatenate([inside, x])), self.upper), self.degree)

    def refined(self) -> Self:
        """Return these knots with one more in the middle of each interval.

        >>> KnotVector.uniform(5, 3).refined() == KnotVector.uniform(10, 3)
        True
        """
        x = self.breakpoints
        n = len(x) - 1
        if np.array_equal(x, _equidistant(n, self.lower, self.upper)):
            return self.inserted(_equidistant(2 * n, self.lower, self.upper)[1::2])
        return self.inserted((x[:-1] + x[1:]) / 2)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description.

        >>> knots = KnotVector.uniform(3, 2)
        >>> KnotVector.from_description(knots.describe()) == knots
        True
        """
        return {
            "values": self.values.tolist(),
            "degree": self.degree,
            "periodic": self.periodic,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Rebuild knots from `describe()`, bit by bit."""
        facts = {"values", "degree", "periodic"}
        if not isinstance(description, Mapping) or {*description} != facts:
            raise InputError(
                "knots description: expected the keys values, degree and periodic, "
                f"got {description!r:.200}"
            )
        return cls(**description)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnotVector):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return (self.values.tobytes(), self.degree, self.periodic)

    def __reduce__(self):
        # Pickled arrays come back writable; rebuilding through the constructor locks them again.
        return type(self), (np.array(self.values), self.degree, self.periodic)

    def __repr__(self) -> str:
        kind = "periodic " if self.periodic else ""
        return (
            f"KnotVector({self.size} {kind}functions of degree {self.degree} on "
            f"[{self.lower}, {self.upper}])"
        )


def wrapped(x: Any, lower: Any, upper: Any) -> Any:
    """Return points moved by multiples of upper - lower into [lower, upper).

    >>> wrapped(np.array([-0.25, 1.0, 2.5]), 0.0, 1.0).tolist()
    [0.75, 0.0, 0.5]
    """
    period = upper - lower
    moved = lower + (x - lower) % period
    # Just below lower, the remainder rounds up to the period.
    return namespace(x).where(moved >= upper, moved.dtype.type(lower), moved)


def _equidistant(intervals: int, lower: float, upper: float) -> Array:
    """Return lower + (upper - lower) i / n, so that points shared with finer knots are equal."""
    n = require_integer(intervals, "intervals", 1)
    ends = _numbers([lower, upper], "lower and upper")
    _require_sorted(ends, "lower and upper")
    x = ends[0] + (ends[1] - ends[0]) * (np.arange(n + 1) / n)
    x[-1] = ends[1]
    return x


def _breakpoints(values: Any) -> Array:
    """Return sorted breakpoints, at least two different ones."""
    x = _numbers(values, "breakpoints")
    _require_sorted(x, "breakpoints")
    if x[0] == x[-1]:
        raise InputError(f"breakpoints: expected lower < upper, got {x[0]} alone")
    return x


def _numbers(values: Any, what: str, least: int = 2) -> Array:
    """Return a read-only float64 copy of finite real numbers."""
    require_unmasked(values, what)
    try:
        numbers = np.array(values)
        if numbers.dtype.kind not in "biuf":
            raise TypeError
        numbers = numbers.astype(np.float64) + 0.0
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected a list of real numbers, got {values!r:.80}") from None
    numbers = np.atleast_1d(numbers) if least == 0 else numbers
    if numbers.ndim != 1 or len(numbers) < least:
        raise InputError(
            f"{what}: expected a list of at least {least} numbers, got shape {numbers.shape}"
        )
    return _read_only(require_finite(numbers, what))


def _require_sorted(t: Array, what: str = "knots") -> None:
    if np.any(t[1:] < t[:-1]):
        i = int(np.argmax(t[1:] < t[:-1]))
        raise InputError(
            f"{what}: expected them sorted, got {t[i]} before {t[i + 1]} at index {i}; sort them"
        )
    if t[-1] / 2 - t[0] / 2 > np.finfo(np.float64).max / 2:
        raise InputError(f"{what}: expected a length that is a number, got {t[0]} to {t[-1]}")


def _read_only(array: Any) -> Any:
    array.setflags(write=False)
    return array
