"""Powers of two that bring numbers to a range in which their squares are safe."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Exponents of two that are left alone, and the largest that a factor may have, in each precision.
_RANGE = {np.dtype(np.float32): (40, 120), np.dtype(np.float64): (200, 1000)}


def power_of_two(values: Array, axes: tuple[int, ...] | None = None) -> Any:
    """Return s such that max |s v| is near one; 1 where it is far from underflow and overflow.

        s = 2^-k,    2^(k-1) <= max |v| < 2^k

    Such a factor changes exponents alone, so that a linear problem that is scaled by it has the
    same digits in its solution. Reference: N. Higham (2002), Accuracy and Stability of Numerical
    Algorithms, doi:10.1137/1.9780898718027, section 27.8, on norms without underflow.

    Args:
        values: float32 or float64.
        axes: those the maximum is taken over, kept with length one; all by default, and then the
            result is a number.

    Zero, NaN and infinity give 1.

    >>> power_of_two(np.array([3.0, -5.0])), power_of_two(np.array([2.0**-500])) == 2.0**499
    (1.0, True)
    """
    if axes is None:
        largest = np.maximum(values.max(), -values.min())
    else:
        largest = np.abs(values).max(axis=axes, keepdims=True)
    free, limit = _RANGE[values.dtype]
    exponents = np.frexp(largest)[1]
    wanted = np.where(np.abs(exponents) > free, -np.clip(exponents, -limit, limit), 0)
    scale = np.ldexp(1.0, wanted)
    return float(scale) if axes is None else scale
