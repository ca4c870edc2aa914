"""Q-DEIM: points by QR decomposition with column pivoting."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.field_basis import field_rows, first_largest, orthonormal

Array = NDArray[Any]

# Columns that are brought up to date together, to find those that are longest for some steps.
_CANDIDATES = 256


def qdeim(basis: Any) -> BasisInterpolation:
    """Choose as many points as basis functions, by pivots of a QR decomposition.

        U* Pi = Q R,    p_k = the column of U* whose part orthogonal to those chosen is longest

    Unlike DEIM the points depend on the space alone, not on the order of the functions, and
    1 / sigma_min(P^T U) is often smaller. Reference: Drmac & Gugercin (2016),
    doi:10.1137/15M1019271.

    Columns only become shorter. So some long ones are kept up to date while one of them is surely
    the longest; then all of them take the steps in one product of matrices. Of equal columns the
    first counts.

    Args:
        basis: fields as rows, shape (r, *shape), real or complex, linearly independent.

    >>> y = np.linspace(-1, 1, 201)
    >>> sorted(qdeim(np.stack([np.ones(201), y, y**2])).points.tolist())
    [0, 100, 200]
    """
    fields = field_rows(basis, "basis")
    rows = orthonormal(fields.reshape(len(fields), -1))
    return BasisInterpolation(fields, longest_columns(rows, len(rows)))


def longest_columns(matrix: Array, number: int) -> Array:
    """Return the first pivots of a QR decomposition with column pivoting.

    Args:
        matrix: shape (r, n), of rank `number` at least.
        number: how many pivots, at most r.

    >>> longest_columns(np.array([[1.0, 3.0, 0.0], [0.0, 0.0, 2.0]]), 2).tolist()
    [1, 2]
    """
    E, chosen = np.array(matrix), np.zeros(0, np.int64)
    while len(chosen) < number:
        lengths = _squares(E)
        lengths[chosen] = 0
        few = min(_CANDIDATES, len(lengths))
        # Of equal lengths the first, which the partition may have left out.
        order = np.union1d(np.argpartition(-lengths, few - 1)[:few], first_largest(lengths))
        rest = np.delete(lengths, order).max(initial=0.0)
        block = E[:, order]
        new: list[int] = []
        Q = np.zeros((len(E), 0), E.dtype)
        while len(chosen) < number:
            candidates = _squares(block)
            best = first_largest(candidates)
            if new and candidates[best] <= rest:
                break
            v = block[:, best] - Q @ (Q.conj().T @ block[:, best])
            q = v / np.linalg.norm(v)
            block -= np.outer(q, q.conj() @ block)
            block[:, best] = 0
            Q, new = np.column_stack([Q, q]), [*new, int(order[best])]
            chosen = np.append(chosen, order[best])
        E -= Q @ (Q.conj().T @ E)
    return chosen


def _squares(columns: Array) -> Array:
    """Return squares of the lengths of columns."""
    if np.iscomplexobj(columns):
        return _squares(columns.real) + _squares(columns.imag)
    return np.einsum("ij,ij->j", columns, columns)
