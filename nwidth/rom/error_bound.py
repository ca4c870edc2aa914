"""The residual error bound: how far a field may be from the discrete solution of its problem."""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom.dual_norm import EPS, DualNorm
from nwidth.solvers.diffusion_operator import DiffusionOperator
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
        operator = problem.operator(inputs)
        if not isinstance(operator, DiffusionOperator) or operator.dtype != np.float64:
            raise InputError(
                f"operator: expected a DiffusionOperator in float64, got {operator} in "
                f"{operator.dtype}; convert the inputs with astype(float)"
            )
        self.operator, self.source = operator, problem.source(inputs)
        self._rounding = dual_norm.product_allowance(operator, self.source)
        self._walls = _walls(problem, operator)
        self._source_norm: float | None = None

    @property
    def effectivity(self) -> float:
        """Largest ratio of the absolute bound to the error, sqrt(beta / alpha), round-off apart."""
        return sqrt(self.beta / self.alpha)

    def __call__(self, x: Array) -> Bound:
        """Return the bound for the unknowns of a field."""
        dot = 4 * x.size * EPS  # relative rounding of a sum of x.size products, and to spare
        with np.errstate(over="ignore", invalid="ignore"):
            flux = self.operator.apply(x)
            low, high = (float(v) for v in self.dual_norm.interval(self.source - flux))
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
        return Bound(absolute, _ratio(absolute, size), _ratio(error, whole), _ratio(floor, size))

    def _size(
        self, x: Array, energy: tuple[float, float], absolute: float, low: float, dot: float
    ) -> float:
        """Return a lower bound of ||u||_E, given u^ . A u^ and its rounding."""
        if self._walls:
            whole, spread = energy
            for side, t, g in self._walls:
                pull = t * g * x[side]
                push = t * g * g
                whole += float(np.sum(push)) - 2 * float(np.sum(pull))
                spread += dot * float(np.sum(push) + 2 * np.sum(np.abs(pull)))
            size = sqrt(max(whole - spread, 0.0)) - absolute
        else:
            work = self.source * x
            spread = energy[1] + 2 * dot * float(np.sum(np.abs(work)))
            square = 2 * float(np.sum(work)) - energy[0] + low**2 / self.beta - spread
            size = max(sqrt(max(square, 0.0)), sqrt(max(energy[0] - energy[1], 0.0)) - absolute)
        if size * CLOSE < absolute:
            size = max(size, self._least_source / sqrt(self.beta))
        return size / SCALARS

    def _l2_norm(self, x: Array) -> float:
        """Return a lower bound of the norm of the field, up to a constant if u is that."""
        volumes = self.dual_norm.volumes
        if self.dual_norm.fast.singular:
            x = x - np.average(x, weights=volumes)
        return sqrt(float(np.sum(x * x * volumes))) / (1 + x.size * EPS)

    @property
    def _least_source(self) -> float:
        """A lower bound of ||b_f||_{K^-1}."""
        if self._source_norm is None:
            source = self.source.copy()
            for side, t, g in self._walls:
                source[side] -= t * g
            rounding = self.dual_norm.crude(4 * EPS * np.abs(self.source)) if self._walls else 0.0
            low = float(self.dual_norm.interval(source)[0]) - float(rounding)
            self._source_norm = max(low, 0.0)
        return self._source_norm


def _ratio(error: float, size: float) -> float:
    """Return error / size, infinite where the size is not known to be positive."""
    if error == 0.0:
        return 0.0
    return error / size * SCALARS if size > 0 else inf


def _walls(problem: Problem, operator: DiffusionOperator) -> list[tuple[Any, Array, Array]]:
    """Return (index of the unknowns next to it, T, prescribed value) of every side with a value."""
    volumes = getattr(problem, "volumes", None)
    if volumes is None:  # a problem of somebody else's: energies are those of the unknowns
        return []
    walls = []
    for k, kinds in enumerate(volumes.kinds):
        across = tuple(cut for j, cut in enumerate(volumes.interior) if j != k)
        for end, index, kind in zip(("lower", "upper"), (0, -1), kinds, strict=True):
            if kind != "dirichlet":
                continue
            g = volumes.boundary.values(problem.grid, k, end)[across]
            if g.any():
                side = (slice(None),) * k + (index,)
                walls.append((side, operator.faces[k][side], np.asarray(g, dtype=np.float64)))
    return walls
