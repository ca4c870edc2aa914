"""A group of samples of a problem that are solved side by side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import near_one
from nwidth.errors import InputError
from nwidth.solvers.batched_diffusion_operator import BatchedDiffusionOperator
from nwidth.solvers.boundary import ENDS, Boundary, Dirichlet
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem, source_on_grid
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.krylov.batched_conjugate_gradient import (
    BatchedConjugateGradient,
    LaneResult,
)
from nwidth.solvers.multigrid.batched_multigrid import BatchedMultigrid, coarsest_shape
from nwidth.solvers.problem import Inputs, LinearProblem

Array = NDArray[np.float64]
T = TypeVar("T")

# Unknowns of a sample, at most: a group of such samples takes 0.7 GB, or 0.9 GB in space.
LARGEST = 2**20

# Numbers of a sample in the factor of its coarsest matrix in three dimensions, at most.
DENSE = 2**18


def unsuited(problem: LinearProblem) -> str | None:
    """Return why the samples of a problem cannot be solved side by side, None if they can."""
    if not isinstance(problem, DiffusionProblem):
        return "lanes hold symmetric definite diffusion problems only"
    if isinstance(problem, AnisotropicDarcy):
        return "lanes hold fluxes between two points only"
    size = prod(problem.volumes.shape)
    too_large = f"a group of samples of more than {LARGEST} unknowns takes too much memory"
    if problem.grid.dimension == 1 and type(problem) in (Darcy, Poisson):
        return None if size <= LARGEST else too_large
    if any(problem.volumes.periodic):
        return "lanes have no periodic axes"
    if problem.grid.dimension == 3:
        small, middle, large = sorted(coarsest_shape(problem.volumes.shape))
        if small**2 * middle**2 * large > DENSE:
            return "an axis of few points leaves a coarsest level that is large"
    if size > LARGEST:
        return too_large
    if isinstance(problem, Poisson) and all(axis.is_uniform for axis in problem.grid.axes):
        return "constant coefficients on a uniform grid have solvers of their own"
    return None


@contextmanager
def sample_named(i: int) -> Iterator[None]:
    """Tell in errors about inputs which sample they belong to."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"sample {i}: {error}") from None


def each_sample(first: int, inputs: Inputs, make: Callable[[Inputs], T]) -> list[T]:
    """Return what is made of the inputs of samples `first`, `first` + 1, ...; errors name them.

    >>> each_sample(0, {"a": np.array([1.0, 2.0])}, lambda item: float(item["a"]))
    [1.0, 2.0]
    """
    made = []
    for s in range(len(next(iter(inputs.values())))):
        with sample_named(first + s):
            made.append(make({name: values[s] for name, values in inputs.items()}))
    return made


