"""Stationary fractional diffusion on rectangles and boxes, each direction with its own order."""

import time
from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import (
    require_choice,
    require_integer,
    require_integers,
    require_number,
)
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.bsplines.tensor_splines import TensorSpline, TensorSplineBasis
from nwidth.solvers.fractional.common_factor import common_factor
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_modes import LARGEST, RieszModes
from nwidth.solvers.fractional.riesz_preconditioner import mass_symbol
from nwidth.solvers.fractional.riesz_rectangle_operator import RieszRectangleOperator
from nwidth.solvers.fractional.riesz_solution import RieszSolution
from nwidth.solvers.fractional.sine_modes import SineModes
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]
Field = Any  # a number, an array on the grid, or a function of the coordinates

# Part by which the own coefficients of an axis may vary and count as constant.
CONSTANT = 1e-13
# Axes with more unknowns than these have sines for modes, unless told otherwise.
LONG = 2048


class RieszRectangle:
    """Fractional diffusion on an interval, rectangle or box, u = 0 outside.

        -sum_k K_k(x) d^{a_k} u / d|x_k|^{a_k} + r(x) u = f(x),    1 < a_k <= 2

    u is a tensor spline of degree p on uniform open knots, and the equation holds at the products
    of the inner Greville points: the method of Mazza, Donatelli, Manni & Speleers (2023),
    doi:10.1002/nla.2462, in every direction. For smooth u errors fall as h^{p + 2 - a} for even and
    h^{p + 1 - a} for odd p, a the largest order; where f does not vanish at the boundary u goes to
    zero like the distance to the power a/2, and the order is no more than about that.

    GMRES has the inverse of a separable equation as its preconditioner, whose modes along each axis
    are those of `RieszModes`: where every K_k is a common factor s(x) times a function of x_k
    alone, and r is a multiple of s, it is the inverse itself, and one iteration is made whatever
    the size, order and degree. Otherwise their number depends on how far the coefficients are from
    that: 11 to 18 for K_1 / K_2 between 1/8 and 8 (measured, degrees 2 to 6, 64 to 256 intervals,
    orders 1.1 to 1.9); 10 to 50 where r varies by 1,000, 20 to 200 where by 1,000,000, then more on
    fine meshes. On axes with more than 2048 unknowns, or with `modes="sines"`, sines take the place
    of the modes: 10 to 40 iterations, the more the higher the degree, whatever the size. A million
    unknowns in the plane took 0.6 s for the modes and 0.25 s for each solution on one core, two
    million in space 0.5 s in all (measured).

    Args:
        intervals: of each axis; one number, or one per axis.
        degree: p, from 2 on; one, or one per axis.
        alpha: the orders, one number per axis. One number alone makes an interval, unless another
            argument has several.
        lower: lower corner of the box, a number or one per axis.
        upper: upper corner.
        coefficient: K > 0, for all axes alike a number, an array on the grid of collocation points
            or a function of the coordinates; a list of d of these for one per axis.
        reaction: r >= 0, a number, an array or a function.
        modes: "exact", "sines" or "auto".

    Attributes: `grid`, the Greville points of all splines, ends included, of shape n + p; `points`,
    coordinates of the inner ones, where arrays of sources are given; `operator`; `separable`,
    whether the preconditioner is the inverse. Good values: degree 3 or 4, 64 to 512 intervals.

    Raises `InputError` for orders outside (1, 2], coefficients that are not positive, and whatever
    does not fit.

    >>> problem = RieszRectangle(32, 4, (1.2, 1.8), coefficient=[1.0, 0.5])
    >>> found = problem.solve(1.0).checked()
    >>> found.u.shape, found.iterations <= 1
    ((36, 36), True)
    """

    def __init__(
        self,
        intervals: int | Sequence[int],
        degree: int | Sequence[int],
        alpha: float | Sequence[float],
        lower: float | Sequence[float] = 0.0,
        upper: float | Sequence[float] = 1.0,
        *,
        coefficient: Any = 1.0,
        reaction: Field = 0.0,
        modes: str = "auto",
    ):
        d = _dimension(intervals, degree, alpha, lower, upper)
        self.dimension = d
        self.modes_kind = require_choice(modes, "modes", ("auto", "exact", "sines"))
        self.intervals = require_integers(_each(intervals, d), "intervals", 1)
        self.degree = require_integers(_each(degree, d), "degree", 2)
        self.alpha = tuple(require_number(a, "alpha", "(1, 2]") for a in _each(alpha, d))
        self.lower, self.upper = (
            tuple(require_number(v, name, "(-inf, inf)") for v in _each(values, d))
            for name, values in (("lower", lower), ("upper", upper))
        )
        self.matrices = tuple(
            RieszMatrix(*one)
            for one in zip(
                self.intervals, self.degree, self.alpha, self.lower, self.upper, strict=True
            )
        )
        self.bases = tuple(R.basis for R in self.matrices)
        self.basis = TensorSplineBasis(*self.bases)
        self.grid = Grid.tensor([_greville(basis) for basis in self.bases])
        self.points = tuple(np.meshgrid(*[g[1:-1] for g in self.grid.points], indexing="ij"))
        self.shape = self.points[0].shape
        several = isinstance(coefficient, list | tuple)
        if several and len(coefficient) != d:
            raise InputError(
                f"coefficient: expected one, or a list of {d}, one per axis, got {len(coefficient)}"
            )
        each = coefficient if several else [coefficient] * d
        self.coefficients = [self.field(K, "coefficient", positive=True) for K in each]
        self.reaction = self.field(reaction, "reaction")
        if self.reaction.dtype.kind == "c" or self.reaction.min() < 0:
            raise InputError(f"reaction: expected numbers >= 0, got {self.reaction.min():g}")
        self.operator = RieszRectangleOperator(self.matrices, self.coefficients, self.reaction)

    def field(self, values: Field, name: str, *, positive: bool = False) -> Array:
        """Return a field at the collocation points, shape `shape`, or a number as shape ().

        Arrays may have the shape of the inner points or that of the grid; functions take the
        coordinates.
        """
        if callable(values):
            values = values(*self.points)
        values = require_finite(as_floating(to_numpy(values), name), name)
        if values.shape == self.grid.shape:
            values = values[(slice(1, -1),) * self.dimension]
        if values.shape not in ((), self.shape):
            raise InputError(
                f"{name}: expected a number, a function of {self.dimension} coordinates, or an "
                f"array of shape {self.shape}, the inner collocation points, or {self.grid.shape}, "
                f"the whole grid, got shape {values.shape}"
            )
        if positive and (values.dtype.kind == "c" or not values.min() > 0):
            raise InputError(f"{name}: expected numbers > 0, got {values.min():g} among them")
        return values.astype(np.result_type(values.dtype, np.float64), copy=False)

    def solve(
        self,
        source: Field,
        rtol: float = 1e-10,
        *,
        initial: Any = None,
        max_iterations: int = 200,
    ) -> RieszSolution:
        """Return the solution for a source, a number, an array or a function, real or complex.

        `rtol` bounds the residual of the preconditioned system relative to its right-hand side.
        That is about the error of the coefficients, however ill-conditioned the matrices are, so
        1e-10 is reached at any size. `initial` is a solution to start from.

        >>> problem = RieszRectangle(24, 3, (1.5, 1.5))
        >>> x, y = problem.points
        >>> problem.solve(np.exp(-x) + 1j * y).u.dtype
        dtype('complex128')
        """
        rtol = require_number(rtol, "rtol", "(0, 1)")
        max_iterations = require_integer(max_iterations, "max_iterations", 0)
        began, work = time.perf_counter(), time.process_time()
        source = self.field(source, "source")
        b = np.broadcast_to(source, self.shape) / self.inverse.factor
        system = self.inverse @ self.operator
        right = self.inverse.apply(b * self.inverse.factor)
        start = right if initial is None else self._start(initial)
        if start.dtype.kind == "c" and right.dtype.kind != "c":
            raise InputError("initial: expected a real solution for a real source, got complex")
        found = fgmres(
            system,
            right,
            initial=start,
            rtol=rtol,
            max_iterations=max_iterations,
        )
        return RieszSolution(
            np.pad(self.operator.values(found.x), 1),
            found.status,
            found.residuals,
            "riesz-gmres",
            self.inverse.reason,
            time.perf_counter() - began,
            time.process_time() - work,
            spline=TensorSpline(self.basis, np.pad(found.x, 1)),
        )

    def _start(self, initial: Any) -> Array:
        """Return the inner coefficients of a solution or spline of this problem's space."""
        spline = getattr(initial, "spline", initial)
        same = isinstance(spline, TensorSpline) and len(spline.basis.bases) == self.dimension
        if not same or any(
            a.knots != b.knots for a, b in zip(spline.basis.bases, self.bases, strict=True)
        ):
            raise InputError(
                "initial: expected a solution of this problem or one with the same intervals, "
                f"degrees and box, got {initial!r:.80}"
            )
        return np.asarray(spline.coefficients)[(slice(1, -1),) * self.dimension]

    @cached_property
    def inverse(self) -> "SeparableInverse":
        """The preconditioner, made when it is first needed."""
        return SeparableInverse(self)

    @property
    def separable(self) -> bool:
        """Whether the preconditioner is the inverse of the operator."""
        return self.inverse.exact

    def __repr__(self) -> str:
        degree, alpha = ("/".join(map(str, dict.fromkeys(v))) for v in (self.degree, self.alpha))
        box = " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(self.lower, self.upper, strict=True))
        counts = " x ".join(map(str, self.intervals))
        return f"RieszRectangle({counts} intervals, degree {degree}, alpha {alpha}, on {box})"


