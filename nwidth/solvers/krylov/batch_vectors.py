"""Inner products, norms and orthogonalization of the vectors of a batch, sample by sample.

A vector of the batch is an array `(sample, n)`, a basis `(sample, k, n)`. The numbers that come out
are float64 or complex128 on the host, one row for every sample.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, power_of_two, to_numpy

Array = NDArray[Any]

# A vector that keeps less than this part of its length against a basis is orthogonalized again.
AGAIN = 0.7

# What is left of a vector of the basis' span, in units of round-off.
REST = 20


def inner(u: Array, v: Array) -> Array:
    """Return (u, v) = sum conj(v) u of every sample.

    >>> inner(np.array([[1j, 0.0]]), np.array([[1.0, 1.0]])).tolist()
    [1j]
    """
    xp = namespace(u)
    sums = xp.matmul(u[:, None, :], v.conj()[:, :, None])[:, 0, 0]
    return to_numpy(sums).astype(np.result_type(sums.dtype, np.float64))


def norms(u: Array) -> Array:
    """Return ||u|| of every sample, also where squares leave the range of numbers.

    >>> norms(np.array([[3e-200, 4e-200], [np.nan, 0.0]])).tolist()
    [5e-200, nan]
    """
    squares = _squares(u)
    limits = np.finfo(u.dtype)
    doubtful = (squares < limits.tiny / limits.eps) | np.isinf(squares)
    if not doubtful.any():
        return np.sqrt(squares)
    scale = range_factors(u)
    return np.sqrt(_squares(u * namespace(u).asarray(scale, dtype=u.real.dtype))) / scale[:, 0]


def _squares(u: Array) -> Array:
    parts = real_parts(u)
    xp = namespace(u)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return to_numpy(xp.matmul(parts[:, None, :], parts[:, :, None])[:, 0, 0]).astype(np.float64)


def real_parts(u: Array) -> Array:
    """Return the numbers as real ones: complex ones as pairs along the last axis.

    >>> real_parts(np.array([[1 + 2j]])).tolist()
    [[1.0, 2.0]]
    """
    return u.view(u.real.dtype) if u.dtype.kind == "c" else u


def range_factors(u: Array) -> Array:
    """Return powers of two `(sample, 1)` that take large and small samples near one.

    >>> range_factors(np.array([[2.0**-500], [3.0]])).tolist() == [[2.0**499], [1.0]]
    True
    """
    return to_numpy(power_of_two(real_parts(u), axes=(1,)))


def divided(u: Array, sizes: Array) -> Array:
    """Return u / size of every sample, and zero where the size is zero.

    >>> divided(np.array([[2.0], [0.0]]), np.array([4.0, 0.0])).tolist()
    [[0.5], [0.0]]
    """
    return scaled(u, np.where(sizes > 0, 1 / np.where(sizes > 0, sizes, 1.0), 0.0))


def scaled(u: Array, factors: Array) -> Array:
    """Return every sample of u times its factor.

    >>> scaled(np.array([[2.0], [1.0]]), np.array([3.0, 0.0])).tolist()
    [[6.0], [0.0]]
    """
    return u * namespace(u).asarray(factors.astype(u.dtype))[:, None]


def combination(basis: Array, coefficients: Array) -> Array:
    """Return sum_k c_k basis_k of every sample.

    >>> combination(np.eye(2)[None], np.array([[3.0, 4.0]])).tolist()
    [[3.0, 4.0]]
    """
    xp = namespace(basis)
    row = xp.asarray(coefficients.astype(basis.dtype))[:, None, :]
    return xp.matmul(row, basis)[:, 0, :]


def orthogonalize(basis: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return (h, s, q) with w = sum_k h_k basis_k + s q, where q is a unit vector or zero.

    Gram-Schmidt, once more where much of w has gone: twice is enough. Reference: Giraud, Langou &
    Rozloznik (2005), doi:10.1007/s00211-005-0615-4. s is zero where w lies in the span of the basis
    but for round-off, and then so is q.

    Args:
        basis: orthonormal vectors (or zero), shape `(sample, k, n)`.
        w: shape `(sample, n)`.

    >>> h, s, q = orthogonalize(np.array([[[1.0, 0.0]]]), np.array([[3.0, 4.0]]))
    >>> h.tolist(), s.tolist(), q.tolist()
    ([[3.0]], [4.0], [[0.0, 1.0]])
    """
    xp = namespace(w)
    first = before = norms(w)
    h = np.zeros(basis.shape[:2], np.result_type(w.dtype, np.float64))
    for _ in range(2):
        c = xp.matmul(basis, w.conj()[:, :, None])[:, :, 0].conj()
        w = w - xp.matmul(c[:, None, :], basis)[:, 0, :]
        h += to_numpy(c)
        size = norms(w)
        if not (size < AGAIN * before).any():
            break
        before = size
    size = np.where(size <= REST * np.finfo(w.dtype).eps * first, 0.0, size)
    return h, size, divided(w, size)
