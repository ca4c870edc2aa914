"""The functions phi_k of small dense matrices."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]

# Matrices are scaled to this norm, where the first powers left out, B^13 / 16!, are below 1e-17.
NORM, POWERS = 0.5, 13
# The series is taken for this function at least: series of later ones converge sooner.
SERIES = 3


def phi_matrices(A: Any, last: int) -> Array:
    """Return phi_0(A), ..., phi_last(A), in double precision, shape (last + 1, n, n).

        phi_k(B) = sum_j B^j / (j + k)!,    B = 2^-s A
        phi_k(2 B) = 2^-k (phi_0(B) phi_k(B) + sum_{j=1}^{k} phi_j(B) / (k - j)!)

    s is such that the series are short. Only the last function needs one: the others follow by
    phi_k = B phi_{k+1} + 1/k!, in the direction in which nothing cancels, wherever the eigenvalues
    of A are. Contour integrals of the resolvent have the same digits (the tests compare) and take
    13 inversions in place of 5 products. References: Hochbruck & Ostermann (2010),
    doi:10.1017/S0962492910000048, sections 2 and 4; Berland, Skaflestad & Wright (2007),
    doi:10.1145/1206040.1206044, on the doubling.

    Args:
        A: (n, n), real or complex. Good sizes: up to a few hundred.
        last: the largest k, >= 0.

    Raises `InputError` for what is not square, `NonFiniteError` for NaN and infinity.

    >>> phi_matrices([[0.0, 1.0], [0.0, 0.0]], 1).round(15).tolist()
    [[[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.5], [0.0, 1.0]]]
    """
    last = require_integer(last, "last", 0)
    A = require_finite(to_numpy(as_floating(A, "A")), "A")
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.size == 0:
        raise InputError(f"A: expected a square matrix, got shape {A.shape}")
    A = A.astype(np.complex128 if A.dtype.kind == "c" else np.float64)
    size = float(np.abs(A).sum(axis=1).max())
    squarings = math.ceil(math.log2(size / NORM)) if size > NORM else 0
    B, top = A / 2.0**squarings, max(last, SERIES)
    phi = np.empty((top + 1, *A.shape), A.dtype)
    phi[top] = _series(B, top)
    one = np.eye(len(A))
    for k in range(top - 1, -1, -1):
        phi[k] = B @ phi[k + 1] + one / math.factorial(k)
    phi = phi[: last + 1]
    for _ in range(squarings):
        phi = _doubled(phi)
    return phi


def _series(B: Array, k: int) -> Array:
    """Return the first powers of phi_k(B), in blocks of four powers."""
    powers = [np.eye(len(B)), B, B @ B]
    powers.append(powers[2] @ B)
    fourth = powers[2] @ powers[2]
    total = fourth / math.factorial(POWERS - 1 + k)
    for first in range(POWERS - 5, -1, -4):
        if first < POWERS - 5:
            total = total @ fourth
        for j, power in enumerate(powers):
            total += power / math.factorial(first + j + k)
    return total


def _doubled(phi: Array) -> Array:
    """Return the functions of 2 B from those of B."""
    twice = phi[0] @ phi
    for k in range(len(phi)):
        for j in range(1, k + 1):
            twice[k] += phi[j] / math.factorial(k - j)
        twice[k] /= 2.0**k
    return twice
