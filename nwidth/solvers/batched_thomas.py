"""Thomas' algorithm for many lines side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import real_floating, require_shape
from nwidth.errors import InputError

Array = NDArray[Any]


class BatchedThomas:
    """Tridiagonal systems in flux form, the line innermost: elimination without subtractions.

        T_k (x_k - x_k-1) + T_k+1 (x_k - x_k+1) + c_k x_k = f_k,    k = 0, ..., n - 1

        s_0 = c_0 + T_0,    s_k = c_k + T_k s_k-1 / (T_k + s_k-1),    pivot_k = T_k+1 + s_k

    s_k is what the points up to k have of walls and reaction, faces in series and in parallel.
    Sums of positive numbers lose no digits, so that the factors are accurate in every entry
    whatever the contrast: Alfa, Xue & Ye (2002), doi:10.1090/S0025-5718-01-01325-4, section 2.
    T_0 and T_n lead to walls whose value is zero, or are zero. In a ring T_0 = T_n leads from the
    last point to the first.

    Rings, and lines without walls and reaction, are opened at their last point: it is a wall for
    the others,

        x = y + (1 - v) x_n-1,    B y = f,    B v = c,
        (c_n-1 + T_0 v_0 + T_n-1 v_n-2) x_n-1 = f_n-1 + T_0 y_0 + T_n-1 y_n-2

    with B the matrix of the others and no subtraction on the left, which is exactly zero where
    nothing holds the level of x; there x_n-1 = 0, and f has to sum to zero.

    Args:
        points: n, in a ring at least two.
        width: number of lines, a multiple of 8.
        ring: whether the lines are closed.

    Raises `InputError` for other numbers. Different threads use different objects.

    >>> lines = BatchedThomas(3, 8)
    >>> x, residuals = lines.solve(np.ones((4, 8)), None, np.ones((3, 8)))
    >>> x[:, 0].tolist(), float(residuals.max()) < 1e-15
    ([1.5, 2.0, 1.5], True)
    """

    def __init__(self, points: int, width: int, ring: bool = False):
        from nwidth.solvers import _batched_thomas_numba as kernels

        require_integer(points, "points", 2 if ring else 1)
        if require_integer(width, "width", 1) % kernels.LANES:
            raise InputError(f"width: expected a multiple of {kernels.LANES} lines, got {width}")
        self.kernels, self.points, self.width, self.ring = kernels, points, width, ring
        self._shares, self._ground = np.empty(points * width), np.empty(width)
        self._x, self._v = np.empty((2, points, width))

    def solve(self, faces: Array, reaction: Array | None, right: Array) -> tuple[Array, Array]:
        """Return x and ||f - A x|| / ||f|| of every line, which is zero for f = 0.

        Args:
            faces: T, shape `(n + 1, width)`.
            reaction: c, shape `(n, width)`, or None.
            right: f, shape `(n, width)`.

        All are computed with in float64. x is work space: the next call writes to it. Raises
        `InputError` for other shapes.
        """
        n, x = self.points, self._x
        faces, right = self._checked(faces, "faces", n + 1), self._checked(right, "right side", n)
        t, f = faces.reshape(-1), right.reshape(-1)
        c = np.empty(0) if reaction is None else self._checked(reaction, "reaction", n).reshape(-1)
        walls = not self.ring and bool(faces[[0, -1]].any())
        if self.ring or not (walls or c.any()):
            self._open(t, c, f, faces, right)
        else:
            self._eliminate(t, c, f, x, self.points)
        squares = np.empty((2, self.width))
        self.kernels.squares(
            *(t, c, f, x.reshape(-1), self.ring, self.points, self.width, squares.reshape(-1))
        )
        rest, size = np.sqrt(squares)
        return x, np.divide(rest, size, out=rest, where=size > 0)

    def _checked(self, values: Array, what: str, rows: int) -> Array:
        """Return an array of so many rows as kernels take it."""
        values = require_shape(real_floating(values, what), (rows, self.width), what)
        return np.ascontiguousarray(values, dtype=np.float64)

    def _open(self, t: Array, c: Array, f: Array, faces: Array, right: Array) -> None:
        """Solve with the last point as a wall, then for its value."""
        x, v, last = self._x, self._v, self.points - 1
        self._eliminate(t, c, f, x, last)
        own, total = np.zeros(self.width), right[last].copy()
        if c.size:
            self._eliminate(t, c, c, v, last)
            own += c.reshape(x.shape)[last]
        for face, near in [(0, 0)] * self.ring + [(last, last - 1)] * (last > 0):
            total += faces[face] * x[near]
            if c.size:
                own += faces[face] * v[near]
        x[last] = np.divide(total, own, out=np.zeros(self.width), where=own > 0)
        if c.size:
            x[:last] += (1 - v[:last]) * x[last]

    def _eliminate(self, t: Array, c: Array, f: Array, x: Array, points: int) -> None:
        """Set the first points of x, those behind them being walls."""
        work = (self._shares, self._ground, points, self.width)
        self.kernels.eliminate(t, c, f, x.reshape(-1), *work)
