"""Kernels of stages: sums of arrays with weights that are numbers, or arrays of the modes.

Complex numbers come as pairs of real ones, and products are written out: Numba compiles those of
complex numbers once per process, with the options of whoever is first, so last digits would depend
on that.
"""

from nwidth._njit_numba import njit

# Entries that are summed while they stay in the first cache.
BLOCK = 1024


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add_numbers(out, v, weights, slopes):
    """Out = v + sum_j weights[j] slopes[j], with slopes (s, n); zero weights are left out."""
    for first in range(0, out.size, BLOCK):
        last = min(first + BLOCK, out.size)
        for i in range(first, last):
            out[i] = v[i]
        for j in range(len(weights)):
            w = weights[j]
            if w != 0.0:
                for i in range(first, last):
                    out[i] += w * slopes[j, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add_real_modes(out, factor, v, used, weights, slopes):
    """Out = factor v + sum_j weights[j] slopes[used[j]]; v is (batch, n, parts), factor (n,)."""
    n, parts = len(factor), v.shape[2]
    for b in range(out.shape[0]):
        for first in range(0, n, BLOCK):
            last = min(first + BLOCK, n)
            for i in range(first, last):
                for p in range(parts):
                    out[b, i, p] = factor[i] * v[b, i, p]
            for j in range(len(used)):
                w, k = weights[j], slopes[used[j], b]
                for i in range(first, last):
                    for p in range(parts):
                        out[b, i, p] += w[i] * k[i, p]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add_complex_modes(out, factor, v, used, weights, slopes):
    """Sum likewise with complex factors (n, 2) and weights (s, n, 2), of v (batch, n, 2)."""
    n = len(factor)
    for b in range(out.shape[0]):
        for first in range(0, n, BLOCK):
            last = min(first + BLOCK, n)
            for i in range(first, last):
                c, d = factor[i, 0], factor[i, 1]
                x, y = v[b, i, 0], v[b, i, 1]
                out[b, i, 0] = c * x - d * y
                out[b, i, 1] = c * y + d * x
            for j in range(len(used)):
                w, k = weights[j], slopes[used[j], b]
                for i in range(first, last):
                    out[b, i, 0] += w[i, 0] * k[i, 0] - w[i, 1] * k[i, 1]
                    out[b, i, 1] += w[i, 0] * k[i, 1] + w[i, 1] * k[i, 0]
