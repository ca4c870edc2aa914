"""Rational splines in space: curves, surfaces and volumes, with exact circles among them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import (
    require_choice,
    require_instance,
    require_integer,
    require_integers,
)
from nwidth.arrays import namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.spline_matrices import gauss_points
from nwidth.solvers.bsplines.tensor_splines import TensorSplineBasis

Array = NDArray[Any]

# Points of Gauss per interval beyond the degree: rational functions of arcs of a quarter are
# integrated to the last digit.
EXTRA_POINTS = 14

# Jacobians below this part of the largest one are singular.
SINGULAR = 1e-13


class NurbsValues(NamedTuple):
    """What a rational map and its derivatives are at some points.

    Attributes:
        points: x_i, shape (space, *points).
        jacobian: d x_i / d xi_k, shape (space, d, *points), or None if it was not asked for.
        hessian: d^2 x_i / d xi_k d xi_l, shape (space, d, d, *points), or None.
    """

    points: Array
    jacobian: Array | None
    hessian: Array | None


class Nurbs:
    """A map from the box of its knots to space, by B-splines in homogeneous coordinates.

        x(xi) = sum_i w_i P_i B_i(xi) / sum_i w_i B_i(xi)

    With one parameter a curve, with two a surface or a plane domain, with three a body. Circles,
    ellipses and all that is made of them are exact. First and second derivatives follow from those
    of numerator A and denominator W by

        x_k  = (A_k - W_k x) / W,
        x_kl = (A_kl - W_k x_l - W_l x_k - W_kl x) / W.

    More knots and higher degrees (`inserted`, `refined`, `elevated`) leave the map as it is.
    Piegl & Tiller (1997), The NURBS Book, doi:10.1007/978-3-642-59223-2, sections 4.3 and 4.5;
    Hughes, Cottrell & Bazilevs (2005), doi:10.1016/j.cma.2004.10.008.

    Args:
        knots: a `KnotVector`, or a list of them, one per parameter.
        points: the control points P, shape (*sizes, space).
        weights: w > 0, shape (*sizes); 1 by default.

    Parameters are given as one array each, of any shapes that fit together; coordinates stand first
    in what comes back. Raises `InputError` for shapes that do not fit, for weights that are not
    positive and for parameters outside of the knots.

    >>> quarter = Nurbs(KnotVector.uniform(1, 2), [[1, 0], [1, 1], [0, 1]], [1, 0.5**0.5, 1])
    >>> x, y = quarter([0.0, 0.3, 1.0])
    >>> (x**2 + y**2).round(15).tolist(), round(quarter.measure(), 12) == round(np.pi / 2, 12)
    ([1.0, 1.0, 1.0], True)
    """

    def __init__(self, knots: KnotVector | Sequence[KnotVector], points: Any, weights: Any = None):
        listed = [knots] if isinstance(knots, KnotVector) else knots
        require_instance(listed, "knots", Sequence)
        self.basis = TensorSplineBasis(*(require_instance(k, "knots", KnotVector) for k in listed))
        P = to_numpy(require_finite(real_floating(points, "points"), "points"))
        sizes = self.basis.shape
        if P.ndim != len(sizes) + 1 or P.shape[:-1] != sizes or P.shape[-1] < len(sizes):
            raise InputError(
                f"points: expected shape ({', '.join(map(str, sizes))}, space) with space at least "
                f"{len(sizes)}, one for each function of the knots, got {P.shape}"
            )
        w = np.ones(sizes) if weights is None else to_numpy(real_floating(weights, "weights"))
        if w.shape != sizes or not (w.min() > 0 and w.max() < np.inf):
            raise InputError(
                f"weights: expected numbers > 0 of shape {sizes}, got shape {w.shape} from "
                f"{w.min(initial=np.inf)}"
            )
        #: Control points and weights, and both in homogeneous coordinates.
        self.points, self.weights = P.astype(np.float64), w.astype(np.float64)
        self.homogeneous = np.concatenate(
            [self.points * self.weights[..., None], self.weights[..., None]], axis=-1
        )

    @property
    def knots(self) -> tuple[KnotVector, ...]:
        """The knots of each parameter."""
        return tuple(basis.knots for basis in self.basis.bases)

    @property
    def dimension(self) -> int:
        """Number of parameters: 1 of curves, 2 of surfaces, 3 of bodies."""
        return self.basis.dimension

    @property
    def space(self) -> int:
        """Number of coordinates."""
        return self.points.shape[-1]

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degree in each parameter."""
        return tuple(basis.degree for basis in self.basis.bases)

    def __call__(self, *parameters: Any) -> Array:
        """Return the coordinates, shape (space, *points), at parameters, one array for each."""
        return self.evaluate(*parameters).points

    def jacobian(self, *parameters: Any) -> Array:
        """Return d x_i / d xi_k, shape (space, dimension, *points)."""
        found = self.evaluate(*parameters, derivatives=1).jacobian
        assert found is not None
        return found

    def hessian(self, *parameters: Any) -> Array:
        """Return d^2 x_i / d xi_k d xi_l, shape (space, dimension, dimension, *points)."""
        found = self.evaluate(*parameters, derivatives=2).hessian
        assert found is not None
        return found

    def evaluate(self, *parameters: Any, derivatives: int = 0) -> NurbsValues:
        """Return coordinates and derivatives up to an order of 2 at scattered parameters."""
        x = self._parameters(parameters)
        return self._quotient(
            lambda orders: self.basis.derivatives_at(self.homogeneous, x, orders), derivatives
        )

    def on_grid(self, parameters: Sequence[Any], derivatives: int = 0) -> NurbsValues:
        """Return coordinates and derivatives on a tensor grid of parameters, much faster.

        `parameters` is a list of arrays, one each; the points' axes are those of the grid.
        """
        require_instance(parameters, "parameters", list, tuple)
        grid = [to_numpy(real_floating(x, "parameters")) for x in parameters]
        return self._quotient(
            lambda orders: [self.basis.evaluate(self.homogeneous, grid, k) for k in orders],
            derivatives,
        )

    def measure(self, points: int | None = None) -> float:
        """Return length, area or volume, by Gauss's quadrature on each interval of the knots.

        `points` per interval and parameter, degree + 14 by default: to the last digits for arcs of
        up to a quarter of a circle between knots.
        """
        return self.integral(lambda *x: np.ones_like(x[0]), points)

    def integral(self, function: Callable[..., Any], points: int | None = None) -> float:
        """Return the integral of a function of the coordinates over the curve, surface or body."""
        rules = [
            gauss_points(
                k.breakpoints,
                k.degree + EXTRA_POINTS if points is None else require_integer(points, "points", 1),
            )
            for k in self.knots
        ]
        found = self.on_grid([x.ravel() for x, _ in rules], 1)
        assert found.jacobian is not None
        if not callable(function):
            raise InputError(f"function: expected one of the coordinates, got {function!r:.80}")
        values = to_numpy(real_floating(function(*found.points), "function"))
        if values.shape not in ((), found.points.shape[1:]):
            raise InputError(
                f"function: expected values of shape {found.points.shape[1:]}, those of its "
                f"arguments, got {values.shape}"
            )
        total = require_finite(values, "function") * stretch(found.jacobian)
        for _, w in reversed(rules):
            total = total @ w.ravel()
        return float(total)

    def inserted(self, points: Sequence[Any]) -> "Nurbs":
        """Return the same map with more knots: a list of arrays, one per parameter, or None."""
        require_instance(points, "points", list, tuple)
        if len(points) != self.dimension:
            raise InputError(
                f"points: expected {self.dimension} entries, arrays of knots or None, one per "
                f"parameter, got {len(points)}"
            )
        pairs = zip(self.knots, points, strict=True)
        return self._on([k if x is None else k.inserted(x) for k, x in pairs])

    def refined(self, times: int = 1) -> "Nurbs":
        """Return the same map with each interval of the knots halved, some times."""
        found = self
        for _ in range(require_integer(times, "times", 0)):
            found = found._on([k.refined() for k in found.knots])
        return found

    def elevated(self, by: int | Sequence[int] = 1) -> "Nurbs":
        """Return the same map with higher degrees, by one number or one per parameter.

        Inner knots are repeated as often more, so that nothing becomes smoother. The coefficients
        are those that interpolate the homogeneous map, which is in the larger space.

        >>> line = Nurbs(KnotVector.uniform(1, 1), [[0.0], [2.0]])
        >>> line.elevated().points.round(12).ravel().tolist()
        [0.0, 1.0, 2.0]
        """
        found = require_integers(by, "by", 0)
        steps = found * self.dimension if len(found) == 1 else found
        if len(steps) != self.dimension:
            raise InputError(f"by: expected {self.dimension} integers, got {by!r:.80}")
        knots = [_elevated(k, s) for k, s in zip(self.knots, steps, strict=True)]
        fine = TensorSplineBasis(*knots)
        values = self.basis.evaluate(self.homogeneous, fine.points)
        return self._from_homogeneous(knots, fine.interpolate(values).coefficients)

    def side(self, parameter: int, end: str) -> "Nurbs":
        """Return the side where a parameter is at its "lower" or "upper" end: a map of one less.

        >>> plane = Nurbs([KnotVector.uniform(1, 1)] * 2, [[[0, 0], [0, 1]], [[2, 0], [2, 1]]])
        >>> plane.side(0, "upper").points.tolist()
        [[2.0, 0.0], [2.0, 1.0]]
        """
        axis = require_integer(parameter, "parameter", 0)
        require_choice(end, "end", ("lower", "upper"))
        if axis >= self.dimension or self.dimension == 1:
            raise InputError(
                f"parameter: expected one of {self.dimension}, at least two, got {parameter}"
            )
        knots = self.knots[axis]
        basis = self.basis.bases[axis]
        row = basis.matrix([knots.lower if end == "lower" else knots.upper]).toarray()[0]
        found = np.tensordot(row, self.homogeneous, (0, axis))
        rest = [k for j, k in enumerate(self.knots) if j != axis]
        return self._from_homogeneous(rest, found)

    def moved(self, matrix: Any = None, shift: Any = 0.0) -> "Nurbs":
        """Return the map x -> matrix x + shift of this one, as which it stays exact."""
        P = self.points
        if matrix is not None:
            A = to_numpy(real_floating(matrix, "matrix"))
            if A.ndim != 2 or A.shape[1] != self.space:
                raise InputError(f"matrix: expected shape (any, {self.space}), got {A.shape}")
            with np.errstate(over="ignore", invalid="ignore"):
                P = P @ A.T
        by = to_numpy(real_floating(shift, "shift"))
        if by.shape not in ((), P.shape[-1:]):
            raise InputError(f"shift: expected a number or {P.shape[-1]} of them, got {by.shape}")
        return Nurbs(self.knots, P + by, self.weights)

    @cached_property
    def regular(self) -> bool:
        """Whether the Jacobian has one sign at all Gauss points, and is nowhere singular there."""
        if self.space != self.dimension:
            return bool(stretch(self._sampled).min() > SINGULAR * stretch(self._sampled).max())
        found = np.linalg.det(np.moveaxis(self._sampled, (0, 1), (-2, -1)))
        found = found * np.sign(found.ravel()[0])
        return bool(found.min() > SINGULAR * found.max())

    @property
    def _sampled(self) -> Array:
        grid = [gauss_points(k.breakpoints, k.degree + 1)[0].ravel() for k in self.knots]
        found = self.on_grid(grid, 1).jacobian
        assert found is not None
        return found / (np.abs(found).max() or 1.0)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "knots": [k.describe() for k in self.knots],
            "points": self.points.tolist(),
            "weights": self.weights.tolist(),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Nurbs":
        """Rebuild a map from `describe()`, bit by bit."""
        facts = {"knots", "points", "weights"}
        if not isinstance(description, Mapping) or {*description} != facts:
            raise InputError(
                "description: expected the keys knots, points and weights, got "
                f"{description!r:.200}"
            )
        require_instance(description["knots"], "knots", list, tuple)
        knots = [KnotVector.from_description(k) for k in description["knots"]]
        return cls(knots, description["points"], description["weights"])

    def _quotient(
        self, of: Callable[[list[tuple[int, ...]]], list[Array]], derivatives: int
    ) -> NurbsValues:
        """Return the quotient and its derivatives from those of the homogeneous coordinates."""
        order, d = require_integer(derivatives, "derivatives", 0), self.dimension
        if order > 2:
            raise InputError(f"derivatives: expected 0, 1 or 2, got {order}")
        unit = np.eye(d, dtype=int)
        # The k-th first derivative is number 1 + k, those of second order follow.
        pairs = [(k, m) for k in range(d) for m in range(k + 1)]
        wanted = [0 * unit[0], *unit, *(unit[k] + unit[m] for k, m in pairs)]
        wanted = wanted[: (1, 1 + d, len(wanted))[order]]
        found = of([tuple(k.tolist()) for k in wanted])
        A = [np.moveaxis(part[..., :-1], -1, 0) for part in found]
        W = [part[..., -1] for part in found]
        x = A[0] / W[0]
        if order == 0:
            return NurbsValues(x, None, None)
        slopes = [(A[1 + k] - W[1 + k] * x) / W[0] for k in range(d)]
        jacobian = np.stack(slopes, axis=1)
        if order == 1:
            return NurbsValues(x, jacobian, None)
        hessian = np.empty((self.space, d, d, *x.shape[1:]))
        for n, (k, m) in enumerate(pairs, 1 + d):
            bend = A[n] - W[1 + k] * slopes[m] - W[1 + m] * slopes[k] - W[n] * x
            hessian[:, k, m] = hessian[:, m, k] = bend / W[0]
        return NurbsValues(x, jacobian, hessian)

    def _parameters(self, parameters: tuple[Any, ...]) -> Array:
        if len(parameters) != self.dimension:
            raise InputError(
                f"parameters: expected {self.dimension} arrays, one each, got {len(parameters)}"
            )
        found = [to_numpy(real_floating(x, "parameters")) for x in parameters]
        try:
            return namespace(*found).stack(np.broadcast_arrays(*found), axis=-1)
        except ValueError:
            raise InputError(
                "parameters: expected arrays of shapes that fit together, got "
                f"{', '.join(str(x.shape) for x in found)}"
            ) from None

    def _on(self, knots: list[KnotVector]) -> "Nurbs":
        fine = TensorSplineBasis(*knots)
        return self._from_homogeneous(knots, self.basis.refinement(fine).multiply(self.homogeneous))

    def _from_homogeneous(self, knots: Sequence[KnotVector], found: Array) -> "Nurbs":
        return Nurbs(list(knots), found[..., :-1] / found[..., -1:], found[..., -1])

    def __repr__(self) -> str:
        sizes = " x ".join(map(str, self.basis.shape))
        return (
            f"Nurbs({self.dimension} parameters to {self.space} coordinates, {sizes} control "
            f"points, degrees {self.degrees})"
        )


def stretch(jacobian: Array) -> Array:
    """Return how much lengths, areas or volumes grow: sqrt det J^T J, of J (space, d, *points).

    >>> stretch(np.array([[3.0], [4.0]])).tolist()
    5.0
    """
    J = np.moveaxis(jacobian, (0, 1), (-2, -1))
    if J.shape[-1] == J.shape[-2]:
        return np.abs(np.linalg.det(J))
    return np.sqrt(np.maximum(np.linalg.det(J.swapaxes(-2, -1) @ J), 0.0))


def _elevated(knots: KnotVector, by: int) -> KnotVector:
    """Return knots of a higher degree whose splines are as smooth as before."""
    if by == 0:
        return knots
    x, degree = knots.breakpoints, knots.degree + by
    if knots.periodic:
        counts = knots.multiplicities.copy()
        counts[1:-1] += by
        counts[0] = knots.multiplicities[0] + by
        inside = np.repeat(x[:-1], counts[:-1])
        return KnotVector.closed(np.append(inside, x[-1]), degree)
    counts = knots.multiplicities + by
    t = knots.values
    before, after = t[t < x[0]], t[t > x[-1]]
    values = np.concatenate([before, np.repeat(x, counts), after])
    return KnotVector(values, degree)
