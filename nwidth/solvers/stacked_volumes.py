"""The finite volumes of a problem with an axis of samples, and what samples side by side share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, near_one
from nwidth.meshes import Axis, Grid
from nwidth.solvers.boundary import ENDS, Boundary, Condition, Dirichlet, Neumann, Robin
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem, source_on_grid
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.problem import Inputs

Array = NDArray[Any]


def stacked_volumes(problem: DiffusionProblem, samples: int, last: bool = False) -> FiniteVolume:
    """Return the finite volumes of a problem with an axis of samples before the others.

    Samples have width one. Their axis has couplings like the others, which are no part of the
    problem. In one dimension it may be the `last` one.

    >>> stacked_volumes(Darcy(Grid.uniform((5, 6))), 3).shape
    (3, 3, 4)
    """
    grid, boundary = problem.grid, problem.boundary
    name = "sample of " + " ".join(grid.names)  # like no other axis
    axis = Axis.uniform(samples, 0.0, float(samples), name=name, centering="cell")
    sides: dict[str, Condition] = {}
    for k, walled in enumerate(grid.axes):
        for end in () if walled.periodic else ENDS:
            kind = problem.volumes.kinds[k][ENDS.index(end)]
            values = _repeated(boundary.values(grid, k, end), samples)
            if kind == "robin":
                alpha = _repeated(boundary.coefficients(grid, k, end), samples)
                condition: Condition = Robin(alpha, values)
            else:
                condition = Dirichlet(values) if kind == "dirichlet" else Neumann(values)
            sides[f"{walled.name}_{end}"] = condition
    reaction = _repeated(source_on_grid(problem.reaction, grid, "reaction"), samples)
    axes = (*grid.axes, axis) if last else (axis, *grid.axes)
    reaction = reaction.T if last else reaction
    return FiniteVolume(Grid(axes), Boundary(sides, Neumann()), reaction)


def check_item(problem: DiffusionProblem, item: Inputs) -> None:
    """Raise `InputError` for inputs of a sample that Darcy's or Poisson's equation cannot take."""
    if isinstance(problem, Darcy):
        problem.coefficient(item)
    else:
        problem.input_field(item, "source")


def sample_scales(parts: list[Array], axis: int | None = None) -> Array:
    """Return powers of two, one per sample, that bring the largest number of all parts near one.

    Samples are the first axis; the largest is taken along `axis`, or along all others.

    >>> sample_scales([np.array([[3.0, 5.0], [0.3, 0.2]])]).tolist()
    [[0.125], [2.0]]
    """
    axes = tuple(range(1, parts[0].ndim)) if axis is None else axis
    largest = [t.max(axis=axes, keepdims=True) for t in parts]
    return near_one(namespace(parts[0]).stack(largest).max(axis=0))


def _repeated(values: Array, samples: int) -> Array:
    """Return the same numbers for every sample."""
    return np.broadcast_to(values, (samples, *values.shape))
