"""Operator-dependent transfer to every second point of a plane grid, and the Galerkin product."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import THREADED_SIZE
from nwidth.solvers.nine_point_operator import NinePointOperator

Array = NDArray[Any]

# A side counts as a wall if what it adds to the sums of the rows next to it is at least this part
# of what ties these to the next rows.
WALL = 0.25


@dataclass(frozen=True)
class BoxTransfer:
    """Interpolation P from every second point of one or both axes; restriction is P^T.

    Coarse points keep their value. A point on a line between two coarse ones takes the value at
    which the stencil, collapsed across the line, leaves no residual; one in the middle of four that
    at which the stencil leaves none, given the eight points around it:

        (P e)_i = (W e_- + E e_+) / (W + E),    W = T_w + T_nw + T_sw,  E = T_e + T_ne + T_se
        (P e)_i = sum_j T_ij (P e)_j / A_ii

    Jumps of the coefficient are followed wherever they are. Towards a wall the weight belongs to
    the value zero there and is dropped. References: Alcouffe, Brandt, Dendy & Painter (1981),
    doi:10.1137/0902035; Dendy (1982), doi:10.1016/0021-9991(82)90057-2.

    `weights[3 (a + 1) + b + 1]` are those of the coarse points in the fine points (a, b) away;
    coarse points are the fine points offset, offset + step, ... of each axis.
    """

    fine_shape: tuple[int, int]
    offsets: tuple[int, int]
    steps: tuple[int, int]
    weights: Array

    @classmethod
    def of(cls, A: NinePointOperator, axes: Collection[int]) -> Self:
        """Return the transfer for an operator that halves the given axes, in float64.

        Where the first points of an axis see a wall, coarse points are the second, fourth, ...,
        otherwise the first, third, ..., so that walls stay where they are. Raises `InputError` for
        an axis of fewer than 3 points.

        >>> from nwidth.solvers.diffusion_operator import DiffusionOperator
        >>> A = DiffusionOperator((np.ones((4, 3)), np.ones((3, 4))))
        >>> P = BoxTransfer.of(NinePointOperator.of(A), [0, 1])
        >>> P.prolong(np.ones((1, 1))).tolist()
        [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]
        """
        from nwidth.solvers.multigrid._box_transfer_numba import weigh

        axes = {*axes}
        n0, n1 = A.domain_shape
        if not axes or axes - {0, 1} or any(A.domain_shape[k] < 3 for k in axes):
            raise InputError(
                f"axes: expected 0 or 1 or both, with at least 3 points each, got {sorted(axes)} "
                f"for shape {A.domain_shape}"
            )
        offsets = _has_wall(A, 0) if 0 in axes else 0, _has_wall(A, 1) if 1 in axes else 0
        steps = (2 if 0 in axes else 1, 2 if 1 in axes else 1)
        coarse = [-(-(n - o) // s) for n, o, s in zip((n0, n1), offsets, steps, strict=True)]
        weights = np.zeros((9, *coarse))
        A = A.astype(np.float64)
        weigh(weights, A.stencil, A.diagonal, offsets, steps, A.threaded)
        return cls((n0, n1), offsets, steps, weights)

    @property
    def coarse_shape(self) -> tuple[int, int]:
        """Shape of the coarse array."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def _threaded(self) -> bool:
        return self.fine_shape[0] * self.fine_shape[1] >= THREADED_SIZE

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        from nwidth.solvers.multigrid._box_transfer_numba import restrict

        restrict(out, r, self.weights, self.offsets, self.steps, self._threaded)

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        from nwidth.solvers.multigrid._box_transfer_numba import prolong

        if not add:
            u[...] = 0
        prolong(u, e, self.weights, self.offsets, self.steps, self._threaded)

    def restrict(self, r: Array) -> Array:
        """Return P^T r."""
        out = np.empty(self.coarse_shape, r.dtype)
        self.restrict_into(out, np.ascontiguousarray(r))
        return out

    def prolong(self, e: Array) -> Array:
        """Return P e."""
        u = np.empty(self.fine_shape, e.dtype)
        self.prolong_into(u, np.ascontiguousarray(e), add=False)
        return u

    def galerkin(self, A: NinePointOperator) -> NinePointOperator:
        """Return P^T A P, a nine-point operator again, in float64.

        The sums of its rows are P^T A P 1, which the couplings' rounding errors do not enter.

        >>> from nwidth.solvers.diffusion_operator import DiffusionOperator
        >>> A = NinePointOperator.of(DiffusionOperator((np.ones((4, 3)), np.ones((3, 4)))))
        >>> BoxTransfer.of(A, [0, 1]).galerkin(A).diagonal.tolist()
        [[3.0]]
        """
        from nwidth.solvers.multigrid._box_transfer_numba import galerkin

        A = A.astype(np.float64)
        m0, m1 = self.coarse_shape
        coarse = np.zeros((5, m0 + 1, m1 + 1))
        layout = self.offsets, self.steps
        galerkin(coarse, self.weights, A.stencil, A.diagonal, *layout, A.threaded)
        if not A.singular:
            coarse[0, :-1, :-1] = self.restrict(A.apply(self.prolong(np.ones((m0, m1)))))
        return NinePointOperator.of_stencil(coarse, A.definite)

    def astype(self, dtype: Any) -> "BoxTransfer":
        """Return the transfer with weights in another precision."""
        weights = self.weights.astype(dtype, copy=False)
        return BoxTransfer(self.fine_shape, self.offsets, self.steps, weights)


def _has_wall(A: NinePointOperator, axis: int) -> int:
    """Return 1 if the first points of an axis see a wall, else 0."""
    sums, ties = np.moveaxis(A.sums, axis, 0), np.moveaxis(A.faces[axis], axis, 0)
    tie = sum(float(t[0].sum()) for t in (ties, *(np.moveaxis(t, axis, 0) for t in A.faces[2:])))
    return int(float(sums[0].sum()) - float(sums[1].sum()) > WALL * tie)
