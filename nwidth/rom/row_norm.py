"""The norm in which rows are compared, and weights of points in integrals."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import real_floating, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]

_POWERS = {"sup": 0.0, "l1": 1.0, "l2": 2.0}


@dataclass(frozen=True)
class RowNorm:
    """The norm (sum_i w_i |f_i|^p)^(1/p) of a row, or its largest modulus.

    `power` is p, 0 for the maximum; `weights` are flat, none for ones.

    >>> RowNorm.of("l2", [[1.0, 0.5]], (1, 2))
    RowNorm(name='l2', power=2.0, weights=array([1. , 0.5]))
    >>> RowNorm.of(3, None, (2,)).name
    'l3'
    """

    name: str
    power: float
    weights: Array | None

    @classmethod
    def of(cls, norm: Any, weights: Any, shape: tuple[int, ...]) -> Self:
        """Return the norm "sup", "l1", "l2" or of a power 1 <= p <= 16, of fields of a shape."""
        if isinstance(norm, str):
            if norm not in _POWERS:
                names = ", ".join(_POWERS)
                raise InputError(f"norm: expected one of {names} or a power, got {norm!r}")
            power, name = _POWERS[norm], norm
        elif isinstance(norm, float | np.floating) and norm == np.inf:
            power, name = 0.0, "sup"
        else:
            power = require_number(norm, "norm", "[1, 16]")
            name = f"l{power:g}"
        if weights is None:
            return cls(name, power, None)
        if power == 0:
            raise InputError('weights: expected norm="l1", "l2" or a power, got the maximum norm')
        return cls(name, power, point_weights(weights, shape).ravel())


def point_weights(weights: Any, shape: tuple[int, ...]) -> Array:
    """Return weights of points, such as `grid.weights`, in double precision, or what is wrong.

    >>> point_weights([1, 2], (2,))
    array([1., 2.])
    """
    w = to_numpy(real_floating(weights, "weights")).astype(np.float64)
    if w.shape != shape or not (np.isfinite(w).all() and (w > 0).all()):
        raise InputError(f"weights: expected finite numbers > 0 of shape {shape}, got {w.shape}")
    return np.ascontiguousarray(w)
