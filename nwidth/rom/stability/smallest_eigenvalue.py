"""The smallest eigenvalue of a Hermitian pencil, with a lower bound that its inertia proves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import NotConvergedError
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability.inertia import DENSE, EPS, further, inertia, row_sums

Array = NDArray[Any]

# Steps below a rough eigenvalue, doubled until no eigenvalue is below.
_ATTEMPTS = 60
# The growth of pivots makes errors of indefinite matrices large: these set no distances.
_CLOSE = 1e-4
# Lanczos' residual tolerances. Where eigenvalues cluster too closely for the fine one, the rough
# one gives a value, and a shift so many times nearer to it sets the cluster's members apart.
_FINE, _ROUGH, _RESTARTS = 1e-11, 1e-2, 10
_NEARER, _SHIFTS = 1e-3, 4


@dataclass(frozen=True)
class SmallestEigenvalue:
    """lambda of A v = lambda X v: `lower` <= lambda <= `upper`, and v with ||v||_X = 1.

    `lower` is proved; `upper` is the Rayleigh quotient of v, and holds up to the rounding of that.
    """

    lower: float
    upper: float
    vector: Array


def smallest_eigenvalue(A: Any, product: InnerProduct, rounding: float = 0.0) -> SmallestEigenvalue:
    """Compute the smallest eigenvalue of a Hermitian matrix against an inner product, and prove it.

        A - s X  has no negative eigenvalue   =>   lambda >= s - e

    Shift-and-invert Lanczos gives lambda and v, from closer shifts where eigenvalues cluster. Then
    A - s X is factorized for s = lambda - delta with delta from round-off on, until no pivot is
    negative: a proof by inertia, so that an eigenvalue that Lanczos has overlooked is found out. e
    holds the backward error of the factorization, and that of A itself. References: Ericsson & Ruhe
    (1980), doi:10.1090/S0025-5718-1980-0583502-2, on shift and invert; Rump (2006),
    doi:10.1007/s10543-006-0056-1, on the proof.

    Args:
        A: Hermitian, dense or sparse as `product.matrix` is.
        product: the inner product X.
        rounding: r with |v^H (A - A_exact) v| <= r v^H X v.

    Raises `NotConvergedError` if no shift can be proved.

    >>> pair = smallest_eigenvalue(np.diag([3.0, 2.0]), InnerProduct(np.diag([1.0, 4.0])))
    >>> pair.lower < 0.5 <= pair.upper, round(pair.upper - pair.lower, 12)
    (True, 0.0)
    """
    X, weights, lowest = product.matrix, product.diagonal, product.lowest
    if not row_sums(A).any():  # as the Hermitian part of a damping term; nothing to iterate with
        v = np.ones(A.shape[0], product.dtype)
        return SmallestEigenvalue(-rounding, rounding, v / product.norm(v))
    if A.shape[0] <= DENSE or isinstance(A, np.ndarray):
        value, v = _dense(A, X)
    else:
        value, v = _lanczos(A, product)
    v = v / product.norm(v)
    value = float(np.vdot(v, A @ v).real)
    best, spread, rows = -np.inf, 0.0, row_sums(X)
    crude = float((row_sums(A) / weights).max()) / lowest
    # An eigenvalue near zero is proved up to round-off of the whole matrix, not of itself.
    delta, size = 0.0, max(abs(value), EPS * crude)
    while value - delta > best and delta <= 2 * (crude + abs(value)):
        s = value - delta
        S = A - s * X
        found = inertia(S, weights)
        # And the rounding of A - s X itself.
        assembly = float(((row_sums(S) + abs(s) * rows) / weights).max())
        e = (1.01 * found.error + EPS * assembly) / lowest
        if found.negative == 0 and s - e > best:
            best, spread = s - e, e
        delta = further(delta, size, e, _CLOSE * abs(value) + 1e3 * EPS * crude)
    if not np.isfinite(best):
        raise NotConvergedError(
            f"smallest eigenvalue: found {value:.3g}, but no lower bound could be proved by a "
            "factorization; check that the matrices are scaled alike"
        )
    return SmallestEigenvalue(best - rounding, value + spread + rounding, v)


def _dense(A: Any, X: Any) -> tuple[float, Array]:
    from scipy.linalg import eigh

    A, X = (B if isinstance(B, np.ndarray) else B.toarray() for B in (A, X))
    values, vectors = eigh(A, X, subset_by_index=[0, 0])
    return float(values[0]), vectors[:, 0]


def _lanczos(A: Any, product: InnerProduct) -> tuple[float, Array]:
    """Return lambda and v of a sparse pencil by Lanczos, from a shift below the spectrum."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    X, n, dtype = product.matrix, A.shape[0], np.result_type(A.dtype, product.dtype)
    A, start = A.astype(dtype), (1.5 + np.cos(0.1 * np.arange(n))).astype(dtype)
    look = {"k": 1, "M": X, "v0": start, "maxiter": _RESTARTS}
    shift, found = 0.0, inertia(A, product.diagonal)
    if found.negative != 0:
        # Indefinite, as a single term may be: a rough value first, and a step below it.
        riesz = LinearOperator((n, n), matvec=product.riesz, dtype=dtype)
        try:
            value = float(
                eigsh(A, Minv=riesz, which="SA", tol=_ROUGH, **look, return_eigenvectors=False)[0]
            )
        except ArpackNoConvergence:
            value = float(np.vdot(start, A @ start).real / np.vdot(start, X @ start).real)
        step = 0.1 * abs(value) + EPS * product.norm(product.riesz(A @ start)) / product.norm(start)
        shift, found = _shifted_below(A, product, value, step)
    if found.factors is None:
        raise NotConvergedError(
            "smallest eigenvalue: no shift could be factorized; scale the terms"
        )
    value, vector = np.inf, start
    for _ in range(_SHIFTS):
        inverse = LinearOperator((n, n), matvec=found.factors.solve, dtype=dtype)
        for rtol in (_FINE, _ROUGH):
            try:
                values, vectors = eigsh(A, tol=rtol, sigma=shift, OPinv=inverse, **look)
            except ArpackNoConvergence:
                continue
            if values[0] < value:
                value, vector = float(values[0]), vectors[:, 0]
            break
        if not np.isfinite(value):
            raise NotConvergedError(
                "smallest eigenvalue: Lanczos' method did not converge; check the matrices"
            )
        if rtol == _FINE:
            break
        shift, found = _shifted_below(A, product, value, _NEARER * (value - shift))
        if found.factors is None:
            break
    return value, vector


def _shifted_below(A: Any, product: InnerProduct, value: float, step: float) -> tuple[float, Any]:
    """Return s = value - step, doubled until A - s X has no negative eigenvalue; and factors."""
    for _ in range(_ATTEMPTS):
        found = inertia(A - (value - step) * product.matrix, product.diagonal)
        if found.negative == 0:
            break
        step *= 2
    return value - step, found
