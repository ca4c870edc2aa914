"""The kernel of one query: the steps of the kernel of many with rows of a column side by side.

A parameter alone would leave the lanes of that file to copies of itself. Here a vector holds
`LANES` rows, of the same tables. What Cholesky's factorization refuses goes to the other kernel.
"""

import numpy as np

from nwidth._njit_numba import njit
from nwidth.rom._online_stage_numba import (
    ALLOWANCE,
    BLOCKS,
    CERTIFIED,
    CHOLESKY,
    COLUMNS,
    COMPLEX,
    EPS,
    FIRST,
    HEIGHTS,
    LEADING,
    NOT_FINITE,
    REFERENCES,
    SINGULAR,
    SOURCES,
    TERMS,
    F,
    N,
    R,
    finish,
    solve,
    table_of_column,
)
from nwidth.solvers._lanes_numba import LANES, fill, load, spread, store, total


@njit(cache=True, error_model="numpy")
def solve_one(mus, theta, phi, known, constants, layout, out):
    """Fill the only row of `out` as `solve` does."""
    n, leading = layout[N], layout[LEADING]
    work = np.empty(3 * LANES + (n + 2) * leading + n + layout[COLUMNS])
    end = 3 * LANES
    side, x = work[:end], work[end : end + n]
    z = work[end + n : end + n + layout[COLUMNS]]
    end += n + layout[COLUMNS]
    v, b, a = work[end : end + leading], work[end + leading : end + 2 * leading], work[end:]
    a = a[2 * leading :]
    th, ph = theta[0], phi[0]
    side[0] = CERTIFIED
    for q in range(layout[TERMS]):
        if not np.isfinite(th[q]):
            side[0] = NOT_FINITE
    for q in range(layout[SOURCES]):
        if not np.isfinite(ph[q]):
            side[0] = NOT_FINITE
    _assemble(constants, layout, th, ph, a, b)
    if layout[CHOLESKY]:
        if not _cholesky(n, leading, a, b, x):
            solve(mus, theta, phi, known, constants, layout, out)
            return
    elif not _qr(layout, a, b, v, x) and side[0] == CERTIFIED:
        side[0] = SINGULAR
    for i in range(n):
        out[0, i] = x[i]
    side[LANES], side[2 * LANES] = _residual(constants, layout, th, ph, x, z)
    stability = 0.0 if layout[REFERENCES] else known[0]
    finish(out[0], 0, mus[0], th, stability, constants, layout, side)


@njit(cache=True, error_model="numpy")
def _assemble(constants, layout, th, ph, a, b):
    """Set the columns of A, `leading` apart, and f."""
    leading = layout[LEADING]
    for j in range(layout[N]):
        at, stride, row = table_of_column(layout, j)
        for i in range(0, stride, LANES):
            entry = load(constants, at + i) * fill(th[0])
            for q in range(1, layout[TERMS]):
                entry = entry + load(constants, at + i + q * stride) * fill(th[q])
            store(a, j * leading + row + i, entry)
    for i in range(0, leading, LANES):
        entry = load(constants, layout[F] + i) * fill(ph[0])
        for q in range(1, layout[SOURCES]):
            entry = entry + load(constants, layout[F] + i + q * leading) * fill(ph[q])
        store(b, i, entry)


