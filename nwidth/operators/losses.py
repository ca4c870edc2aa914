"""Relative errors of fields in L2 and H1, with the quadrature weights of their grid."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nwidth.errors import InputError
from nwidth.meshes import Axis

Axes = tuple[Axis, ...]


def relative_l2(prediction: Tensor, reference: Tensor, axes: Axes) -> Tensor:
    """Return ||p - u|| / ||u|| in L2 of the box, one number per sample.

        ||v||^2 = sum_channels sum_j w_j v_j^2,     w the quadrature weights of the axes

    The loss of Li et al. (2021), arXiv:2010.08895, section 5, with quadrature in place of the plain
    sum. Shapes (batch, channels, *grid) -> (batch,). Where the reference vanishes the absolute norm
    of the prediction is returned, so the value stays finite; its gradient at p = u is zero.

    >>> axes = (Axis.uniform(5),)
    >>> u = torch.ones(1, 1, 5)
    >>> relative_l2(1.5 * u, u, axes).item(), relative_l2(u, 0 * u, axes).item()
    (0.5, 1.0)
    """
    return _relative(_l2_norm, prediction, reference, axes)


def relative_h1(prediction: Tensor, reference: Tensor, axes: Axes, gradient: float = 1.0) -> Tensor:
    """Return ||p - u|| / ||u|| in H1 of the box, one number per sample.

        ||v||^2 = ||v||_L2^2 + gradient sum_a L_a^2 ||D_a v||_L2^2

    with differences D_a of neighbouring points over their distance (across the seam of a periodic
    axis too) and the length L_a of the box, which makes both terms have one unit. On the unit cube
    with gradient=1 this is the usual norm; smaller weights mix it with L2, gradient=0 is L2.

    Training on derivatives too: Czarnecki et al. (2017), Sobolev training for neural networks,
    arXiv:1706.04859. Shapes and zero references as in `relative_l2`. Good values: 1, or 0.1 for
    rough coefficients.
    """
    if not gradient >= 0:
        raise InputError(f"relative H1 error: expected a weight gradient >= 0, got {gradient}")

    def norm(v: Tensor, axes: Axes) -> Tensor:
        return _h1_norm(v, axes, gradient)

    return _relative(norm, prediction, reference, axes)


LOSSES: dict[str, Callable[[Tensor, Tensor, Axes], Tensor]] = {
    "l2": relative_l2,
    "h1": relative_h1,
}


def _relative(
    norm: Callable[[Tensor, Axes], Tensor], prediction: Tensor, reference: Tensor, axes: Axes
) -> Tensor:
    """Return norm(p - u) / norm(u), with 1 in place of a zero denominator."""
    if prediction.shape != reference.shape or reference.ndim != 2 + len(axes):
        raise InputError(
            f"relative error: expected two fields of shape (batch, channels, grid of {len(axes)} "
            f"axes), got {tuple(prediction.shape)} and {tuple(reference.shape)}"
        )
    size = norm(reference, axes)
    return norm(prediction - reference, axes) / torch.where(size > 0, size, 1.0)


def _l2_norm(v: Tensor, axes: Axes) -> Tensor:
    """Return the weighted L2 norm of each sample."""
    # vector_norm, unlike a square root of a sum, has a finite gradient at zero.
    return torch.linalg.vector_norm((v * _roots(axes, None, v.dtype, v.device)).flatten(1), dim=1)


def _h1_norm(v: Tensor, axes: Axes, gradient: float) -> Tensor:
    """Return the weighted H1 norm of each sample."""
    parts = [_l2_norm(v, axes)]
    for k, axis in enumerate(axes if gradient > 0 else ()):
        at = k + 2
        ahead = torch.roll(v, -1, at) if axis.periodic else v.narrow(at, 1, axis.size - 1)
        behind = v if axis.periodic else v.narrow(at, 0, axis.size - 1)
        steps = (ahead - behind) * _roots(axes, k, v.dtype, v.device)
        parts.append(gradient**0.5 * torch.linalg.vector_norm(steps.flatten(1), dim=1))
    return torch.linalg.vector_norm(torch.stack(parts), dim=0)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _roots(axes: Axes, along: int | None, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return square roots of the weights of points, or of the steps along one axis.

    The weight of a step of length h is L^2 / h^2 times its control volume, h times the widths of
    the other axes.
    """
    factors = []
    for k, axis in enumerate(axes):
        if k != along:
            factors.append(np.sqrt(axis.widths))
            continue
        ends = [axis.points[0] + axis.length] if axis.periodic else []
        steps = np.diff(np.concatenate([axis.points, ends]))
        factors.append(axis.length / np.sqrt(steps))
    field = factors[0]
    for factor in factors[1:]:
        field = np.multiply.outer(field, factor)
    return torch.tensor(field, dtype=dtype, device=device)
