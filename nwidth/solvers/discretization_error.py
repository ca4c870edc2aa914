"""How far the discrete solution is from the continuous one, estimated from two grids."""

from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_number
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.solve import solve

Array = NDArray[Any]


def discretization_error(
    problem: Problem,
    inputs: Inputs,
    solution: Array | None = None,
    *,
    order: float = 1.0,
    norm: Literal["energy", "L2"] = "energy",
    rtol: float = 1e-8,
) -> float:
    """Estimate the relative discretization error of a solution by one solve on a coarser grid.

    If the error is C h^p, the solutions on spacings h and m h differ by m^p - 1 times the error of
    the finer one, so at the points of the coarse grid

        ||u - u_h|| ~ ||u_h - u_mh|| / (m^p - 1)

    Reference: Roache (1994), Perspective: a method for uniform reporting of grid refinement
    studies, doi:10.1115/1.2910291. An estimate, not a bound: it holds as far as both grids resolve
    the solution.

    Args:
        problem: Darcy or Poisson on a grid that can be coarsened; the factor m is the smallest that
            divides the intervals of an axis, for cells 3 before 2 (then cell middles coincide).
        inputs: its input fields on the fine grid; the coarse ones are restrictions of them.
        solution: u_h, if known already.
        order: the assumed p. Good values: 1, on the safe side, for coefficients with jumps; 2 for
            smooth ones; 1.5 for these in the energy on cells with Dirichlet sides.
        norm: "energy", the square root of sum T (u_i - u_j)^2 on the coarse grid, or "L2".
        rtol: relative residual of the solves.

    Returns the estimate divided by the norm of the fine solution. Raises `InputError` for a grid
    that cannot be coarsened, `NotConvergedError` if a solve fails.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> grid = Grid.uniform(33)
    >>> f = np.pi**2 * np.sin(np.pi * grid.points[0])
    >>> round(discretization_error(Poisson(grid), {"source": f}, order=2, norm="L2"), 5)
    0.0008
    """
    require_choice(norm, "norm", ("energy", "L2"))
    order = require_number(order, "order", "(0, inf)")
    (coarse, factors), fine = coarser(problem), problem.grid
    if solution is None:
        solution = solve(problem, inputs, rtol).checked().u
    solution = as_floating(solution, "solution")
    require_finite(require_shape(solution, fine.shape, "solution"), "solution")
    restricted = {name: fine.restrict(np.asarray(u), factors) for name, u in inputs.items()}
    at_points = _pick(solution, problem.grid, factors)
    difference = at_points - solve(coarse, restricted, rtol).checked().u
    if coarse.volumes.singular:
        difference = difference - coarse.grid.integrate(difference) / coarse.grid.weights.sum()
    if norm == "L2":
        error, size = coarse.grid.norm(difference), coarse.grid.norm(at_points)
    else:
        operator = coarse.operator(restricted)
        if not isinstance(operator, DiffusionOperator):
            raise InputError(
                "norm: expected 'L2' for an operator that is not in flux form, whose energy is not "
                f"a sum over faces, got {norm!r}"
            )
        error = sqrt(max(operator.energy(coarse.unknowns(difference)), 0.0))
        size = sqrt(max(coarse.volumes.energy(operator, at_points), 0.0))
    if size == 0.0:
        return 0.0 if error == 0.0 else float("inf")
    return float(error / size) / (min(factors) ** order - 1)


def coarser(problem: Problem) -> tuple[DiffusionProblem, list[int]]:
    """Return the problem on the coarser grid of the estimate, and the factors between the two.

    Raises `InputError` for other problems than Darcy and Poisson, and for a grid that cannot be
    coarsened.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> coarse, factors = coarser(Poisson(Grid.uniform((9, 10))))
    >>> coarse.grid.shape, factors
    ((5, 4), [2, 3])
    """
    if not isinstance(problem, DiffusionProblem):
        raise InputError(f"problem: expected Darcy or Poisson, got {type(problem).__name__}")
    factors = [_factor(axis) for axis in problem.grid.axes]
    coarse = problem.on(problem.grid.coarsen(factors))
    assert isinstance(coarse, DiffusionProblem)
    return coarse, factors


def _factor(axis: Axis) -> int:
    """Return the factor by which an axis is coarsened."""
    whole = axis.periodic or axis.centering == "cell"
    intervals = axis.size if whole else axis.size - 1
    for m in (3, 2, 5, 7) if axis.centering == "cell" else (2, 3, 5, 7):
        if intervals % m == 0 and intervals // m >= 3:
            return m
    raise InputError(
        f"axis {axis.name}: expected a number of intervals divisible by 2, 3, 5 or 7 to coarsen "
        f"the grid, got {intervals}; choose another number of points"
    )


def _pick(u: Array, grid: Grid, factors: list[int]) -> Array:
    """Return a fine field at the points of the coarse grid: picked, or averaged for even cells."""
    for k, (axis, m) in enumerate(zip(grid.axes, factors, strict=True)):
        along = np.moveaxis(u, k, 0)
        if axis.centering == "node":
            along = along[::m]
        elif m % 2:
            along = along[m // 2 :: m]
        else:
            along = (along[m // 2 - 1 :: m] + along[m // 2 :: m]) / 2
        u = np.moveaxis(along, 0, k)
    return np.ascontiguousarray(u)
