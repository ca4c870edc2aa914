"""A sparse matrix as the stiff linear part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.elimination import elimination
from nwidth.solvers.sparse_operator import canonical
from nwidth.solvers.stepping.linear_part import LinearPart, ShiftedSolve

Array = NDArray[Any]


class SparsePart(LinearPart):
    """L as a sparse matrix: finite differences, elements or volumes, of any boundary conditions.

    The n unknowns are the last axes of v in C order; batches stand before them. 1 - shift L is
    factorized once for each of the last few shifts (see `elimination`), in double precision.

    Args:
        matrix: sparse or dense, (n, n), real or complex. Mass matrices are none of its business.

    Raises `InputError` for what is no square matrix, and where 1 - shift L is singular,
    `NonFiniteError` for NaN and infinity.

    >>> import scipy.sparse as sp
    >>> L = SparsePart(sp.diags_array([[1.0, 1.0], [-2.0] * 3, [1.0, 1.0]], offsets=[-1, 0, 1]))
    >>> v, out = np.ones(3), np.empty(3)
    >>> L.apply(v, out)
    >>> out.tolist()
    [-1.0, 0.0, -1.0]
    """

    def __init__(self, matrix: Any):
        self.matrix = canonical(matrix)
        if self.matrix.shape[0] != self.matrix.shape[1]:
            raise InputError(f"matrix: expected a square one, got shape {self.matrix.shape}")
        self.real = self.matrix.dtype.kind == "f"

    def apply(self, v: Array, out: Array) -> None:
        """Write the product to `out`."""
        out[...] = (self.matrix @ self._columns(v)).T.reshape(v.shape)

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution by factors of 1 - shift L."""
        import scipy.sparse as sp

        n = self.matrix.shape[0]
        factors = elimination(sp.eye_array(n, format="csr") - shift * self.matrix)

        def solve(b: Array, out: Array) -> None:
            columns = self._columns(b)
            if np.isfinite(columns).all():
                out[...] = factors(columns).T.reshape(b.shape)
            else:
                out[...] = np.nan  # a state that has blown up, which whoever steps tells

        return solve

    def _columns(self, v: Array) -> Array:
        """Return the samples of v side by side."""
        n = self.matrix.shape[0]
        if v.size % n or v.size == 0:
            raise InputError(
                f"v: expected last axes of {n} unknowns, as the matrix has, got shape {v.shape}"
            )
        columns = v.reshape(-1, n).T
        return columns[:, 0] if columns.shape[1] == 1 else columns
