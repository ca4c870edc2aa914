"""Kernels of symmetric matrices with entries (i, i), (i, i + 2), (i, i + 4), many side by side.

Bands are (3, fields, n, systems), factors too: the inverse of D, then the two bands of the unit
triangle. Vectors are (batch, fields, n, systems); complex ones come as pairs of real systems.
"""

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def factor(bands, factors):
    """Write the factors of L D L'."""
    fields, n, systems = bands.shape[1:]
    for f in range(fields):
        inverse, one, two = factors[0, f], factors[1, f], factors[2, f]
        for i in range(n):
            for k in range(systems):
                d, e = bands[0, f, i, k], bands[1, f, i, k]
                if i >= 2:
                    d -= one[i - 2, k] * one[i - 2, k] / inverse[i - 2, k]
                    e -= two[i - 2, k] * one[i - 2, k] / inverse[i - 2, k]
                if i >= 4:
                    d -= two[i - 4, k] * two[i - 4, k] / inverse[i - 4, k]
                inverse[i, k] = 1 / d
                one[i, k] = e / d
                two[i, k] = bands[2, f, i, k] / d


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def solve(factors, x):
    """Set x to the solutions."""
    fields, n, systems = x.shape[1:]
    for b in range(x.shape[0]):
        for f in range(fields):
            y, inverse, one, two = x[b, f], factors[0, f], factors[1, f], factors[2, f]
            for i in range(2, n):
                if i < 4:
                    for k in range(systems):
                        y[i, k] -= one[i - 2, k] * y[i - 2, k]
                else:
                    for k in range(systems):
                        y[i, k] -= one[i - 2, k] * y[i - 2, k] + two[i - 4, k] * y[i - 4, k]
            for i in range(n - 1, -1, -1):
                if i >= n - 2:
                    for k in range(systems):
                        y[i, k] *= inverse[i, k]
                elif i >= n - 4:
                    for k in range(systems):
                        y[i, k] = inverse[i, k] * y[i, k] - one[i, k] * y[i + 2, k]
                else:
                    for k in range(systems):
                        y[i, k] = (
                            inverse[i, k] * y[i, k]
                            - one[i, k] * y[i + 2, k]
                            - two[i, k] * y[i + 4, k]
                        )


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def multiply(bands, x, out):
    """Write the products of the matrices with x."""
    fields, n, systems = x.shape[1:]
    for b in range(x.shape[0]):
        for f in range(fields):
            y, z, zero, one, two = x[b, f], out[b, f], bands[0, f], bands[1, f], bands[2, f]
            for i in range(n):
                for k in range(systems):
                    z[i, k] = zero[i, k] * y[i, k]
                if i >= 2:
                    for k in range(systems):
                        z[i, k] += one[i - 2, k] * y[i - 2, k]
                if i >= 4:
                    for k in range(systems):
                        z[i, k] += two[i - 4, k] * y[i - 4, k]
                if i < n - 2:
                    for k in range(systems):
                        z[i, k] += one[i, k] * y[i + 2, k]
                if i < n - 4:
                    for k in range(systems):
                        z[i, k] += two[i, k] * y[i + 4, k]
