"""GNAT: greedy points for least squares, several for each function of a basis."""

from typing import Any

import numpy as np

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.field_basis import field_rows, first_largest, orthonormal


def gnat(basis: Any, number: int | None = None) -> BasisInterpolation:
    """Choose points where each function is worst fitted by those before it.

        rho_k = u_k - U_{k-1} (P^T U_{k-1})^+ P^T u_k,    next points: the largest |rho_k|

    Each function gets number / r points, the first ones one more if that leaves a remainder. With
    as many points as functions it is DEIM. The QR decomposition of P^T U is updated by a row and a
    column, not computed anew. Reference: Carlberg, Farhat, Cortial & Amsallem (2013),
    doi:10.1016/j.jcp.2013.02.028, algorithm 3, one function per iteration.

    Args:
        basis: fields as rows, shape (r, *shape), real or complex, linearly independent.
        number: of points, at least r. Good values: 1.5 r to 3 r; 2 r by default.

    >>> y = np.linspace(-1, 1, 201)
    >>> model = gnat(np.stack([np.ones(201), y, y**2]), 6)
    >>> len(model.points)
    6
    """
    from scipy.linalg import qr_insert, solve_triangular

    fields = field_rows(basis, "basis")
    U = orthonormal(fields.reshape(len(fields), -1))
    r, n = U.shape
    number = min(2 * r, n) if number is None else require_integer(number, "number", r)
    if number > n:
        raise InputError(f"number: expected at most the {n} points of a field, got {number}")
    points: list[int] = []
    rho = U[0]
    Q = R = np.zeros((0, 0), U.dtype)
    for k in range(r):
        if k > 0:
            c = solve_triangular(R, Q.conj().T @ U[k, points], check_finite=False)
            rho = U[k] - c @ U[:k]
        size = np.abs(rho)
        size[points] = -1
        for _ in range(number // r + (k < number % r)):
            p = first_largest(size)
            size[p] = -1
            points.append(p)
            if k > 0:
                Q, R = qr_insert(Q, R, U[:k, p], len(Q), check_finite=False)
        if k == 0:
            Q, R = np.linalg.qr(U[:1, points].T)
        else:
            Q, R = qr_insert(Q, R, U[k, points], k, which="col", check_finite=False)
    return BasisInterpolation(fields, np.array(points))
