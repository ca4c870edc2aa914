"""Finite volumes: the flux form of -div(a grad u) + c u on a grid, its walls and its source."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, namespace, real_floating, require_shape
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import ENDS, Boundary
from nwidth.solvers.diffusion_operator import DiffusionOperator

Array = NDArray[Any]


class FiniteVolume:
    """The two-point flux discretization of -div(a grad u) + c u = f on a grid with a boundary.

    Integrated over the control volume of every unknown, with one transmissibility per face:

        sum_f T_f (u_i - u_j) + c_i |V_i| u_i = integral of f,
        T_f = area / (d_i / a_i + d_j / a_j)

    d_i and d_j are the distances from the points to the face: coefficients in series are averaged
    harmonically. At a Dirichlet side, nodes are eliminated and cells see the wall at d_i alone, T =
    area a_i / d_i. Neumann and Robin nodes have half a control volume. A Robin side a du/dn +
    alpha u = g is a wall at g / alpha behind a resistance 1 / alpha,

        T = area alpha   (nodes),      T = area / (d_i / a_i + 1 / alpha)   (cells).

    Second order for smooth a; the flux is continuous across jumps on faces. Reference: Eymard,
    Gallouet & Herbin (2000), doi:10.1016/S1570-8659(00)07005-8, section 11.

    Coefficients a > 0 have shape `grid.shape`, or `(d, *grid.shape)` for a diagonal tensor.

    Args:
        grid: 1 to 3 axes.
        boundary: conditions on the sides.
        reaction: c >= 0 of shape `grid.shape`, or None for no such term.

    Raises `InputError` for sides the grid lacks and axes on which every node is prescribed.

    >>> volumes = FiniteVolume(Grid.uniform(5), Boundary())
    >>> volumes.operator(np.ones(5)).faces[0].tolist()
    [4.0, 4.0, 4.0, 4.0]
    """

    def __init__(self, grid: Grid, boundary: Boundary, reaction: Array | None = None):
        require_instance(grid, "grid", Grid)
        self.grid = grid
        self.boundary = require_instance(boundary, "boundary", Boundary).check(grid)
        if reaction is not None:
            reaction = require_shape(real_floating(reaction, "reaction"), grid.shape, "reaction")
        #: Per axis the types at both ends: "dirichlet", "neumann", "robin" or "periodic".
        self.kinds = tuple(
            ("periodic", "periodic")
            if axis.periodic
            else (boundary.kind(axis.name, "lower"), boundary.kind(axis.name, "upper"))
            for axis in grid.axes
        )
        cuts = []
        for axis, kinds in zip(grid.axes, self.kinds, strict=True):
            fixed = [axis.centering == "node" and kind == "dirichlet" for kind in kinds]
            cuts.append(slice(int(fixed[0]), axis.size - int(fixed[1])))
            if cuts[-1].stop <= cuts[-1].start:
                raise InputError(
                    f"axis {axis.name}: expected a node between its two Dirichlet sides, got "
                    f"{axis.size} nodes; use at least 3"
                )
        #: Slices that cut the unknowns out of a whole field.
        self.interior = tuple(cuts)
        #: Shape of the array of unknowns.
        self.shape = tuple(cut.stop - cut.start for cut in cuts)
        inner = None if reaction is None else reaction[self.interior] * self.volumes
        #: Integrals of c over the control volumes, or None where c is zero.
        self.reaction = inner if inner is not None and inner.any() else None
        #: Robin coefficients alpha by (axis, end), with length 1 along the axis; zeros left out.
        self.robin = {
            (k, end): alpha
            for k, kinds in enumerate(self.kinds)
            for end, kind in zip(ENDS, kinds, strict=True)
            if kind == "robin"
            and (alpha := self._side(boundary.coefficients(grid, k, end), k)).any()
        }

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Which axes are periodic."""
        return tuple(axis.periodic for axis in self.grid.axes)

    @property
    def singular(self) -> bool:
        """Whether u is determined up to a constant only: no wall holds it, and no reaction."""
        return (
            not self.robin
            and self.reaction is None
            and not any(kind == "dirichlet" for kinds in self.kinds for kind in kinds)
        )

    @property
    def scales(self) -> bool:
        """Whether the operator is proportional to a: no Robin side and no reaction."""
        return not self.robin and self.reaction is None

    @property
    def uniform(self) -> bool:
        """Whether fast transforms invert the operator of a constant a: see `FastPoisson`.

        Axes are uniform, c is constant and no side is Robin.
        """
        if self.robin or any(not axis.is_uniform for axis in self.grid.axes):
            return False
        ratios = np.zeros(1) if self.reaction is None else self.reaction / self.volumes
        return bool(np.ptp(ratios) <= 1e-12 * ratios.max())

    @property
    def widths(self) -> tuple[Array, ...]:
        """Control widths of the unknowns, one array per axis; `volumes` is their outer product."""
        return tuple(
            axis.widths[cut] for axis, cut in zip(self.grid.axes, self.interior, strict=True)
        )

    @cached_property
    def volumes(self) -> Array:
        """Control volumes of the unknowns, shape `shape`."""
        return np.ascontiguousarray(self.grid.weights[self.interior])

    def operator(self, a: Array) -> DiffusionOperator:
        """Return the flux operator of the coefficient a, in its dtype."""
        a = real_floating(a, "coefficient")
        if a.shape not in (self.grid.shape, (self.grid.dimension, *self.grid.shape)):
            raise InputError(
                f"coefficient: expected shape {self.grid.shape}, or that of one such array per "
                f"axis, got {a.shape}"
            )
        inverse = np.reciprocal(a)
        faces = tuple(self._faces(self._component(inverse, k), k) for k in range(len(self.shape)))
        reaction = None if self.reaction is None else namespace(a).asarray(self.reaction, a.dtype)
        return DiffusionOperator(faces, reaction, self.periodic)

    def right_hand_side(self, source: Array, a: Array) -> Array:
        """Return the integrals of the source plus what the boundary values and fluxes bring in.

        If u is determined up to a constant only, the total must vanish. An imbalance of the size of
        the quadrature error, up to 1 / n^2 of the total of absolute values with n the fewest points
        of an axis, is spread over the volumes; a larger one raises `InputError`.
        """
        a, xp = real_floating(a, "coefficient"), namespace(a)
        source = require_shape(real_floating(source, "source"), self.grid.shape, "source")
        b = xp.asarray(source)[self.interior] * xp.asarray(self.volumes)
        b = b.astype(a.dtype, copy=False)
        for k in range(b.ndim):
            for end, kind in zip(ENDS, self.kinds[k], strict=True):
                if kind == "periodic":
                    continue
                values = self.boundary.values(self.grid, k, end)
                if not values.any():
                    continue
                side = _Layers(k, b.ndim)(_end_slice(end))
                if kind == "dirichlet":
                    inverse = np.reciprocal(self._component(a, k)[self._two_points(k, end)])
                    factor = self._wall(inverse, k, end)
                else:
                    factor = xp.asarray(self._area(k, np.dtype(np.float64)))
                    if (k, end) in self.robin and self.grid.axes[k].centering == "cell":
                        inverse = np.reciprocal(self._component(a, k)[self._two_points(k, end)])
                        alpha = xp.asarray(self.robin[k, end])
                        factor = factor / (1 + alpha * self._gap(inverse, k, end))
                b[side] += factor * xp.asarray(self._side(values, k))
        return self._balanced(b) if self.singular else b

    def energy(self, operator: DiffusionOperator, field: Array) -> float:
        """Return the sum over faces of T (u_i - u_j)^2 of a whole field, boundary values included.

        On cell grids the values on Dirichlet sides are those of the boundary, and those behind
        Robin sides are g / alpha. A reaction adds c u^2 over the volumes of the unknowns.
        """
        x, (pull, lift) = self.unknowns(field), self.prescribed(operator)
        return operator.energy(x) - 2 * float((pull * x).sum()) + lift

    def prescribed(self, operator: DiffusionOperator) -> tuple[Array, float]:
        """Return what values g behind walls bring into an operator's energy: T g, sum of T g^2.

        Behind a Robin side stands its value over its coefficient.
        """
        pull, lift = np.zeros(self.shape), 0.0
        for k, kinds in enumerate(self.kinds):
            for end, kind in zip(ENDS, kinds, strict=True):
                if kind != "dirichlet" and (k, end) not in self.robin:
                    continue
                g = self._side(self.boundary.values(self.grid, k, end), k)
                if kind == "robin":
                    alpha = self.robin[k, end]
                    g = np.divide(g, alpha, out=np.zeros(alpha.shape), where=alpha > 0)
                if not g.any():
                    continue
                side = _Layers(k, pull.ndim)(_end_slice(end))
                product = operator.faces[k][side] * g
                pull[side] += product
                lift += float((product * g).sum())
        return pull, lift

    def unknowns(self, field: Array) -> Array:
        """Return the unknowns of a whole field `(..., *grid.shape)`, contiguous."""
        inner: Any = (..., *self.interior)
        return namespace(field).ascontiguousarray(field[inner])

    def field(self, unknowns: Array) -> Array:
        """Return the whole field of the unknowns: Dirichlet nodes get their values."""
        unknowns = require_shape(as_floating(unknowns, "unknowns"), self.shape, "unknowns")
        xp = namespace(unknowns)
        u = xp.zeros(self.grid.shape, dtype=unknowns.dtype)
        u[self.interior] = unknowns
        for k in reversed(range(u.ndim)):  # the earlier axis is written last and wins
            for end, kind in zip(ENDS, self.kinds[k], strict=True):
                if kind == "dirichlet" and self.grid.axes[k].centering == "node":
                    side = tuple(_end_slice(end) if j == k else slice(None) for j in range(u.ndim))
                    values = self.boundary.values(self.grid, k, end)
                    u[side] = xp.asarray(np.expand_dims(values, k))
        return u

    def _component(self, a: Array, k: int) -> Array:
        """Return the coefficient that acts along axis k."""
        return a if a.ndim == self.grid.dimension else a[k]

    def _across(self, k: int) -> tuple[slice, ...]:
        """Slices of the unknowns on the axes other than k, everything along k."""
        return tuple(slice(None) if j == k else cut for j, cut in enumerate(self.interior))

    def _side(self, values: Array, k: int) -> Array:
        """Return the numbers of a side next to unknowns, with length 1 along axis k."""
        return np.expand_dims(values, k)[self._across(k)]

    def _two_points(self, k: int, end: str) -> tuple[slice, ...]:
        """Slices of the two layers of points next to a side, all that its faces depend on."""
        layers = slice(0, 2) if end == "lower" else slice(-2, None)
        return tuple(layers if j == k else slice(None) for j in range(self.grid.dimension))

    def _along(self, values: Array, k: int, dtype: np.dtype) -> Array:
        """Return numbers along axis k, shaped to multiply a field."""
        shape = [1] * self.grid.dimension
        shape[k] = -1
        return np.asarray(values, dtype=dtype).reshape(shape)

    def _area(self, k: int, dtype: np.dtype) -> Array:
        """Areas of the faces across axis k, shape of the unknowns with 1 along k."""
        area = np.ones((1,) * self.grid.dimension)
        for j, axis in enumerate(self.grid.axes):
            if j != k:
                area = area * self._along(axis.widths[self.interior[j]], j, np.dtype(np.float64))
        return area.astype(dtype)

    def _gap(self, inverse: Array, k: int, end: str) -> Array:
        """Return the resistance d_i / a_i between a cell and the wall, with length 1 along k."""
        axis, layer = self.grid.axes[k], 0 if end == "lower" else -1
        distance = abs(getattr(axis, end) - axis.points[layer])
        first = np.moveaxis(inverse[self._across(k)], k, 0)[layer]
        return np.expand_dims(distance * first, k)

    def _wall(self, inverse: Array, k: int, end: str) -> Array:
        """Return T on a Dirichlet side, from 1 / a on at least two layers of points there."""
        axis, dtype = self.grid.axes[k], inverse.dtype
        area = namespace(inverse).asarray(self._area(k, dtype))
        if axis.centering == "cell":
            return (area / self._gap(inverse, k, end)).astype(dtype)
        layers = np.moveaxis(inverse[self._across(k)], k, 0)
        first, second, face = (0, 1, 1) if end == "lower" else (-1, -2, -2)
        resistance = abs(axis.faces[face] - axis.points[first]) * layers[first]
        resistance = resistance + abs(axis.points[second] - axis.faces[face]) * layers[second]
        return (area / np.expand_dims(resistance, k)).astype(dtype)

    def _robin(self, inverse: Array, k: int, end: str) -> Array:
        """Return T on a Robin side, zero where its coefficient is."""
        xp = namespace(inverse)
        alpha = xp.asarray(self.robin[k, end])
        area = xp.asarray(self._area(k, np.dtype(np.float64)))
        if self.grid.axes[k].centering == "cell":
            alpha = alpha / (1 + alpha * self._gap(inverse, k, end))
        return (area * alpha).astype(inverse.dtype)

    def _faces(self, inverse: Array, k: int) -> Array:
        """Return T on all faces across axis k, from 1 / a; zero on Neumann sides."""
        axis, dtype, n = self.grid.axes[k], inverse.dtype, self.shape[k]
        cut = self.interior[k]
        layers = inverse[self.interior]
        x, f = axis.points[cut], axis.faces[cut.start + 1 : cut.stop]
        shape = list(self.shape)
        shape[k] = n + 1
        xp = namespace(inverse)
        faces = xp.zeros(shape, dtype=dtype)
        at = _Layers(k, len(shape))
        area = xp.asarray(self._area(k, dtype))
        if n > 1:
            inner = faces[at(slice(1, n))]
            before, after = (xp.asarray(self._along(d, k, dtype)) for d in (f - x[:-1], x[1:] - f))
            np.multiply(before, layers[at(slice(0, n - 1))], out=inner)
            inner += after * layers[at(slice(1, n))]
            np.divide(area, inner, out=inner)
        if axis.periodic:
            gaps = (float(axis.faces[-1] - x[-1]), float(x[0] - axis.faces[0]))
            resistance = dtype.type(gaps[0]) * layers[at(slice(n - 1, n))]
            resistance = resistance + dtype.type(gaps[1]) * layers[at(slice(0, 1))]
            faces[at(slice(0, 1))] = faces[at(slice(n, n + 1))] = area / resistance
            return faces
        for end, kind in zip(ENDS, self.kinds[k], strict=True):
            if kind == "dirichlet":
                faces[at(_end_slice(end))] = self._wall(inverse, k, end)
            elif (k, end) in self.robin:
                faces[at(_end_slice(end))] = self._robin(inverse, k, end)
        return faces

    def _balanced(self, b: Array) -> Array:
        """Return b with total zero, or raise if it is out of balance."""
        total, size = float(b.sum(dtype=np.float64)), float(np.abs(b).sum(dtype=np.float64))
        allowance = 1.0 / min(self.grid.shape) ** 2
        if abs(total) > allowance * size:
            raise InputError(
                "source: expected the integral of the source and the boundary fluxes to cancel "
                f"because no side is Dirichlet, got a total of {total:.3g} out of {size:.3g}; "
                "subtract the mean from the source or prescribe the value on one side"
            )
        share = (total / self.volumes.sum() * self.volumes).astype(b.dtype)
        return b - namespace(b).asarray(share)


def _end_slice(end: str) -> slice:
    return slice(0, 1) if end == "lower" else slice(-1, None)


class _Layers:
    """Index of layers along one axis."""

    def __init__(self, k: int, dimension: int):
        self.before, self.after = (slice(None),) * k, (slice(None),) * (dimension - 1 - k)

    def __call__(self, layers: slice) -> tuple[slice, ...]:
        return (*self.before, layers, *self.after)
