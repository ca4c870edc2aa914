"""Parabolic equations by collocation with tensor splines, for the steppers of `evolve`."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.boundary import Boundary, called
from nwidth.solvers.bsplines.collocation import Collocation
from nwidth.solvers.bsplines.collocation_coefficients import at_points, narrowed
from nwidth.solvers.bsplines.collocation_operator import CollocationOperator, along
from nwidth.solvers.bsplines.collocation_solution import CollocationSolution
from nwidth.solvers.elimination import elimination
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.solution import Status
from nwidth.solvers.stepping import EvolutionSystem, LinearPart
from nwidth.solvers.stepping.linear_part import ShiftedSolve

Array = NDArray[Any]

# Shifted systems of so many unknowns are factorized in the plane and in space; in one dimension all
# are. Larger ones are iterated to STEP_RTOL.
PLANE, SPACE = 6000, 800
STEP_RTOL = {4: 1e-5, 8: 1e-12}
TINY = 1e-12
TIMES = "(-inf, inf)"
# First derivatives by values at t -+ h, t -+ 2 h, t -+ 3 h.
DIFFERENCES = (3 / 4, -3 / 20, 1 / 60)


class CollocationPart(LinearPart):
    """The stiff linear part of a collocated parabolic equation, on values v at inner points.

        L v = -A c,    M c = v inside,    R c = 0 on sides
        (1 - shift L) x = b   as   (M + shift A) c = b inside,   R c = 0 on sides,   x = M c

    A is the equation at inner points, M takes coefficients to values there, R holds the conditions
    on Neumann and Robin sides; Dirichlet coefficients are zero. One-dimensional, small plane and
    small spatial systems are factorized, larger ones iterated with fast diagonalization.

    >>> from nwidth.meshes import KnotVector
    >>> L = CollocationPart(Collocation(KnotVector.uniform(3, 2)))
    >>> v, out = L.problem.space.points[0][1:-1], np.empty(3)
    >>> L.apply(v * (1 - v), out)
    >>> out.round(12).tolist()
    [-2.0, -2.0, -2.0]
    """

    def __init__(self, problem: Collocation):
        self.problem = require_instance(problem, "problem", Collocation)
        self.real = problem.dtype.kind == "f"
        own = problem.space.shape
        inside = np.zeros(own, bool)
        cut = [slice(0, n) if wraps else slice(1, n - 1)
               for n, wraps in zip(own, problem.space.periodic, strict=True)]  # fmt: skip
        inside[tuple(cut)] = True
        #: Which of the unknowns' points are inner ones, and the shape of states.
        self.inside = inside[problem.free]
        self.shape = inside[tuple(cut)].shape

    def apply(self, v: Array, out: Array) -> None:
        """Write -A c to `out`."""
        self._fits(v)
        data = np.zeros(self.inside.shape, np.result_type(v.dtype, self.problem.dtype))
        data[self.inside] = v.ravel()
        rate = self.problem.operator.apply(self.coefficients(data))
        out[...] = -rate[self.inside].reshape(v.shape)

    def coefficients(self, data: Array) -> Array:
        """Return c with M c = data inside and R c = data on sides."""
        problem = self.problem
        if not problem.flux_sides:
            for k, inverse in enumerate(self._inverses):
                data = along(inverse.astype(data.real.dtype), data, k)
            return data
        return self._interpolation(data).astype(data.dtype, copy=False)

    @cached_property
    def _inverses(self) -> list[Array]:
        return [np.linalg.inv(of[0].toarray()) for of in self.problem.operator.factors]

    @cached_property
    def _interpolation(self) -> Callable[[Array], Array]:
        return self.inverse(0.0)

    @cached_property
    def values(self) -> CollocationOperator:
        """M at all points: from coefficients to values."""
        operator = self.problem.operator
        return CollocationOperator(operator.factors, {(0,) * len(operator.factors): 1.0})

    def _shifted_operator(self, shift: float) -> CollocationOperator:
        """Return M + shift A inside, R on sides."""
        operator, d = self.problem.operator, self.problem.space.dimension
        scale = np.where(self.inside, shift, 1.0)
        terms = {orders: scale * weight for orders, weight in operator.terms.items()}
        zero = (0,) * d
        terms[zero] = terms.get(zero, 0.0) + self.inside
        return CollocationOperator(operator.factors, terms)

    def inverse(self, shift: float) -> Callable[[Array], Array]:
        """Return the function from data, inside and on sides, to c with (M + shift A) c and R c.

        By factors, or by iteration with fast diagonalization.
        """
        shifted, d = self._shifted_operator(shift), self.problem.space.dimension
        if shifted.shape[0] <= (np.inf, PLANE, SPACE)[d - 1]:
            factors = elimination(shifted.to_sparse())
            return lambda data: factors(data.ravel()).reshape(data.shape)
        # Without A the separable inverse is that of values inside and conditions on sides.
        M = self.problem.preconditioner(1.0, shift or TINY)

        def iterated(data: Array) -> Array:
            rtol = STEP_RTOL[data.real.dtype.itemsize]
            found = fgmres(shifted, data, preconditioner=M, rtol=rtol)
            if not found.residuals[-1] <= 1e3 * rtol:
                raise NotConvergedError(
                    "collocation: the linear system of a step has not converged (relative residual "
                    f"{found.residuals[-1]:.1e} after {found.iterations} iterations); take shorter "
                    "steps"
                )
            return found.x

        return iterated

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution of (1 - shift L) x = b."""
        inverse = self.inverse(shift)

        def solve(b: Array, out: Array) -> None:
            self._fits(b)
            if not np.isfinite(b).all():
                out[...] = np.nan  # a state that has blown up, which whoever steps tells
                return
            data = np.zeros(self.inside.shape, np.result_type(b.dtype, self.problem.dtype))
            data[self.inside] = b.ravel()
            out[...] = self.values.apply(inverse(data))[self.inside].reshape(b.shape)

        return solve

    def _fits(self, v: Array) -> None:
        if v.shape != self.shape:
            raise InputError(
                f"v: expected values at the inner collocation points, shape {self.shape}, got "
                f"{v.shape}"
            )


