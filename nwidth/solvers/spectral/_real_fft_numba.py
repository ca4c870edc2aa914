"""Kernels of real Fourier transforms, for loops that stay in compiled code.

Real data of N = 2 n points are n complex numbers, even points real, odd ones imaginary. Their
transform is Stockham's, which sorts as it goes:

    y[q + s (r p + k)] = w^(p k) sum_j e^(-2 pi i j k / r) x[q + s (p + m j)]

for q < s, p < m, k < r in stages of radix r, with w = e^(-2 pi i / (r m)). The first has radix 8
and s = 1: lanes are its p, and 8 x 8 results are transposed to be stored. From there on s is a
multiple of 8 and lanes are the q. Reference: Van Loan (1992), Computational Frameworks for the Fast
Fourier Transform, doi:10.1137/1.9781611970999, section 1.7.

Real and imaginary parts lie apart in one flat array `a`; arguments as `zr` and `zi` say where they
start. Behind each there are at least 8 numbers that may be touched. A transform of swapped parts is
the backward one. The w are in `turns`, whose first entries are the constants below.
"""

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, load, spread, store
from nwidth.solvers.spectral._lane_shuffles_numba import reverse, transpose

__all__ = ["CONSTANTS", "LANES", "pack", "transform", "unpack"]

# Where in `turns`: sqrt(1/2), 1/2, sin 60, cos 72, cos 144, sin 72, sin 144 degrees; the rest.
ROOT, HALF, SIN60, COS72, COS144, SIN72, SIN144 = range(7)
CONSTANTS = 8


@njit(error_model="numpy")
def _four(ar, ai, br, bi, cr, ci, dr, di):
    """Return the transform of four numbers, parts in turn."""
    pr, pi, mr, mi = ar + cr, ai + ci, ar - cr, ai - ci
    qr, qi, nr, ni = br + dr, bi + di, br - dr, bi - di
    return pr + qr, pi + qi, mr + ni, mi - nr, pr - qr, pi - qi, mr - ni, mi + nr


@njit(error_model="numpy")
def _turned(xr, xi, cr, ci):
    """Return x c, the product of complex numbers."""
    return xr * cr - xi * ci, xr * ci + xi * cr


@njit(error_model="numpy")
def _eight(
    ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi, root
):  # fmt: skip
    """Return the transform of eight numbers, parts in turn; root = sqrt(1/2)."""
    p0r, p0i, p1r, p1i, p2r, p2i, p3r, p3i = _four(ar, ai, cr, ci, er, ei, gr, gi)
    q0r, q0i, q1r, q1i, q2r, q2i, q3r, q3i = _four(br, bi, dr, di, fr, fi, hr, hi)
    # The odd ones times e^(-i pi k / 4); those of k = 2 and 3 lack a factor -i, see below.
    q1r, q1i = (q1r + q1i) * root, (q1i - q1r) * root
    q3r, q3i = (q3r + q3i) * root, (q3i - q3r) * root
    return (
        *(p0r + q0r, p0i + q0i, p1r + q1r, p1i + q1i, p2r + q2i, p2i - q2r, p3r + q3i, p3i - q3r),
        *(p0r - q0r, p0i - q0i, p1r - q1r, p1i - q1i, p2r - q2i, p2i + q2r, p3r - q3i, p3i + q3r),
    )


@njit(error_model="numpy")
def _point(a, k, squared):
    """Return numbers of `a`, or their squares."""
    x = load(a, k)
    return x * x if squared else x