class SeparableInverse(LinearOperator):
    """The inverse of s(x) w(x) (-sum_k k_k(x_k) d^{a_k}/d|x_k|^{a_k} + c), near to a given problem.

    s, k_k are those of `common_factor`. Where q = r / s is constant it is c, and w = 1; elsewhere

        w = (l + q) / (l + c),    l = sqrt(l_min l_max),    l + c = (l + min q)^3/4 (l + max q)^1/4

    of the least and largest eigenvalue: modes far above q and far below it have both what they
    need. See `RieszRectangle`.

    >>> problem = RieszRectangle(8, 3, (1.5, 1.8), coefficient=lambda x, y: 1 + x * y)
    >>> inverse = SeparableInverse(problem)
    >>> c = np.arange(81.0).reshape(9, 9)
    >>> inverse.exact, bool(np.allclose(inverse.apply(problem.operator.apply(c)), c))
    (True, True)
    """

    def __init__(self, problem: RieszRectangle):
        self.domain_shape = self.range_shape = problem.shape
        self.dtype = np.dtype(np.float64)
        ones = np.ones(problem.shape)
        fields = [K * ones for K in problem.coefficients]
        self.factor, own = common_factor(fields)
        ratio = problem.reaction / self.factor
        self.reaction, self.shift, self.weights = float(ratio.mean()), float(ratio.mean()), ones
        self.modes = [
            modes_of(R, B, k, problem.modes_kind)
            for R, B, k in zip(problem.matrices, problem.operator.masses, own, strict=True)
        ]
        self.eigenvalues = reduce(np.add.outer, [modes.eigenvalues for modes in self.modes])
        rest = np.abs(ratio - self.reaction).max() > CONSTANT * max(self.reaction, 1)
        if rest:
            between = np.sqrt(self.eigenvalues.min()) * np.sqrt(self.eigenvalues.max())
            least, most = between + ratio.min(), between + ratio.max()
            self.shift = float(least**0.75 * most**0.25 - between)
            self.weights = (between + ratio) / (between + self.shift)
        for j, K in enumerate(fields):
            line = own[j].reshape([-1 if i == j else 1 for i in range(len(fields))])
            rest = rest or np.abs(K / (self.factor * line) - 1).max() > 1e-12
        self.exact = not rest and all(modes.exact for modes in self.modes)
        kinds = "modes of each axis" if all(m.exact for m in self.modes) else "sines"
        self.reason = f"{kinds}, {'separable' if not rest else 'nearest separable'} coefficients"

    def _apply(self, b: Any) -> Any:
        return self.function(b / self.factor / self.weights, 1 / (self.eigenvalues + self.shift))

    def _adjoint(self, v: Any) -> Any:
        factors = 1 / (self.eigenvalues + self.shift)
        return self.adjoint_function(v, factors) / self.factor / self.weights

    def function(self, values: Array, factors: Array, *, to_values: bool = False) -> Array:
        """Return the modes of values times factors, such as 1 / (1 + h l), as coefficients.

        With `to_values` as values at the collocation points.
        """
        return self.synthesis(self.analysis(values) * factors, to_values=to_values)

    def adjoint_function(self, v: Array, factors: Array, *, to_values: bool = False) -> Array:
        """Return the product with the transpose of `function`."""
        d = len(self.modes)
        for k, one in enumerate(self.modes):
            v = (one.values if to_values else one.backward)(v, k - d, adjoint=True)
        v = v * factors
        for k, one in enumerate(self.modes):
            v = one.forward(v, k - d, adjoint=True)
        return v

    def analysis(self, values: Array) -> Array:
        """Return the modes of values, (..., *shape)."""
        d = len(self.modes)
        for k, modes in enumerate(self.modes):
            values = modes.forward(values, k - d)
        return values

    def synthesis(self, modes: Array, *, to_values: bool = True) -> Array:
        """Return the values, or the coefficients, of modes, (..., *shape)."""
        d = len(self.modes)
        for k, one in enumerate(self.modes):
            modes = (one.values if to_values else one.backward)(modes, k - d)
        return modes


