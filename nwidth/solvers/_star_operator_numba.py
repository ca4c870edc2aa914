"""Kernels of star-shaped stencils, real or complex, on three-dimensional views of the arrays.

A row is the contiguous last axis. Face f of an axis lies between points f - 1 and f: row i of the
matrix has -below[i] for the point before and -above[i + 1] for the point after. What lies beyond a
wall counts as zero. An absent axis 0 has couplings of size one.
"""

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS, ends, neighbours

PRODUCT, RESIDUAL, JACOBI = 0, 1, 2


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _across(out, before, after, below, above):
    """Subtract the parts of two neighbouring rows."""
    for k in range(out.size):
        out[k] -= below[k] * before[k] + above[k] * after[k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _along(out, u, d, below, above, first, last):
    """Set the part of the row itself."""
    n = u.size
    for k in range(1, n - 1):
        out[k] = d[k] * u[k] - below[k] * u[k - 1] - above[k + 1] * u[k + 1]
    if n == 1:
        out[0] = d[0] * u[0] - below[0] * first - above[1] * last
    else:
        out[0] = d[0] * u[0] - below[0] * first - above[1] * u[1]
        out[n - 1] = d[n - 1] * u[n - 1] - below[n - 1] * u[n - 2] - above[n] * last


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _close(out, u, f, w, kind):
    """Turn A u into the residual f - A u, or into the Jacobi step u + w (f - A u)."""
    if kind == RESIDUAL:
        for k in range(out.size):
            out[k] = f[k] - out[k]
    elif kind == JACOBI:
        for k in range(out.size):
            out[k] = u[k] + w[k] * (f[k] - out[k])


@njit(error_model="numpy", cache=True)
def apply(out, u, d, b0, b1, b2, a0, a1, a2, zeros, wraps, f, w, kind):
    """Set out = A u, f - A u or u + w (f - A u)."""
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            row, result = u[i, j], out[i, j]
            north, south, before, after = neighbours(u, i, j, zeros, wraps)
            first, last = ends(row, wraps[2])
            _along(result, row, d[i, j], b2[i, j], a2[i, j], first, last)
            _across(result, before, after, b1[i, j], a1[i, j + 1])
            if b0.size > 1:
                _across(result, north, south, b0[i, j], a0[i + 1, j])
            _close(result, row, f[i, j], w[i, j], kind)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _start(out, f):
    for k in range(out.size):
        out[k] = -f[k]


@njit(error_model="numpy", cache=True)
def _solve_along(u, rest, inverse, below, above, wrap, forward):
    """Relax the points of a row one after the other; `rest` is minus the right-hand side."""
    n = u.size
    for m in range(n):
        k = m if forward else n - 1 - m
        value = -rest[k]
        if k > 0:
            value += below[k] * u[k - 1]
        elif wrap and n > 1:
            value += below[0] * u[n - 1]
        if k < n - 1:
            value += above[k + 1] * u[k + 1]
        elif wrap and n > 1:
            value += above[n] * u[0]
        u[k] = inverse[k] * value


@njit(error_model="numpy", cache=True)
def gauss_seidel(u, f, inverse, b0, b1, b2, a0, a1, a2, zeros, wraps, rest, forward):
    """Relax all points in lexicographic order, each axis forward or backward."""
    n0, n1 = u.shape[0], u.shape[1]
    for m in range(n0):
        i = m if forward[0] else n0 - 1 - m
        for q in range(n1):
            j = q if forward[1] else n1 - 1 - q
            north, south, before, after = neighbours(u, i, j, zeros, wraps)
            _start(rest, f[i, j])
            _across(rest, before, after, b1[i, j], a1[i, j + 1])
            if b0.size > 1:
                _across(rest, north, south, b0[i, j], a0[i + 1, j])
            _solve_along(u[i, j], rest, inverse[i, j], b2[i, j], a2[i, j], wraps[2], forward[2])
