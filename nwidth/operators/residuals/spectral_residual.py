"""The residual of an equation in coefficients: what networks are trained on without data."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_choice, require_instance
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.residuals.collocation_axis import CollocationAxis

FORMS = ("error", "residual")


class SpectralResidual(nn.Module, ABC):
    """An equation R(u; a) = 0 for functions u by their values at collocation points.

        residual    sum_k |R~_k|^2,    the mean of R^2 over the box (Parseval)
        error       sum_k |e~_k|^2 / sum_k |u~_k|^2,    P e = R

    R~ are the coefficients of the residual in orthonormal functions, all that it has: linear terms
    by the matrices of the solvers' bases, products at so many more points that they have no
    aliases. The second form divides each part of the residual by what the linear part P of the
    equation makes of it, so that the loss is no longer a residual, whose finest waves weigh most,
    but an estimate of the error; networks learn from it as from data. Reference: Du, Chalapathi &
    Krishnapriyan (2024), arXiv:2312.05225, section 3, for the first form.

    A subclass sets `collocation`, the axes of u, `field`, the name of u, and `inputs`, those of a;
    it has `coefficients`, `preconditioned`, `features` and `ansatz`. Constants are buffers, so
    that `.to` moves them.
    """

    collocation: tuple[CollocationAxis, ...]
    field: str
    inputs: tuple[str, ...]
    feature_channels: int

    if TYPE_CHECKING:  # buffers are tensors

        def __getattr__(self, name: str) -> Any: ...

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that networks see: time, if any, then space."""
        names = self.axis_names
        return tuple(one.axis(name) for one, name in zip(self.collocation, names, strict=True))

    @property
    @abstractmethod
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes."""

    @abstractmethod
    def coefficients(self, u: Tensor, a: Tensor) -> Tensor:
        """Return R~ of values u (batch, *points) and inputs a (batch, ...)."""

    @abstractmethod
    def preconditioned(self, residual: Tensor) -> Tensor:
        """Return e~ = P^-1 R~."""

    @abstractmethod
    def features(self, a: Tensor) -> Tensor:
        """Return what a network is given, (batch, feature_channels, *points)."""

    @abstractmethod
    def ansatz(self, raw: Tensor, a: Tensor) -> Tensor:
        """Return u, which has all initial and boundary values, of a network's output."""

    @abstractmethod
    def draw(self, seed: int, indices: Any) -> Any:
        """Return random inputs (sample, ...) of the equation's sampler."""

    @abstractmethod
    def reference(self, a: Any) -> Any:
        """Return the solver's solution at the collocation points for each of some inputs."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""

    def squares(self, u: Tensor) -> Tensor:
        """Return the mean square of u over the box, (batch,), exact for the functions there are."""
        for k in range(len(self.collocation)):
            u = along(getattr(self, f"analysis_{k}"), u, k - len(self.collocation))
        return u.square().flatten(1).sum(1)

    def losses(self, u: Tensor, a: Tensor, form: str = "error") -> Tensor:
        """Return one loss per sample; see above."""
        require_choice(form, "form", FORMS)
        residual = self.coefficients(u, a)
        if form == "residual":
            return residual.square().flatten(1).sum(1)
        return self.preconditioned(residual).square().flatten(1).sum(1) / self.squares(u)

    def indicator(self, u: Tensor, a: Tensor) -> Tensor:
        """Return the estimated relative error of each sample, the root of the loss "error"."""
        return self.losses(u, a).sqrt()

    def keep(self, name: str, array: Any) -> None:
        """Keep a constant of the equation; its precision is that of the network."""
        self.register_buffer(name, torch.tensor(np.ascontiguousarray(array, np.float64)))

    def require(self, u: Tensor, a: Tensor) -> None:
        """Raise `InputError` for values and inputs that do not fit each other or the points."""
        points = tuple(one.size for one in self.collocation)
        for name, given in ((self.field, u), (self.inputs[0], a)):
            require_instance(given, name, Tensor)
        if tuple(u.shape[1:]) != points or len(u) != len(a):
            raise InputError(
                f"{self.field}: expected shape ({len(a)}, {', '.join(map(str, points))}), values "
                f"at the collocation points, got {tuple(u.shape)}"
            )


def along(matrix: Tensor, u: Tensor, axis: int) -> Tensor:
    """Return a tensor multiplied by a matrix along one of its last three axes.

    >>> along(torch.ones(1, 2), torch.ones(5, 2, 3), -2).shape
    torch.Size([5, 1, 3])
    """
    if axis == -1:
        return u @ matrix.T
    if axis == -2:
        return matrix @ u
    tail = u.shape[-2:]
    return (matrix @ u.flatten(-2)).unflatten(-1, tail)
