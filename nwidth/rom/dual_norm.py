"""The dual norm of a residual, bounded from both sides."""

from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import power_of_two
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.problem import Problem

Array = NDArray[Any]

TINY = float(np.finfo(np.float64).tiny)
# Ratio of K to the operator of the fast transforms up to which one transform is the dual norm.
NEARLY_EQUAL = 1.0 + 1e-6
# Reductions of the residual of K w = r that are tried until the remainder no longer matters.
INNER_RTOL = (1e-3, 1e-6, 1e-9, 1e-12)
REMAINDER = 1e-3


class DualNorm:
    """The norm of residuals that measures errors in energy: ||r|| = sqrt(r . K^-1 r).

    K is the reference operator of a problem and lower F <= K <= upper F for an operator F that is
    inverted exactly; `Problem.reference_solver` knows both. If the numbers are equal, as on uniform
    grids, one fast transform gives the norm. Otherwise K w = r is solved to a remainder
    s = r - K w that is accounted for::

        r . K^-1 r  =  w . (r + s) + s . K^-1 s  <=  w . (r + s) + s . F^-1 s / lower

    so the upper value is one however well or badly the solve went.

    Round-off, with eps = 2.2e-16 and D(v) = sqrt(sum v^2 / W_F / (lower lambda_F)) >= ||v||, where
    W_F and lambda_F are the control volumes and the smallest eigenvalue of F:

        transforms     tau D(r),  tau = 8 eps sum over axes of log2(2 n_k) for fast ones
        residual       `product_allowance`: see there

    Squares neither underflow nor overflow: every residual is scaled by a power of two, and the
    upper value is zero for the zero residual alone.

    The first is part of every value returned here; the second belongs to whoever computed r.
    Reference: G. Rozza, D. Huynh, A. Patera (2008), doi:10.1007/s11831-008-9019-9, for the norm;
    N. Higham (2002), Accuracy and Stability of Numerical Algorithms, doi:10.1137/1.9780898718027,
    sections 3.1 and 24.1, for the two kinds of rounding.

    If K is singular (no Dirichlet side), residuals are understood without their total, as the
    discrete problem is only solvable for those.

    Raises `InputError` where the problem has no `reference_solver`: no lower bound is known then.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> norm = DualNorm(Poisson(Grid.uniform((4,), upper=3.0)))
    >>> float(norm(np.array([1.0, 1.0])).round(9))
    1.414213562
    """

    def __init__(self, problem: Problem):
        if not isinstance(problem, Problem):
            raise InputError(f"problem: expected a Problem of nwidth.solvers, got {problem!r:.80}")
        self.problem, self.solver = problem, problem.reference_solver()
        self.lower, self.upper = self.solver.lower, self.solver.upper
        self.domain_shape, self.singular = self.solver.domain_shape, self.solver.singular
        #: Whether one transform gives the norm.
        self.direct = self.upper <= self.lower * NEARLY_EQUAL
        #: Control volumes of the unknowns on the problem's grid.
        self.volumes = problem.unknowns(problem.grid.weights)

    def __call__(self, residual: Array) -> Any:
        """Return an upper bound of ||r|| for one residual, or for each of a stack."""
        return self.interval(residual)[1]

    def interval(self, residual: Array) -> tuple[Any, Any]:
        """Return (lower, upper) bounds of ||r|| for one residual, or for each of a stack."""
        residual = np.asarray(residual, dtype=np.float64)
        if self.direct or residual.ndim == len(self.domain_shape):
            scale, residual = self._to_range(residual)
            low, high = self._direct(residual) if self.direct else self._solved(residual)
            return _lower(low, scale), self._upper(high, residual, scale)
        pairs = [self.interval(one) for one in residual]
        return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])

    def crude(self, vector: Array) -> Any:
        """Return D(v) >= ||v||, for which no transform is needed."""
        scale, vector = self._to_range(np.asarray(vector, dtype=np.float64))
        return self._upper(self._crude(vector), vector, scale)

    def product_allowance(self, operator: LinearOperator, b: Array) -> tuple[float, float]:
        """Return (c, f) such that ||r_computed - r|| <= c + f ||u||_A for r = b - A u and every u.

        With the error of the entries as `ReferenceSolver.rounding` bounds it by g and a,

            ||error||  <=  g D(b) + g sqrt(2 max(a / W_F) / (lower lambda_F)) ||u||_A
        """
        g, a = self.solver.rounding(operator)
        stiffest = float(np.max(a * self._inverse_volumes))
        return g * float(self.crude(b)), g * sqrt(2 * stiffest / self._smallest)

    @cached_property
    def poincare(self) -> float:
        """A constant c with v . K v >= c sum W v^2, W the control volumes of the problem's grid."""
        return self._smallest / float(np.max(self.volumes * self._inverse_volumes))

    @property
    def _smallest(self) -> float:
        return self.lower * self.solver.smallest_eigenvalue

    @cached_property
    def _inverse_volumes(self) -> Array:
        return 1.0 / self.solver.weights

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.domain_shape), 0))

    def _to_range(self, vector: Array) -> tuple[Any, Array]:
        """Return a power of two for every vector, and the vectors times these."""
        scale = power_of_two(vector, self._axes)
        return scale.squeeze(self._axes), vector if np.all(scale == 1.0) else vector * scale

    def _upper(self, norm: Any, vector: Array, scale: Any) -> Any:
        """Return an upper bound of norm / scale, zero for zero vectors alone."""
        with np.errstate(over="ignore"):
            bound = np.maximum(norm / scale, TINY)
        if np.all(norm > 0):
            return bound
        return np.where(vector.any(axis=self._axes), bound, 0.0)[()]

    def _crude(self, vector: Array) -> Any:
        """Return D(v) of vectors in range."""
        squares = np.sum(vector**2 * self._inverse_volumes, axis=self._axes)
        return np.sqrt(squares / self._smallest)

    def _direct(self, residual: Array) -> tuple[Any, Any]:
        """Bound the norm by one transform per residual."""
        norm = np.sqrt(self.solver.inverse_energy(residual))
        slack = self.solver.transform_error * self._crude(residual)
        return (
            np.maximum(norm - slack, 0.0) / sqrt(self.upper),
            (norm + slack) / sqrt(self.lower),
        )

    def _solved(self, residual: Array) -> tuple[float, float]:
        """Bound the norm of one residual through an approximate solution of K w = r."""
        if self.singular:
            residual = residual - residual.sum() / self.volumes.sum() * self.volumes
        reference = self.solver.reference
        constant, factor = self.product_allowance(reference, residual)
        w, low, high = np.zeros(self.domain_shape), 0.0, np.inf
        for rtol in INNER_RTOL:
            w = self.solver.solve(residual, w, rtol)
            s = residual - reference.apply(w)
            # r + error = K w + s holds exactly for an error with ||error|| <= a.
            size = sqrt(reference.energy(w))
            a = constant + factor * size
            size += a
            main = float(np.sum(w * (residual + s)))
            slack = size * a + w.size * EPS * float(
                np.sum(np.abs(w) * (np.abs(residual) + np.abs(s)))
            )
            rest = float(self._direct(s)[1])
            high = min(high, sqrt(max(main + slack + rest**2, 0.0)) + a)
            low = max(low, sqrt(max(main - slack, 0.0)) - a)
            if rest**2 <= REMAINDER * main:
                break
        return low, high


def _lower(norm: Any, scale: Any) -> Any:
    """Return a lower bound of norm / scale, zero where the quotient is not exact."""
    with np.errstate(over="ignore"):
        quotient = norm / scale
    return np.where(quotient < TINY, 0.0, quotient)[()]
