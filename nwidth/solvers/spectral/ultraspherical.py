"""The ultraspherical method: differential equations as almost banded systems."""

from collections.abc import Sequence
from math import factorial
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import as_floating, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.spectral.almost_banded import AlmostBanded
from nwidth.solvers.spectral.chebyshev_basis import ChebyshevBasis
from nwidth.solvers.spectral.tau_method import (
    Coefficient,
    Condition,
    bordered,
    boundary_rows,
    coefficient,
    several,
)

Array = NDArray[Any]


class Ultraspherical:
    """Linear differential equations sum_m a_m(x) d^m u / dx^m = f with K conditions in O(n).

        (M_N[a_N] D_N + S_{N-1} M_{N-1}[a_{N-1}] D_{N-1} + ... + S_{N-1} ... S_0 M_0[a_0]) v
            = S_{N-1} ... S_0 f

    D_m takes Chebyshev coefficients to those of the m-th derivative in C^(m), S_m those of C^(m) to
    C^(m+1), M_m[a] multiplies in C^(m): all banded, with as many bands as a has coefficients. The
    conditions are dense rows on top (`AlmostBanded`). With columns scaled by those of D_N the
    condition is bounded whatever n, where that of differentiation matrices grows as n^(2N).
    Reference: Olver & Townsend (2013), doi:10.1137/120865458.

    Args:
        basis: `ChebyshevBasis`.
        coefficients: a_0, ..., a_N, numbers or functions of x that `basis` resolves.
        conditions: each ("lower" or "upper", order of the derivative) or n numbers that the
            coefficients of u are multiplied with.

    Attributes: `matrix`, the sparse (n - K) x n matrix of the equation; `rows`, those of the
    conditions; `factors`. Raises `InputError` for other arguments and singular systems.

    >>> basis = ChebyshevBasis(400)
    >>> layer = Ultraspherical(basis, [0.0, 1.0, 1e-3], [("lower", 0), ("upper", 0)])
    >>> u = basis.backward(layer.solve(np.zeros(400), [1.0, 0.0]))
    >>> bool(abs(u - np.exp(-(basis.points + 1) / 1e-3)).max() < 1e-11)
    True
    """

    def __init__(
        self,
        basis: ChebyshevBasis,
        coefficients: Sequence[Coefficient],
        conditions: Sequence[Condition],
    ):
        self.basis = require_instance(basis, "basis", ChebyshevBasis)
        self.rows = boundary_rows(basis, conditions)
        coefficients = several(coefficients)
        n, k, self.order = basis.size, len(self.rows), len(coefficients) - 1
        if not 1 <= self.order < n:
            raise InputError(
                f"coefficients: expected those of the orders 0 to 1 or more, got {self.order + 1}"
            )
        series = [self._series(a, m) for m, a in enumerate(coefficients)]
        # Rows and columns behind the last ones, so that what is kept has no trace of the end.
        size = n + 2 * self.order + max(map(len, series))
        total = scipy.sparse.csr_array((size, size))
        for m, a in enumerate(series):
            if m > 0:
                total = conversion(size, m - 1) @ total
            scale = (2 / basis.length) ** m
            total = total + scale * (multiplication(size, m, a) @ differentiation(size, m))
        self._change = scipy.sparse.eye_array(size)
        for m in range(self.order):
            self._change = conversion(size, m) @ self._change
        self._change = self._change.tocsr()[: n - k, :n]
        self.matrix = total.tocsr()[: n - k, :n]
        self.matrix.eliminate_zeros()
        self.factors = AlmostBanded(*self._bands(), self.rows)

    def solve(self, f: Array, values: Any = None) -> Array:
        """Return the coefficients of u for those of f, shape (..., n), and values (..., K).

        Computed on the host in float64, then in the dtype of f.
        """
        f = to_numpy(as_floating(f, "f"))
        k, n = len(self.rows), self.basis.size
        right = bordered(f, values, k, n)
        right[..., k:] = (self._change @ f.reshape(-1, n).T).T.reshape(*f.shape[:-1], n - k)
        return self.factors.solve(right).astype(f.dtype)

    def _series(self, a: Any, order: int) -> Array:
        """Return the Chebyshev coefficients of a_m without those that are round-off."""
        v = self.basis.forward(coefficient(a, order, self.basis.points))
        large = np.nonzero(abs(v) > 4e-16 * abs(v).max())[0]
        return v[: large[-1] + 1] if large.size else v[:1]

    def _bands(self) -> tuple[Array, int]:
        """Return the diagonals as `AlmostBanded` takes them, and how many are below."""
        coo, k, n = self.matrix.tocoo(), len(self.rows), self.basis.size
        offsets = coo.col - coo.row - k
        lower, upper = max(0, -offsets.min(initial=0)), max(0, offsets.max(initial=0))
        bands = np.zeros((n - k, lower + upper + 1))
        bands[coo.row, offsets + lower] = coo.data
        return bands, int(lower)


def differentiation(size: int, order: int) -> Any:
    """Return D_m: Chebyshev coefficients to those of the m-th derivative in C^(m).

    >>> differentiation(3, 1).toarray().tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    if require_integer(order, "order", 0) == 0:
        return scipy.sparse.eye_array(size)
    factor = 2.0 ** (order - 1) * factorial(order - 1)
    return scipy.sparse.diags_array(
        factor * np.arange(order, size), offsets=order, shape=(size, size)
    )


def conversion(size: int, order: int) -> Any:
    """Return S_m: coefficients in C^(m), for m = 0 Chebyshev's, to those in C^(m+1).

    >>> conversion(3, 0).toarray().tolist()
    [[1.0, 0.0, -0.5], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]
    """
    k = np.arange(size)
    if require_integer(order, "order", 0) == 0:
        main = np.where(k == 0, 1.0, 0.5)
    else:
        main = order / (order + k)
    return scipy.sparse.diags_array([main, -main[2:]], offsets=[0, 2], shape=(size, size))


def multiplication(size: int, order: int, a: Array) -> Any:
    """Return M_m[a]: the product with a function, given by Chebyshev coefficients, in C^(m).

        M[a] = sum_j a_j T_j(X) by Clenshaw's recurrence,    X the multiplication with xi
        xi C_k = ((k + 1) C_{k+1} + (k + 2 m - 1) C_{k-1}) / (2 (k + m))

    The last len(a) - 1 rows and columns feel the end of the matrix.

    >>> multiplication(3, 1, np.array([0.0, 2.0])).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    k, m = np.arange(float(size)), require_integer(order, "order", 0)
    if m == 0:
        up, down = np.where(k == 0, 1.0, 0.5), np.full(size, 0.5)
    else:
        up, down = (k + 1) / (2 * (k + m)), (k + 2 * m - 1) / (2 * (k + m))
    x = scipy.sparse.diags_array([up[:-1], down[1:]], offsets=[-1, 1], shape=(size, size)).tocsr()
    one, two = scipy.sparse.csr_array((size, size)), scipy.sparse.csr_array((size, size))
    eye = scipy.sparse.eye_array(size)
    for j in range(len(a) - 1, 0, -1):
        one, two = float(a[j]) * eye + 2 * (x @ one) - two, one
    return float(a[0]) * eye + x @ one - two
