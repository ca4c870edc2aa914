"""CUDA kernels of Gauss-Seidel by colours and of the residual, one thread per point.

The arguments are those of `_red_black_numba`, on device arrays. A launch relaxes one colour: its
points read other colours only, so their order does not matter.
"""

from numba import cuda

from nwidth.solvers._diffusion_operator_cuda import THREADS, blocks, neighbour_flux


def get_num_threads():
    """Return the number of scratch rows that are needed: one, which stays unused."""
    return 1


@cuda.jit(device=True)
def _colour_of(index, size, odd_cycle):
    """Return 0 or 1 by parity, and 2 for the last point of an odd cycle, which meets both."""
    if odd_cycle and index == size - 1:
        return 2
    return index % 2


@cuda.jit
def _relax(u, f, inverse, t0, t1, t2, wraps, cycles, colours, colour):
    k, j, i = cuda.grid(3)
    if i < u.shape[0] and j < u.shape[1] and k < u.shape[2]:
        own = _colour_of(i, u.shape[0], cycles[0]) + _colour_of(j, u.shape[1], cycles[1])
        own += _colour_of(k, u.shape[2], cycles[2])
        if own % colours == colour:
            inflow, _ = neighbour_flux(u, t0, t1, t2, wraps, i, j, k)
            u[i, j, k] = (f[i, j, k] + inflow) * inverse[i, j, k]


def smooth(u, f, inverse, t0, t1, t2, wraps, cycles, order, sweeps, from_zero, scratch):
    """Relax the colours in a given order `sweeps` times; from_zero takes u as zero at the start."""
    if from_zero:
        u[...] = 0
    for _ in range(sweeps):
        for colour in order:
            _relax[blocks(u.shape), THREADS](
                u, f, inverse, t0, t1, t2, wraps, cycles, len(order), int(colour)
            )


@cuda.jit
def _residual(out, f, u, t0, t1, t2, reaction, wraps):
    k, j, i = cuda.grid(3)
    if i < u.shape[0] and j < u.shape[1] and k < u.shape[2]:
        _, flux = neighbour_flux(u, t0, t1, t2, wraps, i, j, k)
        if reaction.size > 0:
            flux += reaction[i, j, k] * u[i, j, k]
        out[i, j, k] = f[i, j, k] - flux


def residual(out, f, u, t0, t1, t2, reaction, zeros, wraps, threaded):
    """Set out = f - A u."""
    _residual[blocks(u.shape), THREADS](out, f, u, t0, t1, t2, reaction, wraps)
