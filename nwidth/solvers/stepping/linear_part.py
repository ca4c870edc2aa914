"""The stiff linear part L of v' = L v + N(t, v)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]
# (right-hand side, where the solution goes); both may be the same array.
ShiftedSolve = Callable[[Array, Array], None]

# Shifts whose solves are kept.
KEPT = 4


class LinearPart(ABC):
    """A linear operator L that implicit methods can solve with, as (1 - shift L) x = b.

    Those there are: `DiagonalPart`, which exponential methods take too, `SparsePart` and
    `BandedPart`. One of your own has `apply`, `shifted`, and `real`, whether L v is real for real
    v; states it does not fit raise `InputError`.

    >>> import numpy as np
    >>> class Decay(LinearPart):
    ...     def apply(self, v, out):
    ...         out[...] = -2.0 * v
    ...     def shifted(self, shift):
    ...         return lambda b, x: np.divide(b, 1 + 2.0 * shift, out=x)
    >>> from nwidth.solvers.stepping import ARK436L2SA, FunctionSystem, evolve
    >>> system = FunctionSystem(lambda t, v: v, Decay())
    >>> found = evolve(system, [1.0], [1.0], method=ARK436L2SA, rtol=1e-9).checked()
    >>> bool(abs(found.states[0, 0] - np.exp(-1)) < 1e-8)
    True
    """

    # Whether L v is real for real v.
    real = True

    @abstractmethod
    def apply(self, v: Array, out: Array) -> None:
        """Write L v to `out`."""

    @abstractmethod
    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the solution of (1 - shift L) x = b."""

    def kept_shifted(self, shift: float) -> ShiftedSolve:
        """Return `shifted`, of which the last few are kept: for factors, step after step."""
        kept: dict[float, ShiftedSolve] = self.__dict__.setdefault("_kept", {})
        solve = kept.pop(shift, None) or self.shifted(shift)
        kept[shift] = solve
        while len(kept) > KEPT:
            kept.pop(next(iter(kept)), None)
        return solve


class DiagonalPart(LinearPart):
    """L of which v are eigencoordinates: constant coefficients in Fourier space.

        (L v)_k = l_k v_k

    Args:
        symbol: l, real or complex; its axes are the last ones of v. Batches stand before them.

    Raises `InputError` for what are no numbers, `NonFiniteError` for NaN and infinity.

    >>> import numpy as np
    >>> L = DiagonalPart([-1.0, -4.0])
    >>> v = np.ones(2)
    >>> L.shifted(0.5)(v, v)
    >>> v.round(3).tolist()
    [0.667, 0.333]
    """

    def __init__(self, symbol: Any):
        self.symbol = require_finite(as_floating(symbol, "symbol"), "symbol")
        self.real = self.symbol.dtype.kind == "f"

    def apply(self, v: Array, out: Array) -> None:
        """Write l v to `out`."""
        namespace(v).multiply(self.symbol, v, out=out)

    def shifted(self, shift: float) -> ShiftedSolve:
        """Return the division by 1 - shift l."""
        factor = 1 / (1 - shift * self.symbol)

        def solve(b: Array, out: Array) -> None:
            namespace(b).multiply(factor, b, out=out)

        return solve


def require_linear_part(linear: LinearPart | None, v: Array, method: str) -> LinearPart:
    """Return L, or raise `InputError` where a method has none, or v is not what L acts on.

    >>> import numpy as np
    >>> require_linear_part(None, np.ones(1), "SBDF2")
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: SBDF2: expected a system with a linear part, got none; take an \
explicit method
    """
    if linear is None:
        raise InputError(
            f"{method}: expected a system with a linear part, got none; take an explicit method"
        )
    if not linear.real and v.dtype.kind != "c":
        raise InputError(
            f"{method}: expected a complex state for a complex linear part, got dtype {v.dtype}"
        )
    if isinstance(linear, DiagonalPart) and linear.symbol.size != 1:
        shape = tuple(linear.symbol.shape)
        if tuple(v.shape)[-len(shape) :] != shape:
            raise InputError(
                f"{method}: expected a state whose last axes are those of the linear part, "
                f"{shape}, got shape {tuple(v.shape)}"
            )
    return linear
