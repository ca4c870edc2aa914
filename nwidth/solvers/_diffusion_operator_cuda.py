"""CUDA kernels of the flux operator: those of `_diffusion_operator_numba`, one thread per point.

The same arguments, on device arrays; `zeros` and `threaded` have no use here.
"""

import numpy as np
from numba import cuda

# Threads of a block along the last, middle and first axis; a warp goes along the contiguous axis.
THREADS = (64, 4, 1)


def blocks(shape):
    """Return the grid of blocks that covers a three-dimensional array."""
    return tuple(-(-n // t) for n, t in zip(reversed(shape), THREADS, strict=True))


@cuda.jit(device=True)
def neighbour_flux(u, t0, t1, t2, wraps, i, j, k):
    """Return the sum of T u_neighbour and the sum of T (u_i - u_neighbour) at a point."""
    n0, n1, n2 = u.shape
    here = u[i, j, k]
    inflow, flux = here * 0, here * 0
    for axis in range(3):
        if axis == 0 and t0.size == 1:
            continue
        for side in range(2):
            if axis == 0:
                t, index, n = t0[i + side, j, k], i - 1 + 2 * side, n0
            elif axis == 1:
                t, index, n = t1[i, j + side, k], j - 1 + 2 * side, n1
            else:
                t, index, n = t2[i, j, k + side], k - 1 + 2 * side, n2
            beyond = here * 0
            if 0 <= index < n or wraps[axis]:
                index = (index + n) % n
                if axis == 0:
                    beyond = u[index, j, k]
                elif axis == 1:
                    beyond = u[i, index, k]
                else:
                    beyond = u[i, j, index]
            inflow += t * beyond
            flux += t * (here - beyond)
    return inflow, flux


@cuda.jit
def _apply(out, u, t0, t1, t2, reaction, wraps):
    k, j, i = cuda.grid(3)
    if i < u.shape[0] and j < u.shape[1] and k < u.shape[2]:
        _, flux = neighbour_flux(u, t0, t1, t2, wraps, i, j, k)
        if reaction.size > 0:
            flux += reaction[i, j, k] * u[i, j, k]
        out[i, j, k] = flux


def apply(out, u, t0, t1, t2, reaction, zeros, wraps, products, threaded):
    """Set out = A u and products[r] = u . A u of row r, whose sum is the energy."""
    _apply[blocks(u.shape), THREADS](out, u, t0, t1, t2, reaction, wraps)
    rows = (u.astype(np.float64, copy=False) * out).reshape(products.size, -1)
    products[...] = rows.sum(axis=1)
