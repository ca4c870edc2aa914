"""Concave minorants of the smallest eigenvalue of A(theta), by linear programs and without them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import NotConvergedError
from nwidth.rom._rounding_numba import EPS

Array = NDArray[Any]

# Weights and remainders of a program's solution count as zero below this relative size.
_ZERO = 1e-9


@dataclass(frozen=True)
class EigenvalueMinorant:
    """Lower bounds of alpha(theta) = min_v v^H A(theta) v / v^H X v from values at samples.

    alpha is concave and positively homogeneous, and l_q X <= A_q <= u_q X. So any w_i >= 0 give

        alpha(theta)  >=  sum_i w_i alpha(theta_i)  +  sum_q min(l_q r_q, u_q r_q),
                          r = theta - sum_i w_i theta_i

    The best w is the solution of a linear program, the dual of that of the successive constraint
    method: milliseconds. It is kept as a vertex (the samples with w_i > 0 and the matrix T with
    w = T theta), and at any other theta w = max(T theta, 0) is admissible too: r is computed, not
    assumed to vanish, so that the bound holds whatever T is. The largest one over all vertices
    takes a few products of small matrices, in one compiled loop. A second trial multiplies w by the
    largest factor <= 1 that leaves r >= 0, which is what terms with l_q = 0 ask for. Reference:
    Huynh, Rozza, Sen & Patera (2007), doi:10.1016/j.crma.2007.09.019.

    Args:
        ranges: l_q and u_q, shape (Q, 2).
        points: theta_i, shape (k, Q).
        values: lower bounds of alpha(theta_i), shape (k,).
        supports: samples of each vertex, shape (K, Q), -1 for none.
        maps: T of each vertex, shape (K, Q, Q).
    """

    ranges: Array
    points: Array
    values: Array
    supports: Array
    maps: Array

    @classmethod
    def of(cls, ranges: Array) -> "EigenvalueMinorant":
        """Return the minorant of the ranges alone, whose one vertex has no samples."""
        Q = len(ranges)
        none = np.full((1, Q), -1)
        return cls(ranges, np.zeros((0, Q)), np.zeros(0), none, np.zeros((1, Q, Q)))

    def with_sample(self, point: Array, value: float) -> "EigenvalueMinorant":
        """Return the minorant with one more sample and its rays w = theta_q / theta_iq."""
        Q, k = len(point), len(self.values)
        ways = np.flatnonzero(point)
        supports = np.full((len(ways), Q), -1)
        supports[:, 0] = k
        maps = np.zeros((len(ways), Q, Q))
        maps[np.arange(len(ways)), 0, ways] = 1 / point[ways]
        return replace(
            self,
            points=np.vstack([self.points, point]),
            values=np.append(self.values, value),
            supports=np.vstack([self.supports, supports]),
            maps=np.concatenate([self.maps, maps]),
        )

    def kept(self, vertices: Any) -> "EigenvalueMinorant":
        """Return the minorant with some of the vertices alone."""
        return replace(self, supports=self.supports[vertices], maps=self.maps[vertices])

    def lower(self, theta: Array) -> Array:
        """Return lower bounds (m,) for coefficients (m, Q)."""
        return self.evaluate(theta)[0]

    def evaluate(self, theta: Array) -> tuple[Array, Array]:
        """Return lower bounds (m,), and the vertices (m,) that gave them."""
        from nwidth.rom.stability._eigenvalue_minorant_numba import largest

        m, Q = theta.shape
        bounds, sizes, vertices = np.empty(m), np.empty(m), np.empty(m, dtype=np.intp)
        given = (theta, self.supports, self.maps, self.points, self.values, *self.ranges.T)
        tables = (np.ascontiguousarray(a) for a in given)
        largest(*tables, bounds, sizes, vertices)
        # What rounding may have added.
        return bounds - (4 * Q + 16) * EPS * sizes, vertices

    def optimal(self, theta: Array) -> "EigenvalueMinorant":
        """Return the minorant with the vertex that is best for one theta (Q,) alone.

        Solves the linear program; raises `NotConvergedError` if that fails.
        """
        from scipy.optimize import linprog

        (k, Q), (low, high) = self.points.shape, self.ranges.T
        scale = float(np.abs(theta).max()) or 1.0
        lengths = np.abs(self.points).max(axis=1)
        C = self.points / lengths[:, None]
        # max w . values + p . l - n . u  with  C^T w + p - n = theta and w, p, n >= 0
        cost = -np.concatenate([self.values / lengths, low, -high])
        result = linprog(
            cost / (np.abs(cost).max() or 1.0),
            A_eq=np.hstack([C.T, np.eye(Q), -np.eye(Q)]),
            b_eq=theta / scale,
            bounds=(0, None),
            method="highs-ds",
        )
        if result.x is None:
            raise NotConvergedError(
                f"linear program: no solution ({result.message}); check the ranges of the terms"
            )
        weights = result.x[:k]
        support = np.flatnonzero(weights > _ZERO * max(weights.max(initial=0.0), _ZERO))
        support = support[np.argsort(-weights[support])][:Q]
        r = np.abs(theta / scale - weights @ C)
        rows = np.flatnonzero(r <= _ZERO * (np.abs(theta) / scale + weights @ np.abs(C)))
        if len(rows) < len(support):
            rows = np.argsort(r)[: len(support)]
        supports, maps = np.full((1, Q), -1), np.zeros((1, Q, Q))
        supports[0, : len(support)] = support
        if len(support):
            maps[0][: len(support), rows] = np.linalg.pinv(self.points[support][:, rows].T)
        return replace(self, supports=supports, maps=maps)

    def joined(self, other: "EigenvalueMinorant") -> "EigenvalueMinorant":
        """Return the minorant with the vertices of another one of the same samples too."""
        return replace(
            self,
            supports=np.vstack([self.supports, other.supports]),
            maps=np.concatenate([self.maps, other.maps]),
        )
