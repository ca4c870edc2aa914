"""Relative errors of predicted trajectories: over all times, and at each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.meshes import Grid


class ErrorInTime:
    """Relative L2 errors of trajectories that come state by state.

        over all times:  (sum_n ||p_n - u_n||^2 / sum_n ||u_n||^2)^(1/2)
        at one of them:  ||p_n - u_n|| / ||u_n||

    in L2 of the box; every time has the same weight, as in the tables of Li et al. (2021),
    arXiv:2010.08895, section 5.3. Several fields count in units of their `scales`. Where a
    reference vanishes the absolute error takes the place of the relative one.

    >>> error = ErrorInTime(Grid.periodic(4), {"u": 1.0})
    >>> for time in range(3):
    ...     error.add(time, {"u": np.full((1, 4), 1.5)}, {"u": np.ones((1, 4))})
    >>> error.close_samples()
    array([0.5])
    >>> error.summary()["relative_l2_mean"], error.summary()["relative_l2_over_time"]
    (0.5, [0.5, 0.5, 0.5])
    """

    def __init__(self, grid: Grid, scales: Mapping[str, float]):
        self.grid, self.scales = grid, scales
        self._open: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        self._whole: list[NDArray[Any]] = []
        self._each: list[NDArray[Any]] = []

    def add(self, time: int, predicted: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Take in one state of some samples, fields `(sample, *grid[, component])` by name."""
        error = size = np.zeros(())
        for name, scale in self.scales.items():
            p, u = (np.asarray(a[name], np.float64) / scale for a in (predicted, known))
            error, size = error + self._square(p - u), size + self._square(u)
        self._open[time] = (error, size)

    def close_samples(self) -> NDArray[Any]:
        """Say that all times of the samples at hand have been added, and return their errors."""
        error, size = (np.stack(parts, axis=1) for parts in zip(*self._open.values(), strict=True))
        self._each.append(_ratio(error, size))
        self._whole.append(_ratio(error.sum(axis=1), size.sum(axis=1)))
        self._open = {}
        return self._whole[-1]

    def summary(self) -> dict[str, Any]:
        """Return mean, median and largest error over samples, and the mean at each time."""
        whole, each = np.concatenate(self._whole), np.concatenate(self._each)
        return {
            "relative_l2_mean": float(whole.mean()),
            "relative_l2_median": float(np.median(whole)),
            "relative_l2_max": float(whole.max()),
            "relative_l2_over_time": each.mean(axis=0).tolist(),
        }

    def _square(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return the squared norm of each sample, over all components."""
        d = self.grid.dimension
        components = np.moveaxis(field.reshape(*field.shape[: 1 + d], -1), -1, 1)
        return np.square(self.grid.norm(components)).sum(axis=1)


def _ratio(error: NDArray[Any], size: NDArray[Any]) -> NDArray[Any]:
    return np.sqrt(error / np.where(size > 0, size, 1.0))
