"""Cubic interpolation of fields from one grid to another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.diffusion_operator import THREADED_SIZE

Array = NDArray[Any]


def cubic_interpolation(field: Array, grid: Grid, target: Grid) -> Array:
    """Return a field of one grid at the points of another of the same box, to fourth order.

        u(x) = sum_m L_m(x) u(X_m),    L_m(x) = prod_(l != m) (x - X_l) / (X_m - X_l)

    along one axis after the other, with the four points X_m nearest to x: two on each side, fewer
    on one side next to a wall. Points and spacings are those of the axes; periodic axes wrap. Full
    multigrid needs this order: linear interpolation of a second-order solution would add errors of
    the size of those of the discretization, cf. Trottenberg, Oosterlee & Schueller (2001),
    Multigrid, section 2.6.

    Axes of fewer than four points take all they have. float32 stays float32. Raises `InputError`
    for a field of another shape and for grids of different boxes.

    >>> grid, fine = Grid.uniform(5), Grid.uniform(9)
    >>> bool(np.allclose(cubic_interpolation(grid.points[0]**3, grid, fine), fine.points[0]**3))
    True
    """
    from nwidth.solvers.multigrid._cubic_interpolation_numba import interpolate

    require_instance(grid, "grid", Grid)
    if not grid.same_box(require_instance(target, "target", Grid)):
        raise InputError(f"interpolation: expected two grids of one box, got {grid} and {target}")
    if np.shape(field) != grid.shape:
        raise InputError(f"interpolation: expected shape {grid.shape}, got {np.shape(field)}")
    u = np.ascontiguousarray(as_floating(field, "field"))
    for k, (axis, fine) in enumerate(zip(grid.axes, target.axes, strict=True)):
        if axis == fine:
            continue
        points, weights = _stencils(axis, fine.points)
        shape = (*u.shape[:k], fine.size, *u.shape[k + 1 :])
        out = np.empty(shape, u.dtype)
        view = (int(np.prod(shape[:k])), -1, int(np.prod(shape[k + 1 :])))
        threaded = out.size >= THREADED_SIZE
        arrays = out.reshape(view), u.reshape(view)
        interpolate(*arrays, points, weights.astype(u.dtype), threaded)
        u = out
    return u


def _stencils(axis: Axis, x: Array) -> tuple[Array, Array]:
    """Return for every x the numbers of four points of an axis and the weights of their values."""
    X, n = axis.points, axis.size
    m = min(4, n)
    if axis.periodic:  # two more points on either side, a period away from their originals
        X = np.concatenate([X[-2:] - axis.length, X, X[:2] + axis.length])
    before = np.searchsorted(X, x, side="right") - 1
    start = np.clip(before - (m - 1) // 2, 0, len(X) - m)
    nodes = X[start[:, None] + np.arange(m)]
    weights = np.zeros((len(x), 4))
    for i in range(m):
        weights[:, i] = 1.0
        for j in range(m):
            if j != i:
                weights[:, i] *= (x - nodes[:, j]) / (nodes[:, i] - nodes[:, j])
    points = np.minimum(start[:, None] + np.arange(4), len(X) - 1)
    return (points - 2) % n if axis.periodic else points, weights
