"""Kernels of tridiagonal systems in flux form, many lines side by side, the line innermost.

Arrays are flat, `width` numbers per point, a multiple of `LANES`. Row k of `t` couples the points
k - 1 and k; its first row leads to what lies before the first point, row `points` to what lies
behind the last. c is the reaction, empty where there is none.
"""

from nwidth._njit_numba import njit
from nwidth.solvers._lanes_numba import LANES, fill, load, store


@njit(error_model="numpy", nogil=True, cache=True)
def eliminate(t, c, f, x, shares, ground, points, width):
    """Set x to the solution for f with zero beyond both ends; `shares`, `ground` are work space.

    `ground` is what the newest point has of it on its near side: its reaction, in parallel to the
    face before it in series with the ground of the point before. No step subtracts.
    """
    one = fill(1.0)
    for k in range(points):
        here = k * width
        for b in range(here, here + width, LANES):
            line, behind = b - here, load(t, b + width)
            if k == 0:
                s, z = load(t, b), load(f, b)
            else:
                s = load(shares, b - width) * load(ground, line)
                z = load(f, b) + load(t, b) * load(x, b - width)
            if c.size > 0:
                s += load(c, b)
            inverse = one / (behind + s)
            store(ground, line, s)
            store(shares, b, behind * inverse)
            store(x, b, z * inverse)
    for k in range(points - 2, -1, -1):
        here = k * width
        for b in range(here, here + width, LANES):
            store(x, b, load(x, b) + load(shares, b) * load(x, b + width))


@njit(error_model="numpy", nogil=True, cache=True)
def squares(t, c, f, x, ring, points, width, out):
    """Set out to ||f - A x||^2 and ||f||^2 of every line, `width` numbers each.

    The last point of a ring is the one before the first.
    """
    last = (points - 1) * width
    out[:] = 0
    for k in range(points):
        here = k * width
        for b in range(here, here + width, LANES):
            line, own, right = b - here, load(x, b), load(f, b)
            before = after = fill(0.0)
            if k > 0:
                before = load(x, b - width)
            elif ring:
                before = load(x, b + last)
            if k < points - 1:
                after = load(x, b + width)
            elif ring:
                after = load(x, line)
            rest = right - load(t, b) * (own - before) - load(t, b + width) * (own - after)
            if c.size > 0:
                rest = rest - load(c, b) * own
            store(out, line, load(out, line) + rest * rest)
            store(out, line + width, load(out, line + width) + right * right)
