"""Products of a matrix of any kind with many vectors, which are kept as rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, generator, require_finite
from nwidth.errors import InputError
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator, as_operator

Array = NDArray[Any]


def random_block(rows: int, n: int, dtype: np.dtype, seed: int, *key: int) -> Array:
    """Return Gaussian vectors as rows (rows, n), real or complex, E |w_i|^2 = 1.

    >>> random_block(2, 3, np.dtype(np.complex64), 0).dtype
    dtype('complex64')
    """
    rng = generator(seed, *key)
    if dtype.kind == "c":
        parts = rng.standard_normal((2, rows, n)) / np.sqrt(2)
        return (parts[0] + 1j * parts[1]).astype(dtype)
    return rng.standard_normal((rows, n)).astype(dtype)


def finite_operator(A: Any) -> LinearOperator:
    """Return a matrix or operator as `LinearOperator`, in a floating dtype; NaN are refused.

    >>> finite_operator(np.array([[1, 2]])).dtype
    dtype('float64')
    """
    operator = as_operator(A)
    if isinstance(operator, MatrixOperator):
        matrix = operator.matrix
        if isinstance(matrix, np.ndarray):
            operator = MatrixOperator(require_finite(as_floating(matrix), "matrix"))
        elif operator.dtype.kind in "bui":
            operator = MatrixOperator(matrix.astype(np.float64))
    if 0 in operator.shape:
        raise InputError(f"matrix: expected rows and columns, got shape {operator.shape}")
    return operator


def frobenius_norm(A: Array) -> float:
    """Return ||A||_F without overflow or underflow of squares.

    >>> frobenius_norm(np.array([3e-200, 4e-200]))
    5e-200
    """
    largest = np.abs(A).max(initial=0)
    return float(largest) * float(np.linalg.norm(A / largest)) if largest > 0 else 0.0


def products(A: LinearOperator, rows: Array) -> Array:
    """Return A w for each row w, as rows (number, m).

    >>> products(as_operator(np.array([[1.0, 2.0]])), np.eye(2)).tolist()
    [[1.0], [2.0]]
    """
    if isinstance(A, MatrixOperator):
        found = np.asarray((A.matrix @ rows.T).T)
    else:
        found = _stacked([A.apply(row) for row in rows], A.shape[0], A.dtype)
    return require_finite(found, "products with the matrix")


def adjoint_products(A: LinearOperator, rows: Array) -> Array:
    """Return A* v for each row v, as rows (number, n).

    >>> adjoint_products(as_operator(np.array([[1.0, 2.0]])), np.ones((1, 1))).tolist()
    [[1.0, 2.0]]
    """
    if isinstance(A, MatrixOperator) and not hasattr(A.matrix, "rmatvec"):
        found = np.asarray(rows.conj() @ A.matrix).conj()
    else:
        found = _stacked([A.adjoint(row) for row in rows], A.shape[1], A.dtype)
    return require_finite(found, "products with the adjoint matrix")


def _stacked(rows: list[Array], length: int, dtype: np.dtype) -> Array:
    """Return rows as a matrix, also where there are none."""
    return np.stack([row.ravel() for row in rows]) if rows else np.zeros((0, length), dtype)