@njit(cache=True, error_model="numpy")
def _cholesky(n, leading, a, b, x):
    """Solve by A = L L^T, f a last row of A; return whether all pivots were positive."""
    for j in range(n):
        a[j * leading + n] = b[j]
    for j in range(n):
        column, whole = j * leading, a[j * (leading + 1)]
        for i in range(j // LANES * LANES, n + 1, LANES):
            even, odd = load(a, column + i), fill(0.0)
            for k in range(0, j - 1, 2):
                p = k * leading
                even = even - load(a, p + i) * spread(a, p + j)
                odd = odd - load(a, p + leading + i) * spread(a, p + leading + j)
            if j % 2:
                p = (j - 1) * leading
                even = even - load(a, p + i) * spread(a, p + j)
            store(a, column + i, even + odd)
        pivot = a[column + j]
        if not pivot > n * EPS * whole:
            return False
        b[j] = 1 / np.sqrt(pivot)
        scale = fill(b[j])
        for i in range(j // LANES * LANES, n + 1, LANES):
            store(a, column + i, load(a, column + i) * scale)
    for k in range(n):
        x[k] = a[k * leading + n]
    for k in range(n - 1, -1, -1):
        x[k] *= b[k]
        for i in range(k):
            x[i] -= a[i * leading + k] * x[k]
    return True


@njit(cache=True, error_model="numpy")
def _qr(layout, a, b, v, x):
    """Solve min ||A x - f|| by Householder's reflections; return whether A had full rank.

    v is the vector of a reflection, with zeros in the rows of its first block that it leaves alone.
    """
    n, leading, regular = layout[N], layout[LEADING], True
    for j in range(n):
        height, column = layout[layout[HEIGHTS] + j], j * leading
        first, squares, above = j // LANES * LANES, fill(0.0), 0.0
        for i in range(first, height, LANES):
            store(v, i, load(a, column + i))
        for i in range(first, j):
            v[i] = 0.0
        for i in range(first, height, LANES):
            squares = squares + load(v, i) * load(v, i)
        for i in range(j):
            above += a[column + i] * a[column + i]
        norm, head = np.sqrt(total(squares)), a[column + j]
        if not norm > height * EPS * np.sqrt(above + norm * norm):
            regular, norm = False, 1.0
        v[j] = head + (norm if head >= 0 else -norm)
        factor = 1 / (norm * (norm + abs(head)))
        for k in range(j + 1, n):
            _reflect(v, a, k * leading, first, height, factor)
        _reflect(v, b, 0, first, height, factor)
        a[column + j] = -norm if head >= 0 else norm
    for k in range(n - 1, -1, -1):
        x[k] = b[k] / a[k * leading + k] if regular else np.nan
        for i in range(k):
            b[i] -= a[k * leading + i] * x[k]
    return regular


@njit(cache=True, error_model="numpy")
def _reflect(v, u, column, first, height, factor):
    """Set u <- u - factor (v.u) v for the rows of v."""
    s0 = s1 = fill(0.0)
    for i in range(first, height - LANES, 2 * LANES):
        s0 = s0 + load(v, i) * load(u, column + i)
        s1 = s1 + load(v, i + LANES) * load(u, column + i + LANES)
    if (height - first + LANES - 1) // LANES % 2:
        i = (height - 1) // LANES * LANES
        s0 = s0 + load(v, i) * load(u, column + i)
    scale = fill(total(s0 + s1) * factor)
    for i in range(first, height, LANES):
        store(u, column + i, load(u, column + i) - load(v, i) * scale)


@njit(cache=True, error_model="numpy")
def _residual(constants, layout, th, ph, x, z):
    """Return ||R z||^2 and sum_k |z_k| allowance_k."""
    step = 2 if layout[COMPLEX] else 1
    at, k, allowance = layout[ALLOWANCE], 0, 0.0
    for q in range(0, ph.size, step):
        for part in range(step):
            z[k + part] = ph[q + part]
        allowance += constants[at] * _modulus(ph, q, step)
        at, k = at + 1, k + step
    for i in range(0, x.size, step):
        units = 0.0
        for q in range(0, th.size, step):
            if step == 1:
                z[k] = th[q] * x[i]
            else:
                z[k] = th[q] * x[i] - th[q + 1] * x[i + 1]
                z[k + 1] = th[q] * x[i + 1] + th[q + 1] * x[i]
            units += constants[at] * _modulus(th, q, step)
            at, k = at + 1, k + step
        allowance += units * _modulus(x, i, step)
    at, squares = layout[R], fill(0.0)
    for block in range(layout[BLOCKS]):
        even = odd = fill(0.0)
        k = layout[layout[FIRST] + block]
        if (z.size - k) % 2:
            even = load(constants, at) * spread(z, k)
            at, k = at + LANES, k + 1
        while k < z.size:
            even = even + load(constants, at) * spread(z, k)
            odd = odd + load(constants, at + LANES) * spread(z, k + 1)
            at, k = at + 2 * LANES, k + 2
        even = even + odd
        squares = squares + even * even
    return total(squares), allowance


@njit(cache=True, error_model="numpy")
def _modulus(values, k, step):
    if step == 1:
        return abs(values[k])
    return np.sqrt(values[k] * values[k] + values[k + 1] * values[k + 1])
