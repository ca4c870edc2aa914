"""The residual error bound: how far a field may be from the discrete solution of its problem."""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import power_of_two
from nwidth.errors import InputError
from nwidth.rom.dual_norm import EPS, TINY, DualNorm
from nwidth.solvers.problem import Inputs, Problem

Array = NDArray[Any]

# Factor that covers the rounding of the last few scalar operations of a bound.
SCALARS = 1 + 32 * EPS
# Up to this relative bound the size of u is known closely enough from the prediction itself.
CLOSE = 0.5


@dataclass(frozen=True)
class Bound:
    """Upper bounds of the error of one field against the discrete solution u of its problem.

    `absolute` bounds ||u - u^||_E, `relative` that over ||u||_E, `l2` the error in L2 over the size
    of u in L2. `floor` is the part of `relative` that stands for round-off: no iteration in float64
    brings the bound below it. Where the size of u is not known to be positive, ratios are infinite.
    A bound is zero only if the computed residual and all data are.
    """

    absolute: float
    relative: float
    l2: float
    floor: float


class ErrorBound:
    """The error bound of a symmetric coercive problem for one set of inputs.

    With A v.v >= alpha K v.v (the problem's coercivity against its reference operator K), for any
    field u^ with the prescribed boundary values::

        ||u - u^||_A  <=  ||b - A u^||_{K^-1} / sqrt(alpha)

    and, with A v.v <= beta K v.v, the bound is at most sqrt(beta / alpha) times the error: 2 for
    permeabilities 3 and 12. Reference: G. Rozza, D. Huynh, A. Patera (2008), Arch. Comput. Methods
    Eng. 15, 229, doi:10.1007/s11831-008-9019-9.

    The relative bound is with respect to the energy of the whole field,

        ||u||_E^2  =  sum over faces of T (u_i - u_j)^2,   boundary values included,

    which for differences of two fields is ||.||_A^2 and does not change when a constant is added to
    the data. It divides by the largest of these lower bounds of ||u||_E, where b_f is the source
    without the boundary values and the third needs these to be zero::

        ||u^||_E - ||r||_{K^-1} / sqrt(alpha),      ||b_f||_{K^-1} / sqrt(beta),
        sqrt(2 b.u^ - u^.A u^ + ||r||_{K^-1}^2 / beta)

    The bound in L2 follows with c, the smallest eigenvalue of K against the control volumes:
    ||e||_L2 <= ||r||_{K^-1} / (alpha sqrt(c)). Without a Dirichlet side it is up to a constant.

    Round-off is added as `DualNorm.product_allowance` states. Raises `InputError` if alpha is not
    a positive number, or beta is not finite.
    """

    def __init__(self, problem: Problem, inputs: Inputs, dual_norm: DualNorm):
        if dual_norm.problem is not problem:
            raise InputError(
                "dual norm: expected the one of this problem, got another problem's; build it with "
                "DualNorm(problem)"
            )
        self.problem, self.inputs, self.dual_norm = problem, inputs, dual_norm
        self.alpha, self.beta = problem.coercivity(inputs), problem.continuity(inputs)
        if not (self.alpha > 0 and self.alpha <= self.beta < inf):
            raise InputError(
                "coercivity: expected 0 < coercivity <= continuity < infinity, got "
                f"{self.alpha} and {self.beta}; without a positive coercivity constant the error "
                "cannot be bounded by the residual"
            )
        self.operator, self.source = problem.operator(inputs), problem.source(inputs)
        # Bounds are computed for the data times a power of two, and scaled back.
        self._scale = power_of_two(self.source)
        self._b = self.source * self._scale
        self._rounding = dual_norm.product_allowance(self.operator, self._b)
        pull, lift = problem.prescribed(self.operator)
        self._pull, self._lift = pull * self._scale, lift * self._scale * self._scale
        self._has_values = bool(pull.any())
        # The energy of prescribed values is a square: near underflow its digits are lost.
        self._known = not self._has_values or lift > TINY / EPS
        self._source_norm: float | None = None

    @property
    def effectivity(self) -> float:
        """Largest ratio of the absolute bound to the error, sqrt(beta / alpha), round-off apart."""
        return sqrt(self.beta / self.alpha)

    def __call__(self, x: Array) -> Bound:
        """Return the bound for the unknowns of a field."""
        scale = self._scale if self._b.any() else power_of_two(x)
        x = x * scale
        dot = (4 * x.size + 8) * EPS  # relative rounding of a sum of x.size products, and to spare
        with np.errstate(over="ignore", invalid="ignore"):
            flux = self.operator.apply(x)
            low, high = (float(v) for v in self.dual_norm.interval(self._b - flux))
            flux *= x
            energy, spread = float(np.sum(flux)), dot * float(np.sum(np.abs(flux)))
            if not (np.isfinite(high) and np.isfinite(spread)):
                return Bound(inf, inf, inf, 0.0)
            rounding = self._rounding[0] + self._rounding[1] * sqrt(max(energy, 0.0) + spread)
            dual = (high + rounding) * SCALARS
            absolute = dual / sqrt(self.alpha) * SCALARS
            # A x is rounded too: |x . error| <= ||x||_K ||error||.
            spread += 2 * rounding * sqrt((max(energy, 0.0) + spread) / self.alpha)
            size = self._size(x, (energy, spread), absolute, max(low - rounding, 0.0), dot)
            error = dual / (self.alpha * sqrt(self.dual_norm.poincare)) * SCALARS
            whole = self._l2_norm(x) - error
        floor = rounding / sqrt(self.alpha)
        return Bound(
            max(absolute / scale, TINY) if absolute > 0 else 0.0,
            _ratio(absolute, size),
            _ratio(error, whole),
            _ratio(floor, size),
        )

    def _size(
        self, x: Array, energy: tuple[float, float], absolute: float, low: float, dot: float
    ) -> float:
        """Return a lower bound of ||u||_E, given u^ . A u^ and its rounding."""
        if not self._known:
            return 0.0
        if self._has_values:
            whole = energy[0] - 2 * float(np.sum(self._pull * x)) + self._lift
            # The products of x and prescribed values add up to sqrt(lift x.Ax) at most.
            products = sqrt(self._lift * (max(energy[0], 0.0) + energy[1]))
            spread = energy[1] + dot * (self._lift + 2 * products)
            size = sqrt(max(whole - spread, 0.0)) - absolute
        else:
            work = self._b * x
            spread = energy[1] + 2 * dot * float(np.sum(np.abs(work)))
            square = 2 * float(np.sum(work)) - energy[0] + low**2 / self.beta - spread
            size = max(sqrt(max(square, 0.0)), sqrt(max(energy[0] - energy[1], 0.0)) - absolute)
        if size * CLOSE < absolute:
            size = max(size, self._least_source / sqrt(self.beta))
        return size / SCALARS

    def _l2_norm(self, x: Array) -> float:
        """Return a lower bound of the norm of the field, up to a constant if u is that."""
        volumes = self.dual_norm.volumes
        if self.dual_norm.singular:
            x = x - np.average(x, weights=volumes)
        scale = power_of_two(x)
        x = x * scale
        return sqrt(float(np.sum(x * x * volumes))) / scale / (1 + x.size * EPS)

    @property
    def _least_source(self) -> float:
        """A lower bound of ||b_f||_{K^-1}."""
        if self._source_norm is None:
            rounding = 0.0
            if self._has_values:
                # Prescribed values g on faces T: |sum T g v| <= sqrt(lift v.Av) for every v.
                rounding = float(self.dual_norm.crude(4 * EPS * np.abs(self._b)))
                rounding += 8 * EPS * sqrt(self.beta * self._lift)
            low = float(self.dual_norm.interval(self._b - self._pull)[0]) - rounding
            self._source_norm = max(low, 0.0)
        return self._source_norm


def _ratio(error: float, size: float) -> float:
    """Return error / size, infinite where the size is not known to be positive."""
    if error == 0.0:
        return 0.0
    return error / size * SCALARS if 0 < size < inf else inf
