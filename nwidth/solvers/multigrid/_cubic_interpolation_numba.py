"""Threaded kernel of interpolation along the middle axis of (outer, n, inner) arrays."""

from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _combine(out, u, at, w):
    """Set a row to the combination of the rows `at` of u."""
    a, b, c, d = u[at[0]], u[at[1]], u[at[2]], u[at[3]]
    for j in range(out.size):
        out[j] = w[0] * a[j] + w[1] * b[j] + w[2] * c[j] + w[3] * d[j]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _gather(out, u, points, weights):
    """Interpolate along one row."""
    for i in range(out.size):
        at, w = points[i], weights[i]
        out[i] = w[0] * u[at[0]] + w[1] * u[at[1]] + w[2] * u[at[2]] + w[3] * u[at[3]]


@njit(parallel=True, cache=True, error_model="numpy")
def interpolate(out, u, points, weights, threaded):
    """Set out[o, i] to the sum over m of weights[i, m] u[o, points[i, m]]."""
    outer, n, inner = out.shape
    if inner == 1:
        if threaded:
            for o in prange(outer):
                _gather(out[o, :, 0], u[o, :, 0], points, weights)
        else:
            for o in range(outer):
                _gather(out[o, :, 0], u[o, :, 0], points, weights)
    elif threaded:
        for q in prange(outer * n):
            _combine(out[q // n, q % n], u[q // n], points[q % n], weights[q % n])
    else:
        for q in range(outer * n):
            _combine(out[q // n, q % n], u[q // n], points[q % n], weights[q % n])
