"""Banded systems with a few dense rows on top, solved by rotations in O(n), many at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, lives_on_gpu, namespace, real_floating, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]


class AlmostBanded:
    """Factors Q R of matrices whose first K rows are dense and whose others are banded.

        A = [ B ]   K rows, as boundary conditions
            [ C ]   C_ij = 0 unless -lower <= j - (K + i) <= upper

    Rotations of neighbouring rows fill R behind its band with combinations of the rows of B only,

        R_ij = sum_k F_ik B_kj    for j > i + lower + upper,

    so that factors and solutions take O(n) numbers and operations. Rotations need no pivots and are
    backward stable. Reference: Olver & Townsend (2013), doi:10.1137/120865458.

    Args:
        bands: real, shape (n - K, lower + upper + 1) or (systems, n - K, lower + upper + 1); entry
            [i, d] stands in row K + i and column K + i - lower + d of A, and does not count
            outside of it.
        lower: bands below the diagonal of A, K - 1 at least (less is made up by zeros).
        rows: B, shape (K, n) or (systems, K, n); none by default.

    Everything is computed in float64. Raises `InputError` for other shapes and singular matrices.

    >>> second = AlmostBanded(np.array([[1.0, -2.0, 1.0]] * 4), 1, np.zeros((0, 4)))
    >>> second.solve(np.array([0.0, 0.0, 0.0, -5.0])).round(12).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, bands: Array, lower: int, rows: Array | None = None):
        bands = require_finite(real_floating(bands, "bands"), "bands").astype(np.float64)
        lower = require_integer(lower, "lower", 0)
        self.single = bands.ndim == 2
        bands = bands[None] if self.single else bands
        if bands.ndim != 3 or bands.shape[2] <= lower:
            raise InputError(
                f"bands: expected shape (systems, rows, more than lower = {lower}), got "
                f"{bands.shape}"
            )
        systems, count, width = bands.shape
        dense = np.zeros((systems, 0, count)) if rows is None else real_floating(rows, "rows")
        shape = tuple(dense.shape)
        k = shape[-2] if len(shape) > 1 else 0
        if shape not in ((k, count + k), (systems, k, count + k)):
            raise InputError(f"rows: expected shape ({systems}, K, {count} + K), got {shape}")
        dense = np.broadcast_to(dense.astype(np.float64), (systems, k, count + k))
        self.dense = np.ascontiguousarray(require_finite(dense, "rows"))
        self.systems, self.size = systems, count + k
        self._fill(bands, lower, width - lower - 1, k)
        self._factor()
        pivots = abs(self.r[:, :, self.lower]).min(axis=1)
        if np.any(pivots == 0.0):
            raise InputError(f"bands: system {int(np.argmin(pivots))} is singular")

    @property
    def nonzeros(self) -> int:
        """How many numbers the factors of one system take: in proportion to n."""
        return sum(a[0].size for a in (self.r, self.fill, self.dense, self.turns))

    def _fill(self, bands: Array, lower: int, upper: int, k: int) -> None:
        """Place bands and dense rows where the rotations expect them."""
        n, self.lower = self.size, max(lower, k - 1)
        self.last = self.lower + upper
        first = self.lower - lower
        self.r = np.zeros((self.systems, n, 2 * self.lower + upper + 1))
        self.r[:, k:, first : first + lower + upper + 1] = bands
        column = np.arange(n)[:, None] - self.lower + np.arange(self.r.shape[2])
        self.r[:, (column < 0) | (column >= n)] = 0.0
        for i in range(k):
            end = min(self.last, n)
            self.r[:, i, self.lower - i : self.lower - i + end] = self.dense[:, i, :end]
        self.fill = np.zeros((self.systems, n, k))
        self.fill[:, :k] = np.eye(k)
        self.turns = np.zeros((self.systems, n, self.lower, 2))
        self.turns[..., 0] = 1.0

    def _factor(self) -> None:
        from nwidth.solvers.spectral import _almost_banded_numba as kernels

        kernels.factor(self.r, self.fill, self.dense, self.turns, self.lower)

    def solve(self, f: Array) -> Array:
        """Return the x with A x = f, f of shape (..., systems, n) or (..., n) for a single system.

        Real or complex; the dtype is kept. The first K entries of f belong to the dense rows.
        """
        f = as_floating(f, "f")
        shape = (self.size,) if self.single else (self.systems, self.size)
        if f.shape[-len(shape) :] != shape:
            raise InputError(f"f: expected a shape that ends with {shape}, got {f.shape}")
        if lives_on_gpu(f):
            return self._by_arrays(f.reshape(-1, self.systems, self.size)).reshape(f.shape)
        from nwidth.solvers.spectral import _almost_banded_numba as kernels

        parts = 2 if f.dtype.kind == "c" else 1
        wide = np.array(f, np.complex128 if parts == 2 else np.float64, order="C")
        y = wide.view(np.float64).reshape(-1, self.systems, self.size, parts)
        sums = np.empty((self.dense.shape[1], parts))
        kernels.solve(self.r, self.fill, self.dense, self.turns, self.lower, y, sums)
        return wide.astype(f.dtype, copy=False)

    def _by_arrays(self, f: Array) -> Array:
        """Return the same by plain array expressions, all systems at once."""
        xp, n, lower, last = namespace(f), self.size, self.lower, self.last
        r, fill, dense, turns = map(xp.asarray, (self.r, self.fill, self.dense, self.turns))
        x = f.astype(xp.result_type(f.dtype, xp.float64))
        for p in range(n):
            for t in range(1, min(lower, n - 1 - p) + 1):
                c, s = turns[:, p, t - 1, 0], turns[:, p, t - 1, 1]
                top, low = x[..., p], x[..., p + t]
                x[..., p], x[..., p + t] = c * top + s * low, c * low - s * top
        sums = xp.zeros((*x.shape[:-1], dense.shape[1]), x.dtype)
        for p in range(n - 1, -1, -1):
            column, end = p + last + 1, min(last, n - 1 - p)
            if column < n:
                sums = sums + dense[:, :, column] * x[..., column, None]
            band = (r[:, p, lower + 1 : lower + 1 + end] * x[..., p + 1 : p + 1 + end]).sum(-1)
            behind = (fill[:, p] * sums).sum(-1)
            x[..., p] = (x[..., p] - band - behind) / r[:, p, lower]
        return x.astype(f.dtype)
