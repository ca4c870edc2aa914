"""Fields of tensors carried from one grid to another by linear interpolation, differentiably."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.operators.training.mixed_precision import in_full_precision

Axes = tuple[Axis, ...]

# How many times finer than an axis its own grid may be: several where the axes are refined unlike.
_MOST_TIMES = 1000
# Points are counted in 64 bits.
_MOST_POINTS = 1 << 48


@in_full_precision
def carried(v: Tensor, axes: Axes, target: Axes) -> Tensor:
    """Return fields (batch, channels, *grid) on another grid of the same box.

    Multilinear, by `Grid.interpolate`: of second order, exact at shared points, periodic axes wrap.

    >>> coarse, fine = (Axis.uniform(3),), (Axis.uniform(5),)
    >>> carried(torch.tensor([[[0.0, 2.0, 0.0]]]), coarse, fine)
    tensor([[[0., 1., 2., 1., 0.]]])
    """
    for k, (axis, to) in enumerate(zip(axes, target, strict=True)):
        if axis != to:
            weights = _weights(axis, to, v.dtype, v.device)
            v = torch.tensordot(v, weights, dims=([k + 2], [1])).movedim(-1, k + 2)
    return v


def own_axes(axes: Axes, points: Sequence[int]) -> Axes:
    """Return the axes of a network whose own grid has so many points per axis.

    The axes themselves, where they are uniform and all are the own ones doubled or halved a number
    of times, the same for all; otherwise the own ones, halved as often as comes nearest to coarser
    axes. Raises `InputError` for own ones out of all proportion to the axes.

    >>> [own_axes((Axis.uniform(n),), (85,))[0].size for n in (169, 43, 211, 50)]
    [169, 43, 85, 43]
    """
    if max(points) > _MOST_POINTS:
        raise InputError(
            f"points: expected at most 2**48 per axis, got {tuple(points)!r:.80}; give those of "
            "the training data"
        )
    # Intervals per axis: what doubles when a node axis is refined is one less than its points.
    less = [int(not axis.periodic and axis.centering == "node") for axis in axes]
    pairs = list(zip(axes, points, less, strict=True))
    ratios = [np.log2((axis.size - one) / (own - one)) for axis, own, one in pairs]
    if all(axis.is_uniform for axis in axes) and len({*ratios}) == 1 and ratios[0] % 1 == 0:
        return axes
    half = 2.0 ** min(0, round(float(np.mean(ratios))))
    found = []
    for axis, own, one in pairs:
        n = max(2, round((own - one) * half) + one)
        if n > _MOST_TIMES * axis.size:
            raise InputError(
                f"points: expected an own grid in proportion to the axes, of which {axis.name} has "
                f"{axis.size} points, got {tuple(points)!r:.80}, which makes {n} of them there; "
                "give the points per axis of the training data"
            )
        to = axis.with_points(n)
        found.append(axis if axis == to else to)
    return tuple(found)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _weights(axis: Axis, to: Axis, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (points of the target, points of the axis)."""
    matrix = Grid((axis,)).interpolate(np.eye(axis.size), Grid((to,)), edge="constant")
    return torch.tensor(np.ascontiguousarray(matrix.T), dtype=dtype, device=device)
