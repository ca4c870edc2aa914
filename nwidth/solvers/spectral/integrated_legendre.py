"""Integrals of Legendre polynomials: functions that vanish at two walls, with slopes or without."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import real_floating
from nwidth.errors import InputError
from nwidth.solvers.spectral.legendre_basis import LegendreBasis, gauss_quadrature

Array = NDArray[Any]


class IntegratedLegendre:
    """Polynomials of degree less than n on [lower, upper] for problems between two walls.

        vanishing    theta_j, j = 0, ..., n - 3:   theta_j = 0 at both walls
        clamped      phi_j,   j = 0, ..., n - 5:   phi_j = phi_j' = 0 at both walls

        theta_j = e_j (L_{j+2} - L_j),    e_j = ((2 j + 1) (2 j + 5) / (8 j + 12))^(1/2)
        theta_j' = (2 j + 3) e_j L_{j+1},    phi_j' = theta_{j+1}    on [-1, 1]

    theta_j and phi_j' have norm one there, so that coefficients are about as large as what they
    make of a temperature or of a velocity. Highest derivatives are orthogonal, and all matrices of
    inner products have entries (i, i), (i, i + 2), (i, i + 4) alone. Reference: Shen (1994),
    doi:10.1137/0915089, sections 2 and 3.

    Args:
        size: n, at least 9.
        lower, upper: the walls.

    >>> basis = IntegratedLegendre(9)
    >>> basis.gram(basis.clamped[1], basis.clamped[1])[0].round(12).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    >>> ends = basis.values([-1.0, 1.0])
    >>> bool(abs(ends @ basis.clamped[0]).max() + abs(ends @ basis.clamped[1]).max() < 1e-15)
    True
    """

    def __init__(self, size: int, lower: float = -1.0, upper: float = 1.0):
        self.size = require_integer(size, "size", 9)
        self.lower = require_number(lower, "lower", "(-inf, inf)")
        self.upper = require_number(upper, "upper", "(-inf, inf)")
        if not self.lower < self.upper:
            raise InputError(f"upper: expected more than {self.lower}, got {self.upper}")
        self.half = (self.upper - self.lower) / 2

    @cached_property
    def vanishing(self) -> tuple[Array, Array]:
        """Legendre coefficients (n, n - 2) of theta_j and of its derivative, in the columns."""
        n, j = self.size, np.arange(self.size - 2)
        e = np.sqrt((2 * j + 1) * (2 * j + 5) / (8 * j + 12))
        value, slope = np.zeros((2, n, n - 2))
        value[j, j], value[j + 2, j] = -e, e
        slope[j + 1, j] = (2 * j + 3) * e / self.half
        return value, slope

    @cached_property
    def clamped(self) -> tuple[Array, Array, Array]:
        """Legendre coefficients (n, n - 4) of phi_j and of its first two derivatives."""
        n, j = self.size, np.arange(self.size - 4)
        e = np.sqrt((2 * j + 3) * (2 * j + 7) / (8 * j + 20))  # of theta_{j+1}
        value = np.zeros((n, n - 4))
        value[j, j] = e / (2 * j + 3)
        value[j + 2, j] = -e / (2 * j + 3) - e / (2 * j + 7)
        value[j + 4, j] = e / (2 * j + 7)
        theta, slope = self.vanishing
        return value, theta[:, 1:-1] / self.half, slope[:, 1:-1] / self.half

    def derivative(self, v: Array) -> Array:
        """Return the Legendre coefficients (n, ...) of the derivative of functions."""
        return self._legendre.derivative(v, axis=0)

    def gram(self, one: Array, other: Array) -> Array:
        """Return the bands (3, columns) of inner products over [-1, 1] of columns of functions.

        Entry [d, i] is that of i and i + 2 d.
        """
        weights = 2 / (2 * np.arange(self.size) + 1.0)
        out = np.zeros((3, one.shape[1]))
        for d in range(3):
            products = weights[:, None] * one[:, : one.shape[1] - 2 * d] * other[:, 2 * d :]
            out[d, : products.shape[1]] = products.sum(axis=0)
        return out

    def values(self, points: Any) -> Array:
        """Return the values (m, n) of the Legendre polynomials at points."""
        return self._legendre.values(real_floating(points, "points").astype(np.float64))

    def ends(self, order: int = 0) -> Array:
        """Return the derivatives (2, n) of the Legendre polynomials at lower and upper."""
        return self._legendre.boundary_values(order)

    def quadrature(self, degree: int) -> tuple[Array, Array]:
        """Return Gauss points and weights for polynomials up to a degree; they sum to 2.

        >>> IntegratedLegendre(9, 0.0, 1.0).quadrature(2)[0].round(6).tolist()
        [0.211325, 0.788675]
        """
        xi, weights = gauss_quadrature(require_integer(degree, "degree", 0) // 2 + 1)
        return (self.lower + self.upper) / 2 + self.half * xi, weights

    def from_values(self, points: Array) -> Array:
        """Return the matrix (n, n) from values at n points to Legendre coefficients."""
        points = real_floating(points, "points")
        if points.shape != (self.size,) or len(np.unique(points)) != self.size:
            raise InputError(f"points: expected {self.size} different ones, got {points!r:.80}")
        return np.linalg.inv(self.values(points))

    @cached_property
    def _legendre(self) -> LegendreBasis:
        return LegendreBasis(self.size, self.lower, self.upper)
