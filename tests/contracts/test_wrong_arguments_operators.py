"""Whatever comes through a door of the training of networks is taken or refused in words."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.fields import FieldDataset  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    LBFGS,
    AdamW,
    Augmentation,
    Constant,
    Cosine,
    Ensemble,
    Execution,
    H1Loss,
    NeuralOperator,
    Normalizer,
    OneCycle,
    SpectralLoss,
    Steps,
    TrainingOptions,
    export_torchscript,
)

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.ones((3, 2), complex), np.array(["a"]), np.float64(2)),
    *(np.inf, 1e308, (1, 2, 3), torch.zeros(2), object(), int, {"x": 1}),
]
NAMES = {"inputs": "permeability", "output": "pressure"}


def network():
    return FNO(1, 1, (2, 2), width=2, layers=1, projection=2)


DOORS = {
    "AdamW": (AdamW, {"weight_decay": 0.0, "gradient_clip": 1.0, "average": 0.5, "tail": LBFGS()}),
    "LBFGS": (LBFGS, {"epochs": 1, "iterations": 2, "history": 3}),
    "Execution": (Execution, {"micro_batch": 2, "precision": "full", "compiler": None}),
    "Constant": (Constant, {"warm_up": 0.1}),
    "Cosine": (Cosine, {"warm_up": 0.1, "end": 0.5}),
    "OneCycle": (OneCycle, {"rise": 0.5, "start": 0.1}),
    "Steps": (Steps, {"decay": 0.5, "times": 2}),
    "H1Loss": (H1Loss, {"gradient": 0.5}),
    "SpectralLoss": (SpectralLoss, {"order": 1.0, "weights": (1.0, 2.0)}),
    "Augmentation": (Augmentation, {"coarse": 0.5, "factor": 2, "symmetries": True}),
    "Normalizer": (Normalizer, {"mean": 0.0, "scale": 1.0}),
    "TrainingOptions": (TrainingOptions, TrainingOptions(patience=3).__dict__),
    "NeuralOperator": (NeuralOperator, {"model": network(), **NAMES}),
    "Ensemble": (Ensemble, {"model": network(), **NAMES, "members": 2}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize(("door", "name"), CASES)
def test_wrong_settings_are_taken_or_refused_in_words(door, name, refused_in_words):
    call, good = DOORS[door]
    call(**good)
    refused_in_words(call, good, name, WRONG)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    grid, folder = Grid.uniform((5, 5)), tmp_path_factory.mktemp("wrong")
    fields = {n: np.random.default_rng(0).random((4, 5, 5)) for n in NAMES.values()}
    with FieldDataset.create(folder / "d.h5", grid, dict.fromkeys(fields, "1")) as data:
        data.extend(fields)
        data.finish()
    with FieldDataset.open(folder / "d.h5") as data:
        options = TrainingOptions(epochs=1, validation=0.5)
        model = NeuralOperator(network(), **NAMES).fit(data, options)
        yield model, data, options, folder


@pytest.mark.parametrize("name", ["inputs", "grid", "batch"])
def test_predictions(fitted, name, refused_in_words):
    model, data, _, _ = fitted
    good = {"inputs": {"permeability": np.ones((1, 5, 5))}, "grid": data.grid, "batch": 2}
    refused_in_words(model.predict, good, name, WRONG)


@pytest.mark.parametrize("name", ["dataset", "options", "augmentation", "validation", "resume"])
def test_fits(fitted, name, refused_in_words):
    model, data, options, _ = fitted
    good = {
        "dataset": data,
        "options": options,
        "augmentation": None,
        "validation": None,
        "resume": False,
    }
    refused_in_words(model.fit, good, name, [w for w in WRONG if w is not None and w is not True])


@pytest.mark.parametrize("name", ["model", "grid", "samples"])
def test_exports(fitted, name, refused_in_words):
    model, data, _, folder = fitted
    good = {"model": model, "path": folder / "m.pt", "grid": data.grid, "samples": 1}
    refused_in_words(export_torchscript, good, name, [w for w in WRONG if w is not None])


def test_files(fitted, refused_in_words):
    model, _, _, folder = fitted
    refused_in_words(model.save, {"path": folder / "m.h5", "optimizer": True}, "optimizer", WRONG)
