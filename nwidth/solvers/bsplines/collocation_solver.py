"""How collocated equations are solved: elimination, or GMRES with fast diagonalization."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import power_of_two, unscaled
from nwidth.errors import InputError
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.collocation_operator import CollocationOperator
from nwidth.solvers.bsplines.collocation_solution import CollocationSolution
from nwidth.solvers.elimination import elimination
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.krylov.iterate import Iterate, in_range
from nwidth.solvers.solution import Status

Array = NDArray[Any]

METHODS = ("auto", "direct", "fgmres")
# Up to so many unknowns elimination was measured to be quicker.
FEW = 200
# Where iteration fails, elimination is tried for so many, in one, two and three dimensions.
MANY = (10**7, 60_000, 8_000)
# Iterations in a cycle of GMRES.
RESTART = 60


def solve_collocated(
    problem: Any, b: Array, rtol: float, method: str, max_iterations: int
) -> CollocationSolution:
    """Return the unknown coefficients of a `Collocation` for the right-hand side b."""
    d, reason, chosen = problem.space.dimension, "asked for", method == "auto"
    if chosen:
        method = "direct" if d == 1 or b.size <= FEW else "fgmres"
        reason = f"{b.size} unknowns in {d} dimension(s)"
    if not b.any():
        found, imbalance = Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,)), 0.0
    elif method == "direct":
        found, imbalance = _eliminated(problem, b, rtol)
    else:
        found, imbalance = _iterated(problem, b, rtol, max_iterations)
        if chosen and found.status is not Status.CONVERGED and b.size <= MANY[d - 1]:
            reason = f"{reason}; GMRES ended as {found.status.name}, elimination took over"
            method = "direct"
            found, imbalance = _eliminated(problem, b, rtol)
    status = in_range(found.status, found.x, found.residuals[-1])
    return CollocationSolution(
        problem.space, found.x, status, found.residuals, method, reason, imbalance=imbalance
    )


def _eliminated(problem: Any, b: Array, rtol: float) -> tuple[Iterate, Any]:
    """Solve by elimination; in one dimension by that of banded matrices."""
    import scipy.sparse as sp

    A, imbalance = problem.operator.to_sparse(), 0.0
    A = A.astype(np.result_type(A.dtype, np.float64))
    right = b.ravel().astype(np.result_type(A.dtype, b.dtype))
    scale = power_of_two(right.view(np.float64))
    right = scale * right
    size = float(np.linalg.norm(right))
    try:
        if problem.singular:
            mean, ones = _mean_of(problem), _inside(problem)
            bordered = sp.block_array(
                [[A, sp.csr_array(ones[:, None])], [sp.csr_array(mean[None]), None]], format="csr"
            )
            x = elimination(bordered)(np.append(right, 0.0))
            x, imbalance = x[:-1], x[-1]
            right = right - imbalance * ones
        elif problem.space.dimension == 1:
            x = BandedOperator(A).solve(right)
        else:
            x = elimination(A)(right)
    except InputError:
        return Iterate(np.zeros_like(b), Status.BREAKDOWN, (1.0,)), 0.0
    residual = float(np.linalg.norm(right - A @ x)) / size
    status = Status.CONVERGED if residual <= max(rtol, rounding(A, x, right)) else Status.STAGNATED
    x = unscaled(x, scale).reshape(b.shape).astype(b.dtype)
    return Iterate(x, status, (residual,)), unscaled(imbalance, scale)


def rounding(A: Any, x: Array, b: Array) -> float:
    """Return eps | |A| |x| + |b| | / |b|, the relative residual that rounding alone may leave.

    >>> bool(rounding(np.eye(1), np.ones(1), np.ones(1)) < 1e-15)
    True
    """
    size = abs(A) @ np.abs(x.ravel()) + np.abs(b)
    least = float(np.linalg.norm(b)) or 1.0
    return float(np.finfo(np.float64).eps * np.linalg.norm(size)) / least


def _iterated(problem: Any, b: Array, rtol: float, max_iterations: int) -> tuple[Iterate, Any]:
    """Solve by GMRES, preconditioned by fast diagonalization."""
    from scipy.sparse.linalg import LinearOperator as ScipyOperator

    A, M = problem.operator, problem.preconditioner()
    limits: Any = {"rtol": rtol, "max_iterations": max_iterations, "restart": RESTART}
    if not problem.singular:
        found = fgmres(A, b, preconditioner=M, **limits)
        # Who computes in single precision is told that double would do better.
        double = np.finfo(found.x.dtype).eps == np.finfo(np.float64).eps
        stuck = double and found.status is Status.STAGNATED
        if stuck and found.residuals[-1] <= _rounding_of(A, found.x, b):
            found = replace(found, status=Status.CONVERGED)
        return found, 0.0
    mean, ones = _mean_of(problem), M.level * _inside(problem)
    plus = ScipyOperator(
        A.shape, matvec=lambda c: A.apply(c) + ones.astype(c.dtype) * (mean @ c), dtype=A.dtype
    )
    found = fgmres(plus, b.ravel(), preconditioner=M.to_scipy(), **limits)
    level = mean @ found.x
    x = (found.x - level).reshape(b.shape).astype(b.dtype)
    return Iterate(x, found.status, found.residuals), M.level * level


def _rounding_of(A: CollocationOperator, x: Array, b: Array) -> float:
    """Return what `rounding` does, without a matrix: |A| |x| is at most that of all terms."""
    factors = [[abs(D) for D in of] for of in A.factors]
    whole = CollocationOperator(factors, {m: np.abs(w) for m, w in A.terms.items()})
    scale = power_of_two(np.abs(b))
    size = np.linalg.norm(whole.apply(np.abs(scale * x)) + np.abs(scale * b))
    least = float(np.linalg.norm(scale * b))
    return float(np.finfo(np.float64).eps * size / least)


def _mean_of(problem: Any) -> Array:
    """Return m with m . c the mean of the spline over the domain."""
    integrals = problem.space.integrals
    return (integrals / integrals.sum()).ravel()


def _inside(problem: Any) -> Array:
    """Return 1 at inner points, 0 on sides: the source that may change by a constant."""
    inside = np.ones(problem.space.shape)
    for k, end in problem.flux_sides:
        np.moveaxis(inside, k, 0)[0 if end == "lower" else -1] = 0
    return inside.ravel()
