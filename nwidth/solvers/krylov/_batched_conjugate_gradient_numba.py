"""Kernels of conjugate gradients on lanes; the layout: `_batched_diffusion_operator_numba`.

x, r, b and the couplings are float64, the search direction p, the preconditioned residual z and the
right-hand side f of the preconditioner float32. p and z need no more digits: whatever p is, x and r
move along it by the same float64 step. Layer m of `t0` couples the points of planes m - 1 and m; in
two dimensions it is None, for which kernels are compiled of their own.
"""

from nwidth._njit_numba import njit
from nwidth.solvers._batched_diffusion_operator_numba import (
    COLUMN,
    COLUMNS,
    PLANE,
    PLANES,
    POINTS,
    ROW,
    ROWS,
    SHEET,
    place,
)
from nwidth.solvers._lanes_numba import LANES, fill, load, narrow, store, widen


@njit(error_model="numpy", nogil=True, cache=True)
def _flux(u, t0, t1, t2, c, k, pitch, sheet):
    """Return A u at flat index k, differences before weights."""
    here = load(u, k)
    total = load(t2, k) * (here - load(u, k - LANES))
    total += load(t2, k + LANES) * (here - load(u, k + LANES))
    total += load(t1, k) * (here - load(u, k - pitch))
    total += load(t1, k + pitch) * (here - load(u, k + pitch))
    if t0 is not None:
        total += load(t0, k) * (here - load(u, k - sheet))
        total += load(t0, k + sheet) * (here - load(u, k + sheet))
    if c.size > 0:
        total += load(c, k) * here
    return total


@njit(error_model="numpy", nogil=True, cache=True)
def start(b, x, r, f, level, squares):
    """Set x = 0, r = b and f to its float32; squares get ||b||^2."""
    zero = fill(0.0)
    total = zero
    for m in range(level[PLANE], level[PLANE] + level[PLANES]):
        for i in range(level[ROW], level[ROW] + level[ROWS]):
            at = place(level, m, i)
            for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
                k = at + j * LANES
                right = load(b, k)
                store(x, k, zero)
                store(r, k, right)
                store(f, k, narrow(right))
                total += right * right
    store(squares, 0, total)


@njit(error_model="numpy", nogil=True, cache=True)
def residual(b, x, t0, t1, t2, c, r, f, level, squares):
    """Set r = b - A x and f to its float32; squares get ||r||^2 and ||b||^2."""
    pitch, sheet, zero = level[POINTS] * LANES, level[SHEET] * LANES, fill(0.0)
    total, total_b = zero, zero
    for m in range(level[PLANE], level[PLANE] + level[PLANES]):
        for i in range(level[ROW], level[ROW] + level[ROWS]):
            at = place(level, m, i)
            for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
                k = at + j * LANES
                right = load(b, k)
                rest = right - _flux(x, t0, t1, t2, c, k, pitch, sheet)
                store(r, k, rest)
                store(f, k, narrow(rest))
                total += rest * rest
                total_b += right * right
    store(squares, 0, total)
    store(squares, LANES, total_b)


@njit(error_model="numpy", nogil=True, cache=True)
def _turn_row(p, z, beta, k, stop):
    """Set p = z + beta p in a row."""
    factors = load(beta, 0)
    for n in range(k, stop, LANES):
        store(p, n, load(z, n) + factors * load(p, n))


@njit(error_model="numpy", nogil=True, cache=True)
def _step_row(x, r, f, p, t0, t1, t2, c, alpha, k, stop, pitch, sheet, total):
    """Set x += alpha p, r -= alpha A p in a row; add r^2 to total."""
    factors, squares = load(alpha, 0), fill(0.0)
    for n in range(k, stop, LANES):
        here = widen(load(p, n))
        flux = load(t2, n) * (here - widen(load(p, n - LANES)))
        flux += load(t2, n + LANES) * (here - widen(load(p, n + LANES)))
        flux += load(t1, n) * (here - widen(load(p, n - pitch)))
        flux += load(t1, n + pitch) * (here - widen(load(p, n + pitch)))
        if t0 is not None:
            flux += load(t0, n) * (here - widen(load(p, n - sheet)))
            flux += load(t0, n + sheet) * (here - widen(load(p, n + sheet)))
        if c.size > 0:
            flux += load(c, n) * here
        store(x, n, load(x, n) + factors * here)
        rest = load(r, n) - factors * flux
        store(r, n, rest)
        store(f, n, narrow(rest))
        squares += rest * rest
    store(total, 0, load(total, 0) + squares)


@njit(error_model="numpy", nogil=True, cache=True)
def step(x, r, f, p, z, t0, t1, t2, c, alpha, beta, level, total):
    """Set p = z + beta p, x += alpha p, r -= alpha A p in one pass; total gets ||r||^2.

    The step is behind the turn by a plane, or by a row in the only one. alpha and total are
    float64, beta is float32, `LANES` numbers each.
    """
    pitch, sheet = level[POINTS] * LANES, level[SHEET] * LANES
    first, length = level[COLUMN] * LANES, level[COLUMNS] * LANES
    p0, q0 = level[PLANE], level[ROW]
    p1, q1 = p0 + level[PLANES], q0 + level[ROWS]
    planes, rows = (1, 0) if level[PLANES] > 1 else (0, 1)
    total[:] = 0
    for m in range(p0, p1 + planes):
        for i in range(q0, q1 + rows):
            if m < p1 and i < q1:
                k = place(level, m, i) + first
                _turn_row(p, z, beta, k, k + length)
            if m - planes >= p0 and i - rows >= q0:
                k = place(level, m - planes, i - rows) + first
                _step_row(x, r, f, p, t0, t1, t2, c, alpha, k, k + length, pitch, sheet, total)
