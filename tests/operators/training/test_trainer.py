from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError, NonFiniteError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    LBFGS,
    AdamW,
    Augmentation,
    Execution,
    LearnedCycle,
    LearningTask,
    MgNO,
    NeuralOperator,
    OperatorNetwork,
    Trainer,
    TrainingOptions,
)
from nwidth.operators.training.training_checkpoint import training_reached  # noqa: E402


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


@pytest.mark.parametrize(
    ("schedule", "validation", "optimizer", "execution"),
    [
        ("one-cycle", 0.25, AdamW(gradient_clip=1.0), Execution()),
        ("constant", 0.0, AdamW(average=0.9), Execution(micro_batch=2)),
        ("constant", 0.25, AdamW(average=0.9, tail=LBFGS(3, 2, 2)), Execution()),
        ("cosine", 0.0, AdamW(tail=LBFGS(3, 2, 4)), Execution(micro_batch=3)),
    ],
)
def test_resumed_training_ends_with_the_same_bits(
    tiny_data, tmp_path, checkpoint_every_epoch, schedule, validation, optimizer, execution
):
    dataset = tiny_data(samples=13)
    tail = optimizer.tail is not None
    options = {
        "schedule": schedule,
        "validation": validation,
        "epochs": 3 if tail else 6,
        "augmentation": Augmentation(coarse=0.5, symmetries=True),
        "optimizer": optimizer,
        "execution": execution,
    }
    whole = fitted(dataset, **options)
    for dying in (2, 4, 5):

        def kill(report, dying=dying):
            # Within an epoch, and in the tail between two.
            if report.epoch == dying and (report.step == 2 or report.learning_rate is None):
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


@pytest.mark.parametrize(
    ("validation", "optimizer", "execution"),
    [
        (0.25, AdamW(gradient_clip=1.0), Execution()),
        (0.0, AdamW(average=0.9), Execution(micro_batch=2)),
        (0.25, AdamW(average=0.9, tail=LBFGS(2, 2, 2)), Execution()),
    ],
)
def test_training_resumes_within_an_epoch_with_the_same_bits(
    tiny_data, tmp_path, monkeypatch, validation, optimizer, execution
):
    """Killed after each step of every epoch, it goes on from that step."""
    options = {
        "epochs": 3,
        "batch_size": 4,
        "validation": validation,
        "augmentation": Augmentation(coarse=0.5, symmetries=True),
        "optimizer": optimizer,
        "execution": execution,
    }
    dataset, told = tiny_data(samples=13), []
    whole = fitted(dataset, lambda report: told.append((report.epoch, report.step)), **options)
    initialize = Trainer.__init__

    def eager(self, *arguments, **options):
        seconds = {"checkpoint_seconds": np.inf, "within_epoch_seconds": 0.0}
        initialize(self, *arguments, **{**options, **seconds})

    monkeypatch.setattr(Trainer, "__init__", eager)
    steps = len([epoch for epoch, _ in told if epoch == 1])
    ends = steps * np.arange(1, 4) - 1  # after which nothing was written
    for place in np.delete(told[: 3 * steps], ends, axis=0).tolist():

        def kill(report, place=place):
            assert told.index((report.epoch, report.step)) <= told.index((*place,))
            if [report.epoch, report.step] == place:
                raise Killed

        with pytest.raises(Killed):
            fitted(dataset, kill, tmp_path / "c.h5", **options)
        assert training_reached(tmp_path / "c.h5") == (place[0] - 1, place[1])
    resumed = fitted(dataset, None, tmp_path / "c.h5", **options)
    assert torch.equal(weights(whole), weights(resumed))
    assert numbers(whole.history) == numbers(resumed.history)


@pytest.mark.parametrize("within", [-1, 3, 10**9])
def test_states_beyond_their_epoch_are_refused(tiny_data, tmp_path, within):
    """In checkpoints, and in files of models that know their optimizer."""
    dataset, file = tiny_data(samples=13), tmp_path / "c.h5"
    model = fitted(dataset, checkpoint=file, epochs=1, batch_size=4)
    arrays, description = load_archive(file, "training-checkpoint")
    save_archive(file, "training-checkpoint", arrays, {**description, "within": within})
    told = rf"expected less than the 3 steps of an epoch, got {within}"
    with pytest.raises(FileFormatError, match=rf"checkpoint .*c\.h5: {told}"):
        fitted(dataset, checkpoint=file, epochs=1, batch_size=4)
    model.record.description["within"] = within
    with pytest.raises(FileFormatError, match=f"checkpoint of the former training: {told}"):
        model.fit(dataset, TrainingOptions(epochs=9, batch_size=4), resume=True)


