"""Manufactured solutions: smooth fields whose source and boundary data are known exactly."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import ENDS, Boundary, Condition, Dirichlet, Neumann, Robin
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.problem import Problem

Array = NDArray[Any]


@dataclass(frozen=True)
class Manufactured:
    """A problem, its inputs, and the values of its continuous solution on the grid."""

    problem: Problem
    inputs: dict[str, Array]
    solution: Array


def manufactured(
    grid: Grid,
    neumann: Collection[str] = (),
    *,
    robin: Collection[str] = (),
    reaction: bool = False,
    equation: str = "darcy",
    tensor: bool = False,
) -> Manufactured:
    """Return a problem on a grid whose exact solution is known.

    With t_k in [0, 1] along axis k,

        u   = prod_k sin(1.3 t_k + 0.4 + 0.2 k)    (sin(2 pi t_k + 0.3 k) on periodic axes)
        a_k = 1 + k / 2 + 1/2 prod_j cos(2 pi t_j + j / 2)    (k = 0 unless `tensor`; 1 for Poisson)
        c   = 2 + cos(sum_j t_j)    (0 without `reaction`)
        f   = -sum_k d/dx_k (a_k du/dx_k) + c u

    and the sides have the values of u, those in `neumann` its fluxes, those in `robin` its fluxes
    plus alpha u, alpha = c. Reference: Roache (2002), Code verification by the method of
    manufactured solutions, doi:10.1115/1.1436090.

    If u is determined up to a constant only, `solution` has volume-weighted mean zero on the grid.
    Raises `InputError` for unknown equations and sides the grid lacks or that are named twice.

    >>> from nwidth.solvers import solve
    >>> case = manufactured(Grid.uniform((33, 33)), neumann=["x_lower"])
    >>> bool(np.abs(solve(case.problem, case.inputs).u - case.solution).max() < 1e-3)
    True
    """
    if equation not in ("darcy", "poisson"):
        raise InputError(f"equation: expected 'darcy' or 'poisson', got {equation!r}")
    fields = _Fields(grid, equation == "poisson", tensor)
    sides: dict[str, Condition] = {}
    for k, axis in enumerate(grid.axes):
        for end, outward in zip(ENDS, (-1, 1), strict=True):
            name = f"{axis.name}_{end}"
            if axis.periodic:
                continue
            if name in neumann:
                sides[name] = Neumann(partial(fields.outflow, k, outward))
            elif name in robin:
                sides[name] = Robin(fields.c, partial(fields.robin, k, outward))
            else:
                sides[name] = Dirichlet(lambda *x: fields.u(x))
    if {*neumann, *robin} - {*sides} or {*neumann} & {*robin}:
        raise InputError(
            f"neumann, robin: expected different sides among {', '.join(sides) or 'none'}, "
            f"got {[*neumann]} and {[*robin]}"
        )
    boundary = Boundary(sides)
    points = grid.coordinates()
    solution = fields.u(points)
    if not reaction and all(isinstance(side, Neumann) for side in sides.values()):
        solution = solution - grid.integrate(solution) / grid.weights.sum()
    c: Any = fields.c if reaction else 0.0

    def source(*x: Any) -> Any:
        return fields.source(x) + (fields.c(*x) * fields.u(x) if reaction else 0.0)

    if equation == "poisson":
        problem: Problem = Poisson(grid, boundary, reaction=c)
        return Manufactured(problem, {"source": source(*points)}, solution)
    a = np.stack([fields.a(k, points) for k in range(grid.dimension)])
    inputs = {"permeability": a if tensor else a[0]}
    problem = Darcy(grid, boundary, source, reaction=c)
    return Manufactured(problem, inputs, solution)


class _Fields:
    """u, a and their derivatives at given coordinates."""

    def __init__(self, grid: Grid, constant: bool, tensor: bool):
        self.grid, self.constant, self.tensor = grid, constant, tensor

    def _factors(self, x: Any, order: int, k: int, of_u: bool) -> Any:
        """Return the product over all axes, differentiated `order` times along axis k."""
        product = 1.0
        for j, axis in enumerate(self.grid.axes):
            t = (x[j] - axis.lower) / axis.length
            if of_u:
                rate = 2 * np.pi if axis.periodic else 1.3
                phase = 0.3 * j if axis.periodic else 0.4 + 0.2 * j
            else:
                rate, phase = 2 * np.pi, 0.5 * j + np.pi / 2  # a cosine
            turns = order if j == k else 0
            slope = (rate / axis.length) ** turns
            product = product * slope * np.sin(rate * t + phase + turns * np.pi / 2)
        return product

    def u(self, x: Any) -> Any:
        """Return the solution."""
        return self._factors(x, 0, 0, True)

    def a(self, k: int, x: Any) -> Any:
        """Return the coefficient along axis k."""
        if self.constant:
            return 1.0
        return 1 + (0.5 * k if self.tensor else 0) + 0.5 * self._factors(x, 0, 0, False)

    def flux(self, k: int, x: Any) -> Any:
        """Return a du/dx along axis k."""
        return self.a(k, x) * self._factors(x, 1, k, True)

    def outflow(self, k: int, outward: int, *x: Any) -> Any:
        """Return a du/dn on a side across axis k."""
        return outward * self.flux(k, x)

    def c(self, *x: Any) -> Any:
        """Return the reaction, which is also the coefficient of Robin sides."""
        turns = zip(x, self.grid.axes, strict=True)
        return 2 + np.cos(sum((y - axis.lower) / axis.length for y, axis in turns))

    def robin(self, k: int, outward: int, *x: Any) -> Any:
        """Return a du/dn + alpha u on a side across axis k."""
        return self.outflow(k, outward, *x) + self.c(*x) * self.u(x)

    def source(self, x: Any) -> Any:
        """Return -div(a grad u)."""
        total = 0.0
        for k in range(self.grid.dimension):
            slope = 0.0 if self.constant else 0.5 * self._factors(x, 1, k, False)
            total = total - slope * self._factors(x, 1, k, True)
            total = total - self.a(k, x) * self._factors(x, 2, k, True)
        return total
