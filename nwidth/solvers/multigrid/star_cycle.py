"""Multigrid cycles of operators that are not symmetric, or complex."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_dtype
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.multigrid.multigrid_cycle import VISITS
from nwidth.solvers.multigrid.transfer import Transfer
from nwidth.solvers.star_operator import StarOperator

Array = NDArray[Any]


@dataclass
class StarLevel:
    """One level: its operator, the way down (one transfer per halved axis), its arrays.

    `u`, `f` and `r` are solution, right-hand side and residual; `between` holds the arrays that
    live between the transfers of the axes. `weight` is what relaxation divides by.
    """

    operator: StarOperator
    transfers: Sequence[Transfer]
    weight: Array
    u: Array = field(init=False)
    f: Array = field(init=False)
    r: Array = field(init=False)
    between: list[Array] = field(init=False)

    def __post_init__(self):
        shape, dtype = self.operator.domain_shape, self.operator.dtype
        self.u, self.f, self.r = (np.zeros(shape, dtype) for _ in range(3))
        self.between = [np.zeros(t.coarse_shape, dtype) for t in self.transfers[:-1]]


class StarCycle(LinearOperator):
    """One multigrid cycle M ~ A^-1 of a `StarOperator` from the guess zero.

    On every level: relax; restrict the residual with P^T; cycle on the coarse level, once for "V",
    twice for "W", an F and then a V for "F"; correct with P; relax. The coarsest matrix is
    inverted. The adjoint is the cycle of the adjoint operator with all steps in reverse. Reference:
    Trottenberg, Oosterlee & Schueller (2001), Multigrid, section 2.4.

    In another precision than the operator's, operator and data are scaled to range. Subclasses
    call `_append` for every level and `_close` for the coarsest, and define `_relax`.
    """

    def __init__(self, operator: StarOperator, cycle: str, dtype: Any):
        require_choice(cycle, "cycle", VISITS)
        single = "complex64" if operator.dtype.kind == "c" else "float32"
        allowed = dict.fromkeys((operator.dtype.name, single))  # one word if they are the same
        wanted = require_dtype(operator.dtype if dtype is None else dtype, *allowed)
        self.operator = operator
        self.domain_shape = self.range_shape = operator.domain_shape
        self.dtype = operator.dtype
        #: Precision of the cycle.
        self.precision = wanted
        self.cycle = cycle
        self.levels: list[StarLevel] = []
        self._scale = float(1 / (np.abs(operator.diagonal).max() or 1.0))

    def _append(self, operator: StarOperator, transfers: Sequence[Transfer], weight: Array) -> None:
        """Append a level of an operator that is scaled already."""
        real = self.precision.type(0).real.dtype
        cast = [
            replace(t, left=t.left.astype(real, copy=False), right=t.right.astype(real, copy=False))
            for t in transfers
        ]
        self.levels.append(StarLevel(operator, cast, weight))

    def _close(self, operator: StarOperator) -> None:
        """Invert the coarsest operator."""
        matrix = operator.to_sparse().toarray()
        matrix = matrix.astype(np.result_type(matrix, np.float64))
        try:
            inverse = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            inverse = np.linalg.pinv(matrix)
        self._inverse = inverse.astype(self.precision)
        shape = operator.domain_shape
        self._coarsest = [np.zeros(shape, self.precision) for _ in range(2)]

    @abstractmethod
    def _relax(self, level: StarLevel, first: bool, flipped: bool, from_zero: bool) -> None:
        """Relax A u = f, or A^T u = f if `flipped`, before (`first`) or after the correction.

        The steps of a flipped cycle are the transposes of the others: those before the correction
        are transposes of those after, in reverse order. May exchange `level.u` and `level.r`.
        """

    def _apply(self, u: Any) -> Any:
        return self._run(u, flipped=False)

    def _adjoint(self, v: Any) -> Any:
        # M* v is the conjugate of M^T applied to the conjugate of v.
        return np.conj(self._run(np.conj(v), flipped=True))

    def _run(self, r: Array, flipped: bool) -> Array:
        """Return M r or M^T r."""
        size = float(np.abs(r).max())
        size = size if 0 < size < np.inf else 1.0
        f = self.levels[0].f if self.levels else self._coarsest[1]
        np.multiply(r, 1 / size, out=f, casting="same_kind")
        self._cycle(0, self.cycle, flipped, from_zero=True)
        u = self.levels[0].u if self.levels else self._coarsest[0]
        return np.multiply(u, size * self._scale, dtype=self.dtype)

    def _cycle(self, depth: int, kind: str, flipped: bool, from_zero: bool) -> None:
        """Improve u of a level by one cycle for its f."""
        if depth == len(self.levels):
            u, f = self._coarsest
            np.dot(self._inverse.T if flipped else self._inverse, f.ravel(), out=u.ravel())
            return
        level = self.levels[depth]
        self._relax(level, True, flipped, from_zero)
        operator = level.operator.transpose if flipped else level.operator
        operator.residual_into(level.r, level.f, level.u)
        last = depth + 1 == len(self.levels)
        below = None if last else self.levels[depth + 1]
        stages = [level.r, *level.between, self._coarsest[1] if below is None else below.f]
        for transfer, fine, coarse in zip(level.transfers, stages[:-1], stages[1:], strict=True):
            transfer.restrict_into(coarse, fine)
        kinds = VISITS[kind][: 1 if last else None]
        for number, coarse_kind in enumerate(reversed(kinds) if flipped else kinds):
            self._cycle(depth + 1, coarse_kind, flipped, from_zero=number == 0)
        stages = [level.u, *level.between, self._coarsest[0] if below is None else below.u]
        for k in reversed(range(len(level.transfers))):
            level.transfers[k].prolong_into(stages[k], stages[k + 1], add=k == 0)
        self._relax(level, False, flipped, False)
