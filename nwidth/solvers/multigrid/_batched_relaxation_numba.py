"""Kernels of the batched V-cycle in two dimensions, `LANES` samples side by side.

All levels lie one after the other in flat float32 buffers, each a rectangle of points with their
lanes and a rim of zeros. A row of the table describes a level:

    offset, points per row, first row, rows, first column, columns, sweeps

Row i of `t0` couples the points of rows i - 1 and i, entry j of a row of `t1` the points j - 1 and
j; `d` is the inverse diagonal. Points with two even indices are the coarse ones. Points whose
indices have an even sum are red: the coarse points, and the centres between four of them.

After a red-black relaxation the residual is zero at black points, and before a black-red one the
values there do not matter: restriction and prolongation are needed at red points only. A pass down
relaxes red in the newest row, black one row behind, red two rows behind, ... and restricts in the
last, while all these rows are in cache: u, f, t0, t1 and d go through memory once, whatever the
number of sweeps. A pass up does the same after the prolongation.
"""

import numpy as np

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, store, widen

OFFSET, POINTS, ROW, ROWS, COLUMN, COLUMNS, SWEEPS = range(7)

# Columns of a strip: the rows in work of a strip fit into a cache of 1 MiB. Wider levels are passed
# strip by strip, each stage one column further left than the one before it.
WIDTH = 512

# Added to sums of couplings, which may be zero on the rim.
TINY = np.float32(1e-36)


@njit(error_model="numpy", nogil=True, cache=True)
def start_row(u, f, d, at, first, stop):
    """Relax every second point of a row from the guess zero; `at` is the index of its start."""
    for j in range(first, stop, 2):
        k = at + j * LANES
        store(u, k, load(d, k) * load(f, k))


@njit(error_model="numpy", nogil=True, cache=True)
def relax_row(u, f, t0, t1, d, at, pitch, first, stop):
    """Relax every second point of a row."""
    for j in range(first, stop, 2):
        k = at + j * LANES
        total = load(f, k) + load(t1, k) * load(u, k - LANES)
        total += load(t1, k + LANES) * load(u, k + LANES)
        total += load(t0, k) * load(u, k - pitch)
        total += load(t0, k + pitch) * load(u, k + pitch)
        store(u, k, load(d, k) * total)


@njit(inline="always")
def _residual(u, f, t0, t1, d, k, pitch):
    """Return f - A u at flat index k."""
    total = load(f, k) - load(u, k) / load(d, k)
    total += load(t1, k) * load(u, k - LANES)
    total += load(t1, k + LANES) * load(u, k + LANES)
    total += load(t0, k) * load(u, k - pitch)
    return total + load(t0, k + pitch) * load(u, k + pitch)


@njit(inline="always")
def _weights(t0, t1, k, pitch):
    """Return the weights of the four coarse points around the centre at flat index k.

    Values between two coarse points follow from the flux through them, T_- (u - u_-) = T_+ (u_+ -
    u), the one in the centre from the four between. Order: above left, above right, below left,
    below right.
    """
    tiny = fill(TINY)
    above, below = load(t0, k), load(t0, k + pitch)
    left, right = load(t1, k), load(t1, k + LANES)
    share = fill(np.float32(1)) / (above + below + left + right + tiny)
    one, other = load(t1, k - pitch), load(t1, k - pitch + LANES)
    above = above * share / (one + other + tiny)
    above_left, above_right = above * one, above * other
    one, other = load(t1, k + pitch), load(t1, k + pitch + LANES)
    below = below * share / (one + other + tiny)
    below_left, below_right = below * one, below * other
    one, other = load(t0, k - LANES), load(t0, k + pitch - LANES)
    left = left * share / (one + other + tiny)
    one_right, other_right = load(t0, k + LANES), load(t0, k + pitch + LANES)
    right = right * share / (one_right + other_right + tiny)
    return (
        above_left + left * one,
        above_right + right * one_right,
        below_left + left * other,
        below_right + right * other_right,
    )


