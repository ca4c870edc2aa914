"""Darcy flow: the pressure in a medium of given permeability."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import (
    DiffusionProblem,
    Source,
    check_sampler,
    described_source,
    moved_source,
    source_on_grid,
)
from nwidth.solvers.problem import FieldInput, Inputs

Array = NDArray[Any]

# Permeabilities below this part of the largest are refused: their flow is lost in round-off.
# So are those whose reciprocals, times lengths, leave the range.
SMALLEST_PART = 1e-30
_RANGE = {np.dtype(np.float32): (1e-35, 1e35)}  # others: 1e-290 to 1e290


class Darcy(DiffusionProblem):
    """The steady pressure u in a porous medium of permeability a.

        -div(a grad u) + c u = f    in a box,
        u = g,  a du/dn = q  or  a du/dn + alpha u = g    on its sides

    Reference: Aziz & Settari (1979), Petroleum Reservoir Simulation; the two-phase
    benchmark a in {3, 12}: Li et al. (2021), arXiv:2010.08895, section 5.2.

    Input "permeability": a > 0, shape `grid.shape`, or `(d, *grid.shape)` for a diagonal tensor.
    Output "pressure", shape `grid.shape`. The discrete operator lies between min a and max a times
    the one with a = 1, because every face average lies between its two values; these two are
    `coercivity` and `continuity`, or min(1, min a) and max(1, max a) where Robin sides or a
    reaction stand beside a. float32 permeability gives a float32 pressure.

    Args:
        grid: 1 to 3 axes of nodes or cells, uniform or not, periodic or not.
        boundary: conditions on the sides; zero pressure all around by default.
        source: f, a number, an array on the grid or a callable `f(x, y, ...)`.
        permeability: the random field that samples are drawn from, on the same grid.
        reaction: c >= 0, a number, an array on the grid or a callable; 0 by default.
        unit: unit of the permeability.
        output_unit: unit of the pressure.

    Raises `InputError` for a permeability that is not positive and finite, has another shape or
    holds numbers below 1e-30 of its largest, for a negative reaction, and, if u is determined up to
    a constant only, for a source that does not balance the fluxes.

    >>> problem = Darcy(Grid.uniform((5, 5)))
    >>> a = {"permeability": np.full((5, 5), 2.0)}
    >>> problem.operator(a).domain_shape, problem.coercivity(a)
    ((3, 3), 2.0)
    """

    output = "pressure"

    def __init__(
        self,
        grid: Grid,
        boundary: Boundary | None = None,
        source: Source = 1.0,
        permeability: RandomField | None = None,
        *,
        reaction: Source = 0.0,
        unit: str = "1",
        output_unit: str = "1",
    ):
        super().__init__(grid, boundary, reaction)
        sampler = check_sampler(permeability, grid, "permeability")
        self.inputs = (FieldInput("permeability", unit, sampler, positive=True),)
        self.output_unit = output_unit
        self.source_term = source

    @cached_property
    def _source_field(self) -> Array:
        return source_on_grid(self.source_term, self.grid)

    def _fixed_fields(self) -> dict[str, Array]:
        return {**super()._fixed_fields(), "source": self._source_field}

    def coefficient(self, inputs: Inputs) -> Array:
        """Return the checked permeability a on the grid."""
        a = self.input_field(inputs, "permeability", tensor=True)
        smallest, largest = float(a.min()), float(a.max())
        if smallest <= 0:
            where = tuple(int(i) for i in np.unravel_index(int(a.argmin()), a.shape))
            raise InputError(
                f"permeability: expected numbers > 0, got {a[where]} at index {where} "
                f"({int((a <= 0).sum())} of {a.size} entries); give impermeable cells a small "
                "positive value"
            )
        low, high = _RANGE.get(a.dtype, (1e-290, 1e290))
        if smallest < max(low, SMALLEST_PART * largest) or largest > high:
            raise InputError(
                f"permeability: expected numbers in {a.dtype} from {low:g} to {high:g} of which "
                f"none is below {SMALLEST_PART:g} of the largest, got {smallest:g} to {largest:g}; "
                "raise the tiny ones, whose flow cannot be resolved, or change the unit"
            )
        return a

    def operator(self, inputs: Inputs) -> DiffusionOperator:
        """Return A(a)."""
        return self.volumes.operator(self.coefficient(inputs))

    def source(self, inputs: Inputs) -> Array:
        """Return the integrals of f over the control volumes plus the boundary data."""
        return self.volumes.right_hand_side(self._source_field, self.coefficient(inputs))

    def _equivalence(self, inputs: Inputs) -> tuple[float, float]:
        a = self.coefficient(inputs)
        return self.equivalence(float(a.min()), float(a.max()))

    def coercivity(self, inputs: Inputs) -> float:
        """Return min a, or what `equivalence` makes of it."""
        return self._equivalence(inputs)[0]

    def continuity(self, inputs: Inputs) -> float:
        """Return max a, or what `equivalence` makes of it."""
        return self._equivalence(inputs)[1]

    def on(self, grid: Grid) -> "Darcy":
        """Return the same problem on another grid of the same box; arrays are interpolated."""
        sampler = self.inputs[0].sampler
        return Darcy(
            grid,
            self.boundary.moved(self.grid, grid),
            moved_source(self.source_term, self.grid, grid),
            None if sampler is None else sampler.on(grid),
            reaction=self.reaction_on(grid),
            unit=self.inputs[0].unit,
            output_unit=self.output_unit,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description that `problem_from_description` understands."""
        sampler = self.inputs[0].sampler
        return {
            "equation": "darcy",
            "grid": self.grid.describe(),
            "boundary": self.boundary.describe(),
            "source": described_source(self.source_term),
            "permeability": None if sampler is None else sampler.describe(),
            **self.describe_reaction(),
            "unit": self.inputs[0].unit,
            "output_unit": self.output_unit,
        }
