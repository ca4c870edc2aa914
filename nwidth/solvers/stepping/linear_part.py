"""The stiff linear part L of v' = L v + N(t, v)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace, require_finite

Array = NDArray[Any]
# (right-hand side, where the solution goes); both may be the same array.
ShiftedSolve = Callable[[Array, Array], None]


class LinearPart(ABC):
    """A linear operator that implicit methods can solve with."""

    @abstractmethod
    def apply(self, v: Array, out: Array) -> None:
        """Write L v to `out`."""

    @abstractmethod
    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution of (1 - shift L) x = b."""


class DiagonalPart(LinearPart):
    """L of which v are eigencoordinates: constant coefficients in Fourier space.

        (L v)_k = l_k v_k

    Args:
        symbol: l, real or complex; its axes are the last ones of v. Batches stand before them.

    Raises `InputError` for what are no numbers, `NonFiniteError` for NaN and infinity.

    >>> L = DiagonalPart([-1.0, -4.0])
    >>> v = np.ones(2)
    >>> L.shifted(0.5)(v, v)
    >>> v.round(3).tolist()
    [0.667, 0.333]
    """

    def __init__(self, symbol: Any):
        if namespace(symbol) is np:
            symbol = np.asarray(symbol)
        self.symbol = require_finite(as_floating(symbol, "symbol"), "symbol")

    def apply(self, v: Array, out: Array) -> None:
        """Write l v to `out`."""
        namespace(v).multiply(self.symbol, v, out=out)

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the division by 1 - shift l."""
        factor = 1 / (1 - shift * self.symbol)

        def solve(b: Array, out: Array) -> None:
            namespace(b).multiply(factor, b, out=out)

        return solve
