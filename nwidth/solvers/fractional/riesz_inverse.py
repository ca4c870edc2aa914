"""The inverse of Riesz collocation, for many right-hand sides: one product for each."""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator as ScipyOperator

from nwidth.arrays import lives_on_gpu
from nwidth.errors import InputError
from nwidth.solvers.fractional.bordered_inverse import BorderedInverse, require_definite
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_preconditioner import mass_symbol
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.linear_operator import MatrixOperator
from nwidth.solvers.spectral.fast_cosine import sine_transform
from nwidth.solvers.spectral.fast_fourier import FastFourier

Array = NDArray[Any]

# What the first column of the inverse is asked for; rounding may leave more, which costs little.
RTOL, ITERATIONS = 1e-13, 60


class RieszInverse(BorderedInverse):
    """The inverse of s A + c B to a few digits less than rounding, from one column of it.

        T^-1 = (L(x) L(x)^T - L(y) L(y)^T) / x_1,    T x = e_1,    y = (0, x_m, ..., x_2)

    L(x) is the lower triangular Toeplitz matrix with first column x, so that T^-1 takes six Fourier
    transforms; the border is eliminated exactly. The column is solved for once, by GMRES with the
    sines of `RieszPreconditioner`. Then one or two products solve for a right-hand side, where the
    sines take 9 to 11 iterations, at a setup of two such solves: worth it from the fourth
    right-hand side on. Gohberg & Semencul (1972), Mat. Issled. 7 (2), 201.

    Args:
        matrix: A.
        stiffness: s; -1 for the positive operator of a diffusion equation.
        mass: c, not of the sign of s.

    >>> A = RieszMatrix(60, 3, 1.5)
    >>> bool(np.allclose(RieszInverse(A).along(A.dense(), 0), np.eye(61), atol=1e-10))
    True
    """

    def __init__(self, matrix: RieszMatrix, *, stiffness: float = 1.0, mass: float = 0.0):
        matrix, s, c = require_definite(matrix, stiffness, mass)
        super().__init__(matrix, s, c, 0)
        m = self.length
        length = scipy.fft.next_fast_len(max(2 * m - 1, 2), real=True)
        self._transform = FastFourier(length)
        block = _toeplitz(self.toeplitz_column(), self._transform)
        theta = np.pi * np.arange(1, m + 1) / (m + 1)
        unit = np.zeros(m)
        unit[0] = 1.0
        found = fgmres(
            block,
            unit,
            preconditioner=_sines(s * matrix.symbol(theta) + c * mass_symbol(matrix.degree, theta)),
            rtol=RTOL,
            max_iterations=ITERATIONS,
            restart=ITERATIONS,
        )
        x = found.x
        columns = np.zeros((2, length))
        columns[0, :m] = x / np.sqrt(abs(x[0]))
        columns[1, 1:m] = columns[0, m - 1 : 0 : -1]
        self._sign = np.sign(x[0])
        self._spectra = self._transform.forward(columns) * length
        self.eliminate()

    def inner(self, u: Array) -> Array:
        """Return T^-1 u of vectors along the last axis."""
        if lives_on_gpu(u):
            raise InputError("u: expected a NumPy array; this inverse works on the host")
        kind, m, transform = u.dtype, self.length, self._transform
        padded = np.zeros((*u.shape[:-1], *transform.shape))
        padded[..., :m] = u
        waves = transform.forward(padded)[..., None, :] * self._spectra.conj()
        both = transform.backward(waves, destroy=True)
        both[..., m:] = 0
        waves = transform.forward(both) * self._spectra
        product = transform.backward(waves[..., 0, :] - waves[..., 1, :], destroy=True)
        return (self._sign * product[..., :m]).astype(kind)


def _toeplitz(column: Array, transform: FastFourier) -> MatrixOperator:
    """Return the symmetric Toeplitz matrix with this first column."""
    (length,), m = transform.shape, len(column)
    circulant = np.zeros(length)
    circulant[:m] = column
    circulant[length - m + 1 :] = column[:0:-1]
    spectrum = scipy.fft.rfft(circulant).real

    def product(u: Array) -> Array:
        padded = np.zeros(length)
        padded[:m] = u.reshape(-1)
        waves = transform.forward(padded)
        waves *= spectrum
        return transform.backward(waves, padded, destroy=True)[:m]

    return MatrixOperator(ScipyOperator((m, m), product, dtype=column.dtype))


def _sines(eigenvalues: Array) -> MatrixOperator:
    """Return the inverse of the matrix of the tau algebra with these eigenvalues."""
    m = len(eigenvalues)
    factors = 1 / (2 * (m + 1) * eigenvalues)

    def product(u: Array) -> Array:
        return sine_transform(sine_transform(u.reshape(-1), 1) * factors, 1)

    return MatrixOperator(ScipyOperator((m, m), product, dtype=eigenvalues.dtype))
