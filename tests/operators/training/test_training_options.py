import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import json  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators import AdamW, Cosine, H1Loss, TrainingOptions  # noqa: E402


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch_size": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"schedule": "cosin"},
        {"loss": "l3"},
        {"validation": 1.0},
        {"patience": 0},
        {"seed": -1},
        {"optimizer": "adam"},
    ],
)
def test_options_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=r"training: .*expected"):
        TrainingOptions(**settings)


@pytest.mark.parametrize("settings", [{"weight_decay": -1.0}, {"gradient_clip": 0.0}])
def test_settings_of_the_optimizer_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=r"training: .*expected"):
        AdamW(**settings)


def test_names_and_objects_mean_the_same():
    named = TrainingOptions(schedule="cosine", loss="h1").describe()
    assert named == TrainingOptions(schedule=Cosine(), loss=H1Loss()).describe()
    assert json.loads(json.dumps(named)) == named
    assert named != TrainingOptions(schedule=Cosine(0.1), loss="h1").describe()


def test_rates_follow_the_schedule():
    options = TrainingOptions(learning_rate=0.5, schedule=Cosine())
    assert options.learning_rate_at(0, 4) == 0.5
    assert options.learning_rate_at(2, 4) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("validation", "samples", "held"), [(0.1, 20, 2), (0.0, 1, 0), (0.5, 3, 2), (0.1, 5, None)]
)
def test_samples_held_out(validation, samples, held):
    options = TrainingOptions(validation=validation)
    if held is None:
        with pytest.raises(InputError, match=r"at least 6"):
            options.held_out(samples)
        assert options.held_out(6) == 1
    else:
        assert options.held_out(samples) == held
