"""Errors in units of what is allowed: a part of each value and a part of the largest one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]

# Errors that the values themselves have: a few roundings.
ROUNDINGS = 16
# Coefficients of splines and their differences are larger than values, and may not overflow.
LARGEST = 1e300


class MixedTolerance:
    """Of each component c, |error_c| <= rtol |f_c| + atol_c.

    Args:
        rtol: the relative part, 0 <= rtol < 1.
        atol: the absolute part, one for all components or one for each. None stands for rtol times
            the largest |f_c| seen, so that zeros of f cost nothing; 0 demands relative accuracy.

    Raises `InputError` for numbers that cannot be met.

    >>> tolerance = MixedTolerance(0.1, None)
    >>> tolerance.see(np.array([[1.0], [-4.0]]))
    >>> tolerance.allowed(np.array([[1.0]])).round(6).tolist()
    [[0.5]]
    """

    def __init__(self, rtol: float, atol: Any = None):
        self.rtol = require_number(rtol, "rtol", "[0, 1)")
        self.given = None if atol is None else _absolute(atol)
        if self.rtol == 0 and (self.given is None or not self.given.all()):
            raise InputError("rtol: expected a number in (0, 1), or atol > 0 beside it, got 0")
        self.scale: Array = np.zeros(1)
        self.eps = float(np.finfo(np.float64).eps)

    def see(self, values: Array) -> None:
        """Take note of values (m, components)."""
        if len(values):
            self.scale = np.maximum(self.scale, np.abs(values).max(axis=0))
        if self.scale.max() > LARGEST:
            raise InputError(
                f"values: expected at most {LARGEST:.0e} in size, got {self.scale.max():.3g}; "
                "scale them"
            )
        if self.given is not None and self.given.size not in (1, values.shape[1]):
            raise InputError(
                f"atol: expected one number or {values.shape[1]}, one for each component, got "
                f"{self.given.size}"
            )

    @property
    def atol(self) -> Array:
        """The absolute part of each component."""
        given = self.rtol * self.scale if self.given is None else self.given
        return np.broadcast_to(given, self.scale.shape)

    def allowed(self, values: Array) -> Array:
        """Return the errors allowed beside values (m, components); never zero."""
        return np.maximum(self.rtol * np.abs(values) + self.atol, np.finfo(np.float64).tiny)

    def units(self, errors: Array, values: Array) -> Array:
        """Return errors over those allowed, the largest over the components: (m,)."""
        return (np.abs(errors) / self.allowed(values)).max(axis=1)

    def rounded(self, errors: Array, nearby: Array) -> Array:
        """Return whether errors are as small as the rounding of values nearby is: (m,)."""
        return np.all(np.abs(errors) <= ROUNDINGS * self.eps * nearby, axis=1)


def _absolute(atol: Any) -> Array:
    """Return absolute tolerances as an array of one axis."""
    values = np.atleast_1d(to_numpy(require_finite(as_floating(atol, "atol"), "atol")))
    if values.dtype.kind == "c" or values.ndim > 1 or values.size == 0 or (values < 0).any():
        raise InputError(f"atol: expected numbers >= 0, one or one per component, got {atol!r:.80}")
    return values.astype(np.float64)
