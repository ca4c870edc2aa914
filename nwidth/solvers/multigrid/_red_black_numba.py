"""Threaded kernels of Gauss-Seidel by colours and of the residual, on three-dimensional views.

A row is first gathered into a scratch row, then the points of the colour are replaced: both loops
take all points with unit stride, so that they vectorize. Rows are addressed by numbers and not by
slices, which would cost more than a short row itself.

Layers are the planes of the first axis, in two dimensions the rows. Each thread owns a slab of
layers and relaxes the second colour one layer behind the first, while the data are still in its
cache; the outermost layers of the slabs wait until all threads have come so far.
"""

from numba import get_num_threads, prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS, apply_row

__all__ = ["get_num_threads", "residual", "smooth"]


@njit(inline="always")
def _colour_of(index, size, odd_cycle):
    """Return 0 or 1 by parity, and 2 for the last point of an odd cycle, which meets both."""
    if odd_cycle and index == size - 1:
        return 2
    return index % 2


@njit(inline="always")
def _around(index, size, wrap):
    """Return the numbers of both neighbours and whether they exist."""
    before, after = index - 1, index + 1
    has_before, has_after = True, True
    if before < 0:
        before, has_before = size - 1, wrap
    if after == size:
        after, has_after = 0, wrap
    return before, after, has_before, has_after


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _relax_row(u, f, inverse, t0, t1, t2, wraps, own, tail, s, i, j):
    """Relax in row (i, j) the points of parity `own`; `tail` tells if the last has colour 2."""
    n0, n1, n = u.shape
    one = u.dtype.type(1)
    before, after, has_before, has_after = _around(j, n1, wraps[1])
    weight_before, weight_after = one * has_before, one * has_after
    for k in range(1, n - 1):
        s[k] = (
            f[i, j, k]
            + t2[i, j, k] * u[i, j, k - 1]
            + t2[i, j, k + 1] * u[i, j, k + 1]
            + weight_before * t1[i, j, k] * u[i, before, k]
            + weight_after * t1[i, j + 1, k] * u[i, after, k]
        )
    for k in (0, n - 1):
        left, right, has_left, has_right = _around(k, n, wraps[2])
        s[k] = (
            f[i, j, k]
            + one * has_left * t2[i, j, k] * u[i, j, left]
            + one * has_right * t2[i, j, k + 1] * u[i, j, right]
            + weight_before * t1[i, j, k] * u[i, before, k]
            + weight_after * t1[i, j + 1, k] * u[i, after, k]
        )
    if t0.size > 1:
        before, after, has_before, has_after = _around(i, n0, wraps[0])
        weight_before, weight_after = one * has_before, one * has_after
        for k in range(n):
            s[k] += (
                weight_before * t0[i, j, k] * u[before, j, k]
                + weight_after * t0[i + 1, j, k] * u[after, j, k]
            )
    if own == 2:
        u[i, j, n - 1] = s[n - 1] * inverse[i, j, n - 1]
        return
    for k in range(n - 1 if tail else n):
        u[i, j, k] = s[k] * inverse[i, j, k] if k % 2 == own else u[i, j, k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _start_row(u, f, inverse, own, tail, i, j):
    """Relax row (i, j) from the guess zero."""
    n = u.shape[2]
    zero = u.dtype.type(0)
    for k in range(n):
        u[i, j, k] = f[i, j, k] * inverse[i, j, k] if k % 2 == own else zero
    if tail:
        u[i, j, n - 1] = f[i, j, n - 1] * inverse[i, j, n - 1] if own == 2 else zero


@njit(error_model="numpy", cache=True)
def _relax_layer(u, f, inverse, t0, t1, t2, wraps, cycles, colours, colour, zero, s, layer):
    """Relax one colour in a layer; zero says that u is zero before."""
    n0, n1 = u.shape[0], u.shape[1]
    flat = t0.size == 1
    for row in range(1 if flat else n1):
        i, j = (0, layer) if flat else (layer, row)
        shift = _colour_of(i, n0, cycles[0]) + _colour_of(j, n1, cycles[1])
        own = (colour + 2 * colours - shift) % colours
        if zero:
            _start_row(u, f, inverse, own, cycles[2], i, j)
        elif own < 2 or cycles[2]:
            _relax_row(u, f, inverse, t0, t1, t2, wraps, own, cycles[2], s, i, j)


@njit(error_model="numpy", cache=True)
def _two_colours(u, f, inverse, t0, t1, t2, wraps, cycles, first, zero, s, start, stop):
    """Relax the first colour in a slab, the second in its inner layers one layer behind."""
    for layer in range(start, stop):
        _relax_layer(u, f, inverse, t0, t1, t2, wraps, cycles, 2, first, zero, s, layer)
        if layer - 1 > start:
            _relax_layer(
                u, f, inverse, t0, t1, t2, wraps, cycles, 2, 1 - first, False, s, layer - 1
            )


@njit(error_model="numpy", cache=True)
def _close_slab(u, f, inverse, t0, t1, t2, wraps, cycles, first, s, start, stop):
    """Relax the second colour in the outermost layers of a slab."""
    if stop > start:
        _relax_layer(u, f, inverse, t0, t1, t2, wraps, cycles, 2, 1 - first, False, s, start)
    if stop - 1 > start:
        _relax_layer(u, f, inverse, t0, t1, t2, wraps, cycles, 2, 1 - first, False, s, stop - 1)


@njit(error_model="numpy", cache=True)
def _one_colour(u, f, inverse, t0, t1, t2, wraps, cycles, colour, zero, s, start, stop):
    """Relax one colour of three in a slab."""
    for layer in range(start, stop):
        _relax_layer(u, f, inverse, t0, t1, t2, wraps, cycles, 3, colour, zero, s, layer)


@njit(parallel=True, cache=True, error_model="numpy")
def _smooth_threaded(u, f, inverse, t0, t1, t2, wraps, cycles, order, zero, scratch):
    """Relax the colours in a given order once, a slab per thread."""
    layers = u.shape[1] if t0.size == 1 else u.shape[0]
    slabs = scratch.shape[0]
    if order.size == 2:
        for c in prange(slabs):
            a, b, s = c * layers // slabs, (c + 1) * layers // slabs, scratch[c]
            _two_colours(u, f, inverse, t0, t1, t2, wraps, cycles, order[0], zero, s, a, b)
        for c in prange(slabs):
            a, b, s = c * layers // slabs, (c + 1) * layers // slabs, scratch[c]
            _close_slab(u, f, inverse, t0, t1, t2, wraps, cycles, order[0], s, a, b)
        return
    for turn in range(3):
        new = zero and turn == 0
        for c in prange(slabs):
            a, b, s = c * layers // slabs, (c + 1) * layers // slabs, scratch[c]
            _one_colour(u, f, inverse, t0, t1, t2, wraps, cycles, order[turn], new, s, a, b)


@njit(error_model="numpy", cache=True)
def smooth(u, f, inverse, t0, t1, t2, wraps, cycles, order, sweeps, from_zero, scratch):
    """Relax the colours in a given order `sweeps` times.

    from_zero takes u as zero at the start. There are as many threads as scratch rows.
    """
    layers = u.shape[1] if t0.size == 1 else u.shape[0]
    for sweep in range(sweeps):
        zero = from_zero and sweep == 0
        s = scratch[0]
        if scratch.shape[0] > 1:
            _smooth_threaded(u, f, inverse, t0, t1, t2, wraps, cycles, order, zero, scratch)
        elif order.size == 2:
            _two_colours(u, f, inverse, t0, t1, t2, wraps, cycles, order[0], zero, s, 0, layers)
            _close_slab(u, f, inverse, t0, t1, t2, wraps, cycles, order[0], s, 0, layers)
        else:
            for turn in range(3):
                new = zero and turn == 0
                c = order[turn]
                _one_colour(u, f, inverse, t0, t1, t2, wraps, cycles, c, new, s, 0, layers)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _subtract(out, f):
    for k in range(out.size):
        out[k] = f[k] - out[k]


@njit(error_model="numpy", cache=True)
def _residual_row(out, f, u, t0, t1, t2, reaction, zeros, wraps, r):
    """Set row r of f - A u."""
    apply_row(out, u, t0, t1, t2, reaction, zeros, wraps, r)
    i, j = r // u.shape[1], r % u.shape[1]
    _subtract(out[i, j], f[i, j])


@njit(parallel=True, cache=True, error_model="numpy")
def residual(out, f, u, t0, t1, t2, reaction, zeros, wraps, threaded):
    """Set out = f - A u."""
    rows = u.shape[0] * u.shape[1]
    if threaded:
        for r in prange(rows):
            _residual_row(out, f, u, t0, t1, t2, reaction, zeros, wraps, r)
    else:
        for r in range(rows):
            _residual_row(out, f, u, t0, t1, t2, reaction, zeros, wraps, r)
