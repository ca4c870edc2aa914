"""Solve a problem for given inputs by the method that suits it."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance
from nwidth.arrays import (
    as_floating,
    namespace,
    power_of_two,
    real_floating,
    require_finite,
    require_shape,
)
from nwidth.errors import InputError
from nwidth.solvers import operator_solver
from nwidth.solvers.automatic_choice import choose
from nwidth.solvers.indefinite_solver import IndefiniteSolver, choose_indefinite
from nwidth.solvers.krylov.iterate import Iterate, Stop, check_limits, in_range
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.operator_solver import OperatorSolver, refuse_devices
from nwidth.solvers.problem import Inputs, LinearProblem, Problem
from nwidth.solvers.solution import Solution, Status

Array = NDArray[Any]

METHODS = ("auto", "full-multigrid", *operator_solver.METHODS, "fgmres", "bicgstab")


def solve(
    problem: LinearProblem,
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
    in the plane that of `BlackBoxMultigrid` where many couplings jump. Where it is slow, on rough
    fields of high contrast, algebraic multigrid takes over from the iterate. "multigrid": cycles
    alone, for constant coefficients those of `PoissonMultigrid`.
    "full-multigrid": from the coarsest grid to the finest, once; it stops at the discretization
    error, which it estimates, whatever rtol. "fast-poisson": conjugate gradients preconditioned by
    fast transforms on uniform grids, one step for constant coefficients; "scaled-fast-poisson": the
    same scaled by the coefficient, for smooth ones. "direct": sparse elimination. "auto" takes fast
    transforms or multigrid for constant coefficients, scaled transforms for smooth ones,
    elimination for a few hundred unknowns, in one dimension and, with cvxopt, for a few thousand in
    the plane, and multigrid-cg otherwise; `solution.reason` tells why. Waves (`Helmholtz`) and
    `ConvectionDiffusion` take "fgmres", "bicgstab" or "direct", see `IndefiniteSolver`. CuPy inputs
    are solved on their device by the multigrid methods.

    Args:
        problem: what to solve.
        inputs: its input fields by name.
        rtol: relative residual, in [0, 1). Good values: 1e-8; 1e-5 for float32 inputs, which stay
            float32; 1e-7 for contrasts of 1e6 on fine grids, where the last digits of u are worth
            3e-8. 0 asks for all that round-off lets be had, and ends as STAGNATED.
        method: one of the above.
        initial: a first guess, a whole field on the problem's grid. It is a hint and never changes
            what the tolerance means: "direct" and "full-multigrid", also where "auto" takes the
            former, check it and start without.
        max_iterations: limit for the iterative methods.
        stop: an extra stopping rule `stop(unknowns, residual) -> bool` of the conjugate gradients;
            when it says True the iteration counts as converged. "auto" then takes these; "direct"
            and multigrid without -cg have no use for it and raise.

    Without a Dirichlet side the solution has volume-weighted mean zero. Where its last digits are
    worth more than the tolerance, by contrasts of 1e6 and more, the status is STAGNATED. Failures
    of the iteration are told by `solution.status`; `solution.checked()` raises them. Raises
    `InputError` for inputs and arguments that cannot be used.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> grid = Grid.uniform(5)
    >>> solve(Poisson(grid), {"source": np.full(5, 2.0)}).u.round(4).tolist()
    [0.0, 0.1875, 0.25, 0.1875, 0.0]
    """
    require_choice(method, "method", METHODS)
    require_instance(problem, "problem", LinearProblem)
    check_limits(rtol, max_iterations, stop)
    if stop is not None and method in ("direct", "multigrid", "full-multigrid"):
        raise InputError(
            f"stop: expected a method with conjugate gradients, got {method!r}, which asks no "
            "extra rule; use 'multigrid-cg' or 'fast-poisson'"
        )
    start, cpu_start = time.perf_counter(), time.process_time()
    operator = problem.operator(inputs)
    guess = None if initial is None else _guess(problem, initial, operator)
    if method == "full-multigrid" and isinstance(problem, Problem):
        solution = _full_multigrid(problem, inputs, operator, max_iterations)
        return replace(
            solution,
            seconds=time.perf_counter() - start,
            cpu_seconds=time.process_time() - cpu_start,
        )
    b = problem.source(inputs)
    reason = "asked for"
    definite, note = isinstance(problem, Problem), ""
    if method == "auto":
        pick: Any = choose if definite else choose_indefinite
        method, reason = pick(problem, inputs, operator, rtol)
        if stop is not None and method in ("direct", "multigrid"):
            asking = "fast-poisson" if method == "multigrid" else "multigrid-cg"
            method = asking if definite else "fgmres"
            reason = "the extra stopping rule needs a method that asks it"
    options: Any = {"initial": guess, "rtol": rtol, "max_iterations": max_iterations, "stop": stop}
    if definite:
        result, note = OperatorSolver(operator, problem.grid, method).solve(b, **options)
    else:
        result = IndefiniteSolver(problem, operator, method).solve(b, **options)
    reason = "; ".join(filter(None, (reason, note)))
    if "positive semidefinite" in operator.properties:
        result = _centred(problem, operator, b, result, rtol)
    return Solution(
        problem.field(result.x, inputs),
        in_range(result.status, result.x, result.residuals[-1]),
        result.residuals,
        method,
        reason,
        time.perf_counter() - start,
        time.process_time() - cpu_start,
    )


