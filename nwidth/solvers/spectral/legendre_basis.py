"""Legendre polynomials through Gauss or Gauss-Lobatto points, transforms by matrices."""

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer
from nwidth.arrays import namespace
from nwidth.solvers.spectral.polynomial_basis import PolynomialBasis
from nwidth.solvers.spectral.spectral_basis import like

Array = NDArray[Any]


class LegendreBasis(PolynomialBasis):
    """Polynomials of degree less than n as sums of Legendre's, through n points.

        u = sum_k v_k P_k(xi),    xi = (2 x - a - b) / (b - a)

        lobatto    the zeros of (1 - xi^2) P_{n-1}'(xi), the ends among them
        gauss      the zeros of P_n(xi)

        v_k = sum_j w_j u_j P_k(xi_j) / g_k,    g_k = 2 / (2 k + 1);  lobatto: g_{n-1} = 2 / (n - 1)

    The quadrature is exact for degrees up to 2 n - 3 and 2 n - 1. The polynomials are orthogonal
    without a weight, so Galerkin matrices are symmetric and sparse. Points come by Newton's method,
    transforms take a product with an n x n matrix, O(n^2), and lose n times round-off, as points
    are rounded: good to n of about 1000. Reference: Shen, Tang & Wang (2011), Spectral Methods,
    doi:10.1007/978-3-540-71041-7, chapter 3.

    Args:
        size: n, at least two.
        lower, upper: ends of the interval.
        kind: "lobatto" or "gauss".

    >>> basis = LegendreBasis(3)
    >>> basis.points.tolist(), (3 * basis.weights).round(12).tolist()
    ([-1.0, 0.0, 1.0], [1.0, 4.0, 1.0])
    >>> basis.forward(basis.points**2).round(12).tolist()
    [0.333333333333, 0.0, 0.666666666667]
    """

    def __init__(
        self, size: int, lower: float = -1.0, upper: float = 1.0, *, kind: str = "lobatto"
    ):
        super().__init__(size, lower, upper)
        self.kind = require_choice(kind, "kind", ("lobatto", "gauss"))

    @cached_property
    def _quadrature(self) -> tuple[Array, Array]:
        """The points xi and their weights on [-1, 1]."""
        find = lobatto_quadrature if self.kind == "lobatto" else gauss_quadrature
        return find(self.size)

    @cached_property
    def points(self) -> Array:
        """The points, increasing."""
        x = (self.lower + self.upper) / 2 + self.length / 2 * self._quadrature[0]
        if self.kind == "lobatto":
            x[0], x[-1] = self.lower, self.upper
        return x

    @cached_property
    def weights(self) -> Array:
        """The weights of the Gauss quadrature, positive."""
        return self.length / 2 * self._quadrature[1]

    @cached_property
    def integrals(self) -> Array:
        """The length for P_0, zero for the others."""
        return np.where(np.arange(self.size) == 0, self.length, 0.0)

    @cached_property
    def barycentric_weights(self) -> Array:
        """(-1)^j sqrt(w_j), for Gauss points times sqrt(1 - xi_j^2).

        Reference: Wang, Huybrechs & Vandewalle (2014), doi:10.1090/S0025-5718-2014-02821-4.
        """
        xi, w = self._quadrature
        size = np.sqrt(w) if self.kind == "lobatto" else np.sqrt(w * (1 - xi) * (1 + xi))
        return (-1.0) ** np.arange(self.size) * size

    def resized(self, size: int) -> Self:
        """Return the basis with another number of points."""
        return type(self)(size, self.lower, self.upper, kind=self.kind)

    def recurrence(self, count: int) -> tuple[Array, Array]:
        """Return alpha_k = (2 k + 1) / (k + 1) and gamma_k = k / (k + 1)."""
        k = np.arange(count)
        return (2 * k + 1) / (k + 1), k / (k + 1)

    def slopes(self) -> tuple[Array, Array]:
        """Return s_k = 2 k + 1 and t_k = 1."""
        return 2.0 * np.arange(self.size) + 1, np.ones(self.size)

    def boundary_values(self, order: int = 0) -> Array:
        """Return P_k^(q)(+-1) = (+-1)^(k+q) prod_{i<q} (k - i) (k + 1 + i) / (2 i + 2), scaled."""
        k, order = np.arange(float(self.size)), require_integer(order, "order", 0)
        upper = np.ones(self.size) * (2 / self.length) ** order
        for i in range(order):
            upper = upper * (k - i) * (k + 1 + i) / (2 * i + 2)
        return np.stack([(-1.0) ** (k + order) * upper, upper])

    def antiderivative(self, v: Array, axis: int = -1) -> Array:
        """Return the n + 1 coefficients of the integral from lower to x.

        >>> LegendreBasis(2).antiderivative(np.array([1.0, 0.0])).tolist()
        [1.0, 1.0, 0.0]
        """
        return self._along(self._antiderivative, v, "v", self.modes, axis)

    def _antiderivative(self, v: Array) -> Array:
        n = self.size
        w = v * like(self.length / (4 * np.arange(n) + 2), v)
        out = namespace(v).zeros((*v.shape[:-1], n + 1), v.dtype)
        out[..., 1:] = w
        out[..., : n - 1] -= w[..., 1:]
        out[..., 0] += w[..., 0]  # the integral from lower vanishes there
        return out

    @cached_property
    def _matrices(self) -> tuple[Array, Array]:
        """The matrices of forward and backward, transposed, as they follow rows of numbers."""
        basis = LegendreBasis(self.size, kind=self.kind)
        xi, w = self._quadrature
        p = basis.values(xi)
        g = 2 / (2 * np.arange(self.size) + 1)
        if self.kind == "lobatto":
            g[-1] = 2 / (self.size - 1)
        return w[:, None] * p / g, np.ascontiguousarray(p.T)

    def _forward(self, u: Array) -> Array:
        return u @ like(self._matrices[0], u)

    def _backward(self, v: Array) -> Array:
        return v @ like(self._matrices[1], v)


