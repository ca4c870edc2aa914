"""Boundary conditions: what holds on each side of a box."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.arrays import require_finite, require_unmasked
from nwidth.errors import InputError
from nwidth.meshes import Grid

Value = float | NDArray[Any] | Callable[..., Any]

ENDS = ("lower", "upper")


@dataclass(frozen=True, eq=False)
class Dirichlet:
    """u = value on a side.

    The value is a number, an array on the points of the side (the grid's shape without the side's
    axis), or a callable of all coordinates, `value(x, y, ...)`, called with arrays on the side.

    >>> Dirichlet(2.0).describe()
    {'type': 'dirichlet', 'value': 2.0}
    """

    value: Value = 0.0

    def __post_init__(self):
        _check_value(self.value, "Dirichlet value")

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description; raises `InputError` for a callable."""
        return {"type": "dirichlet", "value": _describe_value(self.value, "Dirichlet value")}


@dataclass(frozen=True, eq=False)
class Neumann:
    """a du/dn = flux on a side, n pointing outward: a positive flux enters the box.

    The flux is a number, an array on the points of the side, or a callable of all coordinates.

    >>> Neumann().describe()
    {'type': 'neumann', 'flux': 0.0}
    """

    flux: Value = 0.0

    def __post_init__(self):
        _check_value(self.flux, "Neumann flux")

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description; raises `InputError` for a callable."""
        return {"type": "neumann", "flux": _describe_value(self.flux, "Neumann flux")}


@dataclass(frozen=True, eq=False)
class Robin:
    """a du/dn + coefficient u = value on a side, n pointing outward; the coefficient is >= 0.

    Heat transfer to surroundings at temperature T with coefficient alpha is Robin(alpha, alpha T).
    Where the coefficient is zero, the value is a flux as in `Neumann`; positive coefficients lie
    between 1e-30 and 1e30. Coefficient and value are numbers, arrays on the points of the side or
    callables of all coordinates.

    >>> Robin(2.0, 40.0).describe()
    {'type': 'robin', 'coefficient': 2.0, 'value': 40.0}
    """

    coefficient: Value
    value: Value = 0.0

    def __post_init__(self):
        _check_value(self.coefficient, "Robin coefficient")
        _check_value(self.value, "Robin value")
        if not callable(self.coefficient):
            _check_coefficient(np.asarray(self.coefficient), "Robin coefficient")

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description; raises `InputError` for a callable."""
        coefficient = _describe_value(self.coefficient, "Robin coefficient")
        value = _describe_value(self.value, "Robin value")
        return {"type": "robin", "coefficient": coefficient, "value": value}


Condition = Dirichlet | Neumann | Robin

# Other positive coefficients are refused: their reciprocals, times data, leave the range.
SMALLEST_COEFFICIENT, LARGEST_COEFFICIENT = 1e-30, 1e30