@njit(error_model="numpy", nogil=True, cache=True)
def _first(a, xr, xi, yr, yi, n, turns, squared):
    """Make the stage of radix 8 with s = 1."""
    m = n // 8
    root = spread(turns, ROOT)
    for p in range(0, m, LANES):
        r0, i0, r1, i1, r2, i2, r3, i3, r4, i4, r5, i5, r6, i6, r7, i7 = _eight(
            _point(a, xr + p, squared), _point(a, xi + p, squared),
            _point(a, xr + p + m, squared), _point(a, xi + p + m, squared),
            _point(a, xr + p + 2 * m, squared), _point(a, xi + p + 2 * m, squared),
            _point(a, xr + p + 3 * m, squared), _point(a, xi + p + 3 * m, squared),
            _point(a, xr + p + 4 * m, squared), _point(a, xi + p + 4 * m, squared),
            _point(a, xr + p + 5 * m, squared), _point(a, xi + p + 5 * m, squared),
            _point(a, xr + p + 6 * m, squared), _point(a, xi + p + 6 * m, squared),
            _point(a, xr + p + 7 * m, squared), _point(a, xi + p + 7 * m, squared),
            root,
        )  # fmt: skip
        w = CONSTANTS + p
        v = w + 7 * m
        r1, i1 = _turned(r1, i1, load(turns, w), load(turns, v))
        r2, i2 = _turned(r2, i2, load(turns, w + m), load(turns, v + m))
        r3, i3 = _turned(r3, i3, load(turns, w + 2 * m), load(turns, v + 2 * m))
        r4, i4 = _turned(r4, i4, load(turns, w + 3 * m), load(turns, v + 3 * m))
        r5, i5 = _turned(r5, i5, load(turns, w + 4 * m), load(turns, v + 4 * m))
        r6, i6 = _turned(r6, i6, load(turns, w + 5 * m), load(turns, v + 5 * m))
        r7, i7 = _turned(r7, i7, load(turns, w + 6 * m), load(turns, v + 6 * m))
        _store_columns(a, yr + 8 * p, r0, r1, r2, r3, r4, r5, r6, r7)
        _store_columns(a, yi + 8 * p, i0, i1, i2, i3, i4, i5, i6, i7)
    return CONSTANTS + 14 * m


@njit(error_model="numpy")
def _store_columns(a, at, r0, r1, r2, r3, r4, r5, r6, r7):
    c0, c1, c2, c3, c4, c5, c6, c7 = transpose(r0, r1, r2, r3, r4, r5, r6, r7)
    store(a, at, c0)
    store(a, at + 8, c1)
    store(a, at + 16, c2)
    store(a, at + 24, c3)
    store(a, at + 32, c4)
    store(a, at + 40, c5)
    store(a, at + 48, c6)
    store(a, at + 56, c7)


@njit(error_model="numpy", nogil=True, cache=True)
def _by_eight(a, xr, xi, yr, yi, m, s, turns, w):
    """Make a stage of radix 8; in the last one, m = 1, nothing is turned."""
    root, one = spread(turns, ROOT), s * m
    for p in range(m):
        v = w + 14 * p
        for q in range(s * p, s * p + s, LANES):
            r0, i0, r1, i1, r2, i2, r3, i3, r4, i4, r5, i5, r6, i6, r7, i7 = _eight(
                load(a, xr + q), load(a, xi + q),
                load(a, xr + q + one), load(a, xi + q + one),
                load(a, xr + q + 2 * one), load(a, xi + q + 2 * one),
                load(a, xr + q + 3 * one), load(a, xi + q + 3 * one),
                load(a, xr + q + 4 * one), load(a, xi + q + 4 * one),
                load(a, xr + q + 5 * one), load(a, xi + q + 5 * one),
                load(a, xr + q + 6 * one), load(a, xi + q + 6 * one),
                load(a, xr + q + 7 * one), load(a, xi + q + 7 * one),
                root,
            )  # fmt: skip
            if m > 1:
                r1, i1 = _turned(r1, i1, spread(turns, v), spread(turns, v + 1))
                r2, i2 = _turned(r2, i2, spread(turns, v + 2), spread(turns, v + 3))
                r3, i3 = _turned(r3, i3, spread(turns, v + 4), spread(turns, v + 5))
                r4, i4 = _turned(r4, i4, spread(turns, v + 6), spread(turns, v + 7))
                r5, i5 = _turned(r5, i5, spread(turns, v + 8), spread(turns, v + 9))
                r6, i6 = _turned(r6, i6, spread(turns, v + 10), spread(turns, v + 11))
                r7, i7 = _turned(r7, i7, spread(turns, v + 12), spread(turns, v + 13))
            to = q + 7 * s * p
            store(a, yr + to, r0)
            store(a, yi + to, i0)
            store(a, yr + to + s, r1)
            store(a, yi + to + s, i1)
            store(a, yr + to + 2 * s, r2)
            store(a, yi + to + 2 * s, i2)
            store(a, yr + to + 3 * s, r3)
            store(a, yi + to + 3 * s, i3)
            store(a, yr + to + 4 * s, r4)
            store(a, yi + to + 4 * s, i4)
            store(a, yr + to + 5 * s, r5)
            store(a, yi + to + 5 * s, i5)
            store(a, yr + to + 6 * s, r6)
            store(a, yi + to + 6 * s, i6)
            store(a, yr + to + 7 * s, r7)
            store(a, yi + to + 7 * s, i7)


