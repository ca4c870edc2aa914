"""A basis of functions of one variable: coefficients, values at points, and what links them."""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]


class SpectralBasis(ABC):
    """Functions u = sum_k v_k p_k on [lower, upper], which are also known by values at points.

    Coefficients and values are arrays of NumPy or CuPy, real or complex, float32 or float64; each
    method takes the axis they lie along, the last by default, and keeps the dtype. A basis says:

        points, weights     n points and the weights of their quadrature
        forward, backward   values to coefficients and back, exact for the functions of the basis
        derivative          coefficients of the derivative, in the basis `derived(order)`
        integral            over the interval
        evaluate            at any points
        resampled           coefficients in a larger or smaller basis of the same kind
        product             of two functions without aliasing (3/2 rule), cut to the basis

    Args:
        size: number of points, at least two.
        lower, upper: ends of the interval.

    Attributes: `modes`, the number of coefficients.

    Raises `InputError` for arrays of another length along the axis, points outside the interval and
    bases of another kind or interval. Reference: Canuto, Hussaini, Quarteroni & Zang (2006),
    doi:10.1007/978-3-540-30726-6.

    >>> from nwidth.solvers.spectral import LegendreBasis
    >>> basis = LegendreBasis(4)
    >>> v = basis.forward(basis.points**2)
    >>> float(basis.integral(v).round(12)), basis.evaluate(v, [0.5]).round(12).tolist()
    (0.666666666667, [0.25])
    """

    def __init__(self, size: int, lower: float = -1.0, upper: float = 1.0):
        self.size = require_integer(size, "size", 2)
        self.lower = require_number(lower, "lower", "(-inf, inf)")
        self.upper = require_number(upper, "upper", "(-inf, inf)")
        if not self.lower < self.upper:
            raise InputError(f"upper: expected more than {self.lower}, got {self.upper}")
        self.modes = self.size

    @property
    def length(self) -> float:
        """Upper minus lower."""
        return self.upper - self.lower

    @cached_property
    @abstractmethod
    def points(self) -> Array:
        """The n points, increasing."""

    @cached_property
    @abstractmethod
    def weights(self) -> Array:
        """The weights of quadrature at the points, which sum to the length."""

    @abstractmethod
    def resized(self, size: int) -> Self:
        """Return the basis of this kind with another number of points."""

    def derived(self, order: int = 1) -> "SpectralBasis":
        """Return the basis that derivatives of an order belong to."""
        return self

    def forward(self, u: Array, axis: int = -1) -> Array:
        """Return the coefficients of values at the points."""
        return self._along(self._forward, u, "u", self.size, axis)

    def backward(self, v: Array, axis: int = -1) -> Array:
        """Return the values at the points of coefficients."""
        return self._along(self._backward, v, "v", self.modes, axis)

    def derivative(self, v: Array, order: int = 1, axis: int = -1) -> Array:
        """Return the coefficients of d^order u / dx^order."""
        order = require_integer(order, "order", 0)
        return self._along(lambda w: self._derivative(w, order), v, "v", self.modes, axis)

    def integral(self, v: Array, axis: int = -1) -> Array:
        """Return the integral over the interval, for each of a batch."""
        v = self._checked(v, "v", self.modes, axis)
        v = namespace(v).moveaxis(v, axis, -1)
        return v @ like(self.integrals, v)

    def evaluate(self, v: Array, points: Any, axis: int = -1) -> Array:
        """Return u at any points (m,) within the interval, in place of the coefficients."""
        x = self.inside(points)
        return self._along(lambda w: self._evaluate(w, x), v, "v", self.modes, axis)

    def resampled(self, v: Array, other: "SpectralBasis", axis: int = -1) -> Array:
        """Return the coefficients in a basis of this kind and interval, cut or padded with zeros.

        >>> from nwidth.solvers.spectral import ChebyshevBasis
        >>> ChebyshevBasis(2).resampled(np.array([3.0, 1.0]), ChebyshevBasis(3)).tolist()
        [3.0, 1.0, 0.0]
        """
        if type(other) is not type(self) or other.ends() != self.ends():
            raise InputError("other: expected a basis of the same kind on the same interval")
        return self._along(
            lambda w: placed(w, self.first, other.first, other.modes), v, "v", self.modes, axis
        )

    first = 0  # the number of the first mode

    @cached_property
    @abstractmethod
    def integrals(self) -> Array:
        """The integrals of the p_k."""

    def product(self, v: Array, w: Array, axis: int = -1) -> Array:
        """Return the coefficients of u_v u_w that the basis has, without aliasing."""
        fine = self.finer
        a, b = (fine.backward(self.resampled(f, fine, axis), axis) for f in (v, w))
        return fine.resampled(fine.forward(a * b, axis), self, axis)

    @cached_property
    def finer(self) -> Self:
        """The basis of 3/2 as many points, where products of two functions are exact enough."""
        return self.resized((3 * self.size + 1) // 2)

    def ends(self) -> tuple[float, float]:
        """Return lower and upper."""
        return self.lower, self.upper

    def inside(self, points: Any) -> Array:
        """Return points (m,) after a check that they are within the interval."""
        x = require_finite(to_numpy(real_floating(points, "points")), "points").astype(np.float64)
        slack = 4 * np.spacing(max(abs(self.lower), abs(self.upper)))
        if x.ndim != 1 or np.any(x < self.lower - slack) or np.any(x > self.upper + slack):
            raise InputError(
                f"points: expected shape (m,) within [{self.lower}, {self.upper}], got shape "
                f"{x.shape}{f' from {x.min()} to {x.max()}' if x.size else ''}"
            )
        return x

    @abstractmethod
    def _forward(self, u: Array) -> Array:
        """Return coefficients along the last axis."""

    @abstractmethod
    def _backward(self, v: Array) -> Array:
        """Return values along the last axis."""

    @abstractmethod
    def _derivative(self, v: Array, order: int) -> Array:
        """Return derivatives along the last axis."""

    @abstractmethod
    def _evaluate(self, v: Array, x: Array) -> Array:
        """Return values at points along the last axis."""

    def _along(self, what: Any, array: Array, name: str, count: int, axis: int) -> Array:
        """Return what is done along the last axis for another one."""
        array = self._checked(array, name, count, axis)
        xp = namespace(array)
        return xp.moveaxis(what(xp.moveaxis(array, axis, -1)), -1, axis)

    def _checked(self, array: Array, name: str, count: int, axis: int) -> Array:
        array = as_floating(array, name)
        if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
            raise InputError(f"axis: expected an integer, got {axis!r:.80}")
        if not -array.ndim <= axis < array.ndim or array.shape[axis] != count:
            raise InputError(
                f"{name}: expected {count} numbers along axis {axis}, got shape {array.shape}"
            )
        return array

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, {self.lower}, {self.upper})"


def like(numbers: Any, v: Array) -> Array:
    """Return real numbers in the library and the precision of an array.

    >>> like(np.ones(2), np.zeros(2, np.complex64)).dtype
    dtype('float32')
    """
    return namespace(v).asarray(numbers, v.real.dtype)


def placed(v: Array, start: int, other: int, modes: int) -> Array:
    """Return coefficients numbered from `start` as those numbered from `other`, cut or padded.

    >>> placed(np.array([1.0, 2.0]), 0, 1, 3).tolist()
    [2.0, 0.0, 0.0]
    """
    first, last = max(start, other), min(start + v.shape[-1], other + modes)
    out = namespace(v).zeros((*v.shape[:-1], modes), v.dtype)
    out[..., first - other : last - other] = v[..., first - start : last - start]
    return out
