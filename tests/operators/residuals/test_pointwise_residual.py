import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.operators.residuals.pointwise_residual import PointwiseResidual
from nwidth.operators.residuals.poisson_residual import PoissonResidual
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.solvers import Fisher


def test_differences_are_of_second_order():
    """Its loss tends to that of the spectral residual: the error falls by four."""
    residual = ReactionDiffusionResidual(Fisher(Grid.periodic(9), 0.02, 5.0), 0.5, 7).double()
    x, t = residual.axes[1].points, residual.axes[0].points[:, None]
    u = torch.tensor(0.5 + 0.2 * np.cos(2 * np.pi * x) * np.exp(-t))[None]
    exact = residual.losses(u, u[:, 0], "residual").sqrt()
    errors = [(PointwiseResidual(residual, n).losses(u).sqrt() - exact).abs() for n in (8, 16)]
    assert 3 < float(errors[0] / errors[1]) < 5
    assert errors[1] < 0.01 * exact


def test_other_equations_are_refused():
    sampler = GaussianRandomField(Grid.periodic((6, 6)), 2.0, 3.0, boundary="periodic")
    with pytest.raises(InputError, match="reaction-diffusion"):
        PointwiseResidual(PoissonResidual(sampler, "periodic"))
