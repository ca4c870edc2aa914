"""Kernels of the batched V-cycle in two and three dimensions, `LANES` samples side by side.

All levels lie one after the other in flat float32 buffers, each a box of points with their lanes
and a rim of zeros. A row of the table describes a level as `_batched_diffusion_operator_numba` has
it, and has the number of sweeps at its end. In two dimensions there is one plane, and none beside
it.

Layer m of `t0` couples the points of planes m - 1 and m; in two dimensions it is None, for which
kernels are compiled of their own. Row i of a plane of `t1` the points of
rows i - 1 and i, entry j of a row of `t2` the points j - 1 and j; `d` is the inverse diagonal.
Points with even indices alone are the coarse ones. Points whose indices have an even sum are red:
the coarse points, and the centres between four of them.

After a red-black relaxation the residual is zero at black points, and before a black-red one the
values there do not matter: restriction and prolongation are needed at red points only. A pass down
relaxes red in the newest row, black one row behind, red two rows behind, ... and restricts in the
last, while all these rows are in cache: u, f, the couplings and d go through memory once, whatever
the number of sweeps. A pass up does the same after the prolongation. With several planes a stage
is a plane behind the one before it as well, and rows are passed block by block.
"""

import numpy as np

from nwidth._njit_numba import njit
from nwidth.solvers._batched_diffusion_operator_numba import (
    COLUMN,
    COLUMNS,
    OFFSET,
    PLANE,
    PLANES,
    POINTS,
    ROW,
    ROWS,
    SHEET,
    place,
)
from nwidth.solvers._lanes_numba import LANES, fill, load, store, widen

SWEEPS = 9

# Columns of a strip: the rows in work of a strip fit into a cache of 1 MiB. Wider levels are passed
# strip by strip, each stage one column further left than the one before it.
WIDTH = 512
# Points of a block of rows: with several planes a stage is a plane and a row behind the one before
# it, and the rows in work of a block in all these planes fit into a cache of 2 MiB.
BLOCK = 1024

# Added to sums of couplings, which may be zero on the rim.
TINY = np.float32(1e-36)


@njit(error_model="numpy", nogil=True, cache=True)
def start_row(u, f, d, at, first, stop):
    """Relax every second point of a row from the guess zero; `at` is the index of its start."""
    for j in range(first, stop, 2):
        k = at + j * LANES
        store(u, k, load(d, k) * load(f, k))


@njit(error_model="numpy", nogil=True, cache=True)
def relax_row(u, f, t0, t1, t2, d, at, pitch, sheet, first, stop):
    """Relax every second point of a row."""
    for j in range(first, stop, 2):
        k = at + j * LANES
        total = load(f, k) + load(t2, k) * load(u, k - LANES)
        total += load(t2, k + LANES) * load(u, k + LANES)
        total += load(t1, k) * load(u, k - pitch)
        total += load(t1, k + pitch) * load(u, k + pitch)
        if t0 is not None:
            total += load(t0, k) * load(u, k - sheet)
            total += load(t0, k + sheet) * load(u, k + sheet)
        store(u, k, load(d, k) * total)


@njit(error_model="numpy", nogil=True, cache=True)
def _residual(u, f, t0, t1, t2, d, k, pitch, sheet):
    """Return f - A u at flat index k."""
    total = load(f, k) - load(u, k) / load(d, k)
    total += load(t2, k) * load(u, k - LANES)
    total += load(t2, k + LANES) * load(u, k + LANES)
    total += load(t1, k) * load(u, k - pitch)
    if t0 is not None:
        total += load(t0, k) * load(u, k - sheet)
        total += load(t0, k + sheet) * load(u, k + sheet)
    return total + load(t1, k + pitch) * load(u, k + pitch)


