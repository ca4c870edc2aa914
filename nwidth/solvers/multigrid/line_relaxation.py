"""Gauss-Seidel relaxation by whole lines of points."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integers
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import THREADED_SIZE, DiffusionOperator
from nwidth.solvers.multigrid.subspace_correction import SubspaceCorrection

Array = NDArray[Any]


class LineRelaxation(SubspaceCorrection):
    """Zebra line Gauss-Seidel relaxation of A u = f along one axis, or along several in turn.

        u <- u + A_lines^-1 (f - A u)    on all lines of one colour at once, then of the other

    The points of a line are solved for together, by elimination; that smooths errors however
    strongly they are coupled. A line has the colour of its indices along the other axes, as in
    `RedBlack`. Along several axes in turn (alternating lines) errors are smoothed whatever axis is
    the strong one in what part of the domain. Lines in opposite order are the adjoint. Reference:
    Trottenberg, Oosterlee & Schueller (2001), Multigrid, sections 5.1.3 and 5.1.4.

    Use it as `Multigrid(A, smoother=partial(LineRelaxation, axes=(0, 1)), semi_coarsening=False)`.
    A sweep along one axis costs three to four red-black ones. Where one axis is strong everywhere,
    semi-coarsening with red-black relaxation takes less time.

    Args:
        operator: A.
        axes: the axis or axes along which lines are relaxed, in this order; all by default.

    Raises `InputError` for axes that A lacks.

    >>> A = DiffusionOperator((np.ones(4),))
    >>> u = np.zeros(3)
    >>> LineRelaxation(A).smooth(u, np.ones(3))
    >>> u.round(12).tolist()
    [1.5, 2.0, 1.5]
    """

    def __init__(self, operator: DiffusionOperator, axes: int | Sequence[int] | None = None):
        d = len(require_instance(operator, "lines", DiffusionOperator).domain_shape)
        axes = require_integers(range(d) if axes is None else axes, "axes", 0)
        if max(axes) >= d:
            raise InputError(f"axes: expected some of 0 to {d - 1}, got {axes!r}")
        super().__init__(operator)
        self.axes = axes
        self.threaded = operator.shape[0] >= THREADED_SIZE

    @cached_property
    def corrections(self) -> list[Callable[[Array, Array], None]]:
        """Solutions for the lines of a colour, colour by colour, axis by axis."""
        lines = [_Lines(self.operator, k) for k in self.axes]
        return [
            partial(along.add, colour=c, threaded=self.threaded)
            for along in lines
            for c in range(along.colours)
        ]


class _Lines:
    """The lines along one axis: factors of their matrices and colours.

    `shape` is (outer, axis, inner). `arrays` are couplings to the point before, inverse pivots, the
    vector that closes periodic lines, a scratch number per line, and its colour.
    """

    def __init__(self, operator: DiffusionOperator, axis: int):
        shape, dtype = operator.domain_shape, operator.dtype
        n = shape[axis]
        outer = int(np.prod(shape[:axis]))
        inner = int(np.prod(shape[axis + 1 :]))
        self.shape = (outer, n, inner)
        self.colours, colours = _colours(operator, axis)
        lower = operator.faces[axis].reshape(outer, n + 1, inner)
        pivots = operator.astype(np.float64).diagonal.reshape(self.shape).copy()
        ring = operator.periodic[axis] and n > 1
        if ring:  # open the ring: take the seam out of the two points that it joins
            pivots[:, 0] -= lower[:, 0]
            pivots[:, -1] -= lower[:, 0]
        inverse = _inverse_pivots(pivots, lower)
        closing = np.zeros((outer, 0, inner), dtype)
        if ring:
            closing = _closing(lower, inverse).astype(dtype)
        self.arrays = (
            lower,
            inverse.astype(dtype),
            closing,
            np.empty((outer, inner), dtype),
            colours.reshape(outer, inner),
        )

    def add(self, u: Array, r: Array, colour: int, threaded: bool) -> None:
        """Add the solutions for the residual r on the lines of a colour."""
        from nwidth.solvers.multigrid._line_relaxation_numba import add_solutions

        fields = u.reshape(self.shape), r.reshape(self.shape)
        add_solutions(*fields, *self.arrays, colour, threaded)


def _inverse_pivots(pivots: Array, lower: Array) -> Array:
    """Return the inverse pivots of symmetric elimination, given the diagonal; 0 for a zero pivot.

    A pivot is zero where a line is cut off from walls and from other lines: its last point then
    keeps its value.
    """
    least = 4 * pivots.shape[1] * np.finfo(lower.dtype).eps * pivots
    inverse = np.zeros_like(pivots)
    for k in range(pivots.shape[1]):
        if k > 0:
            pivots[:, k] -= np.square(lower[:, k], dtype=np.float64) * inverse[:, k - 1]
        np.divide(1, pivots[:, k], out=inverse[:, k], where=pivots[:, k] > least[:, k])
    return inverse


def _closing(t: Array, inverse: Array) -> Array:
    """Return q = B^-1 v and t_0 / (1 + t_0 v.q) for the open chain B and v = (1, 0, ..., 0, -1).

    The ring B + t_0 v v^T is solved by B^-1 r - q t_0 (v . B^-1 r) / (1 + t_0 v.q).
    """
    n = inverse.shape[1]
    q = np.zeros((t.shape[0], n + 1, t.shape[2]))
    q[:, 0], q[:, n - 1] = 1.0, -1.0
    q[:, 0] *= inverse[:, 0]
    for k in range(1, n):
        q[:, k] = (q[:, k] + t[:, k] * q[:, k - 1]) * inverse[:, k]
    for k in range(n - 2, -1, -1):
        q[:, k] += t[:, k + 1] * inverse[:, k] * q[:, k + 1]
    q[:, n] = t[:, 0] / (1 + t[:, 0] * (q[:, 0] - q[:, n - 1]))
    return q


def _colours(operator: DiffusionOperator, axis: int) -> tuple[int, Array]:
    """Return the number of colours of the lines along an axis, and the colour of each."""
    others = [k for k in range(len(operator.domain_shape)) if k != axis]
    total, odd_cycle = np.zeros((1,) * len(others), np.int64), False
    for i, k in enumerate(others):
        n = operator.domain_shape[k]
        index = np.arange(n) % 2
        if operator.periodic[k] and n % 2 == 1 and n > 1:
            index[-1], odd_cycle = 2, True
        total = total + index.reshape([-1 if j == i else 1 for j in range(len(others))])
    if not others or total.size == 1:
        return 1, np.zeros(1, np.int64)
    colours = 3 if odd_cycle else 2
    return colours, np.ascontiguousarray(total % colours)
