"""Kernels on CSR arrays: Gauss-Seidel by blocks, residual, product.

Rows have few entries, so sums must not be reordered for vectors, whose set-up costs more than the
row; indices are unsigned because signed ones are tested for counting from the end.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit

FLAGS = {"contract", "nsz"}


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _row(f, u, pointers, columns, values, sums, i):
    """Return f - A u at point i, from differences and the sum of the row."""
    here = u[i]
    rest = f[i] - sums[i] * here
    for e in range(np.uintp(pointers[i]), np.uintp(pointers[i + 1])):
        rest -= values[e] * (u[np.uintp(columns[e])] - here)
    return rest


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _row_of_block(f, u, old, pointers, columns, values, sums, i, start, stop):
    """Return f - A u at point i, with values from before the sweep outside start:stop."""
    here = u[i]
    rest = f[i] - sums[i] * here
    for e in range(np.uintp(pointers[i]), np.uintp(pointers[i + 1])):
        j = np.uintp(columns[e])
        there = u[j] if start <= j < stop else old[j]
        rest -= values[e] * (there - here)
    return rest


@njit(error_model="numpy", cache=True)
def _smooth_block(u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop):
    """Relax the points start:stop one after the other, in reverse if `adjoint`."""
    last = stop - np.uintp(1)
    for k in range(stop - start):
        i = last - k if adjoint else start + k
        rest = _row_of_block(f, u, old, pointers, columns, values, sums, i, start, stop)
        u[i] += inverse[i] * rest


@njit(parallel=True, error_model="numpy", cache=True)
def smooth(u, old, f, pointers, columns, values, sums, inverse, adjoint, block, threaded):
    """Relax every point once, block by block; `old` is u before the sweep."""
    size = u.size
    blocks = (size + block - 1) // block
    if threaded:
        for b in prange(blocks):
            start, stop = np.uintp(b * block), np.uintp(min((b + 1) * block, size))
            _smooth_block(u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop)
    else:
        for b in range(blocks):
            start, stop = np.uintp(b * block), np.uintp(min((b + 1) * block, size))
            _smooth_block(u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop)


@njit(parallel=True, cache=True, error_model="numpy")
def residual(out, f, u, pointers, columns, values, sums, threaded):
    """Set out = f - A u."""
    if threaded:
        for i in prange(out.size):
            out[i] = _row(f, u, pointers, columns, values, sums, i)
    else:
        for i in range(out.size):
            out[i] = _row(f, u, pointers, columns, values, sums, i)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _product(u, pointers, columns, values, i):
    total = u.dtype.type(0)
    for e in range(np.uintp(pointers[i]), np.uintp(pointers[i + 1])):
        total += values[e] * u[np.uintp(columns[e])]
    return total


@njit(parallel=True, cache=True, error_model="numpy")
def multiply(out, u, pointers, columns, values, add, threaded):
    """Set out = A u, or out += A u if `add`."""
    if threaded:
        for i in prange(out.size):
            total = _product(u, pointers, columns, values, i)
            out[i] = out[i] + total if add else total
    else:
        for i in range(out.size):
            total = _product(u, pointers, columns, values, i)
            out[i] = out[i] + total if add else total
