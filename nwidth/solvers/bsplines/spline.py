"""Splines as functions: values, derivatives, integrals, more knots."""

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import scipy.interpolate
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, namespace, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.kernels import kernel_module
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import KERNELS, BSplineBasis
from nwidth.solvers.bsplines.knot_insertion import knot_insertion

Array = NDArray[Any]

# Degree and number of components up to which the polynomials of all intervals are kept: above,
# powers lose digits, and the table grows much larger than the coefficients. Functions are summed.
LOCAL_DEGREE, LOCAL_COMPONENTS = 7, 64


class Spline:
    """A spline s(x) = sum_i c_i B_i(x), a function that can be called.

    de Boor (1978), A Practical Guide to Splines, doi:10.1007/978-1-4612-6333-3, chapters IX and X.

    Args:
        basis: the B-splines, or their knots.
        coefficients: (size, ...), real or complex, float32 or float64; further axes are components,
            and come after those of the points in what is returned.

    Raises `InputError` for a number of coefficients that is not the size of the basis, and
    `NonFiniteError` for NaN.

    >>> s = Spline(KnotVector.uniform(2, degree=1), [0.0, 1.0, 4.0])
    >>> s([0.25, 0.75]).tolist(), s.derivative()([0.25, 0.75]).tolist(), s.integral()
    ([0.5, 2.5], [2.0, 6.0], 1.5)
    """

    def __init__(self, basis: BSplineBasis | KnotVector, coefficients: Any):
        require_instance(basis, "basis", BSplineBasis, KnotVector)
        self.basis = BSplineBasis(basis) if isinstance(basis, KnotVector) else basis
        c = require_finite(as_floating(coefficients, "coefficients"), "coefficients")
        if c.ndim == 0 or c.shape[0] != self.basis.size:
            raise InputError(
                f"coefficients: expected {self.basis.size} of them along the first axis, one for "
                f"each function, got shape {tuple(c.shape)}"
            )
        self.coefficients = c
        self._tables: dict[int, Array] = {}

    @property
    def knots(self) -> KnotVector:
        """The knots."""
        return self.basis.knots

    @property
    def degree(self) -> int:
        """The degree of the pieces."""
        return self.basis.degree

    def __call__(self, x: Any, order: int = 0, *, wrap: bool = False) -> Any:
        """Return the values at points x, or derivatives of an order.

        Args:
            x: points of the domain, of any shape.
            order: of the derivative; 0 for values.
            wrap: whether points beyond the domain of periodic knots are moved by periods into it.

        Returns numbers (*x.shape, *components). Many points are shared by as many threads as Numba
        has. Raises `InputError` for points outside and `NonFiniteError` for NaN.
        """
        k = require_integer(order, "order", 0)
        x = self.basis.points(x, wrap)
        if not self._local:
            return self._by_functions(x, k)
        out = self._room(x)
        p = max(self.degree - k, 0)
        self.basis.at_points(x, self._kernel(x), self._pieces(k), p, _parts(out), None)
        return self._shaped(out, x)

    def with_derivative(self, x: Any, *, wrap: bool = False) -> tuple[Any, Any]:
        """Return the values and the first derivatives at points x, in one pass.

        >>> s = Spline(KnotVector.uniform(1, degree=1), [0.0, 2.0])
        >>> [found.tolist() for found in s.with_derivative([0.25])]
        [[0.5], [2.0]]
        """
        x = self.basis.points(x, wrap)
        if not self._local:
            return self._by_functions(x, 0), self._by_functions(x, 1)
        out, slopes = self._room(x), self._room(x)
        arrays = _parts(out), _parts(slopes)
        self.basis.at_points(x, self._kernel(x), self._pieces(0), self.degree, *arrays)
        return self._shaped(out, x), self._shaped(slopes, x)

    @property
    def _local(self) -> bool:
        """Whether the polynomials of all intervals are kept."""
        few = self.coefficients[0].size <= LOCAL_COMPONENTS
        return few and self.degree <= LOCAL_DEGREE

    def _kernel(self, x: Array) -> Callable[..., int]:
        namespace(x, self.coefficients)  # one library
        return kernel_module(KERNELS, x).pieces

    def _room(self, x: Array) -> Array:
        """Return an array for the values at points, (points, all components)."""
        c = self.coefficients
        dtype = np.result_type(x.dtype, c.dtype)
        return namespace(x).empty((x.size, c[0].size), dtype)

    def _shaped(self, out: Array, x: Array) -> Any:
        """Return values in the shape of points and components; a number for one point and one."""
        return out.reshape((*x.shape, *self.coefficients.shape[1:]))[()]

    def _pieces(self, order: int) -> Array:
        """Return the k-th derivatives of all pieces as the kernels want them.

        Of each interval the left end, the inverse of the length and the coefficients of powers of
        u = (x - left) / length - 1/2: of the values s^(j)(middle) length^j / j!, whose rounding
        errors are at most 2^p times those of the coefficients, and in practice about as large.
        """
        if order in self._tables:
            return self._tables[order]
        if order > 0:
            p, n = self.degree, len(self.knots.breakpoints) - 1
            base = self._pieces(0).reshape(n, -1)
            a = base[:, 2:].reshape(n, p + 1, -1)
            kept = range(order, p + 1) or range(1)
            rows = [math.perm(j, order) * a[:, j] * base[:, 1:2] ** order for j in kept]
            table = namespace(a).concatenate([base[:, :2], *rows], axis=1).reshape(-1)
        else:
            table = self._local_powers().reshape(-1)
        self._tables[order] = table
        return table

    def _local_powers(self) -> Array:
        """Return the table of values."""
        basis, p = self.basis, self.degree
        xp = namespace(self.coefficients)
        ends = xp.asarray(self.knots.breakpoints)
        first, powers = (xp.asarray(v) for v in basis.local_powers)
        c = _parts(self.coefficients.reshape(basis.size, -1)).astype(np.float64, copy=False)
        n, components = len(first), c.shape[1]
        table = xp.empty((n, 2 + (p + 1) * components))
        table[:, 0], table[:, 1] = ends[:-1], 1 / (ends[1:] - ends[:-1])
        if xp is np:
            from nwidth.solvers.bsplines._bspline_basis_numba import combine

            combine(powers, first, c, table)
        else:
            used = c[(first[:, None] + xp.arange(p + 1)) % basis.size]
            table[:, 2:] = xp.matmul(powers, used).reshape(n, -1)
        return table

    def _by_functions(self, x: Array, order: int) -> Any:
        """Return a derivative as a sum over the functions that do not vanish."""
        self.basis.require_inside(x)
        xp, c = namespace(x, self.coefficients), self.coefficients.reshape(self.basis.size, -1)
        inside = xp.clip(x.astype(np.float64), self.basis.lower, self.basis.upper)
        out = self.basis.matrix(inside, order) @ c
        return self._shaped(out.astype(np.result_type(x.dtype, c.dtype), copy=False), x)

    def derivative(self, order: int = 1) -> "Spline":
        """Return the derivative of an order as a spline of a degree that is as much lower.

            c'_j = p (c_{j+1} - c_j) / (t_{j+p+1} - t_{j+1})

        Where the spline jumps, the derivative of each piece is meant. That of a step function is
        zero.
        """
        s = self
        for _ in range(require_integer(order, "order", 0)):
            s = _derivative(s)
        return s

    def antiderivative(self) -> "Spline":
        """Return the spline of one degree more with this derivative, zero at the lower end.

            C_{j+1} = C_j + c_j (t_{j+p+1} - t_j) / (p + 1)

        That of a periodic spline is not periodic, unless its mean is zero; it is returned on knots
        that are not.
        """
        s, xp = self.unwrapped(), namespace(self.coefficients)
        t, p = s.knots.values, s.degree
        before = t[0] - (t[1] - t[0] if t[0] < t[p] else 0.0)
        after = t[-1] + (t[-1] - t[-2] if t[-1] > t[-p - 1] else 0.0)
        knots = KnotVector(np.concatenate([[before], t, [after]]), p + 1)
        widths = xp.asarray((t[p + 1 :] - t[: -p - 1]) / (p + 1), s.coefficients.real.dtype)
        steps = _columns(widths, s.coefficients) * s.coefficients
        c = xp.concatenate([0 * steps[:1], xp.cumsum(steps, axis=0)])
        start = Spline(knots, c)(xp.asarray([knots.lower]))
        return Spline(knots, c - start)

    def integral(self, lower: float | None = None, upper: float | None = None) -> Any:
        """Return the integral between two points of the domain, by default over all of it."""
        ends = [
            end if given is None else require_number(given, name, "(-inf, inf)")
            for given, end, name in (
                (lower, self.basis.lower, "lower"),
                (upper, self.basis.upper, "upper"),
            )
        ]
        xp = namespace(self.coefficients)
        values = self.antiderivative()(xp.asarray(ends))
        total = values[1] - values[0]
        return total.item() if total.ndim == 0 else total

    def inserted(self, points: Any) -> "Spline":
        """Return the same function on knots with more points.

        >>> s = Spline(KnotVector.uniform(1, degree=1), [0.0, 2.0]).inserted([0.25])
        >>> s.coefficients.tolist()
        [0.0, 0.5, 2.0]
        """
        knots = self.knots.inserted(points)
        return self._on(knots)

    def refined(self) -> "Spline":
        """Return the same function on knots with one more in the middle of each interval."""
        return self._on(self.knots.refined())

    def _on(self, knots: KnotVector) -> "Spline":
        matrix = knot_insertion(self.knots, knots)
        c = to_numpy(self.coefficients)
        new = matrix.astype(c.real.dtype) @ c.reshape(len(c), -1)
        xp = namespace(self.coefficients)
        return Spline(knots, xp.asarray(new.reshape(-1, *c.shape[1:])))

    def unwrapped(self) -> "Spline":
        """Return a periodic spline on knots that are not periodic; others as they are."""
        if not self.knots.periodic:
            return self
        xp, p, t = namespace(self.coefficients), self.degree, self.knots.values
        c = xp.concatenate([self.coefficients, self.coefficients[:p]])
        # Where knots are repeated at the seam, some functions lie outside of the domain.
        begin = int(np.searchsorted(t, self.knots.lower, "right")) - 1 - p
        end = int(np.searchsorted(t, self.knots.upper, "left"))
        return Spline(KnotVector(t[begin : end + p + 1], p), c[begin:end])

    @classmethod
    def of_scipy(cls, spline: scipy.interpolate.BSpline) -> Self:
        """Return the spline of a `scipy.interpolate.BSpline`, with its first axis of coefficients.

        It is not extrapolated. Raises `InputError` where its axis is not the first.
        """
        require_instance(spline, "spline", scipy.interpolate.BSpline)
        if spline.axis != 0:
            raise InputError(
                f"spline: expected coefficients along axis 0, got axis {spline.axis}; move it there"
            )
        n = len(spline.t) - spline.k - 1
        return cls(KnotVector(spline.t, spline.k), np.array(spline.c[:n]))

    def to_scipy(self) -> scipy.interpolate.BSpline:
        """Return the `scipy.interpolate.BSpline`, which does not extrapolate unless periodic."""
        s = self.unwrapped()
        extrapolate = "periodic" if self.knots.periodic else False
        c = to_numpy(s.coefficients)
        return scipy.interpolate.BSpline(s.knots.values, c, s.degree, extrapolate)

    def __repr__(self) -> str:
        return f"Spline({self.knots}, coefficients {tuple(self.coefficients.shape)})"


