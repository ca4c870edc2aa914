"""A field on another grid of its box: smooth periodic ones to round-off, others linearly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.meshes import Axis, Grid
from nwidth.operators.spectral.fourier_basis import FourierModes

# Of a smooth field, the part in the upper half of the modes is below this.
_SMOOTH = 1e-6


def resampled_field(field: NDArray[Any], grid: Grid, target: Grid) -> NDArray[np.float64]:
    """Return a field `(*grid)` on another grid of the same box.

    On uniform periodic axes a smooth field is its trigonometric interpolant: sums of waves below
    half the Nyquist limit keep their values to round-off, at any points. Others, and those between
    walls, are interpolated linearly (`Grid.interpolate`), which makes no new extremes.

    >>> coarse, fine = Grid.periodic(8), Grid.periodic(20)
    >>> wave = [np.sin(2 * np.pi * g.points[0]) for g in (coarse, fine)]
    >>> bool(np.allclose(resampled_field(wave[0], coarse, fine), wave[1], atol=1e-14))
    True
    """
    field = np.asarray(field, np.float64)
    if grid == target:
        return field
    if not all(axis.periodic and axis.is_uniform for axis in grid.axes):
        return np.asarray(grid.interpolate(field, target))
    waves, smooth, basis = field, field, FourierModes()
    for k, (axis, onto) in enumerate(zip(grid.axes, target.axes, strict=True)):
        all_modes = basis.resolved_modes(axis, axis.size)
        half = (all_modes + 1) // 2
        waves = _along(k, _interpolation(basis, axis, onto, all_modes), waves)
        smooth = _along(k, _interpolation(basis, axis, axis, half), smooth)
    if np.abs(field - smooth).max() <= _SMOOTH * np.abs(field).max():
        return waves
    return np.asarray(grid.interpolate(field, target))


def _interpolation(basis: FourierModes, axis: Axis, onto: Axis, modes: int) -> NDArray[Any]:
    """Return the matrix from values at the points of one axis to the waves' at those of another."""
    there = basis.analysis_matrix(axis, modes)
    return np.asarray(basis.synthesis_matrix(axis, modes, onto.points) @ there)


def _along(axis: int, matrix: NDArray[Any], field: NDArray[Any]) -> NDArray[Any]:
    """Return the product of a matrix and one axis of a field."""
    return np.moveaxis(np.tensordot(matrix, field, axes=(1, axis)), 0, axis)
