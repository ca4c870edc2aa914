"""The grids of full multigrid: a problem on every one, and the way from each to the next."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import power_of_two
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.cubic_interpolation import cubic_interpolation
from nwidth.solvers.problem import Inputs, Problem

Array = NDArray[Any]

# Axes with fewer intervals are not halved any more: cubic interpolation wants four points.
FEWEST = 8

# Two couplings of a point along an axis that differ by more than this factor are a jump.
JUMP = 2.0


class Level:
    """A problem on one grid: operator A, right-hand side b, and the norm of the unknowns."""

    def __init__(self, problem: Problem, inputs: Inputs):
        self.problem, self.inputs = problem, inputs
        operator = problem.operator(inputs)
        if not isinstance(operator, DiffusionOperator):
            raise InputError(f"full multigrid: expected a DiffusionOperator, got {operator!r:.80}")
        self.A, self.b = operator, problem.source(inputs)
        self.volumes = problem.unknowns(problem.grid.weights).astype(operator.dtype)

    def norm(self, x: Array) -> float:
        """Return the L2 norm of unknowns, whatever their size."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            square = float((self.volumes * x * x).sum(dtype=np.float64))
            if 1e-30 < square < 1e30:
                return square**0.5
            scale = power_of_two(x)
            return float((self.volumes * (x * scale) ** 2).sum(dtype=np.float64)) ** 0.5 / scale

    def residual(self, x: Array) -> float:
        """Return ||b - A x|| / ||b||."""
        scale = power_of_two(self.b)
        size = float(np.linalg.norm(self.b * scale))
        r = (self.b - self.A.apply(x)) * scale
        return float(np.linalg.norm(r)) / size if size > 0 else 0.0

    def centred(self, x: Array) -> Array:
        """Return unknowns with volume-weighted mean zero if they are free up to a constant."""
        if not self.A.singular:
            return x
        return x - x.dtype.type((self.volumes * x).sum() / self.volumes.sum())

    def start(self, coarse: "Level", x: Array) -> Array:
        """Return the first unknowns here, from the solution x on the next coarser grid."""
        field = coarse.problem.field(coarse.centred(x), coarse.inputs)
        u = cubic_interpolation(field, coarse.problem.grid, self.problem.grid)
        u = np.ascontiguousarray(self.problem.unknowns(u), dtype=self.A.dtype)
        axes = self.problem.grid.axes
        cells = None
        for k, axis in enumerate(axes):
            if axis == coarse.problem.grid.axes[k] or u.shape[k] < 3:
                continue
            if axis.centering == "cell":
                cells = self._own_cells(coarse, field) if cells is None else cells
                _follow_jumps(u, self.A.faces[k], k, 0, cells)
            else:
                offset = 1 if u.shape[k] == axis.size else 0
                _follow_jumps(u, self.A.faces[k], k, offset, None)
        return self.centred(u)

    def _own_cells(self, coarse: "Level", field: Array) -> Array:
        """Return the values of the coarse cells, or the nearest nodes, that points belong to."""
        for k, axis in enumerate(self.problem.grid.axes):
            wide = coarse.problem.grid.axes[k]
            own = np.searchsorted(wide.faces, axis.points, side="right") - 1
            field = field.take(np.clip(own, 0, wide.size - 1), axis=k)
        return self.problem.unknowns(field)


def levels_of(problem: Problem, inputs: Inputs) -> list[Level]:
    """Return the problem on all grids, coarsest first."""
    levels = [Level(problem, inputs)]
    while True:
        fine = levels[-1].problem
        grid = Grid(tuple(_halved(axis) for axis in fine.grid.axes))
        if grid == fine.grid:
            break
        restricted = {}
        for item in fine.inputs:
            edge: Literal["linear", "constant"] = "constant" if item.positive else "linear"
            u = np.asarray(levels[-1].inputs[item.name])
            restricted[item.name] = fine.grid.interpolate(u, grid, edge=edge)
        coarse = fine.on(grid)
        assert isinstance(coarse, Problem)
        try:
            levels.append(Level(coarse, restricted))
        except InputError:
            if not levels[0].A.singular:
                raise
            break  # the source is in balance on finer grids only
    return levels[::-1]


def _halved(axis: Axis) -> Axis:
    """Return the axis of every second node, or of pairs of cells; a last odd one stays alone."""
    whole = axis.periodic or axis.centering == "cell"
    intervals = axis.size if whole else axis.size - 1
    if intervals < FEWEST:
        return axis
    if intervals % 2 == 0:
        return axis.coarsen(2)
    if axis.centering == "cell":
        faces = np.append(axis.faces[:-1:2], axis.faces[-1])
        return Axis.cells(faces, name=axis.name, unit=axis.unit, periodic=axis.periodic)
    points = axis.points[::2] if axis.periodic else np.append(axis.points[::2], axis.points[-1])
    return Axis(points, axis.lower, axis.upper, axis.name, axis.unit, axis.periodic)


def _follow_jumps(u: Array, T: Array, axis: int, offset: int, cells: Array | None) -> None:
    """Replace u next to jumps of T along an axis: at points between coarse ones, or in all cells.

    Points between coarse ones, offset, offset + 2, ..., take the value at which no flux is left
    over; cells take that of `cells`.
    """
    u, T = np.moveaxis(u, axis, 0), np.moveaxis(T, axis, 0)
    n = len(u)
    points = slice(1, n - 1) if cells is not None else slice(2 - offset, n - 1, 2)
    before, after = T[points], T[points.start + 1 : n : points.step]
    jumps = np.maximum(before, after) > JUMP * np.minimum(before, after)
    if not jumps.any():
        return
    if cells is not None:
        value = np.moveaxis(cells, axis, 0)[points]
    else:
        low, high = u[points.start - 1 : n - 2 : 2], u[points.start + 1 : n : 2]
        value = np.where(jumps, before * low + after * high, 0) / np.where(jumps, before + after, 1)
    u[points] = np.where(jumps, value, u[points])
