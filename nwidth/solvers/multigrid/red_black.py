"""Gauss-Seidel relaxation by colours."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.kernels import kernel_module
from nwidth.solvers.diffusion_operator import THREADED_SIZE, DiffusionOperator
from nwidth.solvers.multigrid.relaxation import Relaxation

Array = NDArray[Any]


class RedBlack(Relaxation):
    """Gauss-Seidel relaxation of A u = f, one colour after the other.

        u_i <- (f_i + sum_f T_f u_j) / A_ii    for all points of a colour at once

    Point (i, j, k) has colour i + j + k modulo 2, red or black. On a periodic axis with an odd
    number of points that rule would make the first and last point alike; there the last point
    counts 2 instead of 0 and colours are taken modulo 3, so neighbours always differ. Relaxing in
    the opposite order is the adjoint of relaxing in order, which keeps a cycle symmetric.
    Reference: Trottenberg, Oosterlee & Schueller (2001), Multigrid, section 2.1.3.

    Raises `InputError` for other operators than a `DiffusionOperator`.

    >>> u = np.zeros(3)
    >>> RedBlack(DiffusionOperator((np.ones(4),))).smooth(u, np.ones(3))
    >>> u.tolist()
    [0.5, 1.0, 0.5]
    """

    def __init__(self, operator: DiffusionOperator):
        super().__init__(require_instance(operator, "red-black", DiffusionOperator))
        d = len(operator.domain_shape)
        # A single point of a periodic axis is no neighbour of its own.
        wraps = [p and n > 1 for p, n in zip(operator.periodic, operator.domain_shape, strict=True)]
        cycles = [w and n % 2 == 1 for w, n in zip(wraps, operator.domain_shape, strict=True)]
        self.wraps = (False,) * (3 - d) + tuple(wraps)
        self.odd_cycles = (False,) * (3 - d) + tuple(cycles)
        self.colours = 3 if any(cycles) else 2
        self._orders = np.arange(self.colours), np.arange(self.colours)[::-1].copy()
        self.threaded = operator.shape[0] >= THREADED_SIZE
        self.shape = (1,) * (3 - d) + operator.domain_shape

    @cached_property
    def _work(self) -> tuple[Array, Array]:
        """The inverse diagonal, and one scratch row per thread."""
        xp = self.operator.xp
        inverse = xp.reciprocal(self.operator.diagonal).reshape(self.shape)
        threads = self._kernels.get_num_threads() if self.threaded else 1
        return inverse, xp.empty((threads, self.shape[-1]), self.operator.dtype)

    @cached_property
    def _kernels(self) -> Any:
        """The kernels for the device of the operator."""
        return kernel_module("nwidth.solvers.multigrid._red_black", self.operator.faces[0])

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
        t0, t1, t2, *_ = self.operator.kernel_arguments
        inverse, scratch = self._work
        order = self._orders[int(adjoint)]
        self._kernels.smooth(
            *(u.reshape(self.shape), f.reshape(self.shape), inverse, t0, t1, t2, self.wraps),
            *(self.odd_cycles, order, sweeps, from_zero, scratch),
        )
