"""Kernels of multigrid for constant coefficients in two dimensions: one pass does many sweeps.

Points (i, j) with i + j + turn even are the first colour, the others the second. Every array that
is relaxed holds one colour, half a row per row of nodes: of a row, the columns of one parity lie
side by side. Rows i = 0..n0 run through a window of a few rows that stays in the cache; each
half-sweep follows the one before by one row. So one pass over memory relaxes, corrects, relaxes
again and restricts the residual.

After a half-sweep of the second colour the first may be forgotten, since the next half-sweep
replaces it: between passes only the second colour is kept.

Slabs of rows belong to threads. Each computes a few rows beyond its ends again, from copies of its
own, so that the result does not depend on the number of threads.

    G[p, i, k]      right-hand side at (i, 2 k + p), 0 < i < n0
    F[i mod RING]   window of the first colour, column 2 k + p at k
    S[slab, i - start + HALO]  second colour, column 2 k + p at k
    x, e, v         solutions on nodes; those of coarse levels with their walls, which are zero
"""

import numpy as np
from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS

RING = 16  # rows of the window, a power of two above the largest lag + 2
HALO = 12  # rows that a slab computes beyond its ends, an even number above the largest lag + 2
ZERO, NESTED, STORED = 0, 1, 2  # where the second colour comes from
BETWEEN, RESIDUAL, GAP = 1, 2, 3  # what is measured
OVER = 2  # a correction that is added alpha times

# A call takes as long as a short row.
ROW = {"fastmath": FLAGS, "error_model": "numpy", "cache": True, "forceinline": True}


@njit(**ROW)
def _relax(own, other, G, parity, i, s, a, c, b, m, w):
    """Replace row s of a colour, whose neighbours are in rows a, c, b of the other one."""
    t0, t1, q = w[0], w[1], w[2]
    if parity == 1:
        for k in range(m):
            own[s, k] = q * (
                G[1, i, k] + t0 * (other[a, k] + other[b, k]) + t1 * (other[c, k] + other[c, k + 1])
            )
    else:
        for k in range(1, m):
            own[s, k] = q * (
                G[0, i, k] + t0 * (other[a, k] + other[b, k]) + t1 * (other[c, k - 1] + other[c, k])
            )


@njit(**ROW)
def _over_relax(own, other, G, parity, i, s, a, c, b, m, w, omega):
    """Change row s of a colour omega times as much; return the squares of residuals before."""
    t0, t1, d, q = w[0], w[1], w[3], omega * w[2]
    total, z, side = own.dtype.type(0), 1 - parity, other[c]
    u, g, above, below, after = own[s, z:], G[parity, i, z:], other[a, z:], other[b, z:], side[1:]
    for k in range(m - z):
        rest = g[k] + t0 * (above[k] + below[k]) + t1 * (side[k] + after[k]) - d * u[k]
        u[k] += q * rest
        total += rest * rest
    return np.float64(total)


@njit(**ROW)
def _relax_from_zero(own, G, parity, i, s, m, w, omega):
    q = omega * w[2]
    for k in range(1 - parity, m):
        own[s, k] = q * G[parity, i, k]


@njit(**ROW)
def _residual(R, r, own, other, G, parity, i, s, a, c, b, m, w):
    """Set row r of R to the residual on row s of a colour and return the sum of its squares."""
    t0, t1, d, total = w[0], w[1], w[3], R.dtype.type(0)
    if parity == 1:
        for k in range(m):
            rest = (
                G[1, i, k]
                + t0 * (other[a, k] + other[b, k])
                + t1 * (other[c, k] + other[c, k + 1])
                - d * own[s, k]
            )
            R[r, k] = rest
            total += rest * rest
    else:
        for k in range(1, m):
            rest = (
                G[0, i, k]
                + t0 * (other[a, k] + other[b, k])
                + t1 * (other[c, k - 1] + other[c, k])
                - d * own[s, k]
            )
            R[r, k] = rest
            total += rest * rest
    return np.float64(total)