def test_ctrl_c_keeps_every_whole_step(tiny_data, tmp_path, monkeypatch):
    dataset, file = tiny_data(samples=13), tmp_path / "c.h5"
    whole = fitted(dataset)

    def told(report, place):
        if (report.epoch, report.step) == place:
            raise KeyboardInterrupt

    for place, reached in (((2, 1), (1, 1)), ((3, 2), (3, 0))):
        with pytest.raises(KeyboardInterrupt):
            fitted(dataset, partial(told, place=place), file)
        assert training_reached(file) == reached
    forward, update = FNO.forward, torch.optim.AdamW.step

    def interrupted(self, *arguments):
        forward(self, *arguments)
        raise KeyboardInterrupt

    def torn(self, *arguments):
        update(self, *arguments)
        raise KeyboardInterrupt

    kept = file.read_bytes()
    for where, name, how in ((FNO, "forward", interrupted), (torch.optim.AdamW, "step", torn)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(where, name, how)
            fitted(dataset, None, file)
        assert training_reached(file) == (3, 0)
        assert (file.read_bytes() == kept) == (name == "step")  # a step half made is not kept
        kept = file.read_bytes()
    resumed = fitted(dataset, None, file)
    assert torch.equal(weights(whole), weights(resumed))
    assert numbers(whole.history) == numbers(resumed.history)


def test_weights_that_are_not_contiguous_resume_with_the_same_bits(
    tiny_data, tmp_path, checkpoint_every_epoch
):
    """Convolutions with channels last have moments and gradients that lie likewise."""
    options = TrainingOptions(
        epochs=2, batch_size=6, optimizer=AdamW(tail=LBFGS(2, 2)), learning_rate=0.05
    )

    def train(progress=None, checkpoint=None):
        network = MgNO(1, 1, LearnedCycle(levels=2), width=4, layers=1)
        assert not all(p.is_contiguous() for p in network.parameters())
        model = NeuralOperator(network, inputs="permeability", output="pressure")
        return model.fit(tiny_data(), options, progress=progress, checkpoint=checkpoint)

    def kill(report, dying):
        if report.epoch == dying:
            raise Killed

    whole = train()
    for dying in (2, 4):
        with pytest.raises(Killed):
            train(partial(kill, dying=dying), tmp_path / "c.h5")
    resumed = train(None, tmp_path / "c.h5")
    assert torch.equal(weights(whole), weights(resumed))
    assert numbers(whole.history) == numbers(resumed.history)


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


def test_progress_that_cannot_be_called_is_refused(tiny_data):
    with pytest.raises(InputError, match="progress: expected a function of a report, got 3"):
        fitted(tiny_data(), 3)


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


@pytest.mark.parametrize("clip", [None, 0.1])
def test_small_batches_that_accumulate_are_one_large_batch(tiny_data, clip):
    dataset = tiny_data(samples=12)

    def trained(size):
        model = NeuralOperator(network().double(), inputs="permeability", output="pressure")
        options = TrainingOptions(
            epochs=2,
            batch_size=5,
            validation=0.0,
            optimizer=AdamW(gradient_clip=clip, tail=LBFGS(1, 2)),
            execution=Execution(micro_batch=size),
        )
        augmentation = Augmentation(symmetries=True)
        return model.fit(dataset, options, augmentation=augmentation)

    whole, parts = trained(None), trained(2)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-7, atol=1e-10)
    losses = [[line["training_loss"] for line in m.history] for m in (whole, parts)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-10)


def test_the_tail_goes_further_down(tiny_data):
    options = {"epochs": 20, "learning_rate": 1e-2, "validation": 0.0}
    model = fitted(tiny_data(samples=10), optimizer=AdamW(tail=LBFGS(5, 10)), **options)
    losses = [line["training_loss"] for line in model.history]
    assert len(losses) == 25 and model.history[-1]["epoch"] == 25
    assert losses[24] < 0.5 * losses[19]
    assert losses[20:] == sorted(losses[20:], reverse=True)


def test_patience_ends_adamw_and_not_the_tail(tiny_data):
    options = {"epochs": 200, "learning_rate": 0.05, "schedule": "constant", "patience": 2}
    model = fitted(tiny_data(samples=16), optimizer=AdamW(tail=LBFGS(2, 2)), **options)
    rates = [line["learning_rate"] for line in model.history]
    assert len(rates) < 200 and rates[-2:] == [None, None] and None not in rates[:-2]


def test_the_average_of_weights_is_what_is_validated_and_kept(tiny_data):
    from nwidth.operators.training.trainer import running_mean

    mean, layer, kept = None, torch.nn.Linear(1, 1, bias=False), []
    for step in range(300):
        torch.nn.init.constant_(layer.weight, float(step % 2))
        mean = running_mean(mean, layer, 0.95, step)
        kept.append(mean["weight"].item())
    assert abs(kept[-1] - 0.5) < 0.03

    dataset = tiny_data(samples=16)
    options = {"epochs": 30, "learning_rate": 0.02, "schedule": "constant", "batch_size": 4}
    model = fitted(dataset, optimizer=AdamW(average=0.95), **options)
    held = np.sort(np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(16)[:4])
    predicted = model.predict({"permeability": dataset["permeability"][held]})
    known = dataset["pressure"][held]
    error = np.mean(dataset.grid.norm(predicted - known) / dataset.grid.norm(known))
    assert error == pytest.approx(model.metrics["validation_relative_l2"], rel=1e-4)


class Pointwise(OperatorNetwork):
    """A network that compiles in no time."""

    in_channels = out_channels = dimension = 1

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = torch.nn.Conv1d(1, 1, 1)

    def forward(self, v, axes, /):
        return torch.tanh(self.layer(v))

    def describe(self):
        return {"seed": 0}


class Ones(LearningTask):
    def __len__(self):
        return 4

    def losses(self, model, positions, when):
        v = torch.arange(1.0, 6.0).expand(len(positions), 1, -1)
        return (model(v, ()) - 0.5).square().mean((1, 2))

    def errors(self, model, positions):
        return self.losses(model, positions, None)

    def describe(self):
        return {}


def test_compilation_is_off_by_default_and_changes_nothing(monkeypatch):
    called = []
    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **o: called.append(o) or compile_it(*a, **o))

    def trained(**options):
        network = Pointwise()
        Trainer(network, TrainingOptions(epochs=2, batch_size=2, **options), Ones()).run()
        return network.layer.weight

    plain = trained()
    assert not called
    try:
        traced = trained(execution=Execution(compiler="eager"))
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"torch.compile does not work here: {error!s:.100}")
    assert called == [{"backend": "eager"}]
    torch.testing.assert_close(traced, plain, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="expected compiler to be one of"):
        trained(execution=Execution(compiler="gcc"))
