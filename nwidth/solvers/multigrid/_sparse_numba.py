"""Kernels on CSR arrays: Gauss-Seidel, residual, product."""

from numba import njit, prange

from nwidth.solvers._diffusion_operator_numba import FLAGS


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _row(f, u, pointers, columns, values, sums, i):
    """Return f - A u at point i, from differences and the sum of the row."""
    here = u[i]
    rest = f[i] - sums[i] * here
    for e in range(pointers[i], pointers[i + 1]):
        rest -= values[e] * (u[columns[e]] - here)
    return rest


@njit(error_model="numpy", cache=True)
def smooth(u, f, pointers, columns, values, sums, inverse, sweeps, adjoint):
    """Relax point after point `sweeps` times, in reverse if `adjoint`."""
    n = u.size
    for _ in range(sweeps):
        for k in range(n):
            i = n - 1 - k if adjoint else k
            u[i] += inverse[i] * _row(f, u, pointers, columns, values, sums, i)


@njit(parallel=True, cache=True, error_model="numpy")
def residual(out, f, u, pointers, columns, values, sums, threaded):
    """Set out = f - A u."""
    if threaded:
        for i in prange(out.size):
            out[i] = _row(f, u, pointers, columns, values, sums, i)
    else:
        for i in range(out.size):
            out[i] = _row(f, u, pointers, columns, values, sums, i)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _product(u, pointers, columns, values, i):
    total = u.dtype.type(0)
    for e in range(pointers[i], pointers[i + 1]):
        total += values[e] * u[columns[e]]
    return total


@njit(parallel=True, cache=True, error_model="numpy")
def multiply(out, u, pointers, columns, values, add, threaded):
    """Set out = A u, or out += A u if `add`."""
    if threaded:
        for i in prange(out.size):
            total = _product(u, pointers, columns, values, i)
            out[i] = out[i] + total if add else total
    else:
        for i in range(out.size):
            total = _product(u, pointers, columns, values, i)
            out[i] = out[i] + total if add else total
