"""Kernels of flows in space: products of velocities, the rate of velocity from their coefficients.

Complex numbers come as pairs of real ones along the last axis, and products are written out: Numba
compiles those of complex numbers once per process, with the options of whoever is first. Arrays are
contiguous, or loops would not be vectorized.
"""

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_products(u, v, w, xx, yy, xy, xz, yz):
    """Write u^2 - w^2, v^2 - w^2, u v, u w and v w, all flat."""
    for j in range(len(u)):
        a, b, c = u[j], v[j], w[j]
        xx[j] = (a - c) * (a + c)
        yy[j] = (b - c) * (b + c)
        xy[j] = a * b
        xz[j] = a * c
        yz[j] = b * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_rate(s, kx, ky, kz, inverse, force, out):
    """Write -i P(k) k . S_k + f_k, where P is the projection on fields without divergence.

    `s` has xx, yy, xy, xz and yz of the symmetric S, whose zz is zero, with all rows of the first
    axis; `out` and `force` have the kept ones. `inverse` is 1 / |k|^2, zero of the mean.
    """
    n0, rows, lines, c = s.shape[1], len(kx), len(ky), len(kz)
    r = (rows + 1) // 2
    for row in range(rows):
        i = row if row < r else n0 - rows + row
        x = kx[row]
        for line in range(lines):
            y = ky[line]
            for j in range(c):
                z, re, im = kz[j], 2 * j, 2 * j + 1
                e = inverse[row, line, j]
                a = x * s[0, i, line, re] + y * s[2, i, line, re] + z * s[3, i, line, re]
                b = x * s[2, i, line, re] + y * s[1, i, line, re] + z * s[4, i, line, re]
                d = x * s[3, i, line, re] + y * s[4, i, line, re]
                q = (x * a + y * b + z * d) * e
                out[0, row, line, im] = force[0, row, line, im] - (a - x * q)
                out[1, row, line, im] = force[1, row, line, im] - (b - y * q)
                out[2, row, line, im] = force[2, row, line, im] - (d - z * q)
                a = x * s[0, i, line, im] + y * s[2, i, line, im] + z * s[3, i, line, im]
                b = x * s[2, i, line, im] + y * s[1, i, line, im] + z * s[4, i, line, im]
                d = x * s[3, i, line, im] + y * s[4, i, line, im]
                q = (x * a + y * b + z * d) * e
                out[0, row, line, re] = force[0, row, line, re] + (a - x * q)
                out[1, row, line, re] = force[1, row, line, re] + (b - y * q)
                out[2, row, line, re] = force[2, row, line, re] + (d - z * q)
