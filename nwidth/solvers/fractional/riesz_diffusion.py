"""Fractional diffusion on an interval: the problem, and its solution as a spline."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator as ScipyOperator

from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers._one_blas_thread import one_blas_thread
from nwidth.solvers.boundary import called
from nwidth.solvers.bsplines.spline import Spline
from nwidth.solvers.fractional.bordered_inverse import mass_stencil
from nwidth.solvers.fractional.curvature_product import CurvatureProduct
from nwidth.solvers.fractional.interpolated_inverse import InterpolatedInverse
from nwidth.solvers.fractional.riesz_inverse import RieszInverse
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_multigrid import RieszMultigrid
from nwidth.solvers.fractional.riesz_preconditioner import RieszPreconditioner
from nwidth.solvers.fractional.riesz_refinement import riesz_refinement
from nwidth.solvers.fractional.riesz_solution import RieszSolution
from nwidth.solvers.krylov.restarted_iteration import LONG
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator

Array = NDArray[Any]
Field = float | Array | Callable[[Array], Any]

METHODS = ("tau", "inverse", "multigrid", "none", "dense")


class RieszDiffusion:
    """Fractional diffusion on an interval, with u = 0 outside.

        -K(x) d^alpha u / d|x|^alpha + c(x) u = f(x),    1 < alpha <= 2

    u is a spline of degree p on n equal intervals and satisfies the equation at the inner Greville
    points. Where u is smooth errors fall as h^{p+2-alpha} for even p and as h^{p+1-alpha} for odd
    p; where f does not vanish at the ends u is like the distance to the power alpha / 2 there, and
    the order no more than about that. Mazza, Donatelli, Manni & Speleers (2023),
    doi:10.1002/nla.2462.

    The equation is divided by K, which leaves the matrix of `RieszMatrix` and a reaction c / K. So
    K costs no iterations, and 1e-10 takes at most 12 up to 16,384 unknowns and at most 17 at a
    million, for any degree and alpha. Where c / K varies by up to 1e12 it takes 10 to 17 if it is
    smooth or jumps once, and up to 70 if it has many peaks or jumps (`InterpolatedInverse`).
    `RieszRectangle` has several dimensions, `FractionalDiffusion` time.

    Args:
        intervals: n > p.
        degree: p, from 2 to 20. Good values: 3 to 6.
        alpha: the order.
        lower, upper: ends of the interval.
        coefficient: K > 0, a number, values at the points or a function of x.
        reaction: c >= 0, likewise.

    Attributes: `grid`, the Greville points of all splines, ends included, n + p of them; `points`,
    the inner ones; `matrix`, `basis`; `operator`, of the equation divided by K.

    Raises `InputError` for orders outside (1, 2], too few intervals, coefficients out of range and
    arrays of another size, `NonFiniteError` for NaN.

    >>> problem = RieszDiffusion(64, 4, 1.5)
    >>> solution = problem.solve(1.0).checked()
    >>> exact = 0.5**1.5 * (1 - (2 * 0.3 - 1) ** 2) ** 0.75 / 1.32934  # Gamma(5/2)
    >>> bool(abs(solution(0.3) - exact) < 3e-4), solution.iterations < 10, solution.u.shape
    (True, True, (68,))
    """

    def __init__(
        self,
        intervals: int,
        degree: int,
        alpha: float,
        lower: float = 0.0,
        upper: float = 1.0,
        *,
        coefficient: Field = 1.0,
        reaction: Field = 0.0,
    ):
        self.matrix = RieszMatrix(intervals, degree, alpha, lower, upper)
        self.points, self.basis = self.matrix.points, self.matrix.basis
        self.coefficient = self.field(coefficient, "coefficient")
        if self.coefficient.dtype.kind == "c" or not self.coefficient.min() > 0:
            raise InputError(
                f"coefficient: expected numbers > 0, got {self.coefficient.min():g} among them"
            )
        self.reaction = self.field(reaction, "reaction")
        if self.reaction.dtype.kind == "c" or not self.reaction.min() >= 0:
            raise InputError(f"reaction: expected numbers >= 0, got {self.reaction.min():g}")
        self.operator = RieszDiffusionOperator(
            self.matrix, self._divided(self.reaction, "reaction / coefficient")
        )

    def field(self, values: Field, name: str) -> Array:
        """Return a field at the inner points, or a number as an array of shape ().

        Arrays may have the ends as well, as those on the grid do; functions take x.
        """
        if callable(values):
            values = called(values, (self.points,), name)
        numbers = require_finite(as_floating(to_numpy(values), name), name)
        if numbers.shape == (self.basis.size,):
            numbers = numbers[1:-1]
        if numbers.shape not in ((), self.points.shape):
            raise InputError(
                f"{name}: expected a number, a function of x, or values at the "
                f"{len(self.points)} points or the {self.basis.size} of the grid, got shape "
                f"{numbers.shape}"
            )
        return numbers.astype(np.result_type(numbers, np.float64), copy=False)

    def _divided(self, values: Array, name: str) -> Array:
        """Return values / K, or raise `NonFiniteError` where that leaves the range of numbers."""
        with np.errstate(over="ignore"):
            return require_finite(values / self.coefficient, name)

    @cached_property
    def grid(self) -> Grid:
        """The points where solutions have their values, ends included."""
        return Grid.tensor([np.r_[self.basis.lower, self.points, self.basis.upper]])

    @cached_property
    def preconditioner(self) -> LinearOperator:
        """The tau preconditioner, of a reaction that varies much several; made when used first."""
        if not self.operator.reaction.ndim:
            constant = float(self.operator.reaction)
            return RieszPreconditioner(self.matrix, stiffness=-1.0, mass=constant)
        return InterpolatedInverse(self.matrix, self.operator.reaction)

    @cached_property
    def multigrid(self) -> RieszMultigrid:
        """The multigrid cycle, made when it is used first."""
        return RieszMultigrid(self.matrix, stiffness=-1.0, mass=self.operator.mean_reaction)

    @cached_property
    def inverse(self) -> RieszInverse:
        """The inverse for the mean of c / K, made when it is used first."""
        return RieszInverse(self.matrix, stiffness=-1.0, mass=self.operator.mean_reaction)

    def solve(
        self,
        source: Field,
        rtol: float = 1e-10,
        *,
        method: str = "tau",
        max_iterations: int = 200,
        initial: RieszSolution | Spline | None = None,
    ) -> RieszSolution:
        """Return the solution: its values on the grid, and a `Spline`.

        Args:
            source: f, a number, values at the points or a function of x; real or complex.
            rtol: bound on the residual of the equation divided by K, relative to f / K.
            method: "tau", GMRES with sines and exact border; "inverse", the inverse from one of its
                columns, for many sources, with GMRES where c / K varies; "multigrid", GMRES with a
                V-cycle; "none", GMRES alone; "dense", elimination, for some thousand unknowns.
            max_iterations: of GMRES.
            initial: a solution or a spline to start from, of the same knots.

        Residuals of fine meshes are those of coefficients with more digits than double precision
        has, which leaves an error of u that is like its own rounding: see `riesz_refinement`.

        >>> problem = RieszDiffusion(40, 3, 1.3, coefficient=lambda x: 1 + x, reaction=2.0)
        >>> solution = problem.solve(lambda x: np.sin(3 * x))
        >>> solution.status.name, solution.u.shape, solution.spline.degree
        ('CONVERGED', (43,), 3)
        """
        rtol = require_number(rtol, "rtol", "(0, 1)")
        max_iterations = require_integer(max_iterations, "max_iterations", 0)
        require_choice(method, "method", METHODS)
        began, work = time.perf_counter(), time.process_time()
        f = self._divided(self.field(source, "source"), "source / coefficient")
        b = np.broadcast_to(f, self.points.shape).copy()
        start = None if initial is None else self._coefficients(initial, b.dtype)
        exact = method == "dense" or (method == "inverse" and not self.operator.reaction.ndim)
        short = method != "dense" and b.size < LONG
        with one_blas_thread() if short else nullcontext():
            found = riesz_refinement(
                self.operator,
                b,
                self.operator.accurate,
                self.operator.size,
                self._inverse_by(method),
                rtol=rtol,
                max_iterations=max_iterations,
                initial=start,
                direct=exact,
            )
        coefficients = np.zeros(self.basis.size, b.dtype)
        if np.isfinite(found.x).all():
            coefficients[1:-1] = found.x
        spline = Spline(self.basis, coefficients)
        return RieszSolution(
            self._values(coefficients),
            found.status,
            found.residuals,
            method if exact else f"gmres-{method}".removesuffix("-none"),
            seconds=time.perf_counter() - began,
            cpu_seconds=time.process_time() - work,
            spline=spline,
        )

    def _values(self, coefficients: Array) -> Array:
        """Return a spline at the Greville points, where most functions are copies of one."""
        stencil, (ends, matrix) = mass_stencil(self.matrix.degree), self._end_values
        values = np.convolve(coefficients, np.concatenate([stencil[:0:-1], stencil]), "same")
        values[ends] = matrix @ coefficients
        return values

    @cached_property
    def _end_values(self) -> tuple[Array, Any]:
        """The places where functions at the ends have a part in the values, and their matrix."""
        places = np.arange(self.basis.size)
        places = places[np.minimum(places, places[::-1]) < 2 * self.matrix.degree]
        return places, self.basis.matrix(self.basis.greville[places])

    def _inverse_by(self, method: str) -> LinearOperator | None:
        """Return the preconditioner of a method."""
        if method == "none":
            return None
        attribute = {"tau": "preconditioner", "dense": "elimination"}.get(method, method)
        return getattr(self, attribute)

    @cached_property
    def elimination(self) -> MatrixOperator:
        """The inverse by dense elimination, made when it is used first."""
        factors, N = scipy.linalg.lu_factor(self.operator.dense()), self.matrix.size

        def solved(b: Array) -> Array:
            return scipy.linalg.lu_solve(factors, b.reshape(-1))

        return MatrixOperator(ScipyOperator((N, N), solved, dtype=self.matrix.dtype))

    def _coefficients(self, initial: Any, dtype: np.dtype) -> Array:
        """Return the inner coefficients of a solution or spline on the knots of the problem."""
        spline = getattr(initial, "spline", initial)
        if not isinstance(spline, Spline) or spline.knots != self.basis.knots:
            raise InputError(
                f"initial: expected a solution or Spline on the knots of the problem, got "
                f"{initial!r:.80}"
            )
        numbers = to_numpy(spline.coefficients)
        if numbers.ndim > 1 or (numbers.dtype.kind == "c" and dtype.kind != "c"):
            raise InputError(
                "initial: expected a Spline with one component, real where the source is, got "
                f"coefficients of shape {numbers.shape}, {numbers.dtype}"
            )
        return numbers[1:-1]

    def __repr__(self) -> str:
        return f"RieszDiffusion({self.matrix})"


class RieszDiffusionOperator(LinearOperator):
    """-A + c B of the coefficients, c a number or one for each point.

    Args:
        matrix: A.
        reaction: c >= 0, float64 of shape () or (N,).
    """

    def __init__(self, matrix: RieszMatrix, reaction: Array):
        self.matrix, self.reaction = matrix, reaction
        self.domain_shape = self.range_shape = matrix.domain_shape
        self.dtype = matrix.dtype
        self.mean_reaction = float(np.mean(reaction))
        #: About the norm: the symbol is no larger, and the border is like what it borders on.
        self.size = 2 * abs(float(matrix.toeplitz[0])) + float(np.max(reaction))

    @cached_property
    def mass(self) -> Any:
        """The product c B, sparse; None where c = 0."""
        if not self.reaction.any():
            return None
        B = self.matrix.basis.matrix(self.matrix.points).tocsc()[:, 1:-1].tocsr()
        rows = np.repeat(np.broadcast_to(self.reaction, B.shape[:1]), np.diff(B.indptr))
        B.data = B.data * rows
        return B

    def _apply(self, u: Any) -> Any:
        product = -self.matrix.along(u)
        return product if self.mass is None else product + self.mass @ u

    def _adjoint(self, v: Any) -> Any:
        product = -self.matrix.along(v, adjoint=True)
        return product if self.mass is None else product + self.mass.T @ v

    @cached_property
    def curvature(self) -> CurvatureProduct:
        """Products with A that do not cancel, made when they are used first."""
        return CurvatureProduct(self.matrix)

    def accurate(self, high: Array, low: Array) -> Array:
        """Return the product with high + low, accurate to rounding of itself."""
        product = -self.curvature(high, low)
        return product if self.mass is None else product + (self.mass @ high + self.mass @ low)

    def dense(self) -> Array:
        """Return the matrix."""
        A = -self.matrix.dense()
        return A if self.mass is None else A + self.mass.toarray()
