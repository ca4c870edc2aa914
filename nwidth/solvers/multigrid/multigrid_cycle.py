"""Multigrid cycles, whatever the levels are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_dtype, require_instance, require_integers
from nwidth.arrays import as_floating, power_of_two, unscaled
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.krylov.iterate import Iterate, check_limits, how_it_ended
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Unknowns on the coarsest level, at most, unless no axis can be halved any more; so few that BLAS
# starts no threads for it.
COARSEST = 80

TINY = float(np.finfo(np.float64).tiny)

# What the cycles promise.
PROPERTIES = {
    "V": frozenset({"symmetric", "positive definite"}),
    "W": frozenset({"symmetric"}),
    "F": frozenset[str](),
}

# The cycles on the next level that make up one on this.
VISITS = {"V": "V", "W": "WW", "F": "FV"}

# Cycles without a new smallest residual after which the iteration gives up.
PATIENCE = 10


class Smoother(Protocol):
    """What relaxes on a level; `adjoint` asks for the adjoint of the relaxation."""

    def smooth(
        self, u: Array, f: Array, sweeps: int = 1, *, adjoint: bool = False, from_zero: bool = False
    ) -> None:
        """Relax A u = f in place."""
        ...

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u."""
        ...


class Way(Protocol):
    """What leads from one level to the next."""

    @property
    def fine_shape(self) -> tuple[int, ...]:
        """Shape of the fine array."""
        ...

    @property
    def coarse_shape(self) -> tuple[int, ...]:
        """Shape of the coarse array."""
        ...

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        ...

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        ...


class Turn(NamedTuple):
    """Which way a cycle goes: relaxation by the adjoint before, after; coarse visits reversed."""

    before: bool
    after: bool
    reverse: bool


@dataclass
class Level:
    """One level: its relaxation, and the way down, one transfer per halved axis.

    `u`, `f` and `r` are solution, right-hand side and residual; `between` holds the arrays that
    live between the transfers of the axes.
    """

    smoother: Smoother
    transfers: Sequence[Way]
    sweeps: int
    u: Array
    f: Array
    r: Array
    between: list[Array]


