"""Coarse operators: every second point of the strongly coupled axes, fluxes averaged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.transfer import Transfer

Array = NDArray[Any]

# An axis is coarsened if its couplings are at least this fraction of the strongest axis's.
STRONG = 0.12
# Couplings to a wall of at least this fraction of those to the next points make it the next point.
WALL = 0.5
# ... or this, where all axes are asked for: those that have any coupling.
TINY = 1e-100


def strong_axes(operator: DiffusionOperator, every: bool = False) -> list[int]:
    """Return the axes along which a point is tied to its neighbours about as strongly as any.

    The strength of an axis is the sum over all points of its share in the diagonal. Weakly coupled
    axes keep all their points until, level by level, the strong ones have caught up
    (semi-coarsening): point relaxation smooths errors along strong couplings only. Reference:
    Trottenberg, Oosterlee & Schueller (2001), Multigrid, section 5.1.2. The last axis comes first,
    so that the others work on shortened rows. `every` takes all axes of two points or more that
    have any coupling, for relaxations that smooth along strong ones.

    >>> T = [np.full((9, 8), 1.0), np.full((8, 9), 100.0)]
    >>> strong_axes(DiffusionOperator(T))
    [1]
    """
    require_instance(operator, "coarsening", DiffusionOperator)
    xp, inverse = operator.xp, 1 / operator.diagonal
    strengths = {}
    for k, n in enumerate(operator.domain_shape):
        if n >= 2:
            t, at = operator.faces[k], _Along(k, inverse.ndim)
            sides = (t[at(slice(0, n))], t[at(slice(1, n + 1))])
            rows = (xp.einsum("...i,...i->...", side, inverse) for side in sides)
            strengths[k] = sum(float(row.sum(dtype=np.float64)) for row in rows)
    if not strengths:
        return []
    least = (TINY if every else STRONG) * max(strengths.values())
    return [k for k in sorted(strengths, reverse=True) if strengths[k] >= least]


def coarsen(operator: DiffusionOperator, axis: int) -> tuple[DiffusionOperator, Transfer]:
    """Return the operator on every second point of an axis, and the transfer to it.

    Couplings in series along the axis are eliminated exactly, couplings in parallel added with the
    weights of the interpolation, so the coarse operator is again in flux form:

        T = T_- T_+ / (T_- + T_+)    along the axis,
        T_coarse point + w_+ T_point before + w_- T_point after    across it.

    Coarse points are the second, fourth, ... if the first point is tied to a wall about as strongly
    as to its neighbour, and the first, third, ... otherwise: a Dirichlet wall stays where it is,
    and a point on a Neumann side, or on a Robin side that hardly holds it, is kept.

    >>> coarse, transfer = coarsen(DiffusionOperator((np.ones(8),)), 0)
    >>> coarse.faces[0].tolist(), transfer.coarse_shape
    ([0.5, 0.5, 0.5, 0.5], (3,))
    """
    d = len(require_instance(operator, "coarsening", DiffusionOperator).domain_shape)
    if require_integer(axis, "axis", 0) >= d:
        raise InputError(f"axis: expected one from 0 to {d - 1}, got {axis!r}")
    T, wraps = operator.faces[axis], operator.periodic[axis]
    at = _Along(axis, T.ndim)
    n = operator.domain_shape[axis]
    wall, inside = (float(T[at(slice(k, k + 1))].sum(dtype=np.float64)) for k in (0, 1))
    offset = int(not wraps and wall > WALL * inside)
    between = slice(1 - offset, n, 2)
    before, after = T[at(between)], T[at(slice(2 - offset, n + 1, 2))]
    total = before + after
    total[total == 0] = 1
    left = before / total
    right = operator.xp.ascontiguousarray(after / total)
    transfer = Transfer(axis, offset, wraps, operator.domain_shape, left, right)
    layout = (axis, offset, n, wraps)
    faces = [_series(T, left * after, *layout)] * T.ndim
    if wraps and n == 2:
        faces[axis][...] = 0  # the point that is left is its own neighbour
    for j, t in enumerate(operator.faces):
        if j != axis:
            across = operator.periodic[j]
            to_left, to_right = _on_faces(left, j, across), _on_faces(right, j, across)
            faces[j] = _parallel(t, to_left, to_right, *layout)
    reaction = operator.reaction
    if reaction is not None:
        reaction = _parallel(reaction, left, right, *layout)
    return DiffusionOperator(faces, reaction, operator.periodic), transfer


def _series(T: Array, series: Array, axis: int, offset: int, n: int, wraps: bool) -> Array:
    """Return the couplings along the axis: eliminated points where there are any."""
    at = _Along(axis, T.ndim)
    coarse, fine = n - series.shape[axis], series.shape[axis]
    shape = list(T.shape)
    shape[axis] = coarse + 1
    faces = namespace(T).empty(shape, T.dtype)
    faces[at(slice(0, 1))] = T[at(slice(0, 1))]
    faces[at(slice(coarse, coarse + 1))] = T[at(slice(n, n + 1))]
    faces[at(slice(1 - offset, fine + 1 - offset))] = series
    if wraps and fine == coarse:
        faces[at(slice(0, 1))] = faces[at(slice(coarse, coarse + 1))]
    return faces


def _parallel(
    t: Array, left: Array, right: Array, axis: int, offset: int, n: int, wraps: bool
) -> Array:
    """Return the couplings across the axis: each coarse layer with its share of the next ones."""
    at = _Along(axis, t.ndim)
    out = namespace(t).array(t[at(slice(offset, n, 2))], order="C")
    between = t[at(slice(1 - offset, n, 2))]
    coarse, fine = out.shape[axis], between.shape[axis]
    stop = min(fine, coarse + offset)
    out[at(slice(0, stop - offset))] += (left * between)[at(slice(offset, stop))]
    stop = min(fine, coarse - 1 + offset)
    out[at(slice(1 - offset, stop + 1 - offset))] += (right * between)[at(slice(0, stop))]
    if wraps and fine == coarse:
        out[at(slice(0, 1))] += (right * between)[at(slice(fine - 1, fine))]
    return out


def _on_faces(weight: Array, j: int, wraps: bool) -> Array:
    """Return the weights on the faces across axis j: the mean of both sides."""
    at = _Along(j, weight.ndim)
    n = weight.shape[j]
    shape = list(weight.shape)
    shape[j] = n + 1
    faces = namespace(weight).empty(shape, weight.dtype)
    faces[at(slice(0, n))] = weight
    faces[at(slice(n, n + 1))] = weight[at(slice(n - 1, n))]
    faces[at(slice(1, n))] += weight[at(slice(0, n - 1))]
    faces[at(slice(1, n))] *= 0.5
    if wraps:
        seam = (weight[at(slice(0, 1))] + weight[at(slice(n - 1, n))]) / 2
        faces[at(slice(0, 1))] = faces[at(slice(n, n + 1))] = seam
    return faces


class _Along:
    """Index of a range of layers along one axis."""

    def __init__(self, axis: int, dimension: int):
        self.before = (slice(None),) * axis

    def __call__(self, layers: slice) -> tuple[slice, ...]:
        return (*self.before, layers)
