"""The online stage on arrays of any library: batched linear algebra, on a device for CuPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nwidth.arrays import namespace
from nwidth.rom._rounding_numba import EPS, LOST

TINY = float(np.finfo(np.float64).tiny)
# Parameters are taken together whose matrices fill about so many bytes.
TOGETHER = 1 << 28


def device_online_stage(
    mus: Any,
    coefficients: tuple[Any, Any],
    tables: tuple[Any, Any, Any, Any],
    lower: Callable[[Any], Any],
    *,
    least_squares: bool = False,
) -> tuple[Any, Any, Any, Any, Any]:
    """Return x, bound, stability, code and residual of many parameters in the library of `mus`.

        min ||A x - f||,    A = Q R,  R x = Q^H f,    ||R z||,    z = (phi, -theta_q x_i)

    It does what `OnlineStage` does, by batched QR factorizations and products with the matrix of
    residuals; where R has a small diagonal, x is NaN. Reference: N. Higham (2002),
    doi:10.1137/1.9780898718027, theorem 19.5.

    Args:
        mus: (m, p), only for its library.
        coefficients: theta (m, Q) and phi (m, Q_f), NumPy's.
        tables: matrices (Q, N, N), sources (Q_f, N), R (rows, Q_f + N Q) and the allowances.
        lower: theta -> stability constants (m,), on NumPy's arrays.
        least_squares: whether ||R z|| is minimized, or V^H A V x = V^H f solved.

    >>> tables = np.eye(1)[None], np.eye(1), np.array([[1.0, 1.0]]), np.zeros(2)
    >>> theta, phi = np.array([[2.0]]), np.array([[1.0]])
    >>> device_online_stage(theta, (theta, phi), tables, lambda theta: theta[:, 0])[0].tolist()
    [[0.5]]
    """
    xp = namespace(mus)
    matrices, sources, residual, allowance = (xp.asarray(table) for table in tables)
    theta, phi = coefficients
    Q, N = matrices.shape[:2]
    Qf = len(sources)
    if least_squares:
        left = residual[:, Qf:].reshape(len(residual), N, Q).transpose(2, 0, 1)
        right = residual[:, :Qf].T
    else:
        left, right = matrices, sources
    step = max(1, TOGETHER // max(left[0].size * left.dtype.itemsize, 1))
    parts = []
    for first in range(0, max(len(theta), 1), step):
        c, d = (xp.asarray(values[first : first + step]) for values in (theta, phi))
        known = xp.asarray(lower(theta[first : first + step]))
        x, regular = _solved(xp, xp.tensordot(c, left, 1), d @ right)
        products = (c[:, None, :] * x[:, :, None]).reshape(len(c), Q * N)
        z = xp.concatenate([d, -products], axis=1)
        size = xp.linalg.norm(z @ residual.T, axis=1) + xp.abs(z) @ allowance
        size = (size + LOST) * (1 + 8 * EPS)
        stable = known > 0
        bound = size / xp.where(stable, known, 1) * (1 + 8 * EPS)
        regular = regular & (xp.isfinite(bound) | ~stable)
        bound = xp.where(regular & stable, xp.maximum(bound, TINY), np.inf)
        code = xp.where(regular, xp.where(stable, 0, 1), 2).astype(np.int8)
        parts.append((x, bound, known, code, size))
    x, bound, known, code, size = (xp.concatenate(part) for part in zip(*parts, strict=True))
    return x, bound, known, code, size


def _solved(xp: Any, A: Any, f: Any) -> tuple[Any, Any]:
    """Return the least squares solutions of A x = f, and where A has full rank."""
    m, rows, N = A.shape
    if N == 0:
        return xp.zeros((m, 0), A.dtype), xp.ones(m, bool)
    if rows < N:
        A = xp.concatenate([A, xp.zeros((m, N - rows, N), A.dtype)], axis=1)
        f = xp.concatenate([f, xp.zeros((m, N - rows), f.dtype)], axis=1)
    sizes = xp.sqrt(xp.sum(xp.abs(A) ** 2, axis=1))
    Q, R = xp.linalg.qr(A)
    diagonal = xp.abs(xp.diagonal(R, axis1=1, axis2=2))
    regular = (diagonal > rows * EPS * sizes).all(axis=1)
    R = xp.where(regular[:, None, None], R, xp.eye(N, dtype=R.dtype))
    x = xp.linalg.solve(R, (Q.conj().swapaxes(1, 2) @ f[:, :, None]))[:, :, 0]
    return xp.where(regular[:, None], x, np.nan), regular
