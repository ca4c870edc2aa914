"""Kernels that build the coarse levels of a batch; see `_batched_relaxation_numba` for the layout.

They are the two steps of `coarsening.coarsen`, first along rows, then across them.
"""

import numpy as np

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, store, widen
from nwidth.solvers.multigrid._batched_relaxation_numba import (
    COLUMN,
    COLUMNS,
    OFFSET,
    POINTS,
    ROW,
    ROWS,
    TINY,
)

EPSILON = np.finfo(np.float64).eps
SMALLEST = np.finfo(np.float64).tiny


@njit(inline="always")
def _share(t, k, step, forward):
    """Return the weight of the next or the last coarse point for the fine point at index k."""
    before, after = load(t, k), load(t, k + step)
    return (after if forward else before) / (before + after + fill(TINY))


@njit(error_model="numpy", nogil=True, cache=True)
def halve_row(t0, t1, c, half0, half1, half_c, at, to, above, below, fine, coarse, pitch):
    """Coarsen along row `at`: series of t1, and sums of t0 and c with their shares.

    `above` and `below` tell whether the rows before and after are rows of the level: the shares of
    a face are the mean of both its ends.
    """
    first, last = fine[COLUMN], fine[COLUMN] + fine[COLUMNS] - 1
    half = fill(np.float32(0.5))
    for column in range(coarse[COLUMN], coarse[COLUMN] + coarse[COLUMNS] + 1):
        j = 2 * (column - first + 1)
        k, n = at + j * LANES, to + column * LANES
        if j - 1 < first:
            store(half1, n, load(t1, k))
        elif j - 1 > last:
            store(half1, n, load(t1, k - LANES))
        else:
            one, other = load(t1, k - LANES), load(t1, k)
            store(half1, n, one * other / (one + other + fill(TINY)))
        if column == coarse[COLUMN] + coarse[COLUMNS]:
            break
        left = fill(np.float32(0))
        right = left
        left_c, right_c = left, left
        if j - 1 >= first:
            left = left_c = _share(t1, k - LANES, LANES, True)
            if above:
                before = _share(t1, k - LANES - pitch, LANES, True)
                left = half * (left + before) if below else before
        if j + 1 <= last:
            right = right_c = _share(t1, k + LANES, LANES, False)
            if above:
                before = _share(t1, k + LANES - pitch, LANES, False)
                right = half * (right + before) if below else before
        total = load(t0, k) + left * load(t0, k - LANES) + right * load(t0, k + LANES)
        store(half0, n, total)
        if c.size > 0 and below:
            total = load(c, k) + left_c * load(c, k - LANES) + right_c * load(c, k + LANES)
            store(half_c, n, total)


@njit(error_model="numpy", nogil=True, cache=True)
def join_rows(half0, half1, half_c, t0, t1, c, row, fine, coarse):
    """Set row `row` of the coarse level from the half-coarsened rows."""
    pitch = coarse[POINTS] * LANES
    first, last = fine[ROW], fine[ROW] + fine[ROWS] - 1
    begin, end = coarse[COLUMN], coarse[COLUMN] + coarse[COLUMNS]
    half = fill(np.float32(0.5))
    i = 2 * (row - first + 1)
    at, to = i * pitch, coarse[OFFSET] + row * pitch
    for column in range(begin, end):
        k, n = at + column * LANES, to + column * LANES
        if i - 1 < first:
            store(t0, n, load(half0, k))
        elif i - 1 > last:
            store(t0, n, load(half0, k - pitch))
        else:
            one, other = load(half0, k - pitch), load(half0, k)
            store(t0, n, one * other / (one + other + fill(TINY)))
    if row == coarse[ROW] + coarse[ROWS]:
        return
    for column in range(begin, end + 1):
        k, n = at + column * LANES, to + column * LANES
        total = load(half1, k)
        reaction = load(half_c, k) if c.size > 0 else total
        if i - 1 >= first:
            share = own = _share(half0, k - pitch, pitch, True)
            if column > begin:
                before = _share(half0, k - pitch - LANES, pitch, True)
                share = half * (own + before) if column < end else before
            total += share * load(half1, k - pitch)
            if c.size > 0:
                reaction += own * load(half_c, k - pitch)
        if i + 1 <= last:
            share = own = _share(half0, k + pitch, pitch, False)
            if column > begin:
                before = _share(half0, k + pitch - LANES, pitch, False)
                share = half * (own + before) if column < end else before
            total += share * load(half1, k + pitch)
            if c.size > 0:
                reaction += own * load(half_c, k + pitch)
        store(t1, n, total)
        if c.size > 0 and column < end:
            store(c, n, reaction)


