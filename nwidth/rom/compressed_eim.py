"""Empirical interpolation in coordinates: the greedy choice on a low-rank factor of the data."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_limit, require_number
from nwidth.errors import NotConvergedError
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.range_finder import range_finder
from nwidth.rom.remainder import scale_of
from nwidth.rom.row_source import RowSource
from nwidth.rom.selection_status import SelectionStatus

Array = NDArray[Any]

# The factors are so much more accurate than the interpolation, whose errors are larger by its
# Lebesgue constant at most.
_SHARPER = 1e-2
# The choice goes on until so much of the tolerance is left to what the basis has missed.
_MARGIN = 0.9
# Rows that are checked together.
_BLOCK = 256


def compressed_eim(
    data: Any, rtol: float = 1e-8, *, max_rank: int | None = None, seed: int = 0
) -> EmpiricalInterpolation:
    """Choose rows and points as `eim` does in the L2 norm, on coordinates in a small basis.

        f(x_j, .)  ~  sum_i c_ji v_i,    ||r_k(x_j, .)||_2 = ||c_j^(k)||_2,

    v_i orthonormal, from random products. A step then costs rows * rank numbers, not rows * points;
    only the remainder of the row that is chosen is formed, and interpolated twice, (Id - I_k)^2,
    for its zeros at the points to survive rounding. The basis may miss something: the interpolant
    is compared with all data afterwards, `errors[-1]` is the true largest norm of a row of the
    remainder, and one above the tolerance is refused. References: Halko, Martinsson & Tropp (2011),
    doi:10.1137/090771806; Casenave, Ern & Lelievre (2014), arXiv:1212.0970.

    Args:
        data: rows f(x, .), shape (rows, *shape), real or complex, in memory.
        rtol: tolerance, relative to the largest row. Good values: 1e-2 to 1e-10, in single
            precision to 1e-3.
        max_rank: limit on the number of steps; where it ends them the error is told, not refused.
        seed: an integer, of the random products.

    It is no quicker than `eim(norm="l2")`, where most rows wait: the same time on random rows of
    rank 60 to 200, three times as long on moving bumps. What it gives is the verified error. Raises
    `InputError` as `eim` does, `NotConvergedError` if that error is above the tolerance.

    >>> x, y = np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 20)
    >>> model = compressed_eim(np.exp(-x * y), rtol=1e-6)
    >>> model.rank, model.reached < 1e-6
    (5, True)
    """
    source = RowSource(data)
    rtol = require_number(rtol, "rtol", "(0, 1)")
    f = source.read()
    f *= scale_of(source.largest, source.dtype, 2.0)
    limit = require_limit(max_rank, "max_rank", min(f.shape))
    errors = [float(np.linalg.norm(f, axis=1).max())]
    # The range finder's tolerance is relative to the norm of all rows together.
    share = errors[0] / float(np.linalg.norm(f)) if errors[0] else 1.0
    V = range_finder(f.T, _SHARPER * rtol * share, seed=seed)[0]
    C, Q = f @ V.conj(), np.zeros((0, V.shape[1]), f.dtype)
    rows: list[int] = []
    points: list[int] = []
    while errors[-1] > _MARGIN * rtol * errors[0] and len(rows) < limit:
        row = int(np.linalg.norm(C, axis=1).argmax())
        q = C[row].copy()
        for k, point in enumerate(points):  # what rounding has left at the earlier points
            q -= (V[point] @ q) * Q[k]
        r = V @ q
        point = int(np.abs(r).argmax())
        q /= r[point]
        C -= np.outer(C @ V[point], q)
        C[row] = 0
        Q = np.vstack([Q, q])
        rows.append(row)
        points.append(point)
        errors.append(float(np.linalg.norm(C, axis=1).max()))
    return _verified(source, f, rows, points, errors, rtol, len(rows) == max_rank)


def _verified(
    source: RowSource,
    f: Array,
    rows: list[int],
    points: list[int],
    errors: list[float],
    rtol: float,
    limited: bool,
) -> EmpiricalInterpolation:
    """Return the interpolation with its true error, or raise if the basis has missed too much."""
    scale = scale_of(source.largest, source.dtype, 2.0)
    functions, values = f[rows], f[:, points]
    scaled = EmpiricalInterpolation(
        np.array(rows, np.int64),
        np.array(points, np.int64),
        functions,
        values,
        tuple(errors),
        SelectionStatus.CONVERGED,
        "l2",
    )
    error = 0.0
    for start in range(0, len(f), _BLOCK):
        part = slice(start, start + _BLOCK)
        left = f[part] - scaled.interpolate(values[part])
        error = max(error, float(np.linalg.norm(left, axis=1).max()))
    reached = error <= rtol * errors[0]
    if not reached and not limited:
        raise NotConvergedError(
            f"compressed empirical interpolation: the verified error is {error / errors[0]:.1e} of "
            f"the largest row, above the tolerance {rtol:g}; loosen it, or use eim"
        )
    return replace(
        scaled,
        functions=(functions / scale).reshape(-1, *source.shape[1:]),
        values=values / scale,
        errors=tuple(e / scale for e in (*errors[:-1], error)),
        status=SelectionStatus.CONVERGED if reached else SelectionStatus.MAX_RANK,
    )