@njit(inline="always")
def _weights(ta, tb, k, a, b):
    """Return the weights of the four coarse points around the centre at flat index k.

    a and b are the steps along the two axes whose couplings are ta and tb; couplings along a third
    one are left out. Values between two coarse points follow from the flux through them, T_- (u -
    u_-) = T_+ (u_+ - u), the one in the centre from the four between. Order: before in a and in b,
    before in a and after in b, after and before, after and after.
    """
    tiny = fill(TINY)
    above, below = load(ta, k), load(ta, k + a)
    left, right = load(tb, k), load(tb, k + b)
    share = fill(np.float32(1)) / (above + below + left + right + tiny)
    one, other = load(tb, k - a), load(tb, k - a + b)
    above = above * share / (one + other + tiny)
    above_left, above_right = above * one, above * other
    one, other = load(tb, k + a), load(tb, k + a + b)
    below = below * share / (one + other + tiny)
    below_left, below_right = below * one, below * other
    one, other = load(ta, k - b), load(ta, k + a - b)
    left = left * share / (one + other + tiny)
    one_right, other_right = load(ta, k + b), load(ta, k + a + b)
    right = right * share / (one_right + other_right + tiny)
    return (
        above_left + left * one,
        above_right + right * one_right,
        below_left + left * other,
        below_right + right * other_right,
    )


