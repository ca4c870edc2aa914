"""Multigrid for Riesz collocation: a V-cycle that its symbol dictates, the border exactly."""

from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from nwidth.solvers.fractional.bordered_inverse import (
    BorderedInverse,
    mass_stencil,
    require_definite,
)
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_preconditioner import mass_symbol

Array = NDArray[Any]

# Unknowns of the coarsest matrix, at most, and places added so that sizes halve well.
COARSEST, EVEN = 63, 32


class RieszMultigrid(BorderedInverse):
    """One V-cycle for the Toeplitz block of s A + c B, and the border exactly.

        T_l = T(f_l),    f_{l+1}(2 theta) = 1/2 [(f_l q^2)(theta) + (f_l q^2)(theta + pi)]
        q(theta) = 2 + 2 cos(theta)

    The symbol f has its zero, of order alpha <= 2, at zero alone, where q has none, and at pi q has
    one of order two: interpolation by (1, 2, 1) / 2 is then enough for a cycle that does not depend
    on the size, and coarse matrices are Toeplitz again, their entries five old ones each. On the
    finest mesh f also falls exponentially with the degree towards pi, where no coarse mesh helps.
    It falls as the symbol g of the functions themselves does, so that steps of Richardson for
    T(g)^-1 T(f) smooth as well for all degrees. On coarser meshes they are steps for T_l alone.
    Iterations of GMRES to 1e-10, measured: 7 to 13 for degrees 2 to 12 up to a thousand unknowns.
    Beyond, where `riesz_refinement` corrects, 9 to 18; most of them for alpha near 2.

    Multigrid for Toeplitz matrices: Fiorentino & Serra-Capizzano (1996), SIAM J. Sci. Comput. 17,
    1068; of Riesz derivatives: Ahmad, Donatelli, Mazza, Serra-Capizzano & Trotti (2024),
    doi:10.48550/arXiv.2403.16352.

    `RieszPreconditioner` takes less time; this one shows what the symbol says, and does without
    sine transforms.

    Args:
        matrix: A.
        stiffness: s; -1 for the positive operator of a diffusion equation.
        mass: c, not of the sign of s.

    Attributes: `levels`, number of meshes; `length`, of the Toeplitz matrix on the finest.

    >>> A = RieszMatrix(60, 3, 1.5)
    >>> spectrum = np.linalg.eigvals(RieszMultigrid(A).along(A.dense(), 0))
    >>> bool(abs(spectrum - 1).max() < 0.4)
    True
    """

    def __init__(self, matrix: RieszMatrix, *, stiffness: float = 1.0, mass: float = 0.0):
        matrix, s, c = require_definite(matrix, stiffness, mass)
        m, p = len(matrix.toeplitz), matrix.degree
        super().__init__(matrix, s, c, -(m + 1) % EVEN if m > COARSEST else 0)
        column, stencil = self.toeplitz_column(), mass_stencil(p)[:m]
        # Richardson is for positive matrices: the sign of s A + c B comes back in the end.
        self._sign = -np.sign(s)
        column *= self._sign
        band = np.zeros((len(stencil), self.length))
        band[:] = stencil[::-1, None]
        factor = scipy.linalg.cholesky_banded(band)
        self._meshes = [_Mesh(column, lambda theta: mass_symbol(p, theta), factor)]
        while len(column) > COARSEST:
            column = _coarse(column)
            self._meshes.append(_Mesh(column))
        self.levels = len(self._meshes)
        self._coarsest = scipy.linalg.inv(scipy.linalg.toeplitz(column))
        self.eliminate()

    def inner(self, u: Array) -> Array:
        """Return the V-cycle of vectors along the last axis, from zero."""
        return self._sign * self._cycle(0, u)

    def _cycle(self, level: int, b: Array) -> Array:
        mesh = self._meshes[level]
        if level == self.levels - 1:
            return b @ self._coarsest
        x = mesh.smoothed(b)
        r = b - mesh.product(x)
        # Restriction by (1, 2, 1) to every second place, and its transpose; the last of an even
        # number of places has no neighbour above.
        size = b.shape[-1]
        below, above = slice(0, size // 2 * 2, 2), (size - 1) // 2
        coarse = 2 * r[..., 1::2] + r[..., below]
        coarse[..., :above] += r[..., 2::2]
        e = self._cycle(level + 1, coarse)
        x[..., 1::2] += 2 * e
        x[..., below] += e
        x[..., 2::2] += e[..., :above]
        return x + mesh.smoothed(b - mesh.product(x))


class _Mesh:
    """A symmetric positive Toeplitz matrix, its products by the FFT, and its smoother."""

    def __init__(self, column: Array, symbol: Any = None, factor: Array | None = None):
        m = self.size = len(column)
        self.points = scipy.fft.next_fast_len(max(2 * m - 1, 2), real=True)
        circulant = np.zeros(self.points)
        circulant[:m] = column
        circulant[self.points - m + 1 :] = column[:0:-1]
        self.spectrum, self.factor = scipy.fft.rfft(circulant).real, factor
        # Oscillations are what has its angle beyond pi / 2, and has to be damped.
        theta = 2 * np.pi * np.arange(len(self.spectrum)) / self.points
        ratio = self.spectrum if symbol is None else self.spectrum / symbol(theta)
        oscillations = ratio[theta >= np.pi / 2]
        step = 2 / (oscillations.max() + oscillations.min())
        self.step = min(step, 1.9 / ratio.max())

    def product(self, u: Array) -> Array:
        """Return T u of vectors along the last axis."""
        waves = scipy.fft.rfft(u, self.points)
        waves *= self.spectrum
        return scipy.fft.irfft(waves, self.points, overwrite_x=True)[..., : self.size]

    def smoothed(self, r: Array) -> Array:
        """Return a step of Richardson for the residual r."""
        if self.factor is None:
            return self.step * r
        solved = scipy.linalg.cho_solve_banded((self.factor, False), r.reshape(-1, self.size).T)
        return self.step * solved.T.reshape(r.shape)


def _coarse(column: Array) -> Array:
    """Return the first column of P^T T P, with P from every second place by (1, 2, 1).

    Where the number of places is even it is that of one place more.

    >>> _coarse(np.array([2.0, -1.0, 0.0, 0.0, 0.0]))
    array([ 4., -2.])
    """
    size = len(column) // 2
    t = np.concatenate([column[2:0:-1], column, np.zeros(3)])
    at = 2 * np.arange(size) + 2
    return 6 * t[at] + 4 * (t[at - 1] + t[at + 1]) + t[at - 2] + t[at + 2]
