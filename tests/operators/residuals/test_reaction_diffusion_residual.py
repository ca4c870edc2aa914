"""Fisher's equation in coefficients: closed forms."""

import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid, PeriodicKernelField
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.solvers import Burgers, Fisher


def test_logistic_growth_has_no_residual():
    residual = ReactionDiffusionResidual(Fisher(Grid.periodic(8), 0.01, 5.0), 1.0, 32).double()
    t = residual.collocation[0].points
    grown = np.exp(5 * t) / (9 + np.exp(5 * t))
    u = torch.tensor(np.repeat(grown[None, :, None], 8, axis=2))
    assert residual.losses(u, u[:, 0], "residual").item() < 1e-20
    assert residual.losses(u + 0.1, u[:, 0] + 0.1, "residual").item() > 1e-3


def test_terms_are_the_solvers():
    """L u + N(u) of the solver's system on a grid where the 2/3 rule keeps all that there is."""
    residual = ReactionDiffusionResidual(Fisher(Grid.periodic(9), 0.03, 4.0), 1.0, 4).double()
    space, fine = residual.collocation[1], residual.problem.on(Grid.periodic(36))
    u = np.random.default_rng(0).random(9)
    v = fine.state({"density": space.at(np.arange(36) / 36) @ u})
    system = fine.system({"density": u})
    system.nonlinear(0.0, v, out := np.empty_like(v))
    linear = np.empty_like(v)
    system.linear.apply(v, linear)
    known = fine.fields(out + linear)["density"]
    steady = torch.tensor(u).expand(1, 4, 9)  # its residual is minus all terms of the equation
    got = residual.coefficients(steady, steady[:, 0])[0, 0].numpy()
    more = residual.fine[1]
    there = more.at(np.arange(36) / 36) @ more.synthesis @ got
    np.testing.assert_allclose(-there, known, atol=1e-10)


def test_other_problems_are_refused():
    with pytest.raises(InputError, match="problem"):
        ReactionDiffusionResidual(Burgers(Grid.periodic(8)), 1.0, 8)


def test_bound_is_above_the_error_and_near_it():
    grid = Grid.periodic(17)
    sampler = PeriodicKernelField(grid, 0.8, modes=5)
    residual = ReactionDiffusionResidual(Fisher(grid, 0.02, 5.0, sampler), 1.0, 20).double()
    a = residual.draw(0, 2)
    u, a = torch.tensor(residual.reference(a)), torch.tensor(a)
    x, t = torch.tensor(grid.axes[0].points), residual.times[:, None]
    for size, most in ((0.0, 2e-4), (1e-3, 0.02), (1e-2, 0.2), (0.3, torch.inf)):
        w = u + size * t * (torch.cos(6 * t) + torch.sin(2 * torch.pi * x + 3 * t))
        error = (residual.squares(w - u) / residual.squares(u)).sqrt().numpy()
        bound = residual.error_bound(w, a)
        assert (bound >= error).all() and (bound <= most).all()
    with pytest.raises(InputError, match=r"densities in \[0, 1\]"):
        residual.error_bound(u - 0.5, a - 0.5)


@pytest.mark.parametrize("size", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("kind", ["start", "highest", "negative", "above"])
def test_bound_holds_for_what_is_made_to_break_it(kind, size):
    """Other initial values, the fastest polynomial, densities a little outside of [0, 1]."""
    residual = ReactionDiffusionResidual(Fisher(Grid.periodic(16), 0.05, 5.0), 1.0, 24).double()
    x, t = torch.tensor(residual.axes[1].points), residual.times[:, None]
    lowest = {"negative": -9e-4, "above": 0.2}.get(kind, 0.05)
    highest = 1.0009 if kind == "above" else 0.9
    a = (lowest + (highest - lowest) * (1 - torch.cos(2 * torch.pi * x)) / 2)[None]
    u = torch.tensor(residual.reference(a.numpy()))
    if kind == "start":
        w = u + size * torch.cos(2 * torch.pi * x)
    elif kind == "highest":
        last = torch.tensor(residual.collocation[0].synthesis[:, -1:])
        w = u + size * t * last * torch.cos(6 * torch.pi * x)
    else:
        w = u + size * t
    error = (residual.squares(w - u) / residual.squares(u)).sqrt().numpy()
    bound = residual.error_bound(w, a)
    assert (bound >= error).all()
    assert kind == "highest" or size > 1e-2 or (bound < 0.2).all()


def test_first_guess_is_exact_where_one_of_the_terms_is_alone():
    """Logistic growth of an even density; the heat equation without growth."""
    t = (residual := _circle(5.0)).collocation[0].points
    even = torch.full((1, 8), 0.1, dtype=torch.float64)
    grown = np.exp(5 * t) / (9 + np.exp(5 * t))
    np.testing.assert_allclose(residual.guess(even)[0, :, 0].numpy(), grown, rtol=1e-12)
    x = torch.tensor(residual.axes[1].points)
    a = (0.5 + 0.4 * torch.cos(2 * torch.pi * x))[None]
    torch.testing.assert_close(residual.guess(a)[:, 0], a)
    torch.testing.assert_close(_circle(0.0).guess(a), _circle(0.0).linear_flow(a))
    assert residual.guess(-100 * a).isfinite().all() and _circle(1e4).guess(a).isfinite().all()


def _circle(growth):
    return ReactionDiffusionResidual(Fisher(Grid.periodic(8), 0.01, growth), 1.0, 12).double()
