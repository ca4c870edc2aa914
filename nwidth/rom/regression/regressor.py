"""What a regression of the scores on the parameters offers to the surrogate that holds it."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]

# Largest values below this one, or above its inverse, leave the range when they are squared.
_SMALL = 1e-140


@runtime_checkable
class Regressor(Protocol):
    """A function R^p -> R^r that was found from samples, y_i ~ y(x_i), and knows its error.

    `name` says which one it is, in files too. `left_out` (m, r) holds y_i - y^(-i)(x_i), what the
    function found without sample i is wrong by at that sample.
    """

    @property
    def name(self) -> str:
        """Which regression this is."""
        ...

    @property
    def left_out(self) -> Array:
        """Errors at samples that are left out."""
        ...

    def predict(self, points: Any) -> Array:
        """Return values (k, r) at points (k, p)."""
        ...

    def deviations(self, points: Any) -> Array | None:
        """Return standard deviations (k, r) at points (k, p), None if it knows of none."""
        ...

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        ...


def training_pairs(points: Any, values: Any) -> tuple[Array, Array]:
    """Return points (m, p) and values (m, r) in double precision, or say what is wrong with them.

    >>> x, y = training_pairs([[0.0], [1.0]], [[2, 3], [4, 5]])
    >>> x.shape, y.shape
    ((2, 1), (2, 2))
    """
    arrays = []
    for name, given in (("points", points), ("values", values)):
        array = np.array(real_floating(given, name), np.float64)
        if array.ndim != 2 or array.size == 0:
            raise InputError(f"{name}: expected rows (samples, number), got shape {array.shape}")
        largest = float(np.abs(require_finite(array, name)).max())
        if largest > 0 and not _SMALL <= largest <= 1 / _SMALL:
            raise InputError(
                f"{name}: expected numbers whose squares are in the range of floating point, got "
                f"{largest:.1e} as the largest one; choose other units"
            )
        arrays.append(array)
    x, y = arrays
    if len(x) != len(y):
        raise InputError(f"values: expected {len(x)} rows, one per point, got {len(y)}")
    if len(x) < 2:
        raise InputError("points: expected at least two samples, got 1; bring more")
    _, first = np.unique(x, axis=0, return_index=True)
    if len(first) < len(x):
        again = int(np.setdiff1d(np.arange(len(x)), first)[0])
        raise InputError(
            f"points: expected different ones, got {x[again].tolist()} a second time in row "
            f"{again}; remove it"
        )
    return x, y


def asked_points(points: Any, dimension: int) -> Array:
    """Return points (k, p) in double precision.

    >>> asked_points([[1, 2]], 2).shape
    (1, 2)
    """
    x = np.asarray(real_floating(points, "points"), np.float64)
    if x.ndim != 2 or x.shape[1] != dimension:
        raise InputError(f"points: expected shape (many, {dimension}), got {x.shape}")
    return require_finite(x, "points")


def squared_distances(x: Array, y: Array) -> Array:
    """Return |x_i - y_j|^2, one axis after the other, so that equal points have distance zero.

    >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [[25.0]]
    """
    out = np.zeros((len(x), len(y)))
    for a, b in zip(x.T, y.T, strict=True):
        out += np.subtract.outer(a, b) ** 2
    return out
