"""What the equations of diffusion share: unknowns, walls, reference operator, checked inputs."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, require_unmasked
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.boundary import Boundary, called, real_numbers
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.reference_solver import ReferenceSolver
from nwidth.solvers.square_symmetry import uneven_field, uneven_side

Array = NDArray[Any]
Source = float | Array | Callable[..., Any]


class DiffusionProblem(Problem):
    """A problem -div(a grad u) + c u = f discretized by `FiniteVolume` on `grid` under `boundary`.

    Subclasses say what a and f are; c >= 0, the reaction, is a number, an array on the grid or a
    callable of the coordinates. The reference operator has a = 1, the same c and the same sides.
    """

    def __init__(self, grid: Grid, boundary: Boundary | None, reaction: Source = 0.0):
        if not isinstance(grid, Grid):
            raise InputError(f"problem: expected a Grid, got {grid!r:.80}")
        if boundary is not None and not isinstance(boundary, Boundary):
            raise InputError(f"problem: expected a Boundary, got {boundary!r:.80}")
        self.grid = grid
        self.boundary = Boundary() if boundary is None else boundary
        self.reaction = reaction
        c = source_on_grid(reaction, grid, "reaction")
        if c.min() < 0:
            raise InputError(
                f"reaction: expected numbers >= 0, got values from {c.min()} to {c.max()}; "
                "the operator is -div(a grad u) + reaction u"
            )
        self.volumes = FiniteVolume(grid, self.boundary, c)

    @cached_property
    def _reference(self) -> DiffusionOperator:
        return self.volumes.operator(np.ones(self.grid.shape))

    def reference_operator(self) -> DiffusionOperator:
        """Return K, the operator with a = 1, the same reaction and the same sides, in float64."""
        return self._reference

    def reference_solver(self) -> ReferenceSolver:
        """Return K with what bounds its inverse."""
        widths = self.volumes.widths if self.volumes.robin else None
        return ReferenceSolver(self.reference_operator(), self.grid, widths)

    def equivalence(self, smallest: float, largest: float) -> tuple[float, float]:
        """Return coercivity and continuity against K for coefficients a in [smallest, largest].

        Reaction and Robin sides are parts of both operators that do not grow with a: with them the
        bounds are min(1, min a) and max(1, max a), without them min a and max a.
        """
        if self.volumes.scales:
            return smallest, largest
        return min(1.0, smallest), max(1.0, largest)

    def reaction_on(self, grid: Grid) -> Source:
        """Return the reaction for another grid of the same box: arrays are interpolated."""
        return moved_source(self.reaction, self.grid, grid, "reaction", edge="constant")

    def describe_reaction(self) -> dict[str, Any]:
        """Return the part of a description that states the reaction: none where it is zero."""
        numbers = described_source(self.reaction, "reaction")
        return {"reaction": numbers} if np.any(numbers) else {}

    def asymmetry(self) -> str | None:
        """Return a side or a coefficient that looks unlike from other sides, None if none does."""
        side = uneven_side(self.boundary, self.grid)
        if side is not None:
            return f"the condition at {side}"
        field = uneven_field(self._fixed_fields())
        return None if field is None else f"the {field}"

    def _fixed_fields(self) -> dict[str, Array]:
        """Return the fields of the equation that are no inputs, by name."""
        return {"reaction": source_on_grid(self.reaction, self.grid, "reaction")}

    def prescribed(self, operator: LinearOperator) -> tuple[Array, float]:
        """Return T g next to Dirichlet and Robin sides, and the sum of T g^2 over their faces."""
        if not isinstance(operator, DiffusionOperator):
            raise InputError(f"operator: expected the problem's DiffusionOperator, got {operator}")
        return self.volumes.prescribed(operator)

    def unknowns(self, field: Array) -> Array:
        """Return the unknowns of whole fields `(..., *grid.shape)`."""
        field = as_floating(field, self.output)
        if tuple(field.shape[field.ndim - self.grid.dimension :]) != self.grid.shape:
            raise InputError(
                f"{self.output}: expected shape (..., {', '.join(map(str, self.grid.shape))}), "
                f"got {tuple(field.shape)}"
            )
        return self.volumes.unknowns(field)

    def field(self, unknowns: Array, inputs: Inputs) -> Array:
        """Return the whole field: unknowns plus the values of Dirichlet nodes."""
        return self.volumes.field(unknowns)


def source_on_grid(source: Source, grid: Grid, name: str = "source") -> Array:
    """Return a source (number, array or callable of the coordinates) as a float64 field."""
    value = called(source, grid.coordinates(), name) if callable(source) else source
    require_unmasked(value, name)
    try:
        numbers = np.broadcast_to(real_numbers(value), grid.shape)
    except (TypeError, ValueError):
        raise InputError(
            f"{name}: expected a number, a callable or an array of shape {grid.shape}, "
            f"got {value!r:.80} of shape {np.shape(value)}"
        ) from None
    return require_finite(numbers, name)


def moved_source(
    source: Source,
    grid: Grid,
    target: Grid,
    name: str = "source",
    edge: Literal["linear", "constant"] = "linear",
) -> Source:
    """Return a source for another grid of the same box: arrays are interpolated."""
    if callable(source) or np.ndim(source) == 0:
        return source
    return grid.interpolate(source_on_grid(source, grid, name), target, edge=edge)


def described_source(source: Source, name: str = "source") -> Any:
    """Return a source, a number or an array, as what JSON takes."""
    if callable(source):
        raise InputError(
            f"{name}: expected a number or an array to describe in a file, got a callable; "
            "evaluate it on the grid first"
        )
    return np.asarray(source, dtype=np.float64).tolist()


def check_sampler(sampler: RandomField | None, grid: Grid, name: str) -> RandomField | None:
    """Return the random field if it lives on the grid."""
    if sampler is None:
        return None
    if not isinstance(sampler, RandomField):
        raise InputError(
            f"{name}: expected a RandomField to draw samples from, got {sampler!r:.80}"
        )
    if sampler.grid != grid:
        raise InputError(
            f"{name}: expected a random field on the problem's grid {grid}, got one on "
            f"{sampler.grid}; move it with sampler.on(grid)"
        )
    return sampler
