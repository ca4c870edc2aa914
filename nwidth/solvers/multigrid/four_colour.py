"""Gauss-Seidel relaxation of nine-point operators by four colours."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.errors import InputError
from nwidth.solvers.multigrid.relaxation import Relaxation
from nwidth.solvers.nine_point_operator import NinePointOperator

Array = NDArray[Any]


class FourColour(Relaxation):
    """Gauss-Seidel relaxation of A u = f for a nine-point operator, one colour after the other.

        u_i <- (f_i + sum_j T_ij u_j) / A_ii    for all points of a colour at once

    Point (i, j) has colour (i modulo 2, j modulo 2): no two of the points that a point is coupled
    with share its colour, diagonals included. Relaxing in the opposite order is the adjoint of
    relaxing in order, which keeps a cycle symmetric. Reference: Trottenberg, Oosterlee & Schueller
    (2001), Multigrid.

    Raises `InputError` for other operators and where the diagonal is not positive.

    >>> one = np.ones((1, 1))
    >>> A = NinePointOperator(np.ones((2, 2)), np.ones((1, 2)), np.ones((2, 1)), 0 * one, 0 * one)
    >>> u = np.zeros((2, 2))
    >>> FourColour(A).smooth(u, np.full((2, 2), 3.0))
    >>> u.round(4).tolist()
    [[1.0, 1.3333], [1.3333, 1.8889]]
    """

    def __init__(self, operator: NinePointOperator):
        diagonal = require_instance(operator, "four colours", NinePointOperator).diagonal
        if not diagonal.min() > 0:
            where = tuple(int(i) for i in np.unravel_index(diagonal.argmin(), diagonal.shape))
            raise InputError(
                f"operator: expected a positive diagonal to relax with, got {diagonal[where]} at "
                f"index {where}"
            )
        super().__init__(operator)

    @cached_property
    def _work(self) -> tuple[Array, Array]:
        """The inverse diagonal, and one scratch row per thread."""
        from nwidth.solvers._nine_point_numba import get_num_threads

        threads = get_num_threads() if self.operator.threaded else 1
        scratch = np.empty((threads, self.operator.domain_shape[1]), self.operator.dtype)
        return np.reciprocal(self.operator.diagonal), scratch

    def smooth(
        self,
        u: Array,
        f: Array,
        sweeps: int = 1,
        *,
        adjoint: bool = False,
        from_zero: bool = False,
    ) -> None:
        """Relax every colour `sweeps` times, first to last, or last to first if `adjoint`.

        u is changed in place; `from_zero` takes it as zero whatever it holds.
        """
        from nwidth.solvers._nine_point_numba import smooth

        if from_zero:
            u[...] = 0
        inverse, scratch = self._work
        A = self.operator
        smooth(u, f, inverse, A.stencil, A.zeros, scratch, sweeps, adjoint)
