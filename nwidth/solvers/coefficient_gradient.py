"""The gradient of a functional of the solution with respect to the coefficient, by its adjoint."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.boundary import ENDS
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem

Array = NDArray[Any]


def coefficient_gradient(problem: DiffusionProblem, a: Array, u: Array, adjoint: Array) -> Array:
    """Return dJ/da for J(u(a)) with A(a) u = b(a), from u and the adjoint A lambda = dJ/du.

        dJ/da = sum over faces f of  -(lambda_i - lambda_j) (u_i - u_j) dT_f/da

    u takes its prescribed values, and lambda zero, where a face meets a Dirichlet wall; behind a
    Robin side of cells stands its value over its coefficient. No other part depends on a. With T =
    area / (d_i / a_i + d_j / a_j) each face passes T^2 d_i / (area a_i^2) of this on to the
    coefficient on its side. Reference: Plessix (2006), doi:10.1111/j.1365-246X.2006.02978.x,
    section 2.

    Args:
        problem: Darcy, or another `DiffusionProblem` whose only coefficient is a.
        a: coefficient, shape `grid.shape` or `(d, *grid.shape)`.
        u: the whole solution, shape `grid.shape`.
        adjoint: the unknowns lambda.

    Returns float64, shape of a. Raises `InputError` for other shapes and for
    `AnisotropicDarcy`.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Darcy, solve
    >>> problem, a = Darcy(Grid.uniform(3)), np.ones(3)  # one unknown: 4 u = h = 1/2
    >>> u = solve(problem, {"permeability": a}).u
    >>> coefficient_gradient(problem, a, u, np.array([0.25])).round(6).tolist()
    [-0.03125, -0.0625, -0.03125]
    """
    require_instance(problem, "gradient", DiffusionProblem)
    if isinstance(problem, AnisotropicDarcy):
        raise InputError(
            "gradient: expected a problem with fluxes between neighbours, such as Darcy, got "
            "AnisotropicDarcy, whose finite elements have other derivatives"
        )
    a, u = real_floating(a, "coefficient"), real_floating(u, "solution")
    adjoint = real_floating(adjoint, "adjoint")
    grid = problem.grid
    d = grid.dimension
    if a.shape not in (grid.shape, (d, *grid.shape)) or u.shape != grid.shape:
        raise InputError(
            f"gradient: expected a coefficient of shape {grid.shape} or {(d, *grid.shape)} and a "
            f"solution of shape {grid.shape}, got {a.shape} and {u.shape}"
        )
    if adjoint.shape != problem.volumes.shape:
        raise InputError(
            f"gradient: expected {problem.volumes.shape} unknowns of the adjoint, got "
            f"{adjoint.shape}"
        )
    if not require_finite(a, "coefficient").min() > 0:
        raise InputError(f"coefficient: expected numbers > 0, got {a.min()}")
    whole = np.zeros(grid.shape)
    whole[problem.volumes.interior] = adjoint
    gradient = np.zeros(a.shape)
    for k in range(d):
        component = a if a.ndim == d else a[k]
        out = gradient if a.ndim == d else gradient[k]
        # Views with axis k first; += on `out` writes through.
        fields = [np.moveaxis(v, k, 0) for v in (component, u, whole, out)]
        _along(problem, k, *fields)
    return gradient


def _along(problem: DiffusionProblem, k: int, a: Array, u: Array, adjoint: Array, out: Array):
    """Add what the faces across axis k contribute; arrays have that axis first."""
    grid, axis = problem.grid, problem.grid.axes[k]
    area = np.ones((1,) * (grid.dimension - 1))
    others = [other for j, other in enumerate(grid.axes) if j != k]
    for j, other in enumerate(others):
        shape = [1] * len(others)
        shape[j] = -1
        area = area * other.widths.reshape(shape)
    column = (-1, *(1,) * (grid.dimension - 1))
    x, f = axis.points, axis.faces
    before, after = (f[1:-1] - x[:-1]).reshape(column), (x[1:] - f[1:-1]).reshape(column)
    product = -np.diff(adjoint, axis=0) * np.diff(u, axis=0)
    _pass_on(product, area, before, after, a[:-1], a[1:], out[:-1], out[1:])
    if axis.periodic:
        product = -(adjoint[-1:] - adjoint[:1]) * (u[-1:] - u[:1])
        _pass_on(product, area, f[-1] - x[-1], x[0] - f[0], a[-1:], a[:1], out[-1:], out[:1])
        return
    if axis.centering == "node":
        return  # no outer face depends on a
    for end, kind in zip(ENDS, problem.volumes.kinds[k], strict=True):
        if kind == "neumann":
            continue
        layer, wall = (slice(0, 1), axis.lower) if end == "lower" else (slice(-1, None), axis.upper)
        g, own = problem.boundary.values(grid, k, end)[None], a[layer]
        gap = abs(wall - x[layer][0]) / own
        if kind == "dirichlet":
            pull = (u[layer] - g) / gap**2
        else:  # T = area / (gap + 1 / alpha), written so that alpha may be zero
            alpha = problem.boundary.coefficients(grid, k, end)[None]
            pull = alpha * (alpha * u[layer] - g) / (1 + alpha * gap) ** 2
        out[layer] -= adjoint[layer] * area * pull * gap / own


def _pass_on(product, area, before, after, left, right, to_left, to_right):
    """Add the derivative of T = area / (before / left + after / right), times a product."""
    share = product * area / (before / left + after / right) ** 2
    to_left += share * before / left**2
    to_right += share * after / right**2
