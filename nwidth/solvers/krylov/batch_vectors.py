"""Inner products, norms and orthogonalization of the vectors of a batch, sample by sample.

A vector of the batch is an array `(sample, n)`, a basis `(sample, k, n)`. The numbers that come out
are float64 or complex128 on the host, one row for every sample.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs

from nwidth.arrays import namespace, power_of_two, to_numpy

Array = NDArray[Any]

# A vector that keeps less than this part of its length against a basis is orthogonalized again.
AGAIN = 0.7

# Bytes of a basis that stay in the cache between the product with a vector and its correction.
BLOCK = 2**20

# What is left of a vector of the basis' span, in units of round-off.
REST = 20


def inner(u: Array, v: Array) -> Array:
    """Return (u, v) = sum conj(v) u of every sample.

    >>> inner(np.array([[1j, 0.0]]), np.array([[1.0, 1.0]])).tolist()
    [1j]
    """
    if _alone(u):
        sums = np.array([np.vdot(v, u)])
    else:
        sums = namespace(u).matmul(u[:, None, :], v.conj()[:, :, None])[:, 0, 0]
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
    if _alone(u):
        return np.array([np.vdot(parts, parts)], np.float64)
    xp = namespace(u)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return to_numpy(xp.matmul(parts[:, None, :], parts[:, :, None])[:, 0, 0]).astype(np.float64)


def _alone(u: Array) -> bool:
    """Return whether there is one sample, on the host: vectors and matrices for BLAS.

    NumPy gives stacks of one matrix to slower code, and threads of it.
    """
    return type(u) is np.ndarray and u.shape[0] == 1


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
    return scaled(u, _reciprocals(sizes))


def _reciprocals(sizes: Array) -> Array:
    return np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0)


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
    if _alone(basis):
        return row[0] @ basis[0]
    return xp.matmul(row, basis)[:, 0, :]


def orthogonalize(basis: Array, w: Array, q: Array) -> tuple[Array, Array]:
    """Return (h, s) with w = sum_k h_k basis_k + s q, and put the unit vector q in its place.

    Gram-Schmidt, first with the two last vectors of the basis, which take the most of w where it is
    the next one of a Krylov space; then with all; and once more where much of w has gone: twice is
    enough. Reference: Giraud, Langou & Rozloznik (2005), doi:10.1007/s00211-005-0615-4. Where w
    lies in the span of the basis but for round-off s is zero, and so is q.

    Args:
        basis: orthonormal vectors (or zero), shape `(sample, k, n)`.
        w: shape `(sample, n)`.
        q: shape `(sample, n)`, no part of the basis.

    >>> q = np.empty((1, 2))
    >>> h, s = orthogonalize(np.array([[[1.0, 0.0]]]), np.array([[3.0, 4.0]]), q)
    >>> h.tolist(), s.tolist(), q.tolist()
    ([[3.0]], [4.0], [[0.0, 1.0]])
    """
    q[:] = w
    h = np.zeros(basis.shape[:2], np.result_type(w.dtype, np.float64))
    h[:, -2:] = _take_out(basis[:, -2:], q)
    first = np.abs(h[:, -2:]).max(axis=1)
    for _ in range(2):
        c = _take_out(basis, q)
        h += c
        size, gone = norms(q), np.linalg.norm(c, axis=1)
        first = np.maximum(first, gone)
        if not (size < AGAIN * np.hypot(size, gone)).any():
            break
    size = np.where(size <= REST * np.finfo(w.dtype).eps * first, 0.0, size)
    q *= namespace(q).asarray(_reciprocals(size).astype(q.real.dtype))[:, None]
    return h, size


def _take_out(basis: Array, w: Array) -> Array:
    """Subtract from w what it has of the vectors of the basis, and return how much that was."""
    if _alone(w):
        gemv = get_blas_funcs("gemv", dtype=w.dtype)
        c = np.empty(basis.shape[:2], w.dtype)
        block = BLOCK // w.nbytes if w.nbytes <= BLOCK // 2 else basis.shape[1]
        for first in range(0, basis.shape[1], block):
            part = basis[0, first : first + block].T
            c[0, first : first + block] = some = gemv(1.0, part, w[0], trans=2)
            gemv(-1.0, part, some, 1.0, w[0], overwrite_y=True)
        return c
    xp = namespace(w)
    c = xp.matmul(basis, w.conj()[:, :, None])[:, :, 0].conj()
    w -= xp.matmul(c[:, None, :], basis)[:, 0, :]
    return to_numpy(c)


def products(W: Array, U: Array) -> Array:
    """Return W* U on the host for vectors in rows.

    >>> products(np.array([[1j, 0.0]]), np.array([[1.0 + 0j, 2.0]])).tolist()
    [[-1j]]
    """
    if type(W) is np.ndarray:
        return get_blas_funcs("gemm", dtype=W.dtype)(1.0, W.T, U.T, trans_a=2)
    return to_numpy(W @ U.conj().T).conj()
