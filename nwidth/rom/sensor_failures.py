"""How much each sensor matters: the error of the fields when it fails."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_shape
from nwidth.errors import InputError
from nwidth.rom.rectangular_eim import RectangularEIM
from nwidth.rom.remainder import scale_of
from nwidth.rom.row_norm import point_weights
from nwidth.rom.row_source import RowSource


@dataclass(frozen=True)
class SensorFailures:
    """Relative errors over all rows, with all sensors (`intact`) and with each one lost.

    `rectangular` and `weighted` are by sensor, in the order of `sensors`: of the interpolation by
    all fields, and of the estimate that is weighted by the covariance of the rows.
    """

    sensors: tuple[int, ...]
    intact: float
    intact_weighted: float
    rectangular: NDArray[np.float64]
    weighted: NDArray[np.float64]

    @property
    def worst(self) -> int:
        """Number of the sensor whose loss harms the weighted estimate most."""
        return self.sensors[int(self.weighted.argmax())]


def sensor_failures(
    model: RectangularEIM, data: Any, readings: Any, *, weights: Any = None, noise: Any = None
) -> SensorFailures:
    """Lose each sensor in turn and compare with the rows.

        error^2 = sum_j |f(x_j, .) - reconstruction|^2 / sum_j |f(x_j, .)|^2

    as in the sensor failures of Casenave, Ern & Lelievre (2016), arXiv:1508.05330. Errors on the
    rows that sensors were chosen from are a little smaller than on new ones.

    Args:
        model: with two sensors or more.
        data: rows (N, *shape), whatever `RowSource` reads; read once.
        readings: of the model's sensors for these rows, shape (N, p), such as
            `data.reshape(N, -1)[:, points]`.
        weights: of the points in the norm, such as `grid.weights`.
        noise: standard deviation of readings that the weighted estimate counts with.

    >>> from nwidth.rom.eim import eim
    >>> x, y = np.linspace(0, 1, 60)[:, None], np.linspace(0, 1, 80)
    >>> data = 1 / (1 + 10 * x * y)
    >>> chosen = eim(data, rtol=1e-4)
    >>> found = sensor_failures(RectangularEIM.of(chosen, data), data, chosen.values)
    >>> bool(found.rectangular.max() > found.intact), len(found.weighted) == chosen.rank
    (True, True)
    """
    if len(model.sensors) < 2:
        raise InputError("model: expected two sensors or more, so that one can fail, got one")
    source = RowSource(data)
    require_shape(source, (None, *model.shape), "data")
    v = require_shape(np.asarray(readings), (source.shape[0], len(model.sensors)), "readings")
    size = int(np.prod(model.shape))
    w = np.ones(size) if weights is None else point_weights(weights, model.shape).ravel()
    keep = [np.delete(np.arange(len(model.sensors)), k) for k in range(len(model.sensors))]
    models = [model, *(model.without_sensor(i) for i in model.sensors)]
    columns = [np.arange(len(model.sensors)), *keep]
    scale = scale_of(float(np.abs(v).max()), source.dtype, 2.0)
    squares, whole = np.zeros((2, len(models))), 0.0
    for start, rows in source.blocks():
        whole += _sum(scale * rows, w)
        for k, (left, some) in enumerate(zip(models, columns, strict=True)):
            seen = v[start : start + len(rows), some]
            fields = left.interpolate(seen), left.reconstruct(seen, noise).field
            squares[:, k] += [_sum(scale * (rows - field.reshape(-1, size)), w) for field in fields]
    errors = np.sqrt(squares / (whole or 1.0))
    return SensorFailures(
        model.sensors, float(errors[0, 0]), float(errors[1, 0]), errors[0, 1:], errors[1, 1:]
    )


def _sum(rows: Any, w: Any) -> float:
    return float((np.abs(rows) ** 2 @ w).sum())
