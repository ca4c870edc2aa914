"""CUDA kernels that halve or double one axis, one thread per point of the result.

Arguments and numbering of points are those of `_transfer_numba`. Threads go through the result in
memory order, so that accesses along any axis coalesce.
"""

from numba import cuda

THREADS = 256


@cuda.jit
def _restrict(out, r, left, right, offset, wraps):
    q = cuda.grid(1)
    outer, coarse, inner = out.shape
    fine = left.shape[1]
    if q >= outer * coarse * inner:
        return
    o, c, k = q // (coarse * inner), q // inner % coarse, q % inner
    total = r[o, 2 * c + offset, k]
    before, after = c - 1 + offset, c + offset
    if before < 0 and wraps and fine == coarse:
        before = fine - 1
    if 0 <= before < fine:
        total += right[o, before, k] * r[o, 2 * before + 1 - offset, k]
    if after < fine:
        total += left[o, after, k] * r[o, 2 * after + 1 - offset, k]
    out[o, c, k] = total


@cuda.jit
def _prolong(u, e, left, right, offset, wraps, add):
    q = cuda.grid(1)
    outer, n, inner = u.shape
    coarse = e.shape[1]
    if q >= outer * n * inner:
        return
    o, i, k = q // (n * inner), q // inner % n, q % inner
    if i % 2 == offset:
        value = e[o, i // 2, k]
    else:
        f = i // 2
        before, after = f - offset, f + 1 - offset
        value = e[o, 0, k] * 0
        if before >= 0:
            value += left[o, f, k] * e[o, before, k]
        if after < coarse:
            value += right[o, f, k] * e[o, after, k]
        elif wraps:
            value += right[o, f, k] * e[o, 0, k]
    u[o, i, k] = u[o, i, k] + value if add else value


def restrict_rows(out, r, left, right, offset, wraps, threaded):
    """Set out = P^T r, halving the middle axis."""
    _restrict[-(-out.size // THREADS), THREADS](out, r, left, right, offset, wraps)


def prolong_rows(u, e, left, right, offset, wraps, add, threaded):
    """Set u = P e, or u += P e if `add`, doubling the middle axis."""
    _prolong[-(-u.size // THREADS), THREADS](u, e, left, right, offset, wraps, add)


def restrict_along(out, r, left, right, offset, wraps, threaded):
    """Set out = P^T r, halving the last axis."""
    out, r, left, right = (a[:, :, None] for a in (out, r, left, right))
    restrict_rows(out, r, left, right, offset, wraps, threaded)


def prolong_along(u, e, left, right, offset, wraps, add, threaded):
    """Set u = P e, or u += P e if `add`, doubling the last axis."""
    u, e, left, right = (a[:, :, None] for a in (u, e, left, right))
    prolong_rows(u, e, left, right, offset, wraps, add, threaded)
