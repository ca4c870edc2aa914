"""Relative errors of fields in L2, H1 and any Sobolev norm, with the quadrature of their grid."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nwidth.arguments import require_number
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.spectral_norm import spectral_norm

Axes = tuple[Axis, ...]


def relative_l2(
    prediction: Tensor, reference: Tensor, axes: Axes, level: float | Tensor = 0.0
) -> Tensor:
    """Return ||p - u|| / ||u + level|| in L2 of the box, one number per sample.

        ||v||^2 = sum_channels sum_j w_j v_j^2,     w the quadrature weights of the axes

    `level` is what both are short of the fields themselves: the error is that of p + level and
    u + level, and no digits are lost where it is large.

    The loss of Li et al. (2021), arXiv:2010.08895, section 5, with quadrature in place of the plain
    sum. Shapes (batch, channels, *grid) -> (batch,). Where the reference vanishes the absolute norm
    of the prediction is returned, so the value stays finite; its gradient at p = u is zero.

    >>> axes = (Axis.uniform(5),)
    >>> u = torch.ones(1, 1, 5)
    >>> relative_l2(1.5 * u, u, axes).item(), relative_l2(u, 0 * u, axes).item()
    (0.5, 1.0)
    """
    return _relative(_l2_norm, prediction, reference, axes, level)


def relative_h1(
    prediction: Tensor,
    reference: Tensor,
    axes: Axes,
    gradient: float = 1.0,
    level: float | Tensor = 0.0,
) -> Tensor:
    """Return ||p - u|| / ||u + level|| in H1 of the box, one number per sample.

        ||v||^2 = ||v||_L2^2 + gradient sum_a L_a^2 ||D_a v||_L2^2

    with differences D_a of neighbouring points over their distance (across the seam of a periodic
    axis too) and the length L_a of the box, which makes both terms have one unit. On the unit cube
    with gradient=1 this is the usual norm; smaller weights mix it with L2, gradient=0 is L2.

    Training on derivatives too: Czarnecki et al. (2017), Sobolev training for neural networks,
    arXiv:1706.04859. Shapes, level and zero references as in `relative_l2`. Good values: 1, or 0.1
    for rough coefficients.
    """
    gradient = require_number(gradient, "relative H1 error: gradient", "[0, inf)")

    def norm(v: Tensor, axes: Axes) -> Tensor:
        return _h1_norm(v, axes, gradient)

    return _relative(norm, prediction, reference, axes, level)


def relative_spectral(
    prediction: Tensor,
    reference: Tensor,
    axes: Axes,
    order: float = 0.0,
    weights: tuple[float, ...] = (),
    level: float | Tensor = 0.0,
) -> Tensor:
    """Return ||p - u|| / ||u + level|| in a norm of coefficients, one number per sample.

    The Sobolev norm of any real order, with weights per wavenumber: see `spectral_norm`. Shapes,
    level and zero references as in `relative_l2`. Good values: order -1 where the large scales
    matter, 1/2 to 1 where edges do.
    """

    def norm(v: Tensor, axes: Axes) -> Tensor:
        return spectral_norm(v, axes, order, weights)

    return _relative(norm, prediction, reference, axes, level)


@dataclass(frozen=True)
class Loss(ABC):
    """A relative error of fields to be minimized, with its settings."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(
        self, prediction: Tensor, reference: Tensor, axes: Axes, level: float | Tensor = 0.0
    ) -> Tensor:
        """Return the error of each sample, (batch, channels, *grid) -> (batch,).

        Fields are prediction + level and reference + level: see `relative_l2`.
        """

    def describe(self) -> dict[str, Any]:
        """Return kind and settings."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class L2Loss(Loss):
    """The relative error in L2: see `relative_l2`."""

    kind: ClassVar[str] = "l2"

    def __call__(
        self, prediction: Tensor, reference: Tensor, axes: Axes, level: float | Tensor = 0.0
    ) -> Tensor:
        """Return the error of each sample."""
        return relative_l2(prediction, reference, axes, level)


@dataclass(frozen=True)
class H1Loss(Loss):
    """The relative error in H1, `gradient` the weight of its derivatives: see `relative_h1`."""

    gradient: float = 1.0
    kind: ClassVar[str] = "h1"

    def __post_init__(self):
        require_number(self.gradient, "H1 loss: gradient", "[0, inf)")

    def __call__(
        self, prediction: Tensor, reference: Tensor, axes: Axes, level: float | Tensor = 0.0
    ) -> Tensor:
        """Return the error of each sample."""
        return relative_h1(prediction, reference, axes, self.gradient, level)


@dataclass(frozen=True)
class SpectralLoss(Loss):
    """The relative error in the Sobolev norm of an order, by coefficients: see `spectral_norm`.

    `weights` multiply the squares of the coefficients of wavenumbers 0, 1, ...; the last holds for
    all beyond.

    >>> SpectralLoss(order=0.5, weights=(1.0, 2.0)).describe()
    {'kind': 'spectral', 'order': 0.5, 'weights': [1.0, 2.0]}
    """

    order: float = 0.5
    weights: tuple[float, ...] = ()
    kind: ClassVar[str] = "spectral"

    def __post_init__(self):
        require_number(self.order, "spectral loss: order", "(-inf, inf)")
        if not isinstance(self.weights, tuple | list):
            raise InputError(f"spectral loss: expected a list of weights, got {self.weights!r:.80}")
        given = [require_number(w, "spectral loss: weights", "[0, inf)") for w in self.weights]
        if given and not any(given):
            raise InputError("spectral loss: expected a weight > 0 among weights, got zeros only")
        object.__setattr__(self, "weights", tuple(given))

    def __call__(
        self, prediction: Tensor, reference: Tensor, axes: Axes, level: float | Tensor = 0.0
    ) -> Tensor:
        """Return the error of each sample."""
        return relative_spectral(prediction, reference, axes, self.order, self.weights, level)

    def describe(self) -> dict[str, Any]:
        """Return kind and settings, as JSON has them."""
        return {"kind": self.kind, "order": self.order, "weights": list(self.weights)}


LOSSES: dict[str, Loss] = {loss.kind: loss for loss in (L2Loss(), H1Loss(), SpectralLoss())}


def loss_named(loss: str | Loss) -> Loss:
    """Return a loss by its name, with its usual settings, or the loss itself.

    >>> loss_named("h1")
    H1Loss(gradient=1.0)
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise InputError(
            f"training: expected loss to be one of {', '.join(LOSSES)}, or a Loss with settings of "
            f"its own, got {loss!r:.80}"
        )
    return LOSSES[loss]


def _relative(
    norm: Callable[[Tensor, Axes], Tensor],
    prediction: Tensor,
    reference: Tensor,
    axes: Axes,
    level: float | Tensor,
) -> Tensor:
    """Return norm(p - u) / norm(u + level), with 1 in place of a zero denominator."""
    if prediction.shape != reference.shape or reference.ndim != 2 + len(axes):
        raise InputError(
            f"relative error: expected two fields of shape (batch, channels, grid of {len(axes)} "
            f"axes), got {tuple(prediction.shape)} and {tuple(reference.shape)}"
        )
    size = norm(raised(reference, level), axes)
    return norm(prediction - reference, axes) / torch.where(size > 0, size, 1.0)


def raised(reference: Tensor, level: float | Tensor) -> Tensor:
    """Return reference + level, in double precision unless the level is zero."""
    if not isinstance(level, Tensor) and level == 0:
        return reference
    # Rounded as the reference was: fields that vanish remain so.
    rounded = torch.as_tensor(level, dtype=reference.dtype, device=reference.device)
    return reference.double() + rounded


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
