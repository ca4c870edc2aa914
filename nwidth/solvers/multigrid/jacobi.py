"""Damped Jacobi relaxation."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.relaxation import Relaxation
from nwidth.solvers.sparse_operator import SparseOperator

Array = NDArray[Any]

# The damping that smooths best where all axes are coarsened and coupled alike, by dimension.
DAMPING = (2 / 3, 4 / 5, 6 / 7)


class Jacobi(Relaxation):
    """Damped Jacobi relaxation of A u = f, all points at once.

        u <- u + omega D^-1 (f - A u)

    It needs no order of points and is its own adjoint, but takes about twice as many cycles as
    red-black Gauss-Seidel. The eigenvalues of D^-1 A do not exceed 2, so it converges for every
    omega < 1. Reference: Trottenberg, Oosterlee & Schueller (2001), Multigrid, section 2.1.2.

    Args:
        operator: A.
        omega: damping in (0, 1); by default 2/3, 4/5 or 6/7 in one, two or three dimensions.

    Raises `InputError` for other operators and omega out of range.

    >>> A = DiffusionOperator((np.ones(4),))
    >>> u = np.zeros(3)
    >>> Jacobi(A, 0.5).smooth(u, np.ones(3))
    >>> u.tolist()
    [0.25, 0.25, 0.25]
    """

    def __init__(self, operator: DiffusionOperator | SparseOperator, omega: float | None = None):
        require_instance(operator, "Jacobi", DiffusionOperator, SparseOperator)
        omega = DAMPING[len(operator.domain_shape) - 1] if omega is None else omega
        super().__init__(operator)
        self.omega = require_number(omega, "omega", "(0, 1)")

    @cached_property
    def _weights(self) -> Array:
        """Omega / D."""
        return self.operator.dtype.type(self.omega) / self.operator.diagonal

    @cached_property
    def _r(self) -> Array:
        return np.empty_like(self._weights, shape=self.operator.domain_shape)

    def smooth(
        self,
        u: Array,
        f: Array,
        sweeps: int = 1,
        *,
        adjoint: bool = False,
        from_zero: bool = False,
    ) -> None:
        """Relax all points `sweeps` times; the adjoint is the same.

        u is changed in place; `from_zero` takes it as zero whatever it holds.
        """
        if from_zero:
            np.multiply(self._weights, f, out=u)
            sweeps -= 1
        for _ in range(sweeps):
            self.residual_into(self._r, f, u)
            np.multiply(self._r, self._weights, out=self._r)
            u += self._r
