"""V-cycles and nested iteration on the coarse levels of multigrid for constant coefficients.

All levels live in four pools, flat arrays of one precision: right-hand sides, second colours,
corrections and solutions. Row l of `table` says where: intervals of three axes (one axis of length
1 is absent in two dimensions), three offsets, number of slabs. The last level is solved by its
inverse. The dimension of the problem is that of the window F less one.
"""

import numpy as np
from numba import config, get_num_threads

from nwidth._njit_numba import njit
from nwidth.solvers._diffusion_operator_numba import FLAGS
from nwidth.solvers.multigrid import _poisson_2d_numba as plane
from nwidth.solvers.multigrid import _poisson_3d_numba as space

HALO = plane.HALO
ZERO, NESTED, STORED = plane.ZERO, plane.NESTED, plane.STORED
GAP, OVER = plane.GAP, space.OVER
sweep_2d, begin_2d, sweep_3d, begin_3d = plane.sweep, plane.begin, space.sweep, space.begin


__all__ = ["cycle", "get_num_threads", "most_threads", "nest", "slab_rows"]


def most_threads():
    """Return the number of threads that there can be at most."""
    return config.NUMBA_NUM_THREADS


@njit(error_model="numpy", cache=True)
def slab_rows(n, slabs):
    """Return the rows of a slab in memory."""
    return 2 * ((n // 2 + slabs - 1) // slabs) + 2 * HALO


@njit(error_model="numpy", cache=True)
def _sweep(depth, solves, pools, table, weights, F, R, sums, plan):
    """Run a pass on a level; it writes to the solution if `solves`, else to the correction."""
    g, s, e, v = pools
    n0, n1, n2, slabs = table[depth, 0], table[depth, 1], table[depth, 2], table[depth, 6]
    c0, c1, c2, k = table[depth + 1, 0], table[depth + 1, 1], table[depth + 1, 2], depth + 1
    m, mc, length = n2 // 2 + 1, c2 // 2 + 1, slab_rows(n0, slabs)
    x = v if solves else e
    if F.ndim == 3:
        G = g[table[depth, 3] : table[depth, 3] + 2 * n0 * m].reshape((2, n0, m))
        coarse = g[table[k, 3] : table[k, 3] + 2 * c0 * mc].reshape((2, c0, mc))
        S = s[table[depth, 4] : table[depth, 4] + slabs * length * m].reshape((slabs, length, m))
        size, below = (n0 + 1) * (n2 + 1), (c0 + 1) * (c2 + 1)
        X = x[table[depth, 5] : table[depth, 5] + size].reshape((n0 + 1, n2 + 1))
        E = e[table[k, 5] : table[k, 5] + below].reshape((c0 + 1, c2 + 1))
        V = v[table[k, 5] : table[k, 5] + below].reshape((c0 + 1, c2 + 1))
        sweep_2d(G, X, S, coarse, E, V, F, R, sums, weights[depth], plan, slabs)
    else:
        G = g[table[depth, 3] : table[depth, 3] + 2 * n0 * n1 * m].reshape((2, n0, n1, m))
        coarse = g[table[k, 3] : table[k, 3] + 2 * c0 * c1 * mc].reshape((2, c0, c1, mc))
        size = slabs * length * (n1 + 1) * m
        S = s[table[depth, 4] : table[depth, 4] + size].reshape((slabs, length, n1 + 1, m))
        size, below = (n0 + 1) * (n1 + 1) * (n2 + 1), (c0 + 1) * (c1 + 1) * (c2 + 1)
        X = x[table[depth, 5] : table[depth, 5] + size].reshape((n0 + 1, n1 + 1, n2 + 1))
        E = e[table[k, 5] : table[k, 5] + below].reshape((c0 + 1, c1 + 1, c2 + 1))
        V = v[table[k, 5] : table[k, 5] + below].reshape((c0 + 1, c1 + 1, c2 + 1))
        sweep_3d(G, X, S, coarse, E, V, F, R, sums, weights[depth], plan, slabs)


@njit(error_model="numpy", cache=True)
def _restrict(depth, pools, table, R, sums):
    """Restrict the right-hand side of a level."""
    g, k, slabs = pools[0], depth + 1, table[depth, 6]
    n0, n1, m = table[depth, 0], table[depth, 1], table[depth, 2] // 2 + 1
    c0, c1, mc = table[k, 0], table[k, 1], table[k, 2] // 2 + 1
    one = g.dtype.type(1)
    if R.ndim == 3:
        G = g[table[depth, 3] : table[depth, 3] + 2 * n0 * m].reshape((2, n0, m))
        coarse = g[table[k, 3] : table[k, 3] + 2 * c0 * mc].reshape((2, c0, mc))
        begin_2d(G, G[0], coarse, R, sums, one, False, True, slabs)
    else:
        G = g[table[depth, 3] : table[depth, 3] + 2 * n0 * n1 * m].reshape((2, n0, n1, m))
        coarse = g[table[k, 3] : table[k, 3] + 2 * c0 * c1 * mc].reshape((2, c0, c1, mc))
        begin_3d(G, G[0], coarse, R, sums, one, False, True, slabs)


@njit(fastmath=FLAGS, error_model="numpy", cache=True)
def _solve(x, g, inverse, work, table):
    """Solve on the last level; there are no more unknowns than a small matrix has rows."""
    depth = table.shape[0] - 1
    n0, n1, n2 = table[depth, 0], table[depth, 1], table[depth, 2]
    width, first = n2 // 2 + 1, min(n1 - 1, 1)
    place, at = table[depth, 3], 0
    for i in range(1, n0):
        for j in range(first, n1):
            for k in range(1, n2):
                index = ((k % 2 * n0 + i) * n1 + j) * width + k // 2
                work[at] = g[place + index]
                at += 1
    layers, place, at = n1 + 1 if first else 1, table[depth, 5], 0
    for i in range(1, n0):
        for j in range(first, n1):
            for k in range(1, n2):
                total = inverse.dtype.type(0)
                for p in range(work.size):
                    total += inverse[at, p] * work[p]
                x[place + (i * layers + j) * (n2 + 1) + k] = total
                at += 1


@njit(error_model="numpy", cache=True)
def cycle(level, turn, pools, table, weights, inverse, work, F, R, sums):
    """Set the correction of a level to a V(1,1)-cycle from zero for its right-hand side."""
    g, e, last = pools[0], pools[2], table.shape[0] - 1
    down = np.array([turn, ZERO, 1, 0, 0, 1, 0, 0])
    up = np.array([turn, STORED, 0, 1, 1, 0, 1, 0])
    for depth in range(level, last):
        _sweep(depth, False, pools, table, weights, F, R, sums, down)
    _solve(e, g, inverse, work, table)
    for depth in range(last - 1, level - 1, -1):
        _sweep(depth, False, pools, table, weights, F, R, sums, up)


@njit(error_model="numpy", cache=True)
def _rms(x, y, count):
    total = 0.0
    for i in range(x.size):
        gap = np.float64(x[i]) - np.float64(y[i])
        total += gap * gap
    return (total / count) ** 0.5


@njit(error_model="numpy", cache=True)
def _points(table, depth):
    return (table[depth, 0] - 1) * max(table[depth, 1] - 1, 1) * (table[depth, 2] - 1)


@njit(error_model="numpy", cache=True)
def nest(probe, pools, table, weights, inverse, work, F, R, sums):
    """Solve on all levels of the pools, from the last to the first.

    The right-hand side of the first level is given. In two dimensions there is one V(1,1)-cycle on
    each level and two on level `probe`; in three dimensions, where a cycle leaves more over and
    coarse levels cost less, two on each. The second measures what part of the step from one level
    to the next the first has left over; this part is returned.
    """
    g, e, v, last = pools[0], pools[2], pools[3], table.shape[0] - 1
    first = np.array([0, NESTED, 1, 0, 0, 1, 0, 0])
    again = np.array([0, STORED, 0, 0, 1, 1, 0, 0])
    up = np.array([0, STORED, 0, OVER, 1, 0, 1, 0])
    measured = np.array([0, STORED, 0, OVER, 1, 0, 1, GAP])
    part = 1.0
    for depth in range(last):
        _restrict(depth, pools, table, R, sums)
    _solve(v, g, inverse, work, table)
    for depth in range(last - 1, -1, -1):
        _sweep(depth, True, pools, table, weights, F, R, sums, first)
        cycle(depth + 1, 0, pools, table, weights, inverse, work, F, R, sums)
        if depth != probe and F.ndim == 3:
            _sweep(depth, True, pools, table, weights, F, R, sums, up)
            continue
        _sweep(depth, True, pools, table, weights, F, R, sums, measured)
        step = (sums[1, 1 : table[depth, 0]].sum() / _points(table, depth + 1)) ** 0.5
        _sweep(depth, True, pools, table, weights, F, R, sums, again)
        cycle(depth + 1, 0, pools, table, weights, inverse, work, F, R, sums)
        _sweep(depth, False, pools, table, weights, F, R, sums, up)
        size = (
            (table[depth, 0] + 1)
            * (table[depth, 1] + 1 if F.ndim == 4 else 1)
            * (table[depth, 2] + 1)
        )
        place = table[depth, 5]
        x, y = e[place : place + size], v[place : place + size]
        if step > 0:
            part = _rms(x, y, _points(table, depth)) / step
        y[:] = x
    return part
