"""Diffusion operators of several samples side by side."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_integers
from nwidth.arrays import near_one
from nwidth.errors import InputError
from nwidth.solvers.boundary import ENDS
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.finite_volume import FiniteVolume

Array = NDArray[Any]


class BatchedDiffusionOperator:
    """A group of `DiffusionOperator`s of one shape in two or three dimensions, sample innermost.

        (A_s u_s)_i = sum_f T_fs (u_is - u_js) + d_is u_is,    s = 0, ..., lanes - 1

    Entry [i, j, s] of an array belongs to sample s, so that every operation of a solver, whatever
    its stencil, is one vector instruction for all samples. Each sample is scaled by a power of two
    that brings its largest T or d near one; `scales` holds these factors.

    Arrays are flat and contiguous: a box of points with their lanes and a rim of zeros, which
    stands for the values beyond the walls. Layer i of `faces[k]` along axis k couples the points of
    layers i - 1 and i. Points whose indices are all even are those of the next coarser level: the
    first point of an axis is number 1 if it sees a Dirichlet wall and number 2 otherwise, so that
    walls stay where they are. There are as many lanes as the machine handles best; those beyond the
    last sample repeat it.

    Make one for a shape, then `set_operators` or `set_coefficients` any number of times.

    Args:
        shape: unknowns per axis.
        walls: per axis whether the first point sees a Dirichlet wall.
        reaction: whether there is a d.

    Raises `InputError` for other shapes, and for operators that do not fit.

    >>> A = BatchedDiffusionOperator((2, 2), (True, True))
    >>> A.set_operators([DiffusionOperator((np.ones((3, 2)), np.ones((2, 3))))])
    >>> A.fields(A.faces[0], 1, 1 / A.scales)[0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, shape: tuple[int, ...], walls: tuple[bool, ...], reaction: bool = False):
        from nwidth.solvers import _batched_diffusion_operator_numba as kernels

        shape = require_integers(shape, "shape", 1)
        if len(shape) not in (2, 3):
            raise InputError(f"shape: expected two or three axes, got {shape!r}")
        walls = require_flags(walls, "walls", len(shape))
        self.kernels, self.shape, self.walls = kernels, shape, walls
        #: Samples side by side.
        self.lanes: int = kernels.LANES
        #: The box as kernels know it, see `box_level`.
        self.level = box_level(0, [1 if wall else 2 for wall in walls], shape)
        self.faces = tuple(self.zeros() for _ in shape)
        #: The same in float32, for preconditioners.
        self.single = tuple(self.zeros(np.float32) for _ in shape)
        self.reaction = self.zeros() if reaction else np.zeros(0)
        self.scales = np.ones(self.lanes)
        #: Whether constants are in the kernel.
        self.singular = False

    def zeros(self, dtype: Any = np.float64) -> Array:
        """Return a flat array for one number per point and lane, zero everywhere."""
        return np.zeros(box_size(self.level) * self.lanes, dtype)

    def box(self, array: Array) -> Array:
        """Return the view `(rows, columns, lanes)` of a flat array, planes first if there are any.

        The rim is part of it.
        """
        _, sheet, points = map(int, self.level[:3])
        planes = () if sheet == 0 else (-1,)
        rows = -1 if sheet == 0 else sheet // points
        return array.reshape(*planes, rows, points, self.lanes)

    def couplings(self, arrays: Sequence[Array]) -> tuple[Array | None, ...]:
        """Return one array per axis as those of planes, rows and columns, None for no planes."""
        return (*[None] * (3 - len(arrays)), *arrays)

    def set_operators(self, operators: Sequence[DiffusionOperator]) -> None:
        """Take operators one by one, at most `lanes`; raises `InputError` for ones that differ."""
        first = operators[0]
        for A in operators:
            same = A.domain_shape == self.shape and A.singular == first.singular
            if not same or any(A.periodic) or (A.reaction is not None and not self.reaction.size):
                raise InputError(
                    f"operators: expected diffusion on {self.shape} unknowns without periodic "
                    f"axes, all singular or none, got {A}"
                )
        parts = [[*A.faces, *([] if A.reaction is None else [A.reaction])] for A in operators]
        self._set_scales(np.array([max(float(t.max()) for t in each) for each in parts]))
        self.singular = first.singular
        for k in range(len(self.shape)):
            self.pack(np.stack([A.faces[k] for A in operators]), self.faces[k], self.scales)
            np.copyto(self.single[k], self.faces[k], casting="same_kind")
        if self.reaction.size:
            zero = np.zeros(self.shape)
            values = np.stack([zero if A.reaction is None else A.reaction for A in operators])
            self.pack(values, self.reaction, self.scales)

    def set_coefficients(self, volumes: FiniteVolume, a: Array, largest: Array) -> None:
        """Take coefficients, `(sample, *grid.shape)`, or `(sample, axis, *grid.shape)`.

        Sides of `volumes` are Dirichlet or Neumann. The faces are those of `volumes.operator(a)` to
        round-off, made in one pass per axis. `largest` is max a of each sample.
        """
        d = len(self.shape)
        a = a.astype(np.float64, copy=False)
        a = np.ascontiguousarray(a if a.ndim == d + 2 else a[:, None])
        axes = [_Faces(volumes, k) for k in range(d)]
        reaction = np.zeros((1, 1)) if volumes.reaction is None else volumes.reaction
        strongest = largest * max(axis.largest for axis in axes)
        self._set_scales(np.maximum(strongest, reaction.max()))
        self.singular = volumes.singular
        if volumes.reaction is not None:
            self.pack(reaction[None], self.reaction, self.scales)
        rows, columns = axes[-2:]
        if d == 2:
            self._across(a, rows, columns, 1.0, self.level, 0)
            self._along(a, rows, columns, 1.0, self.level, 1)
            return
        # Plane by plane; faces between planes on cuts across them, row by row.
        planes = axes[0]
        _, sheet, points, *box = map(int, self.level)
        for i, (plane, width) in enumerate(zip(planes.centres, planes.widths, strict=True)):
            level = np.array([(box[0] + i) * sheet * self.lanes, 0, points, 2, 1, *box[2:]])
            self._across(a[:, -2:, plane][:, :1], rows, columns, width, level, 1)
            self._along(a[:, -1:, plane], rows, columns, width, level, 2)
        for i, (row, width) in enumerate(zip(rows.centres, rows.widths, strict=True)):
            cut = [(box[2] + i) * points * self.lanes, 0, sheet, 2, 1, *box[:2], *box[4:]]
            self._across(a[:, :1, :, row], planes, columns, width, np.array(cut), 0)

    def _across(
        self, a: Array, rows: "_Faces", columns: "_Faces", width: float, level: Array, k: int
    ) -> None:
        """Set faces between rows of a plane of some width from coefficients that act there."""
        self.kernels.assemble_across(
            *(np.ascontiguousarray(a), self.scales, rows.points, rows.distances),
            *(rows.open * width, columns.centres, columns.widths),
            *(level, self.faces[k], self.single[k]),
        )

    def _along(
        self, a: Array, rows: "_Faces", columns: "_Faces", width: float, level: Array, k: int
    ) -> None:
        """Set faces between columns of a plane of some width."""
        self.kernels.assemble_along(
            *(np.ascontiguousarray(a), self.scales, rows.centres, rows.widths * width),
            *(columns.points, columns.distances, columns.open),
            *(level, self.faces[k], self.single[k]),
        )

    def _set_scales(self, largest: Array) -> None:
        """Set the factors that bring a number of each sample near one, powers of two."""
        lanes = np.minimum(np.arange(self.lanes), len(largest) - 1)
        self.scales[:] = near_one(largest.astype(np.float64)[lanes])

    def pack(self, fields: Array, out: Array, scales: Array | None = None) -> None:
        """Write fields of unknowns `(sample, *shape)` to lanes."""
        scales = np.ones(self.lanes) if scales is None else scales
        fields = np.ascontiguousarray(fields, dtype=np.float64)
        self.kernels.pack(_in_planes(fields), scales, self.level, out)

    def fields(self, array: Array, samples: int, scales: Array | None = None) -> Array:
        """Read the fields of the first samples, `(sample, *shape)`, from lanes."""
        out = np.empty((samples, *self.shape))
        self.unpack(array, out, np.ones(self.lanes) if scales is None else scales)
        return out

    def unpack(self, array: Array, out: Array, scales: Array) -> None:
        """Read the fields of the first samples from lanes, times scales."""
        self.kernels.unpack(array, scales, self.level, _in_planes(out))


