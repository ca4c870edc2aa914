"""Multigrid for convection and diffusion with relaxation in the direction of the flow."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.solvers.convection_diffusion_operator import ConvectionDiffusionOperator
from nwidth.solvers.multigrid.coarsening import coarsen, strong_axes
from nwidth.solvers.multigrid.multigrid_cycle import COARSEST
from nwidth.solvers.multigrid.star_cycle import StarCycle, StarLevel
from nwidth.solvers.multigrid.transfer import Transfer

Array = NDArray[Any]


class DownstreamMultigrid(StarCycle):
    """One multigrid cycle M ~ A^-1 of a `ConvectionDiffusionOperator`.

    Coarse levels average the flows of faces in series, add those of faces in parallel, and are
    fitted anew, so that all have M-matrices. Relaxation is Gauss-Seidel downstream: where
    convection rules and the flow never turns back along an axis, a sweep all but solves; elsewhere
    it smooths. Axes along which the flow has both signs are swept both ways, one order after the
    other: half of the orders before the correction and half after. Reference: Trottenberg,
    Oosterlee & Schueller (2001), Multigrid, section 7.2.

    As preconditioner of `fgmres` it takes about 10 iterations to 1e-8 for any Peclet number where
    the flow does not turn back, one where it is constant and strong. Vortices with little diffusion
    take 12 to 22 in two dimensions, and 20 to 60 in three, slowly growing with the grid: fitting on
    coarse levels diffuses too much across closed streamlines.

    Args:
        operator: A.
        cycle: "V", "F" or "W".
        dtype: precision of the cycle, the operator's by default.

    Raises `InputError` for anything but a `ConvectionDiffusionOperator`.

    >>> from nwidth.solvers.diffusion_operator import DiffusionOperator
    >>> D = DiffusionOperator((np.ones((34, 33)), np.ones((33, 34))))
    >>> flows = [np.full((34, 33), 5.0), np.full((33, 34), -1.0)]
    >>> DownstreamMultigrid(ConvectionDiffusionOperator(D, flows)).orders
    [(True, False)]
    """

    def __init__(
        self, operator: ConvectionDiffusionOperator, *, cycle: str = "V", dtype: Any = None
    ):
        require_instance(operator, "downstream multigrid", ConvectionDiffusionOperator)
        super().__init__(operator, cycle, dtype)
        #: The orders of relaxation: per axis, whether points come in ascending order.
        self.orders = list(product(*(_ways(q) for q in operator.flows)))
        level = operator
        while level.shape[0] > COARSEST and (axes := strong_axes(level.diffusion)):
            diffusion, flows, transfers = level.diffusion, list(level.flows), []
            for axis in axes:
                diffusion, transfer = coarsen(diffusion, axis)
                flows = [_coarse_flow(q, j, transfer) for j, q in enumerate(flows)]
                transfers.append(transfer)
            scaled = level.scaled(self._scale, self.precision)
            self._append(scaled, transfers, scaled.diagonal)
            level = ConvectionDiffusionOperator(diffusion, flows)
        self._close(level.scaled(self._scale, self.precision))

    def _relax(self, level: StarLevel, first: bool, flipped: bool, from_zero: bool) -> None:
        if from_zero:
            level.u[...] = 0
        half = (len(self.orders) + 1) // 2
        if len(self.orders) == 1:
            orders = self.orders
        elif first != flipped:
            orders = self.orders[:half]
        else:
            orders = self.orders[half:]
        operator = level.operator
        if flipped:
            operator = operator.transpose
            orders = [tuple(not ahead for ahead in order) for order in reversed(orders)]
        for order in orders:
            operator.gauss_seidel(level.u, level.f, order)


def _ways(q: Array) -> tuple[bool, ...]:
    """Return in which orders the points of an axis are relaxed."""
    forward, backward = bool((q > 0).any()), bool((q < 0).any())
    return (True, False) if forward and backward else (not backward,)


def _coarse_flow(q: Array, j: int, transfer: Transfer) -> Array:
    """Return the flow through the faces across axis j on every second point of the transfer's."""
    axis, offset = transfer.axis, transfer.offset
    if j != axis:
        on_faces = [
            np.concatenate((w, w.take([-1], axis=j)), axis=j)
            for w in (transfer.left, transfer.right)
        ]
        shape = q.shape
        return replace(transfer, fine_shape=shape, left=on_faces[0], right=on_faces[1]).restrict(q)
    n = transfer.fine_shape[axis]
    faces = 2 * np.arange(transfer.coarse_shape[axis] + 1) + offset
    before, after = np.clip(faces - 1, 0, n), np.clip(faces, 0, n)
    if transfer.wraps and n % 2 == 0:
        before[0] = n - 1
    return (q.take(before, axis=axis) + q.take(after, axis=axis)) / 2