class MultigridCycle(LinearOperator):
    """One multigrid cycle M ~ A^-1 from the guess zero.

    On every level: relax; restrict the residual with P^T; cycle on the coarse level; correct with
    P; relax. The coarsest matrix is inverted. The coarse level is visited

        V    once,
        W    twice, each time by a W-cycle,
        F    twice, by an F-cycle and then by a V-cycle.

    On d halved axes one cycle costs 2^d / (2^d - 1), 2^d / (2^d - 2) and (2^d / (2^d - 1))^2 times
    the work on the finest level. Reference: Trottenberg, Oosterlee & Schueller (2001), Multigrid,
    sections 2.4 and 2.4.2.

    `apply(r)` relaxes by the adjoint after the correction, so M is symmetric for V and W. For V it
    is also positive definite, whatever the coarse operators; for W only as long as a V-cycle alone
    converges on them. An F-cycle is not symmetric; `adjoint` reverses it. `iterate` repeats cycles
    and relaxes in the same order before and after, which converges faster.

    Where A is singular (no Dirichlet side), M is definite all the same. In another precision than
    the operator's, or for couplings near the ends of its range, operator and data are scaled.
    Subclasses call `_append` for every level and `_close` for the coarsest; `accepts` names what
    they can invert.
    """

    accepts: tuple[type[LinearOperator], ...] = (DiffusionOperator,)

    def __init__(self, operator: Any, dtype: Any, sweeps: int | Sequence[int], cycle: str = "V"):
        require_instance(operator, "multigrid", *self.accepts)
        require_choice(cycle, "cycle", PROPERTIES)
        self.operator = operator
        self.domain_shape = self.range_shape = operator.domain_shape
        self.dtype = operator.dtype
        self.properties = PROPERTIES[cycle]
        self.cycle = cycle
        #: Precision of the cycle.
        self.precision = require_dtype(
            operator.dtype if dtype is None else dtype, "float32", "float64"
        )
        self.levels: list[Level] = []
        self._sweeps = require_integers(sweeps, "sweeps", 1)
        largest = self._largest()
        safe = self.precision == operator.dtype and (
            power_of_two(np.array([largest], operator.dtype)) == 1.0
        )
        self._scale = largest if largest > 0 and not safe else 1.0

    def _largest(self) -> float:
        """Return the size of the largest entries of the operator."""
        return max((float(t.max()) for t in self.operator.faces if t.size), default=0.0)

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array to work in."""
        return self.xp.empty(shape, dtype)

    @property
    def xp(self) -> Any:
        """The library of the operator's arrays, NumPy or CuPy."""
        return getattr(self.operator, "xp", np)

    def _scaled(self) -> Any:
        """Return the operator as the cycle sees it."""
        return self.operator.astype(self.precision, 1 / self._scale)

    def _append(self, smoother: Smoother, transfers: Sequence[Way]) -> None:
        """Append a level."""
        shape = transfers[0].fine_shape
        between: list[Array] = [self._empty(t.coarse_shape, self.precision) for t in transfers[:-1]]
        u, f, r = (self._empty(shape, self.precision) for _ in range(3))
        sweeps = self._sweeps[min(len(self.levels), len(self._sweeps) - 1)]
        self.levels.append(Level(smoother, transfers, sweeps, u, f, r, between))

    def _close(self, matrix: Any, shape: tuple[int, ...], singular: bool) -> None:
        """Invert the coarsest matrix; a singular one is first lifted along the constants."""
        matrix = matrix.toarray().astype(np.float64)
        size = len(matrix)
        if singular:
            matrix += (matrix.trace() or 1.0) / size**2
        try:
            inverse = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            # Parts whose couplings to the rest are below round-off; M need only be definite.
            lift = max(matrix.diagonal().max() * np.finfo(np.float64).eps, TINY)
            inverse = np.linalg.inv(matrix + lift * np.eye(size))
        self._inverse = self.xp.asarray(((inverse + inverse.T) / 2).astype(self.precision))
        self._coarsest = [self._empty(shape, self.precision) for _ in range(2)]

    def apply_into(self, out: Array, r: Array) -> None:
        """Set out = M r without allocating."""
        self._run(out, r, Turn(False, True, False))

    def _run(self, out: Array, r: Array, turn: Turn) -> None:
        """Set out to the result of one cycle for r."""
        f = self.levels[0].f if self.levels else self._coarsest[1]
        u = self.levels[0].u if self.levels else self._coarsest[0]
        if self.precision == self.dtype and self._scale == 1.0:
            f[...] = r
            self._visit(0, self.cycle, turn, True)
            out[...] = u
            return
        size = max(float(r.max()), -float(r.min()))
        size = size if 0 < size < np.inf else 1.0
        np.multiply(r, 1 / size, out=f, casting="same_kind")
        self._visit(0, self.cycle, turn, True)
        np.multiply(u, size / self._scale, out=out, dtype=self.dtype)

    def improve(self, x: Array, b: Array) -> None:
        """Replace x by the result of one cycle for A x = b, relaxed in the same order after."""
        plain = self.precision == self.dtype and self._scale == 1.0
        if not plain or not self.levels:
            z = np.empty_like(x)
            self._run(z, b - self.operator.apply(x), Turn(False, False, False))
            x += z
            return
        self.levels[0].u[...] = x
        self.levels[0].f[...] = b
        self._visit(0, self.cycle, Turn(False, False, False), False)
        x[...] = self.levels[0].u

    def _apply(self, u: Any) -> Any:
        out = self._empty(self.domain_shape, self.dtype)
        self.apply_into(out, self.xp.ascontiguousarray(u, dtype=self.dtype))
        return out

    def _adjoint(self, v: Any) -> Any:
        out = self._empty(self.domain_shape, self.dtype)
        self._run(out, self.xp.ascontiguousarray(v, dtype=self.dtype), Turn(False, True, True))
        return out

    def _visit(self, depth: int, cycle: str, turn: Turn, from_zero: bool) -> None:
        """Improve u of a level for its f by one cycle, from the guess zero or from what u is."""
        if depth == len(self.levels):
            u, f = self._coarsest
            size = len(self._inverse)  # arrays may hold several columns
            self.xp.dot(self._inverse, f.reshape(size, -1), out=u.reshape(size, -1))
            return
        level = self.levels[depth]
        u, f, smoother = level.u, level.f, level.smoother
        below = self.levels[depth + 1] if depth + 1 < len(self.levels) else None
        e, g = self._coarsest if below is None else (below.u, below.f)
        smoother.smooth(u, f, level.sweeps, adjoint=turn.before, from_zero=from_zero)
        smoother.residual_into(level.r, f, u)
        stages = [level.r, *level.between, g]
        for transfer, fine, coarse in zip(level.transfers, stages[:-1], stages[1:], strict=True):
            transfer.restrict_into(coarse, fine)
        visits = VISITS[cycle] if below is not None else "V"
        for k, kind in enumerate(reversed(visits) if turn.reverse else visits):
            self._visit(depth + 1, kind, turn, k == 0)
        stages = [u, *level.between, e]
        for k in reversed(range(len(level.transfers))):
            level.transfers[k].prolong_into(stages[k], stages[k + 1], add=k == 0)
        smoother.smooth(u, f, level.sweeps, adjoint=turn.after)

    def iterate(
        self,
        b: Array,
        *,
        initial: Array | None = None,
        rtol: float = 1e-8,
        max_iterations: int = 200,
    ) -> Iterate:
        """Solve A x = b by cycles alone: x <- x + M (b - A x).

        Every cycle relaxes in the same order before and after the coarse levels: with red-black
        relaxation a black point would otherwise be relaxed twice in a row, without effect where the
        correction is smooth.

        The arguments are those of `conjugate_gradient`, the statuses too; STAGNATED comes after 10
        cycles without a smaller residual. Raises `InputError` for arrays of another shape, and for
        a singular operator where b has a mean that keeps the residual above rtol.
        """
        check_limits(rtol, max_iterations)
        b = self._checked(b, "right-hand side")
        x = np.zeros_like(b) if initial is None else self._checked(initial, "guess").copy()
        if not b.any():
            return Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,))
        if not np.isfinite(b).all():
            return Iterate(x, Status.NON_FINITE, (np.inf,))
        scale = power_of_two(b)
        if scale != 1.0:
            b, x = b * scale, x * scale
        size = _norm(b)
        if self.operator.singular:
            self._check_balance(b, size, rtol)
        r, z = b - self.operator.apply(x), np.empty_like(b)
        residuals = [_norm(r) / size]
        while (status := how_it_ended(residuals, rtol, max_iterations, PATIENCE)) is None:
            self._run(z, r, Turn(False, False, False))
            x += z
            np.subtract(b, self.operator.apply(x), out=r)
            residuals.append(_norm(r) / size)
        return Iterate(unscaled(x, scale), status, tuple(residuals))

    def _checked(self, u: Any, what: str) -> Array:
        """Return an array of the operator's shape and dtype."""
        u = as_floating(u, what)
        if u.shape != self.domain_shape or u.dtype.kind != "f":
            raise InputError(
                f"{what}: expected real numbers of shape {self.domain_shape}, got {u.dtype} of "
                f"shape {u.shape}"
            )
        return self.xp.ascontiguousarray(u, dtype=self.dtype)

    def _check_balance(self, b: Array, size: float, rtol: float) -> None:
        """Raise if the part of b along the constants, which no A x has, is above the tolerance."""
        mean = float(b.sum(dtype=np.float64)) / b.size**0.5 / size
        if abs(mean) > max(rtol, 1e3 * float(np.finfo(self.dtype).eps)):
            raise InputError(
                "right-hand side: expected a total of zero because no side is Dirichlet and the "
                f"operator maps constants to zero, got one of {mean:.1e} of its size; subtract the "
                "mean"
            )


def _norm(r: Array) -> float:
    """Return ||r||, the sum of squares in float64."""
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(r.astype(np.float64, copy=False).ravel()))
