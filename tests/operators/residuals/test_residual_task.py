import json

import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid, PeriodicKernelField
from nwidth.operators import NeuralSpectralNetwork
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.residual_task import ResidualTask
from nwidth.solvers import Fisher

GRID = Grid.periodic(10)


def residual_of():
    problem = Fisher(GRID, 0.05, 5.0, PeriodicKernelField(GRID, 0.6, modes=4))
    return ReactionDiffusionResidual(problem, 0.5, 7).double()


def network_of():
    return NeuralSpectralNetwork(2, 1, (7, 10), (4, 3), width=6, layers=2).double()


@pytest.mark.parametrize("form", ["residual", "error", "pointwise", "pointwise-2"])
def test_losses_are_of_one_sample_each_and_have_gradients(form):
    task, network = ResidualTask(residual_of(), 6, form, seed=3), network_of()
    together = task.losses(network, np.array([4, 1]), None)
    alone = task.losses(network, np.array([1]), None)
    torch.testing.assert_close(together[1:], alone)
    together.sum().backward()
    weight = network.convolutions[0].weight
    found, at = weight.grad.clone(), (0, 1, 1, 2, 3)
    losses = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight[at] += step
            losses.append(task.losses(network, np.array([4, 1]), None).sum())
            weight[at] -= step
    assert float((losses[0] - losses[1]) / 2e-5) == pytest.approx(float(found[at]), rel=1e-5)


def test_errors_against_the_solver():
    network = network_of()
    known = ResidualTask(residual_of(), 3, known=True)
    some = np.arange(3)
    with torch.no_grad():
        errors = known.errors(network, some)
        u, a = known.predict(network, known.drawn), known.drawn
    exact = torch.tensor(known.residual.reference(a.numpy()))
    mean_squares = known.residual.squares(u - exact) / known.residual.squares(exact)
    torch.testing.assert_close(errors, mean_squares.sqrt())
    told = ResidualTask(residual_of(), 3).errors(network, some)
    torch.testing.assert_close(told, known.residual.indicator(u, a))


def test_description_and_seed():
    one, two = (ResidualTask(residual_of(), 2, seed=s) for s in (0, 1))
    assert json.loads(json.dumps(one.describe())) != two.describe()
    assert torch.equal(one.drawn, ResidualTask(residual_of(), 2, seed=0).drawn)
    assert not torch.equal(one.drawn, two.drawn)
    for given, words in (((residual_of(), 0), "samples"), ((None, 2), "residual")):
        with pytest.raises(InputError, match=words):
            ResidualTask(*given)
    with pytest.raises(InputError, match="form"):
        ResidualTask(residual_of(), 2, "data")
