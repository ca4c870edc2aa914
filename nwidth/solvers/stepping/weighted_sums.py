"""Sums of slopes with weights: the stages of all Runge-Kutta methods."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import lives_on_gpu

Array = NDArray[Any]


def add_numbers(out: Array, v: Array, weights: Array, slopes: Array) -> None:
    """Out = v + sum_j weights[j] slopes[j], with real numbers as weights.

    >>> out = np.empty(2)
    >>> add_numbers(out, np.ones(2), np.array([0.5, 0.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> out.tolist()
    [1.5, 2.0]
    """
    if lives_on_gpu(v):
        out[...] = v
        for w, slope in zip(weights, slopes, strict=False):
            if w != 0:
                out += float(w) * slope
        return
    from nwidth.solvers.stepping._weighted_sums_numba import add_numbers as kernel

    s = len(weights)
    parts = _parts(out), _parts(v), _parts(slopes[:s])
    kernel(
        parts[0].reshape(-1),
        parts[1].reshape(-1),
        np.asarray(weights, parts[0].dtype),
        parts[2].reshape(s, -1),
    )


def add_modes(
    out: Array, factor: Array, v: Array, used: Array, weights: Array, slopes: Array
) -> None:
    """Out = factor v + sum_j weights[j] slopes[used[j]], with weights for each mode.

    `factor` is (*modes,), `weights` (s, *modes), real or, for complex v, both complex; v and the
    slopes may have batches in front. Precisions are the same.

    >>> out, v = np.empty(2), np.ones(2)
    >>> add_modes(out, 2 * v, v, np.array([1]), v[None], np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> out.tolist()
    [5.0, 6.0]
    """
    if lives_on_gpu(v):
        out[...] = factor * v
        for j, w in zip(used, weights, strict=True):
            out += w * slopes[int(j)]
        return
    from nwidth.solvers.stepping import _weighted_sums_numba as kernels

    n, s = factor.size, len(slopes)
    arrays = (
        _parts(out).reshape(out.size // n, n, -1),
        _parts(v).reshape(v.size // n, n, -1),
        _parts(slopes).reshape(s, v.size // n, n, -1),
    )
    if factor.dtype.kind == "c":
        kernels.add_complex_modes(
            arrays[0],
            _parts(factor).reshape(n, 2),
            arrays[1],
            used,
            _parts(weights).reshape(len(used), n, 2),
            arrays[2],
        )
    else:
        kernels.add_real_modes(
            arrays[0], factor.reshape(n), arrays[1], used, weights.reshape(len(used), n), arrays[2]
        )


def _parts(array: Array) -> Array:
    """Return complex numbers as pairs of real ones, without a copy."""
    if array.dtype.kind != "c":
        return array
    return array.view(array.real.dtype)
