"""CUDA kernels of B-splines: those of `_bspline_basis_numba`, one thread per point.

The same arguments, on device arrays. Whether points are in the domain is seen before.
"""

from functools import cache

import numpy as np
from numba import cuda

THREADS = 128


def blocks(count):
    """Return the number of blocks that covers so many threads."""
    return -(-count // THREADS)


@cuda.jit(device=True)
def locate(z, breaks, buckets, depth, lower, scale):
    """Return the interval of a point of the domain."""
    n = breaks.size - 1
    part = int((z - lower) * scale)
    if depth == 0:  # right but for rounding
        b = min(part, n - 1)
        if z < breaks[b]:
            b -= 1
        if b < n - 1 and z >= breaks[b + 1]:
            b += 1
        return b
    part = min(part, buckets.size - 2)
    b, more = buckets[part], buckets[part + 1] - buckets[part]
    while more > 0:
        half = (more + 1) // 2
        if z >= breaks[b + half]:
            b += half
        more -= half
    return b


@cache
def _functions(p):
    """Return the kernel of a degree, whose triangle of numbers is in registers."""
    room = p + 1

    @cuda.jit
    def kernel(x, breaks, buckets, depth, lower, upper, scale, firsts, records, first, values):
        i = cuda.grid(1)
        if i >= x.size:
            return
        b = cuda.local.array(room, np.float64)
        c = cuda.local.array(room, np.float64)
        z = min(max(float(x[i]), lower), upper)
        span = locate(z, breaks, buckets, depth, lower, scale)
        first[i] = span if firsts.size == 0 else firsts[span]
        r = span * (2 * p + p * (p + 1) // 2)
        orders = min(values.shape[0] - 1, p)
        b[0] = 1.0
        for q in range(p + 1):
            if q > 0:  # raise the degree
                right = 0.0
                for j in range(q):
                    term = b[j] * records[r + 2 * p + q * (q - 1) // 2 + j]
                    b[j] = right + (records[r + p + j] - z) * term
                    right = (z - records[r + p - q + j]) * term
                b[q] = right
            if p - q <= orders:
                for j in range(q + 1):
                    c[j] = b[j]
                for s in range(q + 1, p + 1):  # differentiate p - q times
                    right = 0.0
                    for j in range(s):
                        term = s * (c[j] * records[r + 2 * p + s * (s - 1) // 2 + j])
                        c[j] = right - term
                        right = term
                    c[s] = right
                for j in range(p + 1):
                    values[p - q, i, j] = c[j]
        for k in range(orders + 1, values.shape[0]):
            for j in range(p + 1):
                values[k, i, j] = 0.0

    return kernel


@cuda.jit
def _pieces(x, breaks, buckets, depth, lower, upper, scale, table, p, out, slopes, sloped):
    i = cuda.grid(1)
    if i >= x.size:
        return
    n = out.shape[1]
    z = min(max(float(x[i]), lower), upper)
    r = locate(z, breaks, buckets, depth, lower, scale) * (2 + (p + 1) * n)
    u = (z - table[r]) * table[r + 1] - 0.5
    for c in range(n):
        s, d = table[r + 2 + p * n + c], 0.0
        for k in range(p - 1, -1, -1):  # Horner's rule, of the derivative one step behind
            d = d * u + s
            s = s * u + table[r + 2 + k * n + c]
        out[i, c] = s
        if sloped:
            slopes[i, c] = d * table[r + 1]


def functions(x, begin, end, search, firsts, records, p, first, values):
    """Write the functions that do not vanish and their derivatives, of all points."""
    if x.size > 0:
        arguments = (*search[:6], firsts, records, first, values)
        _functions(p)[blocks(x.size), THREADS](x, *arguments)
    return 0


def pieces(x, begin, end, search, table, p, out, slopes):
    """Write the values of polynomial pieces, and slopes unless None, of all points."""
    if x.size > 0:
        sloped = slopes is not None
        arguments = (*search[:6], table, p, out, slopes if sloped else out[:0], sloped)
        _pieces[blocks(x.size), THREADS](x, *arguments)
    return 0
