"""Fractional diffusion as the stiff linear part of an equation in time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.fractional.riesz_preconditioner import RieszPreconditioner
from nwidth.solvers.fractional.riesz_rectangle import RieszRectangle, SeparableInverse
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.solution import Status
from nwidth.solvers.stepping import LinearPart
from nwidth.solvers.stepping.linear_part import ShiftedSolve

Array = NDArray[Any]


class RieszPart(LinearPart):
    """L of v' = L v + N(t, v) for values v at the collocation points of a `RieszRectangle`.

        L = -A B^-1,    (1 - h L) x = b

    A is the operator of the problem, its reaction included, B makes values of coefficients. Where
    coefficients are constant, or constant in all but their own axis, the modes of each axis solve,
    4 N (n_1 + ... + n_d) operations for any h. Elsewhere GMRES does with a preconditioner that has
    the common factor s(x) of the coefficients, and its mean m, on both sides of one eigenvalue,

        P = (1 + h s l*) / (1 + h m l*) (1 - h L_m),    l* = sqrt(l_min l_max)

    which is right for short and for long steps. Measured: 5 to 25 iterations for residuals of 1e-12
    where coefficients vary by a factor of ten, the most for steps between. On an interval of more
    than 2048 pieces `RieszPreconditioner` takes the place of the modes.

    Args:
        problem: what diffuses, where and how.
        rtol: of the residuals of GMRES, preconditioned; below the errors of steps.

    Raises `NotConvergedError` from a step where GMRES does not reach it within 200 iterations.

    >>> problem = RieszRectangle(16, 3, (1.5, 1.8))
    >>> L = RieszPart(problem)
    >>> v, out = np.ones(problem.shape), np.empty(problem.shape)
    >>> L.shifted(0.1)(v, out)
    >>> L.apply(out, v)
    >>> bool(np.allclose(out - 0.1 * v, 1))
    True
    """

    def __init__(self, problem: RieszRectangle, rtol: float = 1e-12):
        self.problem = require_instance(problem, "problem", RieszRectangle)
        self.rtol = require_number(rtol, "rtol", "(0, 1)")

    def apply(self, v: Array, out: Array) -> None:
        """Write -A B^-1 v to `out`."""
        if not np.isfinite(v).all():
            out[...] = np.nan  # a state that has blown up, which whoever steps tells
            return
        A = self.problem.operator
        np.negative(A.apply(A.coefficients_of(self._checked(v))), out=out)

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution of (1 - shift L) x = b, directly or by GMRES."""
        inverse = self.problem.inverse
        if diagonal(inverse):
            factors = 1 / (1 + shift * mean_eigenvalues(inverse))

            def direct(b: Array, out: Array) -> None:
                out[...] = inverse.function(self._checked(b), factors, to_values=True)

            return direct
        system = ShiftedRiesz(self.problem, shift)

        def solve(b: Array, out: Array) -> None:
            if not np.isfinite(b).all():
                out[...] = np.nan
                return
            start = system.preconditioned(self._checked(b))
            found = fgmres(system, start, initial=start, rtol=self.rtol)
            if found.status not in (Status.CONVERGED, Status.STAGNATED):
                raise NotConvergedError(
                    f"fractional diffusion in time: {found.status.value} (residual "
                    f"{found.residuals[-1]:.1e} after {found.iterations} iterations); take "
                    "shorter steps or coefficients that vary less"
                )
            out[...] = found.x

        return solve

    def _checked(self, v: Array) -> Array:
        if v.shape != self.problem.shape:
            raise InputError(
                f"v: expected values at the inner collocation points, shape {self.problem.shape}, "
                f"got shape {v.shape}"
            )
        return v


def diagonal(inverse: SeparableInverse) -> bool:
    """Return whether modes diagonalize the operator itself, which has no factor that varies."""
    s = inverse.factor
    return inverse.exact and bool(s.max() - s.min() <= 1e-13 * s.max())


def mean_eigenvalues(inverse: SeparableInverse) -> Array:
    """Return the eigenvalues of the operator with the geometric mean of the common factor.

    >>> problem = RieszRectangle(16, 4, 2.0, coefficient=2.0, reaction=3.0)
    >>> round(float(mean_eigenvalues(SeparableInverse(problem)).min()), 1)
    22.7
    """
    s = float(np.exp(np.log(inverse.factor).mean()))
    return s * (inverse.eigenvalues + inverse.reaction)


class ShiftedRiesz(LinearOperator):
    """P^-1 (1 + h A B^-1), with the preconditioner P of `RieszPart`.

    >>> problem = RieszRectangle(8, 3, (1.5, 1.8), coefficient=lambda x, y: 1 + x * y)
    >>> ShiftedRiesz(problem, 0.1).domain_shape
    (9, 9)
    """

    def __init__(self, problem: RieszRectangle, shift: float):
        self.A, self.inverse, self.shift = problem.operator, problem.inverse, shift
        self.domain_shape = self.range_shape = problem.shape
        self.dtype = np.dtype(np.float64)
        s, values = self.inverse.factor, mean_eigenvalues(self.inverse)
        between = shift * float(np.sqrt(values.min() * values.max()))
        mean = float(np.exp(np.log(s).mean()))
        self.weights = (1 + between * s / mean) / (1 + between)
        self.factors = 1 / (1 + shift * values)
        self.line: RieszPreconditioner | None = None
        if problem.dimension == 1 and not self.inverse.modes[0].exact:
            reaction = 1 + shift * mean * self.inverse.reaction
            self.line = RieszPreconditioner(
                problem.matrices[0], stiffness=-shift * mean, mass=reaction
            )

    def preconditioned(self, values: Array) -> Array:
        """Return P^-1 b."""
        values = values / self.weights
        if self.line is not None:
            return self.A.values(self.line.apply(values))
        return self.inverse.function(values, self.factors, to_values=True)

    def _apply(self, u: Any) -> Any:
        return self.preconditioned(u + self.shift * self.A.apply(self.A.coefficients_of(u)))

    def _adjoint(self, v: Any) -> Any:
        if self.line is not None:
            v = self.line.adjoint(self.A.masses[0].adjoint_along(v, 0))
        else:
            v = self.inverse.adjoint_function(v, self.factors, to_values=True)
        v = v / self.weights
        w = self.A.adjoint(v)
        for k, B in enumerate(self.A.masses):
            w = B.solve(w, k, adjoint=True)
        return v + self.shift * w
