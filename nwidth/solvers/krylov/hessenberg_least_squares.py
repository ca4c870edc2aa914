"""The least-squares problems of an Arnoldi process, updated column by column."""

from typing import Any

import numpy as np
import scipy.linalg as sla
from numpy.typing import NDArray

Array = NDArray[Any]

# The part of a column, at most, that is round-off of a combination of the columns before.
NOTHING = 20 * float(np.finfo(np.float64).eps)


class HessenbergLeastSquares:
    """min || beta e_1 - H y || for Hessenberg matrices H that grow, one for every sample.

    Q* H = R by one more plane rotation per column; the last entry of Q* (beta e_1) is the norm of
    the residual. Reference: Saad & Schultz (1986), doi:10.1137/0907058, section 3.2.

    A column that is a combination of those before it, which a singular operator leaves, has a zero
    on the diagonal of R and does not change the norm.

    Args:
        beta: right-hand sides, shape `(sample,)`, real.
        columns: how many at most.
        kind: float64 or complex128.

    >>> fit = HessenbergLeastSquares(np.array([1.0]), 1, np.float64)
    >>> fit.append(np.array([[1.0]]), np.array([1.0])).round(6).tolist()
    [0.707107]
    >>> fit.solution(np.array([1])).round(6).tolist()
    [[0.5]]
    """

    def __init__(self, beta: Array, columns: int, kind: Any):
        samples = beta.size
        self.count = 0
        self.H = np.zeros((samples, columns + 1, columns), kind)
        self._R = np.zeros((samples, columns + 1, columns), kind)
        self._Q = np.tile(np.eye(columns + 1, dtype=kind), (samples, 1, 1))  # this is Q*
        self._beta = beta

    def append(self, h: Array, size: Array) -> Array:
        """Add a column: h of shape `(sample, count + 1)`, size >= 0 below it; return the norms."""
        j = self.count
        self.H[:, : j + 1, j], self.H[:, j + 1, j] = h, size
        r = np.matmul(self._Q[:, : j + 1, : j + 1], h[:, :, None])[:, :, 0]
        length = np.hypot(np.abs(r[:, j]), size)
        column = np.maximum(np.abs(h).max(axis=1), size)
        length[length <= NOTHING * column] = 0.0
        length[~np.isfinite(column)] = np.nan
        nothing = length == 0
        safe = length + nothing
        c, s = np.where(nothing, 0.0, r[:, j] / safe), np.where(nothing, 1.0, size / safe)
        upper, lower = self._Q[:, j].copy(), self._Q[:, j + 1].copy()
        self._Q[:, j] = c.conj()[:, None] * upper + s[:, None] * lower
        self._Q[:, j + 1] = c[:, None] * lower - s[:, None] * upper
        self._R[:, :j, j], self._R[:, j, j] = r[:, :j], length
        self.count = j + 1
        return np.abs(self._beta * self._Q[:, j + 1, 0])

    def solution(self, counts: Array) -> Array:
        """Return y of the first so many columns of every sample, filled with zeros.

        A singular triangle is solved in least squares.
        """
        y = np.zeros((self._beta.size, self.count), self._R.dtype)
        for sample, k in enumerate(counts):
            R, g = self._R[sample, :k, :k], self._beta[sample] * self._Q[sample, :k, 0]
            pivots = np.abs(np.diagonal(R))
            if k and pivots.min() > np.finfo(R.dtype).eps * pivots.max():
                y[sample, :k] = sla.solve_triangular(R, g)
            elif k:
                y[sample, :k] = np.linalg.lstsq(R, g, rcond=None)[0]
        return y