@njit(error_model="numpy", nogil=True, cache=True)
def coarsen(t0, t1, c, half0, half1, half_c, fine, coarse):
    """Set the couplings and reactions of a coarse level; the halves are work space."""
    pitch, narrow = fine[POINTS] * LANES, coarse[POINTS] * LANES
    top, bottom = fine[ROW], fine[ROW] + fine[ROWS]
    for i in range(top, bottom + 1):
        at, to = fine[OFFSET] + i * pitch, i * narrow
        above, below = i > top, i < bottom
        halve_row(t0, t1, c, half0, half1, half_c, at, to, above, below, fine, coarse, pitch)
    for row in range(coarse[ROW], coarse[ROW] + coarse[ROWS] + 1):
        join_rows(half0, half1, half_c, t0, t1, c, row, fine, coarse)


@njit(error_model="numpy", nogil=True, cache=True)
def invert_diagonal(t0, t1, c, d, level):
    """Set d to the inverse of the diagonal on a level."""
    pitch = level[POINTS] * LANES
    one = fill(np.float32(1))
    for i in range(level[ROW], level[ROW] + level[ROWS]):
        for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
            k = level[OFFSET] + i * pitch + j * LANES
            total = load(t0, k) + load(t0, k + pitch) + load(t1, k) + load(t1, k + LANES)
            if c.size > 0:
                total += load(c, k)
            store(d, k, one / (total + fill(TINY)))


@njit(error_model="numpy", nogil=True, cache=True)
def factorize(t0, t1, c, level, singular, factor):
    """Set the banded Cholesky factor of the coarsest level; see `solve_coarsest`.

    A singular matrix gets its last unknown fixed; pivots lost in round-off are raised.
    """
    rows, columns, band = level[ROWS], level[COLUMNS], factor.shape[1] - 1
    pitch = level[POINTS] * LANES
    step0, step1 = (columns, 1) if columns <= rows else (1, rows)
    factor[:] = 0
    for i in range(rows):
        for j in range(columns):
            k = level[OFFSET] + (level[ROW] + i) * pitch + (level[COLUMN] + j) * LANES
            n = i * step0 + j * step1
            for b in range(LANES):
                total = np.float64(t0[k + b]) + t0[k + pitch + b] + t1[k + b] + t1[k + LANES + b]
                factor[n, 0, b] = total + (c[k + b] if c.size > 0 else 0)
                if i > 0:
                    factor[n, step0, b] = -t0[k + b]
                if j > 0:
                    factor[n, step1, b] = -t1[k + b]
    size = rows * columns
    if singular:
        factor[size - 1, 0] *= 2
    for i in range(size):
        for b in range(LANES):
            largest = factor[i, 0, b]
            for m in range(min(i, band), -1, -1):
                total = factor[i, m, b]
                for q in range(m + 1, min(i, band) + 1):
                    if q - m <= band:
                        total -= factor[i, q, b] * factor[i - m, q - m, b]
                if m > 0:
                    factor[i, m, b] = total * factor[i - m, 0, b]
                else:
                    least = max(largest * EPSILON, SMALLEST)
                    factor[i, 0, b] = 1 / np.sqrt(max(total, least))


@njit(error_model="numpy", nogil=True, cache=True)
def shares(t0, t1, d, level, out):
    """Set out to the mean share of each axis in the diagonal: `LANES` numbers per axis."""
    pitch, zero = level[POINTS] * LANES, fill(0.0)
    total0, total1 = zero, zero
    for i in range(level[ROW], level[ROW] + level[ROWS]):
        for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
            k = level[OFFSET] + i * pitch + j * LANES
            inverse = load(d, k)
            total0 += widen((load(t0, k) + load(t0, k + pitch)) * inverse)
            total1 += widen((load(t1, k) + load(t1, k + LANES)) * inverse)
    count = fill(np.float64(level[ROWS] * level[COLUMNS]))
    store(out, 0, total0 / count)
    store(out, LANES, total1 / count)
