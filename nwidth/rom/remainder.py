"""The remainder of empirical interpolation, f - I_k f, for data in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Rows that are brought up to date first, to find one above the bounds of all others.
_FEW = 4
# A bound grows by rounding, in each step by a few units of the last place.
_SLACK = 1 + 1e-14
# No step can find a chosen row waiting.
_NEVER = np.iinfo(np.int64).max


class Remainder:
    """Remainders r_k(x_j, .) of all rows; only those that may be the largest are up to date.

        r_{k+1}(x_j, .) = r_k(x_j, .) - c_jk q_k,    q_k = r_k(x_k, .) / r_k(x_k, y_k)

    Since ||r_{k+1}|| <= ||r_k|| + |c_jk| ||q_k||, a row whose bound is below the norm of another
    one can wait; later it takes all the steps it has missed in one pass over memory. Its c_jk need
    its values at single points only. Rows that are up to date are those of an algorithm that does
    every step on every row, bit by bit, and so is the choice.

    Args:
        data: rows f(x_j, .), shape (rows, points), C-contiguous; overwritten.
        power: p of the norm, 0 for the maximum.
        weights: of the points in the norm, or none.

    >>> remainder = Remainder(np.array([[1.0, 2.0], [4.0, 3.0]]), 0, None)
    >>> remainder.largest()
    (1, 4.0)
    >>> remainder.subtract(1, 0)
    >>> remainder.largest()
    (0, 1.25)
    """

    def __init__(self, data: Array, power: float, weights: Array | None):
        rows = len(data)
        self._R, self._power = data, float(power)
        self._weights = np.zeros(0) if weights is None else weights
        self._C = np.zeros((rows, 16), data.dtype)
        self._done, self._bounds = np.full(rows, -1), np.full(rows, np.inf)
        self._chosen: list[int] = []

    def largest(self) -> tuple[int, float]:
        """Return the row with the largest norm, the first of equal ones, and that norm."""
        step, bounds, few = len(self._chosen), self._bounds, _FEW
        while True:
            current = self._done == step
            best = float(bounds[current].max(initial=0.0))
            waiting = np.flatnonzero(~current & (bounds >= best))
            if not waiting.size:
                return int(np.flatnonzero(current & (bounds == best))[0]), best
            if waiting.size > few:
                waiting = waiting[np.argpartition(bounds[waiting], -few)[-few:]]
            self._update(waiting)
            few *= 2

    def row(self, j: int) -> Array:
        """Return the remainder of a row that is up to date."""
        return self._R[j]

    def subtract(self, j: int, point: int) -> None:
        """Do a step: interpolate row j, which is up to date, at a point."""
        from nwidth.rom._remainder_numba import column, size

        step, chosen = len(self._chosen), np.array(self._chosen, np.int64)
        if step == self._C.shape[1]:
            self._C = np.concatenate([self._C, np.zeros_like(self._C)], axis=1)
        column(self._R, self._C, chosen, self._done, step, point)
        q = self._R[j]
        q /= q[point]
        self._chosen.append(j)
        length = size(q, self._weights, self._power, np.iscomplexobj(q))
        length = length ** (1 / self._power) if self._power > 1 else length
        self._bounds += np.abs(self._C[:, step]) * (length * _SLACK)
        self._bounds *= _SLACK
        self._done[j], self._bounds[j] = _NEVER, -np.inf

    def _update(self, rows: Array) -> None:
        from nwidth.rom._remainder_numba import bring_up_to_date

        chosen = np.array(self._chosen, np.int64)
        state = (self._R, self._C, chosen, self._done, len(chosen), rows, self._bounds)
        bring_up_to_date(*state, self._weights, self._power, np.iscomplexobj(self._R))
