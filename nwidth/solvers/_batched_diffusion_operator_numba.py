"""Kernels between arrays `(sample, plane, row, column)` and lanes, which have a rim of points.

`level` describes the box of the unknowns in a flat array:

    offset, points per plane, points per row, first plane, planes, first row, rows,
    first column, columns

In two dimensions there is one plane, number 2, and the points per plane are 0: no plane has others
beside it. Lanes beyond the last sample repeat it.
"""

import numpy as np

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, narrow, store

OFFSET, SHEET, POINTS, PLANE, PLANES, ROW, ROWS, COLUMN, COLUMNS = range(9)


@njit(inline="always")
def place(level, plane, row):
    """Return the flat index where a row starts, rim included."""
    return level[OFFSET] + (plane * level[SHEET] + row * level[POINTS]) * LANES


@njit(error_model="numpy", nogil=True, cache=True)
def _reciprocals(out, a, component, i):
    """Set a row of 1 / a, lanes innermost."""
    for b in range(LANES):
        sample = min(b, a.shape[0] - 1)
        for j in range(a.shape[3]):
            out[j * LANES + b] = 1.0 / a[sample, component, i, j]


@njit(error_model="numpy", nogil=True, cache=True)
def assemble_across(a, scales, points0, distances0, areas0, points1, areas1, level, t0, single):
    """Set the transmissibilities area / (d_i / a_i + d_j / a_j) of the faces between rows.

    points0[k] are the rows of the grid on both sides of face k, distances0[k] how far they are from
    it, and areas0[k] is 0 for a closed face and 1 for others; points1[j] is the column of the grid
    of column j of unknowns and areas1[j] its width. a is `(sample, component, row, column)`; the
    component of axis 0 is the first one. In space `level` is that of a plane of the box, or of a
    cut across its planes.
    """
    pitch, scale = level[POINTS] * LANES, load(scales, 0)
    before, here = np.empty(a.shape[3] * LANES), np.empty(a.shape[3] * LANES)
    _reciprocals(here, a, 0, points0[0, 0])
    for i in range(level[ROWS] + 1):
        before, here = here, before
        _reciprocals(here, a, 0, points0[i, 1])
        to_before, to_here = fill(distances0[i, 0]), fill(distances0[i, 1])
        at = level[OFFSET] + (level[ROW] + i) * pitch + level[COLUMN] * LANES
        for j in range(level[COLUMNS]):
            k = points1[j] * LANES
            area = fill(areas0[i] * areas1[j])
            t = scale * (area / (to_before * load(before, k) + to_here * load(here, k)))
            store(t0, at + j * LANES, t)
            store(single, at + j * LANES, narrow(t))


@njit(error_model="numpy", nogil=True, cache=True)
def assemble_along(a, scales, points0, areas0, points1, distances1, areas1, level, t1, single):
    """Set the transmissibilities of the faces between columns; see `assemble_across`.

    The component of axis 1 is the last one.
    """
    pitch, scale = level[POINTS] * LANES, load(scales, 0)
    here = np.empty(a.shape[3] * LANES)
    for i in range(level[ROWS]):
        _reciprocals(here, a, a.shape[1] - 1, points0[i])
        at = level[OFFSET] + (level[ROW] + i) * pitch + level[COLUMN] * LANES
        for j in range(level[COLUMNS] + 1):
            one, other = points1[j, 0] * LANES, points1[j, 1] * LANES
            resistance = fill(distances1[j, 0]) * load(here, one)
            resistance += fill(distances1[j, 1]) * load(here, other)
            t = scale * (fill(areas1[j] * areas0[i]) / resistance)
            store(t1, at + j * LANES, t)
            store(single, at + j * LANES, narrow(t))


@njit(error_model="numpy", nogil=True, cache=True)
def pack(values, scales, level, out):
    """Write scaled fields `(sample, plane, row, column)` to lanes, from the first unknown on."""
    for m in range(values.shape[1]):
        for i in range(values.shape[2]):
            at = place(level, level[PLANE] + m, level[ROW] + i) + level[COLUMN] * LANES
            for b in range(LANES):
                sample = min(b, values.shape[0] - 1)
                for j in range(values.shape[3]):
                    out[at + j * LANES + b] = scales[b] * values[sample, m, i, j]


@njit(error_model="numpy", nogil=True, cache=True)
def unpack(lanes, scales, level, out):
    """Read scaled fields `(sample, plane, row, column)` from lanes."""
    for m in range(out.shape[1]):
        for i in range(out.shape[2]):
            at = place(level, level[PLANE] + m, level[ROW] + i) + level[COLUMN] * LANES
            for b in range(out.shape[0]):
                for j in range(out.shape[3]):
                    out[b, m, i, j] = scales[b] * lanes[at + j * LANES + b]
