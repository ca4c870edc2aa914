import numpy as np
import pytest
import torch

from nwidth.errors import FileFormatError, InputError
from nwidth.meshes import PointCloud
from nwidth.operators import (
    FNO,
    GNO,
    LNO,
    MGNO,
    CloudSample,
    NeuralOperator,
    PointCloudOperator,
    TrainingOptions,
)

OPTIONS = TrainingOptions(epochs=3, batch_size=4, validation=0.25)


def samples(count=8, seed=0, dtype="f8"):
    rng = np.random.default_rng(seed)
    found = []
    for n in rng.integers(30, 60, count):
        cloud = PointCloud(rng.random((n, 2)))
        a = np.sin(3 * cloud.points[:, 0]) * rng.uniform(1, 2)
        fields = {"a": a, "u": 5 + a * cloud.points[:, 1]}
        found.append(CloudSample(cloud, {name: f.astype(dtype) for name, f in fields.items()}))
    return found


def model_of(network=None):
    network = LNO(width=6, layers=2, functions=8) if network is None else network
    return PointCloudOperator(network, inputs="a", output="u")


@pytest.mark.parametrize(
    "network",
    [
        lambda: GNO(radius=0.5, width=6, layers=2, functions=3, hidden=8),
        lambda: MGNO(
            levels=(9,), radii=(0.3, 0.6), between=(0.6,), width=6, layers=1, functions=3, hidden=8
        ),
        lambda: LNO(width=6, layers=2, functions=8).double(),
    ],
)
def test_a_model_learns_and_comes_back_from_its_file(tmp_path, network):
    model = model_of(network()).fit(samples(), OPTIONS)
    history = [epoch["training_loss"] for epoch in model.history]
    assert history[-1] < history[0] and model.metrics["validation_samples"] == 2
    model.save(tmp_path / "m.h5")
    again = PointCloudOperator.load(tmp_path / "m.h5")
    other = samples(1, seed=9)[0]
    u = model.predict(other.cloud, {"a": other.fields["a"]})
    assert np.array_equal(again.predict(other.cloud, {"a": other.fields["a"]}), u)
    assert u.shape == (len(other.cloud),) and again.history == model.history
    assert again.evaluate(samples()) == model.evaluate(samples())


def test_resumed_training_ends_with_the_same_bits(tmp_path):
    data, path = samples(), tmp_path / "c.h5"
    whole = model_of().fit(data, OPTIONS)
    model_of().fit(data, OPTIONS, checkpoint=path)
    again = model_of().fit(data, OPTIONS, checkpoint=path)
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="same job"):
        model_of().fit(samples(seed=1), OPTIONS, checkpoint=path)


def test_vectors_are_channels():
    data = samples(4)
    both = [
        CloudSample(s.cloud, {"a": s.fields["a"], "u": np.stack([s.fields["u"], s.fields["a"]], 1)})
        for s in data
    ]
    network = LNO(1, 2, width=4, layers=1, functions=4)
    model = model_of(network).fit(both, TrainingOptions(epochs=1, validation=0.0))
    assert model.predict(data[0].cloud, {"a": data[0].fields["a"]}).shape == (len(data[0].cloud), 2)
    with pytest.raises(InputError, match="1 output channels, the network's, got 1 and 2"):
        model_of().fit(both, OPTIONS)


def test_what_does_not_fit_is_told(tmp_path):
    data = samples()
    with pytest.raises(InputError, match="call fit, or load one"):
        model_of().predict(data[0].cloud, {"a": data[0].fields["a"]})
    with pytest.raises(InputError, match="GNO, MGNO or LNO, got FNO"):
        model_of(FNO(modes=(2, 2), width=4, layers=1))
    with pytest.raises(InputError, match="different names"):
        PointCloudOperator(LNO(), inputs=["u"], output="u")
    with pytest.raises(InputError, match="loss 'l2', got 'h1'"):
        model_of().fit(data, TrainingOptions(loss="h1"))
    with pytest.raises(InputError, match="field 'u' on every cloud, got a"):
        model_of().fit([CloudSample(s.cloud, {"a": s.fields["a"]}) for s in data], OPTIONS)
    with pytest.raises(InputError, match="use a radius of at least"):
        lonely = CloudSample(
            PointCloud(np.linspace(0, 1, 8)[:, None] * [1, 1]), {"a": np.ones(8), "u": np.ones(8)}
        )
        network = MGNO(levels=(4,), radii=(0.1, 0.9), between=(0.05,), width=4, layers=1)
        model_of(network).fit([lonely], OPTIONS)
    model = model_of().fit(data, TrainingOptions(epochs=1, validation=0.0))
    with pytest.raises(InputError, match="expected the inputs a, got b"):
        model.predict(data[0].cloud, {"b": data[0].fields["a"]})
    with pytest.raises(InputError, match="in the box the model was trained on"):
        model.predict(PointCloud([[0.5, 0.5]], upper=2.0), {"a": [1.0]})
    for fields, message in (
        ({"u": np.ones(8)}, "field 'a' on every cloud"),
        ({"a": np.ones(8), "u": np.ones((8, 2))}, "network's, got 1 and 2"),
    ):
        with pytest.raises(InputError, match=message):
            model.evaluate([CloudSample(PointCloud(np.full((8, 2), 0.5)), fields)])
    with pytest.raises(InputError, match="names of fields, got 3"):
        PointCloudOperator(LNO(), inputs=3, output="u")
    model.save(tmp_path / "m.h5")
    with pytest.raises(FileFormatError, match="expected a model file of kind"):
        NeuralOperator.load(tmp_path / "m.h5")