def _centred(
    problem: LinearProblem, operator: LinearOperator, b: Array, result: Iterate, rtol: float
) -> Iterate:
    """Return the iterate with volume-weighted mean zero, and the residual that this leaves.

    A constant added to x changes what its last digits are worth: where the one unknown that
    elimination fixes lies in a region of large coefficients, x is most accurate there.
    """
    x, xp = result.x, namespace(result.x)
    volumes = xp.asarray(problem.unknowns(problem.grid.weights))
    x = x - ((volumes * x).sum() / volumes.sum()).astype(x.dtype)
    scale = power_of_two(b)
    size = float(xp.linalg.norm((b * scale).ravel()))
    if size == 0 or result.status is Status.NON_FINITE:
        return replace(result, x=x)
    residual = float(xp.linalg.norm(((b - operator.apply(x)) * scale).ravel())) / size
    status = result.status
    if status is Status.CONVERGED and result.residuals[-1] <= rtol < residual:
        status = Status.STAGNATED
    return Iterate(x, status, (*result.residuals[:-1], residual))


def _full_multigrid(problem: Problem, inputs: Inputs, operator: Any, max_cycles: int) -> Solution:
    """Return the solution at discretization error, by kernels for constant coefficients if any."""
    from nwidth.solvers.multigrid import full_multigrid
    from nwidth.solvers.multigrid._kept_multigrid import kept_multigrid, takes_multigrid

    refuse_devices(operator, "full-multigrid")
    if max_cycles < 1:
        raise InputError(f"max_iterations: expected >= 1 for full-multigrid, got {max_cycles}")
    if takes_multigrid(operator) and not problem.prescribed(operator)[0].any():
        with kept_multigrid(operator) as multigrid:
            nested = multigrid.full_multigrid(problem.source(inputs), max_cycles=max_cycles)
        scale = power_of_two(nested.x)
        x = nested.x.ravel() if scale == 1 else nested.x.ravel() * scale
        squares = float(np.einsum("i,i", x, x, dtype=np.float64))  # in this thread, unlike dot
        size = (squares / x.size) ** 0.5 / scale or 1.0
        u, residuals = problem.field(nested.x, inputs), nested.residuals
        status = in_range(nested.status, nested.x, residuals[-1])
        errors = nested.discretization_error / size, nested.algebraic_error / size
    else:
        found = full_multigrid(problem, inputs, max_cycles=int(max_cycles))
        cycles = found.cycles[-1] or 1  # the coarsest grid has iterated
        u, residuals = found.u, (1.0, *[found.residual] * cycles)
        status = in_range(found.status, found.x, found.residual)
        errors = found.discretization_error, found.algebraic_error
    return Solution(u, status, residuals, "full-multigrid", "asked for", 0.0, 0.0, *errors)


def _guess(problem: LinearProblem, initial: Array, operator: LinearOperator) -> Array:
    """Return the unknowns of a checked first guess."""
    take = as_floating if operator.dtype.kind == "c" else real_floating
    initial = take(initial, "initial guess")
    require_shape(initial, problem.grid.shape, "initial guess")
    return problem.unknowns(require_finite(initial, "initial guess")).astype(operator.dtype)
