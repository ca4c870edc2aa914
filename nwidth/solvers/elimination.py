"""Elimination: the factors of one matrix, whichever kind it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.sparse_cholesky import SparseCholesky
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]


def elimination(matrix: Any) -> Callable[[Array], Array]:
    """Return the function b -> A^-1 b, whose solves are refined once.

        x = (L U)^-1 b,    x <- x + (L U)^-1 (b - A x)

    Symmetric positive definite sparse matrices are factorized by `SparseCholesky`, which knows
    patterns again, others by SuperLU, dense ones by LAPACK. Rows of a diagonal entry alone, as
    finite elements write Dirichlet values, are solved first, and what is left may be symmetric.
    Reference: Higham (2002), doi:10.1137/1.9780898718027, chapter 12, on refinement.

    Args:
        matrix: sparse or dense, square, real or complex; computations are in double precision.

    b has the shape (n,) or (n, m). Raises `InputError` for matrices that are not square, or
    singular.

    >>> elimination([[0.0, 2.0], [1.0, 0.0]])(np.array([2.0, 3.0])).tolist()
    [3.0, 1.0]
    """
    import scipy.sparse as sp

    sparse = sp.issparse(matrix)
    A = canonical(matrix)
    A = A.astype(np.result_type(A.dtype, np.float64), copy=False)
    if A.shape[0] != A.shape[1]:
        raise InputError(f"matrix: expected a square one, got shape {A.shape}")
    alone = _alone(A) if sparse else np.zeros(1, bool)
    if alone.any() and not alone.all():
        return _known_first(A, alone)
    if sparse:
        try:
            definite = SparseCholesky(A).solve
            return lambda b: _apart(definite, _checked(b, A))
        except InputError:
            pass  # not symmetric, or not definite
    solve = _sparse_factors(A) if sparse else _dense_factors(A.toarray())

    def refined(b: Array) -> Array:
        b = _checked(b, A)
        x = solve(b)
        return x + solve(b - A @ x)

    return refined


def _alone(A: Any) -> Array:
    """Return which rows have no entry but that on the diagonal."""
    size = np.zeros(A.shape[0])
    filled = np.flatnonzero(np.diff(A.indptr))
    if len(filled):
        size[filled] = np.add.reduceat(np.abs(A.data), A.indptr[filled])
    diagonal = np.abs(A.diagonal())
    return (size == diagonal) & (diagonal > 0)


def _known_first(A: Any, alone: Array) -> Callable[[Array], Array]:
    """Return elimination that solves the rows which stand alone before the others."""
    known, free = np.flatnonzero(alone), np.flatnonzero(~alone)
    rows, diagonal = A[free], A.diagonal()[known]
    across, solve = rows[:, known], elimination(rows[:, free])

    def solved(b: Array) -> Array:
        b = _checked(b, A)
        x = np.empty_like(b, dtype=np.result_type(A.dtype, b.dtype))
        x[known] = (b[known].T / diagonal).T
        x[free] = solve(b[free] - across @ x[known])
        return x

    return solved


def _sparse_factors(A: Any) -> Callable[[Array], Array]:
    from scipy.sparse.linalg import splu

    try:
        factors = splu(A.tocsc())
    except RuntimeError:
        raise _singular() from None
    if A.dtype.kind == "c":
        return lambda b: factors.solve(b.astype(A.dtype, copy=False))
    return lambda b: _apart(factors.solve, b)


def _dense_factors(A: Array) -> Callable[[Array], Array]:
    from scipy.linalg import get_lapack_funcs, lu_solve

    factorize = get_lapack_funcs("getrf", (A,))
    lu, order, info = factorize(A)
    if info > 0:
        raise _singular()
    return lambda b: lu_solve((lu, order), b)


def _apart(solve: Callable[[Array], Array], b: Array) -> Array:
    """Return solutions with real factors, of real and imaginary parts apart."""
    if b.dtype.kind != "c":
        return solve(b)
    return solve(np.ascontiguousarray(b.real)) + 1j * solve(np.ascontiguousarray(b.imag))


def _checked(b: Any, A: Any) -> Array:
    b = as_floating(np.asarray(b), "right-hand side")
    if b.ndim not in (1, 2) or b.shape[0] != A.shape[0]:
        raise InputError(
            f"right-hand side: expected shape ({A.shape[0]},) or ({A.shape[0]}, m), got {b.shape}"
        )
    return require_finite(b.astype(np.result_type(b.dtype, np.float64)), "right-hand side")


def _singular() -> InputError:
    return InputError(
        "matrix: expected a regular one, elimination meets a pivot that is zero; without any "
        "Dirichlet boundary fix one unknown or the mean"
    )
