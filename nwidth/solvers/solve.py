"""Solve a problem for given inputs by the method that suits it."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import power_of_two, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.krylov.conjugate_gradient import (
    Iterate,
    Stop,
    check_limits,
    conjugate_gradient,
)
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.solution import Solution, Status

Array = NDArray[Any]

METHODS = ("auto", "multigrid-cg", "multigrid", "fast-poisson", "direct")

# Multigrid with averaged fluxes is left for algebraic multigrid, whose set-up and cycles cost more,
# when after every so many iterations the residual is behind a pace of so many in all.
PROBE, PACE = 20, 80

# Up to this many unknowns (any number in one dimension) sparse elimination is quickest.
DIRECT_SIZE = 400


def solve(
    problem: Problem,
    inputs: Inputs,
    rtol: float = 1e-8,
    *,
    method: str = "auto",
    initial: Array | None = None,
    max_iterations: int = 200,
    stop: Stop | None = None,
) -> Solution:
    """Return the solution of A(mu) u = b(mu) to a relative residual.

        ||b - A u||  <=  rtol ||b||

    A small residual is not a small error where the contrast is high: the two differ by up to the
    condition number of A, which grows with max a / min a and as h^-2. `certify` bounds the error.

    "multigrid-cg": conjugate gradients preconditioned by one multigrid cycle, the general choice;
    where that is slow, on rough fields of high contrast, algebraic multigrid takes over from the
    iterate. "multigrid": cycles alone. "fast-poisson": conjugate gradients preconditioned by fast
    transforms on uniform grids, one step for constant coefficients. "direct": sparse elimination
    (SuperLU). "auto" takes fast transforms for constant coefficients, elimination for a few hundred
    unknowns and in one dimension, and multigrid-cg otherwise; `solution.reason` tells why.

    Args:
        problem: what to solve.
        inputs: its input fields by name.
        rtol: relative residual, in [0, 1). Good values: 1e-8; 1e-5 for float32 inputs, which stay
            float32; 1e-7 for contrasts of 1e6 on fine grids, where the last digits of u are worth
            3e-8.
        method: one of the above.
        initial: a first guess, a whole field on the problem's grid.
        max_iterations: limit for the iterative methods.
        stop: an extra stopping rule `stop(unknowns, residual) -> bool` of the conjugate gradients;
            when it says True the iteration counts as converged. "auto" then takes these; "direct"
            and "multigrid" have no use for it and raise.

    Without a Dirichlet side the solution has volume-weighted mean zero. Failures of the iteration
    are told by `solution.status`; `solution.checked()` raises them. Raises `InputError` for inputs
    and arguments that cannot be used.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> grid = Grid.uniform(5)
    >>> solve(Poisson(grid), {"source": np.full(5, 2.0)}).u.round(4).tolist()
    [0.0, 0.1875, 0.25, 0.1875, 0.0]
    """
    if method not in METHODS:
        raise InputError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if not isinstance(problem, Problem):
        raise InputError(f"problem: expected a Problem, got {problem!r:.80}")
    check_limits(rtol, max_iterations)
    if stop is not None and not callable(stop):
        raise InputError(f"stop: expected a function of unknowns and residual, got {stop!r:.80}")
    if stop is not None and method in ("direct", "multigrid"):
        raise InputError(
            f"stop: expected a method with conjugate gradients, got {method!r}, which asks no "
            "extra rule; use 'multigrid-cg' or 'fast-poisson'"
        )
    start, cpu_start = time.perf_counter(), time.process_time()
    operator, b = problem.operator(inputs), problem.source(inputs)
    guess = None if initial is None else _guess(problem, initial, operator)
    reason = "asked for"
    if method == "auto":
        method, reason = _choose(problem, inputs, operator)
        if stop is not None and method == "direct":
            method, reason = "multigrid-cg", "the extra stopping rule needs conjugate gradients"
    if not np.any(b):
        result = Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,))
        reason = "the right-hand side is zero"
    elif method == "direct":
        result = _direct(operator, b, rtol)
    elif method == "multigrid":
        from nwidth.solvers.multigrid import Multigrid

        cycle = Multigrid(_in_flux_form(operator, method))
        result = cycle.iterate(b, initial=guess, rtol=rtol, max_iterations=max_iterations)
    else:
        result, note = _conjugate_gradient(
            method, problem, operator, b, guess, rtol, max_iterations, stop
        )
        reason += note
    x = result.x
    if "positive semidefinite" in operator.properties:
        volumes = problem.unknowns(problem.grid.weights)
        x = x - x.dtype.type((volumes * x).sum() / volumes.sum())
    return Solution(
        problem.field(x, inputs),
        result.status,
        result.residuals,
        method,
        reason,
        time.perf_counter() - start,
        time.process_time() - cpu_start,
    )


def _guess(problem: Problem, initial: Array, operator: LinearOperator) -> Array:
    """Return the unknowns of a checked first guess."""
    initial = np.asarray(initial)
    if initial.dtype.kind not in "fiu":
        raise InputError(f"initial guess: expected real numbers, got dtype {initial.dtype}")
    require_shape(initial, problem.grid.shape, "initial guess")
    return problem.unknowns(require_finite(initial, "initial guess")).astype(operator.dtype)


def _choose(problem: Problem, inputs: Inputs, operator: LinearOperator) -> tuple[str, str]:
    """Return the method for a problem, and why."""
    constant = problem.coercivity(inputs) == problem.continuity(inputs)
    if constant and all(axis.is_uniform for axis in problem.grid.axes):
        return "fast-poisson", "constant coefficients on a uniform grid: fast transforms are exact"
    if operator.shape[0] <= DIRECT_SIZE:
        return "direct", f"only {operator.shape[0]} unknowns: elimination is quickest"
    if problem.grid.dimension == 1:
        return "direct", "one dimension: elimination takes O(N)"
    return "multigrid-cg", "variable coefficients: multigrid takes O(N) whatever their contrast"


def _conjugate_gradient(
    method: str,
    problem: Problem,
    operator: LinearOperator,
    b: Array,
    guess: Array | None,
    rtol: float,
    max_iterations: int,
    stop: Stop | None,
) -> tuple[Iterate, str]:
    """Iterate with the method's preconditioner, then with algebraic multigrid where that is slow.

    The second result says what has happened.
    """
    pace = _Pace(rtol, max_iterations, stop)
    first = conjugate_gradient(
        operator,
        b,
        preconditioner=_preconditioner(method, problem, operator),
        initial=guess,
        rtol=rtol,
        max_iterations=max_iterations,
        stop=pace if method == "multigrid-cg" else stop,
    )
    if not pace.slow:
        return first, ""
    from nwidth.solvers.multigrid import AlgebraicMultigrid

    done = len(first.residuals) - 1
    second = conjugate_gradient(
        operator,
        b,
        preconditioner=AlgebraicMultigrid(_in_flux_form(operator, method), dtype=np.float32),
        initial=first.x,
        rtol=rtol,
        max_iterations=max_iterations - done,
        stop=stop,
    )
    residuals = first.residuals[:-1] + second.residuals
    note = f"; algebraic multigrid after {done} iterations, which were slow"
    return Iterate(second.x, second.status, residuals), note


class _Pace:
    """A stopping rule that adds to another: the iteration is too slow, see PROBE and PACE."""

    def __init__(self, rtol: float, max_iterations: int, stop: Stop | None):
        self.rtol, self.limit, self.stop = (
            max(rtol, np.finfo(np.float64).tiny),
            max_iterations,
            stop,
        )
        self.residuals: list[float] = []
        self.slow = False

    def __call__(self, x: Array, residual: float) -> bool:
        if self.stop is not None and self.stop(x, residual):
            self.slow = False
            return True
        self.residuals.append(residual)
        done = len(self.residuals) - 1
        if done > 0 and done % PROBE == 0 and done < self.limit:
            wanted = self.rtol / self.residuals[0]
            self.slow = residual > self.residuals[0] * wanted ** (done / PACE)
        return self.slow


def _preconditioner(method: str, problem: Problem, operator: LinearOperator) -> LinearOperator:
    """Return the approximate inverse that a method is named after."""
    operator = _in_flux_form(operator, method)
    if method == "fast-poisson":
        from nwidth.solvers.fast_poisson import FastPoisson

        return FastPoisson.of(operator, problem.grid)
    from nwidth.solvers.multigrid import Multigrid

    return Multigrid(operator, dtype=np.float32)


def _in_flux_form(operator: LinearOperator, method: str) -> DiffusionOperator:
    """Return the operator if a method can work with it."""
    if not isinstance(operator, DiffusionOperator):
        raise InputError(
            f"method {method}: expected a DiffusionOperator, got {operator!r}; use "
            "conjugate_gradient for other operators"
        )
    return operator


def _direct(operator: LinearOperator, b: Array, rtol: float) -> Iterate:
    """Solve by sparse elimination; a singular operator gets its last unknown fixed to zero."""
    from scipy.sparse.linalg import splu

    operator = _in_flux_form(operator, "direct")
    matrix = operator.to_sparse().astype(np.float64).tocsc()
    x = np.zeros(b.size)
    free = slice(0, b.size - 1 if operator.singular else b.size)
    try:
        factors = splu(
            matrix[free, free],
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:  # a pivot is zero: couplings have been lost in round-off
        return Iterate(np.zeros_like(b), Status.BREAKDOWN, (1.0,))
    scale = power_of_two(b)
    right = b.ravel().astype(np.float64) * scale
    x[free] = factors.solve(right[free])
    x[free] += factors.solve((right - matrix @ x)[free])  # one step of refinement
    x = x.reshape(b.shape).astype(operator.dtype)
    rest = right - operator.apply(x).ravel()
    residual = float(np.linalg.norm(rest) / np.linalg.norm(right))
    x = x if scale == 1.0 else x / scale
    if not np.isfinite(residual):
        return Iterate(x, Status.NON_FINITE, (residual,))
    return Iterate(x, Status.CONVERGED if residual <= rtol else Status.STAGNATED, (residual,))
