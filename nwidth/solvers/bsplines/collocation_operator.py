"""Differential operators on tensor splines at tensor points, by sums of products along axes."""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from nwidth.arrays import as_floating
from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]
Orders = tuple[int, ...]


class CollocationOperator(LinearOperator):
    """A c = sum_m  w_m (D_1^(m_1) x ... x D_d^(m_d)) c, of spline coefficients c at tensor points.

    D_k^(m) holds the m-th derivatives of the splines of axis k at its points, m = 0, 1, 2; w_m is a
    number or has one value per point, so that every row may be another equation: the differential
    one inside, a boundary condition on a side. Products along one axis are shared between terms
    (sum factorization): of a full equation of second order there are 3, 9 and 19 sparse ones in
    1-D, 2-D and 3-D, whatever the degree, instead of a matrix with (p + 1)^d entries per row.

    Args:
        factors: per axis the sparse matrices (points, splines) of values, first and second
            derivatives.
        terms: w_m by orders m, one order per axis.

    Coefficients have `domain_shape`, values `range_shape`. Raises `InputError` for shapes that do
    not fit each other.

    >>> D = [sp.csr_array(m) for m in (np.eye(2), np.array([[-1.0, 1.0], [-1.0, 1.0]]))]
    >>> A = CollocationOperator([D, D], {(0, 0): 2.0, (1, 0): np.array([[0.0, 0.0], [1.0, 1.0]])})
    >>> A.apply(np.array([[1.0, 2.0], [4.0, 8.0]])).tolist()
    [[2.0, 4.0], [11.0, 22.0]]
    """

    def __init__(self, factors: Sequence[Sequence[Any]], terms: Mapping[Orders, Any]):
        self.factors = [[sp.csr_array(D) for D in axis] for axis in factors]
        if not self.factors or any(D.shape != axis[0].shape for axis in self.factors for D in axis):
            raise InputError("factors: expected one list of matrices of one shape for each axis")
        self.range_shape = tuple(axis[0].shape[0] for axis in self.factors)
        self.domain_shape = tuple(axis[0].shape[1] for axis in self.factors)
        self.terms: dict[Orders, Any] = {}
        for orders, weight in terms.items():
            if len(orders) != len(factors) or any(
                not 0 <= m < len(axis) for m, axis in zip(orders, self.factors, strict=True)
            ):
                raise InputError(
                    f"terms: expected one order for each of {len(factors)} axes, got {orders}"
                )
            weight = as_floating(np.asarray(weight), "weight")
            if weight.shape not in ((), self.range_shape):
                raise InputError(
                    f"terms: expected a number or an array of shape {self.range_shape} for the "
                    f"orders {orders}, got shape {weight.shape}"
                )
            if weight.any():
                self.terms[orders] = weight
        kinds = [D.dtype for axis in self.factors for D in axis[:1]]
        self.dtype = np.result_type(*kinds, *(w.dtype for w in self.terms.values()))

    def _apply(self, u: Any) -> Any:
        out = np.zeros(self.range_shape, np.result_type(self.dtype, u.dtype))
        self._descend(u, (), out)
        return out

    def _descend(self, u: Array, orders: Orders, out: Array) -> None:
        """Add all terms that begin with these orders, of which u has had the products."""
        k = len(orders)
        if k == len(self.factors):
            out += self.terms[orders] * u
            return
        for m in sorted({term[k] for term in self.terms if term[:k] == orders}):
            self._descend(along(self.factors[k][m], u, k), (*orders, m), out)

    def _adjoint(self, v: Any) -> Any:
        out = np.zeros(self.domain_shape, np.result_type(self.dtype, v.dtype))
        for orders, weight in self.terms.items():
            part = np.conj(weight) * v
            for k, m in enumerate(orders):
                part = along(self.factors[k][m].T.tocsr(), part, k)
            out += part
        return out

    def to_sparse(self) -> Any:
        """Return the matrix as a CSR array, unknowns in the order of `ravel`."""
        rows, columns = self.shape
        total = sp.csr_array((rows, columns), dtype=self.dtype)
        for orders, weight in self.terms.items():
            product = reduce(
                lambda a, b: sp.kron(a, b, format="csr"),
                [self.factors[k][m] for k, m in enumerate(orders)],
            )
            values = np.broadcast_to(weight, self.range_shape).ravel()
            total = total + sp.csr_array(product).multiply(values[:, None]).tocsr()
        total.sum_duplicates()
        return total


def along(matrix: Any, u: Array, axis: int) -> Array:
    """Return the products of a matrix, sparse or dense, with all lines of u along an axis.

    >>> along(np.array([[1.0, 1.0]]), np.ones((3, 2)), 1).tolist()
    [[2.0], [2.0], [2.0]]
    """
    lines = np.moveaxis(u, axis, 0)
    rest = lines.shape[1:]
    product = matrix @ np.ascontiguousarray(lines.reshape(lines.shape[0], prod(rest)))
    return np.moveaxis(product.reshape(matrix.shape[0], *rest), 0, axis)
