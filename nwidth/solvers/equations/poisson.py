"""The Poisson equation: one operator, many sources."""

from typing import Any

from numpy.typing import NDArray

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem, Source, check_sampler
from nwidth.solvers.problem import FieldInput, Inputs

Array = NDArray[Any]


class Poisson(DiffusionProblem):
    """The Poisson equation with a given source.

        -div(grad u) + c u = f    in a box,
        u = g,  du/dn = q  or  du/dn + alpha u = g    on its sides

    Reference: LeVeque (2007), Finite Difference Methods for Ordinary and Partial Differential
    Equations, doi:10.1137/1.9780898717839, chapter 3.

    Input "source": f, shape `grid.shape`. Output "solution", shape `grid.shape`. The operator is
    its own reference, so coercivity and continuity are 1. float32 sources give float32 solutions.

    Args:
        grid: 1 to 3 axes of nodes or cells, uniform or not, periodic or not.
        boundary: conditions on the sides; u = 0 all around by default.
        source: the random field that sources are drawn from, on the same grid.
        reaction: c >= 0, a number, an array on the grid or a callable; 0 by default.
        unit: unit of the source.
        output_unit: unit of the solution.

    Raises `InputError` for a source of another shape or with NaN, a negative reaction, and, if u is
    determined up to a constant only, for a source that does not balance the fluxes.

    >>> import numpy as np
    >>> problem = Poisson(Grid.uniform(5))
    >>> problem.source({"source": np.ones(5)}).tolist()
    [0.25, 0.25, 0.25]
    """

    output = "solution"

    def __init__(
        self,
        grid: Grid,
        boundary: Boundary | None = None,
        source: RandomField | None = None,
        *,
        reaction: Source = 0.0,
        unit: str = "1",
        output_unit: str = "1",
    ):
        super().__init__(grid, boundary, reaction)
        self.inputs = (FieldInput("source", unit, check_sampler(source, grid, "source")),)
        self.output_unit = output_unit

    def operator(self, inputs: Inputs) -> DiffusionOperator:
        """Return the operator, the same for every source."""
        f = self.input_field(inputs, "source")
        if lives_on_gpu(f):
            return self.volumes.operator(namespace(f).ones(self.grid.shape, f.dtype))
        return self.reference_operator().astype(f.dtype)

    def source(self, inputs: Inputs) -> Array:
        """Return the integrals of f over the control volumes plus the boundary data."""
        f = self.input_field(inputs, "source")
        return self.volumes.right_hand_side(f, namespace(f).ones(self.grid.shape, f.dtype))

    def coercivity(self, inputs: Inputs) -> float:
        """Return 1."""
        return 1.0

    def continuity(self, inputs: Inputs) -> float:
        """Return 1."""
        return 1.0

    def on(self, grid: Grid) -> "Poisson":
        """Return the same problem on another grid of the same box; arrays are interpolated."""
        sampler = self.inputs[0].sampler
        return Poisson(
            grid,
            self.boundary.moved(self.grid, grid),
            None if sampler is None else sampler.on(grid),
            reaction=self.reaction_on(grid),
            unit=self.inputs[0].unit,
            output_unit=self.output_unit,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description that `problem_from_description` understands."""
        sampler = self.inputs[0].sampler
        return {
            "equation": "poisson",
            "grid": self.grid.describe(),
            "boundary": self.boundary.describe(),
            "source": None if sampler is None else sampler.describe(),
            **self.describe_reaction(),
            "unit": self.inputs[0].unit,
            "output_unit": self.output_unit,
        }
