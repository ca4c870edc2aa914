"""Threaded kernels that halve or double one axis.

Across rows arrays are seen as (outer, n, inner) with the halved axis in the middle; along rows as
(rows, n). Coarse point c is fine point 2 c + offset; the fine point between, number f, is
2 f + 1 - offset, with the coarse points f - offset and f + 1 - offset at its sides.
"""

from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS


@njit(inline="always")
def _sides(f, offset, coarse, wraps):
    """Return the numbers of the coarse points at both sides of a fine point, -1 for a wall."""
    left, right = f - offset, f + 1 - offset
    if right == coarse:
        right = 0 if wraps else -1
    return left, right


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _add_product(out, w, r):
    for k in range(out.size):
        out[k] += w[k] * r[k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _copy(out, r):
    for k in range(out.size):
        out[k] = r[k]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _add(out, r):
    for k in range(out.size):
        out[k] += r[k]


@njit(error_model="numpy", cache=True)
def _restrict_row(out, r, left, right, offset, wraps, q):
    """Set row q of the restriction across rows."""
    coarse, fine = out.shape[1], left.shape[1]
    o, c = q // coarse, q % coarse
    row = out[o, c]
    _copy(row, r[o, 2 * c + offset])
    before, after = c - 1 + offset, c + offset
    if before < 0 and wraps and fine == coarse:
        before = fine - 1
    if 0 <= before < fine:
        _add_product(row, right[o, before], r[o, 2 * before + 1 - offset])
    if after < fine:
        _add_product(row, left[o, after], r[o, 2 * after + 1 - offset])


@njit(parallel=True, cache=True, error_model="numpy")
def restrict_rows(out, r, left, right, offset, wraps, threaded):
    """Set out = P^T r, halving the middle axis."""
    rows = out.shape[0] * out.shape[1]
    if threaded:
        for q in prange(rows):
            _restrict_row(out, r, left, right, offset, wraps, q)
    else:
        for q in range(rows):
            _restrict_row(out, r, left, right, offset, wraps, q)


@njit(error_model="numpy", cache=True)
def _prolong_row(u, e, left, right, offset, wraps, add, q):
    """Set or correct row q of the prolongation across rows."""
    n, coarse = u.shape[1], e.shape[1]
    o, i = q // n, q % n
    row = u[o, i]
    if i % 2 == offset:
        if add:
            _add(row, e[o, i // 2])
        else:
            _copy(row, e[o, i // 2])
        return
    f = i // 2
    before, after = _sides(f, offset, coarse, wraps)
    if not add:
        row[:] = 0
    if before >= 0:
        _add_product(row, left[o, f], e[o, before])
    if after >= 0:
        _add_product(row, right[o, f], e[o, after])


@njit(parallel=True, cache=True, error_model="numpy")
def prolong_rows(u, e, left, right, offset, wraps, add, threaded):
    """Set u = P e, or u += P e if `add`, doubling the middle axis."""
    rows = u.shape[0] * u.shape[1]
    if threaded:
        for q in prange(rows):
            _prolong_row(u, e, left, right, offset, wraps, add, q)
    else:
        for q in range(rows):
            _prolong_row(u, e, left, right, offset, wraps, add, q)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _restrict_along_row(out, r, left, right, offset, wraps):
    """Halve one row."""
    coarse, fine = out.size, left.size
    for c in range(coarse):
        out[c] = r[2 * c + offset]
    # Fine point f adds its right weight to coarse point f + 1 - offset ...
    for c in range(1 - offset, min(coarse, fine + 1 - offset)):
        out[c] += right[c - 1 + offset] * r[2 * c - 1 + offset]
    if wraps and fine == coarse and offset == 0:
        out[0] += right[fine - 1] * r[2 * fine - 1]
    # ... and its left weight to coarse point f - offset.
    for c in range(min(coarse, fine - offset)):
        out[c] += left[c + offset] * r[2 * c + 1 + offset]


@njit(parallel=True, cache=True, error_model="numpy")
def restrict_along(out, r, left, right, offset, wraps, threaded):
    """Set out = P^T r, halving the last axis."""
    if threaded:
        for q in prange(r.shape[0]):
            _restrict_along_row(out[q], r[q], left[q], right[q], offset, wraps)
    else:
        for q in range(r.shape[0]):
            _restrict_along_row(out[q], r[q], left[q], right[q], offset, wraps)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _prolong_along_row(u, e, left, right, offset, wraps, add):
    """Set or correct one row."""
    coarse, fine = e.size, left.size
    if not add:
        for k in range(u.size):
            u[k] = 0
    for c in range(coarse):
        u[2 * c + offset] += e[c]
    for f in range(offset, min(fine, coarse - 1 + offset)):
        u[2 * f + 1 - offset] += left[f] * e[f - offset] + right[f] * e[f + 1 - offset]
    if offset == 1:
        u[0] += right[0] * e[0]
    if fine == coarse + offset:
        last = left[fine - 1] * e[coarse - 1]
        u[2 * fine - 1 - offset] += last + right[fine - 1] * e[0] if wraps else last


@njit(parallel=True, cache=True, error_model="numpy")
def prolong_along(u, e, left, right, offset, wraps, add, threaded):
    """Set u = P e, or u += P e if `add`, doubling the last axis."""
    if threaded:
        for q in prange(u.shape[0]):
            _prolong_along_row(u[q], e[q], left[q], right[q], offset, wraps, add)
    else:
        for q in range(u.shape[0]):
            _prolong_along_row(u[q], e[q], left[q], right[q], offset, wraps, add)
