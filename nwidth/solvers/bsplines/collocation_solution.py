"""The spline that collocation found, and the record of its computation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.bsplines.collocation_coefficients import at_points, inverse_of
from nwidth.solvers.bsplines.collocation_space import CollocationSpace
from nwidth.solvers.bsplines.nurbs import Nurbs
from nwidth.solvers.bsplines.point_inversion import point_inversion
from nwidth.solvers.bsplines.tensor_splines import TensorSpline, TensorSplineBasis
from nwidth.solvers.solution import Outcome, Status

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class CollocationSolution(Outcome):
    """A spline on its domain, with what a `Solution` has.

    Call it with parameters, arrays of one shape, for values there; `orders` are those of
    derivatives in the parameters. `at` takes points of the domain instead. `on(grid)` gives a field
    on a grid of the box of parameters, for plots and data files; `gradient` the derivatives in the
    coordinates of the domain.

    Attributes: `u`, the values at the collocation points, and `spline`; `space`; `coefficients`
    (`space.shape`); `status`, `residuals` (relative norms, the last recomputed), `method`,
    `reason`, `seconds`, `cpu_seconds`; `imbalance`, the constant by which the source of a problem
    of fluxes alone was too large.

    >>> from nwidth.meshes import KnotVector
    >>> from nwidth.solvers.bsplines import Collocation
    >>> solution = Collocation(KnotVector.uniform(4, 2), source=2.0).solve()
    >>> solution([0.25, 0.5]).round(12).tolist(), solution([0.0], orders=[1]).round(12).tolist()
    ([0.1875, 0.25], [1.0])
    """

    space: CollocationSpace
    coefficients: Array
    status: Status
    residuals: tuple[float, ...]
    method: str
    reason: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    imbalance: Any = 0.0

    def __call__(self, *parameters: Any, orders: Sequence[int] | None = None) -> Array:
        """Return values, or derivatives in the parameters, at parameters of one shape.

        Numbers give an array without axes.
        """
        space = self.space
        points = space.parameters(parameters)
        try:
            points = [*np.broadcast_arrays(*points)]
        except ValueError:
            raise InputError(
                f"points: expected arrays of one shape, got {[np.shape(x) for x in points]}"
            ) from None
        flat = np.stack([x.ravel() for x in points], axis=1)
        values = space.evaluate_at(self.coefficients, flat, self._orders(orders))
        return values.reshape(np.broadcast_shapes(*(np.shape(x) for x in parameters)))

    def at(self, *coordinates: Any, orders: Sequence[int] | None = None) -> Array:
        """Return what a call returns, at points of the domain instead of parameters.

        On a `Nurbs` map their parameters are found by `point_inversion`; raises `InputError` for
        points off the domain, and where the map is a callable, which is not inverted.

        >>> from nwidth.meshes import KnotVector
        >>> from nwidth.solvers import Boundary, Dirichlet
        >>> from nwidth.solvers.bsplines import Collocation, quarter_annulus
        >>> sides = Boundary(default=Dirichlet(lambda x, y: x * y))
        >>> knots = [KnotVector.uniform(8, 4)] * 2
        >>> solution = Collocation(knots, boundary=sides, geometry=quarter_annulus()).solve()
        >>> solution.at([0.9], [1.2]).round(3).tolist()
        [1.08]
        """
        geometry = self.space.geometry
        if geometry is None:
            return self(*coordinates, orders=orders)
        if not isinstance(geometry, Nurbs):
            raise InputError(
                "at: expected a domain that a Nurbs maps, or a box, got a callable; call the "
                "solution with parameters"
            )
        points = self.space.parameters(coordinates)
        try:
            x = np.stack(np.broadcast_arrays(*points))
        except ValueError:
            raise InputError(
                f"points: expected arrays of one shape, got {[np.shape(x) for x in points]}"
            ) from None
        # The domain lies within the box of its control points.
        hull, over = geometry.points.reshape(-1, len(x)).T, (slice(None), *[None] * (x.ndim - 1))
        beyond = np.maximum(hull.min(1)[over] - x, x - hull.max(1)[over]).max(0)
        near = 1e-8 * float(np.ptp(hull))
        if not (beyond > near).any():
            found = point_inversion(geometry, x)
            beyond = found.distance
        if (beyond > near).any():
            where = ", ".join(f"{c:.6g}" for c in x[:, beyond > near][:, 0])
            raise InputError(
                f"points: expected points of the domain, got ({where}), at least "
                f"{beyond.max():.2g} away from it"
            )
        shape = np.broadcast_shapes(*(np.shape(c) for c in coordinates))
        return self(*(c.reshape(shape) for c in found.parameters), orders=orders)

    def on(self, grid: Grid, orders: Sequence[int] | None = None) -> Array:
        """Return the field on a grid of the box of parameters, shape `grid.shape`.

        It can be stored in a `FieldDataset` with that grid.
        """
        require_instance(grid, "grid", Grid)
        points = self.space.parameters(grid.points)
        return self.space.evaluate(self.coefficients, points, self._orders(orders))

    def gradient(self, *axes: Any) -> Array:
        """Return d u / d x_i at the tensor points of parameters given per axis, (d, *points)."""
        points = self.space.parameters(axes)
        unit = np.eye(self.space.dimension, dtype=int).tolist()
        slopes = np.stack([self.space.evaluate(self.coefficients, points, e) for e in unit])
        if self.space.geometry is None:
            return slopes
        return np.einsum("ki...,k...->i...", inverse_of(self.space.jacobian(points)), slopes)

    def error(
        self, exact: Callable[..., Any], gradient: Callable[..., Any] | None = None
    ) -> tuple[float, ...]:
        """Return the L2 norm of u - exact, and with a gradient that of the slopes' error, too.

        Both are callables of all coordinates of the domain; the norms are relative to those of the
        exact solution, unless that is zero. They are found by Gauss' rule with two points more than
        the degree in each interval.

        >>> from nwidth.meshes import KnotVector
        >>> from nwidth.solvers.bsplines import Collocation
        >>> solution = Collocation(KnotVector.uniform(4, 2), source=2.0).solve()
        >>> solution.error(lambda x: x * (1 - x))[0] < 1e-14
        True
        """
        points, weights = self.space.quadrature(max(t.degree for t in self.space.knots) + 2)
        x, d = self.space.mapped(points), self.space.dimension
        values = self.space.evaluate(self.coefficients, points, (0,) * d)
        pairs = [(values, at_points(exact, x, "exact"))]
        if gradient is not None:
            pairs.append((self.gradient(*points), at_points(gradient, x, "gradient", [(d,)])))
        norms = []
        for found, wanted in pairs:
            error, size = (np.sum(weights * np.abs(v) ** 2) for v in (found - wanted, wanted))
            norms.append(float(np.sqrt(error / size if size else error)))
        return tuple(norms)

    @cached_property
    def u(self) -> Array:
        """The values at the collocation points `space.coordinates`, shape `space.shape`."""
        space = self.space
        return space.evaluate(self.coefficients, space.points, (0,) * space.dimension)

    @property
    def spline(self) -> TensorSpline:
        """The spline alone, in the parameters: it is integrated, refined, evaluated at points."""
        return TensorSpline(TensorSplineBasis(*self.space.bases), self.coefficients)

    def with_coefficients(self, coefficients: Array) -> "CollocationSolution":
        """Return the same record of another spline of the space."""
        return replace(self, coefficients=coefficients)

    def _orders(self, orders: Sequence[int] | None) -> tuple[int, ...]:
        d = self.space.dimension
        given: Any = (0,) * d if orders is None else orders
        orders = tuple(given) if isinstance(given, Iterable) else ()
        if len(orders) != d or not all(isinstance(m, int | np.integer) and m >= 0 for m in orders):
            raise InputError(f"orders: expected {d} integers >= 0, one per axis, got {given!r:.80}")
        return orders
