"""Residuals in space and time: that of the solver's solution is none."""

import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid, PeriodicKernelField
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.vorticity_residual import VorticityResidual
from nwidth.solvers import Fisher


def fisher(nu=0.02, n=25, length=0.8):
    grid = Grid.periodic(n)
    sampler = PeriodicKernelField(grid, length, modes=5)
    return ReactionDiffusionResidual(Fisher(grid, nu, 5.0, sampler), 0.5, 20).double()


def test_residual_of_the_solution_is_none():
    residual = fisher()
    a = residual.draw(0, 2)
    u = torch.tensor(residual.reference(a))
    a = torch.tensor(a)
    assert (residual.losses(u, a, "residual").sqrt() < 1e-4).all()
    assert (residual.indicator(u, a) < 1e-7).all()
    assert torch.allclose(residual.ansatz(torch.randn(u.shape).double(), a)[:, 0], a)


def test_preconditioned_residuals_are_errors():
    """Without a reaction the problem is linear, and the indicator is the error itself."""
    grid = Grid.periodic(8)
    residual = ReactionDiffusionResidual(Fisher(grid, 0.01, 0.0), 0.5, 12).double()
    x, t = (torch.tensor(one.points) for one in (grid.axes[0], residual.collocation[0]))
    a = torch.sin(2 * torch.pi * x)[None]
    exact = torch.exp(-0.01 * 4 * torch.pi**2 * t)[:, None] * a[:, None]
    wrong = exact + 0.01 * (t**2)[:, None] * torch.cos(4 * torch.pi * x)
    error = (residual.squares(wrong - exact) / residual.squares(wrong)).sqrt()
    assert residual.indicator(exact, a) < 1e-9
    assert residual.indicator(wrong, a).item() == pytest.approx(error.item(), rel=1e-8)
    assert torch.allclose(residual.linear_flow(a), exact)


def test_what_does_not_fit():
    with pytest.raises(InputError, match="problem"):
        VorticityResidual(fisher().problem, 1.0, 8)
    for given, words in (((0.0, 8), "final_time"), ((1.0, 2), "time_modes")):
        with pytest.raises(InputError, match=words):
            ReactionDiffusionResidual(Fisher(Grid.periodic(8)), *given)
    with pytest.raises(InputError, match="sampler"):
        ReactionDiffusionResidual(Fisher(Grid.periodic(8)), 1.0, 4).draw(0, 1)
