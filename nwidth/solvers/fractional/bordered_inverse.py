"""Inverses of Riesz collocation that replace the Toeplitz block, and keep the border exactly."""

from abc import abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.fractional.bordered_toeplitz import vectors_along
from nwidth.solvers.fractional.riesz_entries import unit_function
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]


class BorderedInverse(LinearOperator):
    """An inverse of s A + c B with another matrix S in the place of the Toeplitz block.

        | D  R |^-1     eliminates S, and leaves the Schur complement D - R S^-1 C
        | C  S |        of the border, a small dense matrix

    A is the `RieszMatrix`, B the collocation matrix of the functions themselves. S may be longer
    than the Toeplitz block: the places that it has more, half of them before and half behind, are
    held at zero by forces that count among the border. Saad (2003), Iterative Methods for Sparse
    Linear Systems, doi:10.1137/1.9780898718003, section 14.2.

    Subclasses define `inner`, the product with S^-1, which has to be symmetric, and call
    `eliminate` when it works.

    Args:
        matrix: A.
        stiffness: s; -1 for the positive operator of a diffusion equation.
        mass: c, not of the sign of s.
        places: length of S less that of the Toeplitz block.

    Attributes: `length`, of S.

    Raises `InputError` for s = 0 and for a c that may make the matrix singular.
    """

    def __init__(self, matrix: RieszMatrix, stiffness: float, mass: float, places: int):
        self.matrix = matrix
        self.stiffness, self.mass = stiffness, mass
        self.domain_shape = self.range_shape = matrix.domain_shape
        self.dtype = matrix.dtype
        m, before = len(matrix.toeplitz), places // 2
        self.length = m + places
        self._inside = slice(before, before + m)
        self._outside = np.r_[:before, before + m : m + places]
        self._constants: dict[tuple[str, str], tuple[Any, ...]] = {}

    def toeplitz_column(self) -> Array:
        """Return the first column of the Toeplitz block of s A + c B, with zeros up to `length`."""
        column, m = np.zeros(self.length), len(self.matrix.toeplitz)
        column[:m] = self.stiffness * self.matrix.toeplitz
        stencil = mass_stencil(self.matrix.degree)[:m]
        column[: len(stencil)] += self.mass * stencil
        return column

    @abstractmethod
    def inner(self, u: Array) -> Array:
        """Return S^-1 u of vectors along the last axis."""

    def eliminate(self) -> None:
        """Factorize the border."""
        matrix, s, c, places = self.matrix, self.stiffness, self.mass, len(self._outside)
        K, N = matrix.border, matrix.size
        # The first columns and rows of s A + c B; the last ones are the same, turned around.
        first, self._rows = s * matrix.columns, s * matrix.rows
        if c:
            mass = matrix.basis.matrix(matrix.points).tocsc()[:, 1:-1]
            first += c * mass[:, :K].toarray().T
            self._rows += c * mass[:K, K : N - K].toarray()
        last = first[::-1, ::-1]
        border = np.zeros((2 * K + places, self.length))
        border[:K, self._inside] = first[:, K : N - K]
        border[K : 2 * K, self._inside] = last[:, K : N - K]
        self._force = abs(s * float(matrix.toeplitz[0]))  # of the size of the other entries
        border[2 * K + np.arange(places), self._outside] = self._force
        self._solved = self.inner(border)
        corner = np.zeros((2 * K + places,) * 2)
        ends = np.r_[:K, N - K : N]
        corner[: 2 * K, :K], corner[: 2 * K, K : 2 * K] = first[:, ends].T, last[:, ends].T
        rows = np.concatenate([self._rows, self._rows[::-1, ::-1]])
        corner[: 2 * K] -= rows @ self._solved[:, self._inside].T
        corner[2 * K :] -= self._force * self._solved[:, self._outside].T
        self._schur = np.linalg.inv(corner)

    def _apply(self, u: Any) -> Any:
        return self.along(u)

    def _adjoint(self, v: Any) -> Any:
        return self.along(v, adjoint=True)

    def along(self, u: Any, axis: int = -1, *, adjoint: bool = False) -> Any:
        """Return the products with all vectors along one axis of a real array.

        Args:
            u: float32 or float64, N numbers along the axis.
            axis: the one that counts the unknowns.
            adjoint: whether to multiply with the transpose.
        """
        N, K = self.matrix.size, self.matrix.border
        u = vectors_along(u, N, axis)
        xp, kind = namespace(u), u.dtype
        rows, solved, schur = self._held(xp, kind)
        length, batch = solved.shape[1], u.shape[:-1]
        forces = xp.zeros((*batch, len(schur)), kind)
        forces[..., :K], forces[..., K : 2 * K] = u[..., :K], u[..., N - K :]
        middle = xp.zeros((*batch, length), kind)
        middle[..., self._inside] = u[..., K : N - K]
        if adjoint:
            # | D  R |^T : the Schur complement first, then tau.
            # | C tau|
            forces = (forces - middle @ solved.T) @ schur
            inside = middle[..., self._inside]
            inside -= forces[..., :K] @ rows + (forces[..., K : 2 * K][..., ::-1] @ rows)[..., ::-1]
            middle[..., self._outside] -= self._force * forces[..., 2 * K :]
            middle = self.inner(middle)
        else:
            middle = self.inner(middle)
            inside = middle[..., self._inside]
            forces[..., :K] -= inside @ rows.T
            forces[..., K : 2 * K] -= (inside[..., ::-1] @ rows.T)[..., ::-1]
            forces[..., 2 * K :] -= self._force * middle[..., self._outside]
            forces = forces @ schur.T
            middle -= forces @ solved
        out = xp.empty(u.shape, kind)
        out[..., K : N - K] = middle[..., self._inside]
        out[..., :K], out[..., N - K :] = forces[..., :K], forces[..., K : 2 * K]
        return xp.moveaxis(out, -1, axis)

    def _held(self, xp: Any, kind: np.dtype) -> tuple[Any, ...]:
        """Return the constants of a product in a library and a precision."""
        key = (xp.__name__, kind.name)
        if key not in self._constants:
            arrays = (self._rows, self._solved, self._schur)
            self._constants[key] = tuple(xp.asarray(a.astype(kind, copy=False)) for a in arrays)
        return self._constants[key]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.matrix}, s = {self.stiffness:g}, c = {self.mass:g})"


def require_definite(matrix: Any, stiffness: Any, mass: Any) -> tuple[RieszMatrix, float, float]:
    """Return what makes s A + c B definite, or raise `InputError`.

    >>> require_definite(RieszMatrix(4, 2, 1.5), -1, 2)[1:]
    (-1.0, 2.0)
    """
    require_instance(matrix, "matrix", RieszMatrix)
    s = require_number(stiffness, "stiffness", "(-inf, inf)")
    c = require_number(mass, "mass", "(-inf, inf)")
    if s == 0 or s * c > 0:
        raise InputError(
            f"mass: expected a number of the other sign than stiffness = {s}, which is not zero, "
            f"got {c}; A is negative, so that s A + c B would have no inverse"
        )
    return matrix, s, c


def mass_stencil(degree: int) -> Array:
    """Return the cardinal B-spline at its collocation points, phi_p((p+1)/2 + k) for k = 0, 1, ...

    >>> mass_stencil(3).round(12).tolist()
    [0.666666666667, 0.166666666667]
    """
    powers, zero = unit_function(degree, degree).powers, Fraction(0)
    points = [Fraction(degree + 1, 2) + k for k in range(degree // 2 + 1)]
    return np.array(
        [float(sum(c * max(x - j, zero) ** m for (j, m), c in powers.items())) for x in points]
    )
