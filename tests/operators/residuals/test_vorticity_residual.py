"""The vorticity equation in coefficients: terms and residual are the solver's."""

import numpy as np
import pytest
import torch

from nwidth.meshes import GaussianRandomField, Grid
from nwidth.operators.residuals.vorticity_residual import VorticityResidual
from nwidth.solvers import NavierStokes
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing


def vorticity(forcing, oversampling=2.0):
    grid = Grid.periodic((12, 11))
    sampler = GaussianRandomField(grid, 2.5, 7.0, 20.0, boundary="periodic", modes=3)
    problem = NavierStokes(grid, 2e-2, sampler, drag=0.1, forcing=forcing)
    return VorticityResidual(problem, 0.5, 10, oversampling=oversampling).double()


@pytest.mark.parametrize("forcing", [None, VorticityForcing.diagonal(3.0)])
def test_vorticity_of_the_solver_has_no_residual(forcing):
    residual = vorticity(forcing)
    a = residual.draw(0, 1)
    u = torch.tensor(residual.reference(a))
    a = torch.tensor(a)
    assert residual.indicator(u, a).item() < 2e-4
    assert residual.indicator(residual.linear_flow(a), a).item() > 3e-3


def test_vorticity_terms_are_the_solvers():
    """N(w) of the solver's own system, for modes that its 2/3 rule keeps."""
    residual = vorticity(VorticityForcing.diagonal(3.0))
    fine = residual.problem.on(Grid.periodic((48, 48)))
    a = residual.draw(1, 1)[0]
    one, two = residual.collocation[1:]
    x = np.arange(48) / 48
    v = fine.state({"vorticity": one.at(x) @ a @ two.at(x).T})
    fine.system({}).nonlinear(0.0, v, out := np.empty_like(v))
    known = fine.fields(out)["vorticity"]
    w = torch.tensor(a)[None, None].expand(1, 10, 12, 11)
    got = residual.nonlinear(residual.spatial(w))[0, 0].numpy()
    first, second = residual.fine[1:]
    np.testing.assert_allclose(first.at(x) @ got @ second.at(x).T, known, atol=1e-9)


def test_velocity_has_the_vorticity():
    residual = vorticity(None)
    w = torch.tensor(residual.draw(0, 1))[:, None].expand(1, 10, 12, 11)
    u, v = residual.velocity(w)[0, :, 0].numpy()
    one, two = residual.fine[1:]
    curl = one.derivative() @ v - u @ two.derivative().T
    known = residual.finer(residual.spatial(w))[0, 0].numpy()
    np.testing.assert_allclose(curl, known, atol=1e-9)
    psi = residual.streamfunction(w)[0, 0].numpy()
    one, two = residual.collocation[1:]
    bent = one.derivative(2) @ psi + psi @ two.derivative(2).T
    np.testing.assert_allclose(-bent, w[0, 0].numpy(), atol=1e-9)


def test_fewer_points_for_products_change_little():
    both = [vorticity(None, oversampling) for oversampling in (2.0, 1.5)]
    a = torch.tensor(both[0].draw(0, 1))
    u = both[0].linear_flow(a)
    full, less = (residual.indicator(u, a).item() for residual in both)
    assert less == pytest.approx(full, rel=0.05)


def test_linear_flow_has_the_force():
    """Its residual is the advection alone; for one wave there is none."""
    residual = vorticity(VorticityForcing.diagonal(3.0))
    x, y = np.meshgrid(*residual.problem.grid.points, indexing="ij")
    a = torch.tensor(np.cos(2 * np.pi * (x + y)))[None]
    flow = residual.linear_flow(a)
    assert residual.losses(flow, a, "residual").item() < 1e-8
    assert residual.features(a).shape == (1, 3, 10, 12, 11)
    assert vorticity(None).features(a).shape == (1, 2, 10, 12, 11)
