"""Multigrid for constant coefficients: few passes over memory, each doing several sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import (
    require_choice,
    require_dtype,
    require_instance,
    require_integer,
    require_integers,
    require_number,
)
from nwidth.arrays import real_floating, require_shape
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.krylov.iterate import Iterate, check_limits, how_it_ended, in_range
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.multigrid._poisson_levels import (
    BETWEEN,
    GAP,
    LARGEST,
    NESTED,
    RESIDUAL,
    ZERO,
    Levels,
    intervals_of_levels,
    unknowns,
)
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Solution and discretization differ by C h^2 on one level and by C (2 h)^2 on the next, so that the
# step between the two is 2^2 - 1 times the smaller error.
STEPS = 3.0

# Full multigrid cycles on while the algebraic error is above this part of the discretization error.
PART = 0.2

# Intervals up to which solutions of float32 coarse levels are good for float64 ones: from there on
# their rounding, which grows with the square, would be above the discretization error.
MIXED = 1024

# Cycles without a new smallest residual after which the iteration gives up.
PATIENCE = 3

# Norms of right-hand sides that need no scaling: their squares and those of residuals after many
# cycles are far from underflow.
_RANGE = {np.dtype(np.float32): (1e-6, 1e12), np.dtype(np.float64): (1e-100, 1e100)}


@dataclass(frozen=True)
class NestedIterate(Iterate):
    """An iterate and two estimates, root mean squares over the unknowns.

    `discretization_error` is how far the solution of the linear system is from that of the
    differential equation, `algebraic_error` how far `x` is from the former.
    """

    discretization_error: float = np.nan
    algebraic_error: float = np.nan


class PoissonMultigrid(LinearOperator):
    """One V(1,1)-cycle M ~ A^-1 for constant coefficients and u = 0 on all walls of a box.

        (A u)_i = sum_k T_k (2 u_i - u_{i-e_k} - u_{i+e_k}) + c u_i

    on the interior nodes of a uniform grid. On every level: relax red-black; restrict the residual
    with P^T, P linear interpolation; cycle on the level of twice the width; correct with P; relax
    red-black. The coarsest is inverted. References: Trottenberg, Oosterlee & Schueller (2001),
    Multigrid, sections 2.4 to 2.6; several sweeps in one pass: Douglas, Hu, Kowarschik, Ruede &
    Weiss (2000), Electron. Trans. Numer. Anal. 10, 21-40.

    The first colour is over-relaxed before a restriction, as are corrections before another cycle,
    see Yavneh (1996), doi:10.1137/0917013: convergence factors then are about 0.03 in two and 0.07
    in three dimensions for equal T_k, and up to 0.09 and 0.15 for ratios of 2: 6 to 9 cycles to
    1e-8. M is not symmetric: its adjoint is the cycle with exchanged colours. So `iterate` it,
    instead of handing it to conjugate gradients.

    `apply(r)` is the cycle from the guess zero; `iterate` repeats it; `full_multigrid` solves from
    coarse to fine and stops at the discretization error. Results do not depend on the number of
    threads. An object holds work space, so that two threads may not use the same one.

    Args:
        shape: unknowns along 2 or 3 axes, n_k - 1 with numbers of intervals n_k = m_k 2^l, l >= 1,
            such that m_k intervals leave at most 1100 unknowns.
        couplings: T_k > 0, one per axis, the largest at most twice the smallest.
        reaction: c >= 0; includes the volume h^d of a cell, as T_k is an area over a width.
        dtype: precision of the unknowns and of the finest level.
        coarse_dtype: precision of the coarse levels, `dtype` by default. With float32 they still
            correct a residual of float64, for a third less memory.

    Raises `InputError` for other shapes and numbers; `Multigrid` takes them.

    >>> M = PoissonMultigrid((63, 63), (1.0, 1.0))
    >>> M.iterate(np.ones((63, 63)), rtol=1e-8).status.name
    'CONVERGED'
    """

    def __init__(
        self,
        shape: Sequence[int],
        couplings: Sequence[float],
        reaction: float = 0.0,
        *,
        dtype: Any = np.float64,
        coarse_dtype: Any = None,
    ):
        shape = require_integers(shape, "shape", 1)
        numbers = require_instance(couplings, "couplings", Sequence)
        couplings = tuple(require_number(t, "couplings", "(0, inf)") for t in numbers)
        reaction = require_number(reaction, "reaction", "[0, inf)")
        if (reason := _objection(shape, couplings)) is not None:
            raise InputError(f"Poisson multigrid: {reason}; Multigrid takes any grid")
        self.domain_shape = self.range_shape = shape
        self.dtype = require_dtype(dtype, "float32", "float64")
        #: Precision of the coarse levels.
        coarse = self.dtype if coarse_dtype is None else coarse_dtype
        self.precision = require_dtype(coarse, "float32", "float64")
        if self.precision.itemsize > self.dtype.itemsize:
            raise InputError("coarse_dtype: expected no more digits than dtype has, got float64")
        self.couplings, self.reaction = couplings, reaction
        # A power of two brings couplings near one if they are far from it, and keeps their digits.
        exponent = float(np.frexp(max(self.couplings))[1])
        self._scale = 1.0 if abs(exponent) <= 40 else 2.0**-exponent
        self._levels = Levels(
            self.domain_shape,
            [t * self._scale for t in self.couplings],
            self.reaction * self._scale,
            (self.dtype, self.precision),
        )

    @classmethod
    def of(cls, operator: DiffusionOperator, *, coarse_dtype: Any = None) -> "PoissonMultigrid":
        """Return the multigrid of an operator whose coefficients are constant.

        Raises `InputError` for any other, with the reason.

        >>> A = DiffusionOperator((np.ones((16, 15)), np.ones((15, 16))))
        >>> PoissonMultigrid.of(A).couplings
        (1.0, 1.0)
        """
        reason = _unsuited(operator)
        if reason is not None:
            raise InputError(f"Poisson multigrid: {reason}; Multigrid takes any operator")
        shape, couplings, reaction = _constants(operator)
        return cls(shape, couplings, reaction, dtype=operator.dtype, coarse_dtype=coarse_dtype)

    @staticmethod
    def suits(operator: Any) -> bool:
        """Return whether `of` takes an operator; most others are refused at a glance.

        >>> PoissonMultigrid.suits(DiffusionOperator((np.ones((16, 15)), np.ones((15, 16)))))
        True
        """
        return _unsuited(operator) is None

    def apply_into(self, out: Array, r: Array) -> None:
        """Set out = M r without allocating."""
        self._apply_turned(out, r, 0)

    def _apply(self, u: Any) -> Any:
        out = np.empty(self.domain_shape, self.dtype)
        self._apply_turned(out, u, 0)
        return out

    def _adjoint(self, v: Any) -> Any:
        out = np.empty(self.domain_shape, self.dtype)
        self._apply_turned(out, v, 1)
        return out

    def _apply_turned(self, out: Array, r: Any, turn: int) -> None:
        factor, _ = self._take(r)
        levels = self._levels
        levels.sweep(ZERO, before=1, restricts=True, turn=turn)
        levels.cycle(turn)
        levels.sweep(corrects=True, after=1, into=out, turn=turn)
        self._unscale(out, factor)

    def iterate(
        self,
        b: Array,
        *,
        initial: Array | None = None,
        rtol: float = 1e-8,
        max_iterations: int = 50,
        start: Literal["zero", "full"] = "zero",
        out: Array | None = None,
    ) -> Iterate:
        """Solve A x = b by V(1,1)-cycles.

        Args:
            b: right-hand side, shape `range_shape`.
            initial: guess; zero by default.
            rtol: bound on ||b - A x|| / ||b||. Good values: 1e-6 to 1e-10.
            max_iterations: limit on the number of cycles.
            start: "full" has full multigrid do the first cycle, which pays for smooth b.
            out: array for x, a C-contiguous one of shape `domain_shape` and the cycle's `dtype`; a
                new one by default. New memory costs a tenth of the time on large grids, so give
                one in a loop. May be b or the initial guess.

        The last residual is that of x, to the last bit; the others follow from the changes that
        relaxation makes. Raises `InputError` for arrays of another shape and numbers out of range;
        failures come back as status.

        >>> M = PoissonMultigrid((31, 31, 31), (1.0, 1.0, 1.0))
        >>> M.iterate(np.ones((31, 31, 31)), start="full").status.name
        'CONVERGED'
        """
        check_limits(rtol, max_iterations)
        require_choice(start, "start", ("zero", "full"))
        if start == "full" and initial is not None:
            raise InputError('start: expected "zero" with an initial guess, got "full"')
        x = self._result(out)
        guess = None if initial is None else self._checked(initial, "initial guess")
        factor, size = self._take(b, restricts=start == "full")
        if size == 0 or not np.isfinite(size):
            return self._trivial(size, x)
        levels, residuals = self._levels, [1.0]
        if guess is not None:
            scaled = np.multiply(guess, factor / self._scale, dtype=self.dtype)
            levels.set_second_colour(scaled)
            residuals = [self._distance(scaled, b, factor) / size]
            np.copyto(x, scaled)
            if (status := how_it_ended(residuals, rtol, max_iterations, PATIENCE)) is not None:
                return Iterate(x, self._unscale(x, factor, status, residuals[-1]), tuple(residuals))
            levels.sweep(after=1, restricts=True)
        elif max_iterations == 0:
            x.fill(0)
            return Iterate(x, Status.MAX_ITERATIONS, (1.0,))
        elif start == "full":
            levels.nest()
            levels.sweep(NESTED, before=1, restricts=True)
        else:
            levels.sweep(ZERO, before=1, restricts=True)
        status = self._cycles(x, size, residuals, rtol, max_iterations)
        return Iterate(x, self._unscale(x, factor, status, residuals[-1]), tuple(residuals))

    def _cycles(
        self, x: Array, size: float, residuals: list[float], rtol: float, max_iterations: int
    ) -> Status:
        """Cycle from the second colour and the coarse right-hand side that the levels hold.

        Relaxation after one and before the next cycle are one pass. The cycle that is expected to
        be the last writes x instead.
        """
        levels = self._levels
        while True:
            levels.cycle()
            if _is_near(residuals, rtol) or len(residuals) == max_iterations:
                levels.sweep(corrects=True, after=1, into=x, measures=RESIDUAL)
                residuals.append(levels.norm() / size)
            else:
                levels.sweep(corrects=True, after=2, restricts=True, measures=BETWEEN)
                residuals.append(levels.norm() / size)
                if how_it_ended(residuals, rtol, max_iterations, PATIENCE) is None:
                    continue
                levels.sweep(after=1, into=x, measures=RESIDUAL)
                residuals[-1] = levels.norm() / size
            if (status := how_it_ended(residuals, rtol, max_iterations, PATIENCE)) is not None:
                return status
            levels.sweep(after=1, restricts=True)

    def full_multigrid(
        self, b: Array, *, max_cycles: int = 10, out: Array | None = None
    ) -> NestedIterate:
        """Solve A x = b from coarse to fine and stop at the discretization error.

        On each level: interpolate the solution of the coarser one by cubic polynomials, then cycle
        once. Right-hand sides of coarse levels are averages with weights (-1, 4, 10, 4, -1) / 16
        along each axis, which damp noise and keep cubic polynomials. With u_2h the solution of the
        next level at every second node, estimates are, as root mean squares,

            discretization error  ||x - u_2h|| / 3
            algebraic error       ||x - u_2h|| times the part that one cycle leaves of such a step,

        a part that is measured on a coarse level, where another cycle costs little. While
        the latter is above a fifth of the former, cycles follow, whose corrections then are the
        measure. In float32, u_2h has no more digits than the condition of that level leaves it,
        which the first estimate shows; under float64 fine levels they must suffice. Reference:
        Brandt (1977), doi:10.1090/S0025-5718-1977-0431719-X, section 7.

        Args:
            b: right-hand side, shape `range_shape`: integrals of f over cells, h^d f.
            max_cycles: limit on the cycles on the finest level.
            out: array for x, as in `iterate`.

        Raises `InputError` for float32 coarse levels below a float64 one of more than 1024
        intervals.

        >>> x = np.linspace(0, 1, 65)[1:-1]
        >>> f = 2 * np.pi**2 * np.outer(np.sin(np.pi * x), np.sin(np.pi * x))
        >>> found = PoissonMultigrid((63, 63), (1.0, 1.0)).full_multigrid(f / 64**2)
        >>> error = found.x - np.outer(np.sin(np.pi * x), np.sin(np.pi * x))
        >>> bool(abs(found.discretization_error / np.sqrt(np.mean(error**2)) - 1) < 0.1)
        True
        """
        max_cycles = require_integer(max_cycles, "max_cycles", 1)
        x, levels = self._result(out), self._levels
        widest = max(levels.levels[0])
        if self.precision != self.dtype and widest > MIXED:
            raise InputError(
                f"full multigrid: expected up to {MIXED} intervals per axis with float32 coarse "
                f'levels, got {widest}; take float64 ones or iterate(b, start="full")'
            )
        factor, size = self._take(b, restricts=True)
        if size == 0 or not np.isfinite(size):
            found = self._trivial(size, x)
            return NestedIterate(found.x, found.status, found.residuals, (), *found.residuals * 2)
        part = levels.nest()
        levels.sweep(NESTED, before=1, restricts=True)
        levels.cycle()
        levels.sweep(corrects=True, after=1, into=x, measures=GAP)
        residuals = [1.0, levels.norm() / size]
        step = levels.norm(1) / unknowns(levels.levels[1]) ** 0.5
        discretization, algebraic = step / STEPS, step * part
        while algebraic > PART * discretization and len(residuals) <= max_cycles:
            before = x.copy()
            levels.sweep(after=1, restricts=True)
            levels.cycle()
            levels.sweep(corrects=True, after=1, into=x, measures=RESIDUAL)
            residuals.append(levels.norm() / size)
            last, step = step, _root_mean_square(x - before)
            part = min(step / last, 0.5)
            algebraic = step * part / (1 - part)
        status = Status.CONVERGED
        if not np.isfinite(algebraic):
            status = Status.NON_FINITE
        elif algebraic > PART * discretization:
            status = Status.MAX_ITERATIONS
        scale = self._scale / factor
        status = self._unscale(x, factor, status, residuals[-1])
        return NestedIterate(
            x, status, tuple(residuals), (), discretization * scale, algebraic * scale
        )

    def _take(self, b: Any, restricts: bool = False) -> tuple[float, float]:
        """Take a right-hand side; return the power of two it was scaled by, and the norm then."""
        from nwidth.solvers.multigrid._poisson_cycle_numba import get_num_threads

        b = self._checked(b, "right-hand side")
        self._levels.share(get_num_threads())
        size = self._levels.begin(b, 1.0, restricts)
        low, high = _RANGE[self.precision]
        largest = 0.0 if low <= size <= high else max(float(b.max()), -float(b.min()))
        if not 0 < largest < np.inf:
            return 1.0, size
        factor = 2.0 ** -float(np.clip(np.frexp(largest)[1], -1000, 1000))
        factor = float(np.clip(factor, 2.0**-120, 2.0**120)) if self.dtype.itemsize == 4 else factor
        return factor, self._levels.begin(b, factor, restricts)

    def _trivial(self, size: float, x: Array) -> Iterate:
        """Return what becomes of a right-hand side that is zero or not finite."""
        x.fill(0)
        if size == 0:
            return Iterate(x, Status.CONVERGED, (0.0,))
        return Iterate(x, Status.NON_FINITE, (np.inf,))

    def _unscale(
        self, x: Array, factor: float, status: Status = Status.CONVERGED, residual: float = 1.0
    ) -> Status:
        """Undo the scaling of couplings and right-hand side; return the status of what is left."""
        if self._scale == factor == 1:
            return status
        with np.errstate(over="ignore", under="ignore"):
            x *= self._scale
            x /= factor
        return in_range(status, x, residual)

    def _checked(self, u: Any, what: str) -> Array:
        """Return an array of the operator's shape and dtype that kernels take."""
        u = require_shape(real_floating(u, what), self.domain_shape, what)
        return np.require(u, self.dtype, ["C_CONTIGUOUS", "WRITEABLE"])

    def _result(self, out: Any) -> Array:
        """Return the array for the solution."""
        if out is None:
            return np.empty(self.domain_shape, self.dtype)
        fits = isinstance(out, np.ndarray) and out.shape == self.domain_shape
        if not (
            fits and out.dtype == self.dtype and out.flags.c_contiguous and out.flags.writeable
        ):
            got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise InputError(
                f"out: expected a writeable, C-contiguous array of {self.dtype} and shape "
                f"{self.domain_shape}, got {got}"
            )
        return out

    def _distance(self, x: Array, b: Array, factor: float) -> float:
        """Return the norm of the residual of a guess, both scaled."""
        r = np.multiply(b, factor, dtype=np.float64)
        for k, t in enumerate(self.couplings):
            t, y, z = t * self._scale, np.moveaxis(x, k, 0), np.moveaxis(r, k, 0)
            z -= 2 * t * y
            z[1:] += t * y[:-1]
            z[:-1] += t * y[1:]
        return float(np.linalg.norm(r - self.reaction * self._scale * x))


