"""Kernels of conjugate gradients on lanes; the layout: `multigrid._batched_relaxation_numba`.

x, r, b and the couplings are float64, the search direction p, the preconditioned residual z and the
right-hand side f of the preconditioner float32. p and z need no more digits: whatever p is, x and r
move along it by the same float64 step.
"""

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, narrow, store, widen

POINTS, ROW, ROWS, COLUMN, COLUMNS = range(1, 6)


@njit(inline="always")
def _flux(u, t0, t1, c, k, pitch):
    """Return A u at flat index k, differences before weights."""
    here = load(u, k)
    total = load(t1, k) * (here - load(u, k - LANES))
    total += load(t1, k + LANES) * (here - load(u, k + LANES))
    total += load(t0, k) * (here - load(u, k - pitch))
    total += load(t0, k + pitch) * (here - load(u, k + pitch))
    if c.size > 0:
        total += load(c, k) * here
    return total


@njit(error_model="numpy", nogil=True, cache=True)
def start(b, x, r, f, level, squares):
    """Set x = 0, r = b and f to its float32; squares get ||b||^2."""
    pitch, zero = level[POINTS] * LANES, fill(0.0)
    total = zero
    for i in range(level[ROW], level[ROW] + level[ROWS]):
        for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
            k = i * pitch + j * LANES
            right = load(b, k)
            store(x, k, zero)
            store(r, k, right)
            store(f, k, narrow(right))
            total += right * right
    store(squares, 0, total)


@njit(error_model="numpy", nogil=True, cache=True)
def residual(b, x, t0, t1, c, r, f, level, squares):
    """Set r = b - A x and f to its float32; squares get ||r||^2 and ||b||^2."""
    pitch, zero = level[POINTS] * LANES, fill(0.0)
    total, total_b = zero, zero
    for i in range(level[ROW], level[ROW] + level[ROWS]):
        for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
            k = i * pitch + j * LANES
            right = load(b, k)
            rest = right - _flux(x, t0, t1, c, k, pitch)
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
def _step_row(x, r, f, p, t0, t1, c, alpha, k, stop, pitch, total):
    """Set x += alpha p, r -= alpha A p in a row; add r^2 to total."""
    factors, squares = load(alpha, 0), fill(0.0)
    for n in range(k, stop, LANES):
        here = widen(load(p, n))
        flux = load(t1, n) * (here - widen(load(p, n - LANES)))
        flux += load(t1, n + LANES) * (here - widen(load(p, n + LANES)))
        flux += load(t0, n) * (here - widen(load(p, n - pitch)))
        flux += load(t0, n + pitch) * (here - widen(load(p, n + pitch)))
        if c.size > 0:
            flux += load(c, n) * here
        store(x, n, load(x, n) + factors * here)
        rest = load(r, n) - factors * flux
        store(r, n, rest)
        store(f, n, narrow(rest))
        squares += rest * rest
    store(total, 0, load(total, 0) + squares)


@njit(error_model="numpy", nogil=True, cache=True)
def step(x, r, f, p, z, t0, t1, c, alpha, beta, level, total):
    """Set p = z + beta p, x += alpha p, r -= alpha A p in one pass; total gets ||r||^2.

    alpha and total are float64, beta is float32, `LANES` numbers each.
    """
    pitch, top, bottom = level[POINTS] * LANES, level[ROW], level[ROW] + level[ROWS]
    first, length = level[COLUMN] * LANES, level[COLUMNS] * LANES
    total[:] = 0
    for i in range(top, bottom + 1):
        if i < bottom:
            k = i * pitch + first
            _turn_row(p, z, beta, k, k + length)
        if i > top:
            k = (i - 1) * pitch + first
            _step_row(x, r, f, p, t0, t1, c, alpha, k, k + length, pitch, total)
