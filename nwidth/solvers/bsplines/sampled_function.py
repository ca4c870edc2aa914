"""A function that is sampled point by point or all at once, and how often it may be."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError

Array = NDArray[Any]


class SampledFunction:
    """Values of a function of one variable as an array (points, components), each point counted.

    Args:
        f: takes one number, or an array of m numbers at once; returns one value or an array of
            components for each. Of all at once, values are (m, *components) or (components, m).
        vectorized: whether f takes arrays; None finds out at the first points. A function that
            raises `TypeError` or `ValueError` for an array, or does not return m values, is then
            called point by point. Where there are as many components as first points, one of these
            is computed twice.

    Raises `InputError` for what is not a function, for values that are not numbers or change their
    number of components, and `NonFiniteError` for NaN and infinity, with the place.

    >>> import math
    >>> f = SampledFunction(math.exp)
    >>> f(np.array([0.0, 1.0])).round(3).tolist(), f.vectorized, f.evaluations
    ([[1.0], [2.718]], False, 2)
    """

    def __init__(self, f: Callable[..., Any], vectorized: bool | None = None):
        if not callable(f):
            raise InputError(f"f: expected a function of one number, got {f!r:.80}")
        if vectorized is not None and not isinstance(vectorized, bool | np.bool_):
            raise InputError(f"vectorized: expected True, False or None, got {vectorized!r:.80}")
        self.f = f
        self.vectorized = None if vectorized is None else bool(vectorized)
        self.shape: tuple[int, ...] | None = None
        self.evaluations = 0
        self.eps = float(np.finfo(np.float64).eps)  # the rounding of the values
        self._axis: int | None = None

    def __call__(self, points: Array) -> Array:
        """Return the values at points (m,) as float64 or complex128, (m, number of components)."""
        values = self._at_once(points) if self.vectorized is not False else None
        if values is None:
            self.vectorized = False
            values = self._one_by_one(points)
        else:
            self.vectorized = True
        self.evaluations += len(points)
        if values.dtype.kind in "fc":
            self.eps = max(self.eps, float(np.finfo(values.dtype).eps))
        values = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
        if self.shape is None:
            self.shape = values.shape[1:]
        elif self.shape != values.shape[1:]:
            raise InputError(
                f"f: expected values of shape {self.shape} as before, got {values.shape[1:]} at "
                f"x = {points[0]:.17g}"
            )
        flat = values.reshape(len(points), -1)
        bad = ~np.isfinite(flat).all(axis=1)
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            wrong = flat[k][~np.isfinite(flat[k])][0]
            raise NonFiniteError(
                f"f: expected finite values, got {wrong} at x = {points[k]:.17g}; end the interval "
                "before that place, or define the function there by its limit"
            )
        return flat

    def _at_once(self, points: Array) -> Array | None:
        """Return the values of one call, or None if f turns out to take single numbers."""
        m, sure = len(points), self.vectorized is True
        try:
            values = _numbers(self.f(points.copy()), points)
        except (TypeError, ValueError) as error:
            if sure or isinstance(error, InputError):
                raise
            return None
        if self._axis is None:
            self._axis = self._found_axis(values, points)
        # f may return components first, which a few points alone would not tell.
        if self._axis is not None and values.ndim and values.shape[self._axis] == m:
            return np.moveaxis(values, self._axis, 0)
        if sure:
            raise InputError(
                f"f: expected values of shape ({m}, ...) for {m} points, got {values.shape}; "
                "give vectorized=False for a function of one number"
            )
        return None

    def _found_axis(self, values: Array, points: Array) -> int | None:
        """Return which axis of the values is that of the points."""
        m = len(points)
        found = [axis for axis in (0, -1) if values.ndim and values.shape[axis] == m]
        if len(found) == 2 and values.ndim > 1:
            # As many components as points: one point tells, and is computed twice.
            self.evaluations += 1
            one = np.shape(self.f(points[:1].copy()))
            found = [axis for axis in found if one and one[axis] == 1]
        return found[0] if found else None

    def _one_by_one(self, points: Array) -> Array:
        """Return the values of a call for each point."""
        values = [_numbers(self.f(float(x)), points) for x in points]
        shapes = {value.shape for value in values}
        if len(shapes) > 1:
            raise InputError(f"f: expected values of one shape, got {sorted(shapes)[:4]}")
        return np.array(values)


def _numbers(values: Any, points: Array) -> Array:
    """Return an array of numbers, or raise `InputError`."""
    try:
        found = np.asarray(values)
    except ValueError:
        found = np.empty(0, object)
    if found.dtype.kind not in "biufc" or found.size == 0:
        raise InputError(
            f"f: expected real or complex numbers, got {values!r:.60} at x = {points[0]:.17g}"
        )
    return found
