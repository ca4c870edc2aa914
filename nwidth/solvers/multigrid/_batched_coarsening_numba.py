"""Kernels that build the coarse levels of a batch; see `_batched_relaxation_numba` for the layout.

They are the steps of `coarsening.coarsen`, one axis after the other: columns, rows, planes.
"""

import numpy as np

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
from nwidth.solvers._lanes_numba import LANES, fill, load, store, widen
from nwidth.solvers.multigrid._batched_relaxation_numba import TINY, numbering

EPSILON = np.finfo(np.float64).eps
SMALLEST = np.finfo(np.float64).tiny


@njit(inline="always")
def _share(t, k, step, forward):
    """Return the weight of the next or the last coarse point for the fine point at index k."""
    before, after = load(t, k), load(t, k + step)
    return (after if forward else before) / (before + after + fill(TINY))


@njit(inline="always")
def _step(level, axis):
    """Return the distance of neighbours along an axis: 0 planes, 1 rows, 2 columns; -1 for none."""
    if axis < 0:
        return 0
    return (level[SHEET] if axis == 0 else (level[POINTS] if axis == 1 else 1)) * LANES


@njit(inline="always")
def _fine(index, level, axis, halved):
    """Return the fine index of a coarse one along the axis that is halved, others as they are."""
    return 2 * (index - level[PLANE + 2 * axis] + 1) if axis == halved else index


@njit(error_model="numpy", nogil=True, cache=True)
def series(t, out, axis, fine, coarse):
    """Set the couplings along the axis that is halved: two faces in series become one."""
    step, first = _step(fine, axis), fine[PLANE + 2 * axis]
    last = first + fine[PLANES + 2 * axis] - 1
    for m in range(coarse[PLANE], coarse[PLANE] + coarse[PLANES] + (axis == 0)):
        for i in range(coarse[ROW], coarse[ROW] + coarse[ROWS] + (axis == 1)):
            p, q = _fine(m, fine, 0, axis), _fine(i, fine, 1, axis)
            from_, to = place(fine, p, q), place(coarse, m, i)
            for j in range(coarse[COLUMN], coarse[COLUMN] + coarse[COLUMNS] + (axis == 2)):
                r = _fine(j, fine, 2, axis)
                k, n = from_ + r * LANES, to + j * LANES
                at = p if axis == 0 else (q if axis == 1 else r)
                if at - 1 < first:
                    store(out, n, load(t, k))
                elif at - 1 > last:
                    store(out, n, load(t, k - step))
                else:
                    one, other = load(t, k - step), load(t, k)
                    store(out, n, one * other / (one + other + fill(TINY)))


@njit(error_model="numpy", nogil=True, cache=True)
def sums(t, along, out, across, axis, fine, coarse):
    """Set couplings across the axis that is halved: each layer with its share of those beside it.

    `along` are the couplings along that axis. t belongs to faces of the axis `across`, whose share
    is the mean of both their ends where these are points of the level, or to points: -1.
    """
    step, side, half = _step(fine, axis), _step(fine, across), fill(np.float32(0.5))
    first, start = fine[PLANE + 2 * axis], fine[PLANE + 2 * across]
    last = first + fine[PLANES + 2 * axis] - 1
    end = start + fine[PLANES + 2 * across]
    for m in range(coarse[PLANE], coarse[PLANE] + coarse[PLANES] + (across == 0)):
        for i in range(coarse[ROW], coarse[ROW] + coarse[ROWS] + (across == 1)):
            p, q = _fine(m, fine, 0, axis), _fine(i, fine, 1, axis)
            from_, to = place(fine, p, q), place(coarse, m, i)
            for j in range(coarse[COLUMN], coarse[COLUMN] + coarse[COLUMNS] + (across == 2)):
                r = _fine(j, fine, 2, axis)
                k = from_ + r * LANES
                at = p if axis == 0 else (q if axis == 1 else r)
                face = p if across == 0 else (q if across == 1 else r)
                before, behind = across >= 0 and face > start, across < 0 or face < end
                total = load(t, k)
                if at - 1 >= first:
                    n = k - step
                    share = _share(along, n if behind else n - side, step, True)
                    if before and behind:
                        share = half * (share + _share(along, n - side, step, True))
                    total += share * load(t, n)
                if at + 1 <= last:
                    n = k + step
                    share = _share(along, n if behind else n - side, step, False)
                    if before and behind:
                        share = half * (share + _share(along, n - side, step, False))
                    total += share * load(t, n)
                store(out, to + j * LANES, total)