@njit(error_model="numpy", nogil=True, cache=True)
def _inject_row(u, f, t0, t1, t2, d, at, to, pitch, sheet, start, stop):
    """Add the residual at the coarse points of a row to the coarse f."""
    for j in range(start, stop, 2):
        c = to + (j // 2) * LANES
        store(f, c, load(f, c) + _residual(u, f, t0, t1, t2, d, at + j * LANES, pitch, sheet))


@njit(error_model="numpy", nogil=True, cache=True)
def _spread_row(u, f, t0, t1, t2, d, ta, tb, at, to, pitch, sheet, start, stop, a, b, coarse):
    """Add P^T (f - A u) at the centres of a row to the coarse f; see `_weights`.

    `coarse` has the steps along the two axes on the coarse level.
    """
    for j in range(start, stop, 2):
        k, c = at + j * LANES, to + (j // 2) * LANES
        rest = _residual(u, f, t0, t1, t2, d, k, pitch, sheet)
        one, two, three, four = _weights(ta, tb, k, a, b)
        store(f, c, load(f, c) + one * rest)
        store(f, c + coarse[1], load(f, c + coarse[1]) + two * rest)
        c += coarse[0]
        store(f, c, load(f, c) + three * rest)
        store(f, c + coarse[1], load(f, c + coarse[1]) + four * rest)


@njit(inline="always")
def _corner(fine, coarse, m, i):
    """Return the flat index from which the coarse points at or before those of a row count."""
    row = place(coarse, m // 2 + fine[PLANE] - 1, i // 2 + fine[ROW] - 1)
    return row + (fine[COLUMN] - 1) * LANES


@njit(error_model="numpy", nogil=True, cache=True)
def restrict_row(u, f, t0, t1, t2, d, fine, coarse, m, i, start, stop):
    """Add P^T (f - A u) of every second point of a row, from a red one, to the coarse f."""
    pitch, sheet = fine[POINTS] * LANES, fine[SHEET] * LANES
    narrow, thin = coarse[POINTS] * LANES, coarse[SHEET] * LANES
    at, to = place(fine, m, i), _corner(fine, coarse, m, i)
    row = (at, to, pitch, sheet, start, stop)
    if m % 2 == 0 and i % 2 == 0:
        _inject_row(u, f, t0, t1, t2, d, *row)
    elif m % 2 == 0:
        _spread_row(u, f, t0, t1, t2, d, t1, t2, *row, pitch, LANES, (narrow, LANES))
    elif t0 is not None:
        if i % 2 == 0:
            _spread_row(u, f, t0, t1, t2, d, t0, t2, *row, sheet, LANES, (thin, LANES))
        else:
            _spread_row(u, f, t0, t1, t2, d, t0, t1, *row, sheet, pitch, (thin, narrow))


@njit(error_model="numpy", nogil=True, cache=True)
def _gather_row(u, ta, tb, at, to, start, stop, a, b, coarse):
    """Add P e at the centres of a row; see `_spread_row`."""
    for j in range(start, stop, 2):
        k, c = at + j * LANES, to + (j // 2) * LANES
        one, two, three, four = _weights(ta, tb, k, a, b)
        step = one * load(u, c) + two * load(u, c + coarse[1])
        c += coarse[0]
        step += three * load(u, c) + four * load(u, c + coarse[1])
        store(u, k, load(u, k) + step)


@njit(error_model="numpy", nogil=True, cache=True)
def prolong_row(u, t0, t1, t2, fine, coarse, m, i, start, stop):
    """Add P e to every second point of a row, from a red one; e is the coarse solution."""
    pitch, sheet = fine[POINTS] * LANES, fine[SHEET] * LANES
    narrow, thin = coarse[POINTS] * LANES, coarse[SHEET] * LANES
    at, to = place(fine, m, i), _corner(fine, coarse, m, i)
    row = (at, to, start, stop)
    if m % 2 == 0 and i % 2 == 0:
        for j in range(start, stop, 2):
            k = at + j * LANES
            store(u, k, load(u, k) + load(u, to + (j // 2) * LANES))
    elif m % 2 == 0:
        _gather_row(u, t1, t2, *row, pitch, LANES, (narrow, LANES))
    elif t0 is not None:
        if i % 2 == 0:
            _gather_row(u, t0, t2, *row, sheet, LANES, (thin, LANES))
        else:
            _gather_row(u, t0, t1, *row, sheet, pitch, (thin, narrow))


@njit(error_model="numpy", nogil=True, cache=True)
def clear(f, level):
    """Set f of a level to zero, rim and all."""
    size = (level[ROW] + level[ROWS] + 2) * level[POINTS]
    if level[SHEET] > 0:
        size = (level[PLANE] + level[PLANES] + 2) * level[SHEET]
    f[level[OFFSET] : level[OFFSET] + size * LANES] = 0


@njit(inline="always")
def _behind(level, stages):
    """Return how many planes a stage is behind the one before it, and the rows of a block."""
    if level[PLANES] > 1:
        return 1, max(BLOCK // level[COLUMNS], 4)
    return 0, level[ROWS] + stages


@njit(inline="always")
def _ends(level):
    """Return first number and end of planes, rows and columns."""
    return (
        (level[PLANE], level[PLANE] + level[PLANES]),
        (level[ROW], level[ROW] + level[ROWS]),
        (level[COLUMN], level[COLUMN] + level[COLUMNS]),
    )


@njit(error_model="numpy", nogil=True, cache=True)
def down(u, f, t0, t1, t2, d, fine, coarse):
    """Relax red-black from the guess zero and restrict the residual, in one pass."""
    pitch, sheet, stages = fine[POINTS] * LANES, fine[SHEET] * LANES, 2 * fine[SWEEPS]
    (p0, p1), (q0, q1), (first, end) = _ends(fine)
    clear(f, coarse)
    planes, rows = _behind(fine, stages)
    for strip in range(first, end + stages, WIDTH):
        for block in range(q0, q1 + stages, rows):
            for newest in range(p0, p1 + stages * planes):
                for row in range(block, min(block + rows, q1 + stages)):
                    for stage in range(stages + 1):
                        m, i = newest - stage * planes, row - stage
                        if m < p0 or m >= p1 or i < q0 or i >= q1:
                            continue
                        at, stop = place(fine, m, i), min(end, strip + WIDTH - stage)
                        start = max(first, strip - stage)
                        start += (m + i + start + stage) % 2
                        if stage == 0:
                            start_row(u, f, d, at, start, stop)
                        elif stage < stages:
                            relax_row(u, f, t0, t1, t2, d, at, pitch, sheet, start, stop)
                        else:
                            restrict_row(u, f, t0, t1, t2, d, fine, coarse, m, i, start, stop)


@njit(error_model="numpy", nogil=True, cache=True)
def energy_row(u, f, t0, t1, t2, c, products, level, m, i, start, stop):
    """Add u . f and u . A u of a part of a row to products.

    u . A u is summed over faces, T (u_i - u_j)^2: differences keep the digits that A u would lose.
    The last points of an axis have a face behind them too.
    """
    at, pitch, sheet = place(level, m, i), level[POINTS] * LANES, level[SHEET] * LANES
    last_row = i == level[ROW] + level[ROWS] - 1
    last_plane = m == level[PLANE] + level[PLANES] - 1
    end, zero = level[COLUMN] + level[COLUMNS], fill(np.float32(0))
    work, total = zero, zero
    for j in range(start, stop):
        k = at + j * LANES
        here = load(u, k)
        work += here * load(f, k)
        across = here - load(u, k - pitch)
        along = here - load(u, k - LANES)
        total += load(t1, k) * across * across + load(t2, k) * along * along
        if t0 is not None:
            over = here - load(u, k - sheet)
            total += load(t0, k) * over * over
            if last_plane:
                total += load(t0, k + sheet) * here * here
        if last_row:
            total += load(t1, k + pitch) * here * here
        if c.size > 0:
            total += load(c, k) * here * here
    if stop == end:
        k = at + end * LANES
        here = load(u, k - LANES)
        total += load(t2, k) * here * here
    store(products, 0, load(products, 0) + widen(work))
    store(products, LANES, load(products, LANES) + widen(total))


@njit(error_model="numpy", nogil=True, cache=True)
def up(u, f, t0, t1, t2, c, d, fine, coarse, products):
    """Correct by the coarse level and relax black-red, in one pass.

    If there is room for them, `products` gets u . f and u . A u as well.
    """
    pitch, sheet, stages = fine[POINTS] * LANES, fine[SHEET] * LANES, 2 * fine[SWEEPS]
    (p0, p1), (q0, q1), (first, end) = _ends(fine)
    more = stages + (1 if products.size > 0 else 0)
    planes, rows = _behind(fine, more)
    for strip in range(first, end + more, WIDTH):
        for block in range(q0, q1 + more, rows):
            for newest in range(p0, p1 + more * planes):
                for row in range(block, min(block + rows, q1 + more)):
                    for stage in range(more + 1):
                        m, i = newest - stage * planes, row - stage
                        if m < p0 or m >= p1 or i < q0 or i >= q1:
                            continue
                        start, stop = max(first, strip - stage), min(end, strip + WIDTH - stage)
                        if stage > stages:
                            if start < stop:
                                energy_row(u, f, t0, t1, t2, c, products, fine, m, i, start, stop)
                            continue
                        start += (m + i + start + stage) % 2
                        if stage == 0:
                            prolong_row(u, t0, t1, t2, fine, coarse, m, i, start, stop)
                        else:
                            at = place(fine, m, i)
                            relax_row(u, f, t0, t1, t2, d, at, pitch, sheet, start, stop)


@njit(inline="always")
def numbering(level):
    """Return the steps along planes, rows and columns, the shortest axis numbered first."""
    n0, n1, n2 = level[PLANES], level[ROWS], level[COLUMNS]
    return (
        (n1 if n1 < n0 else 1) * (n2 if n2 < n0 else 1),
        (n0 if n0 <= n1 else 1) * (n2 if n2 < n1 else 1),
        (n0 if n0 <= n2 else 1) * (n1 if n1 <= n2 else 1),
    )


@njit(error_model="numpy", nogil=True, cache=True)
def solve_coarsest(u, f, factor, level, right):
    """Solve on the coarsest level by its banded Cholesky factor; `right` is work space.

    Unknowns are numbered along the shortest axis first. factor[i, m] is the entry of row i in
    column i - m, with the inverse of the diagonal at m = 0.
    """
    band, size = factor.shape[1] - 1, len(right)
    step0, step1, step2 = numbering(level)
    for m in range(level[PLANES]):
        for i in range(level[ROWS]):
            at = place(level, level[PLANE] + m, level[ROW] + i) + level[COLUMN] * LANES
            for j in range(level[COLUMNS]):
                for b in range(LANES):
                    right[m * step0 + i * step1 + j * step2, b] = f[at + j * LANES + b]
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
    for m in range(level[PLANES]):
        for i in range(level[ROWS]):
            at = place(level, level[PLANE] + m, level[ROW] + i) + level[COLUMN] * LANES
            for j in range(level[COLUMNS]):
                for b in range(LANES):
                    u[at + j * LANES + b] = right[m * step0 + i * step1 + j * step2, b]


@njit(error_model="numpy", nogil=True, cache=True)
def v_cycle(u, f, t0, t1, t2, c, d, table, factor, right, products):
    """Set u of the finest level to one V-cycle for its f; products get u . f and u . A u."""
    levels = len(table)
    products[:] = 0
    for level in range(levels - 1):
        down(u, f, t0, t1, t2, d, table[level], table[level + 1])
    solve_coarsest(u, f, factor, table[levels - 1], right)
    for level in range(levels - 2, -1, -1):
        room = products if level == 0 else products[:0]
        up(u, f, t0, t1, t2, c, d, table[level], table[level + 1], room)
    if levels == 1:
        level = table[0]
        (p0, p1), (q0, q1), (first, end) = _ends(level)
        for m in range(p0, p1):
            for i in range(q0, q1):
                energy_row(u, f, t0, t1, t2, c, products, level, m, i, first, end)
