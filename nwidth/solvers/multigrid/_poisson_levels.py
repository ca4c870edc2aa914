"""The levels of multigrid for constant coefficients: arrays in pools, and passes over them."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Axes are halved while the level has more unknowns than this.
COARSEST = 256
# The coarsest level may have no more: its inverse is a full matrix.
LARGEST = 1100

# Levels with fewer unknowns are left to one thread.
THREADED_SIZE = 2**17

# What one cycle leaves over is measured on the coarsest level with so many unknowns, where another
# cycle costs next to nothing, or on the second coarse one: finer than that it would cost too much.
PROBED = 2**13

# Names of what the plan of a pass says, as in the kernels.
ZERO, NESTED, STORED = 0, 1, 2
OVER = 2  # a correction that is added alpha times
BETWEEN, RESIDUAL, GAP = 1, 2, 3


def intervals_of_levels(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the numbers of intervals of all levels, from fine to coarse."""
    levels = [tuple(n + 1 for n in shape)]
    while unknowns(levels[-1]) > COARSEST and all(n % 2 == 0 and n > 2 for n in levels[-1]):
        levels.append(tuple(n // 2 for n in levels[-1]))
    if len(levels) == 1 and all(n % 2 == 0 and n > 2 for n in levels[0]):
        levels.append(tuple(n // 2 for n in levels[0]))
    return levels


def unknowns(intervals: Sequence[int]) -> int:
    """Return the number of interior nodes."""
    return prod(n - 1 for n in intervals)


class Levels:
    """Work space of one right-hand side, and the passes of the kernels over it."""

    def __init__(
        self, shape: Sequence[int], couplings: Sequence[float], reaction: float, dtypes: Any
    ):
        from nwidth.solvers.multigrid import (
            _poisson_2d_numba,
            _poisson_3d_numba,
            _poisson_cycle_numba,
        )

        d = len(shape)
        fine, coarse = dtypes
        self.kernels = _poisson_2d_numba if d == 2 else _poisson_3d_numba
        self.cycles = _poisson_cycle_numba
        levels = intervals_of_levels(shape)
        threads = _poisson_cycle_numba.most_threads()
        self._halo = _poisson_2d_numba.HALO
        rows_of_table, sizes = [], np.zeros(3, np.int64)
        for n in levels:
            slabs = self._slabs(n, threads)
            axes = (n[0], n[1] if d == 3 else 1, n[-1])
            rows_of_table.append((*axes, *sizes, slabs))
            rows = slabs * _poisson_cycle_numba.slab_rows(n[0], slabs)
            plane = prod(k + 1 for k in n[1:-1]) * (n[-1] // 2 + 1)
            sizes += (2 * prod(n[:-1]) * (n[-1] // 2 + 1), rows * plane, prod(k + 1 for k in n))
        table = np.array(rows_of_table)
        self.levels, self._most = levels, table[:, 6].copy()
        start = table[1, 3:6].copy()
        table[1:, 3:6] -= start
        self.table = table[1:]
        large = [depth for depth, n in enumerate(levels[1:-1]) if unknowns(n) >= PROBED]
        self._probe = min(max([1, *large]), len(levels) - 3)
        lengths = sizes - start
        self.pools = tuple(np.zeros(lengths[k], coarse) for k in (0, 1, 2, 2))
        self.G = np.zeros((2, *levels[0][:-1], levels[0][-1] // 2 + 1), fine)
        self._S = np.zeros(start[1], fine)
        n = levels[1]
        below = (2, *n[:-1], n[-1] // 2 + 1)
        nodes = tuple(k + 1 for k in n)
        #: Right-hand side, correction and solution of the first coarse level.
        self.g = self.pools[0][: prod(below)].reshape(below)
        self.e, self.v = (p[: prod(nodes)].reshape(nodes) for p in self.pools[2:])
        self._windows = [self._window(levels[0], fine), self._window(n, coarse)]
        self.sums = np.zeros((2, levels[0][0]))
        weights = [_weights(couplings, reaction, k) for k in range(len(levels))]
        self.w = weights[0].astype(fine)
        self.weights = np.array(weights[1:]).astype(coarse)
        self.inverse = _inverse(levels[-1], weights[-1]).astype(coarse)
        self._vector = np.zeros(len(self.inverse), coarse)
        self.none = np.zeros((1,) * d, fine)
        self.share(1)

    def _slabs(self, n: Sequence[int], threads: int) -> int:
        """Return the number of slabs a level is cut into, each longer than two halos."""
        few = unknowns(n) < THREADED_SIZE
        return 1 if few else max(1, min(threads, n[0] // (4 * self._halo)))

    def _window(self, n: Sequence[int], dtype: Any) -> tuple[Array, Array]:
        """Return the arrays F and R of a level's passes."""
        slabs = self._slabs(n, self.cycles.most_threads())
        plane = (*(k + 1 for k in n[1:-1]), n[-1] // 2 + 1)
        return (
            np.zeros((slabs, self.kernels.RING, *plane), dtype),
            np.zeros((slabs, 5, *plane), dtype),
        )

    def share(self, threads: int) -> None:
        """Cut the levels into slabs for so many threads; what they hold is lost."""
        counts = [self._slabs(n, threads) for n in self.levels]
        counts = [min(c, most) for c, most in zip(counts, self._most, strict=True)]
        self.slabs = counts[0]
        self.table[:, 6] = counts[1:]
        rows = self.cycles.slab_rows(self.levels[0][0], self.slabs)
        plane = (*(k + 1 for k in self.levels[0][1:-1]), self.levels[0][-1] // 2 + 1)
        size = self.slabs * rows * prod(plane)
        self.S = self._S[:size].reshape(self.slabs, rows, *plane)

    def begin(self, b: Array, scale: float = 1.0, restricts: bool = False) -> float:
        """Take a right-hand side, restrict it if asked, and return the norm of what was taken."""
        R = self._windows[0][1]
        one = self.G.dtype.type(scale)
        self.kernels.begin(self.G, b, self.g, R, self.sums, one, True, restricts, self.slabs)
        return self.norm()

    def sweep(
        self,
        origin: int = STORED,
        before: int = 0,
        corrects: int = 0,
        after: int = 0,
        *,
        turn: int = 0,
        restricts: int = 0,
        measures: int = 0,
        into: Array | None = None,
    ) -> None:
        """Run one pass over the finest level."""
        F, R = self._windows[0]
        writes = into is not None
        corrects = OVER if corrects else 0
        plan = np.array([turn, origin, before, corrects, after, restricts, writes, measures])
        x = self.none if into is None else into
        arrays = (self.G, x, self.S, self.g, self.e, self.v, F, R, self.sums)
        self.kernels.sweep(*arrays, self.w, plan, self.slabs)

    def cycle(self, turn: int = 0) -> None:
        """Set the correction to a cycle on the coarse levels."""
        work = (self.table, self.weights, self.inverse, self._vector, *self._windows[1], self.sums)
        self.cycles.cycle(0, turn, self.pools, *work)

    def nest(self) -> float:
        """Solve on the coarse levels; return the part of a step that one cycle leaves over."""
        work = (self.table, self.weights, self.inverse, self._vector, *self._windows[1], self.sums)
        return float(self.cycles.nest(self._probe, self.pools, *work))

    def norm(self, row: int = 0) -> float:
        """Return the root of what a pass has summed up."""
        return float(self.sums[row, 1:].sum()) ** 0.5

    def set_second_colour(self, x: Array) -> None:
        """Keep the second colour of a field."""
        half = self.levels[0][-1] // 2
        n, slabs, halo = self.levels[0][0], self.slabs, self._halo
        cuts = [2 * (c * (n // 2) // slabs) for c in range(slabs + 1)]
        for c in range(slabs):
            for i in range(max(cuts[c], 1), min(cuts[c + 1], n)):
                row = self.S[c, i - cuts[c] + halo]
                if x.ndim == 2:
                    _split(row, x[i - 1], i + 1, half)
                    continue
                for j in range(1, x.shape[1] + 1):
                    _split(row[j], x[i - 1, j - 1], i + j + 1, half)


def _split(row: Array, x: Array, parity: int, half: int) -> None:
    """Copy the columns 2 k + parity of a row of interior nodes to places k."""
    if parity % 2:
        row[:half] = x[0::2]
    else:
        row[0] = 0
        row[1:half] = x[1::2]


def _weights(couplings: Sequence[float], reaction: float, level: int) -> Array:
    """Return the couplings, 1 / diagonal, diagonal, omega and alpha of a level.

    Red-black relaxation gains from some over-relaxation, the more the larger the eigenvalue rho of
    Jacobi's iteration on oscillations that the next level does not see: Yavneh (1996),
    doi:10.1137/0917013. Here it is that of the first colour before a restriction alone (omega),
    and of corrections (alpha) on the level that is solved, not within its cycles: so the second
    colour is in equilibrium when the residual is restricted, and the first need not be kept between
    passes. Both are fits to the fewest cycles to 1e-8, for ratios of couplings from 1 to 2 in two
    and three dimensions.
    """
    d = len(couplings)
    t = np.array(couplings, float) * 2.0 ** ((d - 2) * level)
    diagonal = 2 * t.sum() + reaction * 2.0 ** (d * level)
    rho = 2 * (t.sum() - t.min()) / diagonal
    return np.array([*t, 1 / diagonal, diagonal, 1 + 2.5 * rho**4, 1 + rho**2 / 3])


def _inverse(intervals: Sequence[int], weights: Array) -> Array:
    """Return the inverse of the matrix of a level, unknowns in C order."""
    d = len(intervals)
    matrix = weights[d + 1] * np.eye(unknowns(intervals))
    for k, t in enumerate(weights[:d]):
        inner = unknowns(intervals[k + 1 :])
        outer = unknowns(intervals[:k])
        pairs = np.eye(intervals[k] - 1, k=1) + np.eye(intervals[k] - 1, k=-1)
        matrix -= t * np.kron(np.eye(outer), np.kron(pairs, np.eye(inner)))
    return np.linalg.inv(matrix)
