"""Diffusion operators of several samples side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.boundary import ENDS
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.finite_volume import FiniteVolume

Array = NDArray[Any]


class BatchedDiffusionOperator:
    """A group of two-dimensional `DiffusionOperator`s of one shape, the sample innermost.

        (A_s u_s)_i = sum_f T_fs (u_is - u_js) + d_is u_is,    s = 0, ..., lanes - 1

    Entry [i, j, s] of an array belongs to sample s, so that every operation of a solver, whatever
    its stencil, is one vector instruction for all samples. Each sample is scaled by a power of two
    that brings its largest T or d near one; `scales` holds these factors.

    Arrays are flat and contiguous: a rectangle of points with their lanes and a rim of zeros, which
    stands for the values beyond the walls. Row i of `faces[0]` couples the points of rows i - 1 and
    i, entry j of a row of `faces[1]` the points j - 1 and j. Points with two even indices are those
    of the next coarser level: the first point of an axis is number 1 if it sees a Dirichlet wall
    and number 2 otherwise, so that walls stay where they are. There are as many lanes as the
    machine handles best; those beyond the last sample repeat it.

    Make one for a shape, then `set_operators` or `set_coefficients` any number of times.

    Args:
        shape: rows and columns of unknowns.
        walls: per axis whether the first point sees a Dirichlet wall.
        reaction: whether there is a d.

    >>> A = BatchedDiffusionOperator((2, 2), (True, True))
    >>> A.set_operators([DiffusionOperator((np.ones((3, 2)), np.ones((2, 3))))])
    >>> A.fields(A.faces[0], 1, 1 / A.scales)[0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, shape: tuple[int, int], walls: tuple[bool, bool], reaction: bool = False):
        from nwidth.solvers import _batched_diffusion_operator_numba as kernels

        self.kernels, self.shape, self.walls = kernels, shape, walls
        #: Samples side by side.
        self.lanes: int = kernels.LANES
        starts = [1 if wall else 2 for wall in walls]
        #: Offset, points per row, first row, rows, first column, columns.
        self.level = np.array(
            [0, shape[1] + starts[1] + 2, starts[0], shape[0], starts[1], shape[1]], np.int64
        )
        self.faces = (self.zeros(), self.zeros())
        #: The same in float32, for preconditioners.
        self.single = (self.zeros(np.float32), self.zeros(np.float32))
        self.reaction = self.zeros() if reaction else np.zeros(0)
        self.scales = np.ones(self.lanes)
        #: Whether constants are in the kernel.
        self.singular = False

    def zeros(self, dtype: Any = np.float64) -> Array:
        """Return a flat array for one number per point and lane, zero everywhere."""
        _, points, row, rows, _, _ = self.level
        return np.zeros(int((row + rows + 2) * points) * self.lanes, dtype)

    def rectangle(self, array: Array) -> Array:
        """Return the view `(rows, columns, lanes)` of a flat array, rim included."""
        return array.reshape(-1, int(self.level[1]), self.lanes)

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
        for k in range(2):
            values = np.stack([A.faces[k] for A in operators]).astype(np.float64, copy=False)
            self.kernels.pack(values, self.scales, self.level, self.faces[k])
            np.copyto(self.single[k], self.faces[k], casting="same_kind")
        if self.reaction.size:
            zero = np.zeros(self.shape)
            values = np.stack([zero if A.reaction is None else A.reaction for A in operators])
            self.kernels.pack(values.astype(np.float64), self.scales, self.level, self.reaction)

    def set_coefficients(self, volumes: FiniteVolume, a: Array, largest: Array) -> None:
        """Take coefficients `(sample, row, column)`, or `(sample, axis, row, column)`.

        Sides of `volumes` are Dirichlet or Neumann. The faces are those of `volumes.operator(a)` to
        round-off, made in one pass per axis. `largest` is max a of each sample.
        """
        a = a.astype(np.float64, copy=False)
        a = np.ascontiguousarray(a if a.ndim == 4 else a[:, None])
        across, along = (_Faces(volumes, k) for k in range(2))
        reaction = np.zeros((1, 1)) if volumes.reaction is None else volumes.reaction
        strongest = largest * max(across.largest, along.largest)
        self._set_scales(np.maximum(strongest, reaction.max()))
        self.singular = volumes.singular
        self.kernels.assemble_across(
            *(a, self.scales, across.points, across.distances, across.open),
            *(along.centres, along.widths, self.level, self.faces[0], self.single[0]),
        )
        if volumes.reaction is not None:
            self.pack(reaction[None], self.reaction, self.scales)
        self.kernels.assemble_along(
            *(a, self.scales, across.centres, across.widths, along.points),
            *(along.distances, along.open, self.level, self.faces[1], self.single[1]),
        )

    def _set_scales(self, largest: Array) -> None:
        """Set the factors that bring a number of each sample near one, powers of two."""
        lanes = np.minimum(np.arange(self.lanes), len(largest) - 1)
        wanted = np.where(largest > 0, largest, 1.0)[lanes]
        self.scales[:] = np.ldexp(1.0, -np.frexp(wanted)[1])

    def pack(self, fields: Array, out: Array, scales: Array | None = None) -> None:
        """Write fields of unknowns `(sample, row, column)` to lanes."""
        scales = np.ones(self.lanes) if scales is None else scales
        fields = np.ascontiguousarray(fields, dtype=np.float64)
        self.kernels.pack(fields, scales, self.level, out)

    def fields(self, array: Array, samples: int, scales: Array | None = None) -> Array:
        """Read the fields of the first samples, `(sample, row, column)`, from lanes."""
        scales = np.ones(self.lanes) if scales is None else scales
        out = np.empty((samples, *self.shape))
        self.kernels.unpack(array, scales, self.level, out)
        return out


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
        other = volumes.grid.axes[1 - k].widths[volumes.interior[1 - k]]
        #: The largest transmissibility for a = 1.
        self.largest = float((self.open / self.distances.sum(axis=1)).max() * other.max())