@njit(error_model="numpy", nogil=True, cache=True)
def _by_four(a, xr, xi, yr, yi, m, s, turns, w):
    """Make a stage of radix 4; in the last one, m = 1, nothing is turned."""
    one = s * m
    for p in range(m):
        v = w + 6 * p
        c1, d1 = spread(turns, v), spread(turns, v + 1)
        c2, d2 = spread(turns, v + 2), spread(turns, v + 3)
        c3, d3 = spread(turns, v + 4), spread(turns, v + 5)
        for q in range(s * p, s * p + s, LANES):
            r0, i0, r1, i1, r2, i2, r3, i3 = _four(
                load(a, xr + q), load(a, xi + q),
                load(a, xr + q + one), load(a, xi + q + one),
                load(a, xr + q + 2 * one), load(a, xi + q + 2 * one),
                load(a, xr + q + 3 * one), load(a, xi + q + 3 * one),
            )  # fmt: skip
            if m > 1:
                r1, i1 = _turned(r1, i1, c1, d1)
                r2, i2 = _turned(r2, i2, c2, d2)
                r3, i3 = _turned(r3, i3, c3, d3)
            to = q + 3 * s * p
            store(a, yr + to, r0)
            store(a, yi + to, i0)
            store(a, yr + to + s, r1)
            store(a, yi + to + s, i1)
            store(a, yr + to + 2 * s, r2)
            store(a, yi + to + 2 * s, i2)
            store(a, yr + to + 3 * s, r3)
            store(a, yi + to + 3 * s, i3)


@njit(error_model="numpy", nogil=True, cache=True)
def _by_three(a, xr, xi, yr, yi, m, s, turns, w):
    """Make a stage of radix 3."""
    half, sine, one = spread(turns, HALF), spread(turns, SIN60), s * m
    for p in range(m):
        v = w + 4 * p
        c1, d1 = spread(turns, v), spread(turns, v + 1)
        c2, d2 = spread(turns, v + 2), spread(turns, v + 3)
        for q in range(s * p, s * p + s, LANES):
            ar, ai = load(a, xr + q), load(a, xi + q)
            br, bi = load(a, xr + q + one), load(a, xi + q + one)
            cr, ci = load(a, xr + q + 2 * one), load(a, xi + q + 2 * one)
            tr, ti, dr, di = br + cr, bi + ci, sine * (br - cr), sine * (bi - ci)
            ur, ui = ar - half * tr, ai - half * ti
            r1, i1 = _turned(ur + di, ui - dr, c1, d1)
            r2, i2 = _turned(ur - di, ui + dr, c2, d2)
            to = q + 2 * s * p
            store(a, yr + to, ar + tr)
            store(a, yi + to, ai + ti)
            store(a, yr + to + s, r1)
            store(a, yi + to + s, i1)
            store(a, yr + to + 2 * s, r2)
            store(a, yi + to + 2 * s, i2)


@njit(error_model="numpy", nogil=True, cache=True)
def _by_five(a, xr, xi, yr, yi, m, s, turns, w):
    """Make a stage of radix 5."""
    k1, k2 = spread(turns, COS72), spread(turns, COS144)
    s1, s2, one = spread(turns, SIN72), spread(turns, SIN144), s * m
    for p in range(m):
        v = w + 8 * p
        for q in range(s * p, s * p + s, LANES):
            ar, ai = load(a, xr + q), load(a, xi + q)
            br, bi = load(a, xr + q + one), load(a, xi + q + one)
            cr, ci = load(a, xr + q + 2 * one), load(a, xi + q + 2 * one)
            dr, di = load(a, xr + q + 3 * one), load(a, xi + q + 3 * one)
            er, ei = load(a, xr + q + 4 * one), load(a, xi + q + 4 * one)
            br, er, bi, ei = br + er, br - er, bi + ei, bi - ei
            cr, dr, ci, di = cr + dr, cr - dr, ci + di, ci - di
            ur, ui = ar + k1 * br + k2 * cr, ai + k1 * bi + k2 * ci
            vr, vi = ar + k2 * br + k1 * cr, ai + k2 * bi + k1 * ci
            gr, gi = s1 * er + s2 * dr, s1 * ei + s2 * di
            hr, hi = s2 * er - s1 * dr, s2 * ei - s1 * di
            r1, i1 = _turned(ur + gi, ui - gr, spread(turns, v), spread(turns, v + 1))
            r2, i2 = _turned(vr + hi, vi - hr, spread(turns, v + 2), spread(turns, v + 3))
            r3, i3 = _turned(vr - hi, vi + hr, spread(turns, v + 4), spread(turns, v + 5))
            r4, i4 = _turned(ur - gi, ui + gr, spread(turns, v + 6), spread(turns, v + 7))
            to = q + 4 * s * p
            store(a, yr + to, ar + br + cr)
            store(a, yi + to, ai + bi + ci)
            store(a, yr + to + s, r1)
            store(a, yi + to + s, i1)
            store(a, yr + to + 2 * s, r2)
            store(a, yi + to + 2 * s, i2)
            store(a, yr + to + 3 * s, r3)
            store(a, yi + to + 3 * s, i3)
            store(a, yr + to + 4 * s, r4)
            store(a, yi + to + 4 * s, i4)


