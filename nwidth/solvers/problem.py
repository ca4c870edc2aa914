"""A parametrized problem: inputs to operator and source, and the norm its error is measured in."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, lives_on_gpu, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.reference_solver import ReferenceSolver

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class FieldInput:
    """A coefficient or source that is a field on the problem's grid.

    `sampler` draws random ones (None: the user brings the fields); `positive` demands values > 0.

    >>> FieldInput("permeability", "m2", positive=True).unit
    'm2'
    """

    name: str
    unit: str = "1"
    sampler: RandomField | None = None
    positive: bool = False

    def __post_init__(self):
        if not isinstance(self.unit, str):
            raise InputError(f"unit: expected one word, got {self.unit!r:.80}")


class ParametrizedProblem(ABC):
    """What all problems have: a grid, named inputs, and a description for files."""

    grid: Grid
    inputs: tuple[FieldInput, ...]

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description for the provenance of data and model files."""

    def asymmetry(self) -> str | None:
        """Return what tells the sides of the box apart, None where nothing does.

        Nothing does where scalar inputs that are turned and mirrored, by any symmetry of the cube,
        have the output turned and mirrored alike, on grids that look the same from all sides. Data
        of such problems can be multiplied: `nwidth.operators.Augmentation`. Equations that do not
        declare it have a direction.
        """
        return f"{type(self).__name__}, which does not declare that it does"

    def sample(self, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw one set of inputs from their samplers."""
        drawn = {}
        for item in self.inputs:
            if item.sampler is None:
                raise InputError(
                    f"{item.name}: expected a sampler to draw random inputs from, got none; "
                    "give the problem a random field or bring your own inputs"
                )
            drawn[item.name] = item.sampler.sample(generator)
        return drawn

    def input_field(
        self,
        inputs: Inputs,
        name: str,
        *,
        tensor: bool = False,
        shape: tuple[int, ...] | None = None,
        kinds: str = "f",
    ) -> NDArray[Any]:
        """Return one checked input of the problem: known names, a shape that fits, finite.

        The shape is the grid's, or a diagonal tensor's if `tensor`, or `shape` alone if given.
        Numbers are real ("f"), or may be complex as well ("fc").
        """
        if not isinstance(inputs, Mapping) or {*inputs} != {item.name for item in self.inputs}:
            came = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else repr(inputs)[:80]
            raise InputError(
                f"inputs: expected a mapping with {', '.join(item.name for item in self.inputs)}, "
                f"got {came or 'none'}"
            )
        try:
            came = inputs[name]
            values = as_floating(came if lives_on_gpu(came) else to_numpy(came), name)
        except (TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{name}: expected an array of numbers, got {inputs[name]!r:.80}"
            ) from None
        shapes = [self.grid.shape if shape is None else shape]
        if tensor:
            shapes.append((self.grid.dimension, *self.grid.shape))
        if values.dtype.kind not in kinds or tuple(values.shape) not in shapes:
            numbers = "numbers" if "c" in kinds else "real numbers"
            raise InputError(
                f"{name}: expected {numbers} of shape {' or '.join(map(str, shapes))}, "
                f"got {values.dtype} of shape {tuple(values.shape)}"
            )
        return require_finite(values, name)


class LinearProblem(ParametrizedProblem):
    """A discrete linear problem A(mu) u = b(mu), parametrized by named inputs mu.

    A is square; nothing is said of symmetry or definiteness, and numbers may be complex. The
    problem does not know how it is solved. Vectors of unknowns have `operator(mu).domain_shape`;
    `unknowns` and `field` go between them and whole fields on `grid`, which also hold prescribed
    boundary values.
    """

    output: str
    output_unit: str = "1"

    @abstractmethod
    def operator(self, inputs: Inputs) -> LinearOperator:
        """Return A(mu)."""

    @abstractmethod
    def source(self, inputs: Inputs) -> NDArray[Any]:
        """Return b(mu), with the prescribed boundary values moved to the right-hand side."""

    @abstractmethod
    def unknowns(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return the unknowns of a whole field on the grid."""

    @abstractmethod
    def field(self, unknowns: NDArray[Any], inputs: Inputs) -> NDArray[Any]:
        """Return the whole field: unknowns plus prescribed boundary values."""

    @abstractmethod
    def on(self, grid: Grid) -> "LinearProblem":
        """Return the same problem on another grid of the same box (two-grid error estimates)."""


class Problem(LinearProblem):
    """A discrete symmetric coercive problem A(mu) u = b(mu), parametrized by named inputs mu.

    `nwidth.solvers.solve` solves it. A(mu) is symmetric positive (semi)definite.

    Coercivity is stated against the fixed reference operator K (the constant-coefficient problem
    with the same boundary types): v.A(mu)v >= coercivity(mu) v.Kv, and v.A(mu)v <=
    continuity(mu) v.Kv, for every vector v of unknowns.
    """

    @abstractmethod
    def reference_operator(self) -> LinearOperator:
        """Return K, whose energy norm measures the residual."""

    @abstractmethod
    def coercivity(self, inputs: Inputs) -> float:
        """Return a lower bound of min v.Av / v.Kv."""

    @abstractmethod
    def continuity(self, inputs: Inputs) -> float:
        """Return an upper bound of max v.Av / v.Kv."""

    @abstractmethod
    def prescribed(self, operator: LinearOperator) -> tuple[NDArray[Any], float]:
        """Return (w, c) by which prescribed boundary values enter source and energy.

        `source` holds w, and x . A x - 2 w . x + c is the energy of the whole field of the unknowns
        x under A = `operator`: the sum over all faces of T (u_i - u_j)^2, boundary values included.
        Both are zero where nothing but zero is prescribed.
        """

    def reference_solver(self) -> ReferenceSolver:
        """Return K with what bounds its inverse; raises `InputError` if K is not in flux form."""
        return ReferenceSolver(self.reference_operator(), self.grid)

    @abstractmethod
    def on(self, grid: Grid) -> "Problem":
        """Return the same problem on another grid of the same box (two-grid error estimates)."""
