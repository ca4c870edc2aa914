"""Kernels of multigrid for constant coefficients in three dimensions: one pass does many sweeps.

The same as in two dimensions with planes in place of rows: points (i, j, k) with i + j + k + turn
even are the first colour, planes i = 0..n0 run through a window of a few planes, and each
half-sweep follows the one before by one plane.

    G[p, i, j, k]   right-hand side at (i, j, 2 k + p), 0 < i < n0, 0 < j < n1
    F[i mod RING]   window of the first colour, rows j = 0..n1, column 2 k + p at k
    S[slab, i - start + HALO]  second colour, rows j = 0..n1, column 2 k + p at k
    x, e, v         solutions on nodes; those of coarse levels with their walls, which are zero
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS
from nwidth.solvers.multigrid._poisson_2d_numba import (
    BETWEEN,
    GAP,
    HALO,
    NESTED,
    RESIDUAL,
    RING,
    STORED,
    ZERO,
    filter_along,
    filter_weights,
)

# Rows as arrays that count from zero let the compiler use vector instructions.
ROW = {"error_model": "numpy", "forceinline": True}


OVER = 2  # a correction that is added alpha times


@njit(**ROW)
def _star(own, other, G, parity, i, j, s, a, c, b):
    """Return row j of plane s of a colour, of G, and of the six neighbours in planes a, c, b.

    All begin at the first point of the row that is not on a wall; their columns have the parity.
    """
    z, middle = 1 - parity, other[c, j]
    return (
        own[s, j, z:],
        G[parity, i, j, z:],
        other[a, j, z:],
        other[b, j, z:],
        other[c, j - 1, z:],
        other[c, j + 1, z:],
        middle,
        middle[1:],
    )


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _relax(own, other, G, i, s, a, c, b, first, w):
    """Replace plane s of a colour; its neighbours are in planes a, c, b of the other one.

    Here and below, row j holds the columns of parity `first` + j. Whole planes at a time, because
    a call takes as long as a short row.
    """
    t0, t1, t2, q = w[0], w[1], w[2], w[3]
    n1, m = G.shape[2], G.shape[3] - 1
    for j in range(1, n1):
        p = (first + j) % 2
        u, g, a0, b0, a1, b1, a2, b2 = _star(own, other, G, p, i, j, s, a, c, b)
        for k in range(m - 1 + p):
            u[k] = q * (g[k] + t0 * (a0[k] + b0[k]) + t1 * (a1[k] + b1[k]) + t2 * (a2[k] + b2[k]))


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _over_relax(own, other, G, i, s, a, c, b, first, w, omega):
    """Change plane s of a colour omega times as much; return the squares of residuals before."""
    t0, t1, t2, d, q = w[0], w[1], w[2], w[4], omega * w[3]
    n1, m, plane = G.shape[2], G.shape[3] - 1, 0.0
    for j in range(1, n1):
        p, total = (first + j) % 2, own.dtype.type(0)
        u, g, a0, b0, a1, b1, a2, b2 = _star(own, other, G, p, i, j, s, a, c, b)
        for k in range(m - 1 + p):
            around = t0 * (a0[k] + b0[k]) + t1 * (a1[k] + b1[k]) + t2 * (a2[k] + b2[k])
            rest = g[k] + around - d * u[k]
            u[k] += q * rest
            total += rest * rest
        plane += np.float64(total)
    return plane


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _relax_from_zero(own, G, i, s, first, w, omega):
    q, n1, m = omega * w[3], G.shape[2], G.shape[3] - 1
    for j in range(1, n1):
        parity = (first + j) % 2
        for k in range(1 - parity, m):
            own[s, j, k] = q * G[parity, i, j, k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _residual(R, r, own, other, G, i, s, a, c, b, first, w):
    """Set plane r of R to a residual and return the sum of its squares."""
    t0, t1, t2, d = w[0], w[1], w[2], w[4]
    n1, m, plane = G.shape[2], G.shape[3] - 1, 0.0
    for j in range(1, n1):
        p, total = (first + j) % 2, R.dtype.type(0)
        u, g, a0, b0, a1, b1, a2, b2 = _star(own, other, G, p, i, j, s, a, c, b)
        out = R[r, j, 1 - p :]
        for k in range(m - 1 + p):
            around = t0 * (a0[k] + b0[k]) + t1 * (a1[k] + b1[k]) + t2 * (a2[k] + b2[k])
            rest = g[k] + around - d * u[k]
            out[k] = rest
            total += rest * rest
        plane += np.float64(total)
    return plane


@njit(**ROW)
def _split(coarse, values, row, column, m):
    """Set a coarse row from values at 1..m-1; what it gets at 0, on a wall, is never read."""
    even, odd = coarse[0, row, column], coarse[1, row, column]
    for k in range(m // 2):
        even[k] = values[2 * k]
        odd[k] = values[2 * k + 1]
    if m % 2 == 1:
        even[m // 2] = values[m - 1]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _restrict(coarse, R, i, j, m, turn):
    """Set the coarse row at row (i, j): P^T of residuals that vanish on the second colour."""
    half, quarter = R.dtype.type(0.5), R.dtype.type(0.25)
    a, c, b = R[(i - 1) % 4], R[i % 4], R[(i + 1) % 4]
    a0, a1, a2, b0, b1, b2 = a[j - 1], a[j], a[j + 1], b[j - 1], b[j], b[j + 1]
    c0, c1, c2, one, two = c[j - 1], c[j], c[j + 1], R[4, 0], R[4, 1]
    for k in range(m):
        one[k] = c1[k] + quarter * (a0[k] + a2[k] + b0[k] + b2[k])
        two[k] = half * (a1[k] + b1[k] + c0[k] + c2[k])
    even, odd = (one[1:], two) if turn == 0 else (two[1:], one)
    after, total = odd[1:], R[4, 2, 1:]
    for k in range(m - 1):
        total[k] = even[k] + half * (odd[k] + after[k])
    _split(coarse, R[4, 2], i // 2, j // 2, m)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _correct(S, e, i, s, n1, m, first, alpha):
    """Add alpha P e to plane i of the second colour."""
    quarter, eighth = S.dtype.type(0.25) * alpha, S.dtype.type(0.125) * alpha
    a, b = i // 2, (i + 1) // 2
    for j in range(1, n1):
        c, d = j // 2, (j + 1) // 2
        if (first + j) % 2 == 0:
            for k in range(1, m):
                S[s, j, k] += quarter * (e[a, c, k] + e[a, d, k] + e[b, c, k] + e[b, d, k])
        else:
            for k in range(m):
                left = e[a, c, k] + e[a, d, k] + e[b, c, k] + e[b, d, k]
                right = e[a, c, k + 1] + e[a, d, k + 1] + e[b, c, k + 1] + e[b, d, k + 1]
                S[s, j, k] += eighth * (left + right)


@njit(error_model="numpy", cache=True)
def _cubic(p, row, rows):
    """Return place and weight of point p of four that interpolate in the middle of an interval."""
    if row == 0:
        return min(p, rows), (0.375, 0.75, -0.125, 0.0)[p]
    if row == rows - 1:
        return max(rows - p, 0), (0.375, 0.75, -0.125, 0.0)[p]
    return row - 1 + p, (-0.0625, 0.5625, 0.5625, -0.0625)[p]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _gather(T, v, a, c, weight, m):
    for k in range(m + 1):
        T[k] += weight * v[a, c, k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _interpolate(S, v, T, i, j, s, n0, n1, m):
    """Set row (i, j) of the second colour by cubic interpolation, quadratic next to the walls."""
    for k in range(m + 1):
        T[k] = 0
    for p in range(4 if i % 2 else 1):
        a, one = _cubic(p, i // 2, n0 // 2) if i % 2 else (i // 2, 1.0)
        for r in range(4 if j % 2 else 1):
            c, two = _cubic(r, j // 2, n1 // 2) if j % 2 else (j // 2, 1.0)
            _gather(T, v, a, c, T.dtype.type(one * two), m)
    if (i + j) % 2 == 1:
        for k in range(1, m):
            S[s, j, k] = T[k]
        return
    near, far = S.dtype.type(9 / 16), S.dtype.type(1 / 16)
    c0, c1, c2 = S.dtype.type(3 / 8), S.dtype.type(3 / 4), S.dtype.type(1 / 8)
    for k in range(1, m - 1):
        S[s, j, k] = near * (T[k] + T[k + 1]) - far * (T[k - 1] + T[k + 2])
    S[s, j, 0] = c0 * T[0] + c1 * T[1] - c2 * T[2]
    S[s, j, m - 1] = c0 * T[m] + c1 * T[m - 1] - c2 * T[m - 2]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _write(x, odd, even, i, j, s, r, m):
    """Merge the odd columns in plane s of one colour, the even ones in plane r of the other."""
    z = (x.shape[2] - 2 * m + 1) // 2  # 1 if x has walls
    row, first, second = x[i - 1 + z, j - 1 + z, z:], odd[s, j], even[r, j, 1:]
    for k in range(m - 1):
        row[2 * k] = first[k]
        row[2 * k + 1] = second[k]
    row[2 * m - 2] = first[m - 1]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _gap(F, v, i, j, s, m):
    """Sum the squares of the differences to the coarser solution in row (i, j)."""
    total = F.dtype.type(0)
    for k in range(1, m):
        gap = F[s, j, k] - v[i // 2, j // 2, k]
        total += gap * gap
    return np.float64(total)


@njit(error_model="numpy", cache=True)
def _clear(a, s, start, stop, m):
    for j in range(start, stop):
        for k in range(m + 1):
            a[s, j, k] = 0


@njit(error_model="numpy", cache=True)
def _arrive(S, F, s, f, n1, m, parity, wall):
    """Set the walls of a plane to zero before it is used."""
    if wall:
        _clear(S, s, 0, n1 + 1, m)
        _clear(F, f, 0, n1 + 1, m)
        return
    for j in (0, n1):
        _clear(S, s, j, j + 1, m)
        _clear(F, f, j, j + 1, m)
    for j in range(1, n1):
        F[f, j, 0] = F[f, j, m] = S[s, j, m] = 0
        if (parity + j) % 2 == 1:
            S[s, j, 0] = 0


@njit(error_model="numpy", cache=True)
def _slab(G, x, S, coarse, e, v, F, R, sums, w, plan, start, stop):
    """Run the stages of `sweep` on the planes start..stop-1."""
    turn, origin, before, corrects, after = plan[0], plan[1], plan[2], plan[3], plan[4]
    restricts, writes, measures = plan[5], plan[6], plan[7]
    n, n1, m = G.shape[1], G.shape[2], G.shape[3] - 1
    low, high = max(start - HALO, 0), min(stop + HALO, n)
    shift = HALO - start
    last = 2 * (before + after)  # planes by which the last half-sweep lags
    omega, alpha = w[5], w[6] if corrects == OVER else w.dtype.type(1)
    ahead = omega if turn == 0 else w.dtype.type(1)  # the adjoint over-relaxes after, not before
    corrected = 2 * before if corrects else -2  # the half-sweep that a correction precedes
    if restricts:
        for p in range(4):
            _clear(R, p, 0, n1 + 1, m)
    for t in range(low, high + last + 2):
        if t <= high:
            s = t + shift
            _arrive(S, F, s, t % RING, n1, m, t + turn, t == 0 or t == n)
            if origin == NESTED and 0 < t < n:
                for j in range(1, n1):
                    _interpolate(S, v, R[4, 0], t, j, s, n, n1, m)
        for half in range(last):
            # A slab knows nothing beyond its planes low..high, so there it has one plane less to
            # relax with every half-sweep; walls are known.
            if half == corrected:
                i = t - half
                if max(1, low + half * (low > 0)) <= i <= min(n - 1, high - half * (high < n)):
                    _correct(S, e, i, i + shift, n1, m, i + turn + 1, alpha)
            lag = half + 1
            i = t - lag
            if not max(1, low + lag * (low > 0)) <= i <= min(n - 1, high - lag * (high < n)):
                continue
            s, f, first = i + shift, i % RING, i + turn
            a, b = (i - 1) % RING, (i + 1) % RING
            if half == corrected + 1 and turn == 1:
                _over_relax(S, F, G, i, s, a, f, b, first + 1, w, omega)
            elif half % 2 == 1:
                _relax(S, F, G, i, s, a, f, b, first + 1, w)
            elif half == 0 and origin == ZERO:
                _relax_from_zero(F, G, i, f, first, w, ahead)
            elif half == 0 or half == corrected:
                _relax(F, S, G, i, f, s - 1, s, s + 1, first, w)
            else:
                total = _over_relax(F, S, G, i, f, s - 1, s, s + 1, first, w, ahead)
                if measures == BETWEEN and half + 2 == last and start <= i < stop:
                    sums[0, i] = total
        i = t - last - 1
        if not max(1, start - 1) <= i < min(n, stop + 1):
            continue
        s, f, first, own = i + shift, i % RING, i + turn, start <= i < stop
        if restricts or measures > BETWEEN:
            total = _residual(R, i % 4, F, S, G, i, f, s - 1, s, s + 1, first, w)
            if own and measures == RESIDUAL:
                a, b = (i - 1) % RING, (i + 1) % RING
                total += _residual(R, 4, S, F, G, i, s, a, f, b, first + 1, w)
            if own and measures > BETWEEN:
                sums[0, i] = total
        if own and writes:
            for j in range(1, n1):
                if (first + j) % 2 == 1:
                    _write(x, F, S, i, j, f, s, m)
                else:
                    _write(x, S, F, i, j, s, f, m)
        if own and measures == GAP and i % 2 == 0:
            total = 0.0
            for j in range(2, n1, 2):
                total += _gap(F, v, i, j, f, m)
            sums[1, i] = total
        if restricts and i % 2 == 1 and max(start, 1) <= i - 1 < stop:
            for j in range(2, n1, 2):
                _restrict(coarse, R, i - 1, j, m, turn)


@njit(parallel=True, error_model="numpy", cache=True)
def _slabs(G, x, S, coarse, e, v, F, R, sums, w, plan):
    slabs, rows = F.shape[0], G.shape[1] // 2
    for c in prange(slabs):
        a, b = 2 * (c * rows // slabs), 2 * ((c + 1) * rows // slabs)
        _slab(G, x, S[c], coarse, e, v, F[c], R[c], sums, w, plan, a, b)


@njit(error_model="numpy", cache=True)
def _exchange(S, rows):
    """Copy what each slab of 2 `rows` planes in all needs of its neighbours."""
    slabs = S.shape[0]
    for c in range(slabs - 1):
        length = 2 * ((c + 1) * rows // slabs) - 2 * (c * rows // slabs)
        for h in range(HALO):
            S[c, HALO + length + h] = S[c + 1, HALO + h]
            S[c + 1, h] = S[c, length + h]


@njit(error_model="numpy", cache=True)
def sweep(G, x, S, coarse, e, v, F, R, sums, w, plan, slabs):
    """Run one pass over a level of n0 x n1 x n2 intervals, all even, with so many slabs.

    The plan is that of `_poisson_2d_numba.sweep`; w = couplings along the three axes,
    1 / diagonal, diagonal, omega, alpha: relaxation of the first colour that ends in a restriction
    changes it omega times as much, which costs nothing where its values are in the window;
    corrects = OVER adds alpha P e.
    """
    if slabs == 1:
        _slab(G, x, S[0], coarse, e, v, F[0], R[0], sums, w, plan, 0, G.shape[1])
        return
    if plan[1] == STORED:
        _exchange(S, G.shape[1] // 2)
    _slabs(G, x, S, coarse, e, v, F[:slabs], R[:slabs], sums, w, plan)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _split_row(G, b, i, j, m, scale):
    """Set row (i, j) of G to that of b, scaled, and return the sum of its squares."""
    first = b[i - 1, j - 1, 0] * scale
    G[1, i, j, 0] = first
    total = np.float64(first) * np.float64(first)
    for k in range(1, m):
        even, odd = b[i - 1, j - 1, 2 * k - 1] * scale, b[i - 1, j - 1, 2 * k] * scale
        G[0, i, j, k], G[1, i, j, k] = even, odd
        total += np.float64(even) * np.float64(even) + np.float64(odd) * np.float64(odd)
    return total


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _filter_row(coarse, G, i, j, R, m):
    """Set the coarse row at row (i, j) from a right-hand side on all points."""
    n0, n1 = G.shape[1], G.shape[2]
    first, second = filter_weights(i, n0), filter_weights(j, n1)
    for p in range(2):
        for k in range(m):
            R[4, p, k] = 0
        for a in range(5):
            for c in range(5):
                weight = R.dtype.type(first[a] * second[c])
                if weight == 0:
                    continue
                for k in range(m):
                    R[4, p, k] += weight * G[p, i + a - 2, j + c - 2, k]
    filter_along(R[4], m)
    _split(coarse, R[4, 2], i // 2, j // 2, m)


@njit(error_model="numpy", cache=True)
def _begin_slab(G, b, coarse, R, sums, scale, reads, restricts, start, stop):
    n, n1, m = G.shape[1], G.shape[2], G.shape[3] - 1
    # Planes next to a slab are split twice, by both threads to the same values.
    for i in range(max(start - 2, 1), min(stop, n) + 1):
        if reads and i < n:
            total = 0.0
            for j in range(1, n1):
                total += _split_row(G, b, i, j, m, scale)
            sums[0, i] = total
        if restricts and i % 2 == 0 and i - 2 >= max(start, 2):
            for j in range(2, n1, 2):
                _filter_row(coarse, G, i - 2, j, R, m)


@njit(parallel=True, error_model="numpy", cache=True)
def _begin_slabs(G, b, coarse, R, sums, scale, reads, restricts, slabs):
    rows = G.shape[1] // 2
    for c in prange(slabs):
        start, stop = 2 * (c * rows // slabs), 2 * ((c + 1) * rows // slabs)
        _begin_slab(G, b, coarse, R[c], sums, scale, reads, restricts, start, stop)


@njit(error_model="numpy", cache=True)
def begin(G, b, coarse, R, sums, scale, reads, restricts, slabs):
    """Set G = scale b if `reads`, with squares in sums[0], and the coarse one if `restricts`."""
    if slabs == 1:
        _begin_slab(G, b, coarse, R[0], sums, scale, reads, restricts, 0, G.shape[1])
    else:
        _begin_slabs(G, b, coarse, R, sums, scale, reads, restricts, slabs)
