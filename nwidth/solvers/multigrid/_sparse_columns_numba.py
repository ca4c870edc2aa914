"""The kernels of `_sparse_numba` for several vectors side by side, shape (n, m), as flat arrays.

Eight columns are one vector register; columns that are left over are taken one by one.
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, store
from nwidth.solvers.multigrid._sparse_numba import FLAGS


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _rest_of_eight(f, u, old, pointers, columns, values, sums, i, m, c, start, stop):
    """Return f - A u at point i for columns c to c + 7, with old values outside start:stop."""
    here = load(u, i * m + c)
    rest = load(f, i * m + c) - fill(sums[i]) * here
    for e in range(pointers[i], pointers[i + 1]):
        j = np.uintp(columns[e])
        k = j * m + c
        there = load(u, k) if start <= j < stop else load(old, k)
        rest = rest - fill(values[e]) * (there - here)
    return rest


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _rest_of_one(f, u, old, pointers, columns, values, sums, i, m, c, start, stop):
    """Return f - A u at point i for column c, with old values outside start:stop."""
    here = u[i * m + c]
    rest = f[i * m + c] - sums[i] * here
    for e in range(pointers[i], pointers[i + 1]):
        j = np.uintp(columns[e])
        k = j * m + c
        there = u[k] if start <= j < stop else old[k]
        rest -= values[e] * (there - here)
    return rest


@njit(error_model="numpy", cache=True)
def _smooth_block(u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop, m):
    """Relax the points start:stop one after the other, in reverse if `adjoint`."""
    m = np.uintp(m)
    whole, last = m - m % np.uintp(LANES), stop - np.uintp(1)
    for n in range(stop - start):
        i = last - n if adjoint else start + n
        for c in range(np.uintp(0), whole, np.uintp(LANES)):
            k = i * m + c
            rest = _rest_of_eight(f, u, old, pointers, columns, values, sums, i, m, c, start, stop)
            store(u, k, load(u, k) + fill(inverse[i]) * rest)
        for c in range(whole, m):
            u[i * m + c] += inverse[i] * _rest_of_one(
                f, u, old, pointers, columns, values, sums, i, m, c, start, stop
            )


@njit(parallel=True, error_model="numpy", cache=True)
def smooth(u, old, f, pointers, columns, values, sums, inverse, adjoint, block, threaded, m):
    """Relax every point once, block by block; `old` is u before the sweep."""
    size = pointers.size - 1
    blocks = (size + block - 1) // block
    if threaded:
        for b in prange(blocks):
            start, stop = np.uintp(b * block), np.uintp(min((b + 1) * block, size))
            _smooth_block(
                u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop, m
            )
    else:
        for b in range(blocks):
            start, stop = np.uintp(b * block), np.uintp(min((b + 1) * block, size))
            _smooth_block(
                u, old, f, pointers, columns, values, sums, inverse, adjoint, start, stop, m
            )


@njit(error_model="numpy", cache=True)
def _residual_row(out, f, u, pointers, columns, values, sums, i, m):
    i, m, size = np.uintp(i), np.uintp(m), np.uintp(pointers.size - 1)
    whole = m - m % np.uintp(LANES)
    for c in range(np.uintp(0), whole, np.uintp(LANES)):
        rest = _rest_of_eight(f, u, u, pointers, columns, values, sums, i, m, c, np.uintp(0), size)
        store(out, i * m + c, rest)
    for c in range(whole, m):
        rest = _rest_of_one(f, u, u, pointers, columns, values, sums, i, m, c, np.uintp(0), size)
        out[i * m + c] = rest


@njit(parallel=True, cache=True, error_model="numpy")
def residual(out, f, u, pointers, columns, values, sums, threaded, m):
    """Set out = f - A u."""
    if threaded:
        for i in prange(pointers.size - 1):
            _residual_row(out, f, u, pointers, columns, values, sums, i, m)
    else:
        for i in range(pointers.size - 1):
            _residual_row(out, f, u, pointers, columns, values, sums, i, m)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _product_row(out, u, pointers, columns, values, add, i, m):
    i, m = np.uintp(i), np.uintp(m)
    whole = m - m % np.uintp(LANES)
    zero = u.dtype.type(0)
    for c in range(np.uintp(0), whole, np.uintp(LANES)):
        total = load(out, i * m + c) if add else fill(zero)
        for e in range(pointers[i], pointers[i + 1]):
            total = total + fill(values[e]) * load(u, np.uintp(columns[e]) * m + c)
        store(out, i * m + c, total)
    for c in range(whole, m):
        sum_ = out[i * m + c] if add else zero
        for e in range(pointers[i], pointers[i + 1]):
            sum_ += values[e] * u[np.uintp(columns[e]) * m + c]
        out[i * m + c] = sum_


@njit(parallel=True, cache=True, error_model="numpy")
def multiply(out, u, pointers, columns, values, add, threaded, m):
    """Set out = A u, or out += A u if `add`."""
    if threaded:
        for i in prange(pointers.size - 1):
            _product_row(out, u, pointers, columns, values, add, i, m)
    else:
        for i in range(pointers.size - 1):
            _product_row(out, u, pointers, columns, values, add, i, m)
