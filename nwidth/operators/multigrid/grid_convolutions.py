"""Convolutions on grids of any size, with boundary conditions: what multigrid is made of.

A stencil is an array (out, in, 3, ...) of weights per point of the grid, `nn.functional.conv2d`'s.
How it is continued beyond the two ends of an axis is said by a word per axis:

    walls      zero, one step beyond the last points on either side, where a wall holds the function
    zeros      zero; the convolutions of the published networks
    mirrored   v_{-1} = v_1: even about the first point (Neumann, nodes)
    doubled    v_{-1} = v_0: even about half a step before it (Neumann, cells)
    periodic   v_{-1} = v_{n-1}

Coarse points are chosen as in `nwidth.solvers.multigrid.coarsen`: the second, fourth, ... beside
walls, so that these stay where they are, and the first, third, ... otherwise. Of an even number of
points between walls the last one has no coarse point: its distance to the wall would be half of the
coarse spacing, which the solver's coefficients can express and a stencil cannot. The coarse wall
then lies inside the fine one, so that corrections are those of a subspace.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

ENDS = ("walls", "zeros", "mirrored", "doubled", "periodic")

_CONVOLUTION = (functional.conv1d, functional.conv2d, functional.conv3d)
_TRANSPOSED = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


def coarse_sizes(sizes: Sequence[int], ends: Sequence[str]) -> tuple[int, ...]:
    """Return the points per axis of the next coarser grid.

    An axis is halved unless less than two points would be left of it.

    >>> coarse_sizes((83, 83), ("walls", "walls")), coarse_sizes((85, 3), ("mirrored", "walls"))
    ((41, 41), (43, 3))
    """
    coarse = []
    for n, end in zip(sizes, ends, strict=True):
        half = (n - 1) // 2 if end == "walls" else (n + 1) // 2
        coarse.append(half if half >= 2 else n)
    return tuple(coarse)


def hierarchy(sizes: Sequence[int], ends: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the points per axis of all grids, the finest first, down to what cannot be halved.

    >>> hierarchy((83,), ("walls",))
    [(83,), (41,), (20,), (9,), (4,)]
    """
    grids = [tuple(sizes)]
    while (coarse := coarse_sizes(grids[-1], ends)) != grids[-1]:
        grids.append(coarse)
    return grids


def smoothed(v: Tensor, stencil: Tensor, ends: Sequence[str]) -> Tensor:
    """Return the convolution on all points of v (batch, in, *grid)."""
    v, padding = _extended(v, ends)
    return _CONVOLUTION[len(ends) - 1](v, stencil, padding=padding)


def restricted(v: Tensor, stencil: Tensor, ends: Sequence[str]) -> Tensor:
    """Return the convolution on the points of the next coarser grid.

    >>> weighting = torch.tensor([[[0.25, 0.5, 0.25]]])
    >>> restricted(torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), weighting, ("walls",))
    tensor([[[2., 4.]]])
    """
    sizes = tuple(v.shape[2:])
    coarse = coarse_sizes(sizes, ends)
    halved = tuple(c != n for c, n in zip(coarse, sizes, strict=True))
    v, padding = _extended(v, ends)
    for k, end in enumerate(ends):
        if halved[k] and end == "walls":
            padding[k] = 0  # the first centre is the second point
    steps = tuple(2 if half else 1 for half in halved)
    return _CONVOLUTION[len(ends) - 1](v, stencil, stride=steps, padding=padding)


