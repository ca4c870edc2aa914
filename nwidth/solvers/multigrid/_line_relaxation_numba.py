"""Threaded kernel of tridiagonal systems along the middle axis of (outer, n, inner) arrays.

Across rows the loop over `inner` vectorizes; along rows (inner = 1) a few lines go hand in hand,
since each step of a single one has to wait for the one before.
"""

from numba import prange

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS

# Lines that go hand in hand across rows, and along them.
WIDE, NARROW = 512, 8


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _solve(z, lower, inverse, ring, spread):
    """Replace right-hand sides by solutions: the lines along axis 0 of (n, lines) arrays."""
    n, lines = z.shape
    for j in range(lines):
        z[0, j] *= inverse[0, j]
    for k in range(1, n):
        for j in range(lines):
            z[k, j] = (z[k, j] + lower[k, j] * z[k - 1, j]) * inverse[k, j]
    for k in range(n - 2, -1, -1):
        for j in range(lines):
            z[k, j] += lower[k + 1, j] * inverse[k, j] * z[k + 1, j]
    if ring.size > 0:
        for j in range(lines):
            spread[j] = ring[n, j] * (z[0, j] - z[n - 1, j])
        for k in range(n):
            for j in range(lines):
                z[k, j] -= ring[k, j] * spread[j]


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _select(z, r, colours, colour):
    """Set z to r on the lines of a colour and to zero on the others."""
    zero = r.dtype.type(0)
    for k in range(r.shape[0]):
        for j in range(r.shape[1]):
            z[k, j] = r[k, j] if colours[j] == colour else zero


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _add(u, z):
    for k in range(u.shape[0]):
        for j in range(u.shape[1]):
            u[k, j] += z[k, j]


@njit(error_model="numpy", cache=True)
def _part(u, r, lower, inverse, ring, spread, colours, colour, q):
    """Solve one bundle of lines and add the solutions to u; r is spoilt."""
    outer, _, inner = u.shape
    if inner > 1:
        bundles = -(-inner // WIDE)
        o, a = q // bundles, (q % bundles) * WIDE
        b = min(a + WIDE, inner)
        z, t, p = r[o, :, a:b], lower[o, :, a:b], inverse[o, :, a:b]
        c, s, own = ring[o, :, a:b], spread[o, a:b], colours[o, a:b]
        into = u[o, :, a:b]
        _select(z, z, own, colour)
        _solve(z, t, p, c, s)
        _add(into, z)
    else:
        a = q * NARROW
        b = min(a + NARROW, outer)
        z, t, p = r[a:b, :, 0].T, lower[a:b, :, 0].T, inverse[a:b, :, 0].T
        c, s, own = ring[a:b, :, 0].T, spread[a:b, 0], colours[a:b, 0]
        into = u[a:b, :, 0].T
        _select(z, z, own, colour)
        _solve(z, t, p, c, s)
        _add(into, z)


@njit(parallel=True, cache=True, error_model="numpy")
def add_solutions(u, r, lower, inverse, ring, spread, colours, colour, threaded):
    """Add to u the solutions of all lines of a colour for the right-hand sides r, which is spoilt.

    lower[k] couples point k to the one before, inverse are the inverse pivots; `ring` closes a
    periodic line (Sherman & Morrison) and is empty otherwise.
    """
    outer, _, inner = u.shape
    parts = outer * -(-inner // WIDE) if inner > 1 else -(-outer // NARROW)
    if threaded:
        for q in prange(parts):
            _part(u, r, lower, inverse, ring, spread, colours, colour, q)
    else:
        for q in range(parts):
            _part(u, r, lower, inverse, ring, spread, colours, colour, q)