def gauss_quadrature(n: int) -> tuple[Array, Array]:
    """Return the zeros of P_n and the weights 2 / ((1 - xi^2) P_n'(xi)^2).

    >>> [x.round(6).tolist() for x in gauss_quadrature(2)]
    [[-0.57735, 0.57735], [1.0, 1.0]]
    """
    x = np.cos(np.pi * (4 * np.arange(n, 0, -1) - 1) / (4 * n + 2))
    for _ in range(100):
        p, before = _last_two(x, n)
        slope = n * (before - x * p) / ((1 - x) * (1 + x))
        step = p / slope
        x = x - step
        if np.max(np.abs(step)) < 1e-10:  # the next is below round-off
            break
    x = (x - x[::-1]) / 2
    p, before = _last_two(x, n)
    slope = n * (before - x * p) / ((1 - x) * (1 + x))
    w = 2 / ((1 - x) * (1 + x) * slope**2)
    return x, (w + w[::-1]) / 2


def lobatto_quadrature(n: int) -> tuple[Array, Array]:
    """Return the zeros of (1 - xi^2) P_{n-1}'(xi) and the weights 2 / (n (n-1) P_{n-1}(xi)^2).

    >>> [x.round(6).tolist() for x in lobatto_quadrature(4)]
    [[-1.0, -0.447214, 0.447214, 1.0], [0.166667, 0.833333, 0.833333, 0.166667]]
    """
    m = n - 1
    x = -np.cos(np.pi * np.arange(n) / m)
    for _ in range(100):
        p, before = _last_two(x, m)
        step = (x * p - before) / (n * p)
        x = x - step
        if np.max(np.abs(step)) < 1e-10:  # the next is below round-off
            break
    x = (x - x[::-1]) / 2
    x[0], x[-1] = -1.0, 1.0
    p, _ = _last_two(x, m)
    return x, 2 / (n * m * p**2)


def _last_two(x: Array, n: int) -> tuple[Array, Array]:
    """Return P_n and P_{n-1} at points."""
    before, p = np.zeros_like(x), np.ones_like(x)
    for k in range(n):
        before, p = p, ((2 * k + 1) * x * p - k * before) / (k + 1)
    return p, before