@dataclass(frozen=True, eq=False)
class Boundary:
    """One condition for each side of a box; sides are named "x_lower", "x_upper", "y_lower", ...

    Sides that are not named take `default`, homogeneous Dirichlet unless told otherwise. Periodic
    axes have no sides. Where sides meet on a grid of nodes, Dirichlet wins over the others, and of
    two Dirichlet sides the one of the earlier axis wins.

    >>> flow = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())
    >>> flow.kind("x", "lower"), flow.kind("y", "upper")
    ('dirichlet', 'neumann')
    """

    sides: Mapping[str, Condition] = field(default_factory=dict)
    default: Condition = field(default_factory=Dirichlet)

    def __post_init__(self):
        if not isinstance(self.sides, Mapping):
            raise InputError(
                f"boundary: expected a mapping from sides to conditions, got {self.sides!r:.80}"
            )
        for name, condition in [*self.sides.items(), ("default", self.default)]:
            if not isinstance(condition, Condition):
                raise InputError(
                    f"boundary side {name}: expected Dirichlet(...), Neumann(...) or Robin(...), "
                    f"got {condition!r:.80}"
                )
        object.__setattr__(self, "sides", dict(self.sides))

    def condition(self, axis: str, end: str) -> Condition:
        """Return the condition at one end ("lower" or "upper") of an axis."""
        return self.sides.get(f"{axis}_{end}", self.default)

    def kind(self, axis: str, end: str) -> str:
        """Return "dirichlet", "neumann" or "robin"."""
        return type(self.condition(axis, end)).__name__.lower()

    def check(self, grid: Grid) -> "Boundary":
        """Return the boundary, or raise `InputError` if it names a side that the grid lacks."""
        walls = [axis.name for axis in grid.axes if not axis.periodic]
        known = [f"{name}_{end}" for name in walls for end in ENDS]
        for name in self.sides:
            if name in known:
                continue
            if str(name).rsplit("_", 1)[0] in grid.names and str(name).endswith(ENDS):
                raise InputError(
                    f"boundary side {name}: this axis is periodic and has no sides; remove it"
                )
            near = get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(
                f"boundary: expected sides among {', '.join(known) or 'none'}, got {name!r}{hint}"
            )
        return self

    def values(self, grid: Grid, axis: int, end: str) -> NDArray[np.float64]:
        """Return the value or flux on a side, shape `grid.shape` without that axis."""
        require_instance(grid, "grid", Grid)
        if require_integer(axis, "axis", 0) >= grid.dimension:
            raise InputError(f"axis: expected one from 0 to {grid.dimension - 1}, got {axis}")
        require_choice(end, "end", ENDS)
        condition = self.condition(grid.names[axis], end)
        value = condition.flux if isinstance(condition, Neumann) else condition.value
        return _on_side(value, grid, axis, end, "")

    def coefficients(self, grid: Grid, axis: int, end: str) -> NDArray[np.float64]:
        """Return the coefficient >= 0 of a Robin side, shape `grid.shape` without that axis."""
        condition, side = self.condition(grid.names[axis], end), f"{grid.names[axis]}_{end}"
        if not isinstance(condition, Robin):
            raise InputError(f"boundary side {side}: expected Robin(...), got {condition!r:.80}")
        alpha = _on_side(condition.coefficient, grid, axis, end, ", coefficient")
        return _check_coefficient(alpha, f"boundary side {side}, coefficient")

    def moved(self, grid: Grid, target: Grid) -> "Boundary":
        """Return the boundary for another grid of the same box: arrays are interpolated."""
        require_instance(target, "grid", Grid)
        sides: dict[str, Condition] = {}
        for k, axis in enumerate(grid.axes):
            for end in ENDS if not axis.periodic else ():
                condition = self.condition(axis.name, end)
                walls = (grid, target) if grid.dimension > 1 else ()
                side = [Grid(g.axes[:k] + g.axes[k + 1 :]) for g in walls]
                data = {}
                for item in fields(condition):
                    value = getattr(condition, item.name)
                    if not callable(value) and np.ndim(value) > 0:
                        values = _on_side(value, grid, k, end, "")
                        # Extrapolated coefficients could be negative.
                        limited = item.name == "coefficient"
                        value = side[0].interpolate(
                            values, side[1], edge="constant" if limited else "linear"
                        )
                    data[item.name] = value
                sides[f"{axis.name}_{end}"] = type(condition)(**data)
        return Boundary(sides)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` rebuilds the boundary."""
        return {
            "sides": {name: condition.describe() for name, condition in self.sides.items()},
            "default": self.default.describe(),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Boundary":
        """Rebuild a boundary from `describe()`.

        >>> Boundary.from_description(Boundary({"x_lower": Neumann(1.0)}).describe()).sides
        {'x_lower': Neumann(flux=1.0)}
        """
        known = isinstance(description, Mapping) and {*description} == {"sides", "default"}
        if not known or not isinstance(description["sides"], Mapping):
            raise InputError(
                f"boundary description: expected the keys sides and default, "
                f"got {description!r:.200}"
            )
        sides = {name: _condition(item) for name, item in description["sides"].items()}
        return cls(sides, _condition(description["default"]))


def called(function: Callable[..., Any], coordinates: Sequence[Any], what: str) -> Any:
    """Return a user's function of the coordinates, or raise `InputError` if it takes others."""
    try:
        signature(function).bind(*coordinates)
    except TypeError:
        raise InputError(
            f"{what}: expected a callable of {len(coordinates)} coordinates, got "
            f"{getattr(function, '__name__', function)!r}, which takes others"
        ) from None
    except ValueError:  # a compiled function that does not tell
        pass
    return function(*coordinates)


def real_numbers(value: Any) -> NDArray[np.float64]:
    """Return a number or an array in float64; raises `TypeError` for complex ones, `ValueError`."""
    if np.iscomplexobj(value):
        raise TypeError("complex")
    return np.asarray(value, dtype=np.float64)


def _on_side(value: Any, grid: Grid, axis: int, end: str, part: str) -> NDArray[np.float64]:
    """Return a number, array or callable as numbers on the points of a side."""
    shape = grid.shape[:axis] + grid.shape[axis + 1 :]
    what = f"boundary side {grid.names[axis]}_{end}{part}"
    if callable(value):
        points = list(grid.points)
        points[axis] = np.array([getattr(grid.axes[axis], end)])
        coordinates = np.meshgrid(*points, indexing="ij")
        value = called(value, [np.squeeze(x, axis) for x in coordinates], what)
    require_unmasked(value, what)
    try:
        out = np.broadcast_to(real_numbers(value), shape)
    except (TypeError, ValueError):
        raise InputError(
            f"{what}: expected a number or an array of shape {shape}, "
            f"got {np.shape(value)}: {value!r:.80}"
        ) from None
    return require_finite(out, what)


def _condition(description: Any) -> Condition:
    """Rebuild one condition."""
    if isinstance(description, Mapping):
        for kind in (Dirichlet, Neumann, Robin):
            names = [item.name for item in fields(kind)]
            typed = description.get("type") == kind.__name__.lower()
            if typed and {*description} == {"type", *names}:
                return kind(*(_rebuild_value(description[name]) for name in names))
    raise InputError(
        "boundary description: expected {'type': 'dirichlet', 'value': ...}, "
        "{'type': 'neumann', 'flux': ...} or {'type': 'robin', 'coefficient': ..., 'value': ...}, "
        f"got {description!r:.200}"
    )


def _rebuild_value(value: Any) -> Value:
    return np.asarray(value, dtype=np.float64) if isinstance(value, list) else value


def _check_value(value: Any, what: str) -> None:
    """Raise unless the value is callable or made of finite real numbers."""
    if callable(value):
        return
    require_unmasked(value, what)
    try:
        numbers = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        numbers = np.asarray(None)
    if numbers.dtype.kind not in "biuf":
        raise InputError(
            f"{what}: expected a real number, an array or a callable, got {value!r:.80}"
        )
    require_finite(numbers, what)


def _check_coefficient(alpha: Any, what: str) -> Any:
    """Return a Robin coefficient, or raise unless it is zero or positive everywhere."""
    positive = alpha[alpha > 0]
    inside = (positive >= SMALLEST_COEFFICIENT) & (positive <= LARGEST_COEFFICIENT)
    if np.any(alpha < 0) or not inside.all():
        raise InputError(
            f"{what}: expected 0 or numbers from {SMALLEST_COEFFICIENT:g} to "
            f"{LARGEST_COEFFICIENT:g}, got values from {np.min(alpha)} to {np.max(alpha)}; the "
            "condition is a du/dn + coefficient u = value, n pointing outward"
        )
    return alpha


def _describe_value(value: Any, what: str) -> Any:
    """Return the value as JSON-able numbers."""
    if callable(value):
        raise InputError(
            f"{what}: expected a number or an array to describe in a file, got the callable "
            f"{getattr(value, '__name__', value)!r}; evaluate it on the side first"
        )
    return np.asarray(value, dtype=np.float64).tolist()
