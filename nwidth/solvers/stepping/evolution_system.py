"""What is stepped in time: a semilinear system of ordinary differential equations."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.stepping.linear_part import LinearPart

Array = NDArray[Any]


# Mean squares above it have their digits, by bytes: those that underflow are small beside them.
LEAST = {4: 1e-31, 8: 1e-292}


def euclidean_norm(v: Array) -> float:
    """Return the Euclidean norm, infinity if it is NaN; squares may be too large or too small.

    Not by BLAS, which wakes its threads for some thousand numbers and lets them spin.

    >>> import numpy as np
    >>> f"{euclidean_norm(np.array([3e-200, 4e-200])):.6g}"
    '5e-200'
    """
    xp, flat = namespace(v), v.reshape(-1).view(v.real.dtype)
    square = float(xp.einsum("i,i->", flat, flat))
    if flat.size * LEAST[flat.dtype.itemsize] < square < math.inf:
        return math.sqrt(square)
    largest = float(abs(flat).max())
    if largest == 0 or not math.isfinite(largest):
        return 0.0 if largest == 0 else math.inf
    flat = flat / largest
    return largest * math.sqrt(float(xp.einsum("i,i->", flat, flat)))


class EvolutionSystem(ABC):
    """v' = L v + N(t, v), for an array v of any shape, real or complex.

    L is stiff and simple, N is neither; explicit methods take both together. A system may hold work
    space: it belongs to one thread.
    """

    linear: LinearPart | None = None
    # Whether N is known not to depend on t, which spares methods that need dN/dt two evaluations.
    autonomous = False

    @abstractmethod
    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write N(t, v) to `out`, which is not v."""

    def rate(self, t: float, v: Array) -> float | None:
        """Return about the largest |eigenvalue| of dN/dv, None if nothing is known of it.

        Explicit steps are stable up to a number of each method over this rate: Courant's condition.
        """
        return None

    def undamped_rate(self, t: float, v: Array, held: float) -> float | None:
        """Return `rate` without the modes that L holds: where it is at most `held` |Re L|.

        Systems that know their modes say so; the rest count all of them.
        """
        return self.rate(t, v)

    def jacobian(self, t: float, v: Array, w: Array, out: Array) -> None:
        """Write N'(v) w, the derivative of N along w, to `out`; by central differences.

            N'(v) w = (N(t, v + e w) - N(t, v - e w)) / (2 e),   e ||w|| = eps^(1/3) ||v||

        Complex arrays count as pairs of real numbers, so N need not be holomorphic. Systems that
        know the derivative write it in place of two evaluations, and exactly.
        """
        size, length = (euclidean_norm(a) for a in (v, w))
        if length == 0:
            out[...] = 0
            return
        kind = np.finfo(v.dtype)
        e = max(float(kind.eps) ** (1 / 3) * (size or 1.0) / length, 4 * float(kind.tiny))
        self.nonlinear(t, v - e * w, out)
        before = out.copy()
        self.nonlinear(t, v + e * w, out)
        out -= before
        out *= 1 / (2 * e)

    def full(self, t: float, v: Array, out: Array, work: Array) -> None:
        """Write L v + N(t, v) to `out`; `work` is an array like v."""
        self.nonlinear(t, v, out)
        if self.linear is not None:
            self.linear.apply(v, work)
            out += work


class FunctionSystem(EvolutionSystem):
    """A system from a function (t, v) -> N(t, v), and an L if there is one.

    Raises `InputError` for what is no function or no L, and where the function returns what does
    not fit v.

    >>> import numpy as np
    >>> system, out = FunctionSystem(lambda t, v: -v), np.empty(2)
    >>> system.nonlinear(0.0, np.ones(2), out)
    >>> out.tolist()
    [-1.0, -1.0]
    """

    def __init__(self, function: Callable[[float, Array], Any], linear: LinearPart | None = None):
        if not callable(function):
            raise InputError(f"function: expected (t, v) -> N(t, v), got {function!r:.80}")
        if linear is not None and not isinstance(linear, LinearPart):
            raise InputError(f"linear: expected a LinearPart or None, got {linear!r:.80}")
        self.function, self.linear = function, linear

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write what the function returns to `out`."""
        found = self.function(t, v)
        lost = getattr(found, "dtype", out.dtype).kind == "c" and out.dtype.kind != "c"
        try:
            if lost or found is None:
                raise ValueError
            out[...] = found
        except (ValueError, TypeError):
            came = f"{found!r:.80}" if not hasattr(found, "dtype") else (
                f"{found.dtype} of shape {found.shape}"
            )  # fmt: skip
            raise InputError(
                f"function: expected N(t, v), {out.dtype} numbers of shape {out.shape} as v has, "
                f"got {came}"
            ) from None
