"""Interpolation in the first k functions of a basis at k points, one more at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class NestedInterpolation:
    """Residuals of a basis, each interpolated by the functions before it.

        rho_k = u_k - sum_{j<k} c_j q_j,    sum_{j<k} c_j q_j(p_i) = u_k(p_i),    i < k
        q_k = rho_k / rho_k(p_k)

    Since q_j(p_i) = 0 for i < j and q_j(p_j) = 1, the coefficients come by forward substitution:
    no system is solved anew. It is Gaussian elimination with a choice of rows, LU = P U.

    Args:
        rows: the functions u_k as rows, shape (r, points).

    >>> nested = NestedInterpolation(np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]))
    >>> nested.add(0)
    >>> nested.residual().tolist()
    [0.0, 1.0, 2.0]
    """

    def __init__(self, rows: Array):
        self.rows, self.points = rows, np.zeros(0, np.int64)
        self._Q, self._rho = np.empty_like(rows), rows[0].copy()
        self._B = np.zeros((len(rows), len(rows)), rows.dtype)

    def residual(self) -> Array:
        """Return rho_k for k points."""
        return self._rho

    def add(self, point: int) -> None:
        """Take one more point, where rho_k is not zero."""
        from scipy.linalg import solve_triangular

        k = len(self.points)
        self._Q[k] = self._rho / self._rho[point]
        self._Q[k, self.points] = 0
        self.points = np.append(self.points, point)
        self._B[: k + 1, k] = self._Q[: k + 1, point]
        if k + 1 < len(self.rows):
            u, triangle = self.rows[k + 1], self._B[: k + 1, : k + 1]
            options: dict[str, Any] = {"unit_diagonal": True, "check_finite": False}
            c = solve_triangular(triangle, u[self.points], trans="T", **options)
            self._rho = u - c @ self._Q[: k + 1]
            self._rho[self.points] = 0

    def cardinal(self) -> Array:
        """Return functions l_m in the span, l_m(p_i) = 1 for i = m and else 0, for all points."""
        from scipy.linalg import solve_triangular

        return solve_triangular(self._B, self._Q, unit_diagonal=True, check_finite=False)
