"""The Poisson equation with a cubic sink: a nonlinear elliptic equation with one solution."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import lives_on_gpu, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField, random_field
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.krylov import conjugate_gradient
from nwidth.solvers.newton import NewtonSolution, newton
from nwidth.solvers.problem import FieldInput, Inputs, ParametrizedProblem

Array = NDArray[Any]

# Residual of the linear equations, relative: that much is gained by a step far from the solution.
INNER = 1e-2
# Products with the Jacobian per step: it is spectrally near what precedes it.
PRODUCTS = 500


class CubicPoisson(ParametrizedProblem):
    """The stationary equation of a field that diffuses and destroys itself.

        -laplace u + c u^3 = f in a box,    u = 0 on its sides

    u^3 is monotone, so that there is one solution for every source, and it depends on f like
    f^(1/3) where f is large: no linear map from f to u is near. Two-point fluxes and lumped mass,
    second order. Reference: Evans (2010), Partial Differential Equations, doi:10.1090/gsm/019,
    section 8.2 (existence, by the minimum of int |grad u|^2 / 2 + c u^4 / 4 - f u).

    Input "source": f, shape `grid.shape`. Output "solution", of the same shape.

    Args:
        grid: 1 to 3 uniform axes of nodes or cells, not periodic.
        strength: c >= 0.
        source: the random field that sources are drawn from, on the same grid.

    Raises `InputError` for other grids and coefficients.

    >>> problem = CubicPoisson(Grid.uniform((9, 9)), strength=10.0)
    >>> found = problem.solve({"source": np.full((9, 9), 100.0)}).checked()
    >>> found.u.shape, found.iterations <= 8
    ((9, 9), True)
    """

    equation, output = "cubic-poisson", "solution"

    def __init__(self, grid: Grid, strength: float = 1.0, source: RandomField | None = None):
        self.linear = Poisson(grid)
        self.grid, self.strength = grid, require_number(strength, "strength", "[0, inf)")
        if any(axis.periodic for axis in grid.axes):
            raise InputError(f"grid: expected walls on all sides, got {grid}")
        self.kinds = [("dirichlet", "dirichlet")] * grid.dimension
        FastPoisson(grid, self.kinds)  # refuses grids that are not uniform
        self.inputs = (FieldInput("source", sampler=check_sampler(source, grid, "source")),)

    def solve(
        self, inputs: Inputs, rtol: float = 1e-8, *, initial: Array | None = None
    ) -> NewtonSolution:
        """Return the whole field by Newton's method.

            -laplace d + 3 c u_k^2 d = f + laplace u_k - c u_k^3,    u_{k+1} = u_k + t d

        Each linear equation is solved by conjugate gradients, preconditioned by fast transforms of
        the same equation with 3 c u_k^2 at its mean, to a hundredth or to the square of the
        residual before, which keeps convergence quadratic: Eisenstat & Walker (1996),
        doi:10.1137/0917003.

        `rtol` is the relative size of the last step, whose error is far below; `initial` the field
        to start from, zero by default. Failures are told by the status.
        """
        f = self.input_field(inputs, "source")
        if lives_on_gpu(f):
            f = to_numpy(f)
        f = f.astype(np.float64)
        rtol = require_number(rtol, "rtol", "(0, 1)")
        K = self.linear.operator({"source": f})
        b = self.linear.source({"source": f})
        weights = self.linear.unknowns(self.grid.weights)
        start = np.zeros(self.grid.shape) if initial is None else initial
        u = self.linear.unknowns(np.asarray(start, np.float64))
        shape = u.shape

        def residual(v: Array) -> Array:
            v = v.reshape(shape)
            return (K.apply(v) + self.strength * weights * (v * v * v) - b).ravel()

        first = float(np.linalg.norm(b))

        def direction(v: Array, F: Array) -> Array:
            slope = 3 * self.strength * weights * v.reshape(shape) ** 2
            J = DiffusionOperator(K.faces, slope)
            M = FastPoisson(self.grid, self.kinds, reaction=float((slope / weights).mean()))
            gained = min(1.0, float(np.linalg.norm(F)) / first)
            needed = max(min(INNER, gained), 1e-12)
            found = conjugate_gradient(
                J, -F.reshape(shape), preconditioner=M, rtol=needed, max_iterations=PRODUCTS
            )
            return found.x.ravel()

        found = newton(residual, direction, u.ravel(), rtol)
        field = self.linear.field(found.u.reshape(shape), {})
        return NewtonSolution(field, found.status, found.residuals, found.steps)

    def asymmetry(self) -> None:
        """Return None: all sides are alike."""

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        sampler = self.inputs[0].sampler
        return type(self)(grid, self.strength, None if sampler is None else sampler.on(grid))

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        sampler = self.inputs[0].sampler
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "strength": self.strength,
            "source": None if sampler is None else sampler.describe(),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        wanted = {"equation", "grid", "strength", "source"}
        if {*description} != wanted or description["equation"] != cls.equation:
            raise InputError(
                f"problem description: expected {cls.equation} with the keys "
                f"{', '.join(sorted(wanted))}, got {', '.join(sorted(map(str, description)))}"
            )
        grid, drawn = Grid.from_description(description["grid"]), description["source"]
        sampler = None if drawn is None else random_field(drawn, grid)
        return cls(grid, description["strength"], sampler)
