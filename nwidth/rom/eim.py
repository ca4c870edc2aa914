"""Empirical interpolation: the greedy choice of fields and points."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_limit, require_number
from nwidth.arrays import as_floating, lives_on_gpu, namespace, to_numpy
from nwidth.rom.device_remainder import DeviceRemainder
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.remainder import Remainder, scale_of
from nwidth.rom.row_norm import RowNorm
from nwidth.rom.row_source import RowSource, default_memory
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.streamed_remainder import StreamedRemainder

Array = NDArray[Any]

# Remainders below so many units of the last place of all that was subtracted are round-off.
_ROUND_OFF = 4


def eim(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    norm: str | float = "sup",
    weights: Any = None,
    memory: int | None = None,
    progress: Callable[[int, float], object] | None = None,
) -> EmpiricalInterpolation:
    """Choose rows x_k and points y_k such that f is interpolated from them.

        x_{k+1} = argmax_x ||r_k(x, .)||,    y_{k+1} = argmax_y |r_k(x_{k+1}, y)|,
        r_{k+1}(x, y) = r_k(x, y) - r_k(x, y_{k+1}) r_k(x_{k+1}, y) / r_k(x_{k+1}, y_{k+1}),

    from r_0 = f until max_x ||r_k(x, .)|| <= rtol max_x ||f(x, .)||. With the maximum norm it is
    Gaussian elimination with complete pivoting. Of equal norms and values the first counts.
    References: Barrault, Maday, Nguyen & Patera (2004), doi:10.1016/j.crma.2004.08.006; other
    norms: Casenave, Ern & Lelievre (2016), arXiv:1508.05330.

    Args:
        data: rows f(x, .), shape (rows, *shape), real or complex: an array, a field of a
            `FieldDataset` (`data["pressure"]`) or an HDF5 data set, a `SampledFunction`, or an
            iterable that gives blocks of rows anew each time (see `RowSource`). CuPy arrays are
            worked on where they are (`DeviceRemainder`); the result is NumPy's.
        rtol: tolerance, relative to the largest row. Good values: 1e-4 to 1e-10. What is below
            round-off is not reached: the status is then EXHAUSTED, and `reached` tells how far.
        max_rank: limit on the number of steps.
        norm: of a row: "sup", "l1", "l2", or a power 1 <= p <= 16.
        weights: of the points in the norm, such as `grid.weights`, shape `shape`; not for "sup".
        memory: bytes of data to hold at once; by default a quarter of the machine's memory. Data
            that do not fit are read block by block several times (`StreamedRemainder`), and the
            choice is the same. The result, a few rows and a few numbers of each row, comes on top.
        progress: called after each step with the number of steps and the relative error.

    Time is that of at most one pass over the data per step, memory that of one copy of them.
    Raises `InputError` for data that are empty or not finite (row and column are named).

    >>> x, y = np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 20)
    >>> model = eim(np.exp(-x * y), rtol=1e-10)
    >>> model.rank, model.status.name
    (7, 'CONVERGED')
    """
    source = RowSource(data)
    count, shape = source.shape[0], source.shape[1:]
    compared = RowNorm.of(norm, weights, shape)
    power, weights = compared.power, compared.weights
    most = min(count, prod(shape))
    limit = require_limit(max_rank, "max_rank", most)
    ends = _Ending(require_number(rtol, "rtol", "[0, 1)"), limit, most, source.dtype)
    memory = default_memory() if memory is None else require_integer(memory, "memory", 1)
    array = source.array
    if lives_on_gpu(data):
        rows, points, errors, status = _choose(
            _on_device(data, source, power, weights), ends, progress
        )
        xp = namespace(data)
        functions = to_numpy(data[xp.asarray(rows)])
        values = to_numpy(data.reshape(count, -1)[:, xp.asarray(points)])
    elif source.nbytes * (2 if array is None else 1) <= memory:
        if array is None:
            array = source.read().reshape(source.shape)
            source = RowSource(array)
        rows, points, errors, status = _choose(_in_memory(source, power, weights), ends, progress)
        functions = array[rows]
        places: tuple[Any, ...] = (..., *np.unravel_index(points, shape))
        values = array[places]
    else:
        remainder = StreamedRemainder(source, power, weights, memory, ends)
        rows, points, errors, status = _choose(remainder, ends, progress)
        functions, values = remainder.functions.reshape(-1, *shape), remainder.values
    return EmpiricalInterpolation(
        rows,
        points,
        np.ascontiguousarray(functions, source.dtype),
        np.ascontiguousarray(values, source.dtype),
        errors,
        status,
        compared.name,
    )


class _Ending:
    """Tells from the errors so far whether the choice ends, and how."""

    def __init__(self, rtol: float, limit: int, most: int, dtype: np.dtype):
        self._rtol, self._limit, self._most = rtol, limit, most
        self._eps = float(np.finfo(dtype).eps)

    def __call__(self, errors: list[float]) -> SelectionStatus | None:
        *before, error = errors
        steps = len(before)
        if error <= self._rtol * errors[0]:
            return SelectionStatus.CONVERGED
        # Each step leaves a few units of the last place of the largest numbers it has met.
        if steps == self._most or error <= _ROUND_OFF * self._eps * sum(before):
            return SelectionStatus.EXHAUSTED
        return SelectionStatus.MAX_RANK if steps == self._limit else None


def _in_memory(source: RowSource, power: float, weights: Array | None) -> Remainder:
    """Return the remainder before the first step, scaled as norms need it."""
    rows = source.read()
    scale = scale_of(source.largest, source.dtype, power)
    if scale != 1:
        rows *= scale
    return Remainder(rows, power, weights, scale)


def _on_device(
    data: Any, source: RowSource, power: float, weights: Array | None
) -> DeviceRemainder:
    """Return the remainder of an array on a device, scaled as norms need it."""
    xp, rows = namespace(data), as_floating(data, "data").reshape(len(data), -1)
    largest = max(float(abs(rows.real).max()), float(abs(rows.imag).max()))
    if not np.isfinite(largest):
        source.read()  # names row and column
    scale = scale_of(largest, source.dtype, power)
    rows = xp.ascontiguousarray(rows) * rows.real.dtype.type(scale)
    return DeviceRemainder(rows, power, None if weights is None else xp.asarray(weights), scale)


def _choose(
    remainder: Remainder | StreamedRemainder | DeviceRemainder,
    ends: _Ending,
    progress: Callable[[int, float], object] | None,
) -> tuple[Array, Array, tuple[float, ...], SelectionStatus]:
    """Return rows, points, errors and why the choice ended."""
    chosen: list[int] = []
    points: list[int] = []
    errors: list[float] = []
    while True:
        row, error = remainder.largest()
        errors.append(error)
        if progress is not None:
            progress(len(chosen), error / errors[0] if error else 0.0)
        status = ends(errors)
        if status is not None:
            scaled = tuple(error / remainder.scale for error in errors)
            return np.array(chosen, np.int64), np.array(points, np.int64), scaled, status
        points.append(remainder.subtract(row))
        chosen.append(row)
