"""The residual at points by finite differences: the loss of physics-informed networks."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_instance, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.spectral_residual import SpectralResidual, along


class PointwiseResidual(nn.Module):
    """Mean of R(t_i, x_j)^2 over an equidistant grid, R by differences of second order.

        R_ij = (u_{i+1,j} - u_{i-1,j}) / (2 dt) - nu (u_{i,j+1} - 2 u_ij + u_{i,j-1}) / dx^2
               - r u_ij (1 - u_ij)

    One-sided differences, also of second order, at the first and the last time. That is the loss of
    physics-informed neural operators, Li et al. (2021), arXiv:2111.03794, section 3.2: a yardstick
    for `SpectralResidual`, on the same network with the same initial values. Its minimum has the
    error of the differences.

    Args:
        residual: of reaction-diffusion.
        refine: how many times as many points as the residual has.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Fisher
    >>> exact = ReactionDiffusionResidual(Fisher(Grid.periodic(8)), 1.0, 6)
    >>> [axis.size for axis in PointwiseResidual(exact, 2).axes]
    [12, 16]
    """

    def __init__(self, residual: SpectralResidual, refine: int = 2):
        super().__init__()
        self.residual = require_instance(residual, "residual", SpectralResidual)
        if not isinstance(residual, ReactionDiffusionResidual):
            raise InputError(
                "residual: expected that of reaction-diffusion for the form 'pointwise', got "
                f"{type(residual).__name__}"
            )
        self.refine = require_integer(refine, "refine", 1)
        time, space = residual.collocation
        nt, nx = self.refine * time.size, self.refine * space.size
        self.axes = (
            Axis.uniform(nt, time.lower, time.upper, name="t"),
            Axis.uniform(nx, space.lower, space.upper, name="x", periodic=True),
        )
        given = residual.problem.coefficients
        self.diffusivity, self.growth = given["diffusivity"], given["growth"]
        self.dt = float(self.axes[0].points[1] - self.axes[0].points[0])
        self.dx = float(self.axes[1].points[1] - self.axes[1].points[0])
        kind: Any = {"dtype": residual.analysis_0.dtype, "device": residual.analysis_0.device}
        for name, one, axis in zip(("time", "space"), (time, space), self.axes, strict=True):
            self.register_buffer(name, torch.tensor(one.at(axis.points), **kind))
        slope = np.zeros((nt, nt))
        inner = np.arange(1, nt - 1)
        slope[inner, inner + 1], slope[inner, inner - 1] = 0.5, -0.5
        slope[0, :3], slope[-1, -3:] = (-1.5, 2.0, -0.5), (0.5, -2.0, 1.5)
        self.register_buffer("shares", torch.tensor(self.axes[0].widths / time.upper, **kind))
        self.register_buffer("slope", torch.tensor(slope / self.dt, **kind))

    def losses(self, u: Tensor) -> Tensor:
        """Return one loss per sample of values at the collocation points of the residual."""
        time, space, slope = (getattr(self, name) for name in ("time", "space", "slope"))
        u = along(space, along(time, u, -2), -1)
        bent = (u.roll(1, -1) - 2 * u + u.roll(-1, -1)) / self.dx**2
        r = along(slope, u, -2) - self.diffusivity * bent - self.growth * u * (1 - u)
        return (r.square().mean(-1) * self.get_buffer("shares")).sum(-1)
