"""What every surrogate owes its user, whatever is inside."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

import nwidth
from nwidth.errors import FileFormatError, InputError, NonFiniteError, NwidthError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom.surrogate import Surrogate


def problem(n, samples=24):
    """Scale a bump: u = a(1/2, 1/2) sin(pi x) sin(pi y), with a constant in space."""
    grid = Grid.uniform((n, n))
    x, y = grid.coordinates()
    a = np.linspace(0.5, 1.5, samples)[:, None, None] * np.ones_like(x)
    return grid, {"permeability": a, "pressure": a * np.sin(np.pi * x) * np.sin(np.pi * y)}


def neural_operator(dataset):
    torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")
    from nwidth.operators import FNO, NeuralOperator, TrainingOptions

    torch.set_num_threads(1)
    network = FNO(1, 1, (3, 3), width=8, layers=2, projection=16, dirichlet=True)
    options = TrainingOptions(epochs=60, batch_size=6, learning_rate=1e-2)
    model = NeuralOperator(network, inputs="permeability", output="pressure")
    model.fit(dataset, options)
    return model, model.metrics["validation_relative_l2"]


def ensemble(dataset):
    torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")
    from nwidth.operators import FNO, Ensemble, TrainingOptions

    torch.set_num_threads(1)
    network = FNO(1, 1, (3, 3), width=8, layers=2, projection=16, dirichlet=True)
    options = TrainingOptions(epochs=40, batch_size=6, learning_rate=1e-2)
    model = Ensemble(network, inputs="permeability", output="pressure", members=2)
    model.fit(dataset, options)
    return model, max(model.metrics["validation_relative_l2"])


def pod_regression(dataset):
    from nwidth.rom import PODRegression

    model = PODRegression(inputs="permeability", output="pressure").fit(dataset)
    return model, model.metrics["error"]


def pod_network(dataset):
    pytest.importorskip("torch", reason="the neural operators need PyTorch")
    from nwidth.operators import PODNetwork

    model = PODNetwork(inputs="permeability", output="pressure", width=8, iterations=100)
    return model.fit(dataset), model.metrics["error"]


# How to fit each public surrogate to a data set: the model, and the error it states.
MAKERS = {
    "Ensemble": ensemble,
    "NeuralOperator": neural_operator,
    "PODNetwork": pod_network,
    "PODRegression": pod_regression,
}

# Surrogates of equations in time: tests/operators/in_time/test_time_dependent_operator.py.
IN_TIME = {"AutoregressiveOperator", "SpaceTimeOperator"}
# Fitted to an equation, not to data: tests/operators/test_neural_spectral_method.py.
WITHOUT_DATA = {"NeuralSpectralMethod"}
# On clouds of points, not on grids: tests/operators/test_point_cloud_operator.py.
ON_CLOUDS = {"PointCloudOperator"}


def public_surrogates():
    """Names of the public classes, of any subpackage, that can be fitted to data."""
    found = set()
    for entry in iter_modules(nwidth.__path__, "nwidth."):
        if entry.ispkg:
            package = import_module(entry.name)
            objects = [getattr(package, name) for name in getattr(package, "__all__", ())]
            found |= {o for o in objects if inspect.isclass(o) and hasattr(o, "fit")}
    return {kind.__name__ for kind in found - {Surrogate}}


def test_every_public_surrogate_is_held_to_the_contract():
    pytest.importorskip("torch", reason="the neural operators need PyTorch")
    assert public_surrogates() == {*MAKERS, *IN_TIME, *WITHOUT_DATA, *ON_CLOUDS}


@pytest.fixture(scope="module", params=MAKERS)
def surrogate(request, tmp_path_factory):
    """A fitted surrogate, the error it states, and its training data."""
    grid, fields = problem(9)
    path = tmp_path_factory.mktemp("surrogate") / "data.h5"
    with FieldDataset.create(path, grid, dict.fromkeys(fields, "1")) as dataset:
        dataset.extend(fields)
        dataset.finish()
        model, stated = MAKERS[request.param](dataset)
    assert type(model).__name__ == request.param
    return model, stated, grid, fields


def error(grid, u, v):
    return float(np.mean(grid.norm(u - v) / grid.norm(v)))


def test_follows_the_protocol(surrogate):
    assert isinstance(surrogate[0], Surrogate)


@pytest.mark.parametrize("method", ["fit", "predict", "save", "load"])
def test_can_be_called_as_the_protocol_says(surrogate, method):
    promised = inspect.signature(getattr(Surrogate, method)).parameters
    own = inspect.signature(getattr(type(surrogate[0]), method)).parameters
    assert [*own][: len(promised)] == [*promised]
    for name, parameter in own.items():
        assert name in promised or parameter.default is not parameter.empty, name


def test_reproduces_its_training_data_to_its_stated_accuracy(surrogate):
    model, stated, grid, fields = surrogate
    found = error(grid, model.predict({"permeability": fields["permeability"]}), fields["pressure"])
    assert found < 0.05
    assert found < 2 * stated


def test_is_still_accurate_at_another_resolution_or_refuses_it(surrogate):
    model = surrogate[0]
    for n in (16, 25):
        grid, fields = problem(n)
        if "grid" not in inspect.signature(model.predict).parameters:
            with pytest.raises(InputError, match=r"permeability.*grid"):
                model.predict({"permeability": fields["permeability"]})
            continue
        predicted = model.predict({"permeability": fields["permeability"]}, grid)
        assert error(grid, predicted, fields["pressure"]) < 0.1


def test_a_saved_model_is_the_same_model(surrogate, tmp_path):
    model, _, _, fields = surrogate
    inputs = {"permeability": fields["permeability"]}
    model.save(tmp_path / "model.h5")
    again = type(model).load(tmp_path / "model.h5")
    np.testing.assert_array_equal(model.predict(inputs), again.predict(inputs))
    assert [p.name for p in tmp_path.iterdir()] == ["model.h5"]


def test_samples_do_not_influence_each_other(surrogate):
    model, _, _, fields = surrogate
    a = fields["permeability"]
    together = model.predict({"permeability": a})
    alone = np.concatenate([model.predict({"permeability": a[k : k + 1]}) for k in range(len(a))])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*not like the training data")
def test_numbers_out_of_range_give_an_error_or_numbers(surrogate):
    model, _, _, fields = surrogate
    inputs = {"permeability": 1e300 * fields["permeability"]}
    try:
        predicted = model.predict(inputs)
    except NonFiniteError as error:
        assert "pressure" in str(error) and "permeability" in str(error)
    else:
        assert np.isfinite(predicted).all()


def test_wrong_questions_get_clear_answers(surrogate, tmp_path):
    model, _, _, fields = surrogate
    a = fields["permeability"]
    with pytest.raises(InputError, match="permeability"):
        model.predict({"conductivity": a})
    with pytest.raises(InputError, match="shape"):
        model.predict({"permeability": a[0]})
    with pytest.raises(NonFiniteError, match="permeability"):
        model.predict({"permeability": np.where(a > 1, np.nan, a)})
    with pytest.raises(InputError, match=r"permeability.*real"):
        model.predict({"permeability": a + 1j})
    with pytest.raises(InputError, match="inputs"):
        model.predict(a)
    for data in (None, 2, "x", fields):
        with pytest.raises(InputError, match="data"):
            model.fit(data)
    with pytest.raises(FileFormatError, match="absent"):
        type(model).load(tmp_path / "absent.h5")
    with pytest.raises(NwidthError):
        model.save(tmp_path / "no" / "such" / "folder.h5")
