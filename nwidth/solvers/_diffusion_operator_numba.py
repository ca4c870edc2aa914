"""Threaded kernels of the flux operator, on three-dimensional views of the arrays.

A row is the contiguous last axis. Beyond a wall the neighbouring row is `zeros`, the value that a
Dirichlet wall has once its prescribed value is on the right-hand side.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit

# Everything that lets sums be vectorized, nothing that lets NaN and infinity be ignored.
FLAGS = {"reassoc", "contract", "arcp", "nsz"}


@njit(inline="always")
def neighbours(u, i, j, zeros, wraps):
    """Return the four rows around row (i, j): before and after along axes 0 and 1."""
    n0, n1 = u.shape[0], u.shape[1]
    north, south, above, below = zeros, zeros, zeros, zeros
    if i > 0:
        north = u[i - 1, j]
    elif wraps[0]:
        north = u[n0 - 1, j]
    if i < n0 - 1:
        south = u[i + 1, j]
    elif wraps[0]:
        south = u[0, j]
    if j > 0:
        above = u[i, j - 1]
    elif wraps[1]:
        above = u[i, n1 - 1]
    if j < n1 - 1:
        below = u[i, j + 1]
    elif wraps[1]:
        below = u[i, 0]
    return north, south, above, below


@njit(inline="always")
def ends(row, wrap):
    """Return what the first and the last point of a row see beyond it."""
    if wrap:
        return row[row.size - 1], row[0]
    return row[0] * 0, row[0] * 0


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _fluxes(out, u, before, after, t_before, t_after):
    """Add the fluxes to two neighbouring rows."""
    for k in range(u.size):
        out[k] += t_before[k] * (u[k] - before[k]) + t_after[k] * (u[k] - after[k])


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _fluxes_along(out, u, t, first, last):
    """Set the fluxes along the row itself."""
    n = u.size
    for k in range(1, n - 1):
        out[k] = t[k] * (u[k] - u[k - 1]) + t[k + 1] * (u[k] - u[k + 1])
    if n == 1:
        out[0] = t[0] * (u[0] - first) + t[1] * (u[0] - last)
    else:
        out[0] = t[0] * (u[0] - first) + t[1] * (u[0] - u[1])
        out[n - 1] = t[n - 1] * (u[n - 1] - u[n - 2]) + t[n] * (u[n - 1] - last)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _close_row(out, u, reaction):
    """Add the reaction and return u . out of the row, in float64."""
    total = 0.0
    for k in range(u.size):
        out[k] += reaction[k] * u[k]
        total += np.float64(u[k]) * np.float64(out[k])
    return total


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def apply_row(out, u, t0, t1, t2, reaction, zeros, wraps, r):
    """Set row r of A u and return its product with u."""
    i, j = r // u.shape[1], r % u.shape[1]
    row, result = u[i, j], out[i, j]
    north, south, above, below = neighbours(u, i, j, zeros, wraps)
    first, last = ends(row, wraps[2])
    _fluxes_along(result, row, t2[i, j], first, last)
    _fluxes(result, row, above, below, t1[i, j], t1[i, j + 1])
    if t0.size > 1:
        _fluxes(result, row, north, south, t0[i, j], t0[i + 1, j])
    return _close_row(result, row, reaction[i, j] if reaction.size > 0 else zeros)


@njit(parallel=True, cache=True, error_model="numpy")
def apply(out, u, t0, t1, t2, reaction, zeros, wraps, products, threaded):
    """Set out = A u and products[r] = u . A u of row r, whose sum is the energy."""
    if threaded:
        for r in prange(products.size):
            products[r] = apply_row(out, u, t0, t1, t2, reaction, zeros, wraps, r)
    else:
        for r in range(products.size):
            products[r] = apply_row(out, u, t0, t1, t2, reaction, zeros, wraps, r)
