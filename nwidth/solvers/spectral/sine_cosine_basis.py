"""Cosines and sines on an interval, for even and odd functions at its ends."""

from abc import abstractmethod
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.solvers.spectral.fast_cosine import cosine_transform, sine_transform
from nwidth.solvers.spectral.spectral_basis import SpectralBasis, like, placed

Array = NDArray[Any]


class _WaveBasis(SpectralBasis):
    """What cosines and sines share: the points of `Axis.uniform`, wavenumbers, derivatives."""

    def __init__(
        self, size: int, lower: float = 0.0, upper: float = 1.0, *, centering: str = "cell"
    ):
        super().__init__(size, lower, upper)
        self.centering = require_choice(centering, "centering", ("cell", "node"))
        if centering == "node" and self.size < 3:
            raise InputError(f"size: expected at least 3 nodes, got {size}")

    @property
    @abstractmethod
    def other(self) -> "_WaveBasis":
        """The basis of odd derivatives."""

    @abstractmethod
    def waves(self, x: Array) -> Array:
        """Return the functions at points, shape (m, modes)."""

    @cached_property
    def numbers(self) -> Array:
        """The integers k of the modes."""
        return np.arange(self.first, self.first + self.modes)

    @cached_property
    def wavenumbers(self) -> Array:
        """The pi k / L of the modes."""
        return np.pi / self.length * self.numbers

    @cached_property
    def _axis(self) -> Axis:
        centering: Any = self.centering
        return Axis.uniform(self.size, self.lower, self.upper, centering=centering)

    @cached_property
    def points(self) -> Array:
        """The middles of n cells, or n nodes with the ends among them."""
        return self._axis.points

    @cached_property
    def weights(self) -> Array:
        """The weights of the midpoint or trapezoid rule, exact for cosines."""
        return self._axis.widths

    def resized(self, size: int) -> Self:
        """Return the basis with another number of points."""
        return type(self)(size, self.lower, self.upper, centering=self.centering)

    def derived(self, order: int = 1) -> SpectralBasis:
        """Return this basis for even orders, that of the other waves for odd ones."""
        return self.other if order % 2 else self

    def product(
        self, v: Array, w: Array, axis: int = -1, *, other: "SpectralBasis | None" = None
    ) -> Array:
        """Return the coefficients of u_v u_w without aliasing, those of w in `other` if given.

        Products of two cosines or of two sines are cosines, mixed ones are sines.
        """
        second = self if other is None else other
        if not isinstance(second, _WaveBasis) or second._facts() != self._facts():
            raise InputError(f"other: expected sines or cosines at the points of {self}")
        size = 3 * self.size // 2 + 2
        bases = (self, v), (second, w)
        one, two = (
            basis.resized(size).backward(basis.resampled(f, basis.resized(size), axis), axis)
            for basis, f in bases
        )
        even = type(second) is type(self)
        result = CosineBasis if even else SineBasis
        fine, coarse = (
            result(n, self.lower, self.upper, centering=self.centering) for n in (size, self.size)
        )
        return fine.resampled(fine.forward(one * two, axis), coarse, axis)

    def _facts(self) -> tuple[Any, ...]:
        return self.size, self.ends(), self.centering

    def _derivative(self, v: Array, order: int) -> Array:
        sine = isinstance(self, SineBasis)
        sign = -1.0 if (order + (0 if sine else 1)) // 2 % 2 else 1.0
        v = v * like(sign * self.wavenumbers**order, v)
        if order % 2 == 0:
            return v
        return placed(v, self.first, self.other.first, self.other.modes)

    def _evaluate(self, v: Array, x: Array) -> Array:
        return (v @ namespace(v).asarray(self.waves(x).T)).astype(v.dtype)


