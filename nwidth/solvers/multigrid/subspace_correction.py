"""Relaxation by corrections of one part of the unknowns after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.multigrid.relaxation import Relaxation

Array = NDArray[Any]


class SubspaceCorrection(Relaxation, ABC):
    """Relaxation of A u = f by parts of the unknowns, for which it is solved in turn.

        u <- u + P_k M_k P_k^T (f - A u),    M_k ~ (P_k^T A P_k)^-1,    k = 1, 2, ...

    The parts in opposite order are the adjoint, which keeps a cycle symmetric. Reference: Xu
    (1992), doi:10.1137/1034116. Subclasses say what the parts are.
    """

    @property
    @abstractmethod
    def corrections(self) -> Sequence[Callable[[Array, Array], None]]:
        """Functions of u and r = f - A u that add the correction of a part to u, in order."""

    @cached_property
    def _r(self) -> Array:
        return np.empty(self.operator.domain_shape, self.operator.dtype)

    def smooth(
        self,
        u: Array,
        f: Array,
        sweeps: int = 1,
        *,
        adjoint: bool = False,
        from_zero: bool = False,
    ) -> None:
        """Relax all parts `sweeps` times, in reverse order if `adjoint`.

        u is changed in place; `from_zero` takes it as zero whatever it holds.
        """
        if from_zero:
            u[...] = 0
        turns = list(reversed(self.corrections)) if adjoint else self.corrections
        for _ in range(sweeps):
            for correct in turns:
                self.residual_into(self._r, f, u)
                correct(u, self._r)
