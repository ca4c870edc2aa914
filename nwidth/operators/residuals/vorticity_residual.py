"""The residual of the Navier-Stokes equations for the vorticity on a torus, forced or not."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nwidth.arguments import require_instance
from nwidth.operators.residuals.evolution_residual import EvolutionResidual
from nwidth.operators.residuals.spectral_residual import along
from nwidth.solvers import NavierStokes


class VorticityResidual(EvolutionResidual):
    """R = w_t + u w_x + v w_y - nu laplace w + mu w - f, with the velocity of the vorticity w.

    See `EvolutionResidual`; the force is the problem's, the mean of w is zero. Published: T = 3,
    12 x 31 x 31 modes, Du, Chalapathi & Krishnapriyan (2024), arXiv:2312.05225, section 4. Good
    values: oversampling 1.5, which takes half of the time.

    >>> from nwidth.meshes import Grid
    >>> residual = VorticityResidual(NavierStokes(Grid.periodic((6, 5))), 1.0, 4).double()
    >>> still = torch.zeros(1, 4, 6, 5, dtype=torch.float64)
    >>> float(residual.losses(still, still[:, 0], "residual"))
    0.0
    """

    problem: NavierStokes

    def __init__(self, problem: NavierStokes, *arguments: Any, **options: Any):
        super().__init__(require_instance(problem, "problem", NavierStokes), *arguments, **options)
        force = problem.space.transform.backward(problem.full(problem.force))
        time, one, two = self.collocation
        #: Whether there is a force, a third feature then.
        self.forced = bool(np.any(force))
        if self.forced:
            self.feature_channels = 3
            rate = self.symbol(np.add.outer(one.wavenumbers**2, two.wavenumbers**2))
            self.keep("unit_force", force / np.sqrt((force**2).mean()))
            grown = np.multiply.outer(time.points, np.ones(rate.shape))
            fading = rate < 0
            grown[:, fading] = np.expm1(np.multiply.outer(time.points, rate[fading])) / rate[fading]
            response = grown * (one.analysis @ force @ two.analysis.T)
            self.keep("response", one.synthesis @ response @ two.synthesis.T)
        for k, axis in enumerate(self.collocation[1:]):
            values = axis.at(self.fine[k + 1].points)
            force = values @ force if k == 0 else force @ values.T
        self.keep("force", force)
        # What a network sees and says is of order one.
        drawn = problem.inputs[0].sampler
        self.scale = 1.0 if drawn is None else float(np.sqrt((drawn.samples(0, 8) ** 2).mean()))

    def symbol(self, squared: Any) -> Any:
        """Return -nu |k|^2 - mu."""
        return -self.problem.viscosity * squared - self.problem.drag

    def nonlinear(self, v: Tensor) -> Tensor:
        """Return f - psi_y w_x + psi_x w_y, with -laplace psi = w."""
        psi = v * self.inverse_laplacian
        moved = self.finer(psi, 2) * self.finer(v, 1) - self.finer(psi, 1) * self.finer(v, 2)
        return self.force - moved

    def linear_flow(self, a: Tensor) -> Tensor:
        """Return exp(t L) w_0 and what the force adds to it without advection."""
        flow = super().linear_flow(a)
        return flow + self.response if self.forced else flow

    def features(self, a: Tensor) -> Tensor:
        """Return the linear flow in units of the sampler's root mean square, t / T and the force.

        Layers of waves know no place: without the force among their inputs they could not tell
        where it acts.
        """
        flow, times = super().features(a).unbind(1)
        found = [flow / self.scale, times]
        if self.forced:
            found.append(self.unit_force.expand_as(flow))
        return torch.stack(found, dim=1)

    def ansatz(self, raw: Tensor, a: Tensor) -> Tensor:
        """Return exp(t L') w_0 + (t / T) raw in these units."""
        return super().ansatz(self.scale * raw, a)

    def streamfunction(self, w: Tensor) -> Tensor:
        """Return psi at the collocation points of the vorticity there."""
        psi = self.spatial(w) * self.inverse_laplacian
        return along(self.synthesis_2, along(self.synthesis_1, psi, -2), -1)

    def velocity(self, w: Tensor) -> Tensor:
        """Return (psi_y, -psi_x) at the finer points, (batch, 2, t, x, y)."""
        psi = self.spatial(w) * self.inverse_laplacian
        return torch.stack([self.finer(psi, 2), -self.finer(psi, 1)], dim=1)
