"""What residuals share: Parseval, forms of the loss, gradients."""

import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.solvers import Fisher


def small(nu=0.02):
    return ReactionDiffusionResidual(Fisher(Grid.periodic(7), nu, 5.0), 0.5, 5).double()


def drawn(residual, count=2):
    rng = np.random.default_rng(0)
    points = [one.size for one in residual.collocation]
    a = torch.tensor(rng.random((count, *points[1:])))
    return residual.ansatz(torch.tensor(0.3 * rng.standard_normal((count, *points))), a), a


def test_loss_is_the_integral_of_the_squared_residual():
    """Against the residual in closed form at the points of Gauss's quadrature."""
    residual = small()
    u, a = drawn(residual)
    time, space = residual.collocation
    nodes, weights = np.polynomial.legendre.leggauss(30)
    t, x = 0.25 + 0.25 * nodes, np.arange(64) / 64
    at_t, at_x = time.at(t), space.at(x)
    values = u.numpy()
    w = at_t @ values @ at_x.T
    rate = at_t @ time.derivative() @ values @ at_x.T
    bent = at_t @ values @ (at_x @ space.derivative(2)).T
    r = rate - 0.02 * bent - 5 * w * (1 - w)
    mean = np.einsum("t,btx->b", weights / 2, r**2) / 64
    np.testing.assert_allclose(residual.losses(u, a, "residual").numpy(), mean, rtol=1e-11)
    np.testing.assert_allclose(
        residual.squares(u).numpy(), np.einsum("t,btx->b", weights / 2, w**2) / 64, rtol=1e-11
    )


@pytest.mark.parametrize("form", ["error", "residual"])
def test_gradients(form):
    residual = small()
    u, a = drawn(residual)
    u = u.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: residual.losses(w, a, form), (u,))


def test_what_does_not_fit():
    residual = small()
    u, a = drawn(residual)
    with pytest.raises(InputError, match="form"):
        residual.losses(u, a, "data")
    with pytest.raises(InputError, match=r"expected shape \(2, 5, 7\)"):
        residual.losses(u[:, :4], a)
    with pytest.raises(InputError, match=r"expected shape \(1, 5, 7\)"):
        residual.losses(u, a[:1])
    with pytest.raises(InputError, match="Tensor"):
        residual.losses(u.numpy(), a)
