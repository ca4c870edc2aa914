"""Iterative refinement: corrections by GMRES, residuals by products without cancellation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.krylov.batch_vectors import norms
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.krylov.iterate import Iterate, in_range
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# A correction may leave this many times what rounding leaves of its own equation.
ABOVE_ROUNDING = 4
# A correction that leaves more than this part of the residual is the last one.
PROGRESS = 0.5
# Vectors that GMRES keeps; it is restarted by the next correction anyway.
RESTART = 60


def riesz_refinement(
    A: LinearOperator,
    b: Array,
    product: Callable[[Array, Array], Array],
    size: float,
    preconditioner: LinearOperator | None,
    *,
    rtol: float,
    max_iterations: int,
    initial: Array | None = None,
    direct: bool = False,
) -> Iterate:
    """Solve A x = b, where the rounding of x alone leaves a larger residual than asked for.

        r = b - A (x_high + x_low)      without cancellation
        A d ~ r                         by GMRES
        x_high + x_low + d              in two parts, to about 32 digits

    That rounding is ||A|| eps ||x||, of fine meshes more than any tolerance: 1e-9 of ||b|| at
    16,384 unknowns and alpha = 1.8. So each GMRES is asked for no more than rounding allows it, and
    the next one corrects it; where that already is the tolerance there is one GMRES and no
    correction. Reference: Carson & Higham (2017), doi:10.1137/17M1122918, who refine by GMRES.

    Args:
        A: the operator, with entries in double precision.
        b: right-hand side.
        product: returns A (x_high + x_low), accurate as `CurvatureProduct` is.
        size: about ||A||, in the 2-norm.
        preconditioner: M ~ A^-1.
        rtol: bound on ||b - A x|| / ||b||.
        max_iterations: of GMRES, all corrections together.
        initial: where to start; zero by default.
        direct: whether M is an inverse, so that M r is the correction and no GMRES is needed.

    Returns x_high; the last of the residuals is that of x_high + x_low.
    """
    b = np.asarray(b, np.result_type(b, np.float64))
    whole, eps = _norm(b), float(np.finfo(np.float64).eps)
    x, low, r = np.zeros_like(b), np.zeros_like(b), b
    if whole == 0:
        return Iterate(x, Status.CONVERGED, (0.0,))
    if initial is not None:
        x = initial.astype(b.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            r = b - product(x, low)
    residuals = [_norm(r) / whole]
    if not np.isfinite(residuals[0]):
        return _end(x, Status.NON_FINITE, residuals)
    while residuals[-1] > rtol:
        before, left = residuals[-1], max_iterations - len(residuals) + 1
        if left <= 0:
            return _end(x, Status.MAX_ITERATIONS, residuals)
        guess = r if preconditioner is None else preconditioner.apply(r)
        if direct:
            found = Iterate(guess, Status.CONVERGED, (1.0, 0.0))
        else:
            rounding = ABOVE_ROUNDING * eps * size * _norm(guess) / _norm(r)
            wanted = rtol / before
            only = wanted >= rounding and initial is None and len(residuals) == 1
            found = fgmres(
                A,
                r,
                preconditioner=preconditioner,
                rtol=max(wanted if only else 0.9 * wanted, min(rounding, 0.1)),
                max_iterations=left,
                restart=RESTART,
            )
        residuals += [value * before for value in found.residuals[1:]]
        if not direct and only and found.status is Status.CONVERGED:
            return _end(found.x, found.status, residuals)
        if found.status in (Status.NON_FINITE, Status.BREAKDOWN):
            return _end(x, found.status, residuals)
        corrected, rest = _sum(x, low, found.x)
        remaining = b - product(corrected, rest)
        after = _norm(remaining) / whole
        if not np.isfinite(after):
            return _end(x, Status.NON_FINITE, residuals)
        residuals[-1] = min(after, before)
        if after < before:
            x, low, r = corrected, rest, remaining
        if after > max(PROGRESS * before, rtol):
            return _end(x, Status.STAGNATED, residuals)
    return _end(x, Status.CONVERGED, residuals)


def _norm(u: Array) -> float:
    """Return ||u||, also where squares leave the range of numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(norms(u[None])[0])


def _sum(high: Array, low: Array, d: Array) -> tuple[Array, Array]:
    """Return the two parts of high + low + d: Knuth's sum of two numbers and its rounding."""
    d = d + low
    total = high + d
    part = total - high
    return total, (high - (total - part)) + (d - part)


def _end(x: Array, status: Status, residuals: list[float]) -> Iterate:
    return Iterate(x, in_range(status, x, residuals[-1]), tuple(residuals))
