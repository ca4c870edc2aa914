import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FNO  # noqa: E402
from nwidth.operators.model_file import (  # noqa: E402
    described,
    load_model,
    save_model,
    training_record,
)
from nwidth.operators.training.training_checkpoint import TrainingRecord  # noqa: E402


def network():
    return FNO(2, 1, (3,), width=4, layers=1, projection=4, seed=3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_network_description_and_arrays_come_back(tmp_path, dtype):
    model = network().to(dtype)
    with torch.no_grad():
        model.lift.weight += 0.1
    extra = {"scales/u": np.array([1.0, 2.0])}
    save_model(tmp_path / "m.h5", "some-operator", model, {"output": "u"}, extra)
    again, description, arrays = load_model(tmp_path / "m.h5", "some-operator")
    v, axes = torch.ones(1, 2, 9, dtype=dtype), Grid.uniform((9,)).axes
    assert torch.equal(model(v, axes), again(v, axes))
    assert description["output"] == "u" and description["architecture"] == "FNO"
    assert description["settings"] == model.describe()
    np.testing.assert_array_equal(arrays["scales/u"], extra["scales/u"])
    assert training_record(arrays, description) is None


def test_the_training_is_kept_if_asked(tmp_path):
    record = TrainingRecord({"adamw/exp_avg/lift.bias": np.ones(4)}, {"epoch": 3})
    save_model(tmp_path / "m.h5", "some-operator", network(), {}, {}, record)
    _, description, arrays = load_model(tmp_path / "m.h5", "some-operator")
    again = training_record(arrays, description)
    assert again.description == {"epoch": 3}
    np.testing.assert_array_equal(again.arrays["adamw/exp_avg/lift.bias"], np.ones(4))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"architecture": "os.system"}, "networks FNO"),
        ({"architecture": ["FNO"]}, "networks FNO"),
        ({"version": 99}, "version 2 or before, got 99; update"),
        ({"version": "x"}, "version"),
        ({"precision": "float16"}, "float16"),
        ({"settings": {"colour": 1}}, "settings of an FNO"),
        ({"settings": 3}, "cannot be used"),
        ({"settings": {"modes": [10**6, 10**6]}}, "convolutions.1.weight is missing"),
        ({"settings": {"width": 10**300}}, "cannot be used"),
    ],
)
def test_descriptions_that_are_wrong_are_refused(tmp_path, change, what):
    path = tmp_path / "m.h5"
    save_model(path, "some-operator", network(), {}, {})
    arrays, description = load_archive(path, "some-operator")
    save_archive(path, "some-operator", arrays, {**description, **change})
    with pytest.raises(FileFormatError, match=what):
        load_model(path, "some-operator")
    with pytest.raises(FileFormatError, match="some-operator"):
        load_model(path, "other-operator")


def test_files_of_the_first_version_are_read(tmp_path):
    path = tmp_path / "m.h5"
    save_model(path, "some-operator", network(), {}, {})
    arrays, description = load_archive(path, "some-operator")
    del description["version"]
    save_archive(path, "some-operator", arrays, description)
    assert load_model(path, "some-operator")[0].width == 4


def test_names_that_are_taken_are_refused(tmp_path):
    for description, arrays in (({"settings": 1}, {}), ({}, {"weights/x": np.ones(1)})):
        with pytest.raises(InputError, match="some-operator: expected"):
            save_model(tmp_path / "m.h5", "some-operator", network(), description, arrays)


def test_only_what_a_description_lacks_is_told_as_such(tmp_path):
    lacking = pytest.raises(FileFormatError, match=r"a some operator, but.*'grid' is missing")
    with lacking, described(tmp_path, "some-operator"):
        raise KeyError("grid")
    with pytest.raises(ZeroDivisionError), described(tmp_path, "some-operator"):
        raise ZeroDivisionError


def test_weights_of_several_precisions_are_refused(tmp_path):
    mixed = network()
    mixed.lift.double()
    for model, what in ((mixed, "got float32, float64"), (network().half(), "got float16")):
        with pytest.raises(InputError, match=f"expected all weights in one of.*{what}; convert"):
            save_model(tmp_path / "m.h5", "some-operator", model, {}, {})
