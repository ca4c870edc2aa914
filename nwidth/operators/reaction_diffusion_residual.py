"""The residual of Fisher's equation, and a bound on the error that follows from it."""

from typing import Any

from torch import Tensor

from nwidth.arguments import require_instance
from nwidth.operators.evolution_residual import EvolutionResidual
from nwidth.solvers import Fisher


class ReactionDiffusionResidual(EvolutionResidual):
    """R = u_t - nu u_xx - r u (1 - u), the reaction-diffusion equation of the publication.

    See `EvolutionResidual`. Published: nu in {0.005, 0.01, 0.05, 0.1}, r = 5, T = 1, 32 x 64
    modes, initial densities of `PeriodicKernelField`: Du, Chalapathi & Krishnapriyan (2024),
    arXiv:2312.05225, section 4.

    >>> import torch
    >>> from nwidth.meshes import Grid
    >>> residual = ReactionDiffusionResidual(Fisher(Grid.periodic(9)), 1.0, 8).double()
    >>> one = torch.ones(1, 8, 9, dtype=torch.float64)  # the land is full, and stays so
    >>> bool(residual.losses(one, one[:, 0], "residual") < 1e-20)
    True
    """

    problem: Fisher

    def __init__(self, problem: Fisher, *arguments: Any, **options: Any):
        super().__init__(require_instance(problem, "problem", Fisher), *arguments, **options)

    def symbol(self, squared: Any) -> Any:
        """Return r - nu k^2."""
        given = self.problem.coefficients
        return given["growth"] - given["diffusivity"] * squared

    def nonlinear(self, v: Tensor) -> Tensor:
        """Return -r u^2."""
        return -self.problem.coefficients["growth"] * self.finer(v).square()