@njit(**ROW)
def _restrict(coarse, R, i, m, turn):
    """Set the coarse row at row i: P^T of residuals that vanish on the second colour."""
    half, quarter = R.dtype.type(0.5), R.dtype.type(0.25)
    a, r, b, row = (i - 1) % 4, i % 4, (i + 1) % 4, i // 2
    if turn == 0:
        for k in range(1, m):
            R[4, k] = R[r, k] + quarter * (R[a, k - 1] + R[a, k] + R[b, k - 1] + R[b, k])
    else:
        for k in range(1, m):
            R[4, k] = half * (R[r, k - 1] + R[r, k] + R[a, k] + R[b, k])
    for k in range(1, (m + 1) // 2):
        coarse[0, row, k] = R[4, 2 * k]
    for k in range(m // 2):
        coarse[1, row, k] = R[4, 2 * k + 1]


@njit(**ROW)
def _correct(S, e, i, s, m, turn, alpha):
    """Add alpha P e to row i of the second colour."""
    half, quarter, row = S.dtype.type(0.5) * alpha, S.dtype.type(0.25) * alpha, i // 2
    if i % 2 == 0 and turn == 0:
        for k in range(m):
            S[s, k] += half * (e[row, k] + e[row, k + 1])
    elif i % 2 == 0:
        for k in range(1, m):
            S[s, k] += alpha * e[row, k]
    elif turn == 0:
        for k in range(1, m):
            S[s, k] += half * (e[row, k] + e[row + 1, k])
    else:
        for k in range(m):
            S[s, k] += quarter * (e[row, k] + e[row, k + 1] + e[row + 1, k] + e[row + 1, k + 1])


@njit(**ROW)
def _interpolate(S, v, i, s, n, m):
    """Set row i of the second colour by cubic interpolation, quadratic next to the walls."""
    near, far = S.dtype.type(9 / 16), S.dtype.type(1 / 16)
    c0, c1, c2 = S.dtype.type(3 / 8), S.dtype.type(3 / 4), S.dtype.type(1 / 8)
    row = i // 2
    if i % 2 == 0:
        for k in range(1, m - 1):
            S[s, k] = near * (v[row, k] + v[row, k + 1]) - far * (v[row, k - 1] + v[row, k + 2])
        S[s, 0] = c0 * v[row, 0] + c1 * v[row, 1] - c2 * v[row, 2]
        S[s, m - 1] = c0 * v[row, m] + c1 * v[row, m - 1] - c2 * v[row, m - 2]
    elif row == 0:
        for k in range(1, m):
            S[s, k] = c0 * v[0, k] + c1 * v[1, k] - c2 * v[2, k]
    elif row == n // 2 - 1:
        for k in range(1, m):
            S[s, k] = c0 * v[row + 1, k] + c1 * v[row, k] - c2 * v[row - 1, k]
    else:
        for k in range(1, m):
            S[s, k] = near * (v[row, k] + v[row + 1, k]) - far * (v[row - 1, k] + v[row + 2, k])


@njit(**ROW)
def _write(x, odd, even, i, s, r, m):
    """Merge the odd columns in row s of one colour and the even ones in row r of the other."""
    z = (x.shape[1] - 2 * m + 1) // 2  # 1 if x has walls
    # Slices that are counted from zero let the compiler use vector instructions.
    row, first, second = x[i - 1 + z, z:], odd[s], even[r, 1:]
    for k in range(m - 1):
        row[2 * k] = first[k]
        row[2 * k + 1] = second[k]
    row[2 * m - 2] = first[m - 1]


@njit(**ROW)
def _gap(F, v, i, s, m):
    """Sum the squares of the differences to the coarser solution in row i."""
    total = F.dtype.type(0)
    for k in range(1, m):
        total += (F[s, k] - v[i // 2, k]) * (F[s, k] - v[i // 2, k])
    return np.float64(total)


@njit(**ROW)
def _clear(a, s, m):
    for k in range(m + 1):
        a[s, k] = 0


@njit(error_model="numpy", cache=True)
def _slab(G, x, S, coarse, e, v, F, R, sums, w, plan, start, stop):
    """Run the stages of `sweep` on the rows start..stop-1."""
    turn, origin, before, corrects, after = plan[0], plan[1], plan[2], plan[3], plan[4]
    restricts, writes, measures = plan[5], plan[6], plan[7]
    n, m = G.shape[1], G.shape[2] - 1
    low, high = max(start - HALO, 0), min(stop + HALO, n)
    shift = HALO - start
    last = 2 * (before + after)  # rows by which the last half-sweep lags
    omega, alpha = w[4], w[5] if corrects == OVER and restricts else w.dtype.type(1)
    ahead = omega if turn == 0 else w.dtype.type(1)  # the adjoint over-relaxes after, not before
    corrected = 2 * before if corrects else -2  # the half-sweep that a correction precedes
    for t in range(low, high + last + 2):
        if t <= high:
            s, f = t + shift, t % RING
            if t == 0 or t == n:
                _clear(S, s, m)
                _clear(F, f, m)
            F[f, 0] = F[f, m] = 0
            if (t + turn) % 2 == 1:
                S[s, 0] = 0
            S[s, m] = 0
            if origin == NESTED and 0 < t < n:
                _interpolate(S, v, t, s, n, m)
        for half in range(last):
            # A slab knows nothing beyond its rows low..high, so there it has one row less to
            # relax with every half-sweep; walls are known.
            if half == corrected:
                i = t - half
                if max(1, low + half * (low > 0)) <= i <= min(n - 1, high - half * (high < n)):
                    _correct(S, e, i, i + shift, m, turn, alpha)
            lag = half + 1
            i = t - lag
            if not max(1, low + lag * (low > 0)) <= i <= min(n - 1, high - lag * (high < n)):
                continue
            s, f = i + shift, i % RING
            if half % 2 == 1:
                parity, a, b = (i + turn + 1) % 2, (i - 1) % RING, (i + 1) % RING
                if half == corrected + 1 and turn == 1:
                    _over_relax(S, F, G, parity, i, s, a, f, b, m, w, omega)
                else:
                    _relax(S, F, G, parity, i, s, a, f, b, m, w)
                continue
            parity, a, b = (i + turn) % 2, s - 1, s + 1
            if half == 0 and origin == ZERO:
                _relax_from_zero(F, G, parity, i, f, m, w, ahead)
            elif half == 0 or half == corrected:
                _relax(F, S, G, parity, i, f, a, s, b, m, w)
            else:
                total = _over_relax(F, S, G, parity, i, f, a, s, b, m, w, ahead)
                if measures == BETWEEN and half + 2 == last and start <= i < stop:
                    sums[0, i] = total
        i = t - last - 1
        if not max(1, start - 1) <= i < min(n, stop + 1):
            continue
        s, f, parity = i + shift, i % RING, (i + turn) % 2
        total = 0.0
        if restricts or measures > BETWEEN:
            a, b = s - 1, s + 1
            total = _residual(R, i % 4, F, S, G, parity, i, f, a, s, b, m, w)
        if restricts and i % 2 == 1 and max(start, 1) <= i - 1 < stop:
            _restrict(coarse, R, i - 1, m, turn)
        if not start <= i < stop:
            continue
        if writes and parity == 1:
            _write(x, F, S, i, f, s, m)
        elif writes:
            _write(x, S, F, i, s, f, m)
        if measures == RESIDUAL:
            a, b = (i - 1) % RING, (i + 1) % RING
            total += _residual(R, 4, S, F, G, 1 - parity, i, s, a, f, b, m, w)
            sums[0, i] = total
        elif measures == GAP:
            sums[0, i] = total
            if i % 2 == 0:
                sums[1, i] = _gap(F, v, i, f, m)


@njit(parallel=True, error_model="numpy", cache=True)
def _slabs(G, x, S, coarse, e, v, F, R, sums, w, plan):
    slabs, rows = F.shape[0], G.shape[1] // 2
    for c in prange(slabs):
        a, b = 2 * (c * rows // slabs), 2 * ((c + 1) * rows // slabs)
        _slab(G, x, S[c], coarse, e, v, F[c], R[c], sums, w, plan, a, b)


@njit(error_model="numpy", cache=True)
def exchange(S, rows):
    """Copy what each slab of 2 `rows` rows in all needs of its neighbours."""
    slabs = S.shape[0]
    for c in range(slabs - 1):
        length = 2 * ((c + 1) * rows // slabs) - 2 * (c * rows // slabs)
        for h in range(HALO):
            S[c, HALO + length + h] = S[c + 1, HALO + h]
            S[c + 1, h] = S[c, length + h]


@njit(error_model="numpy", cache=True)
def sweep(G, x, S, coarse, e, v, F, R, sums, w, plan, slabs):
    """Run one pass over a level of n0 x n1 intervals, both even, with so many slabs.

    plan = turn, origin, before, corrects, after, restricts, writes, measures: take the second
    colour from the origin (0, the solution v of the next level, or S), relax `before` times, add
    P e, relax `after` times, then as asked set coarse = P^T r and write the solution to x.
    measures = BETWEEN: sums[0, i] are squares of the residual before the last sweep; RESIDUAL: of
    that of x; GAP: the same but for round-off on the second colour, and sums[1, i] those of the
    differences x - v at coarse points.

    w = couplings along both axes, 1 / diagonal, diagonal.
    """
    if slabs == 1:
        _slab(G, x, S[0], coarse, e, v, F[0], R[0], sums, w, plan, 0, G.shape[1])
        return
    if plan[1] == STORED:
        exchange(S, G.shape[1] // 2)
    _slabs(G, x, S, coarse, e, v, F[:slabs], R[:slabs], sums, w, plan)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _split_row(G, b, i, m, scale):
    """Set row i of G to that of b, scaled, and return the sum of its squares."""
    first = b[i - 1, 0] * scale
    G[1, i, 0] = first
    total = np.float64(first) * np.float64(first)
    for k in range(1, m):
        even, odd = b[i - 1, 2 * k - 1] * scale, b[i - 1, 2 * k] * scale
        G[0, i, k], G[1, i, k] = even, odd
        total += np.float64(even) * np.float64(even) + np.float64(odd) * np.float64(odd)
    return total


@njit(error_model="numpy", cache=True)
def filter_weights(i, n):
    """Return the weights of nodes i - 2..i + 2 in a coarse right-hand side, of n intervals.

    (-1, 4, 10, 4, -1) / 8 keeps cubic polynomials and removes the highest frequency; linear weights
    would change smooth data by as much as the discretization error. What lies on a wall is not
    known and is extrapolated: f_0 = 3 f_1 - 3 f_2 + f_3.
    """
    at_start, at_end = 1.0 * (i == 2), 1.0 * (i == n - 2)
    return (
        (at_start - 1) / 8,
        (4 - 3 * at_start - at_end) / 8,
        (10 + 3 * at_start + 3 * at_end) / 8,
        (4 - at_start - 3 * at_end) / 8,
        (at_end - 1) / 8,
    )


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def filter_along(R, m):
    """Set row 2 of R, coarse points 1..m-1, from even columns in row 0 and odd ones in row 1."""
    side, middle, far = R.dtype.type(0.5), R.dtype.type(1.25), R.dtype.type(0.125)
    even, odd, inner = R[0, 1:], R[1, 1:], R[2, 2:]
    after, next, beyond = odd[1:], even[1:], even[2:]
    for k in range(m - 3):
        inner[k] = middle * next[k] + side * (odd[k] + after[k]) - far * (even[k] + beyond[k])
    for k in (1, m - 1):
        weights = filter_weights(2 * k, 2 * m)
        total = weights[1] * R[1, k - 1] + weights[2] * R[0, k] + weights[3] * R[1, k]
        if k > 1:
            total += weights[0] * R[0, k - 1]
        if k < m - 1:
            total += weights[4] * R[0, k + 1]
        R[2, k] = total


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _filter_row(coarse, G, i, R, m):
    """Set the coarse row at row i from a right-hand side on all points."""
    n, row, one = G.shape[1], i // 2, R.dtype.type(1)
    weights = filter_weights(i, n)
    a, b, c = one * weights[0], one * weights[1], one * weights[2]
    d, e, last = one * weights[3], one * weights[4], min(i + 2, n - 1)
    for p in range(2):
        for k in range(m):
            R[p, k] = (
                a * G[p, i - 2, k]
                + b * G[p, i - 1, k]
                + c * G[p, i, k]
                + d * G[p, i + 1, k]
                + e * G[p, last, k]
            )
    filter_along(R, m)
    for k in range(1, (m + 1) // 2):
        coarse[0, row, k] = R[2, 2 * k]
    for k in range(m // 2):
        coarse[1, row, k] = R[2, 2 * k + 1]


@njit(error_model="numpy", cache=True)
def _begin_slab(G, b, coarse, R, sums, scale, reads, restricts, start, stop):
    n, m = G.shape[1], G.shape[2] - 1
    # Rows next to a slab are split twice, by both threads to the same values.
    for i in range(max(start - 2, 1), min(stop, n) + 1):
        if reads and i < n:
            sums[0, i] = _split_row(G, b, i, m, scale)
        if restricts and i % 2 == 0 and i - 2 >= max(start, 2):
            _filter_row(coarse, G, i - 2, R, m)


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