@njit(error_model="numpy", nogil=True, cache=True)
def invert_diagonal(t0, t1, t2, c, d, level):
    """Set d to the inverse of the diagonal on a level."""
    pitch, sheet = level[POINTS] * LANES, level[SHEET] * LANES
    one = fill(np.float32(1))
    for m in range(level[PLANE], level[PLANE] + level[PLANES]):
        for i in range(level[ROW], level[ROW] + level[ROWS]):
            at = place(level, m, i)
            for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
                k = at + j * LANES
                total = load(t1, k) + load(t1, k + pitch) + load(t2, k) + load(t2, k + LANES)
                if t0 is not None:
                    total += load(t0, k) + load(t0, k + sheet)
                if c.size > 0:
                    total += load(c, k)
                store(d, k, one / (total + fill(TINY)))


@njit(error_model="numpy", nogil=True, cache=True)
def factorize(t0, t1, t2, c, level, singular, factor):
    """Set the banded Cholesky factor of the coarsest level; see `solve_coarsest`.

    A singular matrix gets its last unknown fixed; pivots lost in round-off are raised.
    """
    size, band = len(factor), factor.shape[1] - 1
    pitch, sheet = level[POINTS] * LANES, level[SHEET] * LANES
    step0, step1, step2 = numbering(level)
    factor[:] = 0
    for m in range(level[PLANES]):
        for i in range(level[ROWS]):
            at = place(level, level[PLANE] + m, level[ROW] + i) + level[COLUMN] * LANES
            for j in range(level[COLUMNS]):
                n = m * step0 + i * step1 + j * step2
                for k in range(at + j * LANES, at + (j + 1) * LANES):
                    b = k - at - j * LANES
                    total = np.float64(t1[k]) + t1[k + pitch] + t2[k] + t2[k + LANES]
                    if t0 is not None:
                        total += np.float64(t0[k]) + t0[k + sheet]
                        if m > 0:
                            factor[n, step0, b] = -t0[k]
                    factor[n, 0, b] = total + (c[k] if c.size > 0 else 0)
                    if i > 0:
                        factor[n, step1, b] = -t1[k]
                    if j > 0:
                        factor[n, step2, b] = -t2[k]
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
def shares(t0, t1, t2, d, level, out):
    """Set out to the mean share of each axis in the diagonal: `LANES` numbers per axis.

    In two dimensions out has rows and columns alone.
    """
    pitch, sheet, zero = level[POINTS] * LANES, level[SHEET] * LANES, fill(0.0)
    total0, total1, total2 = zero, zero, zero
    for m in range(level[PLANE], level[PLANE] + level[PLANES]):
        for i in range(level[ROW], level[ROW] + level[ROWS]):
            at = place(level, m, i)
            for j in range(level[COLUMN], level[COLUMN] + level[COLUMNS]):
                k = at + j * LANES
                inverse = load(d, k)
                total1 += widen((load(t1, k) + load(t1, k + pitch)) * inverse)
                total2 += widen((load(t2, k) + load(t2, k + LANES)) * inverse)
                if t0 is not None:
                    total0 += widen((load(t0, k) + load(t0, k + sheet)) * inverse)
    count = fill(np.float64(level[PLANES] * level[ROWS] * level[COLUMNS]))
    store(out, 0, total1 / count)
    store(out, LANES, total2 / count)
    if t0 is not None:
        store(out, 2 * LANES, total0 / count)
