"""Steps of ETDRK4 for v' = l v + f (u^2)^, u the real function of modes v, in one loop.

    a = e v + q N(v)            N(v) = f (u^2)^, e = e^(l h / 2)
    b = e v + q N(a)
    c = e a + q (2 N(b) - N(v))
    v <- e^(l h) v + f_1 N(v) + f_2 (N(a) + N(b)) + f_3 N(c)

Cox & Matthews (2002), doi:10.1006/jcph.2002.6995, eqs. (26) to (29). Modes are areas of `area`
numbers in the flat array `a`, imaginary parts one area behind real ones; `tables` has six areas of
coefficients in the order above for each step size, `turning` their imaginary parts or None. The
transforms are those of `_real_fft_numba`.
"""

import math

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, get_num_threads, load, store
from nwidth.solvers.spectral._real_fft_numba import pack, transform, unpack

__all__ = ["AREAS", "LANES", "get_num_threads", "trajectory"]

# Areas of `a`: two for the transforms, the state, a, N(v), the other stages, the sum so far.
AREAS = 14


@njit(error_model="numpy")
def _times(real, imaginary, k, xr, xi):
    """Return the product with the coefficients from k on, real if `imaginary` is None."""
    cr = load(real, k)
    if imaginary is None:
        return cr * xr, cr * xi
    ci = load(imaginary, k)
    return cr * xr - ci * xi, cr * xi + ci * xr


@njit(error_model="numpy")
def _product(factor, area, k, xr, xi):
    """Return f x from mode k on."""
    fr, fi = load(factor, k), load(factor, k + area)
    return fr * xr - fi * xi, fr * xi + fi * xr


@njit(error_model="numpy", nogil=True, cache=True)
def _square(a, v, to, n, area, radices, turns, waves):
    """Write the modes of u^2 times 4 n from those of u; return a number that is finite if u^2 is.

    Points need no order: even ones are the real parts, odd ones the imaginary parts.
    """
    x, y = 0, 2 * area
    pack(a, v, v + area, x, x + area, n, waves)
    if transform(a, x + area, x, y + area, y, n, radices, turns, False):
        x, y = y, x
    if transform(a, x, x + area, y, y + area, n, radices, turns, True):
        x, y = y, x
    unpack(a, x, x + area, to, to + area, n, waves)
    return a[x] + a[x + area]


@njit(error_model="numpy", nogil=True, cache=True)
def _step(a, n, area, table, tables, turning, factor, top, radices, turns, waves):
    """Make one step; return whether u^2 of its start was finite. Factors are zero from `top` on."""
    v, first, n1, s, acc = 4 * area, 6 * area, 8 * area, 10 * area, 12 * area
    e, q, whole = table, table + area, table + 2 * area
    f1, f2, f3 = table + 3 * area, table + 4 * area, table + 5 * area
    if not math.isfinite(_square(a, v, s, n, area, radices, turns, waves)):
        return False
    for k in range(0, n + 1, LANES):
        vr, vi = load(a, v + k), load(a, v + area + k)
        xr, xi = _times(tables, turning, e + k, vr, vi)
        zr, zi = _times(tables, turning, whole + k, vr, vi)
        if k < top:
            nr, ni = _product(factor, area, k, load(a, s + k), load(a, s + area + k))
            store(a, n1 + k, nr)
            store(a, n1 + area + k, ni)
            pr, pi = _times(tables, turning, q + k, nr, ni)
            xr, xi = xr + pr, xi + pi
            pr, pi = _times(tables, turning, f1 + k, nr, ni)
            zr, zi = zr + pr, zi + pi
        store(a, first + k, xr)
        store(a, first + area + k, xi)
        store(a, acc + k, zr)
        store(a, acc + area + k, zi)
    _square(a, first, s, n, area, radices, turns, waves)
    for k in range(0, n + 1, LANES):
        xr, xi = _times(tables, turning, e + k, load(a, v + k), load(a, v + area + k))
        if k < top:
            nr, ni = _product(factor, area, k, load(a, s + k), load(a, s + area + k))
            pr, pi = _times(tables, turning, q + k, nr, ni)
            xr, xi = xr + pr, xi + pi
            pr, pi = _times(tables, turning, f2 + k, nr, ni)
            store(a, acc + k, load(a, acc + k) + pr)
            store(a, acc + area + k, load(a, acc + area + k) + pi)
        store(a, s + k, xr)
        store(a, s + area + k, xi)
    _square(a, s, s, n, area, radices, turns, waves)
    for k in range(0, n + 1, LANES):
        xr, xi = _times(tables, turning, e + k, load(a, first + k), load(a, first + area + k))
        if k < top:
            nr, ni = _product(factor, area, k, load(a, s + k), load(a, s + area + k))
            pr, pi = _times(tables, turning, f2 + k, nr, ni)
            store(a, acc + k, load(a, acc + k) + pr)
            store(a, acc + area + k, load(a, acc + area + k) + pi)
            nr = nr + nr - load(a, n1 + k)
            ni = ni + ni - load(a, n1 + area + k)
            pr, pi = _times(tables, turning, q + k, nr, ni)
            xr, xi = xr + pr, xi + pi
        store(a, s + k, xr)
        store(a, s + area + k, xi)
    _square(a, s, s, n, area, radices, turns, waves)
    for k in range(0, n + 1, LANES):
        xr, xi = load(a, acc + k), load(a, acc + area + k)
        if k < top:
            nr, ni = _product(factor, area, k, load(a, s + k), load(a, s + area + k))
            pr, pi = _times(tables, turning, f3 + k, nr, ni)
            xr, xi = xr + pr, xi + pi
        store(a, v + k, xr)
        store(a, v + area + k, xi)
    return True


@njit(error_model="numpy", nogil=True, cache=True)
def _is_finite(a, v, n, area):
    """Return whether the modes at v are numbers."""
    found = True
    for k in range(n + 1):
        found &= math.isfinite(a[v + k]) and math.isfinite(a[v + area + k])
    return found


@njit(error_model="numpy", nogil=True, cache=True)
def trajectory(
    start, out, steps, sizes, a, n, area, tables, turning, factor, top, radices, turns, waves
):
    """Step from modes `start` (n + 1, 2) and write them to out[j] after steps[j] more steps.

    sizes[j] is the number of the step size. Return the number of the step that led to no number,
    from one on, or zero; what is not reached in `out` stays.
    """
    v, made = 4 * area, 0
    for k in range(n + 1):
        a[v + k], a[v + area + k] = start[k, 0], start[k, 1]
    for j in range(len(steps)):
        table = sizes[j] * 6 * area
        for _ in range(steps[j]):
            if not _step(
                a, n, area, table, tables, turning, factor, top, radices, turns, waves
            ):  # fmt: skip
                return made + 1 if _is_finite(a, v, n, area) else made
            made += 1
        if not _is_finite(a, v, n, area):
            return made
        for k in range(n + 1):
            out[j, k, 0], out[j, k, 1] = a[v + k], a[v + area + k]
    return 0
