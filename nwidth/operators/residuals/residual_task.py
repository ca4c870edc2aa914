"""Learning from an equation alone: random inputs, and the residual of what the network says."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.operators.residuals.pointwise_residual import PointwiseResidual
from nwidth.operators.residuals.spectral_residual import SpectralResidual
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment

# By differences, at so many times as many points per axis as the residual has.
POINTWISE = {"pointwise": 1, "pointwise-2": 2, "pointwise-4": 4}
FORMS = ("error", "residual", *POINTWISE)


class ResidualTask(LearningTask):
    """Inputs drawn by seed and the residual of the equation; no solution is ever computed.

        loss = sqrt(sum_k |R~_k|^2)    or one of the other `FORMS`, of each sample

    The root gives samples with large residuals no more than their share. With `known`, solutions
    for the inputs, `errors` are relative L2 errors over the box (for validation), else the
    indicator of `SpectralResidual`. Reference: Du, Chalapathi & Krishnapriyan (2024),
    arXiv:2312.05225, section 3.2.

    Args:
        residual: the equation.
        samples: how many inputs are drawn; as they cost nothing, many.
        form: "residual", the mean square of R; "error", of P^-1 R (`SpectralResidual`);
            "pointwise", the mean square of finite differences, of PINNs (`PointwiseResidual`), at
            as many points, "pointwise-2" and "pointwise-4" at two and four times as many per axis.
        seed: of the inputs.
        known: whether solutions are computed by the solver, for validation.

    >>> from nwidth.meshes import Grid, PeriodicKernelField
    >>> from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
    >>> from nwidth.solvers import Fisher
    >>> grid = Grid.periodic(16)
    >>> problem = Fisher(grid, sampler=PeriodicKernelField(grid))
    >>> task = ResidualTask(ReactionDiffusionResidual(problem, 1.0, 8), samples=10)
    >>> len(task), task.describe()["form"]
    (10, 'residual')
    """

    def __init__(
        self,
        residual: SpectralResidual,
        samples: int,
        form: str = "residual",
        *,
        seed: int = 0,
        known: bool = False,
    ):
        self.residual = require_instance(residual, "residual", SpectralResidual)
        self.samples = require_integer(samples, "samples", 1)
        self.form = require_choice(form, "form", FORMS)
        self.seed, self.known = require_integer(seed, "seed", 0), bool(known)
        like = residual.analysis_0
        drawn = residual.draw(self.seed, self.samples)
        self.drawn = torch.tensor(drawn, dtype=like.dtype, device=like.device)
        self.solutions: Tensor | None = None
        if known:
            solved = np.asarray(residual.reference(drawn))
            self.solutions = torch.tensor(solved, dtype=like.dtype, device=like.device)
        points = POINTWISE.get(form)
        self.pointwise = None if points is None else PointwiseResidual(residual, points)

    def __len__(self) -> int:
        return self.samples

    def predict(self, model: nn.Module, a: Tensor) -> Tensor:
        """Return u at the collocation points for inputs (batch, ...)."""
        residual = self.residual
        return residual.ansatz(model(residual.features(a), residual.axes)[:, 0], a)

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the root of the residual's mean square, in the form chosen, of each sample."""
        a = self.drawn[torch.as_tensor(positions, device=self.drawn.device)]
        u = self.predict(model, a)
        if self.pointwise is not None:
            return self.pointwise.losses(u).sqrt()
        return self.residual.losses(u, a, self.form).sqrt()

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return relative L2 errors where solutions are known, else the indicator."""
        where = torch.as_tensor(positions, device=self.drawn.device)
        a = self.drawn[where]
        u = self.predict(model, a)
        if self.solutions is None:
            return self.residual.indicator(u, a)
        known = self.solutions[where]
        return (self.residual.squares(u - known) / self.residual.squares(known)).sqrt()

    def describe(self) -> dict[str, Any]:
        """Return equation, sampler by its equation, seed, number of samples and form."""
        return {
            "residual": self.residual.describe(),
            "samples": self.samples,
            "form": self.form,
            "seed": self.seed,
            "known": self.known,
        }
