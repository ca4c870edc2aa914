import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    AdamW,
    Augmentation,
    NeuralOperator,
    Trainer,
    TrainingOptions,
)


def network(seed=0, **options):
    return FNO(1, 1, (3, 3), width=6, layers=2, projection=8, seed=seed, **options)


def fitted(dataset, progress=None, checkpoint=None, augmentation=None, **options):
    options = TrainingOptions(**{"epochs": 4, "batch_size": 5, "validation": 0.25, **options})
    model = NeuralOperator(network(), inputs="permeability", output="pressure")
    return model.fit(
        dataset, options, progress=progress, checkpoint=checkpoint, augmentation=augmentation
    )


def weights(model):
    return torch.cat([w.flatten() for w in model.model.state_dict().values()])


def numbers(history):
    return [{k: v for k, v in line.items() if k != "seconds"} for line in history]


class Killed(Exception):
    pass


@pytest.fixture
def checkpoint_every_epoch(monkeypatch):
    initialize = Trainer.__init__

    def eager(self, *arguments, **options):
        initialize(self, *arguments, **{**options, "checkpoint_seconds": 0.0})

    monkeypatch.setattr(Trainer, "__init__", eager)


@pytest.mark.parametrize("schedule", ["one-cycle", "constant"])
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_resumed_training_ends_with_the_same_bits(
    tiny_data, tmp_path, checkpoint_every_epoch, schedule, validation
):
    dataset = tiny_data(samples=13)
    options = {
        "schedule": schedule,
        "validation": validation,
        "epochs": 6,
        "augmentation": Augmentation(coarse=0.5, symmetries=True),
        "optimizer": AdamW(gradient_clip=1.0),
    }
    whole = fitted(dataset, **options)
    for dying in (2, 4, 5):

        def kill(report, dying=dying):
            if report.epoch == dying and report.step == 2:
                raise Killed

        with pytest.raises(Killed):
            fitted(dataset, kill, tmp_path / "c.h5", **options)
    resumed = fitted(dataset, None, tmp_path / "c.h5", **options)
    assert torch.equal(weights(whole), weights(resumed))
    assert numbers(whole.history) == numbers(resumed.history)
    assert len(whole.history) == 6
    again = fitted(
        dataset, lambda report: pytest.fail("trained again"), tmp_path / "c.h5", **options
    )
    assert torch.equal(weights(whole), weights(again))


def test_equal_seeds_give_equal_weights_and_others_do_not(tiny_data):
    dataset = tiny_data()
    assert torch.equal(weights(fitted(dataset)), weights(fitted(dataset)))
    assert not torch.equal(weights(fitted(dataset)), weights(fitted(dataset, seed=1)))


def test_a_checkpoint_of_another_job_is_refused(tiny_data, tmp_path):
    dataset = tiny_data()
    fitted(dataset, checkpoint=tmp_path / "c.h5")
    with pytest.raises(InputError, match=r"learning_rate was 0.002 in the file and is 0.001 now"):
        fitted(dataset, checkpoint=tmp_path / "c.h5", learning_rate=1e-3)
    with pytest.raises(InputError, match=r"data.digest"):
        fitted(tiny_data(seed=1), checkpoint=tmp_path / "c.h5")


def test_a_checkpoint_of_data_changed_in_the_middle_is_refused(tiny_data, tmp_path):
    """First and last samples agree; so do the validation samples, or the training samples."""
    fields = {name: view[:] for name, view in dict(tiny_data()).items()}
    fitted(tiny_data(fields=fields), checkpoint=tmp_path / "c.h5")
    held = np.sort(np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(12)[:3])
    kept = np.setdiff1d(np.arange(12), held)
    for sample, what in (
        (kept[4], r"data\.(normalizers|digest)"),
        (held[1], r"validation\.digest"),
    ):
        changed = {name: a.copy() for name, a in fields.items()}
        changed["pressure"][sample] *= 2
        with pytest.raises(InputError, match=what):
            fitted(tiny_data(fields=changed), checkpoint=tmp_path / "c.h5")


def test_early_stopping_keeps_the_best_weights(tiny_data):
    dataset = tiny_data(samples=16)
    model = fitted(
        dataset, epochs=200, patience=3, learning_rate=0.05, schedule="constant", batch_size=4
    )
    errors = [line["validation_error"] for line in model.history]
    best = int(np.argmin(errors))
    assert len(errors) == best + 1 + 3 < 200
    assert model.metrics["best_epoch"] == best + 1
    assert model.metrics["validation_relative_l2"] == errors[best]
    held = np.sort(np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(16)[:4])
    predicted = model.predict({"permeability": dataset["permeability"][held]})
    known = dataset["pressure"][held]
    grid = dataset.grid
    error = np.mean(grid.norm(predicted - known) / grid.norm(known))
    assert error == pytest.approx(errors[best], rel=1e-4)


def test_training_reduces_the_error(tiny_data):
    for loss in ("l2", "h1"):
        model = fitted(tiny_data(samples=20), epochs=100, learning_rate=1e-2, loss=loss)
        assert model.history[-1]["training_loss"] < 0.1 * model.history[0]["training_loss"]


def test_progress_is_told_every_step(tiny_data):
    reports = []
    fitted(tiny_data(samples=16), reports.append, epochs=2, batch_size=5)
    assert [(r.epoch, r.step, r.steps) for r in reports] == [
        (e, s, 3) for e in (1, 2) for s in (1, 2, 3)
    ]
    assert [r.validation_error is not None for r in reports] == [False, False, True] * 2
    assert [r.epoch_ended for r in reports] == [False, False, True] * 2
    assert reports[-1].best_error == min(r.validation_error for r in reports if r.epoch_ended)


def test_nan_loss_stops_and_says_where(tiny_data):
    with pytest.raises(NonFiniteError, match=r"epoch \d+, step \d+; lower learning_rate"):
        fitted(tiny_data(), epochs=50, learning_rate=1e30)


def test_coarse_epochs_train_on_the_coarse_grid(tiny_data, monkeypatch):
    seen = []
    forward = FNO.forward
    monkeypatch.setattr(
        FNO, "forward", lambda self, v, axes: seen.append(v.shape[-1]) or forward(self, v, axes)
    )
    fitted(tiny_data(), augmentation=Augmentation(coarse=0.5), validation=0.0, batch_size=12)
    assert seen == [5, 5, 9, 9]
    with pytest.raises(InputError, match="divides"):
        fitted(tiny_data(Grid.uniform((8, 8))), augmentation=Augmentation(coarse=0.5))


def test_double_precision(tiny_data):
    model = NeuralOperator(network().double(), inputs="permeability", output="pressure")
    model.fit(tiny_data(), TrainingOptions(epochs=2, batch_size=4))
    assert all(w.dtype == torch.float64 for w in model.model.parameters())
    assert model.predict({"permeability": np.ones((1, 9, 9))}).dtype == np.float64
