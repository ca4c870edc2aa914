"""Orthonormal columns that change little at a time: a fixed tall matrix times a small one."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Beyond this condition number of the small matrix, the tall one is multiplied out.
_CONDITION = 1e3


class ImplicitBasis:
    """Orthonormal columns V = P K, with P tall and K small, k x k.

    What an update adds to the span of V has few nonzero rows S, and then

        V M + S N = (P + S N (K M)^-1) (K M)

    changes those rows of P alone: nnz(S) k + k^3 operations, whatever the length. Where K M is not
    square or not well conditioned, V M + S N is formed, n k^2 operations, and K = I again;
    `formed` counts how often. Reference: Deng, Yang, Li, Chen, Jiang & Pu (2024), arXiv:2401.09703,
    section 3, on extended decompositions.

    Args:
        columns: V, (n, k), orthonormal.

    `drift` bounds to first order what rounding did to the orthonormality since it was last exact.

    >>> basis = ImplicitBasis(np.eye(3)[:, :2])
    >>> M, N = np.array([[0.8, 0.0], [0.0, 1.0]]), np.array([[0.6, 0.0]])
    >>> basis.change(M, [2], np.ones((1, 1)), N)
    >>> basis.columns().round(12).tolist(), basis.formed
    ([[0.8, 0.0], [0.0, 1.0], [0.6, 0.0]], 0)
    """

    def __init__(self, columns: Array):
        self._tall = np.array(columns, order="C")  # P, with room for more rows below
        self._rows = len(columns)
        self._small = np.eye(columns.shape[1], dtype=columns.dtype)  # K
        self.drift, self.formed = 0.0, 0

    @property
    def shape(self) -> tuple[int, int]:
        """Length and number of the columns."""
        return self._rows, self._small.shape[1]

    def columns(self) -> Array:
        """Return V = P K."""
        return self._tall[: self._rows] @ self._small

    def rows(self, which: Any) -> Array:
        """Return some rows of V, k^2 operations each."""
        return self._tall[: self._rows][which] @ self._small

    def lengthen(self, count: int) -> None:
        """Add rows of zeros; room is doubled at a time, so that rows are seldom copied."""
        if self._rows + count > len(self._tall):
            room = np.zeros((2 * (self._rows + count), self._tall.shape[1]), self._tall.dtype)
            room[: self._rows] = self._tall[: self._rows]
            self._tall = room
        self._rows += count

    def inner(self, where: Any, S: Any) -> Array:
        """Return V^H S for columns that are S (any, s) in some rows and zero in the others."""
        found = S.conj().T @ self._tall[: self._rows][where]
        return self._small.conj().T @ np.asarray(found).conj().T

    def change(self, M: Array, where: Any, S: Any, N: Array) -> None:
        """Replace V by V M + S N, which the caller knows to be orthonormal."""
        small = self._small @ M
        eps = float(np.finfo(small.dtype).eps)
        sizes = np.linalg.svd(small, compute_uv=False) if small.size else np.zeros(1)
        if M.shape[0] != M.shape[1] or not sizes[-1] * _CONDITION > sizes[0]:
            columns = self._tall[: self._rows] @ small
            columns[where] += S @ N
            self._form(columns)
            self.drift += 4 * eps
            return
        added = np.linalg.solve(small.T, N.T).T  # N (K M)^-1
        self._tall[: self._rows][where] += S @ added
        self._small = small
        self.drift += 4 * eps * float(sizes[0] / sizes[-1])

    def defect(self) -> float:
        """Return max |V^H V - I|, n k^2 operations."""
        V = self.columns()
        return float(np.abs(V.conj().T @ V - np.eye(V.shape[1])).max(initial=0.0))

    def orthonormalize(self) -> Array:
        """Make V orthonormal to round-off again and return R, V before = V after R."""
        Q, R = np.linalg.qr(self.columns())
        self._form(Q)
        self.drift = 0.0
        return R

    def turn(self, W: Array) -> Self:
        """Replace V by V W, with W orthogonal."""
        self._small = self._small @ W
        return self

    def _form(self, columns: Array) -> None:
        """Keep columns as they are, K = I."""
        self._tall, self._rows = np.ascontiguousarray(columns), len(columns)
        self._small = np.eye(columns.shape[1], dtype=columns.dtype)
        self.formed += 1
