"""Tensor products of B-splines: functions on boxes in one to three dimensions, and beyond."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import (
    require_choice,
    require_instance,
    require_integer,
    require_integers,
    require_number,
)
from nwidth.arrays import (
    as_floating,
    lives_on_gpu,
    namespace,
    real_floating,
    require_finite,
    to_numpy,
)
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.interpolation import (
    PENALTIES,
    corrected,
    interpolate,
    least_squares,
    penalty_matrix,
)
from nwidth.solvers.bsplines.knot_insertion import knot_insertion
from nwidth.solvers.bsplines.kronecker import KroneckerOperator, KroneckerSum
from nwidth.solvers.bsplines.spline_matrices import mass_matrix, stiffness_matrix

Array = NDArray[Any]
Orders = int | Sequence[int] | None

# Numbers that are gathered at once where points are scattered: they stay in the cache.
GATHERED = 2**19

# Points that a kernel takes at once, with the functions at them.
BLOCK = 2**12


class TensorSplineBasis:
    """Products of B-splines, B_{i j ...}(x, y, ...) = B_i(x) B_j(y) ..., on a box.

        s(x, y) = sum_{ij} v_ij B_i(x) B_j(y)

    Coefficients have shape (*shape, ...), further axes being components. On grids everything is
    done along one axis after the other, at scattered points with the (p_1 + 1) (p_2 + 1) ...
    functions that do not vanish there. de Boor (2001), A Practical Guide to Splines,
    doi:10.1007/978-1-4612-6333-3 (of the first edition), chapter XVII.

    Args:
        factors: a `BSplineBasis` or `KnotVector` per axis, of any degrees, periodic or not.

    Attributes: `bases`, one per axis; `shape`, their sizes.

    >>> basis = TensorSplineBasis(KnotVector.uniform(4, 3), KnotVector.uniform_periodic(16, 5))
    >>> x, y = basis.coordinates()
    >>> s = basis.interpolate(x**3 * np.sin(2 * np.pi * y))
    >>> s.shape, bool(abs(s([[0.5, 0.25]]) - 0.125).max() < 1e-4)
    ((7, 16), True)
    """

    def __init__(self, *factors: BSplineBasis | KnotVector):
        if not factors:
            raise InputError("factors: expected one basis or more, one per axis, got none")
        found = [require_instance(f, "factors", BSplineBasis, KnotVector) for f in factors]
        self.bases = tuple(BSplineBasis(f) if isinstance(f, KnotVector) else f for f in found)
        self.shape = tuple(basis.size for basis in self.bases)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.bases)

    @property
    def points(self) -> list[Array]:
        """The Greville points of each axis."""
        return [basis.greville for basis in self.bases]

    def coordinates(self) -> tuple[Array, ...]:
        """Return the coordinate fields of the Greville points, each of shape `shape`."""
        return tuple(np.meshgrid(*self.points, indexing="ij"))

    def on_grid(self, points: Sequence[Any] | None = None, orders: Orders = None) -> Any:
        """Return the `KroneckerOperator` from coefficients to values on a tensor grid.

        Args:
            points: an array per axis; the Greville points by default.
            orders: of the derivative along each axis; zero by default.
        """
        grid = self.points if points is None else self._grid(points)
        pairs = zip(self.bases, grid, self._orders(orders), strict=True)
        return KroneckerOperator([basis.matrix(x, k) for basis, x, k in pairs])

    def evaluate(self, v: Any, points: Sequence[Any] | None = None, orders: Orders = None) -> Array:
        """Return values or derivatives on a tensor grid, shape (*counts, *components).

        Arguments are those of `on_grid`, and v, the coefficients.
        """
        return self.on_grid(points, orders).multiply(self._checked(v))

    def evaluate_at(self, v: Any, x: Any, orders: Orders = None) -> Array:
        """Return values or derivatives at scattered points.

        Args:
            v: coefficients (*shape, *components).
            x: points (..., dimension).
            orders: of the derivative along each axis, zero by default; or one number for all.

        Returns an array (..., *components).
        """
        return self.derivatives_at(v, x, [self._orders(orders)])[0]

    def derivatives_at(self, v: Any, x: Any, orders: Sequence[Sequence[int]]) -> list[Array]:
        """Return several derivatives at scattered points, whose functions are evaluated once.

        `orders` is a list of tuples, one number per axis; the results stand in a list.
        """
        if not isinstance(orders, list | tuple) or not orders:
            raise InputError(f"orders: expected a list of tuples of integers, got {orders!r:.80}")
        v, wanted = self._checked(v), [self._orders(k) for k in orders]
        x = real_floating(x, "x")
        if x.ndim == 0 or x.shape[-1] != self.dimension:
            raise InputError(f"x: expected shape (..., {self.dimension}), got {tuple(x.shape)}")
        xp, components = namespace(v), v.shape[self.dimension :]
        flat = x.reshape(-1, self.dimension)
        kind = np.result_type(v.dtype, np.float32)
        out = xp.empty((len(wanted), len(flat), prod(components)), kind)
        if lives_on_gpu(v) or self.dimension > 3:
            self._gathered(v, flat, wanted, out)
        else:
            self._contracted(v, flat, wanted, out)
        return [part.reshape((*x.shape[:-1], *components)) for part in out]

    def _gathered(self, v: Array, x: Array, wanted: list[tuple[int, ...]], out: Array) -> None:
        """Fill `out` by array expressions: the plain reference, for any device and dimension."""
        xp, c = namespace(v), v.reshape(prod(self.shape), -1)
        step = max(1, GATHERED // (prod(b.degree + 1 for b in self.bases) * max(1, c.shape[1])))
        for n, k in enumerate(wanted):
            for start in range(0, len(x), step):
                index, w = self._local(x[start : start + step], k)
                out[n, start : start + step] = xp.einsum("mp,mpc->mc", w, c[index])

    def _contracted(self, v: Array, x: Array, wanted: list[tuple[int, ...]], out: Array) -> None:
        """Fill `out` by the kernel, blocks of points in as many threads as Numba has."""
        from nwidth.solvers.bsplines import _tensor_splines_numba as kernels

        padding = (1,) * (3 - self.dimension)
        c = np.ascontiguousarray(v.reshape(*padding, *self.shape, -1))
        c, numbers = c.view(c.real.dtype), out.view(out.real.dtype)
        most = [max(k[axis] for k in wanted) for axis in range(self.dimension)]

        def block(start: int) -> None:
            part = x[start : start + BLOCK]
            zero, one = np.zeros(len(part), np.int64), np.ones((len(part), 1))
            found = [
                basis.evaluate(np.ascontiguousarray(part[:, axis]), most[axis])
                for axis, basis in enumerate(self.bases)
            ]
            for n, k in enumerate(wanted):
                arguments: list[Array] = [zero, one] * len(padding)
                for (first, values), order in zip(found, k, strict=True):
                    arguments += [first, values[order]]
                kernels.contract(numbers[n, start : start + BLOCK], c, *arguments)

        starts, threads = range(0, len(x), BLOCK), kernels.get_num_threads()
        if len(starts) < 2 or threads == 1:
            for start in starts:
                block(start)
            return
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            for _ in pool.map(block, starts):  # raises what a block raised
                pass

    def gradient(self, v: Any, x: Any) -> Array:
        """Return all first derivatives at scattered points, shape (..., *components, dimension).

        >>> basis = TensorSplineBasis(KnotVector.uniform(1, 1), KnotVector.uniform(1, 1))
        >>> basis.gradient([[0.0, 3.0], [2.0, 5.0]], [0.5, 0.5]).tolist()
        [2.0, 3.0]
        """
        unit = [tuple(row) for row in np.eye(self.dimension, dtype=int).tolist()]
        parts = self.derivatives_at(v, x, unit)
        return namespace(parts[0]).stack(parts, axis=-1)

    def matrix(self, x: Any, orders: Orders = None) -> scipy.sparse.csr_array:
        """Return the sparse matrix from coefficients, in the order of `ravel`, to points (m, d)."""
        x = to_numpy(real_floating(x, "x"))
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise InputError(f"x: expected shape (m, {self.dimension}), got {x.shape}")
        index, w = self._local(x, self._orders(orders))
        rows = np.repeat(np.arange(len(x)), w.shape[1])
        shape = len(x), prod(self.shape)
        return scipy.sparse.coo_array((w.ravel(), (rows, index.ravel())), shape=shape).tocsr()

    def interpolate(self, values: Any, points: Sequence[Any] | None = None) -> "TensorSpline":
        """Return the spline with values (*shape, ...) on a tensor grid, one axis after the other.

        `points` are as many as functions along each axis, the Greville points by default. Raises as
        `interpolate` of one axis does.
        """
        v = self._checked(values, "values")
        grid = [None] * self.dimension if points is None else self._grid(points)
        for axis, (basis, x) in enumerate(zip(self.bases, grid, strict=True)):
            v = _along(axis, v, lambda u, b=basis, x=x: interpolate(b, u, x).coefficients)
        return TensorSpline(self, v)

    def least_squares(
        self,
        points: Any,
        values: Any,
        weights: Any = None,
        *,
        smoothing: float = 0.0,
        penalty: str = "derivative",
        order: int = 2,
    ) -> "TensorSpline":
        """Return the spline that is nearest to values on a grid or at scattered points.

        sum_i w_i |y_i - s(x_i)|^2 + lambda sum_k P_k(s) is least, with the penalty P_k of
        `nwidth.solvers.bsplines.least_squares` along axis k, integrated over the others.

        Args:
            points: scattered, an array (m, dimension), or a list of arrays, one per axis.
            values: (m, ...), or (*counts, ...) on a grid.
            weights: (m,), or for a grid a list of arrays, one per axis, or None.
            smoothing: lambda; on grids without weights 0 takes one axis after the other.
            penalty: "derivative" or "differences".
            order: k.
        """
        strength = require_number(smoothing, "smoothing", "[0, inf)")
        require_choice(penalty, "penalty", PENALTIES)
        require_integer(order, "order", 0)
        if isinstance(points, list | tuple) and np.ndim(points[0] if points else 0) == 1:
            grid = self._grid(points)
            if strength == 0:
                return self._grid_least_squares(grid, values, weights)
            counts = tuple(len(x) for x in grid)
            y = _fields(values, counts)
            x = np.stack([c.ravel() for c in np.meshgrid(*grid, indexing="ij")], axis=-1)
            parts = self._weights_of_axes(weights)
            w = [np.ones(len(g)) if a is None else a for g, a in zip(grid, parts, strict=True)]
            weights = None if weights is None else _outer(w)
            values = y.reshape(prod(counts), *y.shape[len(counts) :])
            return self._scattered(x, values, weights, strength, penalty, order)
        return self._scattered(points, values, weights, strength, penalty, order)

    def mass(self) -> KroneckerOperator:
        """Return the matrix of all products int B_i B_j."""
        return KroneckerOperator([mass_matrix(basis) for basis in self.bases])

    def stiffness(self, shift: float = 0.0) -> KroneckerSum:
        """Return the matrix of int grad B_i . grad B_j + shift int B_i B_j, solved at once."""
        terms = [stiffness_matrix(basis) for basis in self.bases]
        return KroneckerSum(terms, [mass_matrix(basis) for basis in self.bases], shift=shift)

    def refinement(self, fine: "TensorSplineBasis") -> KroneckerOperator:
        """Return the operator to the coefficients of the same function on finer knots."""
        require_instance(fine, "fine", TensorSplineBasis)
        if fine.dimension != self.dimension:
            raise InputError(f"fine: expected {self.dimension} axes, got {fine.dimension}")
        pairs = zip(self.bases, fine.bases, strict=True)
        return KroneckerOperator([knot_insertion(a.knots, b.knots) for a, b in pairs])

    def _local(self, x: Array, orders: tuple[int, ...]) -> tuple[Array, Array]:
        """Return which functions do not vanish at points (m, d), and their derivatives, (m, P)."""
        xp = namespace(x)
        index: Any = xp.zeros((len(x), 1), np.intp)
        w: Any = xp.ones((len(x), 1))
        for axis, (basis, k) in enumerate(zip(self.bases, orders, strict=True)):
            first, values = basis.evaluate(xp.ascontiguousarray(x[:, axis]), k)
            used = (first[:, None] + xp.arange(basis.degree + 1)) % basis.size
            index = (index[:, :, None] * basis.size + used[:, None, :]).reshape(len(x), -1)
            w = (w[:, :, None] * values[k][:, None, :]).reshape(len(x), -1)
        return index, w

    def _grid_least_squares(self, grid: list[Array], values: Any, weights: Any) -> "TensorSpline":
        v = _fields(values, tuple(len(x) for x in grid))
        parts = zip(self.bases, grid, self._weights_of_axes(weights), strict=True)
        for axis, (basis, x, w) in enumerate(parts):
            v = _along(axis, v, lambda u, b=basis, x=x, w=w: least_squares(b, x, u, w).coefficients)
        return TensorSpline(self, v)

    def _scattered(
        self, x: Any, values: Any, weights: Any, strength: float, penalty: str, order: int
    ) -> "TensorSpline":
        from scipy.sparse.linalg import splu

        B = self.matrix(x)
        y = require_finite(to_numpy(as_floating(values, "values")), "values")
        w = np.ones(B.shape[0]) if weights is None else to_numpy(real_floating(weights, "weights"))
        if y.shape[:1] != (B.shape[0],) or w.shape != y.shape[:1] or w.min(initial=0) < 0:
            raise InputError(
                f"values, weights: expected {B.shape[0]} of them, one for each point, weights >= "
                f"0, got shapes {y.shape} and {w.shape}"
            )
        weighted = (B.T @ scipy.sparse.diags_array(w)).tocsr()
        normal = (weighted @ B).tocsc()
        if strength:
            terms = [penalty_matrix(basis, penalty, order) for basis in self.bases]
            masses = [mass_matrix(basis).matrix for basis in self.bases]
            with np.errstate(over="ignore"):
                normal = normal + strength * KroneckerSum(terms, masses).to_sparse().tocsc()
            require_finite(normal.data, "smoothing times penalty")
        try:
            factors = splu(normal)
        except RuntimeError:
            factors = None
        pivots = np.abs(factors.U.diagonal()) if factors is not None else np.zeros(1)
        if pivots.min() <= 1e-14 * pivots.max():
            raise InputError(
                "points: expected data that determine every coefficient, got too few under some "
                "functions; take fewer knots or smoothing > 0"
            )
        flat = y.reshape(len(y), -1)
        both = flat.view(flat.real.dtype).astype(np.float64)  # real and imaginary parts
        c = corrected(factors, normal, weighted, B, both)
        c = np.ascontiguousarray(c.astype(flat.real.dtype)).view(flat.dtype)
        return TensorSpline(self, c.reshape(*self.shape, *y.shape[1:]))

    def _orders(self, orders: Orders) -> tuple[int, ...]:
        if orders is None:
            return (0,) * self.dimension
        found = require_integers(orders, "orders", 0)
        found = found * self.dimension if len(found) == 1 else found
        if len(found) != self.dimension:
            raise InputError(f"orders: expected {self.dimension}, one per axis, got {orders!r:.80}")
        return found

    def _grid(self, points: Any) -> list[Array]:
        listed = isinstance(points, list | tuple) and len(points) == self.dimension
        if not listed or any(np.ndim(x) != 1 for x in points):
            raise InputError(
                f"points: expected a list of {self.dimension} arrays, one per axis, got "
                f"{points!r:.80}"
            )
        return [to_numpy(real_floating(x, "points")) for x in points]

    def _weights_of_axes(self, weights: Any) -> list[Any]:
        if weights is None:
            return [None] * self.dimension
        if not isinstance(weights, list | tuple) or len(weights) != self.dimension:
            raise InputError(
                f"weights: expected a list of {self.dimension} arrays, one per axis of the grid, "
                f"got {weights!r:.80}"
            )
        return list(weights)

    def _checked(self, v: Any, name: str = "coefficients") -> Array:
        return _fields(v, self.shape, name)

    def __repr__(self) -> str:
        return f"TensorSplineBasis{tuple(b.knots for b in self.bases)}"


class TensorSpline:
    """A spline of several variables, s(x) = sum_i v_i B_i(x), a function that can be called.

    Args:
        basis: the functions.
        coefficients: v, shape (*basis.shape, *components), real or complex.

    >>> basis = TensorSplineBasis(KnotVector.uniform(1, 1), KnotVector.uniform(1, 1))
    >>> s = TensorSpline(basis, [[0.0, 3.0], [2.0, 5.0]])
    >>> float(s([0.5, 0.5])), float(s.refined()([0.5, 0.5])), float(s.integral())
    (2.5, 2.5, 2.5)
    """

    def __init__(self, basis: TensorSplineBasis, coefficients: Any):
        self.basis = require_instance(basis, "basis", TensorSplineBasis)
        c = require_finite(as_floating(coefficients, "coefficients"), "coefficients")
        self.coefficients = _fields(c, basis.shape, "coefficients")

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of functions along the axes."""
        return self.basis.shape

    def __call__(self, x: Any, orders: Orders = None) -> Array:
        """Return values or derivatives at points (..., dimension), shape (..., *components)."""
        return self.basis.evaluate_at(self.coefficients, x, orders)

    def on_grid(self, points: Sequence[Any] | None = None, orders: Orders = None) -> Array:
        """Return values or derivatives on a tensor grid, an array of points per axis."""
        return self.basis.evaluate(self.coefficients, points, orders)

    def gradient(self, x: Any) -> Array:
        """Return all first derivatives at points, shape (..., *components, dimension)."""
        return self.basis.gradient(self.coefficients, x)

    def integral(self) -> Any:
        """Return the integral over the box, one for each component."""
        rows = [mass_matrix(b).matrix.sum(axis=0)[None, :] for b in self.basis.bases]
        return KroneckerOperator(rows).multiply(self.coefficients)[(0,) * self.basis.dimension]

    def inserted(self, points: Sequence[Any]) -> "TensorSpline":
        """Return the same function with more knots: a list of arrays, one per axis, or None."""
        if not isinstance(points, list | tuple) or len(points) != self.basis.dimension:
            raise InputError(
                f"points: expected a list of {self.basis.dimension}, one array or None per axis, "
                f"got {points!r:.80}"
            )
        pairs = zip(self.basis.bases, points, strict=True)
        return self._on([b.knots if x is None else b.knots.inserted(x) for b, x in pairs])

    def refined(self) -> "TensorSpline":
        """Return the same function with one more knot in the middle of each interval."""
        return self._on([b.knots.refined() for b in self.basis.bases])

    def _on(self, knots: list[KnotVector]) -> "TensorSpline":
        fine = TensorSplineBasis(*knots)
        return TensorSpline(fine, self.basis.refinement(fine).multiply(self.coefficients))

    def __repr__(self) -> str:
        return f"TensorSpline({self.basis!r}, coefficients {tuple(self.coefficients.shape)})"


def _fields(values: Any, shape: tuple[int, ...], name: str = "values") -> Array:
    v = as_floating(values, name)
    if v.shape[: len(shape)] != shape:
        raise InputError(
            f"{name}: expected shape ({', '.join(map(str, shape))}, ...), got {v.shape}"
        )
    return v


def _along(axis: int, v: Array, action: Any) -> Array:
    xp = namespace(v)
    return xp.moveaxis(action(xp.moveaxis(v, axis, 0)), 0, axis)


def _outer(parts: list[Any]) -> Array:
    """Return the products of weights of all axes, flat."""
    total = np.ones(1)
    for part in parts:
        total = np.multiply.outer(total, np.asarray(part)).ravel()
    return total
