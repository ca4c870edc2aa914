"""The surrogate: trained without data, evaluated anywhere, one file."""

import numpy as np
import pytest
import torch

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, PeriodicKernelField
from nwidth.operators import NeuralSpectralMethod, NeuralSpectralNetwork, TrainingOptions
from nwidth.operators.neural_spectral_method import residual_from_description
from nwidth.operators.residuals.poisson_residual import PoissonResidual
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.vorticity_residual import VorticityResidual
from nwidth.solvers import Burgers, Fisher, NavierStokes, simulate

GRID = Grid.periodic(12)
OPTIONS = TrainingOptions(epochs=30, batch_size=8, learning_rate=2e-2)


def residual_of():
    problem = Fisher(GRID, 0.05, 2.0, PeriodicKernelField(GRID, 0.9, modes=4))
    return ReactionDiffusionResidual(problem, 0.5, 6)


def network_of(**given):
    settings = {"points": (6, 12), "modes": (3, 3), "width": 8, "layers": 2, "projection": 8}
    return NeuralSpectralNetwork(2, 1, **settings | given)


@pytest.fixture(scope="module")
def fitted():
    torch.set_num_threads(1)
    return NeuralSpectralMethod(network_of()).fit(residual_of(), OPTIONS, samples=64)


def test_it_learns_the_solution_without_data(fitted):
    told = fitted.evaluate(8)
    start = NeuralSpectralMethod(network_of())
    start.residual = residual_of().float()
    assert told["relative_l2_mean"] < 0.003 < 0.4 * start.evaluate(8)["relative_l2_mean"]
    # Of the same order: growth makes the error somewhat larger or smaller.
    assert 0.2 < told["indicator_mean"] / told["relative_l2_mean"] < 5


def test_predictions_on_any_grid_at_any_time(fitted):
    fine = Grid.periodic(48)
    x = fine.axes[0].points
    a = 0.5 + 0.3 * np.cos(2 * np.pi * x)[None]
    known = simulate(Fisher(fine, 0.05, 2.0), {"density": a[0]}, [0.0, 0.2, 0.5]).fields
    u = fitted.predict({"density": a}, fine, times=[0.0, 0.2, 0.5])
    assert u.shape == (1, 3, 48) and u.dtype == np.float32
    np.testing.assert_allclose(u[0, 0], a[0], atol=1e-6)
    assert np.linalg.norm(u[0] - known["density"]) < 0.01 * np.linalg.norm(known["density"])
    coarse = fitted.predict({"density": a[:, ::4]})
    np.testing.assert_allclose(coarse[0, -1], u[0, -1, ::4], atol=1e-5)
    assert fitted.indicator({"density": a}).shape == (1,)
    at = fitted.residual.axes[0].points
    exact = simulate(Fisher(fine, 0.05, 2.0), {"density": a[0]}, at).fields["density"]
    known = torch.tensor(exact[:, ::4])[None].float()
    error = fitted.residual.squares(torch.tensor(coarse) - known) / fitted.residual.squares(known)
    assert float(error.sqrt()) <= fitted.error_bound({"density": a}).item() < 1


def test_one_file(fitted, tmp_path):
    fitted.save(tmp_path / "model.h5")
    again = NeuralSpectralMethod.load(tmp_path / "model.h5")
    a = {"density": residual_of().draw(5, 2)}
    np.testing.assert_array_equal(again.predict(a), fitted.predict(a))
    assert again.history == fitted.history and again.metrics == fitted.metrics
    with pytest.raises(FileFormatError, match="nothing"):
        NeuralSpectralMethod.load(tmp_path / "nothing.h5")


def test_interrupted_trainings_go_on(tmp_path):
    residual = residual_of()
    options = TrainingOptions(epochs=2, batch_size=8)
    whole = NeuralSpectralMethod(network_of()).fit(residual, options, samples=16)

    class Stop(Exception):
        pass

    def stop(report):
        if report.epoch == 2:
            raise Stop

    path = tmp_path / "checkpoint.h5"
    with pytest.raises(Stop):
        NeuralSpectralMethod(network_of()).fit(
            residual, options, samples=16, progress=stop, checkpoint=path
        )
    model = NeuralSpectralMethod(network_of())
    model.fit(residual, options, samples=16, checkpoint=path)
    a = {"density": residual.draw(5, 2)}
    np.testing.assert_array_equal(model.predict(a), whole.predict(a))


@pytest.mark.parametrize("name", ["poisson", "vorticity"])
def test_other_equations(name, tmp_path):
    if name == "poisson":
        sampler = GaussianRandomField(Grid.uniform((7, 8)), 2.0, 3.0, boundary="dirichlet")
        residual = PoissonResidual(sampler, "dirichlet")
        network = NeuralSpectralNetwork(1, 1, (7, 8), (5, 5), bases="sine", width=6, layers=2)
        inputs, shape = {"source": residual.draw(0, 2)}, (2, 7, 8)
    else:
        grid = Grid.periodic((6, 7))
        sampler = GaussianRandomField(grid, 2.5, 7.0, 20.0, boundary="periodic", modes=2)
        residual = VorticityResidual(NavierStokes(grid, 0.05, sampler), 0.5, 5, oversampling=1.5)
        bases = ("chebyshev", "fourier", "fourier")
        network = NeuralSpectralNetwork(2, 1, (5, 6, 7), (3, 2, 2), bases=bases, width=6, layers=2)
        inputs, shape = {"vorticity": residual.draw(0, 2)}, (2, 5, 6, 7)
    before = residual.describe()
    model = NeuralSpectralMethod(network)
    options = TrainingOptions(epochs=4, batch_size=4, learning_rate=4e-3)
    model.fit(residual, options, samples=8, form="error")
    assert model.history[-1]["training_loss"] < model.history[0]["training_loss"]
    u = model.predict(inputs)
    assert u.shape == shape
    assert residual_from_description(before).describe() == before
    model.save(tmp_path / "model.h5")
    again = NeuralSpectralMethod.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.predict(inputs), u)
    with pytest.raises(InputError, match="times"):
        model.predict(inputs, times=[9.0])
    with pytest.raises(InputError, match="reaction-diffusion"):
        model.error_bound(inputs)


def test_what_does_not_fit(fitted):
    a = {"density": np.full((1, 12), 0.5)}
    with pytest.raises(InputError, match="call fit"):
        NeuralSpectralMethod(network_of()).predict(a)
    with pytest.raises(InputError, match=r"points=\(6, 12\)"):
        NeuralSpectralMethod(network_of(points=(7, 12))).fit(residual_of())
    for given, words in (
        ({"velocity": a["density"]}, "density by name"),
        ({"density": np.ones(12)}, "leading axis"),
    ):
        with pytest.raises(InputError, match=words):
            fitted.predict(given)
    with pytest.raises(NonFiniteError):
        fitted.predict({"density": np.full((1, 12), np.nan)})
    with pytest.raises(InputError, match="squares"):
        fitted.predict({"density": np.full((1, 12), 1e200)})
    with pytest.raises(InputError, match="within"):
        fitted.predict(a, times=[0.7])
    with pytest.raises(InputError, match="box"):
        fitted.predict(a, Grid.periodic(12, upper=2.0))
    described = {"problem": Burgers(GRID).describe(), "final_time": 1.0, "time_modes": 5}
    with pytest.raises(InputError, match="fisher"):
        residual_from_description(described)
