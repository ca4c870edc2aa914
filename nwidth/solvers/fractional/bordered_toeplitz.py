"""Toeplitz matrices with a dense border, as splines on open uniform knots have them."""

from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from nwidth.arrays import namespace, real_floating
from nwidth.errors import InputError
from nwidth.solvers.fractional.riesz_entries import (
    MARGIN,
    RieszEntries,
    greville_point,
    unit_function,
)
from nwidth.solvers.spectral.fast_fourier import FastFourier

Array = NDArray[Any]


class BorderedToeplitz:
    """Riesz derivatives, or potentials, of all splines at the inner Greville points of degree p.

            | corner   rows      corner |
        A = | columns   T       columns |,    T_ij = toeplitz_{|i-j|},    A_ij = A_{N+1-i,N+1-j}
            | corner   rows      corner |

    Functions are those of degree p without the first and the last, or all of degree p - 2, which
    are second derivatives of the others: N = n + p - 2 of either. The border has p - 1 or p - 2
    columns and rows on each side. Products with T: Chan & Ng (1996), doi:10.1137/S0036144594276474.

    Args:
        entries: of the functions.
        intervals: n > p, of length one.
        degree: p, of the points.
        scale: of all entries.

    Attributes: `toeplitz` (m,), the first column of T; `columns` (K, N), the first columns of A;
    `rows` (K, m), the first rows over the columns of T; `border`, K; `size`, N.

    >>> second = BorderedToeplitz(RieszEntries(2, 2.0), 4, 2, 1.0)
    >>> second.along(np.array([0.0, 1.0, 4.0, 9.0])).round(12)[1:3].tolist()
    [2.0, 2.0]
    """

    def __init__(self, entries: RieszEntries, intervals: int, degree: int, scale: float):
        n, p, q = intervals, degree, entries.degree
        first_function = 0 if entries.integrated else 1
        K = self.border = p - 1 - (not first_function)
        N = self.size = n + p - 2
        m = N - 2 * K
        lag = np.arange(n + 1.0)
        lag[0] = 1.0
        powers = entries.kernel(lag)
        bell = unit_function(q, q)
        # From the ends of its support to the centre, and from zero to the points that repeat.
        centre, middle = Fraction(q + 1, 2), Fraction(p - 1, 2)
        # T, where functions and points are integers apart.
        toeplitz = np.empty(m)
        first = min(ceil(centre + MARGIN), m)
        toeplitz[:first] = entries.at(bell, [centre + J for J in range(first)])
        if first < m:
            offsets = bell.nodes - float(centre)
            entries.lags(offsets, bell.weights, first, powers, toeplitz[first:])
        # The first columns. The points i = p-1, ..., n are integers away from (p - 1) / 2.
        points = [greville_point(p, i) for i in range(1, p - 1)]
        columns = np.empty((K, N))
        for j, row in enumerate(columns, start=first_function):
            function = unit_function(q, j)
            first = min(max(ceil(function.end + MARGIN - middle), 1), n - p + 2)
            near = [middle + J for J in range(first)]
            row[: p - 2 + first] = entries.at(function, points + near)
            if first < n - p + 2:
                offsets, out = function.nodes - float(middle), row[p - 2 + first : n]
                entries.lags(offsets, function.weights, first, powers, out)
            row[n:] = entries.at(function, [n - x for x in reversed(points)])
        # The first rows over the columns of T, whose functions have centres (p - 1) / 2 + J.
        rows = np.empty((K, m))
        for row, x in zip(rows, [*points, middle], strict=False):
            start = first_function
            first = min(max(ceil(x - middle + centre + MARGIN), 1), start + m)
            near = [centre + x - middle - J for J in range(start, first)]
            row[: first - start] = entries.at(bell, near)
            if first < start + m:
                offsets = float(x - middle + centre) - bell.nodes
                entries.lags(offsets, bell.weights, first, powers, row[first - start :])
        for part in (toeplitz, columns, rows):
            part *= scale
            part.setflags(write=False)
        self.toeplitz, self.columns, self.rows = toeplitz, columns, rows
        self._constants: dict[tuple[str, str], tuple[Any, ...]] = {}

    def along(self, u: Any, axis: int = -1, *, adjoint: bool = False) -> Any:
        """Return the products with all vectors along one axis of a real array.

        Args:
            u: float32 or float64, N numbers along the axis; CuPy arrays stay on the device.
            axis: the one that counts the unknowns.
            adjoint: whether to multiply with the transpose.
        """
        K, N = self.border, self.size
        u = vectors_along(u, N, axis)
        xp, kind = namespace(u), u.dtype
        transform, spectrum, columns, rows = self._held(xp, kind)
        # Products with both borders, the lower one by the flip that leaves A as it is.
        both = xp.stack([u, u[..., ::-1]])
        ends, inside = both[..., :K], both[..., K : N - K]
        if adjoint:
            border, values = both @ columns.T, ends @ rows
        else:
            border, values = inside @ rows.T, ends @ columns
        product = values[0] + values[1][..., ::-1]
        padded = xp.zeros((*u.shape[:-1], *transform.shape), kind)
        padded[..., : N - 2 * K] = inside[0]
        waves = transform.forward(padded)
        waves *= spectrum
        toeplitz = transform.backward(waves, padded, destroy=True)[..., : N - 2 * K]
        if adjoint:
            whole = xp.empty(u.shape, kind)
            whole[..., K : N - K] = product + toeplitz
            whole[..., :K], whole[..., N - K :] = border[0], border[1][..., ::-1]
        else:
            whole = product
            whole[..., K : N - K] += toeplitz
            whole[..., :K] += border[0]
            whole[..., N - K :] += border[1][..., ::-1]
        return xp.moveaxis(whole, -1, axis)

    def _held(self, xp: Any, kind: np.dtype) -> tuple[Any, ...]:
        """Return the transform and the constants of a product, in a library and a precision."""
        key = (xp.__name__, kind.name)
        if key not in self._constants:
            m = len(self.toeplitz)
            length = scipy.fft.next_fast_len(max(2 * m - 1, 2), real=True)
            circulant = np.zeros(length)
            circulant[:m] = self.toeplitz
            circulant[length - m + 1 :] = self.toeplitz[:0:-1]
            arrays = (scipy.fft.rfft(circulant).real, self.columns, self.rows)
            constants = (xp.asarray(array.astype(kind, copy=False)) for array in arrays)
            self._constants[key] = (FastFourier(length, dtype=kind), *constants)
        return self._constants[key]

    def dense(self) -> Array:
        """Return the matrix."""
        K, N = self.border, self.size
        A = np.empty((N, N))
        A[K : N - K, K : N - K] = scipy.linalg.toeplitz(self.toeplitz)
        A[:, :K] = self.columns.T
        A[:, N - K :] = self.columns.T[::-1, ::-1]
        A[:K, K : N - K] = self.rows
        A[N - K :, K : N - K] = self.rows[::-1, ::-1]
        return A


def vectors_along(u: Any, size: int, axis: int) -> Any:
    """Return real vectors along an axis, moved to the last, or raise `InputError`.

    >>> vectors_along(np.ones((3, 2), np.float32), 3, 0).shape
    (2, 3)
    """
    u = real_floating(u, "u")
    shape, whole = tuple(u.shape), isinstance(axis, int | np.integer)
    if not whole or not -len(shape) <= axis < len(shape) or shape[axis] != size:
        raise InputError(f"u: expected {size} numbers along axis {axis!r:.80}, got shape {shape}")
    xp = namespace(u)
    kind = u.dtype if u.dtype == np.float32 else np.dtype(np.float64)
    return xp.asarray(xp.moveaxis(u, axis, -1), kind)
