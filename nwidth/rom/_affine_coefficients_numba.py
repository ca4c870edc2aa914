"""beta(mu) of an affine decomposition as one compiled function."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth._njit_numba import njit

Array = NDArray[Any]


@njit(cache=True)
def solve(lu: Array, order: Array, z: Array) -> Array:
    """Return x with L U x = z[order]; L has a unit diagonal, both lie in `lu`."""
    x = z[order].astype(lu.dtype)
    for i in range(len(x)):
        for j in range(i):
            x[i] -= lu[i, j] * x[j]
    for i in range(len(x) - 1, -1, -1):
        for j in range(i + 1, len(x)):
            x[i] -= lu[i, j] * x[j]
        x[i] /= lu[i, i]
    return x


def compiled_coefficients(
    functions: Sequence[Any],
    points: Sequence[Array | None],
    scales: Array,
    readings: Array,
    matrix: Array,
) -> Callable[[Any], Array]:
    """Return mu -> beta with F^T beta = z(mu) for compiled functions g_r(mu, x).

    The places of points and matrices are constants of the compiled code.
    """
    from scipy.linalg import lu_factor

    lu, pivots = lu_factor(matrix.T)
    order = np.arange(len(lu))
    for i, k in enumerate(pivots):
        order[[i, k]] = order[[k, i]]
    lu = np.ascontiguousarray(lu)
    read: Any = None
    for g, x, scale in zip(functions, points, scales, strict=True):
        read = _reading(g, x, lu.dtype.type(scale), read)  # one dtype for all

    @njit()
    def beta(mu: Any) -> Array:
        return solve(lu, order, read(mu)[readings])

    return beta


def _reading(g: Any, x: Array | None, scale: Any, before: Any) -> Any:
    """Return mu -> the values of the functions before, and of g at x."""
    if x is None:

        @njit()
        def own(mu: Any) -> Array:
            return np.atleast_1d(np.asarray(g(mu))) / scale
    else:

        @njit()
        def own(mu: Any) -> Array:
            return g(mu, x) / scale

    if before is None:
        return own

    @njit()
    def both(mu: Any) -> Array:
        first, second = before(mu), own(mu)
        return np.concatenate((first, second))

    return both