def modes_of(matrix: RieszMatrix, mass: Any, own: Array, kind: str) -> RieszModes | SineModes:
    """Return the modes of -k d^a/d|x|^a along one axis, of exact ones if it is not too long."""
    n = len(own)
    constant = own.max() - own.min() <= CONSTANT * own.max()
    if kind == "exact" and n > LARGEST:
        raise InputError(
            f'modes: expected "auto" or "sines" where an axis has more than {LARGEST} unknowns, '
            f'got "exact" and {n}'
        )
    if kind == "exact" or (kind == "auto" and n <= LONG):
        k = own.mean() if constant else own[:, None]
        return RieszModes(-k * matrix.dense(), mass.matrix.toarray())
    t = np.pi * np.arange(1, n + 1) / (n + 1)
    return SineModes(-own.mean() * matrix.symbol(t) / mass_symbol(matrix.degree, t), mass)


def _greville(basis: Any) -> Array:
    """Return the Greville points of a basis, the ends exactly those of the interval."""
    points = np.array(basis.greville)
    points[0], points[-1] = basis.lower, basis.upper
    return points


def _dimension(*values: Any) -> int:
    """Return the number of axes that arguments speak of."""
    counts = {len(v) for v in values if _several(v)}
    if len(counts) > 1 or not counts <= {1, 2, 3}:
        raise InputError(
            "intervals, degree, alpha, lower, upper: expected numbers, or lists of 1 to 3, one "
            f"per axis, of one length, got lengths {sorted(counts)}"
        )
    return counts.pop() if counts else 1


def _each(value: Any, d: int) -> Sequence[Any]:
    """Return one value per axis."""
    return list(value) if _several(value) else [value] * d


def _several(value: Any) -> bool:
    """Return whether a value is a list, one entry per axis."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str)
