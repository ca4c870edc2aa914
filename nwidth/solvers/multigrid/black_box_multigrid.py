"""The multigrid cycle with operator-dependent interpolation and Galerkin coarse operators."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.box_transfer import BoxTransfer
from nwidth.solvers.multigrid.coarsening import STRONG
from nwidth.solvers.multigrid.four_colour import FourColour
from nwidth.solvers.multigrid.multigrid_cycle import COARSEST, MultigridCycle
from nwidth.solvers.multigrid.red_black import RedBlack
from nwidth.solvers.nine_point_operator import NinePointOperator


class BlackBoxMultigrid(MultigridCycle):
    """One cycle M ~ A^-1 for a nine-point operator on a plane grid of any size.

        A_(l+1) = P^T A_l P,    P = BoxTransfer.of(A_l, strong axes)

    Coarse grids are every second point of the strongly coupled axes; P is taken from the stencil
    and coarse operators are Galerkin products, nine-point stencils again, so that neither knows of
    grids, coefficients or boundary conditions. Four-colour Gauss-Seidel relaxes, on the finest
    level of an operator in flux form red-black. References: Alcouffe, Brandt, Dendy & Painter
    (1981), doi:10.1137/0902035; Dendy (1982), doi:10.1016/0021-9991(82)90057-2.

    When to use which: full tensors and other nine-point operators need this class. For operators in
    flux form `Multigrid`, whose averaged fluxes cost no set-up, takes as many iterations where the
    coefficient is smooth, two-phase with large regions or a reservoir field. Where jumps do not lie
    on the coarse grids this class takes half as many or fewer, and `solve` takes it; as
    preconditioner of conjugate gradients to 1e-8 on 421 x 421 points, for the reservoir to 1e-10:

                                                      Multigrid   this class
        two-phase {3, 12}, log-normal of 2.4e4           7, 6         9, 8
        two-phase with large regions, 1e4 and 1e6       19, 23       14, 17
        rough inclusions of about 10 points, 100          27          13
        checkerboard of 5 x 5 points, 1e4                 68          34
        oblique channels 3 points wide, 1e4 and 1e8     > 150      54, 59
        SPE 10 model 1, each cell split into 4 x 4        15          14

    Where inclusions are a few points thin *and* of contrast 1e4 and more, no coarse grid of every
    second point resolves them, both fail, and `AlgebraicMultigrid` takes 20 to 35. A set-up costs
    about as much as six iterations. Rotated constant tensors take 8 iterations for a ratio of the
    eigenvalues of 1, 7 to 19 for 10 and 8 to 17 for 100, whatever the grid.

    Args:
        operator: what to invert approximately, positive definite or semidefinite.
        dtype: precision of the cycle, the operator's by default; the set-up is float64 always.
            float32 does for a preconditioner of float64 iterations.
        sweeps: relaxations before and after on each level, the last number repeated.
        cycle: "V", "W" or "F".

    Raises `InputError` for other operators, three dimensions, periodic axes, operators that are not
    promised to be definite, and sweeps < 1.

    >>> A = DiffusionOperator((np.full((65, 64), 1.0), np.full((64, 65), 1.0)))
    >>> BlackBoxMultigrid(A).iterate(np.ones((64, 64)), rtol=1e-8).status.name
    'CONVERGED'
    """

    accepts = (DiffusionOperator, NinePointOperator)

    def __init__(
        self,
        operator: DiffusionOperator | NinePointOperator,
        *,
        dtype: Any = None,
        sweeps: int | Sequence[int] = (1, 2, 4),
        cycle: str = "V",
    ):
        super().__init__(operator, dtype, sweeps, cycle)
        if not operator.properties & {"positive definite", "positive semidefinite"}:
            raise InputError(
                f"multigrid: expected a positive definite or semidefinite operator, got {operator} "
                "which promises neither; build it with definite=True if you know that it is"
            )
        coarse = operator.astype(np.float64, 1 / self._scale)
        smoother: Any = None
        if isinstance(coarse, DiffusionOperator):
            coarse, smoother = NinePointOperator.of(coarse), RedBlack(self._scaled())
        while coarse.shape[0] > COARSEST and (axes := _strong_axes(coarse)):
            transfer = BoxTransfer.of(coarse, axes)
            smoother = smoother or FourColour(coarse.astype(self.precision))
            self._append(smoother, [transfer.astype(self.precision)])
            coarse, smoother = transfer.galerkin(coarse), None
        self._close(coarse.to_sparse(), coarse.domain_shape, coarse.singular)


def _strong_axes(A: NinePointOperator) -> list[int]:
    """Return the axes along which a point is tied to its neighbours about as strongly as any.

    The strength of an axis is the mean over all points of what ties a point to the lines across
    that axis before and after it, as a share of the diagonal; `strong_axes` has the reasons.
    """
    s, inverse = A.stencil, np.reciprocal(A.diagonal)
    diagonals = s[3, 1:, 1:] + s[4, 1:, :-1] + s[3, :-1, :-1] + s[4, :-1, 1:]
    along = (s[1, 1:, :-1] + s[1, :-1, :-1], s[2, :-1, 1:] + s[2, :-1, :-1])
    strengths = {
        k: float((np.maximum(along[k] + diagonals, 0) * inverse).mean())
        for k, n in enumerate(A.domain_shape)
        if n >= 3
    }
    if not strengths:
        return []
    least = STRONG * max(strengths.values())
    return [k for k, strength in strengths.items() if strength >= least]
