"""Transfer between a grid and the one with every second point of an axis."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.kernels import kernel_module
from nwidth.solvers.diffusion_operator import THREADED_SIZE

Array = NDArray[Any]


@dataclass(frozen=True)
class Transfer:
    """Interpolation P along one axis with weights from the operator; restriction is P^T.

    Coarse points keep their value; a point between two coarse ones takes the value at which no flux
    is left over along the axis, so jumps of the coefficient are followed:

        (P e)_i = (T_- e_- + T_+ e_+) / (T_- + T_+)

    Reference: Alcouffe, Brandt, Dendy & Painter (1981), doi:10.1137/0902035, section 3.

    `left` and `right` hold the two weights for the points between, shape of the fine array with
    these points alone along `axis`; coarse points are fine points offset, offset + 2, ... Towards a
    wall the weight belongs to the value zero there and is dropped.

    >>> half = np.full(2, 0.5)
    >>> Transfer(0, 1, False, (3,), half, half).prolong(np.ones(1)).tolist()
    [0.5, 1.0, 0.5]
    """

    axis: int
    offset: int
    wraps: bool
    fine_shape: tuple[int, ...]
    left: Array
    right: Array

    @property
    def coarse_shape(self) -> tuple[int, ...]:
        """Shape of the coarse array."""
        shape = list(self.fine_shape)
        shape[self.axis] -= self.left.shape[self.axis]
        return tuple(shape)

    def restrict_into(self, out: Array, r: Array) -> None:
        """Set out = P^T r."""
        kernels = kernel_module("nwidth.solvers.multigrid._transfer", r)
        threaded = r.size >= THREADED_SIZE
        if self.axis == r.ndim - 1:
            arrays = (self._rows(a) for a in (out, r, self.left, self.right))
            kernels.restrict_along(*arrays, self.offset, self.wraps, threaded)
        else:
            arrays = (self._slabs(a) for a in (out, r, self.left, self.right))
            kernels.restrict_rows(*arrays, self.offset, self.wraps, threaded)

    def prolong_into(self, u: Array, e: Array, add: bool) -> None:
        """Set u = P e, or u += P e."""
        kernels = kernel_module("nwidth.solvers.multigrid._transfer", u)
        threaded = u.size >= THREADED_SIZE
        if self.axis == u.ndim - 1:
            arrays = (self._rows(a) for a in (u, e, self.left, self.right))
            kernels.prolong_along(*arrays, self.offset, self.wraps, add, threaded)
        else:
            arrays = (self._slabs(a) for a in (u, e, self.left, self.right))
            kernels.prolong_rows(*arrays, self.offset, self.wraps, add, threaded)

    def restrict(self, r: Array) -> Array:
        """Return P^T r."""
        xp = namespace(r)
        out = xp.empty(self.coarse_shape, r.dtype)
        self.restrict_into(out, xp.ascontiguousarray(r))
        return out

    def prolong(self, e: Array) -> Array:
        """Return P e."""
        xp = namespace(e)
        u = xp.empty(self.fine_shape, e.dtype)
        self.prolong_into(u, xp.ascontiguousarray(e), add=False)
        return u

    def _rows(self, a: Array) -> Array:
        return a.reshape(-1, a.shape[-1])

    def _slabs(self, a: Array) -> Array:
        """Return the view (outer, axis, inner)."""
        outer = int(np.prod(a.shape[: self.axis]))
        return a.reshape(outer, a.shape[self.axis], -1)
