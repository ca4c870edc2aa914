import numpy as np
import pytest
import torch

from nwidth.archive import load_archive, save_archive
from nwidth.arrays import generator
from nwidth.errors import FileFormatError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import PODNetwork
from nwidth.operators.pod_network import ScoreNetwork
from nwidth.rom.surrogate import Surrogate

GRID = Grid.uniform((9, 8))
RNG = np.random.default_rng(11)
FAST = {"width": 12, "iterations": 150, "folds": 4}


def output(mu):
    x, y = GRID.coordinates()
    a, b = mu[:, 0, None, None], mu[:, 1, None, None]
    return 2 + np.exp(-a * x) * np.sin(np.pi * y) + b * x * y / (1 + 0.3 * a)


def inputs(mu):
    return {"a": mu[:, 0], "b": mu[:, 1]}


def parameters(samples, seed=0):
    return np.random.default_rng(seed).uniform([0.5, -1.0], [2.0, 1.0], (samples, 2))


NEW = parameters(30, 5) * 0.8 + [0.25, 0.0]


@pytest.fixture
def data(tmp_path):
    mu = parameters(60)
    with FieldDataset.create(
        tmp_path / "d.h5", GRID, {"u": "1"}, scalars={"a": "1", "b": "1"}
    ) as d:
        d.extend({"u": output(mu)}, inputs(mu))
        d.finish()
        yield d


@pytest.fixture
def model(data):
    return PODNetwork(inputs=["a", "b"], output="u", **FAST).fit(data)


def error(u, exact):
    return np.linalg.norm(u - exact) / np.linalg.norm(exact)


def test_new_parameters_are_answered_to_about_the_cross_validated_error(model):
    found = error(model.estimate(inputs(NEW)).u, output(NEW))
    assert isinstance(model, Surrogate)
    assert found < 2e-3 and found < 2 * model.metrics["error"] < 2e-2
    assert model.metrics["regressor"] == "network" and model.metrics["folds"] == 4
    assert model.estimate(inputs(NEW)).deviation is None


def test_left_out_errors_are_those_of_networks_without_the_part(model):
    points = RNG.uniform(-1, 1, (12, 2))
    scores = np.stack([points[:, 0] ** 2, points[:, 1]], axis=1)
    found, _ = model._regress(points, scores, 1.0)
    part = np.array_split(generator(0, 1).permutation(12), 4)[1]
    rest = np.setdiff1d(np.arange(12), part)
    x, y = torch.tensor(points), torch.tensor(scores / found.scale)
    without, _ = model._trained(x[rest], y[rest])
    expected = scores[part] - found.scale * without(x[part]).detach().numpy()
    np.testing.assert_allclose(found.left_out[part], expected, atol=1e-12)


def test_the_seed_decides_and_the_global_state_is_left_alone(data):
    before = torch.random.get_rng_state()
    models = [
        PODNetwork(inputs=["a", "b"], output="u", **FAST, seed=seed).fit(data) for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.random.get_rng_state(), before)
    one, same, other = (model.estimate(inputs(NEW)).u for model in models)
    np.testing.assert_array_equal(one, same)
    assert abs(one - other).max() > 1e-8


def test_a_file_gives_the_model_back(model, tmp_path):
    model.save(tmp_path / "m.h5")
    again = PODNetwork.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.estimate(inputs(NEW)).u, model.estimate(inputs(NEW)).u)
    assert (again.width, again.metrics) == (12, model.metrics)


def test_files_whose_parts_do_not_fit_are_refused(model, tmp_path):
    model.save(tmp_path / "m.h5")
    arrays, told = load_archive(tmp_path / "m.h5", "pod-network")
    weight = "regressor/weights/2.weight"

    def refused(arrays, told):
        save_archive(tmp_path / "w.h5", "pod-network", arrays, told)
        with pytest.raises(FileFormatError, match="cannot be used"):
            PODNetwork.load(tmp_path / "w.h5")

    for wrong in (arrays[weight][:-1], arrays[weight].astype("f4"), np.nan * arrays[weight]):
        refused({**arrays, weight: wrong}, told)
    refused({**arrays, "regressor/weights/9.weight": np.ones(2)}, told)
    refused({n: a for n, a in arrays.items() if n != weight}, told)
    for more in ({"sizes": [2, 12, 3]}, {"sizes": [-1]}, {"scale": 0.0}, {"name": "polynomial"}):
        refused(arrays, {**told, "regressor": {**told["regressor"], **more}})


def test_the_derivative_of_the_loss_is_small_at_the_end(data):
    loose, tight = (
        PODNetwork(inputs=["a", "b"], output="u", **{**FAST, "iterations": n}).fit(data)
        for n in (5, 150)
    )
    assert tight.metrics["loss"] < 1e-2 * loose.metrics["loss"]


def test_wrong_arguments_are_told():
    for wrong in (
        *({"width": 0}, {"layers": 0}, {"iterations": 0}, {"penalty": -1}, {"folds": 1}),
        *({"seed": -1}, {"rtol": 3}),
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            PODNetwork(inputs="a", output="u", **wrong)
    with pytest.raises(InputError, match="depth"):
        PODNetwork(inputs="a", output="u", depth=3)


def test_a_network_of_known_weights():
    arrays = {
        "weights/0.weight": np.array([[2.0]]),
        "weights/0.bias": np.array([0.5]),
        "weights/2.weight": np.array([[3.0]]),
        "weights/2.bias": np.array([-1.0]),
        "left_out": np.zeros((4, 1)),
    }
    network = ScoreNetwork.from_archived(arrays, {"sizes": [1, 1, 1], "scale": 10.0})
    assert network.predict([[0.25]])[0, 0] == pytest.approx(10 * (3 * np.tanh(1.0) - 1))


def test_seeds_are_those_that_torch_takes():
    assert PODNetwork(inputs="mu", output="u", seed=(1 << 64) - 1).seed == (1 << 64) - 1
    with pytest.raises(InputError, match=r"seed: expected an integer below 2\^64"):
        PODNetwork(inputs="mu", output="u", seed=1 << 64)
