"""Generalized empirical interpolation: the greedy choice of fields and of linear functionals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_limit, require_number
from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.remainder import scale_of
from nwidth.rom.row_norm import RowNorm
from nwidth.rom.row_source import RowSource
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.sensor_dictionary import SensorDictionary

Array = NDArray[Any]

# Remainders below so many units of the last place of the largest row are round-off.
_ROUND_OFF = 64


def generalized_eim(
    data: Any,
    dictionary: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    norm: str | float = "l2",
    weights: Any = None,
) -> EmpiricalInterpolation:
    """Choose rows x_k and functionals sigma_k such that f is interpolated from sigma_k(f).

        x_{k+1} = argmax_x ||r_k(x, .)||,    sigma_{k+1} = argmax_sigma |sigma(r_k(x_{k+1}, .))|,
        r_{k+1}(x, .) = r_k(x, .) - sigma_{k+1}(r_k(x, .)) q_{k+1},
        q_{k+1} = r_k(x_{k+1}, .) / sigma_{k+1}(r_k(x_{k+1}, .)),

    from r_0 = f, until max_x ||r_k(x, .)|| <= rtol max_x ||f(x, .)||. With the values at all points
    as dictionary it is `eim`. Where no functional sees a remainder, the choice ends: EXHAUSTED.
    Reference: Maday, Mula, Patera & Yano (2015), The generalized empirical interpolation method,
    doi:10.1016/j.cma.2015.01.018, section 2.

    Args:
        data: rows f(x, .), shape (rows, *shape), real or complex; whatever `RowSource` reads.
        dictionary: a `SensorDictionary`, or the functionals as rows of a matrix over the flat
            points, dense or sparse.
        rtol: tolerance, relative to the largest row. Good values: 1e-2 to 1e-8.
        max_rank: limit on the number of sensors.
        norm: of a row: "sup", "l1", "l2", or a power 1 <= p <= 16.
        weights: of the points in the norm, such as `grid.weights`, shape `shape`; not for "sup".

    In the result `points` are indices into the dictionary, `values` the readings of all rows; all
    else is as for `eim`, and `RectangularEIM.of` takes it. Memory: two copies of the data and all
    readings of all rows.

    >>> from nwidth.meshes import Grid
    >>> grid = Grid.uniform(101)
    >>> data = np.exp(-np.linspace(0, 5, 40)[:, None] * grid.points[0])
    >>> model = generalized_eim(data, SensorDictionary.averages(grid, 0.05), rtol=1e-4)
    >>> field = np.exp(-3.3 * grid.points[0])
    >>> readings = SensorDictionary.averages(grid, 0.05)(field)[model.points]
    >>> bool(abs(model.interpolate(readings) - field).max() < 1e-3)
    True
    """
    source = RowSource(data)
    array, R = source.read(), source.read()
    rtol = require_number(rtol, "rtol", "[0, 1)")
    compared = RowNorm.of(norm, weights, source.shape[1:])
    p = compared.power or np.inf
    w = 1 if compared.weights is None else compared.weights ** (1 / p)
    L = _matrix(dictionary, R.shape[1])
    values = (L @ R.T).T.astype(R.dtype)
    scale = scale_of(source.largest, R.dtype, compared.power)
    V = values * scale
    R *= scale
    most = min(R.shape[0], L.shape[0])
    limit = require_limit(max_rank, "max_rank", most)
    rows: list[int] = []
    sensors: list[int] = []
    errors: list[float] = []
    floor = _ROUND_OFF * float(np.finfo(R.dtype).eps)
    seen = np.abs(V).max()
    while True:
        sizes = np.linalg.norm(R * w, p, axis=1)
        j = int(sizes.argmax())
        i = int(np.abs(V[j]).argmax())
        errors.append(float(sizes[j]))
        if errors[-1] <= rtol * errors[0]:
            status = SelectionStatus.CONVERGED
        elif errors[-1] <= floor * errors[0] or np.abs(V[j, i]) <= floor * seen:
            status = SelectionStatus.EXHAUSTED
        elif len(rows) == limit:
            status = SelectionStatus.MAX_RANK if limit < most else SelectionStatus.EXHAUSTED
        else:
            c, pivot = V[:, i].copy(), V[j, i]
            q, v = R[j] / pivot, V[j] / pivot
            R -= np.outer(c, q)
            V -= np.outer(c, v)
            R[j], V[j], V[:, i] = 0, 0, 0
            rows.append(j)
            sensors.append(i)
            continue
        break
    return EmpiricalInterpolation(
        np.array(rows, np.int64),
        np.array(sensors, np.int64),
        array[rows].reshape(-1, *source.shape[1:]),
        values[:, sensors].reshape(len(R), -1),
        tuple(error / scale for error in errors),
        status,
        compared.name,
    )


def _matrix(dictionary: Any, points: int) -> Any:
    """Return the functionals as rows of a matrix, checked."""
    from scipy.sparse import issparse

    L = dictionary.matrix if isinstance(dictionary, SensorDictionary) else dictionary
    L = L.tocsr() if issparse(L) else np.asarray(L)
    if L.ndim != 2 or L.shape[1] != points or L.shape[0] == 0 or L.dtype.kind not in "biufc":
        raise InputError(
            f"dictionary: expected functionals of shape (sensors, {points}), got shape {L.shape} "
            f"of {L.dtype}"
        )
    require_finite(L.data if issparse(L) else L, "dictionary")
    return L
