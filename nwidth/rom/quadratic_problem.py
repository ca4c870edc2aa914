"""A problem with quadratic terms that depends affinely on its parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError, NotConvergedError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.rom.quadratic_form import QuadraticForm
from nwidth.solvers.continuation import continuation
from nwidth.solvers.elimination import elimination
from nwidth.solvers.newton import NewtonSolution, newton

Array = NDArray[Any]


class NonlinearStatus(Enum):
    """How the solution of a nonlinear problem ended; the text of a failure is its remedy."""

    CONVERGED = "the tolerance was reached"
    NO_SOLUTION = (
        "the solutions on the way from the linear problem could not be followed to this "
        "parameter: beyond a fold there is none on this branch; give the solution of a parameter "
        "nearby as start"
    )
    FAILED = (
        "Newton's method did not converge, and the linear problem to continue from is singular: "
        "give the solution of a parameter nearby as start"
    )


@dataclass(frozen=True)
class NonlinearSolution:
    """A solution u(mu) of a nonlinear problem and the record of its computation.

    `newton` is the record of the last run of Newton's method; `reached` tells how much of the
    nonlinearity it was for, 1 for all of it.
    """

    u: Array
    status: NonlinearStatus
    newton: NewtonSolution
    reached: float = 1.0

    @property
    def converged(self) -> bool:
        """Whether this is a solution."""
        return self.status is NonlinearStatus.CONVERGED

    def checked(self) -> "NonlinearSolution":
        """Return the solution itself, or raise with the remedy if there is none."""
        if self.converged:
            return self
        raise NotConvergedError(
            f"solve: {self.status.value} (reached {self.reached:.3g} of the nonlinearity, residual "
            f"norm {self.newton.residuals[-1]:.1e})"
        )


@dataclass(frozen=True)
class QuadraticProblem:
    """The problem A(mu) u + B(u, u; mu) = f(mu) with affine operator, quadratic terms and source.

        A(mu) = sum_q theta_q(mu) A_q,   B(u, v; mu) = sum_p psi_p(mu) b_p(u, v),
        f(mu) = sum_q phi_q(mu) f_q

    Burgers' equation and Navier-Stokes equations have this form, and -Laplace u + mu u^2 = f.
    Reference: Veroy & Patera (2005), doi:10.1002/fld.867.

    Args:
        linear: A(mu) and f(mu), with sparse or dense real matrices.
        psi: function mu -> (P,), such as a `ParameterExpressions`.
        forms: the P quadratic terms b_p; see `QuadraticForm` for functions and tensors.

    >>> linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [mu[0]], [[1.0]])
    >>> problem = QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm([[1]], [[1]], [[1]])])
    >>> problem.solve([6.0]).u.round(9).tolist()  # u + u^2 = 6
    [2.0]
    """

    linear: AffineProblem
    psi: Callable[[Any], Any]
    forms: Sequence[QuadraticForm]

    def __post_init__(self) -> None:
        if not isinstance(self.linear, AffineProblem):
            raise InputError(f"linear: expected an AffineProblem, got {self.linear!r:.80}")
        if self.linear.matrices.kind == "operator":
            raise InputError(
                "linear: expected sparse or dense matrices, got operators known by their action; "
                "Newton's method factorizes sums of them"
            )
        if self.linear.is_complex:
            raise InputError("linear: expected a real problem, got a complex one")
        if not callable(self.psi):
            raise InputError(f"psi: expected a function, got {self.psi!r:.80}")
        if not isinstance(self.forms, Sequence):
            raise InputError(f"forms: expected a list of QuadraticForms, got {self.forms!r:.80}")
        object.__setattr__(self, "forms", tuple(self.forms))
        if not self.forms:
            raise InputError("forms: expected at least one quadratic term; AffineProblem has none")
        for p, b in enumerate(self.forms):
            if not isinstance(b, QuadraticForm):
                raise InputError(f"forms[{p}]: expected a QuadraticForm, got {b!r:.80}")
            if b.size != self.size:
                raise InputError(f"forms[{p}]: expected {self.size} unknowns, got {b.size}")

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.linear.size

    def coefficients(self, mus: Any) -> tuple[Array, Array, Array]:
        """Return theta (m, Q), phi (m, Q_f) and psi (m, P) of parameters (m, p)."""
        mus = parameter_rows(mus)
        theta, phi = self.linear.coefficients(mus)
        return theta, phi, coefficient_table(self.psi, mus, len(self.forms), "psi")

    def residual(self, u: Any, mu: Any) -> Array:
        """Return F(u) = A(mu) u + B(u, u; mu) - f(mu)."""
        return self._system(mu).residual(np.asarray(u))

    def jacobian(self, u: Any, mu: Any) -> Any:
        """Return the matrix of v -> A(mu) v + B(u, v; mu) + B(v, u; mu)."""
        return self._system(mu).jacobian(np.asarray(u))

    def solve(
        self, mu: Any, start: Any = None, rtol: float = 1e-10, *, max_iterations: int = 30
    ) -> NonlinearSolution:
        """Return u(mu) by Newton's method from `start`, by default from zero.

        The first step from zero solves the linear problem. Where Newton's method fails, the
        solution is followed from the linear problem: t psi, t from 0 to 1. Several solutions may
        exist: this one lies on the branch of `start`, or of the linear problem. Reference: Kelley
        (1995), doi:10.1137/1.9781611970944, section 8.1, and `continuation`.

        Args:
            mu: one parameter (p,).
            start: u_0, shape (n,).
            rtol: relative size of the last step. Good values: 1e-6 to 1e-12.
            max_iterations: limit on the steps of one run of Newton's method.
        """
        u0 = np.zeros(self.size) if start is None else np.asarray(start)
        if u0.shape != (self.size,):
            raise InputError(f"start: expected shape ({self.size},), got {u0.shape}")
        system = self._system(mu)

        def run(t: float, u: Array) -> NewtonSolution:
            own = system.weakened(t)
            return newton(own.residual, own.direction, u, rtol, max_iterations=max_iterations)

        return solve_by_continuation(run, u0)

    def _system(self, mu: Any) -> "_System":
        rows = parameter_rows(np.asarray(mu)[None])
        theta, phi, psi = (c[0] for c in self.coefficients(rows))
        A = self.linear.matrices.combine(theta)
        return _System(A, self.linear.sources.combine(phi), psi, self.forms)


def solve_by_continuation(
    run: Callable[[float, Array], NewtonSolution], start: Array
) -> NonlinearSolution:
    """Solve for t = 1 from `start`, or else follow the solution from t = 0, the linear problem."""
    direct = run(1.0, start)
    if direct.converged:
        return NonlinearSolution(direct.u, NonlinearStatus.CONVERGED, direct)
    first = run(0.0, np.zeros_like(start))
    if not first.converged:
        return NonlinearSolution(direct.u, NonlinearStatus.FAILED, direct, 0.0)
    path = continuation(run, first)
    status = NonlinearStatus.CONVERGED if path.converged else NonlinearStatus.NO_SOLUTION
    return NonlinearSolution(path.u, status, path.last, path.reached)


def parameter_rows(mus: Any) -> Array:
    """Return parameters as (m, p), float64 and finite.

    >>> parameter_rows([[1, 2]]).tolist()
    [[1.0, 2.0]]
    """
    rows = real_floating(np.asarray(mus), "mu").astype(np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise InputError(f"mu: expected parameters of shape (m, p), got {rows.shape}")
    return require_finite(rows, "mu")


def coefficient_table(function: Callable[[Any], Any], mus: Array, count: int, name: str) -> Array:
    """Return the real coefficients (m, count) of parameters (m, p), checked."""
    if isinstance(function, ParameterExpressions):
        values = [function(mus)]
    else:
        values = [np.asarray(function(mu))[None] for mu in mus]
    for mu, row in zip(mus, values, strict=False):
        if row.shape[1:] != (count,):
            raise InputError(
                f"{name}: expected {count} coefficients, got shape {row.shape[1:]} at mu = "
                f"{mu.tolist()}"
            )
    table = real_floating(np.concatenate(values), name).astype(np.float64)
    return require_finite(table, f"{name} (mu, term)")


def factorized_solve(J: Any, b: Array) -> Array:
    """Return J^-1 b of a sparse or dense matrix, or raise `LinAlgError` if it is singular.

    >>> factorized_solve(np.diag([2.0, 4.0]), np.ones(2)).tolist()
    [0.5, 0.25]
    """
    try:
        return elimination(J)(b)
    except InputError as error:
        raise np.linalg.LinAlgError(str(error)) from None


@dataclass(frozen=True)
class _System:
    """The equations of one parameter."""

    A: Any
    f: Array
    psi: Array
    forms: Sequence[QuadraticForm]

    def weakened(self, t: float) -> "_System":
        return _System(self.A, self.f, t * self.psi, self.forms)

    def residual(self, u: Array) -> Array:
        F = self.A @ u - self.f
        for weight, b in zip(self.psi, self.forms, strict=True):
            F = F + weight * b.apply(u, u)
        return F

    def jacobian(self, u: Array) -> Any:
        J = self.A
        for weight, b in zip(self.psi, self.forms, strict=True):
            J = J + weight * b.derivative(u)
        return J

    def direction(self, u: Array, F: Array) -> Array:
        return factorized_solve(self.jacobian(u), -F)