class LaneGroup:
    """The work space of one group of samples of a problem, from coefficients to unknowns.

    It takes up to `lanes` samples at a time, any number of times; the arrays are those of
    `BatchedDiffusionOperator`, `BatchedMultigrid` and `BatchedConjugateGradient`, about 80 bytes
    per unknown and lane, 110 in three dimensions. Different threads use different groups.

    >>> from nwidth.meshes import Grid
    >>> group = LaneGroup(Darcy(Grid.uniform((5, 5))))
    >>> a, u = {"permeability": np.ones((2, 5, 5))}, np.empty((2, 5, 5))
    >>> [result.status.name for result in group.solve(0, a, None, 1e-8, 100, u)]
    ['CONVERGED', 'CONVERGED']
    """

    method = "batched-multigrid-cg"
    reason = "variable coefficients: multigrid, samples side by side"

    def __init__(self, problem: DiffusionProblem):
        self.problem, self.volumes = problem, problem.volumes
        walls = tuple(kinds[0] == "dirichlet" for kinds in self.volumes.kinds)
        reaction = self.volumes.reaction is not None
        self.operator = BatchedDiffusionOperator(self.volumes.shape, walls, reaction)
        self.multigrid = BatchedMultigrid(self.operator)
        self.iteration = BatchedConjugateGradient(self.multigrid)
        self.lanes = self.operator.lanes
        kinds = {kind for kinds in self.volumes.kinds for kind in kinds}
        self._prescribed = self.volumes.field(np.zeros(self.volumes.shape))
        #: Whether faces can be made from coefficients lane by lane.
        self.direct = type(problem) is Darcy and kinds <= {"dirichlet", "neumann"}
        if self.direct and isinstance(problem, Darcy):
            self._sources = self._without_walls(problem)[None]
            self._walls = [
                (k, end, values)
                for k, kinds in enumerate(self.volumes.kinds)
                for end, kind in zip(ENDS, kinds, strict=True)
                if kind == "dirichlet" and (values := self._on_side(k, end)).any()
            ]

    def _without_walls(self, problem: Darcy) -> Array:
        """Return the right-hand side for Dirichlet values of zero, which depends on no a."""
        grid, boundary, volumes = problem.grid, problem.boundary, self.volumes
        sides = {
            f"{axis.name}_{end}": Dirichlet() if kind == "dirichlet" else condition
            for axis, kinds in zip(grid.axes, volumes.kinds, strict=True)
            for end, kind in zip(ENDS, kinds, strict=True)
            for condition in [boundary.condition(axis.name, end)]
        }
        reaction = np.ones(grid.shape) if volumes.reaction is not None else None
        plain = FiniteVolume(grid, Boundary(sides), reaction)
        source = source_on_grid(problem.source_term, grid)
        return plain.right_hand_side(source, np.ones(grid.shape))

    def _on_side(self, k: int, end: str) -> Array:
        """Return the Dirichlet values next to the unknowns of a side."""
        values = self.problem.boundary.values(self.problem.grid, k, end)
        return values[tuple(cut for j, cut in enumerate(self.volumes.interior) if j != k)]

    def solve(
        self,
        first: int,
        inputs: Inputs,
        guesses: Array | None,
        rtol: float,
        max_iterations: int,
        out: Array,
        right: Array | None = None,
    ) -> list[LaneResult]:
        """Solve for samples `first`, `first` + 1, ... and return how each ended.

        Inputs, guesses and `out`, which gets the solutions, hold whole fields, sample first. With
        right-hand sides `right`, which take the place of the problem's, `out` holds unknowns, and
        so does `right`. Samples without a status have been given up; other methods may do better
        there. Raises `InputError` naming the sample.
        """
        A, iteration = self.operator, self.iteration
        (self._assemble if self.direct else self._collect)(first, inputs)
        if right is None and self.direct:
            scales = self._load_sources()
        else:
            scales = self._load(self._right(first, inputs) if right is None else right)
        back = A.scales / scales
        if guesses is not None:
            A.pack(self.problem.unknowns(guesses), iteration.solution, 1 / back)
        self.multigrid.set_up()
        taken = self.multigrid.suited
        results = iteration.solve(len(out), rtol, max_iterations, taken, guesses is not None)
        unknowns = out
        if right is None:
            out[...] = self._prescribed
            unknowns = out[(slice(None), *self.volumes.interior)]
        A.unpack(iteration.solution, unknowns, back)
        if A.singular:
            volumes = self.volumes.volumes
            for x in unknowns:
                x -= (volumes * x).sum() / volumes.sum()
        return results

    def _assemble(self, first: int, inputs: Inputs) -> None:
        """Make operators from permeabilities."""
        a = inputs["permeability"]
        each_sample(first, inputs, self.problem.coercivity)  # raises for what is none
        largest = a.reshape(len(a), -1).max(axis=1)
        self.operator.set_coefficients(self.volumes, a, largest)

    def _load_sources(self) -> Array:
        """Set the right-hand sides of a direct assembly, which needs the faces; return scales."""
        A, right = self.operator, self.iteration.right
        sides = []
        for k, end, values in self._walls:
            face = self._side(k, end, np.moveaxis(A.box(A.faces[k]), k, 0), 1)
            sides.append((k, end, face * (values[..., None] / A.scales)))
        sizes = np.zeros(A.lanes)
        for _, _, flow in sides:
            sizes += np.abs(flow).reshape(-1, A.lanes).max(axis=0)
        scales = near_one(sizes + np.abs(self._sources).max())
        A.pack(self._sources, right, scales)
        for k, end, flow in sides:
            self._side(k, end, np.moveaxis(A.box(right), k, 0), 0)[...] += flow * scales
        return scales

    def _side(self, k: int, end: str, layers: Array, faces: int) -> Array:
        """Return the layer of unknowns or faces next to a side, from layers along axis k."""
        box = self.operator.level[3:].reshape(3, 2)[-len(self.operator.shape) :]
        layer = box[k, 0] if end == "lower" else box[k].sum() - 1 + faces
        others = [slice(start, start + size) for start, size in np.delete(box, k, axis=0)]
        return layers[(layer, *others)]

    def _collect(self, first: int, inputs: Inputs) -> None:
        """Take operators that the problem makes."""
        operators: Any = each_sample(first, inputs, self.problem.operator)
        self.operator.set_operators(operators)

    def _right(self, first: int, inputs: Inputs) -> Array:
        """Return right-hand sides that the problem makes."""
        return np.stack(each_sample(first, inputs, self.problem.source))

    def _load(self, right: Array) -> Array:
        """Set the right-hand sides and return their scales."""
        lanes = np.minimum(np.arange(self.lanes), len(right) - 1)
        largest = np.abs(right).reshape(len(right), -1).max(axis=1)
        scales = near_one(largest.astype(np.float64)[lanes])
        self.operator.pack(right, self.iteration.right, scales)
        return scales
