"""A problem with a pointwise nonlinearity, otherwise affine in its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.quadratic_problem import (
    NonlinearSolution,
    factorized_solve,
    parameter_rows,
    solve_by_continuation,
)
from nwidth.solvers.newton import NewtonSolution, newton
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]
#: g(u, mu), values at points from those of u, shape (..., points); mu[k] broadcasts against u.
Pointwise = Callable[[Array, Any], Any]


@dataclass(frozen=True)
class PointwiseProblem:
    """The problem A(mu) u + E^T (w * g(E u; mu)) = f(mu), with g applied point by point.

    E takes the unknowns to values at the points of a quadrature rule with weights w; with E the
    identity and w the control volumes, or the lumped mass, points are the unknowns themselves.
    Reference: Grepl, Maday, Nguyen & Patera (2007), doi:10.1051/m2an:2007031, section 5.

    Args:
        linear: A(mu) and f(mu), with sparse or dense real matrices.
        g: function (u, mu) -> g of values u (..., points). One parameter has mu[k] a number; many
            have mu[k] of shape (m, 1), so that `lambda u, mu: mu[0] * u**3` serves for both.
        slope: its derivative by u, likewise.
        weights: w, shape (points,), positive.
        evaluation: E, shape (points, n), sparse or dense; by default the identity.

    >>> linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [mu[0]], [[1.0]])
    >>> cubic = PointwiseProblem(linear, lambda u, mu: u**3, lambda u, mu: 3 * u**2, [1.0])
    >>> cubic.solve([10.0]).u.round(9).tolist()  # u + u^3 = 10
    [2.0]
    """

    linear: AffineProblem
    g: Pointwise
    slope: Pointwise
    weights: Any
    evaluation: Any = None

    def __post_init__(self) -> None:
        import scipy.sparse as sp

        if not isinstance(self.linear, AffineProblem):
            raise InputError(f"linear: expected an AffineProblem, got {self.linear!r:.80}")
        if self.linear.matrices.kind == "operator":
            raise InputError("linear: expected sparse or dense matrices, got operators")
        if self.linear.is_complex:
            raise InputError("linear: expected a real problem, got a complex one")
        for name in ("g", "slope"):
            if not callable(getattr(self, name)):
                raise InputError(f"{name}: expected a function, got {getattr(self, name)!r:.80}")
        weights = real_floating(np.asarray(self.weights), "weights").astype(np.float64)
        if weights.ndim != 1 or not (require_finite(weights, "weights") > 0).all():
            raise InputError("weights: expected positive numbers of shape (points,)")
        E = self.evaluation
        E = sp.eye_array(self.linear.size, format="csr") if E is None else canonical(E)
        if E.dtype.kind != "f" or E.shape != (len(weights), self.linear.size):
            raise InputError(
                f"evaluation: expected a real matrix of shape {(len(weights), self.linear.size)}, "
                f"got {E.dtype} of shape {E.shape}"
            )
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "evaluation", E)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.linear.size

    def field(self, u: Any, mu: Any) -> Array:
        """Return g(E u; mu) at all points, shape (points,)."""
        return pointwise(self.g, self.evaluation @ np.asarray(u), mu, "g")

    def residual(self, u: Any, mu: Any) -> Array:
        """Return F(u) = A(mu) u + E^T (w * g(E u; mu)) - f(mu)."""
        return self._run(mu)[0](1.0, np.asarray(u))

    def jacobian(self, u: Any, mu: Any) -> Any:
        """Return the matrix A(mu) + E^T diag(w * g'(E u; mu)) E."""
        return self._run(mu)[1](1.0, np.asarray(u))

    def solve(
        self, mu: Any, start: Any = None, rtol: float = 1e-10, *, max_iterations: int = 30
    ) -> NonlinearSolution:
        """Return u(mu) by Newton's method from `start`, by default from zero.

        Where that fails, the solution is followed from the linear problem, t g with t from 0 to 1.
        Reference: Kelley (1995), doi:10.1137/1.9781611970944, section 8.1, and `continuation`.
        """
        u0 = np.zeros(self.size) if start is None else np.asarray(start)
        require_shape(u0, (self.size,), "start")
        residual, jacobian = self._run(mu)

        def run(t: float, u: Array) -> NewtonSolution:
            return newton(
                lambda v: residual(t, v),
                lambda v, F: factorized_solve(jacobian(t, v), -F),
                u,
                rtol,
                max_iterations=max_iterations,
            )

        return solve_by_continuation(run, u0)

    def _run(self, mu: Any) -> tuple[Callable[..., Array], Callable[..., Any]]:
        """Return (t, u) -> F(u) and J(u) for one parameter and t times the nonlinearity."""
        import scipy.sparse as sp

        mu = parameter_rows(np.asarray(mu)[None])[0]
        theta, phi = (c[0] for c in self.linear.coefficients(mu[None]))
        A, f = self.linear.matrices.combine(theta), self.linear.sources.combine(phi)
        E, w = self.evaluation, self.weights

        # Trial steps of a line search may leave the range of g: norms then are not finite there.
        def residual(t: float, u: Array) -> Array:
            return A @ u + E.T @ (t * w * np.asarray(self.g(E @ u, mu))) - f

        def jacobian(t: float, u: Array) -> Any:
            slopes = t * w * pointwise(self.slope, E @ u, mu, "slope")
            return A + E.T @ sp.diags_array(slopes) @ E

        pointwise(self.g, E @ np.zeros(self.size), mu, "g", finite=False)
        return residual, jacobian


def pointwise(function: Pointwise, u: Array, mu: Any, name: str, *, finite: bool = True) -> Array:
    """Return the values of a pointwise function, checked: those of u in number, real, finite.

    >>> pointwise(lambda u, mu: mu[0] * u, np.ones(2), [3.0], "g").tolist()
    [3.0, 3.0]
    """
    values = real_floating(np.asarray(function(u, mu)), name).astype(np.float64)
    if values.shape != u.shape:
        raise InputError(f"{name}: expected values of shape {u.shape}, got {values.shape}")
    return require_finite(values, name) if finite else values
