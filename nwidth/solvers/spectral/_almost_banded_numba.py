"""Kernels of almost banded systems: rotations, and back substitution with filled rows.

Row i of `r` holds the columns i - lower to i + lower + upper; behind these it is `fill[i] @ dense`.
"""

import math

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def factor(r, fill, dense, turns, lower):
    """Turn each r into a triangle by rotations, which are kept in `turns` (s, n, lower, 2)."""
    systems, n, width = r.shape
    last, count = width - lower - 1, dense.shape[1]
    for s in range(systems):
        for p in range(n):
            column = p + last
            if column < n:
                for q in range(p, min(p + lower + 1, n)):
                    total = 0.0
                    for k in range(count):
                        total += fill[s, q, k] * dense[s, k, column]
                    r[s, q, lower + column - q] += total
            for t in range(1, min(lower, n - 1 - p) + 1):
                a, b = r[s, p, lower], r[s, p + t, lower - t]
                cosine, sine = 1.0, 0.0
                if b != 0.0:
                    size = math.hypot(a, b)
                    cosine, sine = a / size, b / size
                turns[s, p, t - 1, 0] = cosine
                turns[s, p, t - 1, 1] = sine
                if sine != 0.0:
                    for d in range(lower, width):
                        top, low = r[s, p, d], r[s, p + t, d - t]
                        r[s, p, d] = cosine * top + sine * low
                        r[s, p + t, d - t] = cosine * low - sine * top
                    for k in range(count):
                        top, low = fill[s, p, k], fill[s, p + t, k]
                        fill[s, p, k] = cosine * top + sine * low
                        fill[s, p + t, k] = cosine * low - sine * top


@njit(cache=True, nogil=True, error_model="numpy")
def solve(r, fill, dense, turns, lower, y, sums):
    """Set y (batch, s, n, parts) to the solutions; `sums` (count, parts) is work space."""
    systems, n, width = r.shape
    last, count, parts = width - lower - 1, dense.shape[1], y.shape[3]
    for batch in range(y.shape[0]):
        for s in range(systems):
            x = y[batch, s]
            for p in range(n):
                for t in range(1, min(lower, n - 1 - p) + 1):
                    cosine, sine = turns[s, p, t - 1, 0], turns[s, p, t - 1, 1]
                    if sine != 0.0:
                        for i in range(parts):
                            top, low = x[p, i], x[p + t, i]
                            x[p, i] = cosine * top + sine * low
                            x[p + t, i] = cosine * low - sine * top
            sums[:] = 0.0
            for p in range(n - 1, -1, -1):
                column = p + last + 1
                if column < n:
                    for k in range(count):
                        for i in range(parts):
                            sums[k, i] += dense[s, k, column] * x[column, i]
                end = min(last, n - 1 - p)
                for i in range(parts):
                    total = x[p, i]
                    for d in range(1, end + 1):
                        total -= r[s, p, lower + d] * x[p + d, i]
                    for k in range(count):
                        total -= fill[s, p, k] * sums[k, i]
                    x[p, i] = total / r[s, p, lower]
