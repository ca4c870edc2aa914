"""The remainder of empirical interpolation, f - I_k f, for data in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Rows that are brought up to date first, to find one above the bounds of all others.
_FEW = 4
# No step can find a chosen row waiting.
_NEVER = np.iinfo(np.int64).max


class Remainder:
    """Remainders r_k(x_j, .) of all rows; only those that may be the largest are up to date.

        r_{k+1}(x_j, .) = r_k(x_j, .) - c_jk q_k,    q_k = r_k(x_k, .) / r_k(x_k, y_k)

    Since ||r_{k+1}|| <= ||r_k|| + |c_jk| ||q_k||, a row whose bound is below the norm of another
    one can wait; later it takes all the steps it has missed in one pass over memory. Its c_jk need
    its values at single points only. Rows that are up to date are those of an algorithm that does
    every step on every row, bit by bit, and so is the choice.

    At a chosen point q_k is one exactly, so that remainders there become zero and stay it: the
    matrix q_k(y_l) is unit lower triangular to the last bit. Removing the interpolant a second
    time, (Id - I_k)^2, which keeps it so under rounding where remainders are computed from f and
    I_k f (Casenave, Ern & Lelievre 2014, arXiv:1212.0970), changes nothing here.

    Args:
        data: rows f(x_j, .), shape (rows, points), C-contiguous; overwritten.
        power: p of the norm, 0 for the maximum.
        weights: of the points in the norm, or none.
        scale: by which the data were multiplied before, and norms are too large therefore.

    >>> remainder = Remainder(np.array([[1.0, 2.0], [4.0, 3.0]]), 0, None)
    >>> remainder.largest()
    (1, 4.0)
    >>> remainder.subtract(1)
    0
    >>> remainder.largest()
    (0, 1.25)
    """

    def __init__(self, data: Array, power: float, weights: Array | None, scale: float = 1.0):
        rows = len(data)
        self._R, self._power, self.scale = data, float(power), scale
        self._weights = np.zeros(0) if weights is None else weights
        self._C = np.zeros((rows, 16), data.dtype)
        self._done, self._bounds = np.full(rows, -1), np.full(rows, np.inf)
        # A chosen row has no remainder left: its place is that of its q_k.
        self._Q, self._at = data, np.zeros(0, np.int64)
        self._slack = slack(data, power)

    def largest(self) -> tuple[int, float]:
        """Return the row with the largest norm, the first of equal ones, and that norm."""
        step, bounds, few = len(self._at), self._bounds, _FEW
        current = self._done == step
        while True:
            best = float(bounds[current].max(initial=0.0))
            waiting = np.flatnonzero(~current & (bounds >= best))
            if not waiting.size:
                return self._first(best), best
            if waiting.size > few:
                waiting = waiting[np.argpartition(bounds[waiting], -few)[-few:]]
            self._update(waiting)
            current[waiting] = True
            few *= 2

    def row(self, j: int) -> Array:
        """Return the remainder of a row that is up to date."""
        return self._R[j]

    def subtract(self, j: int) -> int:
        """Do a step: interpolate row j, which is up to date, where it is largest; return where."""
        from nwidth.rom._remainder_numba import column, size

        step, point = len(self._at), int(np.abs(self._R[j]).argmax())
        if step == self._C.shape[1]:
            self._C = np.concatenate([self._C, np.zeros_like(self._C)], axis=1)
        column(self._R, self._C, self._Q, self._at, self._done, step, point)
        self._R[j] /= self._R[j, point]
        self._at = np.append(self._at, self._place(j))
        length = size(self._R[j], self._weights, self._power, np.iscomplexobj(self._R))
        length = length ** (1 / self._power) if self._power > 1 else length
        grow(self._bounds, self._C[:, step], length, self._slack)
        self._done[j], self._bounds[j] = _NEVER, -np.inf
        return point

    def _first(self, norm: float) -> int:
        """Return the first row of this norm; any if all rows were chosen."""
        return int((self._bounds == norm).argmax())

    def _place(self, j: int) -> int:
        """Return where the q_k that has just come into row j is kept."""
        return j

    def _update(self, rows: Array) -> None:
        from nwidth.rom._remainder_numba import bring_up_to_date

        state = (self._R, self._C, self._Q, self._at, self._done, len(self._at))
        norm = (self._weights, self._power, np.iscomplexobj(self._R))
        bring_up_to_date(*state, rows, self._bounds, *norm)


def scale_of(largest: float, dtype: np.dtype, power: float) -> float:
    """Return the power of two by which data are multiplied so that no power of theirs overflows.

    It is one unless the largest number is far from one.
    """
    exponent, limit = int(np.frexp(largest)[1]), 1000 if np.finfo(dtype).bits == 64 else 120
    free = min(40, int(100 / max(power, 1.0)))
    return 1.0 if abs(exponent) <= free else float(np.ldexp(1.0, -np.clip(exponent, -limit, limit)))


def slack(data: Array, power: float) -> float:
    """Return the factor by which rounding lets computed norms pass their bounds in one step."""
    summed = data.shape[1] * np.finfo(np.float64).eps if power else 0.0
    return 1 + 8 * float(np.finfo(data.dtype).eps) + summed


def grow(bounds: Array, c: Array, length: float, slack: float) -> None:
    """Add to bounds of norms what a step may, ||c_jk q_k||."""
    bounds += np.abs(c) * (length * slack)
    bounds *= slack
