"""Threaded kernels of Gauss-Seidel by colours and of the residual, on three-dimensional views.

Threads own ranges of rows. A row is first gathered into the thread's scratch row, then the points
of the colour are replaced: both loops take all points with unit stride, so that they vectorize.
"""

from numba import get_num_threads, njit, prange

from nwidth.solvers._diffusion_operator_numba import FLAGS, apply_row, ends, neighbours

__all__ = ["get_num_threads", "relax", "residual", "start"]


@njit(inline="always")
def _colour_of(index, size, odd_cycle):
    """Return 0 or 1 by parity, and 2 for the last point of an odd cycle, which meets both."""
    if odd_cycle and index == size - 1:
        return 2
    return index % 2


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _gather(s, f, u, t, first, last):
    """Set s = f + the couplings along the row."""
    n = u.size
    for k in range(1, n - 1):
        s[k] = f[k] + t[k] * u[k - 1] + t[k + 1] * u[k + 1]
    if n == 1:
        s[0] = f[0] + t[0] * first + t[1] * last
    else:
        s[0] = f[0] + t[0] * first + t[1] * u[1]
        s[n - 1] = f[n - 1] + t[n - 1] * u[n - 2] + t[n] * last


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _gather_across(s, before, after, t_before, t_after):
    """Add the couplings to two neighbouring rows."""
    for k in range(s.size):
        s[k] += t_before[k] * before[k] + t_after[k] * after[k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _replace(u, s, inverse, parity, n):
    """Set u = s / diagonal at the points of one parity among the first n."""
    for k in range(n):
        u[k] = s[k] * inverse[k] if k % 2 == parity else u[k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _replace_first(u, s, inverse, parity, n):
    """Set u = s / diagonal at the points of one parity among the first n, zero elsewhere."""
    for k in range(u.size):
        u[k] = s[k] * inverse[k] if k % 2 == parity and k < n else u[k] * 0


@njit(error_model="numpy", cache=True)
def _relax_row(u, f, inverse, t0, t1, t2, zeros, wraps, odd_cycles, colour, colours, s, r):
    """Relax the points of one colour in row r."""
    n = u.shape[2]
    i, j = r // u.shape[1], r % u.shape[1]
    shift = _colour_of(i, u.shape[0], odd_cycles[0]) + _colour_of(j, u.shape[1], odd_cycles[1])
    own = (colour + 2 * colours - shift) % colours
    if own == 2 and not odd_cycles[2]:
        return
    row = u[i, j]
    north, south, above, below = neighbours(u, i, j, zeros, wraps)
    first, last = ends(row, wraps[2])
    _gather(s, f[i, j], row, t2[i, j], first, last)
    _gather_across(s, above, below, t1[i, j], t1[i, j + 1])
    if t0.size > 1:
        _gather_across(s, north, south, t0[i, j], t0[i + 1, j])
    if own == 2:
        row[n - 1] = s[n - 1] * inverse[i, j, n - 1]
    else:
        _replace(row, s, inverse[i, j], own, n - 1 if odd_cycles[2] else n)


@njit(parallel=True, cache=True, error_model="numpy")
def relax(u, f, inverse, t0, t1, t2, zeros, wraps, odd_cycles, colour, colours, scratch):
    """Relax the points of one colour; as many threads as there are scratch rows."""
    rows, threads = u.shape[0] * u.shape[1], scratch.shape[0]
    if threads == 1:
        for r in range(rows):
            _relax_row(
                u, f, inverse, t0, t1, t2, zeros, wraps, odd_cycles, colour, colours, scratch[0], r
            )
        return
    for c in prange(threads):
        for r in range(c * rows // threads, (c + 1) * rows // threads):
            _relax_row(
                u, f, inverse, t0, t1, t2, zeros, wraps, odd_cycles, colour, colours, scratch[c], r
            )


@njit(error_model="numpy", cache=True)
def _start_row(u, f, inverse, odd_cycles, colours, r):
    """Relax colour 0 of row r from the guess zero."""
    n = u.shape[2]
    i, j = r // u.shape[1], r % u.shape[1]
    shift = _colour_of(i, u.shape[0], odd_cycles[0]) + _colour_of(j, u.shape[1], odd_cycles[1])
    own = (2 * colours - shift) % colours
    row = u[i, j]
    row[:] = 0
    if own < 2:
        _replace_first(row, f[i, j], inverse[i, j], own, n - 1 if odd_cycles[2] else n)
    elif odd_cycles[2]:
        row[n - 1] = f[i, j, n - 1] * inverse[i, j, n - 1]


@njit(parallel=True, cache=True, error_model="numpy")
def start(u, f, inverse, odd_cycles, colours, threaded):
    """Set u to what relaxing colour 0 makes of zero."""
    rows = u.shape[0] * u.shape[1]
    if threaded:
        for r in prange(rows):
            _start_row(u, f, inverse, odd_cycles, colours, r)
    else:
        for r in range(rows):
            _start_row(u, f, inverse, odd_cycles, colours, r)


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