class CosineBasis(_WaveBasis):
    """Functions u = sum_k v_k cos(pi k (x - a) / L), whose slopes vanish at the ends a and a + L.

        cell    k = 0, ..., n - 1 at the middles of n cells
        node    k = 0, ..., n - 1 at n nodes

    Derivatives of odd order are sines (`derived`), exact but for the highest cosine on nodes, whose
    derivative vanishes at all of them and is left out. Laplace's operator is -wavenumbers^2, so
    that problems with Neumann sides are diagonal. Reference: Strang (1999),
    doi:10.1137/S0036144598336745.

    Args:
        size: number of points, at least two; on nodes at least three.
        lower, upper: ends of the interval.
        centering: "cell" or "node".

    >>> basis = CosineBasis(4, 0.0, np.pi)
    >>> v = basis.forward(np.cos(2 * basis.points))
    >>> (v.round(12) + 0.0).tolist(), (basis.derivative(v).round(12) + 0.0).tolist()
    ([0.0, 0.0, 1.0, 0.0], [0.0, -2.0, 0.0, 0.0])
    """

    @cached_property
    def other(self) -> "SineBasis":
        """The sines at the same points."""
        return SineBasis(self.size, self.lower, self.upper, centering=self.centering)

    @cached_property
    def integrals(self) -> Array:
        """The length for the constant, zero for the others."""
        return np.where(self.numbers == 0, self.length, 0.0)

    def waves(self, x: Array) -> Array:
        """Return the cosines at points, shape (m, modes)."""
        return np.cos(np.outer(x - self.lower, self.wavenumbers))

    def _forward(self, u: Array) -> Array:
        if self.centering == "cell":
            scale = np.full(self.size, 1 / self.size)
            scale[0] /= 2
            return cosine_transform(u, 2) * like(scale, u)
        scale = np.full(self.size, 1 / (self.size - 1))
        scale[[0, -1]] /= 2
        return cosine_transform(u, 1) * like(scale, u)

    def _backward(self, v: Array) -> Array:
        half = np.full(self.size, 0.5)
        half[0] = 1.0
        if self.centering == "node":
            half[-1] = 1.0
        kind = 3 if self.centering == "cell" else 1
        return cosine_transform(v * like(half, v), kind)


class SineBasis(_WaveBasis):
    """Functions u = sum_k v_k sin(pi k (x - a) / L), which vanish at the ends a and a + L.

        cell    k = 1, ..., n at the middles of n cells
        node    k = 1, ..., n - 2 at n nodes; values at the two ends are taken as zero

    Derivatives of odd order are cosines (`derived`), exact but for the highest sine on cells, whose
    derivative vanishes at all points and is left out. Laplace's operator is -wavenumbers^2, so that
    problems with Dirichlet sides are diagonal. Reference: Strang (1999),
    doi:10.1137/S0036144598336745.

    Args:
        size: number of points, at least two; on nodes at least three.
        lower, upper: ends of the interval.
        centering: "cell" or "node".

    `weights` integrate products of sines exactly, sines themselves to second order; `integral`
    is exact.

    >>> basis = SineBasis(5, 0.0, np.pi, centering="node")
    >>> v = basis.forward(np.sin(2 * basis.points))
    >>> (v.round(12) + 0.0).tolist(), (basis.derivative(v).round(12) + 0.0).tolist()
    ([0.0, 1.0, 0.0], [0.0, 0.0, 2.0, 0.0, 0.0])
    """

    first = 1

    def __init__(
        self, size: int, lower: float = 0.0, upper: float = 1.0, *, centering: str = "cell"
    ):
        super().__init__(size, lower, upper, centering=centering)
        if centering == "node":
            self.modes = self.size - 2

    @cached_property
    def other(self) -> CosineBasis:
        """The cosines at the same points."""
        return CosineBasis(self.size, self.lower, self.upper, centering=self.centering)

    @cached_property
    def integrals(self) -> Array:
        """The 2 / k for odd wavenumbers k, zero for even ones."""
        return np.where(self.numbers % 2, 2 / self.wavenumbers, 0.0)

    def waves(self, x: Array) -> Array:
        """Return the sines at points, shape (m, modes)."""
        return np.sin(np.outer(x - self.lower, self.wavenumbers))

    def _forward(self, u: Array) -> Array:
        if self.centering == "node":
            return sine_transform(u[..., 1:-1], 1) * like(1 / (self.size - 1), u)
        scale = np.full(self.size, 1 / self.size)
        scale[-1] /= 2
        return sine_transform(u, 2) * like(scale, u)

    def _backward(self, v: Array) -> Array:
        half = np.full(self.modes, 0.5)
        if self.centering == "cell":
            half[-1] = 1.0
            return sine_transform(v * like(half, v), 3)
        out = namespace(v).zeros((*v.shape[:-1], self.size), v.dtype)
        out[..., 1:-1] = sine_transform(v * like(half, v), 1)
        return out
