"""The shifted-Laplacian preconditioner of Helmholtz' equation."""

from typing import Any

import numpy as np

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError
from nwidth.solvers.helmholtz_operator import HelmholtzOperator
from nwidth.solvers.multigrid.coarsening import coarsen, strong_axes
from nwidth.solvers.multigrid.multigrid_cycle import COARSEST
from nwidth.solvers.multigrid.star_cycle import StarCycle, StarLevel
from nwidth.solvers.star_operator import StarOperator


class ShiftedLaplacian(StarCycle):
    """One multigrid cycle for the damped operator -div grad - (beta_1 + i beta_2) k^2.

        M ~ (D - (beta_1 + i beta_2) m - i c)^-1    for    A = D - m - i c

    Multigrid fails on A itself, which is indefinite; on the damped operator it converges, and its
    inverse gathers the spectrum of A M in a circle away from most of zero. The number of Krylov
    iterations grows like k and not with the number of points. Reference: Erlangga, Oosterlee & Vuik
    (2006), doi:10.1137/040615195; their waves have the other sign of i.

    Levels halve all strongly coupled axes; D has averaged fluxes, m and c are restricted with P^T,
    which keeps their totals. Damped Jacobi relaxation. Matrix-free, 1 to 3 axes, any size. The
    matrix of M is symmetric for V- and W-cycles, like A's.

    Args:
        operator: A.
        shift: beta_1 and beta_2 > 0. Good values: (1, 0.5) with few iterations, (1, 1) where
            cycles with smaller damping do not converge.
        cycle: "V", "F" or "W".
        damping: omega of the Jacobi steps, in (0, 1].
        sweeps: Jacobi steps before and after, >= 1.
        dtype: precision of the cycle, the operator's by default; complex64 halves the traffic and
            does for iterations in complex128.

    Raises `InputError` for anything but a `HelmholtzOperator` and parameters out of range.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers.equations import Helmholtz
    >>> A = Helmholtz(Grid.uniform((33, 33))).operator({"wavenumber": np.full((33, 33), 10.0)})
    >>> M = ShiftedLaplacian(A)
    >>> len(M.levels), M.apply(np.ones((33, 33))).dtype
    (3, dtype('complex128'))
    """

    def __init__(
        self,
        operator: HelmholtzOperator,
        *,
        shift: tuple[float, float] = (1.0, 0.5),
        cycle: str = "F",
        damping: float = 0.8,
        sweeps: int = 1,
        dtype: Any = None,
    ):
        require_instance(operator, "shifted Laplacian", HelmholtzOperator)
        if np.ndim(shift) == 0 or len(shift) != 2:
            raise InputError(f"shift: expected two numbers, the second > 0, got {shift!r:.80}")
        damping = require_number(damping, "damping", "(0, 1]")
        super().__init__(operator, cycle, dtype)
        self.sweeps = require_integer(sweeps, "sweeps", 1)
        self.shift = (
            require_number(shift[0], "shift[0]", "(-inf, inf)"),
            require_number(shift[1], "shift[1]", "(0, inf)"),
        )
        level = operator
        while level.shape[0] > COARSEST and (axes := strong_axes(level.diffusion)):
            diffusion, mass, loss, transfers = level.diffusion, level.mass, level.damping, []
            for axis in axes:
                diffusion, transfer = coarsen(diffusion, axis)
                mass, loss = transfer.restrict(mass), transfer.restrict(loss)
                transfers.append(transfer)
            damped = self._damped(level)
            self._append(damped, transfers, damping / damped.diagonal)
            level = HelmholtzOperator(diffusion, mass, loss)
        self._close(self._damped(level))

    def _damped(self, level: HelmholtzOperator) -> StarOperator:
        """Return the damped operator of a level as the cycle sees it."""
        return level.shifted(*self.shift).scaled(self._scale, self.precision)

    def _relax(self, level: StarLevel, first: bool, flipped: bool, from_zero: bool) -> None:
        for _ in range(self.sweeps):
            if from_zero:
                np.multiply(level.weight, level.f, out=level.u)
                from_zero = False
                continue
            level.operator.jacobi_into(level.r, level.f, level.u, level.weight)
            level.u, level.r = level.r, level.u
