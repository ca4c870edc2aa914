"""Chebyshev polynomials through Gauss-Lobatto points, transforms by fast cosine transforms."""

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import namespace
from nwidth.meshes import Axis
from nwidth.solvers.spectral.fast_cosine import cosine_transform
from nwidth.solvers.spectral.polynomial_basis import PolynomialBasis
from nwidth.solvers.spectral.spectral_basis import like

Array = NDArray[Any]


class ChebyshevBasis(PolynomialBasis):
    """Polynomials of degree less than n as sums of Chebyshev's, through n points.

        u = sum_k v_k T_k(xi),    xi = (2 x - a - b) / (b - a)
        xi_j = -cos(pi j / (n - 1)),    T_k(xi_j) = (-1)^k cos(pi j k / (n - 1))

    Transforms take O(n log n), derivatives O(n). For functions analytic in an ellipse of foci +-1
    and half axes that sum to rho, coefficients fall as rho^-k: Trefethen (2019), Approximation
    Theory and Approximation Practice, doi:10.1137/1.9781611975949, theorem 8.1. The weights are
    those of Clenshaw & Curtis (1960), doi:10.1007/BF01386223, by a cosine transform as in Waldvogel
    (2006), doi:10.1007/s10543-006-0045-4; they integrate all functions of the basis exactly.

    Args:
        size: n, at least two; fast where n - 1 has small factors, as 33, 65, 97, 129.
        lower, upper: ends of the interval.

    Each derivative loses up to n^2 times round-off at the ends; `GalerkinRecombination` solves
    equations without that.

    >>> basis = ChebyshevBasis(5, 0.0, 1.0)
    >>> v = basis.forward(basis.points**3)
    >>> bool(np.allclose(basis.backward(basis.derivative(v)), 3 * basis.points**2, atol=1e-14))
    True
    >>> float(basis.integral(v)), basis.evaluate(v, [0.5]).tolist()
    (0.25, [0.125])
    """

    @cached_property
    def points(self) -> Array:
        """The extrema of T_{n-1}, from lower to upper."""
        return Axis.chebyshev(self.size, self.lower, self.upper).points

    @cached_property
    def integrals(self) -> Array:
        """The integrals of T_k, which is 2 / (1 - k^2) on [-1, 1] for even k."""
        k = np.arange(self.size)
        return self.length / 2 * np.where(k % 2, 0.0, 2 / (1 - np.where(k % 2, 0, k) ** 2.0))

    @cached_property
    def weights(self) -> Array:
        """The weights of Clenshaw and Curtis, positive."""
        return cosine_transform(self.integrals, 1) * abs(self._scale)

    @cached_property
    def barycentric_weights(self) -> Array:
        """Plus and minus one, half at the ends."""
        weights = (-1.0) ** np.arange(self.size)
        weights[[0, -1]] /= 2
        return weights

    def resized(self, size: int) -> Self:
        """Return the basis with another number of points."""
        return type(self)(size, self.lower, self.upper)

    def recurrence(self, count: int) -> tuple[Array, Array]:
        """Return alpha_k = 2 (1 for k = 0) and gamma_k = 1."""
        alpha = np.full(count, 2.0)
        alpha[0] = 1.0
        return alpha, np.ones(count)

    def slopes(self) -> tuple[Array, Array]:
        """Return s_k = 1 (1/2 for k = 0) and t_k = 2 k."""
        s = np.ones(self.size)
        s[0] = 0.5
        return s, 2.0 * np.arange(self.size)

    def boundary_values(self, order: int = 0) -> Array:
        """Return T_k^(q)(+-1) = (+-1)^(k+q) prod_{i<q} (k^2 - i^2) / (2 i + 1), scaled."""
        k, order = np.arange(float(self.size)), require_integer(order, "order", 0)
        upper = np.ones(self.size) * (2 / self.length) ** order
        for i in range(order):
            upper = upper * (k**2 - i**2) / (2 * i + 1)
        return np.stack([(-1.0) ** (k + order) * upper, upper])

    def antiderivative(self, v: Array, axis: int = -1) -> Array:
        """Return the n + 1 coefficients of the integral from lower to x.

        >>> ChebyshevBasis(2).antiderivative(np.array([1.0, 0.0])).tolist()
        [1.0, 1.0, 0.0]
        """
        return self._along(self._antiderivative, v, "v", self.modes, axis)

    def _antiderivative(self, v: Array) -> Array:
        n = self.size
        out = namespace(v).zeros((*v.shape[:-1], n + 1), v.dtype)
        out[..., 1:] = v
        out[..., 1] += v[..., 0]
        out[..., 1 : n - 1] -= v[..., 2:]
        k = np.arange(1.0, n + 1)
        out[..., 1:] *= like(self.length / (4 * k), v)
        out[..., 0] = out[..., 1:] @ like(-((-1.0) ** k), v)
        return out

    @cached_property
    def _scale(self) -> Array:
        """What sums of cosines are multiplied by: (-1)^k / (n - 1), half of it at the ends."""
        scale = (-1.0) ** np.arange(self.size) / (self.size - 1)
        scale[[0, -1]] /= 2
        return scale

    def _forward(self, u: Array) -> Array:
        return cosine_transform(u, 1) * like(self._scale, u)

    def _backward(self, v: Array) -> Array:
        half = (-1.0) ** np.arange(self.size) / 2
        half[[0, -1]] *= 2
        return cosine_transform(v * like(half, v), 1)
