"""What evolution equations of fields on a torus share."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField, random_field
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.evolution_problem import EvolutionProblem, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.spectral import FourierSpace, spectral_tail

Array = NDArray[Any]
Sampler = RandomField | Sequence[RandomField | None] | None


class PeriodicEvolution(EvolutionProblem):
    """An equation of one or several fields on a periodic grid, stepped by its Fourier coefficients.

    A subclass names its equation, its field (a tuple of names if there are several, whose
    coefficients are stacked), the intervals of its coefficients, which are keywords of its
    constructor, and how many functions its nonlinear terms multiply: `degree`. States have the
    modes of which such products have no aliases. Coefficients in `per_axis` are one number for
    each axis. `isotropic` declares that the equation looks the same in all directions. `real` says
    whether fields are; outputs of a complex "wave" are "wave_real" and "wave_imag", as data files
    have real fields.

    Args:
        grid: periodic and uniform.
        sampler: draws initial fields, one for each field; None if the user brings them.
        unit: of the fields, one for all or a list.
        dtype: precision of the computation, "float64" or "float32".
        coefficients: numbers by name.
    """

    equation: ClassVar[str]
    field: ClassVar[str | tuple[str, ...]]
    dimensions: ClassVar[tuple[int, ...]] = (1,)
    intervals: ClassVar[dict[str, str]] = {}
    per_axis: ClassVar[tuple[str, ...]] = ()
    degree: ClassVar[int] = 2
    real: ClassVar[bool] = True
    isotropic: ClassVar[bool] = False

    def __init__(
        self,
        grid: Grid,
        sampler: Sampler,
        unit: str | Sequence[str],
        dtype: DTypeLike,
        **coefficients: Any,
    ):
        self.dtype = require_dtype(dtype, "float32", "float64")
        self.space = FourierSpace(grid, real=self.real, dtype=self.dtype)
        if grid.dimension not in self.dimensions:
            wanted = " or ".join(map(str, self.dimensions))
            raise InputError(
                f"grid: expected {wanted} dimensions for {self.equation}, got {grid.dimension}"
            )
        if max(grid.shape) < self.degree + 2:  # thin axes are for fields that are uniform there
            raise InputError(
                f"grid: expected at least {self.degree + 2} points along an axis, got "
                f"{grid.shape}, of which {self.equation} would keep the mean alone"
            )
        self.grid = grid
        self.kept = self.space.dealiased(self.degree)
        self.coefficients = {name: self._coefficient(name, c) for name, c in coefficients.items()}
        names = (self.field,) if isinstance(self.field, str) else self.field
        units = [unit] * len(names) if isinstance(unit, str) else unit
        if (
            not isinstance(units, Sequence)
            or len(units) != len(names)
            or not all(isinstance(one, str) for one in units)
        ):
            raise InputError(f"unit: expected one word, or {len(names)}, got {unit!r:.80}")
        self.unit = unit if isinstance(unit, str) else list(unit)
        self.inputs = tuple(
            FieldInput(name, one, check_sampler(drawn, grid, name))
            for name, one, drawn in zip(
                names, units, self._samplers(sampler, len(names)), strict=True
            )
        )
        parts = ("",) if self.real else ("_real", "_imag")
        self.outputs = {f"{x.name}{part}": x.unit for x in self.inputs for part in parts}

    def asymmetry(self) -> str | None:
        """Return None for equations that look the same in all directions."""
        return None if self.isotropic else super().asymmetry()

    def _coefficient(self, name: str, value: Any) -> Any:
        """Return a number, or a list of one number for each axis."""
        interval = self.intervals[name]
        if name not in self.per_axis:
            return require_number(value, name, interval)
        d = self.grid.dimension
        several = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)
        one = isinstance(value, str) or not several
        values = [value] * d if one else list(value)
        if len(values) != d:
            raise InputError(f"{name}: expected one number or {d}, got {value!r:.80}")
        return [require_number(c, name, interval) for c in values]

    def _samplers(self, sampler: Sampler, count: int) -> Sequence[RandomField | None]:
        """Return a sampler or None for each field."""
        if isinstance(self.field, str):
            return [cast(RandomField | None, sampler)]
        if sampler is None:
            return [None] * count
        if not isinstance(sampler, Sequence) or len(sampler) != count:
            raise InputError(
                f"sampler: expected a list of {count} random fields, for {', '.join(self.field)}, "
                f"or None, got {sampler!r:.80}"
            )
        return sampler

    def state(self, inputs: Inputs) -> Array:
        """Return the coefficients of the initial fields."""
        kinds, kind = ("f", self.dtype) if self.real else ("fc", self.space.transform.complex)
        fields = [self.input_field(inputs, item.name, kinds=kinds) for item in self.inputs]
        xp = namespace(*fields)
        u = fields[0] if isinstance(self.field, str) else xp.stack(fields)
        v = self.space.transform.forward(xp.ascontiguousarray(u, kind))
        v *= xp.asarray(self.kept)
        return v

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the fields on the grid."""
        u = self.space.transform.backward(v)
        one = isinstance(self.field, str)
        found = [u] if one else list(np.moveaxis(u, -self.grid.dimension - 1, 0))
        if not self.real:
            found = [part for u in found for part in (u.real, u.imag)]
        return dict(zip(self.outputs, found, strict=True))

    def tail(self, v: Array) -> Array:
        """Return which part of the fields is in the finest modes, the largest of several."""
        tail = spectral_tail(self.space, v, self.degree)
        return tail if isinstance(self.field, str) else tail.max(axis=-1)

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        require_same_box(self.grid, grid)
        found = [None if s is None else s.on(grid) for s in self._drawn]
        sampler = found[0] if isinstance(self.field, str) else found
        return type(self)(
            grid,
            sampler=None if not any(found) else sampler,
            unit=self.unit,
            dtype=self.dtype,
            **self.coefficients,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        drawn = [None if s is None else s.describe() for s in self._drawn]
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            **self.coefficients,
            "sampler": drawn[0] if isinstance(self.field, str) else drawn,
            "unit": self.unit,
            "dtype": self.dtype.name,
        }

    @property
    def _drawn(self) -> list[RandomField | None]:
        return [item.sampler for item in self.inputs]

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        wanted = {"equation", "grid", "sampler", "unit", "dtype", *cls.intervals}
        if {*description} != wanted:
            raise InputError(
                f"problem description: expected the keys {', '.join(sorted(wanted))}, "
                f"got {', '.join(sorted(map(str, description)))}"
            )
        rest = dict(description)
        grid, sampler = Grid.from_description(rest.pop("grid")), rest.pop("sampler")
        if rest.pop("equation") != cls.equation:
            raise InputError(
                f"problem description: expected the equation {cls.equation}, "
                f"got {description['equation']!r:.80}"
            )
        if isinstance(sampler, list):
            return cls(grid, sampler=[_drawn(s, grid) for s in sampler], **rest)
        return cls(grid, sampler=_drawn(sampler, grid), **rest)


def _drawn(description: Mapping[str, Any] | None, grid: Grid) -> RandomField | None:
    """Return a random field from its description, or None."""
    return None if description is None else random_field(description, grid)
