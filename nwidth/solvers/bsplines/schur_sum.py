"""Sums of matrices along axes, solved by Schur's forms: for matrices without good eigenvectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.bsplines.collocation_operator import along

Array = NDArray[Any]


class SchurSum:
    """The solution y of (L_1 x I x I + I x L_2 x I + I x I x L_3) y = g, for one to three matrices.

        L_k = Q_k T_k Q_k^H,    (T_1 x I x I + ...) z = Q^H g,    y = Q z

    T_k are triangular. In two dimensions z solves Sylvester's equation T_1 z + z T_2^T = h, by
    LAPACK's `trsyl`; in three its layers z_i are found from the last to the first,

        (T_2 + t_ii) z_i + z_i T_3^T = h_i - sum_(j > i) t_ij z_j,    t = T_1.

    Only unitary matrices are used, hence it is stable where eigenvectors are nearly parallel, as
    those of convection are. O(N n) operations like products with eigenvectors, about three times as
    long.

    Reference: Bartels & Stewart (1972), Comm. ACM 15, 820, doi:10.1145/361573.361582.

    Args:
        matrices: L_k, square, real or complex.

    >>> A, B = np.array([[2.0, 1.0], [0.0, 2.0]]), np.array([[3.0]])
    >>> SchurSum([A, B]).solve(np.array([[11.0], [5.0]])).round(12).tolist()
    [[2.0], [1.0]]
    """

    def __init__(self, matrices: Sequence[Array]):
        from scipy.linalg import schur

        self.dimension = len(matrices)
        real = self.dimension < 3 and all(L.dtype.kind == "f" for L in matrices)
        # One matrix alone is the first of two, the other one zero.
        whole = [*matrices, np.zeros((1, 1))] if self.dimension == 1 else [*matrices]
        forms = [
            schur(L.conj() if L is whole[-1] else L, output="real" if real else "complex")
            for L in whole
        ]
        self.T, Q = [T for T, _ in forms], [Q for _, Q in forms]
        self.out = [*Q[:-1], Q[-1].conj()]
        self.transposed = "T" if real else "C"

    def solve(self, g: Array) -> Array:
        """Return y, of the shape of g: one axis per matrix."""
        return self._turned(g, False)

    def adjoint(self, g: Array) -> Array:
        """Return the solution with the conjugate transposes of the matrices."""
        return self._turned(g, True)

    def _turned(self, g: Array, adjoint: bool) -> Array:
        z = g[:, None] if self.dimension == 1 else g
        for k, Q in enumerate(self.out):
            z = along(Q.conj().T, z, k)
        z = self._layers(z, adjoint) if self.dimension == 3 else self._layer(z, 0.0, adjoint)
        for k, Q in enumerate(self.out):
            z = along(Q, z, k)
        return z.reshape(g.shape)

    def _layer(self, h: Array, shift: Any, adjoint: bool) -> Array:
        """Solve Sylvester's equation of the last two matrices."""
        from scipy.linalg import get_lapack_funcs

        first, second = self.T[-2:]
        if shift:
            first = first + shift * np.eye(len(first))
        (trsyl,) = get_lapack_funcs(("trsyl",), (first, second, h))
        turned = (self.transposed, "N") if adjoint else ("N", self.transposed)
        z, scale, _ = trsyl(first, second, h, trana=turned[0], tranb=turned[1])
        return z / scale

    def _layers(self, h: Array, adjoint: bool) -> Array:
        t, z = self.T[0], np.zeros(h.shape, np.result_type(h.dtype, self.T[0].dtype))
        t = t.conj().T if adjoint else t
        order = range(len(t)) if adjoint else range(len(t) - 1, -1, -1)
        for i in order:
            done = slice(0, i) if adjoint else slice(i + 1, None)
            right = h[i] - np.tensordot(t[i, done], z[done], 1)
            z[i] = self._layer(right, self.T[0][i, i], adjoint)
        return z