def _derivative(s: Spline) -> Spline:
    xp, p = namespace(s.coefficients), s.degree
    if p == 0:
        return Spline(s.basis, 0 * s.coefficients)
    n, t, c = s.basis.size, s.knots.values, s.coefficients
    if s.knots.periodic:
        c = xp.concatenate([c, c[:1]])
        widths = t[p + 1 : p + 1 + n] - t[1 : n + 1]
    else:
        widths = t[p + 1 : p + n] - t[1:n]
    kept = widths > 0  # others are jumps
    new = KnotVector(
        np.concatenate([t[1 : 1 + len(kept)][kept], t[1 + len(kept) : -1]]),
        p - 1,
        s.knots.periodic,
    )
    scale = xp.asarray(p / widths[kept], c.real.dtype)
    index = xp.asarray(np.flatnonzero(kept))
    return Spline(new, _columns(scale, c) * (c[index + 1] - c[index]))


def _columns(numbers: Array, c: Array) -> Array:
    """Return numbers along the first axis of c."""
    return numbers.reshape(-1, *[1] * (c.ndim - 1))


def _parts(array: Array) -> Array:
    """Return complex numbers as pairs of real ones along the last axis, without a copy."""
    return array.view(array.real.dtype) if array.dtype.kind == "c" else array
