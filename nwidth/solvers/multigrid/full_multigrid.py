"""Full multigrid: from grid to grid until the error is that of the discretization."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf, log2, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import generator, power_of_two
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid._nested_grids import JUMP, Level, levels_of
from nwidth.solvers.multigrid.algebraic_multigrid import AlgebraicMultigrid
from nwidth.solvers.multigrid.coupling_jumps import coupling_jumps
from nwidth.solvers.multigrid.multigrid import Multigrid
from nwidth.solvers.multigrid.multigrid_cycle import MultigridCycle
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Two couplings of a point along an axis that differ by more than this factor may hide errors from
# cycles, which then are put to trial.
STEEP = 20.0

# Cycles of a trial, at least and at most; it ends when what they leave rises by no more than so
# much from one to the next.
TRIALS, RISE = (6, 20), 1.02

# Cycles that leave more of an error than this part are given up for algebraic multigrid.
SLOW = 0.6

# Grids of fewer unknowns get three cycles, to learn how these converge.
SMALL = 1000

# Order of the discretization for smooth data, the highest one that is assumed where coefficients
# jump, and the least of all.
ORDER, ROUGH_ORDER, LEAST_ORDER = 2.0, 1.0, 0.5

# Observed orders between which a change from grid to grid is what the grids below let expect. Where
# it is not, so many cycles have to show how they converge.
EXPECTED, LOOKS = (0.5, 3.0), 3

# Later cycles take along up to this part of the error if all is as it should be. Corrections of so
# many units of round-off tell nothing any more.
TEXTBOOK, ROUND_OFF = 0.2, 100.0

# Relative residual on the coarsest grid.
COARSEST_RTOL = 1e-8


@dataclass(frozen=True)
class FullMultigridResult:
    """Where full multigrid ended.

    `u` is the whole field, `x` the unknowns. Both errors are estimates in the L2 norm, relative to
    that of u: of the difference between the discrete and the continuous solution (NaN if there was
    one grid only), and of that between x and the discrete solution. `order` is the observed order
    of the discretization (NaN with fewer than three grids), `cycles` the number of cycles on each
    grid, coarsest first (0 there), `residual` is ||b - A x|| / ||b||.
    """

    u: Array
    x: Array
    status: Status
    discretization_error: float
    algebraic_error: float
    order: float
    cycles: tuple[int, ...]
    residual: float


def full_multigrid(
    problem: Problem,
    inputs: Inputs,
    *,
    ratio: float = 0.2,
    max_cycles: int = 20,
    cycle: Callable[[DiffusionOperator], MultigridCycle] | None = None,
) -> FullMultigridResult:
    """Solve a problem on its grid as accurately as the grid deserves, in about two cycles.

    From the coarsest grid to the finest: interpolate the solution by cubic polynomials and improve
    it by cycles until

        algebraic error  <=  ratio x discretization error.

    The change of the solution from one grid to the next measures the latter (h is halved, p is 2 or
    the observed order if that is lower), its decrease from cycle to cycle the former:

        ||u_h - u_2h|| / (2^p - 1),        rho / (1 - rho) ||last correction||

    with rho the quotient of the last two corrections; after a single cycle that of the next coarser
    grid, where there are two cycles at least. On the grids below and on small ones, where there are
    three, the later quotients show whether the cycles are textbook ones; if not, the worst one
    counts. References: Brandt (1977), doi:10.1090/S0025-5718-1977-0431719-X; Trottenberg, Oosterlee
    & Schueller (2001), Multigrid, section 2.6.

    Every grid has the problem's own discretization (`problem.on`), on every second node or on pairs
    of cells; an odd interval or cell stays alone. Averaged operators and right-hand sides, which
    the cycles use, would not do: in one dimension they reproduce the fine solution at coarse points
    exactly, so that the two grids would differ by nothing. Where the coefficient jumps (couplings
    on both sides of a point differ by a factor above 2), cubic interpolation would overshoot: nodes
    take the value at which no flux is left over, cells that of the cell they are part of.

    The estimate of the discretization error is good to a factor of two for smooth data on grids
    that resolve them, with 16 intervals and more; that both errors are round-off is an end, too.
    Where the coefficient jumps, the observed order is above 3 by chance, or there are two grids
    only and none is observed, p is at most 1: over random media of contrasts up to 1e9 (blocks,
    blobs, checkerboards, points), the estimate was never below half the error, and up to fifty
    times too large where coarse grids see another medium. Above 100 % it means that the grid does
    not resolve the solution: UNRESOLVED. With fewer than 16 intervals along an axis that may be a
    false alarm, because the grid below, of less than 8, is what the estimate compares with.

    Two more measures keep the estimate of the algebraic error honest. Where the order is out of
    [0.5, 3], so that rho of the grids below tells nothing, there are three cycles. Where couplings
    on both sides of a point differ by a factor above 20, what isolating regions enclose may hold an
    error that cycles neither reduce nor show; cycles on a random error, until what they leave has
    settled, then bring the worst rho to light. Where cycles with averaged fluxes leave more than
    0.6 or fail, `AlgebraicMultigrid` takes over.

    Args:
        problem: what to solve, symmetric and in flux form.
        inputs: its input fields by name, on its grid; float32 stays float32, whose round-off is
            above the discretization error from about 500 points per axis on.
        ratio: bound on the algebraic error in terms of the discretization error. Good values: 0.1
            to 0.5.
        max_cycles: limit on each grid.
        cycle: what makes the cycle of an operator, by default the F-cycle of `Multigrid` with one
            sweep before and after, whose first use leaves less than any V-cycle of its cost; for
            strong couplings that change their axis from place to place `partial(Multigrid,
            smoother=LineRelaxation, semi_coarsening=False)`. Nothing takes over from a chosen one.

    Failures are told by the status: MAX_ITERATIONS, STAGNATED if corrections do not decrease,
    NON_FINITE, UNRESOLVED. Raises `InputError` for inputs and arguments that cannot be used.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> grid = Grid.uniform((65, 65))
    >>> x, y = grid.coordinates()
    >>> f = 2 * np.pi**2 * np.sin(np.pi * x) * np.sin(np.pi * y)
    >>> result = full_multigrid(Poisson(grid), {"source": f})
    >>> result.status.name, result.cycles[-1], round(result.order, 1)
    ('CONVERGED', 1, 2.0)
    >>> error = grid.norm(result.u - np.sin(np.pi * x) * np.sin(np.pi * y)) / grid.norm(result.u)
    >>> f"{error:.1e} {result.discretization_error:.1e}"
    '2.0e-04 2.0e-04'
    """
    require_instance(problem, "problem", Problem)
    ratio = require_number(ratio, "ratio", "(0, inf)")
    max_cycles = require_integer(max_cycles, "max_cycles", 1)
    if cycle is not None and not callable(cycle):
        raise InputError(f"cycle: expected a function of an operator, got {cycle!r:.80}")
    robust = cycle is not None
    cycle = partial(Multigrid, sweeps=(1,), cycle="F") if cycle is None else cycle
    level, *finer = levels_of(problem, inputs)
    result = cycle(level.A).iterate(level.b, rtol=COARSEST_RTOL)
    if result.status is not Status.CONVERGED and not robust:
        other = AlgebraicMultigrid(level.A).iterate(level.b, rtol=COARSEST_RTOL)
        result = min(result, other, key=lambda found: found.residuals[-1])
    x, seen = result.x, _Seen(result.status, result.residuals[-1], nan, 0.5, 0.0, nan, 0)
    cycles = [0]
    for below, fine in zip(range(len(finer) - 1, -1, -1), finer, strict=True):
        start, level, last = fine.start(level, x), fine, seen
        least = 3 if start.size < SMALL else min(below, 2) + 1
        steep = level is finer[-1] and coupling_jumps(level.A, STEEP).size > 0
        M, options = cycle(level.A), (start, max(least, 1 + steep), ratio, max_cycles)
        last = replace(last, worst=max(last.worst, _left(M, level))) if steep else last
        hopeless = steep and last.worst > SLOW and not robust
        if not hopeless:
            x, seen = _improve(level, M, last, *options)
        if not robust and (hopeless or seen.status in (Status.STAGNATED, Status.MAX_ITERATIONS)):
            cycle, robust = AlgebraicMultigrid, True
            M = cycle(level.A)
            last = replace(last, worst=_left(M, level)) if steep else last
            x, seen = _improve(level, M, last, *options)
        cycles.append(seen.cycles)
    rough = coupling_jumps(level.A, JUMP).size > 0 or np.isnan(seen.order)
    discretization = seen.change / (2 ** _assumed(seen.order, rough) - 1)
    x = level.centred(x)
    u = problem.field(x, inputs)
    scale = power_of_two(u)
    size = problem.grid.norm(u * scale) / scale or 1.0
    status, residual = seen.status, level.residual(x)
    if status is Status.CONVERGED and residual == 1:
        status = Status.NON_FINITE  # the solution is too small for its dtype: all is zero
    elif status is Status.CONVERGED and discretization > size:
        status = Status.UNRESOLVED
    return FullMultigridResult(
        u,
        x,
        status,
        discretization / size,
        seen.algebraic / size,
        seen.order,
        tuple(cycles),
        residual,
    )


@dataclass(frozen=True)
class _Seen:
    """What was seen on one grid and below it.

    The algebraic error, the order, the quotient of the last two corrections, the worst one of later
    cycles on any grid, the distance to the solution of the next coarser grid, and the number of
    cycles.
    """

    status: Status
    algebraic: float
    order: float
    rate: float
    worst: float
    change: float
    cycles: int


def _improve(
    level: Level,
    M: MultigridCycle,
    last: _Seen,
    start: Array,
    least: int,
    ratio: float,
    max_cycles: int,
) -> tuple[Array, _Seen]:
    """Improve unknowns by cycles, at least so many, until their error is small enough."""
    x, step = start.copy(), np.empty_like(start)
    rate, worst, before = last.rate, last.worst, nan
    for m in range(1, max_cycles + 1):
        np.copyto(step, x)
        M.improve(x, level.b)
        np.subtract(x, step, out=step)
        size = level.norm(step)
        change = size if m == 1 else level.norm(x - start)
        floor = ROUND_OFF * float(np.finfo(x.dtype).eps) * level.norm(x)
        exact = size <= floor
        if m > 1 and not exact:
            rate = size / before
            worst = max(worst, rate) if m > 2 else worst
        order = log2(last.change / change) if last.change > 0 and 0 < change < inf else nan
        nothing_left = exact and change <= floor  # both errors are round-off
        known = np.isnan(order) or EXPECTED[0] <= order <= EXPECTED[1]
        enough = m >= (least if known else max(least, LOOKS))
        discretization = change / (2 ** _assumed(order, False) - 1)
        rho = max(rate, worst if worst > TEXTBOOK else 0.0)
        algebraic = size if exact else rho / (1 - rho) * size if rho < 1 else inf
        status = Status.MAX_ITERATIONS
        if not np.isfinite(size):
            status = Status.NON_FINITE
        elif (enough and algebraic <= ratio * discretization) or (m >= least and nothing_left):
            status = Status.CONVERGED
        elif m > least and (exact or rate >= 1):
            status = Status.STAGNATED
        if status is not Status.MAX_ITERATIONS:
            break
        before = size
    return x, _Seen(status, algebraic, order, rate, worst, change, m)


def _left(M: MultigridCycle, level: Level) -> float:
    """Return the part of a random error that cycles leave, the last one of many.

    Regions that isolating ones enclose may hold an error that cycles neither reduce nor show in
    their corrections. In a random one it stands out as soon as the rest is gone.
    """
    zero = np.zeros_like(level.b)
    e = generator(0, 0).choice([-1.0, 1.0], zero.shape).astype(zero.dtype)
    size, part = level.norm(e), 0.0
    for m in range(TRIALS[1]):
        M.improve(e, zero)
        e = level.centred(e)
        last, size = size, level.norm(e)
        if not 0 < size < inf:
            return size
        before, part = part, size / last
        if m + 1 >= TRIALS[0] and (part <= RISE * before):
            break
    return part


def _assumed(order: float, rough: bool) -> float:
    """Return the order to rely on, given the observed one and whether coefficients jump."""
    p = ORDER if np.isnan(order) else min(max(order, LEAST_ORDER), ORDER)
    return min(p, ROUGH_ORDER) if rough or order > EXPECTED[1] else p
