import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.operators.residuals.poisson_residual import PoissonResidual

GRIDS = {"dirichlet": Grid.uniform((9, 8)), "periodic": Grid.periodic((8, 7))}


def residual_of(boundary):
    sampler = GaussianRandomField(GRIDS[boundary], 2.0, 3.0, boundary=boundary, modes=2)
    return PoissonResidual(sampler, boundary).double()


@pytest.mark.parametrize("boundary", ["dirichlet", "periodic"])
def test_indicator_is_the_error(boundary):
    residual = residual_of(boundary)
    f = torch.tensor(residual.draw(0, 3))
    exact = torch.tensor(residual.reference(f))
    assert (residual.losses(exact, f, "residual") < 1e-20).all()
    u = exact + residual.ansatz(torch.randn(exact.shape).double(), f) * 0.01
    error = (residual.squares(u - exact) / residual.squares(u)).sqrt()
    torch.testing.assert_close(residual.indicator(u, f), error)
    if boundary == "dirichlet":
        assert float(u[:, [0, -1]].abs().max()) < 1e-12


def test_solution_in_closed_form():
    residual = residual_of("dirichlet")
    x, y = (np.sin(np.pi * k * axis.points) for k, axis in zip((2, 3), residual.axes, strict=True))
    f = np.outer(x, y)[None]
    np.testing.assert_allclose(residual.reference(f), f / (13 * np.pi**2), atol=1e-15)


def test_loss_is_the_mean_square():
    residual = residual_of("periodic")
    f = torch.tensor(residual.draw(0, 1))
    u = torch.zeros_like(f)
    mean_square = f.square().mean()  # all waves of f are told apart by the points
    assert residual.losses(u, f, "residual").item() == pytest.approx(mean_square.item())


def test_what_does_not_fit():
    sampler = GaussianRandomField(GRIDS["dirichlet"], 2.0, 3.0)
    cases: list = [
        ((sampler, "neumann"), "boundary"),
        ((sampler, "periodic"), "periodic axes"),
        ((None,), "sampler"),
    ]
    for given, words in cases:
        with pytest.raises(InputError, match=words):
            PoissonResidual(*given)