class CollocationEvolution(EvolutionSystem):
    """A parabolic equation in time, collocated in space: a system for `evolve`.

        u_t = A : grad grad u - b . grad u - c u + f(t) + r(t, u)    inside

    with the conditions of the problem on its sides, whose data may depend on time. The unknowns are
    the values at inner points of w = u - G(t), where G is a smooth function with the data g of the
    sides, the solution of A G + G = 0; so nothing is stiff but L,

        w' = L w + f(t) + r(t, w + G) + G[g - g']

    and multistep methods keep their order (Runge-Kutta methods of order 3 and 4 came down to 2.2 to
    2.7 with data that change); taken explicitly, the data themselves would be as stiff as L. g'
    comes from central differences of sixth order.

    Args:
        problem: a `Collocation`; its source and boundary hold at all times unless others come.
        source: f, a callable `(t, x, y, ...)`.
        boundary: a callable t -> `Boundary`, of the problem's kinds of sides.
        reaction: r, a callable (t, u) of values at the inner points.
        step: the distance of the times that data are differentiated with, three of them before t
            and three after; about 1e-3 of the time in which they change.

    `state(u0)` makes a state of a function, `values(t, w)` the values at inner points of a state,
    `at(t, w)` its `CollocationSolution`.

    >>> from nwidth.meshes import KnotVector
    >>> from nwidth.solvers.stepping import SBDF4, evolve
    >>> heat = CollocationEvolution(Collocation(KnotVector.uniform(12, 4)))
    >>> w = heat.state(lambda x: np.sin(np.pi * x))
    >>> found = evolve(heat, w, [0.1], method=SBDF4, dt=1e-3).checked()
    >>> abs(heat.at(0.1, found.states[0])([0.5])[0] - np.exp(-0.1 * np.pi**2)) < 1e-5
    np.True_
    """

    linear: CollocationPart

    def __init__(
        self,
        problem: Collocation,
        source: Callable[..., Any] | None = None,
        boundary: Callable[[float], Boundary] | None = None,
        reaction: Callable[[float, Array], Any] | None = None,
        *,
        step: float = 1e-3,
    ):
        self.linear = CollocationPart(problem)
        self.problem = problem
        for name, given in (("source", source), ("boundary", boundary), ("reaction", reaction)):
            if given is not None and not callable(given):
                raise InputError(f"{name}: expected a callable or None, got {given!r:.80}")
        self.source, self.boundary, self.reaction = source, boundary, reaction
        self.step = require_number(step, "step", "(0, inf)")
        self.autonomous = source is None and boundary is None
        self._kept: tuple[float, Array] | None = None

    @property
    def points(self) -> list[Array]:
        """The coordinates of the inner points, each of the shape of states."""
        return [self._inner(x[self.problem.free]) for x in self.problem.space.coordinates]

    def state(self, values: Any, t: float = 0.0) -> Array:
        """Return u, a number, an array or a callable of the coordinates, as a state at time t."""
        found = at_points(values, self.points, "state")
        extension = self._values(self._extension(*self._sides(require_number(t, "t", TIMES))))
        return np.array(found - extension, np.result_type(found.dtype, self.problem.dtype))

    def values(self, t: float, w: Array) -> Array:
        """Return u at the inner points."""
        t, w = require_number(t, "t", TIMES), require_finite(as_floating(w, "w"), "w")
        self.linear._fits(w)
        return w + self._values(self._extension(*self._sides(t))).astype(w.dtype, copy=False)

    def at(self, t: float, w: Array) -> CollocationSolution:
        """Return the spline of a state at a time."""
        t, w = require_number(t, "t", TIMES), require_finite(as_floating(w, "w"), "w")
        self.linear._fits(w)
        coefficients = self._extension(*self._sides(t))
        data = np.zeros(self.linear.inside.shape, np.result_type(coefficients, w))
        data[self.linear.inside] = w.ravel()
        coefficients = coefficients.astype(data.dtype)
        coefficients[self.problem.free] += self.linear.coefficients(data)
        return CollocationSolution(
            self.problem.space, coefficients, Status.CONVERGED, (0.0,), "direct", f"at time {t:g}"
        )

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write f(t) + r(t, v + G) + G[g - g'] to `out`."""
        if self._kept is None or (self._kept[0] != t and not self.autonomous):
            self._kept = t, self._forcing(t)
        out[...] = self._kept[1]
        if self.reaction is not None:
            if not np.isfinite(v).all():
                out[...] = np.nan  # a state that has blown up, which whoever steps tells
                return
            with np.errstate(over="ignore", invalid="ignore"):
                found = called(self.reaction, (t, self.values(t, v)), "reaction")
            if np.shape(found) == v.shape and not np.isfinite(found).all():
                out[...] = np.nan
                return
            out += narrowed(at_points(found, self.points, "reaction"), out.dtype, "reaction")

    def _forcing(self, t: float) -> Array:
        """Return f + G[g - g'] at inner points."""
        lifted, data = self._sides(t)
        if self.boundary is not None:
            for k, weight in enumerate(DIFFERENCES, 1):
                for sign in (1, -1):
                    at_k = self._sides(t + sign * k * self.step)
                    lifted = lifted - sign * weight / self.step * at_k[0]
                    data = data - sign * weight / self.step * at_k[1]
        x = self.problem.space.coordinates
        f = self.problem.source
        if self.source is not None:
            f = called(self.source, (t, *x), "source")
        f = narrowed(at_points(f, x, "source"), self.problem.dtype, "source")
        return self._inner(f[self.problem.free]) + self._values(self._extension(lifted, data))

    def _sides(self, t: float) -> tuple[Array, Array]:
        """Return coefficients with the Dirichlet values at time t, and what is left of all data."""
        boundary = self.problem.boundary
        if self.boundary is not None:
            boundary = self.problem.checked_boundary(called(self.boundary, (t,), "boundary"))
        lifted = self.problem.lift(boundary)
        return lifted, self.problem.right_hand_side(lifted, boundary, 0.0)

    def _extension(self, lifted: Array, data: Array) -> Array:
        """Return the coefficients of G, shape `space.shape`."""
        if not lifted.any() and not data.any():
            return lifted
        data = data.copy()
        data[self.linear.inside] -= self._values(lifted).ravel()
        lifted = lifted.copy()
        lifted[self.problem.free] += self._unit_inverse(data).astype(lifted.dtype)
        return lifted

    @cached_property
    def _unit_inverse(self) -> Callable[[Array], Array]:
        return self.linear.inverse(1.0)

    def _values(self, coefficients: Array) -> Array:
        """Return the values of coefficients (`space.shape`) at inner points."""
        for k, of in enumerate(self.problem.space.matrices):
            coefficients = along(of[0], coefficients, k)
        return self._inner(coefficients[self.problem.free])

    def _inner(self, field: Array) -> Array:
        """Return the part at inner points of a field at the points of unknowns."""
        return field[self.linear.inside].reshape(self.linear.shape)
