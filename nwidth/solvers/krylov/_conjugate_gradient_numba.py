"""Threaded vector updates of the conjugate gradient method, deterministic for any thread count.

Sums are taken in float64 over blocks of fixed length whose parts are added in order: products of
float32 numbers may leave the range of float32.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS

BLOCK = 4096


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _step_block(x, r, p, q, alpha):
    """Advance one block and return its part of r . r."""
    total = 0.0
    for k in range(x.size):
        x[k] += alpha * p[k]
        r[k] -= alpha * q[k]
        total += np.float64(r[k]) * np.float64(r[k])
    return total


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _dot_block(r, z):
    """Return r . z of one block."""
    total = 0.0
    for k in range(r.size):
        total += np.float64(r[k]) * np.float64(z[k])
    return total


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _direction_block(p, z, beta):
    """Set p = z + beta p in one block."""
    for k in range(p.size):
        p[k] = z[k] + beta * p[k]


@njit(parallel=True, cache=True, error_model="numpy")
def step(x, r, p, q, alpha, parts, threaded):
    """Set x += alpha p and r -= alpha q; parts[b] = r . r of block b."""
    if threaded:
        for b in prange(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            parts[b] = _step_block(x[s], r[s], p[s], q[s], alpha)
    else:
        for b in range(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            parts[b] = _step_block(x[s], r[s], p[s], q[s], alpha)


@njit(parallel=True, cache=True, error_model="numpy")
def dot(r, z, parts, threaded):
    """Set parts[b] = r . z of block b."""
    if threaded:
        for b in prange(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            parts[b] = _dot_block(r[s], z[s])
    else:
        for b in range(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            parts[b] = _dot_block(r[s], z[s])


@njit(parallel=True, cache=True, error_model="numpy")
def direction(p, z, beta, parts, threaded):
    """Set p = z + beta p; parts only tells the number of blocks."""
    if threaded:
        for b in prange(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            _direction_block(p[s], z[s], beta)
    else:
        for b in range(parts.size):
            s = slice(b * BLOCK, (b + 1) * BLOCK)
            _direction_block(p[s], z[s], beta)
