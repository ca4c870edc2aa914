"""Threaded kernels of the nine-point stencil: product, residual and four-colour relaxation.

`stencil` has shape (5, n0 + 1, n1 + 1): the sums of the rows, and the couplings of a point with the
ones before it on axis 0, on axis 1, on the diagonal and on the other diagonal,

    stencil[1, i, j]: (i - 1, j), (i, j)            stencil[2, i, j]: (i, j - 1), (i, j)
    stencil[3, i, j]: (i - 1, j - 1), (i, j)        stencil[4, i, j]: (i - 1, j), (i, j - 1)

Entries that would reach outside are zero. Beyond the first and the last row stands `zeros`.
"""

import numpy as np
from numba import get_num_threads, prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS

__all__ = ["apply", "get_num_threads", "residual", "smooth"]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _product_row(out, u, before, after, t, i):
    """Set row i of A u from the rows u and its two neighbours."""
    n = u.size
    for k in range(n):
        out[k] = (
            t[0, i, k] * u[k] + t[1, i, k] * (u[k] - before[k]) + t[1, i + 1, k] * (u[k] - after[k])
        )
    for k in range(n - 1):
        out[k] += (
            t[2, i, k + 1] * (u[k] - u[k + 1])
            + t[3, i + 1, k + 1] * (u[k] - after[k + 1])
            + t[4, i, k + 1] * (u[k] - before[k + 1])
        )
    for k in range(1, n):
        out[k] += (
            t[2, i, k] * (u[k] - u[k - 1])
            + t[3, i, k] * (u[k] - before[k - 1])
            + t[4, i + 1, k] * (u[k] - after[k - 1])
        )


@njit(inline="always")
def _around(u, i, zeros):
    """Return the rows before and after row i."""
    before, after = zeros, zeros
    if i > 0:
        before = u[i - 1]
    if i < u.shape[0] - 1:
        after = u[i + 1]
    return before, after


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _apply_row(out, u, stencil, zeros, i):
    """Set row i of A u and return its product with u, in float64."""
    before, after = _around(u, i, zeros)
    row, result = u[i], out[i]
    _product_row(result, row, before, after, stencil, i)
    total = 0.0
    for k in range(row.size):
        total += np.float64(row[k]) * np.float64(result[k])
    return total


@njit(parallel=True, cache=True, error_model="numpy")
def apply(out, u, stencil, zeros, products, threaded):
    """Set out = A u and products[i] = u . A u of row i, whose sum is the energy."""
    if threaded:
        for i in prange(products.size):
            products[i] = _apply_row(out, u, stencil, zeros, i)
    else:
        for i in range(products.size):
            products[i] = _apply_row(out, u, stencil, zeros, i)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _residual_row(out, f, u, stencil, zeros, i):
    """Set row i of f - A u."""
    before, after = _around(u, i, zeros)
    result, right = out[i], f[i]
    _product_row(result, u[i], before, after, stencil, i)
    for k in range(right.size):
        result[k] = right[k] - result[k]


@njit(parallel=True, cache=True, error_model="numpy")
def residual(out, f, u, stencil, zeros, threaded):
    """Set out = f - A u."""
    if threaded:
        for i in prange(out.shape[0]):
            _residual_row(out, f, u, stencil, zeros, i)
    else:
        for i in range(out.shape[0]):
            _residual_row(out, f, u, stencil, zeros, i)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _relax_row(u, f, inverse, t, zeros, s, i, last_first):
    """Relax both colours of row i; s gathers what the other rows bring in."""
    before, after = _around(u, i, zeros)
    row, right, weight = u[i], f[i], inverse[i]
    n = row.size
    for k in range(n):
        s[k] = right[k] + t[1, i, k] * before[k] + t[1, i + 1, k] * after[k]
    for k in range(n - 1):
        s[k] += t[3, i + 1, k + 1] * after[k + 1] + t[4, i, k + 1] * before[k + 1]
    for k in range(1, n):
        s[k] += t[3, i, k] * before[k - 1] + t[4, i + 1, k] * after[k - 1]
    for turn in range(2):
        colour = 1 - turn if last_first else turn
        for k in range(colour, n, 2):
            value = s[k]
            if k > 0:
                value += t[2, i, k] * row[k - 1]
            if k < n - 1:
                value += t[2, i, k + 1] * row[k + 1]
            row[k] = value * weight[k]


@njit(parallel=True, cache=True, error_model="numpy")
def smooth(u, f, inverse, stencil, zeros, scratch, sweeps, last_first):
    """Relax the four colours in order, or in reverse order, with a scratch row per thread."""
    n0, threads = u.shape[0], scratch.shape[0]
    for turn in range(2 * sweeps):
        first = (turn + 1) % 2 if last_first else turn % 2
        rows = (n0 - first + 1) // 2
        if threads > 1:
            for k in prange(threads):
                for r in range(k * rows // threads, (k + 1) * rows // threads):
                    i = first + 2 * r
                    _relax_row(u, f, inverse, stencil, zeros, scratch[k], i, last_first)
        else:
            for r in range(rows):
                i = first + 2 * r
                _relax_row(u, f, inverse, stencil, zeros, scratch[0], i, last_first)
