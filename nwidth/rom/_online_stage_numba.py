"""Kernels of the online stage: `LANES` reduced systems side by side, from coefficients to bounds.

A group of parameters goes through all steps in one work space that stays in the first caches:

    1.  whether mu is in the box, whether coefficients are finite, what stability the table gives
    2.  A = sum_q theta_q A_q and f = sum_q phi_q f_q
    3.  Cholesky's factorization with f as a last row, or Householder's QR of columns that end at
        `heights`: square matrices, or those of the residual basis
    4.  x by back substitution
    5.  z = (phi, -theta_q x_i), ||R z||, what rounding adds, and the bound

Complex systems come as real ones: an entry a + ib is the block [[a, -b], [b, a]], a coefficient
two, of A_q and of i A_q. A group that is not full is filled with copies of its last parameter, so
that digits do not depend on neighbours. One query alone has a kernel of its own.
"""

import numpy as np
from numba import get_num_threads, prange

from nwidth._njit_numba import njit
from nwidth.rom._rounding_numba import EPS, LOST
from nwidth.solvers._lanes_numba import LANES, fill, load, spread, store

__all__ = ["get_num_threads", "solve", "solve_threaded"]

# `layout`: sizes, places of the tables in `constants`, size of the work space; then heights of
# columns, their places there and in `constants`, and the first column of each block of rows of R.
N, TERMS, SOURCES, CHOLESKY, COMPLEX, COLUMNS, BLOCKS, ROWS, REFERENCES, PARAMETERS = range(10)
LEADING, F, R, ALLOWANCE, BOX, TABLE, MATRIX, HEIGHTS, STARTS, PLACES, FIRST = range(10, 21)
SIZES = 21
# What stands behind x in each row of the result.
BOUND, STABILITY, INSIDE, CODE, RESIDUAL, BEHIND = range(6)
CERTIFIED, UNSTABLE, SINGULAR, NOT_FINITE = range(4)
# Rows of tables that stand together, in columns of whole blocks.
TOGETHER = LANES

TINY = 2.0**-1022
HUGE = 1.7976931348623157e308
# Covers the rounding of the last few operations of a bound.
SCALARS = 1 + 8 * EPS
# What `MinTheta` takes off for rounding.
DOWN = 1 - 8 * EPS


@njit(cache=True, error_model="numpy")
def solve(mus, theta, phi, known, constants, layout, out):
    """Fill the rows of `out` with x, bound, stability, inside, code and residual."""
    work = np.empty(_size(layout))
    for first in range(0, len(out), LANES):
        _group(first, mus, theta, phi, known, constants, layout, out, work)


