"""Solves with one operator: the method's factors or hierarchy, kept for any right-hand side."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_dtype
from nwidth.arrays import power_of_two, real_floating, unscaled
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient
from nwidth.solvers.krylov.iterate import Iterate, Stop, check_limits, is_slow
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.nine_point_operator import NinePointOperator
from nwidth.solvers.solution import Status

Array = NDArray[Any]

METHODS = ("multigrid-cg", "multigrid", "fast-poisson", "scaled-fast-poisson", "direct")

# Averaged fluxes blur regions of a few points whose couplings stand out. Jumps by more than this
# factor are counted, each by its decimal logarithm; from so many per point on, black-box multigrid
# is worth its set-up of half a dozen iterations.
JUMP, ROUGH = 20.0, 0.01


class OperatorSolver:
    """Solutions of A x = b for one operator by one method, which is set up once.

    `solve` runs it for any number of right-hand sides: a time step, an adjoint, a sequence. The
    methods are those of `nwidth.solvers.solve`, where they are described, without "auto".

    Args:
        operator: A in flux form or with nine-point couplings, which `BlackBoxMultigrid` and
            elimination take.
        grid: where the unknowns live; fast transforms need it.
        method: one of METHODS.
        precision: of the cycles that precondition conjugate gradients. float32 ones take half the
            time. Where A is so close to singular that they break down (walls and reaction below
            1e-7 of the couplings), float64 ones take over, for later right-hand sides too.

    Raises `InputError` for an unknown method and an operator the method cannot work with.

    >>> from nwidth.solvers import Poisson
    >>> problem = Poisson(Grid.uniform(5))
    >>> solver = OperatorSolver(problem.reference_operator(), problem.grid, "direct")
    >>> result, note = solver.solve(np.array([0.5, 0.5, 0.5]))
    >>> result.x.round(4).tolist(), result.status.name
    ([0.1875, 0.25, 0.1875], 'CONVERGED')
    """

    def __init__(
        self,
        operator: LinearOperator,
        grid: Grid,
        method: str = "multigrid-cg",
        *,
        precision: Any = np.float32,
    ):
        require_choice(method, "method", METHODS)
        fast = method in ("fast-poisson", "scaled-fast-poisson")
        if not isinstance(operator, DiffusionOperator) and (
            fast or not isinstance(operator, NinePointOperator)
        ):
            raise InputError(
                f"method {method}: expected a DiffusionOperator, got {operator!r:.80}; use "
                "conjugate_gradient for other operators"
            )
        if method not in ("multigrid-cg", "multigrid"):
            refuse_devices(operator, method)
        self.operator: Any = operator
        self.grid, self.method = grid, method
        self.precision = require_dtype(precision, "float32", "float64")
        self._slow = False  # whether an earlier right-hand side took algebraic multigrid
        self._broken = False  # whether an earlier one took float64 cycles

    def solve(
        self,
        b: Array,
        *,
        initial: Array | None = None,
        rtol: float = 1e-8,
        max_iterations: int = 200,
        stop: Stop | None = None,
    ) -> tuple[Iterate, str]:
        """Return the iterate for b, and what is worth telling about the way there.

        The arguments are those of `conjugate_gradient`.
        """
        check_limits(rtol, max_iterations, stop)
        b = real_floating(b, "right-hand side")
        if not b.any():
            zero = Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,))
            return zero, "the right-hand side is zero"
        if self.method == "direct":
            return self._eliminate(b, rtol), ""
        if self.method == "multigrid":
            from nwidth.solvers.multigrid._kept_multigrid import kept_multigrid

            limits: Any = {"initial": initial, "rtol": rtol, "max_iterations": max_iterations}
            with kept_multigrid(self.operator) as constant:
                cycle = self._multigrid if constant is None else constant
                return cycle.iterate(b, **limits), ""
        options: Any = {"initial": initial, "rtol": rtol, "max_iterations": max_iterations}
        if self.method in ("fast-poisson", "scaled-fast-poisson"):
            M = self._transform
            return conjugate_gradient(self.operator, b, preconditioner=M, stop=stop, **options), ""
        return self._multigrid_cg(b, stop, **options)

    def _multigrid_cg(
        self, b: Array, stop: Stop | None, initial: Array | None, rtol: float, max_iterations: int
    ) -> tuple[Iterate, str]:
        """Iterate with cycles of the precision asked for, in float64 where these break down."""
        residuals: tuple[float, ...] = ()
        if not self._broken:
            first, note = self._two_multigrids(b, stop, initial, rtol, max_iterations)
            exact = self.precision == self.operator.dtype or self.operator.dtype == np.float32
            if first.status is not Status.BREAKDOWN or exact:
                return first, note
            self._broken, residuals = True, first.residuals[:-1]
            initial = first.x if first.residuals[-1] < first.residuals[0] else initial
        second, note = self._in_float64._two_multigrids(
            b, stop, initial, rtol, max_iterations - len(residuals)
        )
        note = "; ".join(filter(None, ("cycles in float64, as float32 ones broke down", note)))
        return Iterate(second.x, second.status, residuals + second.residuals), note

    @cached_property
    def _in_float64(self) -> "OperatorSolver":
        return OperatorSolver(self.operator, self.grid, self.method, precision=np.float64)

    def _two_multigrids(
        self, b: Array, stop: Stop | None, initial: Array | None, rtol: float, max_iterations: int
    ) -> tuple[Iterate, str]:
        """Iterate with multigrid, then with algebraic multigrid where that is slow."""
        residuals: tuple[float, ...] = ()
        note = "algebraic multigrid, as for the right-hand side before"
        if not self._slow:
            pace = _Pace(rtol, max_iterations, stop)
            options: Any = {"initial": initial, "rtol": rtol, "max_iterations": max_iterations}
            M = self._cycle
            # Algebraic multigrid knows five points on the host.
            host = getattr(self.operator, "xp", None) is np
            rule = pace if host else stop
            first = conjugate_gradient(self.operator, b, preconditioner=M, stop=rule, **options)
            if not pace.slow:
                flux = isinstance(self.operator, DiffusionOperator)
                told = flux and self._black_box
                return first, "black-box multigrid, as many couplings jump" if told else ""
            self._slow, initial, residuals = True, first.x, first.residuals[:-1]
            note = f"algebraic multigrid after {len(residuals)} iterations, which were slow"
        second = conjugate_gradient(
            self.operator,
            b,
            preconditioner=self._algebraic,
            initial=initial,
            rtol=rtol,
            max_iterations=max_iterations - len(residuals),
            stop=stop,
        )
        return Iterate(second.x, second.status, residuals + second.residuals), note

    @cached_property
    def _multigrid(self) -> Any:
        return self._cycle_in(self.operator.dtype)

    @cached_property
    def _cycle(self) -> LinearOperator:
        return self._cycle_in(self.precision)

    @cached_property
    def _black_box(self) -> bool:
        """Whether black-box multigrid suits the operator."""
        return isinstance(self.operator, NinePointOperator) or is_rough(self.operator)

    def _cycle_in(self, precision: Any) -> LinearOperator:
        """Return the cycle that suits the operator, in some precision."""
        from nwidth.solvers.multigrid import BlackBoxMultigrid, Multigrid

        kind = BlackBoxMultigrid if self._black_box else Multigrid
        return kind(self.operator, dtype=precision)

    @cached_property
    def _algebraic(self) -> LinearOperator:
        from nwidth.solvers.multigrid import AlgebraicMultigrid

        return AlgebraicMultigrid(self.operator, dtype=self.precision)

    @cached_property
    def _transform(self) -> LinearOperator:
        from nwidth.solvers.fast_poisson import FastPoisson
        from nwidth.solvers.scaled_fast_poisson import ScaledFastPoisson

        if self.method == "fast-poisson":
            return FastPoisson.of(self.operator, self.grid)
        return ScaledFastPoisson(self.operator, self.grid, dtype=np.float32)

    @cached_property
    def _factors(self) -> Any:
        """The float64 matrix, which unknowns are free, and its factors; None if a pivot is zero.

        A singular operator gets its last unknown fixed to zero. Where Cholesky's factors meet a
        pivot near round-off, those with exchanged rows may still do.
        """
        from scipy.sparse.linalg import splu

        from nwidth.solvers.sparse_cholesky import SparseCholesky

        matrix = self.operator.to_sparse().astype(np.float64).tocsr()
        free = slice(0, matrix.shape[0] - 1 if self.operator.singular else matrix.shape[0])
        try:
            return matrix, free, SparseCholesky(matrix[free, free])
        except InputError:
            matrix = matrix.tocsc()
        try:
            factors = splu(
                matrix[free, free],
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError:  # couplings have been lost in round-off
            return None
        return matrix, free, factors

    def _eliminate(self, b: Array, rtol: float) -> Iterate:
        """Solve by sparse elimination."""
        if self._factors is None:
            return Iterate(np.zeros_like(b), Status.BREAKDOWN, (1.0,))
        matrix, free, factors = self._factors
        scale = power_of_two(b)
        x, right = np.zeros(b.size), b.ravel().astype(np.float64) * scale
        x[free] = factors.solve(right[free])
        x[free] += factors.solve((right - matrix @ x)[free])  # one step of refinement
        x = x.reshape(b.shape).astype(self.operator.dtype)
        rest = right - self.operator.apply(x).ravel()
        residual = float(np.linalg.norm(rest) / np.linalg.norm(right))
        x = unscaled(x, scale)
        if not np.isfinite(residual):
            return Iterate(x, Status.NON_FINITE, (residual,))
        return Iterate(x, Status.CONVERGED if residual <= rtol else Status.STAGNATED, (residual,))


def refuse_devices(operator: Any, method: str) -> None:
    """Raise `InputError` for an operator on a device, which the method does not know.

    >>> refuse_devices(DiffusionOperator((np.ones(3),)), "direct")
    """
    if getattr(operator, "xp", np) is not np:
        raise InputError(
            f"method {method}: expected arrays in the host's memory, got an operator on a device; "
            "take 'multigrid-cg' or move the inputs with to_numpy"
        )


def is_rough(operator: DiffusionOperator) -> bool:
    """Return whether so many couplings jump that black-box multigrid takes less time.

    It knows plane grids without periodic axes, in the host's memory.

    >>> is_rough(DiffusionOperator((np.ones((8, 7)), np.ones((7, 8)))))
    False
    """
    from nwidth.solvers.multigrid import coupling_jumps

    if len(operator.domain_shape) != 2 or any(operator.periodic) or operator.xp is not np:
        return False
    with np.errstate(over="ignore"):
        return float(np.log10(coupling_jumps(operator, JUMP)).sum()) > ROUGH * operator.shape[0]


class _Pace:
    """A stopping rule that adds to another: leave an iteration that is slow for a costlier one."""

    def __init__(self, rtol: float, max_iterations: int, stop: Stop | None):
        self.rtol, self.limit, self.stop = rtol, max_iterations, stop
        self.residuals: list[float] = []
        self.slow = False

    def __call__(self, x: Array, residual: float) -> bool:
        if self.stop is not None and self.stop(x, residual):
            self.slow = False
            return True
        self.residuals.append(residual)
        # Once slow, slow for good: the rule is asked again about the true residual.
        within = len(self.residuals) <= self.limit
        self.slow = self.slow or (within and is_slow(self.residuals, self.rtol))
        return self.slow
