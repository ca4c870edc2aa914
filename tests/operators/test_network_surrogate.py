import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.meshes import PointCloud  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    LNO,
    AutoregressiveOperator,
    CloudSample,
    NeuralOperator,
    PointCloudOperator,
    SpaceTimeOperator,
    TrainingOptions,
)
from nwidth.operators.network_surrogate import NetworkSurrogate, real_field, split  # noqa: E402

SMALL = {"width": 4, "layers": 1, "projection": 4}


def options(epochs):
    return TrainingOptions(epochs=epochs, batch_size=4, validation=0.25, schedule="constant")


def clouds(count=8):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        points = rng.random((20, 2))
        fields = {"a": points[:, 0], "u": points.sum(1) * rng.uniform(1, 2)}
        found.append(CloudSample(PointCloud(points), fields))
    return found


@pytest.fixture(params=["grid", "cloud", "steps", "block"])
def kind(request, tiny_data, flow_data):
    """A function that makes a surrogate, and its data."""
    if request.param == "grid":
        names = {"inputs": "permeability", "output": "pressure"}
        return lambda: NeuralOperator(FNO(1, 1, (3, 3), **SMALL), **names), tiny_data()
    if request.param == "cloud":
        network = {"width": 4, "layers": 1, "functions": 4}
        return lambda: PointCloudOperator(LNO(**network), inputs="a", output="u"), clouds()
    if request.param == "steps":
        return lambda: AutoregressiveOperator(FNO(1, 1, (3,), **SMALL), fields="tracer"), (
            flow_data()
        )
    return lambda: SpaceTimeOperator(FNO(1, 1, (2, 3), **SMALL), fields="tracer"), flow_data()


def weights(model):
    return {name: weight.clone() for name, weight in model.model.state_dict().items()}


def test_record_history_and_metrics_come_back_from_the_file(kind, tmp_path):
    make, data = kind
    model = make().fit(data, options(2))
    assert isinstance(model, NetworkSurrogate)
    samples = len(data)
    assert model.metrics[f"training_{model.samples}"] == samples - round(samples / 4)
    assert model.metrics[f"validation_{model.samples}"] == round(samples / 4)
    assert model.metrics["validation_relative_l2"] == min(
        line["validation_error"] for line in model.history
    )
    model.save(tmp_path / "m.h5", optimizer=True)
    again = type(model).load(tmp_path / "m.h5")
    assert repr(again) == repr(model) and "fitted" in repr(model) and "not" not in repr(model)
    for name in ("normalizers", "provenance", "history", "metrics"):
        assert getattr(again, name) == getattr(model, name)
    assert {*again.normalizers} == {*model.field_names}
    assert again.record.description == model.record.description
    assert {*again.record.arrays} == {*model.record.arrays}
    for name, weight in weights(model).items():
        assert torch.equal(weight, again.model.state_dict()[name])


def test_training_goes_on_from_a_file_as_in_memory(kind, tmp_path):
    make, data = kind
    model = make().fit(data, options(2))
    first = weights(model)
    model.save(tmp_path / "m.h5", optimizer=True)
    again = type(model).load(tmp_path / "m.h5").fit(data, options(4), resume=True)
    model.fit(data, options(4), resume=True)
    assert [line["epoch"] for line in model.history] == [1, 2, 3, 4]
    for name in ("training_loss", "validation_error"):
        assert [line[name] for line in again.history] == [line[name] for line in model.history]
    for name, weight in weights(model).items():
        assert torch.equal(weight, again.model.state_dict()[name])
    assert any(not torch.equal(first[n], weight) for n, weight in weights(model).items())


def test_the_model_must_be_fitted_and_know_its_optimizer(kind, tmp_path):
    make, data = kind
    fresh = make()
    assert "not fitted" in repr(fresh)
    for call in (
        lambda: fresh.save(tmp_path / "m.h5"),
        lambda: fresh.fit(data, options(2), resume=True),
    ):
        with pytest.raises(InputError, match=f"^{fresh.title}: expected a fitted model; call fit"):
            call()
    fresh.fit(data, options(1)).save(tmp_path / "m.h5")
    bare = type(fresh).load(tmp_path / "m.h5")
    assert bare.record is None
    with pytest.raises(InputError, match=r"resume: expected a model that knows its optimizer"):
        bare.fit(data, options(2), resume=True)
    with pytest.raises(InputError, match=r"save: expected a model that knows its optimizer"):
        bare.save(tmp_path / "n.h5", optimizer=True)
    for call in (
        lambda: fresh.fit(data, options(2), resume="yes"),
        lambda: fresh.save(tmp_path / "n.h5", optimizer=1),
    ):
        with pytest.raises(InputError, match="expected True or False"):
            call()
    assert not (tmp_path / "n.h5").exists()


def test_files_that_lack_something_are_refused(kind, tmp_path):
    make, data = kind
    model = make().fit(data, options(1))
    model.save(tmp_path / "m.h5")
    arrays, description = load_archive(tmp_path / "m.h5", model.kind)
    for name in (*model.kept, *(n for n in arrays if n.startswith("normalizers/"))):
        parts = [{k: v for k, v in part.items() if k != name} for part in (arrays, description)]
        save_archive(tmp_path / "d.h5", model.kind, *parts)
        with pytest.raises(FileFormatError, match=f"'{name}' is missing"):
            type(model).load(tmp_path / "d.h5")


@pytest.mark.parametrize("path", [3, None, b"m.h5", "m\0.h5"], ids=repr)
def test_what_is_no_path_is_refused(kind, path):
    make, data = kind
    model = make()
    if path is not None:
        with pytest.raises(InputError, match="checkpoint: expected a path"):
            model.fit(data, options(1), checkpoint=path)
    model.fit(data, options(1))
    for call in (model.save, model.load):
        with pytest.raises(InputError, match="path: expected a path"):
            call(path)


def test_any_seed_of_the_options_will_do(tiny_data):
    names = {"inputs": "permeability", "output": "pressure"}
    model = NeuralOperator(FNO(1, 1, (3, 3), **SMALL), **names)
    model.fit(tiny_data(), TrainingOptions(epochs=1, seed=1 << 70))
    assert model.metrics["options"]["seed"] == 1 << 70


def test_samples_are_held_out_by_the_seed():
    kept, held = split(20, options(1), False)
    assert len(held) == 5 and sorted([*kept, *held]) == [*range(20)]
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()
    other = split(20, TrainingOptions(validation=0.25, seed=1), False)[1]
    assert other.tolist() != held.tolist()
    assert [len(part) for part in split(20, options(1), True)] == [20, 0]


def test_complex_fields_are_refused():
    assert real_field([1, 2], "a").dtype == np.float64
    with pytest.raises(InputError, match="a: expected real numbers, got complex128; pass real"):
        real_field(np.ones(3) * 1j, "a")
