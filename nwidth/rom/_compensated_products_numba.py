"""Kernels of products in twice the working precision: sums of two numbers, high + low.

Products and sums are split into what double precision returns and what it leaves out, both exact
(Dekker, Knuth). That holds if every operation is rounded on its own: no fastmath here. Arrays are
real; complex numbers are taken apart by the callers.
"""

from nwidth._njit_numba import njit

# 2^27 + 1 parts 53 bits in two halves whose products are exact.
SPLITTER = 134217729.0


@njit(error_model="numpy", cache=True, inline="always")
def _two_products(a, b):
    """Return fl(a b) and a b - fl(a b)."""
    c, d = SPLITTER * a, SPLITTER * b
    a_high, b_high = c - (c - a), d - (d - b)
    a_low, b_low = a - a_high, b - b_high
    p = a * b
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@njit(error_model="numpy", cache=True, inline="always")
def _two_sums(a, b):
    """Return fl(a + b) and a + b - fl(a + b)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit(error_model="numpy", cache=True)
def subtract_product(indptr, indices, data, V, high, low):
    """Set high + low to high + low - A V, for the rows of a CSR matrix and columns V (n, m)."""
    for row in range(high.shape[0]):
        h, w = high[row], low[row]
        for entry in range(indptr[row], indptr[row + 1]):
            a, v = -data[entry], V[indices[entry]]
            for k in range(h.size):
                p, e = _two_products(a, v[k])
                h[k], f = _two_sums(h[k], p)
                w[k] += e + f
        for k in range(h.size):
            h[k], w[k] = _two_sums(h[k], w[k])


@njit(error_model="numpy", cache=True)
def subtract_combination(Q, y, high, low):
    """Set high + low to high + low - sum_j y_j Q[j], for rows Q (K, n) and numbers y."""
    block = 512
    for start in range(0, high.size, block):
        h, w = high[start : start + block], low[start : start + block]
        for j in range(y.size):
            a, q = -y[j], Q[j, start : start + block]
            for i in range(h.size):
                p, e = _two_products(a, q[i])
                h[i], f = _two_sums(h[i], p)
                w[i] += e + f
        for i in range(h.size):
            h[i], w[i] = _two_sums(h[i], w[i])
