"""Empirical interpolation: the greedy choice of fields and points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation, SelectionStatus
from nwidth.rom.remainder import Remainder

Array = NDArray[Any]

_POWERS = {"sup": 0.0, "l1": 1.0, "l2": 2.0}

# Remainders below so many units of the largest entry's last place are round-off.
_ROUND_OFF = 8


def eim(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    norm: str | float = "sup",
    weights: Any = None,
) -> EmpiricalInterpolation:
    """Choose rows x_k and points y_k such that f is interpolated from them.

        x_{k+1} = argmax_x ||r_k(x, .)||,    y_{k+1} = argmax_y |r_k(x_{k+1}, y)|,
        r_{k+1}(x, y) = r_k(x, y) - r_k(x, y_{k+1}) r_k(x_{k+1}, y) / r_k(x_{k+1}, y_{k+1}),

    from r_0 = f until max_x ||r_k(x, .)|| <= rtol max_x ||f(x, .)||. With the maximum norm it is
    Gaussian elimination with complete pivoting. Of equal norms and values the first counts.
    References: Barrault, Maday, Nguyen & Patera (2004), doi:10.1016/j.crma.2004.08.006; other
    norms: Casenave, Ern & Lelievre (2016), arXiv:1508.05330.

    Args:
        data: rows f(x, .), shape (rows, *shape), real or complex.
        rtol: tolerance, relative to the largest row. Good values: 1e-4 to 1e-10.
        max_rank: limit on the number of steps.
        norm: of a row: "sup", "l1", "l2", or a power p >= 1.
        weights: of the points in the norm, such as `grid.weights`, shape `shape`; not for "sup".

    Time is that of at most one pass over the data per step, memory that of one copy of them.
    Raises `InputError` for data that are empty or not finite (row and column are named).

    >>> x, y = np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 20)
    >>> model = eim(np.exp(-x * y), rtol=1e-10)
    >>> model.rank, model.status.name
    (7, 'CONVERGED')
    """
    rtol = require_number(rtol, "rtol", "[0, 1)")
    rows = _rows(data)
    power, weights = _norm(norm, weights, rows.shape[1:])
    count, flat = len(rows), rows.reshape(len(rows), -1)
    limit = min(flat.shape)
    limit = limit if max_rank is None else min(limit, require_integer(max_rank, "max_rank", 1))
    remainder = Remainder(np.array(flat, order="C"), power, weights)
    chosen: list[int] = []
    points: list[int] = []
    errors: list[float] = []
    floor = _ROUND_OFF * float(np.finfo(flat.dtype).eps)
    while True:
        row, error = remainder.largest()
        errors.append(error)
        if error <= rtol * errors[0]:
            status = SelectionStatus.CONVERGED
        elif error <= floor * errors[0] or len(chosen) == min(flat.shape):
            status = SelectionStatus.EXHAUSTED
        elif len(chosen) == limit:
            status = SelectionStatus.MAX_RANK
        else:
            point = int(np.abs(remainder.row(row)).argmax())
            remainder.subtract(row, point)
            chosen.append(row)
            points.append(point)
            continue
        break
    del remainder
    return EmpiricalInterpolation(
        np.array(chosen, np.int64),
        np.array(points, np.int64),
        rows[chosen].reshape(-1, *rows.shape[1:]),
        flat[:, points].reshape(count, -1),
        tuple(errors),
        status,
        norm if isinstance(norm, str) else f"l{power:g}",
    )


def _rows(data: Any) -> Array:
    """Return the data as rows of floating-point numbers."""
    rows = np.asarray(data)
    if rows.ndim < 2 or rows.size == 0:
        raise InputError(f"data: expected rows of fields (rows, *shape), got shape {rows.shape}")
    if rows.dtype.kind in "bui":
        rows = rows.astype(np.float64)
    if rows.dtype.kind not in "fc":
        raise InputError(f"data: expected real or complex numbers, got {rows.dtype}")
    require_finite(rows, "data")
    return rows


def _norm(norm: str | float, weights: Any, shape: tuple[int, ...]) -> tuple[float, Array | None]:
    """Return the power of a norm and its weights."""
    if isinstance(norm, str) and norm not in _POWERS:
        raise InputError(f"norm: expected one of {', '.join(_POWERS)} or a power, got {norm!r}")
    power = _POWERS[norm] if isinstance(norm, str) else require_number(norm, "norm", "[1, inf]")
    power = 0.0 if np.isinf(power) else power
    if weights is None:
        return power, None
    weights = np.asarray(weights, np.float64)
    if power == 0:
        raise InputError('weights: expected norm="l1", "l2" or a power, got the maximum norm')
    if weights.shape != shape or not (np.isfinite(weights).all() and (weights > 0).all()):
        raise InputError(f"weights: expected finite numbers > 0 of shape {shape}")
    return power, np.ascontiguousarray(weights.ravel())