def prolonged(e: Tensor, stencil: Tensor, ends: Sequence[str], sizes: Sequence[int]) -> Tensor:
    """Return the interpolation, by the transposed convolution, onto the grid of these sizes.

    The stencil (in, out, 3, ...) or (in, out, 4, ...) is centred on the coarse points; 4 reaches
    two fine points to the right.

    >>> linear = torch.tensor([[[0.5, 1.0, 0.5]]])
    >>> prolonged(torch.tensor([[[2.0, 4.0]]]), linear, ("walls",), (5,))
    tensor([[[1., 2., 3., 4., 2.]]])
    """
    d, wide = len(ends), stencil.shape[-1] == 4
    padding, steps = [1] * d, [1] * d
    for k, (end, n) in enumerate(zip(ends, sizes, strict=True)):
        axis, zero = k + 2, end in ("walls", "zeros")
        if e.shape[axis] == n:  # an axis that was not halved
            if not zero and wide:  # and so has two points, of which those two before are made
                before = e.flip(axis) if end == "doubled" else e
                e, padding[k] = torch.cat([before, _reaching(e, axis, end, False)], axis), 3
            elif not zero:
                e, padding[k] = _reaching(e, axis, end, True), 2
            continue
        steps[k] = 2
        behind = "doubled" if end == "mirrored" and n % 2 == 0 else end
        if end == "walls":
            padding[k] = 0
        elif wide and not zero:  # the coarse point before the first reaches the first fine one
            first = _reaching(e, axis, end, True).narrow(axis, 0, 1)
            e, padding[k] = torch.cat([first, _reaching(e, axis, behind, False)], axis), 3
        elif n % 2 == 0:  # the last fine point lies beyond the last coarse one
            e = _reaching(e, axis, behind, False)
    u = _TRANSPOSED[d - 1](e, stencil, stride=steps, padding=padding)
    missing = [n - m for n, m in zip(reversed(sizes), reversed(u.shape[2:]), strict=True)]
    # Some rows too many where the last point is a coarse one, one too few beside a wall.
    beyond = [number for m in missing for number in (0, m)]
    return functional.pad(u, beyond) if any(beyond) else u


def injected(v: Tensor, ends: Sequence[str]) -> Tensor:
    """Return the values at the points of the next coarser grid.

    >>> injected(torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), ("zeros",))
    tensor([[[1., 3., 5.]]])
    """
    sizes = tuple(v.shape[2:])
    at = []
    for n, coarse, end in zip(sizes, coarse_sizes(sizes, ends), ends, strict=True):
        first = int(end == "walls")
        at.append(slice(None) if coarse == n else slice(first, first + 2 * coarse - 1, 2))
    return v[(slice(None), slice(None), *at)]


def interpolated(e: Tensor, ends: Sequence[str], sizes: Sequence[int]) -> Tensor:
    """Return the linear interpolation of every channel onto the grid of these sizes.

    >>> interpolated(torch.tensor([[[1.0, 3.0]]]), ("periodic",), (4,))
    tensor([[[1., 2., 3., 2.]]])
    """
    channels = e.shape[1]
    merged = e.flatten(0, 1).unsqueeze(1)
    weights = linear_stencil([n != c for n, c in zip(sizes, e.shape[2:], strict=True)]).to(e)
    u = prolonged(merged, weights[None, None], ends, sizes)
    return u.view(-1, channels, *sizes)


def linear_stencil(halved: Sequence[bool]) -> Tensor:
    """Return (1/2, 1, 1/2) along the halved axes and (0, 1, 0) along the others, multiplied."""
    product: NDArray[np.float64] = np.ones(())
    for half in halved:
        side = 0.5 if half else 0.0
        product = np.multiply.outer(product, [side, 1.0, side])
    return torch.tensor(product, dtype=torch.float32)


def _extended(v: Tensor, ends: Sequence[str]) -> tuple[Tensor, list[int]]:
    """Return v with one more point at both ends of axes that are not zero there, and the padding.

    The convolution itself pads with the zeros.
    """
    padding = []
    for k, end in enumerate(ends):
        zero = end in ("walls", "zeros")
        padding.append(int(zero))
        v = v if zero else _reaching(v, k + 2, end, True)
    return v, padding


def _reaching(v: Tensor, axis: int, end: str, both: bool) -> Tensor:
    """Return v with its continuation by one point, at both ends of an axis or behind it alone."""
    n = v.shape[axis]
    if end == "zeros":
        first = last = torch.zeros_like(v.narrow(axis, 0, 1))
    elif end == "periodic":
        first, last = v.narrow(axis, n - 1, 1), v.narrow(axis, 0, 1)
    else:
        inward = int(end == "mirrored" and n > 1)
        first, last = v.narrow(axis, inward, 1), v.narrow(axis, n - 1 - inward, 1)
    return torch.cat([first, v, last] if both else [v, last], dim=axis)
