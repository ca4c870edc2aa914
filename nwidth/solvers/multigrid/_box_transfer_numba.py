"""Threaded kernels of operator-dependent interpolation on plane grids, and of P^T A P.

`stencil` is the one of `_nine_point_numba`. `weights[3 (a + 1) + b + 1, I, J]` is the weight of
coarse point (I, J) in the fine point (steps[0] I + offsets[0] + a, steps[1] J + offsets[1] + b),
zero where there is none. An axis with step 1 keeps all its points, and has a = 0 or b = 0 only.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit

# A point whose row sum is so many times what ties it to the coarse points is held by itself.
HELD = 10.0


@njit(inline="always")
def _coupling(t, i, j, a, b):
    """Return the coupling of fine point (i, j) with (i + a, j + b); zero outside."""
    row, column = i + (a > 0), j + (b > 0)
    if b == 0:
        return t[1, row, column]
    if a == 0:
        return t[2, row, column]
    return t[3, row, column] if a == b else t[4, row, column]


@njit(inline="always")
def _collapsed(t, i, j, a, b):
    """Return what ties (i, j) to the line, across direction (a, b), that holds (i + a, j + b)."""
    if a != 0:
        total = _coupling(t, i, j, a, -1) + _coupling(t, i, j, a, 0) + _coupling(t, i, j, a, 1)
    else:
        total = _coupling(t, i, j, -1, b) + _coupling(t, i, j, 0, b) + _coupling(t, i, j, 1, b)
    return max(total, 0.0)


@njit(error_model="numpy", cache=True)
def _between(t, i, j, a, b, coarse_beyond):
    """Return the weight, in (i, j), of the coarse point (i - a, j - b).

    `coarse_beyond` tells whether (i + a, j + b) is a coarse point too.
    """
    near, far = _collapsed(t, i, j, -a, -b), _collapsed(t, i, j, a, b)
    rest = max(t[0, i, j], 0.0)
    if coarse_beyond:
        # The sum may come from a wall that runs along, which the coarse points are as near to.
        total = near + far
        if rest <= HELD * total:
            rest = 0.0
        if total + rest == 0.0:
            return 0.5
        return near / (total + rest)
    if near + rest == 0.0:
        return 1.0
    return near / (near + rest)


@njit(error_model="numpy", cache=True)
def _weigh(weights, t, diagonal, offsets, steps, row, column):
    """Set the weights of one coarse point."""
    n0, n1 = diagonal.shape
    m0, m1 = weights.shape[1], weights.shape[2]
    i, j = steps[0] * row + offsets[0], steps[1] * column + offsets[1]
    weights[4, row, column] = 1.0
    for a in (-1, 1):
        if steps[0] == 2 and 0 <= i + a < n0:
            beyond = 0 <= row + a < m0
            weights[4 + 3 * a, row, column] = _between(t, i + a, j, a, 0, beyond)
    for b in (-1, 1):
        if steps[1] == 2 and 0 <= j + b < n1:
            beyond = 0 <= column + b < m1
            weights[4 + b, row, column] = _between(t, i, j + b, 0, b, beyond)
    if steps[0] == 1 or steps[1] == 1:
        return
    for a in (-1, 1):
        for b in (-1, 1):
            p, q = i + a, j + b
            if 0 <= p < n0 and 0 <= q < n1 and diagonal[p, q] > 0:
                # A u = 0 at the point in the middle, from the eight around it.
                pull = (
                    _coupling(t, p, q, -a, -b)
                    + _coupling(t, p, q, 0, -b) * weights[4 + 3 * a, row, column]
                    + _coupling(t, p, q, -a, 0) * weights[4 + b, row, column]
                )
                weights[4 + 3 * a + b, row, column] = pull / diagonal[p, q]


@njit(parallel=True, cache=True, error_model="numpy")
def weigh(weights, t, diagonal, offsets, steps, threaded):
    """Set the weights of all coarse points; they come as zeros."""
    m0, m1 = weights.shape[1], weights.shape[2]
    if threaded:
        for row in prange(m0):
            for column in range(m1):
                _weigh(weights, t, diagonal, offsets, steps, row, column)
    else:
        for row in range(m0):
            for column in range(m1):
                _weigh(weights, t, diagonal, offsets, steps, row, column)


@njit(error_model="numpy", cache=True)
def _columns(AP, weights, t, diagonal, offsets, steps, row, column):
    """Set column (row, column) of A P: AP[2 + a, 2 + b] belongs to the fine point (a, b) away."""
    n0, n1 = diagonal.shape
    i, j = steps[0] * row + offsets[0], steps[1] * column + offsets[1]
    AP[:] = 0.0
    for a in range(1 - steps[0], steps[0]):
        for b in range(1 - steps[1], steps[1]):
            p, q = i + a, j + b
            w = weights[4 + 3 * a + b, row, column]
            if w == 0.0 or not (0 <= p < n0 and 0 <= q < n1):
                continue
            # A is symmetric: its column (p, q) is its row.
            AP[2 + a, 2 + b] += w * diagonal[p, q]
            AP[3 + a, 2 + b] -= w * t[1, p + 1, q]
            AP[1 + a, 2 + b] -= w * t[1, p, q]
            AP[2 + a, 3 + b] -= w * t[2, p, q + 1]
            AP[2 + a, 1 + b] -= w * t[2, p, q]
            AP[3 + a, 3 + b] -= w * t[3, p + 1, q + 1]
            AP[1 + a, 1 + b] -= w * t[3, p, q]
            AP[3 + a, 1 + b] -= w * t[4, p + 1, q]
            AP[1 + a, 3 + b] -= w * t[4, p, q + 1]


@njit(error_model="numpy", cache=True)
def _entry(AP, weights, steps, row, column, x, y):
    """Return entry ((row + x, column + y), (row, column)) of P^T A P, given the column of A P."""
    total = 0.0
    for a in range(max(1 - steps[0], -2 - steps[0] * x), min(steps[0], 3 - steps[0] * x)):
        for b in range(max(1 - steps[1], -2 - steps[1] * y), min(steps[1], 3 - steps[1] * y)):
            weight = weights[4 + 3 * a + b, row + x, column + y]
            total += weight * AP[2 + steps[0] * x + a, 2 + steps[1] * y + b]
    return total


@njit(error_model="numpy", cache=True)
def _galerkin_row(coarse, weights, t, diagonal, offsets, steps, row):
    """Set the couplings of a row of coarse points with those after them."""
    m0, m1 = weights.shape[1], weights.shape[2]
    AP = np.empty((5, 5))
    for column in range(m1):
        _columns(AP, weights, t, diagonal, offsets, steps, row, column)
        if row < m0 - 1:
            coarse[1, row + 1, column] = -_entry(AP, weights, steps, row, column, 1, 0)
        if column < m1 - 1:
            coarse[2, row, column + 1] = -_entry(AP, weights, steps, row, column, 0, 1)
        if row < m0 - 1 and column < m1 - 1:
            coarse[3, row + 1, column + 1] = -_entry(AP, weights, steps, row, column, 1, 1)
        if row < m0 - 1 and column > 0:
            coarse[4, row + 1, column] = -_entry(AP, weights, steps, row, column, 1, -1)


@njit(parallel=True, cache=True, error_model="numpy")
def galerkin(coarse, weights, t, diagonal, offsets, steps, threaded):
    """Set the couplings of P^T A P, another stencil; its sums of rows are left alone."""
    if threaded:
        for row in prange(weights.shape[1]):
            _galerkin_row(coarse, weights, t, diagonal, offsets, steps, row)
    else:
        for row in range(weights.shape[1]):
            _galerkin_row(coarse, weights, t, diagonal, offsets, steps, row)


@njit(error_model="numpy", cache=True)
def _restrict_row(out, r, weights, offsets, steps, row):
    """Set row `row` of P^T r."""
    n0, n1 = r.shape
    m1 = out.shape[1]
    first, step = offsets[1], steps[1]
    for column in range(m1):
        out[row, column] = 0
    for a in range(1 - steps[0], steps[0]):
        i = steps[0] * row + offsets[0] + a
        if not 0 <= i < n0:
            continue
        for b in range(1 - step, step):
            k = 4 + 3 * a + b
            start = 1 if first + b < 0 else 0
            stop = min(m1, (n1 - 1 - first - b) // step + 1)
            for column in range(start, stop):
                out[row, column] += weights[k, row, column] * r[i, step * column + first + b]


@njit(parallel=True, cache=True, error_model="numpy")
def restrict(out, r, weights, offsets, steps, threaded):
    """Set out = P^T r."""
    if threaded:
        for row in prange(out.shape[0]):
            _restrict_row(out, r, weights, offsets, steps, row)
    else:
        for row in range(out.shape[0]):
            _restrict_row(out, r, weights, offsets, steps, row)


@njit(error_model="numpy", cache=True)
def _prolong_row(u, e, weights, offsets, steps, i):
    """Add row i of P e to u."""
    n1 = u.shape[1]
    m0, m1 = e.shape
    first, step = offsets[1], steps[1]
    for a in range(1 - steps[0], steps[0]):
        row = (i - offsets[0] - a) // steps[0]
        if steps[0] * row + offsets[0] + a != i or not 0 <= row < m0:
            continue
        for b in range(1 - step, step):
            k = 4 + 3 * a + b
            start = 1 if first + b < 0 else 0
            stop = min(m1, (n1 - 1 - first - b) // step + 1)
            for column in range(start, stop):
                u[i, step * column + first + b] += weights[k, row, column] * e[row, column]


@njit(parallel=True, cache=True, error_model="numpy")
def prolong(u, e, weights, offsets, steps, threaded):
    """Set u += P e."""
    if threaded:
        for i in prange(u.shape[0]):
            _prolong_row(u, e, weights, offsets, steps, i)
    else:
        for i in range(u.shape[0]):
            _prolong_row(u, e, weights, offsets, steps, i)
