"""What evolution equations of one real field on a torus share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField, random_field
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.spectral import FourierSpace, spectral_tail

Array = NDArray[Any]


class PeriodicEvolution(EvolutionProblem):
    """An equation of one real field on a periodic grid, stepped by its Fourier coefficients.

    States have the modes that the 2/3 rule keeps. A subclass names its equation, its field and the
    intervals of its coefficients, which are keywords of its constructor.

    Args:
        grid: periodic and uniform.
        sampler: draws initial fields; None if the user brings them.
        unit: of the field.
        dtype: precision of the computation, "float64" or "float32".
        coefficients: numbers by name.
    """

    equation: ClassVar[str]
    field: ClassVar[str]
    dimensions: ClassVar[tuple[int, ...]] = (1,)
    intervals: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        grid: Grid,
        sampler: RandomField | None,
        unit: str,
        dtype: DTypeLike,
        **coefficients: Any,
    ):
        self.space = FourierSpace(grid, dtype=dtype)
        if grid.dimension not in self.dimensions:
            wanted = " or ".join(map(str, self.dimensions))
            raise InputError(
                f"grid: expected {wanted} dimensions for {self.equation}, got {grid.dimension}"
            )
        self.grid, self.dtype = grid, np.dtype(dtype)
        self.coefficients = {
            name: require_number(value, name, self.intervals[name])
            for name, value in coefficients.items()
        }
        self.inputs = (FieldInput(self.field, unit, check_sampler(sampler, grid, self.field)),)
        self.outputs = {self.field: unit}

    def state(self, inputs: Inputs) -> Array:
        """Return the coefficients of the initial field."""
        u = self.input_field(inputs, self.field)
        v = self.space.transform.forward(namespace(u).ascontiguousarray(u, self.dtype))
        v[..., ~self.space.kept] = 0
        return v

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the field on the grid."""
        return {self.field: self.space.transform.backward(v)}

    def tail(self, v: Array) -> Array:
        """Return which part of the field is in the finest modes."""
        return spectral_tail(self.space, v)

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        sampler = self.inputs[0].sampler
        return type(self)(
            grid,
            sampler=None if sampler is None else sampler.on(grid),
            unit=self.inputs[0].unit,
            dtype=self.dtype,
            **self.coefficients,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        item = self.inputs[0]
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            **self.coefficients,
            "sampler": None if item.sampler is None else item.sampler.describe(),
            "unit": item.unit,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is."""
        rest = dict(description)
        grid, sampler = Grid.from_description(rest.pop("grid")), rest.pop("sampler")
        del rest["equation"]
        return cls(grid, sampler=None if sampler is None else random_field(sampler, grid), **rest)
