"""A basis of fields, kept as rows: checked, flat, and orthonormal where a method needs it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError

Array = NDArray[Any]

# Gram matrices may differ from the identity by so many units of the last place per field.
_ROUND_OFF = 100


def field_rows(fields: Any, name: str) -> Array:
    """Return fields (number, *shape) of floating-point numbers, or say what is wrong with them.

    >>> field_rows([[1, 2, 3]], "basis").shape
    (1, 3)
    """
    rows = to_numpy(as_floating(fields, name))
    if rows.ndim < 2 or rows.size == 0:
        raise InputError(
            f"{name}: expected fields as rows (number, *shape), got shape {rows.shape}"
        )
    return require_finite(rows, name)


def first_largest(values: Array) -> int:
    """Return the first of the largest values, all >= 0; those equal to round-off are equal.

    >>> first_largest(np.array([1.0, 3.0 - 1e-15, 3.0]))
    1
    """
    equal = float(np.finfo(values.dtype).eps) ** 0.75
    return int((values >= (1 - equal) * values.max()).argmax())


def orthonormal(rows: Array, name: str = "basis") -> Array:
    """Return orthonormal rows such that the first k span what the first k given ones do.

        U = R Q,    Q Q* = I,    R lower triangular

    by Householder's QR decomposition of the transpose; rows that are orthonormal already are
    returned as they are. Raises `InputError` for rows that depend on those before them.

    >>> abs(orthonormal(np.array([[0.0, 2.0], [3.0, 5.0]]))).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    from scipy.linalg import qr

    r, n = rows.shape
    if r > n:
        raise InputError(f"{name}: expected at most as many fields as points, got {r} and {n}")
    eps = float(np.finfo(rows.dtype).eps)
    with np.errstate(over="ignore", invalid="ignore"):
        gram = rows @ rows.conj().T
        if abs(gram - np.eye(r)).max() <= _ROUND_OFF * eps * r:
            return rows
    # Scales change neither the spans nor, once they are one, what is dependent.
    sizes = np.abs(rows).max(axis=1, keepdims=True)
    scaled = rows / np.where(sizes > 0, sizes, 1)
    q, triangle = qr(scaled.T, mode="economic", overwrite_a=True, check_finite=False)
    left = np.abs(np.diagonal(triangle))
    dependent = left <= n * eps * np.linalg.norm(triangle, axis=0)
    if dependent.any():
        raise InputError(
            f"{name}: expected linearly independent fields, but field {int(dependent.argmax())} is "
            "a combination of those before it; leave it out"
        )
    return np.ascontiguousarray(q.T)
