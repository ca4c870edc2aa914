"""The tau preconditioner of Riesz collocation: sines inside, the border exactly."""

from functools import cache
from math import log2, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.solvers.fractional.bordered_inverse import (
    BorderedInverse,
    mass_stencil,
    require_definite,
)
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.spectral.fast_cosine import sine_transform

Array = NDArray[Any]

# Places that are added to the Toeplitz block, at most.
MOST = 24
# Cost of a product with a place more against one step of a transform per number.
PLACE_COST = 1.0


class RieszPreconditioner(BorderedInverse):
    """An inverse of s A + c B with the Toeplitz block replaced by the sines, and the border exact.

        T ~ tau = Q diag(f(theta_k)) Q,    theta_k = pi k / (L + 1),    Q_jk ~ sin(j theta_k)

        | D  R |^-1            eliminates tau by two sine transforms and leaves the Schur
        | C tau|               complement D - R tau^-1 C of the border, a small dense matrix

    A is the `RieszMatrix` and B the collocation matrix of the functions themselves; f is the symbol
    of s A + c B. Iterations of GMRES are bounded in the number of unknowns, the degree and alpha.
    Tau preconditioners where the symbol has a zero of any order: Noutsos, Serra-Capizzano and
    Vassalos (2014), doi:10.48550/arXiv.1404.5332.

    The sines are those of a longer block, L = m + e, whose e places outside are held at zero by
    forces that count among the border. Entries of tau differ from those of T by Hankel matrices
    that start in its corners, so that a few places outside take away most of the difference. And
    among the lengths at choice there is one for which transforms are fast.

    Args:
        matrix: A.
        stiffness: s; -1 for the positive operator of a diffusion equation.
        mass: c, of the same sign as -s, or zero.

    Attributes: `length`, L.

    >>> A = RieszMatrix(60, 3, 1.5)
    >>> spectrum = np.linalg.eigvals(RieszPreconditioner(A).along(A.dense(), 0))
    >>> bool(abs(spectrum - 1).max() < 0.3)
    True
    """

    def __init__(self, matrix: RieszMatrix, *, stiffness: float = 1.0, mass: float = 0.0):
        matrix, s, c = require_definite(matrix, stiffness, mass)
        m, p = len(matrix.toeplitz), matrix.degree
        super().__init__(matrix, s, c, _places(m, 2 * matrix.border))
        L = self.length
        theta = pi * np.arange(1, L + 1) / (L + 1)
        eigenvalues = s * matrix.symbol(theta)
        if c:
            eigenvalues += c * mass_symbol(p, theta)
        self._factors = 1 / (2 * (L + 1) * eigenvalues)
        self.eliminate()

    def inner(self, u: Array) -> Array:
        """Return tau^-1 u of vectors along the last axis, by two sine transforms."""
        waves = sine_transform(u, 1)
        waves *= namespace(u).asarray(self._factors, u.dtype)
        return sine_transform(waves, 1)


def mass_symbol(degree: int, theta: Array) -> Array:
    """Return the symbol of the cardinal B-spline at its collocation points, positive.

        g(theta) = sum over k of phi_p((p+1)/2 + k) cos(k theta)

    >>> mass_symbol(3, np.array([0.0, np.pi])).round(12).tolist()
    [1.0, 0.333333333333]
    """
    stencil = mass_stencil(degree)
    waves = (2 * v * np.cos(k * theta) for k, v in enumerate(stencil[1:], start=1))
    return stencil[0] + sum(waves)


def _places(m: int, border: int) -> int:
    """Return how many places to add to m, so that sine transforms are fast."""

    def cost(places: int) -> float:
        transform = 2 * _cost(2 * (m + places + 1))
        iterations = 11 - log2(1 + places) / 2  # as measured
        setup = (border + places) * transform
        return iterations * (transform + places * PLACE_COST) + setup

    return min(range(MOST + 1), key=cost)


@cache
def _cost(length: int) -> float:
    """Return the steps of a Fourier transform per point: the sum of its prime factors.

    A length with large ones goes by a convolution of more than twice the length.
    """
    total, factor, rest = 0.0, 2, length
    while factor * factor <= rest:
        while rest % factor == 0:
            total, rest = total + factor, rest // factor
        factor += 1
    total += rest if rest > 1 else 0
    return min(total, 6.6 * log2(length))
