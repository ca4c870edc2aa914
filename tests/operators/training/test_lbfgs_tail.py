import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import FileFormatError  # noqa: E402
from nwidth.operators.training.lbfgs_tail import LBFGSTail  # noqa: E402
from nwidth.operators.training.training_options import LBFGS  # noqa: E402


def problem(dtype=torch.float64):
    """A network of a few weights, and a loss in two parts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        x = torch.randn(20, 2, dtype=dtype)
    model.to(dtype)
    y = x[:, :1] * x[:, 1:]

    def parts():
        for k in (slice(0, 10), slice(10, 20)):
            yield (model(x[k]) - y[k]).square().sum() / 20

    return model, parts


def test_the_loss_falls_and_is_that_before_the_epoch():
    model, parts = problem()
    tail = LBFGSTail(model, LBFGS(iterations=10))
    before = sum(p.item() for p in parts())
    losses = [tail.epoch(parts) for _ in range(8)]
    assert losses[0] == pytest.approx(before, rel=1e-12)
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.02 * losses[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_interrupted_runs_go_on_with_the_same_bits(dtype, epochs):
    model, parts = problem(dtype)
    tail = LBFGSTail(model, LBFGS(iterations=3, history=4))
    for _ in range(epochs):
        tail.epoch(parts)
    arrays, told = tail.arrays()
    other, others = problem(dtype)
    other.load_state_dict(model.state_dict())
    again = LBFGSTail(other, LBFGS(iterations=3, history=4))
    again.restore(arrays, told, "file")
    for _ in range(2):
        assert tail.epoch(parts) == again.epoch(others)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_weights_without_influence_are_left_alone():
    model, parts = problem()
    model.add_module("idle", torch.nn.Linear(1, 1, dtype=torch.float64))
    model.forward = lambda x: model[2](model[1](model[0](x)))
    idle = model.idle.weight.clone()
    tail = LBFGSTail(model, LBFGS(iterations=5))
    assert tail.epoch(parts) > tail.epoch(parts)
    assert torch.equal(idle, model.idle.weight)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lbfgs/d", np.zeros(3)),
        ("lbfgs/old_dirs", np.full((2, 17), np.nan)),
        ("lbfgs/ro", np.zeros(1)),
    ],
)
def test_states_that_do_not_fit_are_refused(name, value):
    model, parts = problem()
    tail = LBFGSTail(model, LBFGS(iterations=4))
    tail.epoch(parts)
    arrays, told = tail.arrays()
    arrays[name] = value
    with pytest.raises(FileFormatError, match="state of L-BFGS for 17 weights"):
        LBFGSTail(model, LBFGS()).restore(arrays, told, "file")