@njit(error_model="numpy", nogil=True, cache=True)
def restrict_row(u, f, t0, t1, d, fine, coarse, i, start, stop):
    """Add P^T (f - A u) of every second point of row i, from a red one, to the coarse f."""
    pitch, coarse_pitch = fine[POINTS] * LANES, coarse[POINTS] * LANES
    at = fine[OFFSET] + i * pitch
    to = coarse[OFFSET] + (i // 2 + fine[ROW] - 1) * coarse_pitch
    for j in range(start, stop, 2):
        k = at + j * LANES
        c = to + (j // 2 + fine[COLUMN] - 1) * LANES
        rest = _residual(u, f, t0, t1, d, k, pitch)
        if i % 2 == 0:
            store(f, c, load(f, c) + rest)
        else:
            one, two, three, four = _weights(t0, t1, k, pitch)
            store(f, c, load(f, c) + one * rest)
            store(f, c + LANES, load(f, c + LANES) + two * rest)
            c += coarse_pitch
            store(f, c, load(f, c) + three * rest)
            store(f, c + LANES, load(f, c + LANES) + four * rest)


@njit(error_model="numpy", nogil=True, cache=True)
def prolong_row(u, t0, t1, fine, coarse, i, start, stop):
    """Add P e to every second point of row i, from a red one; e is the coarse solution."""
    pitch, coarse_pitch = fine[POINTS] * LANES, coarse[POINTS] * LANES
    at = fine[OFFSET] + i * pitch
    to = coarse[OFFSET] + (i // 2 + fine[ROW] - 1) * coarse_pitch
    for j in range(start, stop, 2):
        k = at + j * LANES
        c = to + (j // 2 + fine[COLUMN] - 1) * LANES
        if i % 2 == 0:
            store(u, k, load(u, k) + load(u, c))
        else:
            one, two, three, four = _weights(t0, t1, k, pitch)
            step = one * load(u, c) + two * load(u, c + LANES)
            c += coarse_pitch
            step += three * load(u, c) + four * load(u, c + LANES)
            store(u, k, load(u, k) + step)


@njit(error_model="numpy", nogil=True, cache=True)
def clear(f, level):
    """Set f of a level to zero, rim and all."""
    size = (level[ROW] + level[ROWS] + 2) * level[POINTS] * LANES
    f[level[OFFSET] : level[OFFSET] + size] = 0


@njit(error_model="numpy", nogil=True, cache=True)
def down(u, f, t0, t1, d, fine, coarse):
    """Relax red-black from the guess zero and restrict the residual, in one pass."""
    pitch, stages = fine[POINTS] * LANES, 2 * fine[SWEEPS]
    top, bottom = fine[ROW], fine[ROW] + fine[ROWS]
    first, end = fine[COLUMN], fine[COLUMN] + fine[COLUMNS]
    clear(f, coarse)
    for strip in range(first, end + stages, WIDTH):
        for newest in range(top, bottom + stages):
            for stage in range(stages + 1):
                i = newest - stage
                if i < top or i >= bottom:
                    continue
                at, stop = fine[OFFSET] + i * pitch, min(end, strip + WIDTH - stage)
                start = max(first, strip - stage)
                start += (i + start + stage) % 2
                if stage == 0:
                    start_row(u, f, d, at, start, stop)
                elif stage < stages:
                    relax_row(u, f, t0, t1, d, at, pitch, start, stop)
                else:
                    restrict_row(u, f, t0, t1, d, fine, coarse, i, start, stop)


@njit(error_model="numpy", nogil=True, cache=True)
def energy_row(u, f, t0, t1, c, products, at, pitch, start, stop, end, last):
    """Add u . f and u . A u of a part of a row to products.

    u . A u is summed over faces, T (u_i - u_j)^2: differences keep the digits that A u would lose.
    The last point of a row and the points of the last row have a face behind them too.
    """
    zero = fill(np.float32(0))
    work, total = zero, zero
    for j in range(start, stop):
        k = at + j * LANES
        here = load(u, k)
        work += here * load(f, k)
        across = here - load(u, k - pitch)
        along = here - load(u, k - LANES)
        total += load(t0, k) * across * across + load(t1, k) * along * along
        if last:
            total += load(t0, k + pitch) * here * here
        if c.size > 0:
            total += load(c, k) * here * here
    if stop == end:
        k = at + end * LANES
        here = load(u, k - LANES)
        total += load(t1, k) * here * here
    store(products, 0, load(products, 0) + widen(work))
    store(products, LANES, load(products, LANES) + widen(total))


@njit(error_model="numpy", nogil=True, cache=True)
def up(u, f, t0, t1, c, d, fine, coarse, products):
    """Correct by the coarse level and relax black-red, in one pass.

    If there is room for them, `products` gets u . f and u . A u as well.
    """
    pitch, stages = fine[POINTS] * LANES, 2 * fine[SWEEPS]
    top, bottom = fine[ROW], fine[ROW] + fine[ROWS]
    first, end = fine[COLUMN], fine[COLUMN] + fine[COLUMNS]
    more = stages + (1 if products.size > 0 else 0)
    for strip in range(first, end + more, WIDTH):
        for newest in range(top, bottom + more):
            for stage in range(more + 1):
                i = newest - stage
                if i < top or i >= bottom:
                    continue
                at, stop = fine[OFFSET] + i * pitch, min(end, strip + WIDTH - stage)
                start = max(first, strip - stage)
                if stage > stages:
                    if start < stop:
                        rows = (at, pitch, start, stop, end, i == bottom - 1)
                        energy_row(u, f, t0, t1, c, products, *rows)
                    continue
                start += (i + start + stage) % 2
                if stage == 0:
                    prolong_row(u, t0, t1, fine, coarse, i, start, stop)
                else:
                    relax_row(u, f, t0, t1, d, at, pitch, start, stop)


@njit(error_model="numpy", nogil=True, cache=True)
def solve_coarsest(u, f, factor, level, right):
    """Solve on the coarsest level by its banded Cholesky factor; `right` is work space.

    Unknowns are numbered along the shorter axis first. factor[i, m] is the entry of row i in column
    i - m, with the inverse of the diagonal at m = 0.
    """
    rows, columns, band = level[ROWS], level[COLUMNS], factor.shape[1] - 1
    pitch = level[POINTS] * LANES
    at = level[OFFSET] + level[ROW] * pitch + level[COLUMN] * LANES
    step0, step1 = (columns, 1) if columns <= rows else (1, rows)
    for i in range(rows):
        for j in range(columns):
            for b in range(LANES):
                right[i * step0 + j * step1, b] = f[at + i * pitch + j * LANES + b]
    size = rows * columns
    for i in range(size):
        for m in range(1, min(i, band) + 1):
            for b in range(LANES):
                right[i, b] -= factor[i, m, b] * right[i - m, b]
        for b in range(LANES):
            right[i, b] *= factor[i, 0, b]
    for i in range(size - 1, -1, -1):
        for b in range(LANES):
            right[i, b] *= factor[i, 0, b]
        for m in range(1, min(i, band) + 1):
            for b in range(LANES):
                right[i - m, b] -= factor[i, m, b] * right[i, b]
    for i in range(rows):
        for j in range(columns):
            for b in range(LANES):
                u[at + i * pitch + j * LANES + b] = right[i * step0 + j * step1, b]


@njit(error_model="numpy", nogil=True, cache=True)
def v_cycle(u, f, t0, t1, c, d, table, factor, right, products):
    """Set u of the finest level to one V-cycle for its f; products get u . f and u . A u."""
    levels = len(table)
    products[:] = 0
    for level in range(levels - 1):
        down(u, f, t0, t1, d, table[level], table[level + 1])
    solve_coarsest(u, f, factor, table[levels - 1], right)
    for level in range(levels - 2, -1, -1):
        room = products if level == 0 else products[:0]
        up(u, f, t0, t1, c, d, table[level], table[level + 1], room)
    if levels == 1:
        level = table[0]
        pitch, first, end = level[POINTS] * LANES, level[COLUMN], level[COLUMN] + level[COLUMNS]
        bottom = level[ROW] + level[ROWS]
        for i in range(level[ROW], bottom):
            at, last = i * pitch, i == bottom - 1
            energy_row(u, f, t0, t1, c, products, at, pitch, first, end, end, last)
