"""Functions of one axis: the matrices that take values to coefficients and back."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from math import isqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis

Matrix = NDArray[np.float64]

# How much the fit of a function may amplify what the points see of others.
MOST_AMPLIFIED = 10.0


class AxisBasis(ABC):
    """Functions p_0, p_1, ... on an axis, which mean the same on every grid of its interval.

        v = sum_k c_k p_k(x),    c = A v(x_1, ..., x_n),    v(y_1, ..., y_m) = S c

    A basis gives A (`analysis_matrix`) and S (`synthesis_matrix`) as dense real matrices for the
    points of any axis. For functions of the basis, A is exact to round-off wherever the points
    allow it, so that layers made of coefficients are functions, not grids. Products of such
    matrices, one per axis, are the transform of a tensor grid.

    Attributes:
        name: the word that chooses it.
        constant: the number of the coefficient of the constant function, or None without one.

    >>> from nwidth.operators.spectral.chebyshev_modes import ChebyshevModes
    >>> basis, axis = ChebyshevModes(), Axis.chebyshev(5)
    >>> c = basis.analysis_matrix(axis, 3) @ axis.points**2
    >>> (c.round(12) + 0.0).tolist()
    [0.5, 0.0, 0.5]
    >>> (basis.synthesis_matrix(axis, 3, [0.5]) @ c).round(12).tolist()
    [0.25]
    """

    name: ClassVar[str]
    constant: ClassVar[int | None] = 0

    @abstractmethod
    def coefficients(self, modes: int) -> int:
        """Return how many real numbers `modes` modes have."""

    @abstractmethod
    def resolved_modes(self, axis: Axis, modes: int) -> int:
        """Return how many of so many modes the points of an axis tell apart."""

    @abstractmethod
    def analysis_matrix(self, axis: Axis, modes: int) -> Matrix:
        """Return A of shape (coefficients, n); `InputError` for more modes than are resolved."""

    @abstractmethod
    def synthesis_matrix(self, axis: Axis, modes: int, points: Any = None) -> Matrix:
        """Return S of shape (m, coefficients) at points of the axis, by default at its own."""

    @abstractmethod
    def natural_axis(self, axis: Axis, modes: int) -> Axis:
        """Return the axis of the same interval whose points suit so many modes best."""

    def require_resolved(self, axis: Axis, modes: int) -> int:
        """Return the number of modes, or raise `InputError` that says the largest possible."""
        modes = require_integer(modes, "modes", 1)
        most = self.resolved_modes(axis, modes)
        if most < modes:
            raise InputError(
                f"modes: expected at most {most} modes of '{self.name}' on {axis}, got {modes}; "
                f"use {most or 'another basis'} or {self._remedy(axis)}"
            )
        return modes

    def _remedy(self, axis: Axis) -> str:
        return "more points"


class RealAxisBasis(AxisBasis):
    """A basis of real functions, orthogonal in a measure of the interval: cosines, polynomials.

        A = (P^T W P)^-1 P^T W,    P_jk = p_k(x_j)

    with W the measure of each point's part of the interval. Where quadrature at the points is exact
    for products of the functions, P^T W P is diagonal and A is that quadrature (the cosine and sine
    transforms of kinds one and two). Elsewhere A is a weighted least-squares fit of as many modes
    as are well conditioned, the first of which are kept: exact for functions of those modes, and
    convergent as fast as their coefficients fall for others. In L2 a fit may amplify no function by
    more than ten; `resolved_modes` is the largest number of modes for which that is sure.
    """

    def coefficients(self, modes: int) -> int:
        """Return `modes`: one number each."""
        return modes

    def resolved_modes(self, axis: Axis, modes: int) -> int:
        """Return the largest number up to `modes` whose least-squares fit is well conditioned."""
        modes = require_integer(modes, "modes", 1)
        orthogonal = self._orthogonal_modes(self._with_ends(axis))
        if orthogonal is not None:
            return min(modes, orthogonal)
        return _well_conditioned(self, axis, min(modes, axis.size))

    def analysis_matrix(self, axis: Axis, modes: int) -> Matrix:
        """Return A of shape (modes, n)."""
        modes = self.require_resolved(axis, modes)
        fitted = self.resolved_modes(axis, fitted_modes(axis, modes))
        q, r, root = self._factors(axis, fitted)
        matrix: Matrix = self._scale(fitted)[:, None] * np.linalg.solve(r, q.T * root)
        return matrix[:modes]

    def synthesis_matrix(self, axis: Axis, modes: int, points: Any = None) -> Matrix:
        """Return S of shape (m, modes)."""
        modes = require_integer(modes, "modes", 1)
        return self._functions(unit_points(self._with_ends(axis), points), modes)

    def natural_axis(self, axis: Axis, modes: int) -> Axis:
        """Return as many uniform cells."""
        n = max(require_integer(modes, "modes", 1), 2)
        return Axis.uniform(n, axis.lower, axis.upper, name=axis.name, centering="cell")

    @abstractmethod
    def _functions(self, s: Matrix, modes: int) -> Matrix:
        """Return p_k at s in [0, 1], shape (len(s), modes)."""

    @abstractmethod
    def _scale(self, modes: int) -> Matrix:
        """Return one over the norms of the functions in a measure of total one."""

    def _orthogonal_modes(self, axis: Axis) -> int | None:
        """Return how many modes the points find orthogonal; None where that is not known."""
        return None

    def _measure(self, axis: Axis) -> Matrix:
        """Return the share of each point in the interval."""
        return axis.widths / axis.length

    def _with_ends(self, axis: Axis) -> Axis:
        if axis.periodic:
            raise InputError(
                f"basis '{self.name}': expected an axis with two ends, got {axis}; "
                "use 'fourier' on periodic axes"
            )
        return axis

    def _remedy(self, axis: Axis) -> str:
        return "more points, 'node' or 'cell' points at equal distances"

    def _factors(self, axis: Axis, modes: int) -> tuple[Matrix, Matrix, Matrix]:
        """Return Q and R of the weighted functions, of norm about one, and the roots of W."""
        root = np.sqrt(self._measure(axis))
        functions = self._functions(unit_points(axis), modes) * self._scale(modes)
        q, r = np.linalg.qr(functions * root[:, None])
        return q, r, root


def require_axes(axes: Any, count: int, name: str) -> tuple[Axis, ...]:
    """Return so many axes as a tuple, or raise `InputError`.

    >>> [axis.size for axis in require_axes([Axis.uniform(5)], 1, "layer")]
    [5]
    """
    listed = tuple(axes) if isinstance(axes, Sequence) else ()
    if len(listed) != count or not all(isinstance(axis, Axis) for axis in listed):
        plural = "an axis" if count == 1 else f"{count} axes"
        raise InputError(
            f"{name}: expected {plural}, as `grid.axes` of a Grid gives them, got {axes!r:.80}"
        )
    return listed


def unit_points(axis: Axis, points: Any = None) -> Matrix:
    """Return points, by default its own, scaled to the interval [0, 1] of an axis.

    >>> unit_points(Axis.uniform(3, 1.0, 3.0), [1.5]).tolist()
    [0.25]
    """
    if points is None:
        x = axis.points
    else:
        try:
            x = np.asarray(points, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"points: expected numbers, got {points!r:.80}") from None
    s = (x - axis.lower) / axis.length
    slack = 1e-9
    outside = not axis.periodic and np.any((s < -slack) | (s > 1 + slack))
    if x.ndim != 1 or not np.all(np.isfinite(s)) or outside:
        raise InputError(
            f"points: expected shape (m,) within [{axis.lower}, {axis.upper}] of axis {axis.name}, "
            f"got shape {x.shape}{f' from {x.min()} to {x.max()}' if x.size else ''}"
        )
    return s if axis.periodic else np.clip(s, 0.0, 1.0)


def fitted_modes(axis: Axis, modes: int) -> int:
    """Return how many modes a fit should try to have, to keep the first `modes` of them.

    On n equidistant points about 3.3 sqrt(n) polynomials are well conditioned.

    >>> fitted_modes(Axis.uniform(400), 8)
    80
    """
    return min(axis.size, max(modes, 64, 4 * isqrt(axis.size)))


@lru_cache(maxsize=256)
def _well_conditioned(basis: RealAxisBasis, axis: Axis, modes: int) -> int:
    """Return the largest number of modes whose weighted functions are well conditioned."""
    return largest_block(basis._factors(axis, modes)[1], range(1, modes + 1))


def largest_block(r: Matrix, sizes: Sequence[int]) -> int:
    """Return how many of the leading blocks of a triangular matrix are well conditioned.

    >>> largest_block(np.diag([1.0, 0.5, 0.0]), (1, 2, 3))
    2
    """

    def bad(size: int) -> bool:
        singular = np.linalg.svd(r[:size, :size], compute_uv=False)
        # The last is zero where no point sees a function: no fit then exists, of whatever size.
        return bool(not singular[-1] > 0 or singular[0] > MOST_AMPLIFIED * singular[-1])

    # Singular values of blocks interlace, so that their condition grows with their size. Small
    # blocks are tried first, since large ones cost much.
    end = 1
    while end < len(sizes) and not bad(sizes[end - 1]):
        end *= 2
    return bisect_left(sizes, True, lo=end // 2, hi=min(end, len(sizes)), key=bad)
