"""Kernels of the vorticity equation: velocity from vorticity, its square, the rate of vorticity.

Arrays of complex numbers come as their real parts (rows, 2 columns), and products are written out:
Numba compiles those of complex numbers once per process, with the options of whoever is first. They
are contiguous, or loops would not be vectorized. Vorticity has the kept modes alone: rows 0, ...,
r - 1, 1 - r, ..., -1 of numbers m_0, and columns of m_1 = 0, ..., c - 1; the grid has n1 columns,
and arrays on it some more, which are left alone.
"""

from nwidth._njit_numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_velocity(w, kx, ky, inverse, z, n1):
    """Write z_k = (kx + i ky) / |k|^2 w_k, the coefficients of u + i v, to the kept columns.

    `inverse` is 1 / |k|^2 of the kept modes, zero of the mean.
    """
    n0, rows, c = z.shape[0], len(kx), len(ky)
    r = (rows + 1) // 2
    for i in range(r, n0 - r + 1):
        for j in range(2 * c):
            z[i, j] = 0.0
        for j in range(2 * (n1 - c + 1), 2 * n1):
            z[i, j] = 0.0
    for row in range(rows):
        k = kx[row]
        i = row if row < r else n0 - rows + row
        for j in range(c):
            a, b = k * inverse[row, j], ky[j] * inverse[row, j]
            p, q = w[row, 2 * j], w[row, 2 * j + 1]
            z[i, 2 * j] = a * p - b * q
            z[i, 2 * j + 1] = a * q + b * p
        # at -k, where w is the conjugate
        i = n0 - i if i > 0 else 0
        for j in range(1, c):
            a, b = k * inverse[row, j], ky[j] * inverse[row, j]
            p, q = w[row, 2 * j], w[row, 2 * j + 1]
            z[i, 2 * (n1 - j)] = -(a * p + b * q)
            z[i, 2 * (n1 - j) + 1] = a * q - b * p


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def square(z, n1):
    """Z <- z^2, that is u^2 - v^2 + 2 i u v."""
    for i in range(z.shape[0]):
        for j in range(n1):
            u, v = z[i, 2 * j], z[i, 2 * j + 1]
            z[i, 2 * j] = u * u - v * v
            z[i, 2 * j + 1] = (u + u) * v


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def write_rate(z, n1, half_kx, half_ky, force, out):
    """Write (kx^2 - ky^2) (u v)_k - kx ky (u^2 - v^2)_k + f_k from the coefficients of the square.

    With q = z_k and p the conjugate of z_-k: u^2 - v^2 has (q + p) / 2 and u v (q - p) / (4 i).
    Halves of k come in, as numbers written here would turn float32 into float64.
    """
    n0, rows, c = z.shape[0], len(half_kx), len(half_ky)
    r = (rows + 1) // 2
    for row in range(rows):
        k = half_kx[row]
        i = row if row < r else n0 - rows + row
        mirror = n0 - i if i > 0 else 0
        for j in range(c):
            a = k * k - half_ky[j] * half_ky[j]
            b = (k + k) * half_ky[j]
            m = n1 - j if j > 0 else 0
            x, y = z[i, 2 * j], z[i, 2 * j + 1]
            s, t = z[mirror, 2 * m], -z[mirror, 2 * m + 1]
            out[row, 2 * j] = a * (y - t) - b * (x + s) + force[row, 2 * j]
            out[row, 2 * j + 1] = -a * (x - s) - b * (y + t) + force[row, 2 * j + 1]
