"""What several coefficients have in common, and what each has of its own axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def common_factor(coefficients: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Return s and k_1, ..., k_d of coefficients K_j(x) ~ s(x) k_j(x_j), all positive.

        log K_j - mean_i log K_i = (1 - 1/d) (part of x_j alone) + mean + ...

    is analysed by averages over the other axes, so that nothing is lost where K_j is such a
    product: fractional diffusion is then separable but for the factor s, by which the equation can
    be divided. One coefficient on one axis is s itself.

    Args:
        coefficients: K_j > 0, d arrays of one shape with d axes.

    >>> x, y = np.array([[1.0], [2.0]]), np.array([[1.0, 3.0]])
    >>> s, (kx, ky) = common_factor([x + y, (x + y) * y])
    >>> bool(np.allclose(s * kx[:, None], x + y)), bool(np.allclose(s * ky, (x + y) * y))
    (True, True)
    """
    d = len(coefficients)
    logs = [np.log(K) for K in coefficients]
    mean = sum(logs) / d
    s, own = mean, []
    for j, log in enumerate(logs):
        apart = log - mean
        level = apart.mean()
        line = apart.mean(axis=tuple(i for i in range(d) if i != j)) - level
        line = line * (d / (d - 1) if d > 1 else 0.0)
        own.append(np.exp(line + level))
        s = s - line.reshape([-1 if i == j else 1 for i in range(d)]) / d
    return np.exp(s), own
