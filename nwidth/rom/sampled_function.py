"""A function of parameters and points as a matrix whose rows are computed when they are read."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating
from nwidth.errors import InputError

Array = NDArray[Any]


class SampledFunction:
    """Values f(x_j, y_i) of a function, computed when they are read.

    Args:
        function: f(x, y), called with x[start:stop, None] and y[None] to give a block of rows, as
            NumPy's functions do; `np.vectorize` makes such a function of one for numbers.
        x: parameters, samples or times, shape (rows, ...).
        y: points, shape (points, ...).

    >>> f = SampledFunction(lambda x, y: x + y, [1.0, 2.0, 3.0], [0.0, 0.5])
    >>> f[1:3].tolist()
    [[2.0, 2.5], [3.0, 3.5]]
    """

    def __init__(self, function: Callable[[Any, Any], Any], x: Any, y: Any):
        if not callable(function):
            raise InputError(f"function: expected f(x, y), got {function!r:.80}")
        self._function = function
        self._x, self._y = (np.asarray(values) for values in (x, y))
        if not (self._x.ndim and self._y.ndim and len(self._x) and len(self._y)):
            raise InputError("x, y: expected at least one parameter and one point")
        self.shape = (len(self._x), len(self._y))
        self.dtype = self[:1].dtype

    def __getitem__(self, rows: slice) -> Array:
        """Return a block of rows."""
        x = self._x[rows]
        block = as_floating(self._function(x[:, None], self._y[None]), "f(x, y)")
        if block.shape != (len(x), len(self._y)):
            raise InputError(
                f"f(x, y): expected values of shape {(len(x), len(self._y))} for x of shape "
                f"{x[:, None].shape} and y of shape {self._y[None].shape}, got {block.shape}"
            )
        return block
