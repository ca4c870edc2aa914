"""Polynomials through a few neighbouring sites: what a spline is compared with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def local_interpolation(
    sites: Array, values: Array, intervals: Array, points: Array, width: int, shift: int = 0
) -> Array:
    """Return polynomials through `width` sites around given intervals, one at each point.

        q_j,0(x) = f(x_j)
        q_j,k(x) = ((x_{j+k} - x) q_j,k-1(x) + (x - x_j) q_j+1,k-1(x)) / (x_{j+k} - x_j)

    The sites are the nearest in number, as many on the left as on the right, less at the ends. The
    scheme of Aitken and Neville; de Boor (2001), A Practical Guide to Splines,
    doi:10.1007/978-1-4612-6333-3 (of the first edition), chapter I.

    Args:
        sites: (n,) increasing.
        values: (n, components).
        intervals: (m,) integers; i stands for that from sites[i] to sites[i + 1].
        points: (m,) a point in each interval.
        width: number of sites, cut to n.
        shift: how many more of them are on the right, less on the left; negative for the left.

    >>> x = np.arange(5.0)
    >>> local_interpolation(x, x[:, None] ** 3, np.array([1]), np.array([1.5]), 4).tolist()
    [[3.375]]
    """
    n = len(sites)
    width = min(width, n)
    first = np.clip(intervals + 1 - width // 2 + shift, 0, n - width)
    used = first[:, None] + np.arange(width)
    x, q = sites[used], values[used]
    at = points[:, None]
    for k in range(1, width):
        left, right = x[:, :-k], x[:, k:]
        part = ((at - left) / (right - left))[:, :, None]
        q = (1 - part) * q[:, :-1] + part * q[:, 1:]
    return q[:, 0]
