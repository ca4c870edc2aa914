"""S-OPT: points whose sampled basis is nearly orthogonal and spans a large volume."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.field_basis import field_rows, first_largest, orthonormal
from nwidth.rom.nested_interpolation import NestedInterpolation

Array = NDArray[Any]

# Factors above one that are multiplied before a logarithm is taken.
_FACTORS = 8


def s_opt(basis: Any, number: int | None = None) -> BasisInterpolation:
    """Choose points one by one that maximise the S-optimality of the sampled basis.

        S(A) = ( sqrt(det A* A) / prod_k ||a_k|| )^(1/r),    A = P^T U,  a_k its columns

    S is 1 for orthogonal columns and 0 for dependent ones. While there are fewer points than
    functions, point k is chosen for the first k functions. Determinants are never formed: det A* A
    is multiplied by |rho_k(p)|^2, the residual of DEIM, and for further points by 1 + u* (A* A)^-1
    u, which changes by a rank-one update. References: Shin & Xiu (2016), doi:10.1137/15M1015868;
    Lauzon, Cheung, Shin, Choi, Copeland & Huynh (2024), arXiv:2203.16494.

    Args:
        basis: fields as rows, shape (r, *shape), real or complex, linearly independent.
        number: of points, at least r, the default. Good values: r to 2 r.

    Of equal values the first counts; where all are equal, as at the first point, the one where the
    function is largest. Time is that of a few r^2 n products.

    >>> y = np.linspace(-1, 1, 201)
    >>> model = s_opt(np.stack([np.ones(201), y, y**2]), 4)
    >>> len(model.points), model.error_constant() < s_opt(model.basis).error_constant()
    (4, True)
    """
    fields = field_rows(basis, "basis")
    U = orthonormal(fields.reshape(len(fields), -1))
    r, n = U.shape
    number = r if number is None else require_integer(number, "number", r)
    if number > n:
        raise InputError(f"number: expected at most the {n} points of a field, got {number}")
    squares = np.abs(U) ** 2
    nested = NestedInterpolation(U)
    for k in range(r):
        rho = np.abs(nested.residual()) ** 2
        if k > 0:
            alpha = squares[: k + 1, nested.points].sum(axis=1)
            with np.errstate(divide="ignore"):
                gain = np.log(rho) - _log_norms(squares[: k + 1], alpha)
            rho = np.exp(gain - gain.max())
        nested.add(first_largest(rho))
    points = nested.points
    if number > r:
        points = _further_points(nested.cardinal(), squares, points, number)
    return BasisInterpolation(fields, points)


def _further_points(C: Array, squares: Array, points: Array, number: int) -> Array:
    """Add points; C holds the cardinal functions, so that u(y) = A^T C(y)."""
    alpha = squares[:, points].sum(axis=1)
    M = np.eye(len(C), dtype=C.dtype)  # (A* A)^-1 in the basis of cardinal functions
    h = (np.abs(C) ** 2).sum(axis=0)  # u* (A* A)^-1 u at all places
    while len(points) < number:
        gain = np.log1p(h) - _log_norms(squares, alpha)
        gain[points] = -np.inf
        p = first_largest(np.exp(gain - gain.max()))
        g = M @ C[:, p]
        scale = 1 + h[p]
        h = np.maximum(h - np.abs(g.conj() @ C) ** 2 / scale, 0)
        M = M - np.outer(g, g.conj()) / scale
        alpha = alpha + squares[:, p]
        points = np.append(points, p)
    return points


def _log_norms(squares: Array, alpha: Array) -> Array:
    """Return sum_k log(alpha_k + |u_k(y)|^2), up to a constant, at all places y."""
    # A column without any value yet has the norm |u_k(y)|.
    safe = np.where(alpha > 0, alpha, 1)[:, None]
    total = np.zeros(squares.shape[1], squares.dtype)
    for start in range(0, len(squares), _FACTORS):
        part = slice(start, start + _FACTORS)
        factors = (squares[part] + alpha[part, None]) / safe[part]
        with np.errstate(divide="ignore"):
            total += np.log(factors.prod(axis=0))
    return total