@njit(error_model="numpy", nogil=True, cache=True)
def transform(a, xr, xi, yr, yi, n, radices, turns, squared):
    """Transform x, with y as work space; return whether the result is in y.

    sum_j x_j e^(-2 pi i j k / n), without a factor; with the parts of both swapped e^(+...). If
    `squared`, real and imaginary parts of x are squared first, each for itself.
    """
    w = _first(a, xr, xi, yr, yi, n, turns, squared)
    s, m, moved = 8, n // 8, True
    for r in radices:
        xr, xi, yr, yi = yr, yi, xr, xi
        moved = not moved
        m //= r
        if r == 4:
            _by_four(a, xr, xi, yr, yi, m, s, turns, w)
        elif r == 8:
            _by_eight(a, xr, xi, yr, yi, m, s, turns, w)
        elif r == 3:
            _by_three(a, xr, xi, yr, yi, m, s, turns, w)
        else:
            _by_five(a, xr, xi, yr, yi, m, s, turns, w)
        w += 2 * (r - 1) * m
        s *= r
    return moved


@njit(error_model="numpy", nogil=True, cache=True)
def pack(a, vr, vi, zr, zi, n, waves):
    """Set z to the complex numbers whose backward transform is the real one of modes v.

        z_k = v_k + v*_(n-k) + i e^(i pi k / n) (v_k - v*_(n-k)),   k < n

    Imaginary parts of v_0 and v_n are ignored. `waves` has cosines, then sines, n / 2 + 8 of each.
    """
    for k in range(0, n // 2 + LANES, LANES):
        back = n - k - LANES + 1
        ar, ai = load(a, vr + k), load(a, vi + k)
        br, bi = reverse(load(a, vr + back)), reverse(load(a, vi + back))
        c, s = load(waves, k), load(waves, n // 2 + 8 + k)
        sr, si, dr, di = ar + br, ai - bi, ar - br, ai + bi
        pr, pi = c * di + s * dr, c * dr - s * di
        store(a, zr + k, sr - pr)
        store(a, zi + k, si + pi)
        store(a, zr + back, reverse(sr + pr))
        store(a, zi + back, reverse(pi - si))
    # The first and the last mode are real, whatever came with them.
    a[zr], a[zi] = a[vr] + a[vr + n], a[vr] - a[vr + n]


@njit(error_model="numpy", nogil=True, cache=True)
def unpack(a, zr, zi, vr, vi, n, waves):
    """Set v to twice the modes of real data, from their transform z as complex numbers.

    2 v_k = z_k + z*_(n-k) - i e^(-i pi k / n) (z_k - z*_(n-k)),   k <= n,   z_n = z_0
    """
    a[zr + n], a[zi + n] = a[zr], a[zi]
    for k in range(0, n // 2 + LANES, LANES):
        back = n - k - LANES + 1
        ar, ai = load(a, zr + k), load(a, zi + k)
        br, bi = reverse(load(a, zr + back)), reverse(load(a, zi + back))
        c, s = load(waves, k), load(waves, n // 2 + 8 + k)
        sr, si, dr, di = ar + br, ai - bi, ar - br, ai + bi
        pr, pi = c * di - s * dr, c * dr + s * di
        store(a, vr + k, sr + pr)
        store(a, vi + k, si - pi)
        store(a, vr + back, reverse(sr - pr))
        store(a, vi + back, reverse(bi - ai - pi))
