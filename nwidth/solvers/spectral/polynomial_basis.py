"""What bases of orthogonal polynomials share: recurrences, derivatives, boundary values."""

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import namespace
from nwidth.solvers.spectral.spectral_basis import SpectralBasis, like

Array = NDArray[Any]


class PolynomialBasis(SpectralBasis):
    """Polynomials of degree less than n as sums of orthogonal ones, xi = (2 x - a - b) / (b - a).

        p_{k+1}(xi) = alpha_k xi p_k - gamma_k p_{k-1}
        u' = sum_k w_k p_k,    w_k = 2 s_k / (b - a) sum_{j > k, j + k odd} t_j v_j

    Sums of the derivative are running ones over every second coefficient, O(n); those at points
    are Clenshaw's, doi:10.1090/S0025-5718-1955-0071856-0. `interpolate` takes values instead, by
    the barycentric formula (Berrut & Trefethen 2004, doi:10.1137/S0036144502417715, equation 4.2).

    >>> from nwidth.solvers.spectral import ChebyshevBasis
    >>> basis = ChebyshevBasis(4)
    >>> basis.interpolate(basis.points**3, [0.5]).round(12).tolist()
    [0.125]
    """

    @abstractmethod
    def recurrence(self, count: int) -> tuple[Array, Array]:
        """Return alpha_k and gamma_k for k < count."""

    @abstractmethod
    def slopes(self) -> tuple[Array, Array]:
        """Return s_k and t_k of the derivative."""

    @abstractmethod
    def boundary_values(self, order: int = 0) -> Array:
        """Return the derivatives of all p_k at lower and at upper, shape (2, n)."""

    @abstractmethod
    def antiderivative(self, v: Array, axis: int = -1) -> Array:
        """Return the n + 1 coefficients of the integral from lower to x, for `resized(n + 1)`."""

    @cached_property
    @abstractmethod
    def barycentric_weights(self) -> Array:
        """The weights of the barycentric formula, up to a common factor."""

    def interpolate(self, u: Array, points: Any, axis: int = -1) -> Array:
        """Return the polynomial through values u at any points (m,), in O(n m)."""
        x = self.inside(points)
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix = self.barycentric_weights / (x[:, None] - self.points)
            matrix = matrix / matrix.sum(axis=1, keepdims=True)
        hit, node = np.nonzero(x[:, None] == self.points)
        matrix[hit] = 0.0
        matrix[hit, node] = 1.0
        return self._along(lambda w: w @ like(matrix.T, w), u, "u", self.size, axis)

    def values(self, x: Array, count: int | None = None) -> Array:
        """Return p_k(xi(x)), shape (m, count), by the recurrence."""
        count = require_integer(self.modes if count is None else count, "count", 1)
        xi, (alpha, gamma) = self._reference(np.asarray(x)), self.recurrence(count)
        p = np.ones((count, *xi.shape))
        for k in range(count - 1):
            p[k + 1] = alpha[k] * xi * p[k]
            if k > 0:
                p[k + 1] -= gamma[k] * p[k - 1]
        return p.T

    def _reference(self, x: Array) -> Array:
        """Return xi in [-1, 1]."""
        return ((x - self.lower) - (self.upper - x)) / self.length

    def _derivative(self, v: Array, order: int) -> Array:
        s, t = (like(numbers, v) for numbers in self.slopes())
        s = s * (2 / self.length)
        for _ in range(order):
            terms, w = t * v, namespace(v).zeros_like(v)
            for parity in (0, 1):
                later = terms[..., 1 + parity :: 2]
                sums = later[..., ::-1].cumsum(-1)[..., ::-1]
                w[..., parity : parity + 2 * sums.shape[-1] : 2] = sums
            v = s * w
        return v

    def _evaluate(self, v: Array, x: Array) -> Array:
        xp, (alpha, gamma) = namespace(v), self.recurrence(self.modes + 1)
        xi = xp.asarray(self._reference(x))
        one = two = xp.zeros((*v.shape[:-1], len(x)), np.result_type(v.dtype, np.float64))
        for k in range(self.modes - 1, -1, -1):
            one, two = v[..., k, None] + alpha[k] * xi * one - gamma[k + 1] * two, one
        return one.astype(v.dtype)