def _is_near(residuals: list[float], rtol: float) -> bool:
    """Return whether one more cycle should do, if it is as good as the last one."""
    return len(residuals) > 1 and residuals[-1] ** 2 <= 0.5 * rtol * residuals[-2]


def _root_mean_square(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _objection(shape: tuple[int, ...], couplings: tuple[float, ...]) -> str | None:
    """Return why a grid cannot be used, None if it can."""
    if len(shape) not in (2, 3) or len(couplings) != len(shape):
        return f"expected 2 or 3 axes with a coupling each, got {shape} and {couplings}"
    # Rounding of widths must not decide over a ratio of two.
    if max(couplings) > 2.0000001 * min(couplings):
        return f"expected couplings with ratios up to 2, got {couplings}"
    levels = intervals_of_levels(shape)
    if len(levels) < 2 or unknowns(levels[-1]) > LARGEST:
        return (
            f"expected numbers of intervals m 2^l with few m, got {levels[0]}, which can be halved "
            f"to {levels[-1]}"
        )
    return None


def _unsuited(operator: Any) -> str | None:
    """Return why an operator cannot be used, None if it can."""
    if not isinstance(operator, DiffusionOperator):
        return f"expected a DiffusionOperator, got {type(operator).__name__}"
    if operator.xp is not np:
        return "expected arrays in the host's memory, got couplings on a device; take Multigrid"
    if any(operator.periodic):
        return "expected Dirichlet sides, got a periodic axis"
    shape, couplings, reaction = _constants(operator)
    if (reason := _objection(shape, couplings)) is not None:
        return reason
    # Rounding of the nodes' coordinates varies couplings in their last digits.
    width = 64 * float(np.finfo(operator.dtype).eps) * max(operator.domain_shape)
    arrays = [*operator.faces, *([] if operator.reaction is None else [operator.reaction])]
    for values, value in zip(arrays, [*couplings, reaction], strict=False):
        low, high = float(values.min()), float(values.max())
        if high - low > width * value:
            return f"expected constant coefficients, got values from {low} to {high}"
    return None


def _constants(operator: DiffusionOperator) -> tuple[tuple[int, ...], tuple[float, ...], float]:
    """Return shape, couplings and reaction in the middle of an operator."""
    couplings = tuple(float(t[tuple(n // 2 for n in t.shape)]) for t in operator.faces)
    c = operator.reaction
    return (
        operator.domain_shape,
        couplings,
        0.0 if c is None else float(c[tuple(n // 2 for n in c.shape)]),
    )
