"""Darcy flow in a medium whose permeability is a full tensor."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.bilinear_elements import BilinearElements, eigenvalues
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.equations.diffusion_problem import (
    DiffusionProblem,
    Source,
    described_source,
    moved_source,
    source_on_grid,
)
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.nine_point_operator import NinePointOperator
from nwidth.solvers.problem import FieldInput, Inputs

Array = NDArray[Any]


class AnisotropicDarcy(DiffusionProblem):
    """The steady pressure u in a plane medium whose permeability K is a full tensor.

        -div(K grad u) + c u = f    in a box,    u = g  or  K grad u . n = q    on its sides

    Reference: Aziz & Settari (1979), Petroleum Reservoir Simulation. `BilinearElements` discretize
    it; conjugate gradients with `BlackBoxMultigrid` take O(N) work.

    Input "permeability": K symmetric positive definite, shape `(2, 2, *grid.shape)`. Output
    "pressure", shape `grid.shape`. `coercivity` and `continuity` are the smallest and the largest
    eigenvalue of K; the reference operator has K = I, where the nine points are five. float32
    permeability gives a float32 pressure. Where axes are principal directions, `Darcy` with a
    diagonal tensor is the better choice: it takes cells, periodic axes and three dimensions, and
    averages jumps harmonically.

    Args:
        grid: two axes of nodes, uniform or not, not periodic.
        boundary: Dirichlet or Neumann conditions; zero pressure all around by default.
        source: f, a number, an array on the grid or a callable `f(x, y)`.
        reaction: c >= 0, a number, an array on the grid or a callable; 0 by default.
        unit: unit of the permeability.
        output_unit: unit of the pressure.

    Raises `InputError` for other grids and sides, for a permeability that is not symmetric positive
    definite or has another shape, for a negative reaction, and, if u is determined up to a constant
    only, for a source that does not balance the fluxes.

    >>> problem = AnisotropicDarcy(Grid.uniform((5, 5)))
    >>> K = np.array([[2.0, 1.0], [1.0, 2.0]])[:, :, None, None] * np.ones((5, 5))
    >>> problem.operator({"permeability": K}).domain_shape
    (3, 3)
    >>> problem.coercivity({"permeability": K}), problem.continuity({"permeability": K})
    (1.0, 3.0)
    """

    output = "pressure"

    def __init__(
        self,
        grid: Grid,
        boundary: Boundary | None = None,
        source: Source = 1.0,
        *,
        reaction: Source = 0.0,
        unit: str = "1",
        output_unit: str = "1",
    ):
        super().__init__(grid, boundary, reaction)
        c = source_on_grid(reaction, grid, "reaction")
        self.elements = BilinearElements(grid, self.boundary, c)
        self.inputs = (FieldInput("permeability", unit),)
        self.output_unit = output_unit
        self.source_term = source

    @cached_property
    def _source_field(self) -> Array:
        return source_on_grid(self.source_term, self.grid)

    def _permeability(self, inputs: Inputs) -> Array:
        """Return the permeability; its values have been checked."""
        return self.input_field(inputs, "permeability", shape=(2, 2, *self.grid.shape))

    def operator(self, inputs: Inputs) -> NinePointOperator:
        """Return A(K)."""
        K = self._permeability(inputs)
        eigenvalues(K, self.grid)
        return self.elements.operator(K)

    def source(self, inputs: Inputs) -> Array:
        """Return the integrals of f over the control volumes plus the boundary data."""
        return self.elements.right_hand_side(self._source_field, self._permeability(inputs))

    def prescribed(self, operator: LinearOperator) -> tuple[Array, float]:
        """Return what prescribed values bring into source and energy: zero where they are zero.

        Raises `InputError` for other values and a nine-point operator, which does not know them.
        """
        if not isinstance(operator, NinePointOperator):
            return super().prescribed(operator)
        values = self.field(np.zeros(self.volumes.shape), {})
        if values.any():
            raise InputError(
                "energy: expected zero pressure on all Dirichlet sides, because the energy of "
                "other values is known in flux form only"
            )
        return np.zeros(self.volumes.shape), 0.0

    def coercivity(self, inputs: Inputs) -> float:
        """Return the smallest eigenvalue of K, or what `equivalence` makes of it."""
        return self._equivalence(inputs)[0]

    def continuity(self, inputs: Inputs) -> float:
        """Return the largest eigenvalue of K, or what `equivalence` makes of it."""
        return self._equivalence(inputs)[1]

    def _equivalence(self, inputs: Inputs) -> tuple[float, float]:
        return self.equivalence(*eigenvalues(self._permeability(inputs), self.grid))

    def asymmetry(self) -> str:
        """Return that tensors turn along."""
        return "the permeability, a tensor whose components turn along"

    def on(self, grid: Grid) -> "AnisotropicDarcy":
        """Return the same problem on another grid of the same box; arrays are interpolated."""
        return AnisotropicDarcy(
            grid,
            self.boundary.moved(self.grid, grid),
            moved_source(self.source_term, self.grid, grid),
            reaction=self.reaction_on(grid),
            unit=self.inputs[0].unit,
            output_unit=self.output_unit,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description that `problem_from_description` understands."""
        return {
            "equation": "anisotropic-darcy",
            "grid": self.grid.describe(),
            "boundary": self.boundary.describe(),
            "source": described_source(self.source_term),
            **self.describe_reaction(),
            "unit": self.inputs[0].unit,
            "output_unit": self.output_unit,
        }
