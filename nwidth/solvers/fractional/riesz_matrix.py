"""The collocation matrix of the Riesz derivative: Toeplitz with a border, multiplied by the FFT."""

from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.fractional.riesz_entries import (
    MARGIN,
    RieszEntries,
    greville_point,
    require_degree,
    unit_function,
)
from nwidth.solvers.fractional.riesz_symbol import RieszSymbol, require_alpha
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.spectral.fast_fourier import FastFourier

Array = NDArray[Any]


class RieszMatrix(LinearOperator):
    """The Riesz derivatives of B-splines at the Greville points of uniform open knots.

        A_ij = d^alpha B_j / d|x|^alpha (xi_i),    i, j = 1, ..., N = n + p - 2

        d^alpha / d|x|^alpha = -(D_left^alpha + D_right^alpha) / (2 cos(pi alpha / 2))

    of functions that are zero outside (lower, upper): the first and the last B-spline, which do not
    vanish at the ends, are left out with their points. With K = p - 1,

            | corner   rows      corner |     T symmetric Toeplitz, of size m = n - p,
        A = | columns   T       columns |     T_ij = h^-alpha f_{|i-j|} of the symbol f,
            | corner   rows      corner |     A_ij = A_{N+1-i,N+1-j}

    so that O(p N) numbers, each exact to rounding, hold all of it; they take O(p N) time. A product
    is two Fourier transforms of length 2 m and two thin matrices. A is not symmetric; it is
    negative: its eigenvalues have negative real parts.

    Reference: Mazza, Donatelli, Manni & Speleers (2023), doi:10.1002/nla.2462; entries:
    `RieszEntries`; products with Toeplitz matrices: Chan & Ng (1996),
    doi:10.1137/S0036144594276474, section 1.

    Args:
        intervals: n > p, of the knots.
        degree: p, from 2 to 20. Errors fall as h^{p+2-alpha} for even p, h^{p+1-alpha} for odd p.
        alpha: order of the derivative, 1 < alpha <= 2; at 2 it is the second derivative.
        lower, upper: the ends of the interval.

    Attributes: `basis`, all n + p functions; `points` xi and `toeplitz`, the first column of T;
    `columns` (K, N), the first columns of A; `rows` (K, m), the first rows over the columns of T.

    Raises `InputError` for a degree or alpha out of range and for too few intervals.

    >>> A = RieszMatrix(8, 2, 2.0)
    >>> A.toeplitz[:3].tolist(), A.shape
    ([-128.0, 64.0, 0.0], (8, 8))
    >>> A.apply(np.arange(8.0) ** 2)[3:5].round(9).tolist()
    [128.0, 128.0]
    """

    def __init__(
        self, intervals: int, degree: int, alpha: float, lower: float = 0.0, upper: float = 1.0
    ):
        p = self.degree = require_degree(degree)
        self.alpha = require_alpha(alpha)
        n = self.intervals = require_integer(intervals, "intervals", 1)
        if n <= p:
            raise InputError(
                f"intervals: expected at least degree + 1 = {p + 1}, got {n}; "
                "lower the degree or take more intervals"
            )
        self.lower = require_number(lower, "lower", "(-inf, inf)")
        self.upper = require_number(upper, "upper", "(-inf, inf)")
        if not 0 < self.upper - self.lower < np.inf:
            raise InputError(
                f"upper: expected a number above lower = {self.lower}, got {self.upper}"
            )
        self.border, self.size = p - 1, n + p - 2
        self.domain_shape = self.range_shape = (self.size,)
        self.dtype = np.dtype(np.float64)
        with np.errstate(all="ignore"):
            self.scale = float(np.float64(n / (self.upper - self.lower)) ** self.alpha)
        if not 0 < self.scale < np.inf:
            raise InputError(
                "lower, upper: expected an interval whose width^-alpha is a floating-point number, "
                f"got [{self.lower}, {self.upper}]"
            )
        self._fill(RieszEntries(p, self.alpha))
        self._constants: dict[tuple[str, str], tuple[Any, ...]] = {}

    @cached_property
    def basis(self) -> BSplineBasis:
        """All B-splines of the knots, also the two that do not vanish at the ends."""
        return BSplineBasis(KnotVector.uniform(self.intervals, self.degree, self.lower, self.upper))

    @cached_property
    def points(self) -> Array:
        """The Greville points of the unknowns, inside the interval."""
        return self.basis.greville[1:-1]

    def _fill(self, entries: RieszEntries) -> None:
        """Compute the columns, the rows, and the first column of T."""
        n, p, K = self.intervals, self.degree, self.border
        m, half = n - p, float(p - 1) / 2
        lag = np.arange(n + 1.0)
        lag[0] = 1.0
        powers = lag**-self.alpha / lag
        bell = unit_function(p, p)
        centre, middle = Fraction(p + 1, 2), Fraction(p - 1, 2)
        # T, where functions and points are integers apart.
        lags = np.empty(m)
        first = min(ceil(centre + MARGIN), m)
        lags[:first] = entries.at(bell, [centre + J for J in range(first)])
        if first < m:
            entries.lags(bell.nodes - float(centre), bell.weights, first, powers, lags[first:])
        self.toeplitz = lags
        # The first columns. The points i = p-1, ..., n are integers away from (p - 1) / 2.
        points = [greville_point(p, i) for i in range(1, p - 1)]
        columns = np.empty((K, self.size))
        for j in range(1, p):
            function, row = unit_function(p, j), columns[j - 1]
            first = min(max(ceil(function.end + MARGIN - middle), 1), n - p + 2)
            near = [middle + J for J in range(first)]
            row[: p - 2 + first] = entries.at(function, points + near)
            if first < n - p + 2:
                offsets, out = function.nodes - half, row[p - 2 + first : n]
                entries.lags(offsets, function.weights, first, powers, out)
            row[n:] = entries.at(function, [n - x for x in reversed(points)])
        # The first rows over the columns of T, whose functions have centres (p - 1) / 2 + J.
        rows = np.empty((K, m))
        for i, x in enumerate([*points, middle]):
            first = min(ceil(x + 1 + MARGIN), m + 1)
            rows[i, : first - 1] = entries.at(
                bell, [centre + x - middle - J for J in range(1, first)]
            )
            if first <= m:
                offsets = float(x - middle) + float(centre) - bell.nodes
                entries.lags(offsets, bell.weights, first, powers, rows[i, first - 1 :])
        for part in (self.toeplitz, columns, rows):
            part *= self.scale
            part.setflags(write=False)
        self.columns, self.rows = columns, rows

    def symbol(self, theta: Any) -> Array:
        """Return h^-alpha f(theta): T is the Toeplitz matrix of its Fourier coefficients.

        >>> RieszMatrix(4, 2, 2.0).symbol(np.array([np.pi])).round(9).tolist()
        [-64.0]
        """
        return self.scale * RieszSymbol(self.degree, self.alpha)(theta)

    def _apply(self, u: Any) -> Any:
        return self.along(u)

    def _adjoint(self, v: Any) -> Any:
        return self.along(v, adjoint=True)

    def along(self, u: Any, axis: int = -1, *, adjoint: bool = False) -> Any:
        """Return the products with all vectors along one axis of a real array.

        Args:
            u: float32 or float64, N numbers along the axis; CuPy arrays stay on the device.
            axis: the one that counts the unknowns.
            adjoint: whether to multiply with the transpose.

        >>> A = RieszMatrix(8, 3, 1.5)
        >>> A.along(np.ones((9, 2)), axis=0).shape
        (9, 2)
        """
        xp, K, N = namespace(u), self.border, self.size
        kind = u.dtype if u.dtype == np.float32 else np.dtype(np.float64)
        u = xp.asarray(xp.moveaxis(u, axis, -1), kind)
        if u.shape[-1] != N:
            raise InputError(
                f"u: expected {N} numbers along axis {axis}, got shape {tuple(u.shape)}"
            )
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
            length, circulant = self._circulant(np.float64)
            arrays = (scipy.fft.rfft(circulant).real, self.columns, self.rows)
            constants = (xp.asarray(array.astype(kind)) for array in arrays)
            self._constants[key] = (FastFourier(length, dtype=kind), *constants)
        return self._constants[key]

    def extended(self, u: Array) -> Array:
        """Return A u in extended precision, as `np.longdouble` has it: for residuals.

        On platforms without one it is double precision.

        >>> A = RieszMatrix(8, 3, 1.5)
        >>> A.extended(np.ones(9)).dtype == np.longdouble
        True
        """
        if np.iscomplexobj(u):
            return self.extended(u.real) + 1j * self.extended(u.imag)
        K, N, m = self.border, self.size, len(self.toeplitz)
        u = u.astype(np.longdouble)
        length, spectrum, columns, rows = self._extended
        both = np.stack([u, u[::-1]])
        ends, inside = both[:, :K] @ columns, both[:, K : N - K] @ rows.T
        product = ends[0] + ends[1][::-1]
        waves = scipy.fft.rfft(u[K : N - K], length)
        waves *= spectrum
        product[K : N - K] += scipy.fft.irfft(waves, length, overwrite_x=True)[:m]
        product[:K] += inside[0]
        product[N - K :] += inside[1][::-1]
        return product

    @cached_property
    def _extended(self) -> tuple[Any, ...]:
        """The constants of a product in extended precision."""
        length, circulant = self._circulant(np.longdouble)
        arrays = (self.columns, self.rows)
        return length, scipy.fft.rfft(circulant).real, *(a.astype(np.longdouble) for a in arrays)

    def _circulant(self, kind: Any) -> tuple[int, Array]:
        """Return a length of fast transforms, and the first column of a circulant around T."""
        m = len(self.toeplitz)
        length = scipy.fft.next_fast_len(max(2 * m - 1, 2), real=True)
        circulant = np.zeros(length, kind)
        circulant[:m] = self.toeplitz
        circulant[length - m + 1 :] = self.toeplitz[:0:-1]
        return length, circulant

    def dense(self) -> Array:
        """Return the matrix, for tests and small problems.

        >>> A = RieszMatrix(6, 3, 1.2)
        >>> bool(np.allclose(A.dense() @ np.arange(7.0), A.apply(np.arange(7.0))))
        True
        """
        K, N = self.border, self.size
        A = np.empty((N, N))
        A[K : N - K, K : N - K] = scipy.linalg.toeplitz(self.toeplitz)
        A[:, :K] = self.columns.T
        A[:, N - K :] = self.columns.T[::-1, ::-1]
        A[:K, K : N - K] = self.rows
        A[N - K :, K : N - K] = self.rows[::-1, ::-1]
        return A

    def __repr__(self) -> str:
        return (
            f"RieszMatrix({self.size} unknowns, degree {self.degree}, alpha {self.alpha}, on "
            f"[{self.lower}, {self.upper}])"
        )