@njit(cache=True, error_model="numpy", parallel=True)
def solve_threaded(mus, theta, phi, known, constants, layout, out, threads):
    """Do as `solve` does, groups of lanes shared among threads."""
    groups = (len(out) + LANES - 1) // LANES
    for t in prange(threads):
        work = np.empty(_size(layout))
        for g in range(t * groups // threads, (t + 1) * groups // threads):
            _group(g * LANES, mus, theta, phi, known, constants, layout, out, work)


@njit(cache=True, error_model="numpy")
def _size(layout):
    rows = layout[N] + layout[TERMS] + layout[SOURCES] + layout[COLUMNS] + layout[ROWS] + 8
    return (rows + layout[MATRIX]) * LANES


@njit(cache=True, error_model="numpy")
def _group(first, mus, theta, phi, known, constants, layout, out, work):
    n, count = layout[N], min(LANES, len(out) - first)
    end = 4 * LANES
    side, end = work[:end], end + layout[TERMS] * LANES
    th, end = work[end - layout[TERMS] * LANES : end], end + layout[SOURCES] * LANES
    ph, end = work[end - layout[SOURCES] * LANES : end], end + n * LANES
    x, end = work[end - n * LANES : end], end + layout[COLUMNS] * LANES
    z, end = work[end - layout[COLUMNS] * LANES : end], end + layout[ROWS] * LANES
    b, a = work[end - layout[ROWS] * LANES : end], work[end:]
    code = side[:LANES]
    for lane in range(LANES):
        j = first + min(lane, count - 1)
        finite = True
        for q in range(layout[TERMS]):
            th[q * LANES + lane] = theta[j, q]
            finite &= np.isfinite(theta[j, q])
        for q in range(layout[SOURCES]):
            ph[q * LANES + lane] = phi[j, q]
            finite &= np.isfinite(phi[j, q])
        code[lane] = CERTIFIED if finite else NOT_FINITE
    if layout[CHOLESKY]:
        _cholesky(constants, layout, th, ph, a, x, side)
        failed = False
        for lane in range(LANES):
            failed |= side[LANES + lane] != 0
        if failed:  # Hermitian and indefinite, or singular
            _qr(constants, layout, th, ph, a, b, x, side)
    else:
        for lane in range(LANES):
            side[LANES + lane] = 1
        _qr(constants, layout, th, ph, a, b, x, side)
    _residual(constants, layout, th, ph, x, z, side)
    for lane in range(count):
        for i in range(n):
            out[first + lane, i] = x[i * LANES + lane] if code[lane] == CERTIFIED else np.nan
    _allowances(constants, layout, th, ph, x, side)
    for lane in range(count):
        j = first + lane
        stability = 0.0 if layout[REFERENCES] else known[j]
        finish(out[j], lane, mus[j], theta[j], stability, constants, layout, side)


@njit(cache=True, error_model="numpy")
def _combined(table, at, stride, coefficients, count):
    """Return sum_q c_q A_q for one entry."""
    total = spread(table, at) * load(coefficients, 0)
    for q in range(1, count):
        total = total + spread(table, at + q * stride) * load(coefficients, q * LANES)
    return total


@njit(cache=True, error_model="numpy")
def table_of_column(layout, j):
    """Return where the column j of A_1 begins, the next A_q after how much, and its first row.

    Of Hermitian matrices the blocks of rows from the diagonal on are there.
    """
    at = layout[layout[PLACES] + j]
    if layout[CHOLESKY]:
        row = j // TOGETHER * TOGETHER
        return at, layout[LEADING] - row, row
    height = layout[layout[HEIGHTS] + j]
    return at, (height + TOGETHER - 1) // TOGETHER * TOGETHER, 0


@njit(cache=True, error_model="numpy")
def _dot(u, at, v, other, count):
    """Return the products of two columns; four sums keep the arithmetic units busy."""
    s0 = s1 = s2 = s3 = fill(0.0)
    p, q = at * LANES, other * LANES
    for _ in range(count // 4):
        s0 = s0 + load(u, p) * load(v, q)
        s1 = s1 + load(u, p + LANES) * load(v, q + LANES)
        s2 = s2 + load(u, p + 2 * LANES) * load(v, q + 2 * LANES)
        s3 = s3 + load(u, p + 3 * LANES) * load(v, q + 3 * LANES)
        p += 4 * LANES
        q += 4 * LANES
    for _ in range(count % 4):
        s0 = s0 + load(u, p) * load(v, q)
        p += LANES
        q += LANES
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, error_model="numpy")
def _cholesky(constants, layout, th, ph, a, x, side):
    """Solve by A = L L^T; lanes whose pivots are not positive are marked in `side`.

    Column j holds the rows j ... n - 1 and, as the last, the entry j of f: after the factorization
    L^-1 f stands there. Diagonals become reciprocals.
    """
    n, terms, sources = layout[N], layout[TERMS], layout[SOURCES]
    for lane in range(LANES):
        side[LANES + lane] = 0
    place = 0
    for j in range(n):
        at, stride, row = table_of_column(layout, j)
        for i in range(j, n):
            store(a, place * LANES, _combined(constants, at + i - row, stride, th, terms))
            place += 1
        source = _combined(constants, layout[F] + j, layout[LEADING], ph, sources)
        store(a, place * LANES, source)
        place += 1
    column = 0
    for j in range(n):
        length = n + 1 - j
        store(side, 2 * LANES, load(a, column * LANES))
        i = 0
        while i + 4 <= length:
            p = (column + i) * LANES
            s0, s1 = load(a, p), load(a, p + LANES)
            s2, s3 = load(a, p + 2 * LANES), load(a, p + 3 * LANES)
            other = j * LANES  # row j of column k
            for k in range(j):
                row, q = load(a, other), other + i * LANES
                s0 = s0 - load(a, q) * row
                s1 = s1 - load(a, q + LANES) * row
                s2 = s2 - load(a, q + 2 * LANES) * row
                s3 = s3 - load(a, q + 3 * LANES) * row
                other += (n - k) * LANES
            store(a, p, s0)
            store(a, p + LANES, s1)
            store(a, p + 2 * LANES, s2)
            store(a, p + 3 * LANES, s3)
            i += 4
        while i < length:
            s0, other = load(a, (column + i) * LANES), j * LANES
            for k in range(j):
                s0 = s0 - load(a, other + i * LANES) * load(a, other)
                other += (n - k) * LANES
            store(a, (column + i) * LANES, s0)
            i += 1
        for lane in range(LANES):
            pivot = a[column * LANES + lane]
            if not pivot > n * EPS * side[2 * LANES + lane]:
                side[LANES + lane] = 1
                pivot = 1.0
            a[column * LANES + lane] = 1 / np.sqrt(pivot)
        scale = load(a, column * LANES)
        for i in range(1, length):
            store(a, (column + i) * LANES, load(a, (column + i) * LANES) * scale)
        column += length
    for k in range(n - 1, -1, -1):
        column -= n + 1 - k
        total = load(a, (column + n - k) * LANES)
        if k < n - 1:
            total = total - _dot(a, column + 1, x, k + 1, n - 1 - k)
        store(x, k * LANES, total * load(a, column * LANES))


@njit(cache=True, error_model="numpy")
def _columns(constants, layout, th, ph, a, b):
    """Set the columns of A and f for the factorization QR."""
    n, terms, sources = layout[N], layout[TERMS], layout[SOURCES]
    for j in range(n):
        at, stride, row = table_of_column(layout, j)
        start = layout[layout[STARTS] + j]
        for i in range(j if layout[CHOLESKY] else 0, layout[layout[HEIGHTS] + j]):
            entry = _combined(constants, at + i - row, stride, th, terms)
            store(a, (start + i) * LANES, entry)
            if layout[CHOLESKY]:  # the lower half is known
                store(a, (i * n + j) * LANES, entry)
    for i in range(layout[ROWS]):
        entry = _combined(constants, layout[F] + i, layout[LEADING], ph, sources)
        store(b, i * LANES, entry)


@njit(cache=True, error_model="numpy")
def _qr(constants, layout, th, ph, a, b, x, side):
    """Solve min ||A x - f|| by Householder's reflections, for the lanes marked in `side`.

    Reflection j acts on rows j ... h_j - 1, as no column before j is longer than column j.
    Diagonals become reciprocals.
    """
    n, code = layout[N], side[:LANES]
    _columns(constants, layout, th, ph, a, b)
    for j in range(n):
        height, start = layout[layout[HEIGHTS] + j], layout[layout[STARTS] + j]
        store(side, 2 * LANES, _dot(a, start, a, start, height))
        column, length = start + j, height - j
        store(side, 3 * LANES, _dot(a, column, a, column, length))
        for lane in range(LANES):
            whole, norm = np.sqrt(side[2 * LANES + lane]), np.sqrt(side[3 * LANES + lane])
            head = a[column * LANES + lane]
            side[3 * LANES + lane] = -1 / norm if head >= 0 else 1 / norm
            if not norm > height * EPS * whole:
                if side[LANES + lane] != 0 and code[lane] == CERTIFIED:
                    code[lane] = SINGULAR
                side[3 * LANES + lane] = norm = 1.0
            a[column * LANES + lane] = head + (norm if head >= 0 else -norm)
            side[2 * LANES + lane] = 1 / (norm * (norm + abs(head)))
        factor = load(side, 2 * LANES)
        for k in range(j + 1, n):
            _reflect(a, column, a, layout[layout[STARTS] + k] + j, length, factor)
        _reflect(a, column, b, j, length, factor)
        store(a, column * LANES, load(side, 3 * LANES))
    for k in range(n - 1, -1, -1):
        start = layout[layout[STARTS] + k]
        value = load(b, k * LANES) * load(a, (start + k) * LANES)
        for i in range(k):
            store(b, i * LANES, load(b, i * LANES) - load(a, (start + i) * LANES) * value)
        store(b, k * LANES, value)
    for lane in range(LANES):
        if side[LANES + lane] != 0:
            for k in range(n):
                x[k * LANES + lane] = b[k * LANES + lane]


@njit(cache=True, error_model="numpy")
def _reflect(v, column, u, other, length, factor):
    """Set u <- u - factor (v.u) v."""
    scale = _dot(v, column, u, other, length) * factor
    for i in range(length):
        p = (other + i) * LANES
        store(u, p, load(u, p) - load(v, (column + i) * LANES) * scale)


@njit(cache=True, error_model="numpy")
def _residual(constants, layout, th, ph, x, z, side):
    """Set the lanes of ||R z||^2 in `side`; the signs of z = (phi, -theta_q x_i) are those of R."""
    for i in range(ph.size):
        z[i] = ph[i]
    k = ph.size
    if layout[COMPLEX]:
        for i in range(0, x.size, 2 * LANES):
            real, imaginary = load(x, i), load(x, i + LANES)
            for q in range(0, th.size, 2 * LANES):
                c, d = load(th, q), load(th, q + LANES)
                store(z, k, c * real - d * imaginary)
                store(z, k + LANES, c * imaginary + d * real)
                k += 2 * LANES
    else:
        for i in range(0, x.size, LANES):
            for q in range(0, th.size, LANES):
                store(z, k, load(th, q) * load(x, i))
                k += LANES
    at, total = layout[R], fill(0.0)
    for block in range(layout[BLOCKS]):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = fill(0.0)
        for k in range(layout[layout[FIRST] + block] * LANES, z.size, LANES):
            value = load(z, k)
            s0 = s0 + spread(constants, at) * value
            s1 = s1 + spread(constants, at + 1) * value
            s2 = s2 + spread(constants, at + 2) * value
            s3 = s3 + spread(constants, at + 3) * value
            s4 = s4 + spread(constants, at + 4) * value
            s5 = s5 + spread(constants, at + 5) * value
            s6 = s6 + spread(constants, at + 6) * value
            s7 = s7 + spread(constants, at + 7) * value
            at += TOGETHER
        total = total + ((s0 * s0 + s1 * s1) + (s2 * s2 + s3 * s3))
        total = total + ((s4 * s4 + s5 * s5) + (s6 * s6 + s7 * s7))
    store(side, LANES, total)


@njit(cache=True, error_model="numpy")
def _allowances(constants, layout, th, ph, x, side):
    """Set the lanes of what rounding may add, sum_k |z_k| allowance_k, in `side`.

    Coefficients and x are overwritten by their moduli.
    """
    terms, sources = _moduli(th, layout[COMPLEX]), _moduli(ph, layout[COMPLEX])
    n = _moduli(x, layout[COMPLEX])
    at, total = layout[ALLOWANCE], fill(0.0)
    for q in range(sources):
        total = total + spread(constants, at + q) * load(ph, q * LANES)
    at += sources
    for i in range(n):
        total = total + _combined(constants, at, 1, th, terms) * load(x, i * LANES)
        at += terms
    store(side, 2 * LANES, total)


@njit(cache=True, error_model="numpy")
def _moduli(v, is_complex):
    """Overwrite lanes by their moduli, and return how many there are."""
    if not is_complex:
        for i in range(v.size):
            v[i] = abs(v[i])
        return v.size // LANES
    for k in range(v.size // (2 * LANES)):
        for lane in range(LANES):
            real, imaginary = v[2 * k * LANES + lane], v[(2 * k + 1) * LANES + lane]
            v[k * LANES + lane] = np.sqrt(real * real + imaginary * imaginary)
    return v.size // (2 * LANES)


@njit(cache=True, error_model="numpy")
def _min_theta(theta, constants, layout):
    """Return the lower bound of the class `MinTheta` for one row of coefficients."""
    count, terms, best = layout[REFERENCES], layout[TERMS], 0.0
    at, scale, defects = layout[TABLE], layout[TABLE] + count * terms, 0.0
    for i in range(count):
        least = np.inf
        for q in range(terms):
            reference = constants[at + i * terms + q]
            if reference != 0:
                least = min(least, theta[q] / reference)
        best = max(best, constants[scale + i] * least)
    for q in range(terms):
        defects += abs(theta[q]) * constants[scale + count + q]
    best = best * DOWN - defects * (1 + terms * EPS)
    return min(best, HUGE) if best > TINY else -np.inf


@njit(cache=True, error_model="numpy")
def finish(row, lane, mu, theta, stability, constants, layout, side):
    """Write what stands behind x in one row of the result."""
    n, p = layout[N], layout[PARAMETERS]
    inside, code = True, side[lane]
    for i in range(p):
        inside &= constants[layout[BOX] + i] <= mu[i] <= constants[layout[BOX] + p + i]
    if layout[REFERENCES]:
        stability = _min_theta(theta, constants, layout)
    residual = (np.sqrt(side[LANES + lane]) + side[2 * LANES + lane] + LOST) * SCALARS
    bound = residual / stability * SCALARS
    if code == CERTIFIED and not stability > 0:
        code = UNSTABLE
    if code == CERTIFIED and not np.isfinite(bound):
        code = SINGULAR
    row[n + BOUND] = max(bound, TINY) if code == CERTIFIED else np.inf
    row[n + STABILITY] = stability
    row[n + INSIDE] = inside
    row[n + CODE] = code
    row[n + RESIDUAL] = residual
