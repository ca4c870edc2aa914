"""Fractional diffusion on a box as a sum of Kronecker products, one per direction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, product_along, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Up to so many unknowns along an axis a dense product is quicker than transforms.
DENSE = 512


class RieszRectangleOperator(LinearOperator):
    """A c at the collocation points of a box, of the coefficients c of a tensor spline.

        A = -sum_k K_k (B_1 x ... x R_k x ... x B_d) + r (B_1 x ... x B_d)

    R_k is the `RieszMatrix` of axis k, B_k that of the values of its splines at the same points,
    K_k and r are diagonal. Each direction has its own order. R_k is dense, a Toeplitz matrix but
    for its border: it is applied along its axis by transforms, or where they are short by matrix
    products, B_k in (p + 1) operations per number; nothing of N x N numbers is formed. Reference:
    Mazza, Donatelli, Manni & Speleers (2023), doi:10.1002/nla.2462, for one direction.

    Args:
        matrices: R_k, one per axis.
        coefficients: K_k, numbers or arrays of the shape of the unknowns.
        reaction: r, likewise.

    >>> R = RieszMatrix(8, 3, 1.5)
    >>> A = RieszRectangleOperator([R, R], [1.0, 2.0])
    >>> A.domain_shape
    (9, 9)
    """

    def __init__(
        self, matrices: Sequence[RieszMatrix], coefficients: Sequence[Any], reaction: Any = 0.0
    ):
        given = matrices if isinstance(matrices, Sequence) else [matrices]
        self.matrices = tuple(require_instance(R, "matrices", RieszMatrix) for R in given)
        count = len(coefficients) if isinstance(coefficients, Sequence) else None
        if len(self.matrices) != count or not self.matrices:
            raise InputError(
                "coefficients: expected a list of as many as matrices, one per axis, got "
                f"{coefficients!r:.80} and {len(self.matrices)} matrices"
            )
        self.domain_shape = self.range_shape = tuple(len(R.points) for R in self.matrices)
        self.coefficients = tuple(self._field(K, "coefficient") for K in coefficients)
        self.reaction = self._field(reaction, "reaction")
        self.masses = [value_matrix(R) for R in self.matrices]
        self.dtype = np.result_type(
            np.float64, *(K.dtype for K in (*self.coefficients, self.reaction))
        )
        self._dense: dict[int, Array] = {}

    def _field(self, values: Any, name: str) -> Array:
        values = require_finite(as_floating(to_numpy(values), name), name)
        if values.shape not in ((), self.domain_shape):
            raise InputError(
                f"{name}: expected a number or an array of shape {self.domain_shape}, got shape "
                f"{values.shape}"
            )
        return values

    def directions(self, c: Array) -> list[Array]:
        """Return the derivatives along each axis at the collocation points, d^a u/d|x_k|^a."""
        found = []
        for k, R in enumerate(self.matrices):
            term = self._riesz(R, k, c)
            for j in range(k + 1, len(self.matrices)):
                term = self.masses[j].apply_along(term, j)
            found.append(term)
            c = self.masses[k].apply_along(c, k) if k + 1 < len(self.matrices) else c
        return found

    def values(self, c: Array) -> Array:
        """Return the values of the spline at the collocation points."""
        for k, B in enumerate(self.masses):
            c = B.apply_along(c, k)
        return c

    def coefficients_of(self, values: Array) -> Array:
        """Return the coefficients of the spline with such values at the collocation points."""
        for k, B in enumerate(self.masses):
            values = B.solve(values, k)
        return values

    def _apply(self, c: Any) -> Any:
        total = self.reaction * self.values(c) if self.reaction.any() else 0.0
        for K, term in zip(self.coefficients, self.directions(c), strict=True):
            total = total - K * term
        return total

    def _adjoint(self, v: Any) -> Any:
        total = np.conj(self.reaction) * v
        for j, B in enumerate(self.masses):
            total = B.adjoint_along(total, j)
        for k, (R, K) in enumerate(zip(self.matrices, self.coefficients, strict=True)):
            term = self._riesz(R, k, np.conj(K) * v, adjoint=True)
            for j, B in enumerate(self.masses):
                term = B.adjoint_along(term, j) if j != k else term
            total = total - term
        return total

    def _riesz(self, R: RieszMatrix, k: int, c: Array, adjoint: bool = False) -> Array:
        """Return the products with R, or its adjoint, along axis k."""
        if len(R.points) > DENSE:
            return R.along(c, k, adjoint=adjoint)
        if k not in self._dense:
            self._dense[k] = R.dense()
        matrix = self._dense[k].T if adjoint else self._dense[k]
        return product_along(matrix, c, k - c.ndim)


def value_matrix(matrix: RieszMatrix) -> BandedOperator:
    """Return B, the values of the splines of a `RieszMatrix` at its points.

    >>> value_matrix(RieszMatrix(8, 3, 1.5)).bandwidths
    (2, 2)
    """
    return BandedOperator(matrix.basis.matrix(matrix.points)[:, 1:-1])
