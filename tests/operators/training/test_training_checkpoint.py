import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.operators.training.training_checkpoint import (  # noqa: E402
    TrainingState,
    load_training,
    save_training,
    training_reached,
)

JOB = {"model": {"width": 4}, "options": {"epochs": 5, "seed": 1}}


def trained(seed=0, steps=3):
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


@pytest.fixture
def saved(tmp_path):
    model, optimizer = trained()
    best = {name: w.clone() + 1 for name, w in model.state_dict().items()}
    state = TrainingState(2, 3, 0.1 + 0.2, 1, best, [{"epoch": 1, "training_loss": 1 / 3}])
    save_training(tmp_path / "c.h5", state, model, optimizer, JOB)
    return tmp_path / "c.h5", model, optimizer, state


def test_everything_comes_back_bit_by_bit(saved):
    path, model, optimizer, state = saved
    other, moments = trained(seed=9, steps=0)
    restored = load_training(path, other, moments, JOB)
    for name in ("epoch", "step", "best_error", "best_epoch", "history"):
        assert getattr(restored, name) == getattr(state, name)
    assert all(torch.equal(restored.best[n], state.best[n]) for n in state.best)
    batch = torch.randn(4, 3)
    for m, o in ((model, optimizer), (other, moments)):
        o.zero_grad()
        m(batch).square().sum().backward()
        o.step()
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)


def test_steps_within_an_epoch_come_back(saved):
    path, model, optimizer, state = saved
    assert training_reached(path) == (1, 0)
    state.within, state.total, state.seconds = 2, 0.1 + 0.2, 1.5
    save_training(path, state, model, optimizer, JOB)
    restored = load_training(path, *trained(seed=9, steps=0), JOB)
    assert (restored.within, restored.total, restored.seconds) == (2, 0.1 + 0.2, 1.5)
    assert training_reached(path) == (1, 2)


def test_files_of_whole_epochs_alone_are_read(saved):
    path, *_ = saved
    arrays, description = load_archive(path, "training-checkpoint")
    for name in ("within", "total", "seconds"):
        del description[name]
    save_archive(path, "training-checkpoint", arrays, description)
    restored = load_training(path, *trained(seed=9, steps=0), JOB)
    assert (restored.within, restored.total, restored.seconds) == (0, 0.0, 0.0)
    assert training_reached(path) == (1, 0)


@pytest.mark.parametrize("change", [{"history": None}, {"history": 3}, {"within": "two"}])
def test_a_state_that_cannot_be_used_is_refused(saved, change):
    path, *_ = saved
    arrays, description = load_archive(path, "training-checkpoint")
    kept = {name: told for name, told in {**description, **change}.items() if told is not None}
    save_archive(path, "training-checkpoint", arrays, kept)
    for read in (lambda: training_reached(path), lambda: load_training(path, *trained(), JOB)):
        with pytest.raises(FileFormatError, match=r"c\.h5: expected the state of a training, but "):
            read()


def test_state_before_any_step_and_validation(tmp_path):
    model, optimizer = trained(steps=0)
    save_training(tmp_path / "c.h5", TrainingState(), model, optimizer, JOB)
    state = load_training(tmp_path / "c.h5", *trained(seed=1, steps=0), JOB)
    assert state.best is None and state.best_error == float("inf") and state.step == 0


@pytest.mark.parametrize(
    ("job", "what"),
    [
        ({**JOB, "options": {"epochs": 6, "seed": 1}}, "options.epochs was 5 in the file and is 6"),
        ({**JOB, "model": {"width": 4, "depth": 2}}, "model.depth was None"),
        ({**JOB, "data": "other"}, "data was None"),
    ],
)
def test_another_job_is_refused_by_name(saved, job, what):
    with pytest.raises(InputError, match=what):
        load_training(saved[0], *trained(steps=0), job)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("weights/weight", np.zeros((3, 2), np.float32), r"shape \(2, 3\)"),
        ("weights/weight", np.zeros((2, 3)), "float64"),
        ("weights/weight", np.full((2, 3), np.nan, np.float32), "NaN"),
        ("weights/weight", None, "weight is missing"),
        ("weights/other", np.zeros(2, np.float32), "other is not among them"),
        ("adamw/exp_avg/bias", np.zeros(3, np.float32), "shape"),
        ("adamw/exp_avg_sq/bias", None, "bias is missing"),
        ("best/bias", None, "bias is missing"),
    ],
)
def test_weights_that_do_not_fit_are_refused(saved, name, value, what):
    path, *_ = saved
    arrays, description = load_archive(path, "training-checkpoint")
    arrays[name] = value
    kept = {n: a for n, a in arrays.items() if a is not None}
    save_archive(path, "training-checkpoint", kept, description)
    with pytest.raises(FileFormatError, match=what):
        load_training(path, *trained(steps=0), JOB)


def test_incomplete_descriptions_are_refused(saved):
    path, *_ = saved
    arrays, description = load_archive(path, "training-checkpoint")
    del description["history"]
    save_archive(path, "training-checkpoint", arrays, description)
    with pytest.raises(FileFormatError, match="history"):
        load_training(path, *trained(steps=0), JOB)


def test_damaged_files_are_refused(saved):
    path, *_ = saved
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError):
        load_training(path, *trained(steps=0), JOB)
