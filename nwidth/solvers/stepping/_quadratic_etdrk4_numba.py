"""Steps of ETDRK4 for v' = l v + f (u^2)^, u the real function of modes v, in one loop.

    a = e v + q N(v)            N(v) = f (u^2)^, e = e^(l h / 2)
    b = e v + q N(a)
    c = e a + q (2 N(b) - N(v))
    v <- e^(l h) v + f_1 N(v) + f_2 (N(a) + N(b)) + f_3 N(c)

Cox & Matthews (2002), doi:10.1006/jcph.2002.6995, eqs. (26) to (29). Modes are areas of `area`
numbers in the flat array `a`, imaginary parts one area behind real ones; `tables` has six areas of
coefficients in the order above for one step size, `turning` their imaginary parts or None. The
transforms are those of `_real_fft_numba`.
"""

import math

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, get_num_threads, load, spread, store, total
from nwidth.solvers.spectral._real_fft_numba import pack, transform, unpack

__all__ = [
    "ALL",
    "AREAS",
    "BLOWN_UP",
    "CHANGE",
    "LANES",
    "REPEAT",
    "STATE",
    "get_num_threads",
    "steps",
]

# Areas of `a`, in pairs: two for the transforms, the state, the next one, N of both, the sum so
# far. The last number of each is zero.
AREAS = 14
# Where errors and the state are; transforms do not need the first while they are looked at.
ERROR, STATE = 0, 4
# How steps end: all made, the last one counts but the next is to have another size, the last one is
# to be repeated with another, NaN or infinity appeared.
ALL, CHANGE, REPEAT, BLOWN_UP = range(4)


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
    """Write the modes of u^2 times 4 n from those of u.

    Points need no order: even ones are the real parts, odd ones the imaginary parts.
    """
    x, y = 0, 2 * area
    pack(a, v, v + area, x, x + area, n, waves)
    if transform(a, x + area, x, y + area, y, n, radices, turns, False):
        x, y = y, x
    if transform(a, x, x + area, y, y + area, n, radices, turns, True):
        x, y = y, x
    unpack(a, x, x + area, to, to + area, n, waves)


@njit(error_model="numpy", nogil=True, cache=True)
def _slope(a, v, to, n, area, factor, top, radices, turns, waves):
    """Write N(v), as far as it is not zero."""
    _square(a, v, to, n, area, radices, turns, waves)
    for k in range(0, top, LANES):
        nr, ni = _product(factor, area, k, load(a, to + k), load(a, to + area + k))
        store(a, to + k, nr)
        store(a, to + area + k, ni)


@njit(error_model="numpy", nogil=True, cache=True)
def _step(a, v, to, n1, s, n, area, tables, turning, factor, top, radices, turns, waves):
    """Write the state after a step from v to `to`, its N to s, and the error f_3 (N(c) - N(v_new)).

    n1 is N(v). Factors, and so the errors, are zero from `top` on.
    """
    acc = 12 * area
    e, q, whole, f1, f2, f3 = 0, area, 2 * area, 3 * area, 4 * area, 5 * area
    for k in range(0, n + 1, LANES):
        vr, vi = load(a, v + k), load(a, v + area + k)
        xr, xi = _times(tables, turning, e + k, vr, vi)
        zr, zi = _times(tables, turning, whole + k, vr, vi)
        if k < top:
            nr, ni = load(a, n1 + k), load(a, n1 + area + k)
            pr, pi = _times(tables, turning, q + k, nr, ni)
            xr, xi = xr + pr, xi + pi
            pr, pi = _times(tables, turning, f1 + k, nr, ni)
            zr, zi = zr + pr, zi + pi
        store(a, to + k, xr)
        store(a, to + area + k, xi)
        store(a, acc + k, zr)
        store(a, acc + area + k, zi)
    _square(a, to, s, n, area, radices, turns, waves)
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
        xr, xi = _times(tables, turning, e + k, load(a, to + k), load(a, to + area + k))
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
            store(a, acc + k, nr)
            store(a, acc + area + k, ni)
            pr, pi = _times(tables, turning, f3 + k, nr, ni)
            xr, xi = xr + pr, xi + pi
        store(a, to + k, xr)
        store(a, to + area + k, xi)
    _slope(a, to, s, n, area, factor, top, radices, turns, waves)
    for k in range(0, top, LANES):
        nr = load(a, acc + k) - load(a, s + k)
        ni = load(a, acc + area + k) - load(a, s + area + k)
        nr, ni = _times(tables, turning, f3 + k, nr, ni)
        store(a, ERROR * area + k, nr)
        store(a, ERROR * area + area + k, ni)


@njit(error_model="numpy", nogil=True, cache=True)
def _norm(a, v, count, area, tiny):
    """Return the Euclidean norm of so many modes at v, infinity if it is NaN.

    Where the sum of squares is infinite or below `tiny`, the largest number is taken out.
    """
    lanes, last = spread(a, area - 1), count - count % LANES  # the last number of an area is zero
    for k in range(0, last, LANES):
        xr, xi = load(a, v + k), load(a, v + area + k)
        lanes = lanes + (xr * xr + xi * xi)
    square = total(lanes)
    for k in range(last, count):
        square += a[v + k] * a[v + k] + a[v + area + k] * a[v + area + k]
    if tiny < square < math.inf:
        return math.sqrt(square)
    largest = 0.0
    for k in range(count):
        for x in (abs(a[v + k]), abs(a[v + area + k])):
            if not math.isfinite(x):
                return math.inf
            largest = max(largest, x)
    if largest == 0:
        return 0.0
    scaled = 0.0
    for k in range(count):
        scaled += (a[v + k] / largest) ** 2 + (a[v + area + k] / largest) ** 2
    return largest * math.sqrt(scaled)


@njit(error_model="numpy", nogil=True, cache=True)
def steps(
    a, n, area, tables, turning, factor, top, radices, turns, waves, tiny, count, known, control
):
    """Make up to `count` steps of one size from the state; its N is there already if `known`.

    Return how many count, how it ended, and the excess of the last error. `control` has the
    numbers of a `StepControl`, of which the last is updated; steps are fixed where rtol is zero.
    `tiny` is for norms.
    """
    v, to, n1, s = 4 * area, 6 * area, 8 * area, 10 * area
    atol, rtol, safety, worthwhile, smallest, now, before, previous = control
    if not known:
        _slope(a, v, n1, n, area, factor, top, radices, turns, waves)
    size = _norm(a, v, n + 1, area, tiny)
    made, ended, excess = 0, ALL, 0.0
    while made < count:
        _step(a, v, to, n1, s, n, area, tables, turning, factor, top, radices, turns, waves)
        after = _norm(a, to, n + 1, area, tiny)
        if rtol > 0:
            error = _norm(a, ERROR * area, top, area, tiny)
            allowed = atol + rtol * max(size, after)
            excess = error / allowed if allowed > 0 else (0.0 if error == 0 else math.inf)
            if not excess <= 1:
                ended = REPEAT
                break
        elif not math.isfinite(after):
            ended = BLOWN_UP
            break
        v, to, n1, s, size = to, v, s, n1, after
        made += 1
        if rtol > 0:
            held = max(excess, smallest)
            if not 1 <= safety * held**now * previous**before < worthwhile:
                ended = CHANGE
                break
            previous = held
    control[-1] = previous
    if v != 4 * area:
        for k in range(0, 2 * area, LANES):
            store(a, 4 * area + k, load(a, 6 * area + k))
            store(a, 8 * area + k, load(a, 10 * area + k))
    return made, ended, excess