def box_level(offset: int, starts: Sequence[int], shape: Sequence[int]) -> Array:
    """Return what kernels have to know of a box in a flat array.

    That is its offset, points per plane and per row, and the first number and the count of planes,
    rows and columns; see `_batched_diffusion_operator_numba`.

    >>> box_level(0, (1, 2), (3, 4)).tolist()
    [0, 0, 8, 2, 1, 1, 3, 2, 4]
    """
    points = starts[-1] + shape[-1] + 2
    sheet = points * (starts[-2] + shape[-2] + 2) if len(shape) == 3 else 0
    axes = [(2, 1)] * (3 - len(shape)) + [*zip(starts, shape, strict=True)]
    return np.array([offset, sheet, points, *(n for axis in axes for n in axis)], np.int64)


def box_size(level: Array) -> int:
    """Return the number of points of a box, rim included.

    >>> box_size(box_level(0, (1, 2), (3, 4)))
    48
    """
    _, sheet, points, plane, planes, row, rows = map(int, level[:7])
    return (plane + planes + 2) * sheet if sheet else (row + rows + 2) * points


def _in_planes(fields: Array) -> Array:
    """Return the view `(sample, plane, row, column)` of fields of two or three dimensions."""
    return fields if fields.ndim == 4 else fields[:, None]


class _Faces:
    """Where the faces between the unknowns of one axis lie: from the lower side to the upper."""

    def __init__(self, volumes: FiniteVolume, k: int):
        axis, cut, n = volumes.grid.axes[k], volumes.interior[k], volumes.shape[k]
        x, f = axis.points, axis.faces
        #: Numbers of the unknowns along the axis of the grid, and the widths of their volumes.
        self.centres = np.arange(cut.start, cut.stop)
        self.widths = np.ascontiguousarray(axis.widths[cut])
        first = self.centres[0] - 1
        #: Points on both sides of each face and their distances from it.
        self.points = np.clip(first + np.arange(n + 1)[:, None] + [0, 1], 0, axis.size - 1)
        self.distances = np.abs(f[first + 1 : first + n + 2, None] - x[self.points])
        #: 1.0 where there is a coupling, 0.0 on Neumann sides.
        self.open = np.ones(n + 1)
        for end, kind, face in zip(ENDS, volumes.kinds[k], (0, n), strict=True):
            if kind == "neumann":
                self.open[face] = 0.0
                self.distances[face] = 1.0
            elif axis.centering == "cell":
                wall = axis.lower if end == "lower" else axis.upper
                beyond = 0 if end == "lower" else 1
                self.distances[face] = abs(wall - x[self.points[face, 1 - beyond]])
                self.distances[face, beyond] = 0.0
        others = [w.max() for j, w in enumerate(volumes.widths) if j != k]
        #: The largest transmissibility for a = 1.
        self.largest = float((self.open / self.distances.sum(axis=1)).max() * prod(others))
