"""Tensor splines with their collocation points, on a box or mapped to a domain."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer
from nwidth.arrays import real_floating
from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.collocation_coefficients import at_points, inverse_of
from nwidth.solvers.bsplines.collocation_operator import along
from nwidth.solvers.bsplines.collocation_points import KINDS, collocation_points
from nwidth.solvers.bsplines.nurbs import Nurbs

Array = NDArray[Any]


class CollocationSpace:
    """Splines B_i1(xi_1) ... B_id(xi_d), the points they collocate at, and the domain they are on.

    Args:
        knots: one `KnotVector` per axis, one to three of them; open or periodic.
        points: "greville" or "superconvergent", see `collocation_points`.
        geometry: None for the box of the knots, or what maps it to the domain, C^2 inside: a
            `Nurbs`, or a callable of the parameters that returns d coordinates, which is replaced
            by the spline of a degree two higher that interpolates it.
        names: of the axes, "x", "y", "z" unless told otherwise; sides of a mapped domain are named
            by the axes of its parameters, too.

    Attributes: `bases`, `points` (per axis), `shape`, `dimension`, `periodic`, `matrices` (per axis
    those of values, first and second derivatives at the points).

    >>> space = CollocationSpace([KnotVector.uniform(4, 3), KnotVector.uniform_periodic(6, 3)])
    >>> space.shape, space.periodic, space.coordinates[1].shape
    ((7, 6), (False, True), (7, 6))
    """

    def __init__(
        self,
        knots: Any,
        points: str = "greville",
        geometry: Any = None,
        names: Sequence[str] | None = None,
    ):
        knots = (knots,) if isinstance(knots, KnotVector) else tuple(_iterable(knots))
        if not 1 <= len(knots) <= 3 or not all(isinstance(t, KnotVector) for t in knots):
            raise InputError(f"knots: expected one to three KnotVectors, got {knots!r:.120}")
        self.knots, self.dimension = knots, len(knots)
        self.kind = require_choice(points, "points", KINDS)
        listed = "xyz"[: len(knots)] if names is None else names
        names = tuple(listed) if isinstance(listed, Iterable) else ()
        if (
            len(names) != len(knots)
            or not all(isinstance(n, str) and n for n in names)
            or len({*names}) < len(names)
        ):
            raise InputError(
                f"names: expected {len(knots)} different names of axes, got {listed!r:.80}"
            )
        self.names, self.geometry = names, geometry
        self.periodic = tuple(t.periodic for t in knots)
        self.bases = [BSplineBasis(t) for t in knots]
        self.points = [collocation_points(t, points) for t in knots]
        self.shape = tuple(len(x) for x in self.points)
        self.matrices = [
            [basis.matrix(x, m) for m in range(3)]
            for basis, x in zip(self.bases, self.points, strict=True)
        ]
        self._chart: tuple[CollocationSpace, Array] | None = None
        self._sides: dict[tuple[int, str, str], list[Array]] = {}
        if geometry is not None:
            self._check_geometry()

    def _check_geometry(self) -> None:
        """Raise `InputError` for what is no map of the box; make the spline of a callable."""
        if isinstance(self.geometry, Nurbs):
            self._check_nurbs(self.geometry)
            return
        if not callable(self.geometry):
            raise InputError(
                f"geometry: expected a Nurbs or a callable of {self.dimension} parameters that "
                f"returns as many coordinates, got {self.geometry!r:.80}"
            )
        chart = CollocationSpace([elevated(t, 2) for t in self.knots])
        x = [*np.meshgrid(*(chart.greville(t) for t in chart.knots), indexing="ij")]
        values = at_points(self.geometry, x, "geometry", [(self.dimension,)])
        axes = range(self.dimension)
        coefficients = np.moveaxis(np.array(values, np.float64), 0, -1)
        self._chart = chart, chart.interpolant(coefficients, axes)

    def _check_nurbs(self, geometry: Nurbs) -> None:
        """Raise unless the map has the right box and, but at repeated knots, two derivatives."""
        d = self.dimension
        if (geometry.dimension, geometry.space) != (d, d):
            raise InputError(
                f"geometry: expected a Nurbs from {d} parameters to {d} coordinates, got "
                f"{geometry.dimension} to {geometry.space}"
            )
        checked: list[str] = []
        for name, own, t in zip(self.names, self.knots, geometry.knots, strict=True):
            if (own.lower, own.upper) != (t.lower, t.upper):
                raise InputError(
                    f"knots: expected those of axis {name} on the interval of the geometry, "
                    f"[{t.lower}, {t.upper}], got [{own.lower}, {own.upper}]"
                )
            rough = [
                (x, t.degree - times)
                for x, times in zip(t.breakpoints[1:-1], t.multiplicities[1:-1], strict=True)
                if t.degree - times < 2
            ]
            if own.periodic and not t.periodic:
                rough.append((t.lower, 0))  # the seam
            for x, smoothness in rough:
                if smoothness < 1 and self._kinks(geometry, len(checked), x):
                    raise InputError(
                        f"geometry: expected one without kinks, got one at {x} of axis {name}, "
                        "where first derivatives jump; take a part of it, or another map"
                    )
                mine = own.multiplicities[own.breakpoints == x].sum()
                if mine < own.degree - 1:
                    raise InputError(
                        f"knots: expected {x} to stand {own.degree - 1} times among those of axis "
                        f"{name}, since second derivatives of the geometry jump there, got {mine}; "
                        "repeat it, or take a smooth part of the geometry"
                    )
            checked.append(name)

    @staticmethod
    def _kinks(geometry: Nurbs, k: int, x: float) -> bool:
        """Return whether first derivatives of a map jump at a parameter, or a seam does not fit."""
        t = geometry.knots[k]
        near = 1e-7 * (t.upper - t.lower)
        beside = [x - near if x > t.lower else t.upper - near, x + near]
        grid = [np.linspace(o.lower, o.upper, 7) for o in geometry.knots]
        grid[k] = np.array(beside)
        slopes = geometry.on_grid(grid, 1).jacobian
        assert slopes is not None
        before, after = np.moveaxis(slopes, 2 + k, 0)
        return bool(abs(before - after).max() > 1e-4 * abs(slopes).max())

    @cached_property
    def coordinates(self) -> list[Array]:
        """The coordinates of the collocation points, each of shape `shape`."""
        return self.mapped(self.points)

    @cached_property
    def derivatives(self) -> tuple[Array, Array] | None:
        """The Jacobian (d, d, *shape) and second derivatives (d, d, d, *shape) of the map."""
        if self.geometry is None:
            return None
        return self.jacobian(self.points), self.hessian(self.points)

    def mapped(self, points: Sequence[Array]) -> list[Array]:
        """Return the coordinates of tensor points, given per axis."""
        if self.geometry is None:
            return [*np.meshgrid(*points, indexing="ij")]
        if isinstance(self.geometry, Nurbs):
            return [*self.geometry.on_grid(points).points]
        return [*self._charted(points, (0,) * self.dimension)]

    def jacobian(self, points: Sequence[Array]) -> Array:
        """Return d x_i / d xi_k at tensor points, shape (d, d, *points)."""
        if isinstance(self.geometry, Nurbs):
            found = self.geometry.on_grid(points, 1).jacobian
            assert found is not None
            return found
        unit = np.eye(self.dimension, dtype=int)
        return np.stack([self._charted(points, tuple(e)) for e in unit], axis=1)

    def hessian(self, points: Sequence[Array]) -> Array:
        """Return d^2 x_i / d xi_k d xi_l at tensor points, shape (d, d, d, *points)."""
        if isinstance(self.geometry, Nurbs):
            found = self.geometry.on_grid(points, 2).hessian
            assert found is not None
            return found
        unit, axes = np.eye(self.dimension, dtype=int), range(self.dimension)
        rows = [
            np.stack([self._charted(points, tuple(unit[k] + unit[m])) for m in axes], axis=1)
            for k in axes
        ]
        return np.stack(rows, axis=1)

    def _charted(self, points: Sequence[Array], orders: tuple[int, ...]) -> Array:
        """Return derivatives of a callable's spline at tensor points, shape (d, *points)."""
        assert self._chart is not None
        chart, coefficients = self._chart
        return np.moveaxis(chart.evaluate(coefficients, points, orders), -1, 0)

    @cached_property
    def inverse_jacobian(self) -> Array | None:
        """J^-1 at the collocation points, None on a box."""
        return None if self.derivatives is None else inverse_of(self.derivatives[0])

    def flux_row(self, diffusion: Array, k: int, end: str) -> Array:
        """Return w with n . A grad u = sum_l w_l d u / d xi_l on a side, shape (d, *side).

        The diffusion (d, d, *shape) is that of the parameters, A^ = J^-1 A J^-T.
        """
        row, sign = (0, -1.0) if end == "lower" else (-1, 1.0)
        w = sign * np.take(diffusion[k], row, axis=1 + k)
        if self.inverse_jacobian is None:
            return w
        return w / np.linalg.norm(np.take(self.inverse_jacobian[k], row, axis=1 + k), axis=0)

    def weights(
        self,
        diffusion: Array,
        convection: Array,
        reaction: Array,
        fluxes: Mapping[tuple[int, str], Array],
    ) -> dict[tuple[int, ...], Array]:
        """Return the weights of derivatives in the parameters that make an equation at all points.

        -A^ : grad grad u + b^ . grad u + c u inside, and n . A grad u + alpha u on the sides that
        `fluxes` lists with their alpha; where these meet, the sum.
        """
        d, unit = self.dimension, np.eye(self.dimension, dtype=int)
        inside = np.ones(self.shape, diffusion.dtype)
        for k, end in fluxes:
            inside[layer(k, end)] = 0
        terms: dict[tuple[int, ...], Any] = {(0,) * d: inside * reaction}
        for k in range(d):
            terms[tuple(unit[k])] = inside * convection[k]
            terms[tuple(2 * unit[k])] = -inside * diffusion[k, k]
            for m in range(k + 1, d):
                terms[tuple(unit[k] + unit[m])] = -inside * (diffusion[k, m] + diffusion[m, k])
        for (k, end), alpha in fluxes.items():
            at, w = layer(k, end), self.flux_row(diffusion, k, end)
            for m in range(d):
                terms[tuple(unit[m])][at] += w[m]
            terms[(0,) * d][at] += alpha
        return terms

    def evaluate(self, coefficients: Array, points: Sequence[Any], orders: Sequence[int]) -> Array:
        """Return derivatives in the parameters at tensor points, given per axis.

        Leading axes of the coefficients are those of the space, others may follow.
        """
        values = coefficients
        for k, (basis, x, m) in enumerate(zip(self.bases, points, orders, strict=True)):
            values = along(basis.matrix(x, m), values, k)
        return values

    def evaluate_at(self, coefficients: Array, points: Array, orders: Sequence[int]) -> Array:
        """Return derivatives at scattered points (m, d) of the parameters, shape (m,)."""
        letters, operands, spec = "abc", [], []
        index: list[Array] = []
        for k, basis in enumerate(self.bases):
            first, values = basis.evaluate(points[:, k], orders[k])
            window = (first[:, None] + np.arange(basis.degree + 1)) % basis.size
            shape = [len(points)] + [1] * self.dimension
            shape[k + 1] = basis.degree + 1
            index.append(window.reshape(shape))
            operands.append(values[orders[k]])
            spec.append("m" + letters[k])
        local = coefficients[tuple(index)]
        return np.einsum(f"m{letters[: self.dimension]},{','.join(spec)}->m", local, *operands)

    def quadrature(self, count: int | None = None) -> tuple[list[Array], Array]:
        """Return Gauss points per axis and weights over the domain, the Jacobian's included.

        There are `count` points per interval and axis, degree + 1 by default.
        """
        points, weights = [], []
        for knots in self.knots:
            m = knots.degree + 1 if count is None else require_integer(count, "count", 1)
            t, w = np.polynomial.legendre.leggauss(m)
            x = knots.breakpoints
            h = np.diff(x)[:, None]
            points.append((x[:-1, None] + h * (t + 1) / 2).ravel())
            weights.append((h * w / 2).ravel())
        whole = np.asarray(reduce(np.multiply.outer, weights))
        if self.geometry is not None:
            J = np.moveaxis(self.jacobian(points), (0, 1), (-2, -1))
            whole = whole * np.abs(np.linalg.det(J))
        return points, whole

    @cached_property
    def integrals(self) -> Array:
        """The integrals of all splines over the domain, shape `shape`."""
        points, weights = self.quadrature()
        for k, (basis, x) in enumerate(zip(self.bases, points, strict=True)):
            weights = along(basis.matrix(x).T.tocsr(), weights, k)
        return weights

    def interpolant(self, values: Array, axes: Sequence[int]) -> Array:
        """Return coefficients of the splines in some axes that take values at Greville points."""
        for position, k in enumerate(axes):
            values = along(self._interpolators[k], values, position)
        return values

    @cached_property
    def _interpolators(self) -> list[Array]:
        """Dense inverses of the matrices of values at Greville points."""
        inverses = []
        for basis in self.bases:
            try:
                inverses.append(np.linalg.inv(basis.matrix(self.greville(basis.knots)).toarray()))
            except np.linalg.LinAlgError:
                raise InputError(
                    f"knots: expected Greville points that interpolate, got {basis.knots}; take "
                    "another number of intervals"
                ) from None
        return inverses

    @staticmethod
    def greville(knots: KnotVector) -> Array:
        """Return the Greville points in rising order."""
        return np.sort(knots.greville)

    def side_coordinates(self, axis: int, end: str, kind: str = "own") -> list[Array]:
        """Return the coordinates of the points of a side, of shape `shape` without the axis.

        The points are the collocation points, or those of Greville for kind "greville".
        """
        if (axis, end, kind) not in self._sides:
            greville = kind == "greville"
            points = [self.greville(t) for t in self.knots] if greville else [*self.points]
            knots = self.knots[axis]
            points[axis] = np.array([knots.lower if end == "lower" else knots.upper])
            self._sides[axis, end, kind] = [np.squeeze(x, axis) for x in self.mapped(points)]
        return [x.copy() for x in self._sides[axis, end, kind]]

    def parameters(self, points: Any) -> list[Array]:
        """Return checked coordinates per axis."""
        points = tuple(points)
        if len(points) != self.dimension:
            raise InputError(
                f"points: expected the coordinates of {self.dimension} axes, got {len(points)}"
            )
        return [np.atleast_1d(real_floating(x, "points")) for x in points]


def elevated(knots: KnotVector, more: int) -> KnotVector:
    """Return knots of a degree so much higher, whose splines are at least as smooth.

    >>> elevated(KnotVector.uniform(4, 2), 1)
    KnotVector(7 functions of degree 3 on [0.0, 1.0])
    """
    p, x = knots.degree + more, knots.breakpoints
    if knots.periodic:
        return KnotVector.closed(x, p) if len(x) > p + 1 else knots
    times = knots.multiplicities.copy()
    times[[0, -1]] = 1
    return KnotVector.open(np.repeat(x, times), p)


def layer(k: int, end: str) -> tuple[Any, ...]:
    """Return the index of a side of an array over all points.

    >>> np.arange(6).reshape(2, 3)[layer(1, "upper")].tolist()
    [2, 5]
    """
    return (slice(None),) * k + (0 if end == "lower" else -1,)


def _iterable(knots: Any) -> Any:
    return knots if isinstance(knots, list | tuple) else (knots,)
