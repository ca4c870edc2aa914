"""CUDA kernels of the vorticity equation: those of `_navier_stokes_numba`, one thread per number.

The same arguments, on device arrays.
"""

from numba import cuda

# Threads of a block along the last and the first axis.
THREADS = (32, 4)


def blocks(rows, columns):
    """Return the grid of blocks that covers rows and columns."""
    return -(-columns // THREADS[0]), -(-rows // THREADS[1])


@cuda.jit
def _clear(z):
    j, i = cuda.grid(2)
    if i < z.shape[0] and j < z.shape[1]:
        z[i, j] = 0.0


@cuda.jit
def _write_velocity(w, kx, ky, inverse, z, n1):
    j, row = cuda.grid(2)
    n0, rows, c = z.shape[0], len(kx), len(ky)
    if row >= rows or j >= c:
        return
    i = row if row < (rows + 1) // 2 else n0 - rows + row
    a, b = kx[row] * inverse[row, j], ky[j] * inverse[row, j]
    p, q = w[row, 2 * j], w[row, 2 * j + 1]
    z[i, 2 * j] = a * p - b * q
    z[i, 2 * j + 1] = a * q + b * p
    if j > 0:  # at -k, where w is the conjugate
        i = n0 - i if i > 0 else 0
        z[i, 2 * (n1 - j)] = -(a * p + b * q)
        z[i, 2 * (n1 - j) + 1] = a * q - b * p


def write_velocity(w, kx, ky, inverse, z, n1):
    """Write z_k = (kx + i ky) / |k|^2 w_k, the coefficients of u + i v, and zero elsewhere."""
    _clear[blocks(*z.shape), THREADS](z)
    _write_velocity[blocks(len(kx), len(ky)), THREADS](w, kx, ky, inverse, z, n1)


@cuda.jit
def _square(z, n1):
    j, i = cuda.grid(2)
    if i < z.shape[0] and j < n1:
        u, v = z[i, 2 * j], z[i, 2 * j + 1]
        z[i, 2 * j] = u * u - v * v
        z[i, 2 * j + 1] = (u + u) * v


def square(z, n1):
    """Z <- z^2, that is u^2 - v^2 + 2 i u v."""
    _square[blocks(z.shape[0], n1), THREADS](z, n1)


@cuda.jit
def _write_rate(z, n1, half_kx, half_ky, force, out):
    j, row = cuda.grid(2)
    n0, rows, c = z.shape[0], len(half_kx), len(half_ky)
    if row >= rows or j >= c:
        return
    i = row if row < (rows + 1) // 2 else n0 - rows + row
    mirror = n0 - i if i > 0 else 0
    k, h = half_kx[row], half_ky[j]
    a, b = k * k - h * h, (k + k) * h
    m = n1 - j if j > 0 else 0
    x, y = z[i, 2 * j], z[i, 2 * j + 1]
    s, t = z[mirror, 2 * m], -z[mirror, 2 * m + 1]
    out[row, 2 * j] = a * (y - t) - b * (x + s) + force[row, 2 * j]
    out[row, 2 * j + 1] = -a * (x - s) - b * (y + t) + force[row, 2 * j + 1]


def write_rate(z, n1, half_kx, half_ky, force, out):
    """Write (kx^2 - ky^2) (u v)_k - kx ky (u^2 - v^2)_k + f_k from the square's coefficients."""
    shape = blocks(len(half_kx), len(half_ky))
    _write_rate[shape, THREADS](z, n1, half_kx, half_ky, force, out)
