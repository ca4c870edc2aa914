import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import Augmentation, Rollout, SpectralConv, TrainingMoment  # noqa: E402
from nwidth.operators.in_time.rollout_task import NextState, RolloutTask  # noqa: E402
from nwidth.operators.in_time.state_windows import StateWindows  # noqa: E402
from nwidth.operators.training.normalizer import Normalizer  # noqa: E402


def moment(epoch=0, epochs=1, step=0, seed=0):
    return TrainingMoment(epoch, epochs, step, 100, seed)


def task_of(dataset, scheme="curriculum", history=1, gain=None, augmentation=None, **options):
    normalizers = {"tracer": Normalizer(0.5, 2.0)}
    like = torch.zeros(1, dtype=torch.float64)
    data = StateWindows(dataset, ("tracer",), (), np.arange(len(dataset)), normalizers, like)
    step = NextState(history, None if gain is None else torch.full((1, 1), gain))
    return RolloutTask(data, step, Rollout(scheme, **options), augmentation=augmentation)


class Linear(torch.nn.Module):
    """One spectral convolution: the exact propagator of linear equations on a circle."""

    def __init__(self, history=1, modes=4):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.convolution = SpectralConv(history, 1, (modes,)).double()

    def forward(self, v, axes):
        return self.convolution(v, axes)


@pytest.mark.parametrize("gain", [None, 0.25])
def test_a_linear_layer_learns_the_exact_propagator(flow_data, gain):
    """Advection and diffusion multiply each wave by a number: nothing but round-off remains."""
    dataset = flow_data(samples=8)
    task, model = task_of(dataset, gain=gain, steps=2), Linear()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=300, line_search_fn="strong_wolfe", tolerance_change=0
    )
    positions = np.arange(len(task))

    def loss():
        optimizer.zero_grad()
        value = task.losses(model, positions, moment(epoch=0, epochs=1)).square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        errors = task.errors(model, positions)
    assert float(errors.max()) < 1e-7
    fine = task_of(flow_data(samples=8, points=29), gain=gain, steps=2)
    with torch.no_grad():
        assert float(fine.errors(model, np.arange(len(fine))).max()) < 1e-7


def test_a_large_mean_costs_no_digits(flow_data):
    """A tracer of 1e5 +- 0.01: losses are those of its waves over its level."""
    waves = flow_data()["tracer"][:]
    level, scale, losses = 1e5, 0.01, []
    model = Linear().float()
    for mean, like in ((level, torch.zeros(1)), (0.0, torch.zeros(1).double())):
        fields = {"tracer": mean + scale * waves}
        arguments = (("tracer",), (), np.arange(6), {"tracer": Normalizer(mean, scale)})
        data = StateWindows(flow_data(fields=fields), *arguments, like)
        task = RolloutTask(data, NextState(1, None), Rollout("one-step", windows=1))
        model = model.to(like.dtype)
        with torch.no_grad():
            losses.append(task.losses(model, np.arange(6), moment()).double())
        if not mean:  # in units of the level, not of the waves
            starts = task.starts(np.arange(6), 1, moment())
            u = data.states(np.arange(6), starts + 1, 1, 1)[:, 0]
            losses[-1] *= scale / level * u.square().mean((1, 2)).sqrt()
    torch.testing.assert_close(*losses, rtol=1e-4, atol=0)


def gradient(task, model, positions, when):
    model.zero_grad()
    task.losses(model, positions, when).sum().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_pushforward_differentiates_the_last_step_only(flow_data):
    dataset, positions = flow_data(), np.array([0, 9, 4])
    task, model = task_of(dataset, "pushforward", steps=3, windows=2), Linear()
    when = next(m for m in (moment(1, 2, k) for k in range(50)) if task.rollout.length(m) == 2)
    found = gradient(task, model, positions, when)
    starts = task.starts(positions, 2, when)
    series = task.data.states(positions // 2, starts, 3, 1)
    axes, shift = dataset.grid.axes, 0.25
    first = model(series[:, 0], axes)
    model.zero_grad()
    last = model(first.detach(), axes)
    task.loss(last + shift, series[:, 2] + shift, axes).sum().backward()
    torch.testing.assert_close(found, model.convolution.weight.grad.flatten())
    model.zero_grad()
    task.loss(model(first, axes) + shift, series[:, 2] + shift, axes).sum().backward()
    assert not torch.allclose(found, model.convolution.weight.grad.flatten(), rtol=1e-3)


def test_a_curriculum_differentiates_all_steps(flow_data):
    dataset, positions = flow_data(), np.arange(4)
    task, model = task_of(dataset, "curriculum", history=2, steps=2, gain=0.5), Linear(history=2)
    when = moment(1, 2)
    found = gradient(task, model, positions, when)
    series = task.data.states(positions // 8, task.starts(positions, 2, when), 4, 1)
    axes, shift, losses = dataset.grid.axes, 0.25, []
    u = [series[:, 0], series[:, 1]]
    for k in range(2):
        u.append(u[-1] + 0.5 * model(torch.cat(u[-2:], dim=1), axes))
        losses.append(task.loss(u[-1] + shift, series[:, 2 + k] + shift, axes))
    model.zero_grad()
    (sum(losses).sum() / 2).backward()
    torch.testing.assert_close(found, model.convolution.weight.grad.flatten())


def test_rollouts_grow_with_the_epochs():
    assert [Rollout("curriculum", steps=4).longest(k, 8) for k in range(8)] == [
        1, 1, 2, 2, 3, 3, 4, 4
    ]  # fmt: skip
    assert [Rollout("one-step", steps=4).longest(k, 4) for k in range(4)] == [1] * 4
    pushed = Rollout("pushforward", steps=3)
    drawn = [pushed.length(moment(2, 3, step)) for step in range(200)]
    assert {*drawn} == {1, 2, 3} and drawn == [
        pushed.length(moment(2, 3, step)) for step in range(200)
    ]


def test_windows_are_spread_over_the_times(flow_data):
    task = task_of(flow_data(), steps=2, windows=4, start=1)
    positions = np.arange(len(task))
    seen = np.concatenate(
        [task.starts(positions, 2, moment(epoch, 50)).reshape(-1, 4) for epoch in range(50)]
    )
    # Starts 1 to 6: nine states, of which the first is left out and three are a window.
    assert {*seen.ravel().tolist()} == {*range(1, 7)}
    assert (np.diff(seen, axis=1) >= 0).all()
    counts = np.bincount(seen.ravel(), minlength=7)[1:]
    assert counts.min() > 0.7 * counts.mean()
    some = np.array([5, 2])
    np.testing.assert_array_equal(
        task.starts(some, 2, moment(3, 50)), task.starts(positions, 2, moment(3, 50))[some]
    )


def test_errors_are_those_of_the_whole_rollout(flow_data):
    dataset, model = flow_data(), Linear()
    task = task_of(dataset, windows=1, start=2)
    with torch.no_grad():
        errors = task.errors(model, np.array([3, 1]))
        u = torch.tensor(dataset["tracer"][[3, 1]])
        v, off, size = (u[:, 2] - 0.5)[:, None] / 2, 0.0, 0.0
        for k in range(3, 9):
            v = model(v, dataset.grid.axes)
            off = off + (2 * v[:, 0] + 0.5 - u[:, k]).square().sum(1)
            size = size + u[:, k].square().sum(1)
    torch.testing.assert_close(errors, (off / size).sqrt())


def test_errors_may_have_a_nearer_horizon(flow_data):
    dataset, model = flow_data(), Linear()
    near, short = (
        task_of(dataset, windows=1, horizon=3),
        task_of(flow_data(times=np.arange(4) * 0.5), "one-step", windows=1),
    )
    with torch.no_grad():
        errors = [task.errors(model, np.array([3, 1])) for task in (near, short)]
    torch.testing.assert_close(*errors)


def test_a_lost_rollout_has_an_error_that_can_be_compared(flow_data):
    task, model = task_of(flow_data()), Linear()
    with torch.no_grad():
        model.convolution.weight *= 1e120
        assert torch.equal(task.errors(model, np.array([0])), torch.tensor([1e6]).double())


def test_training_can_be_coarse_and_symmetric(flow_data):
    grid = Grid.uniform((9, 9))
    fields = {"tracer": np.random.default_rng(0).normal(size=(3, 6, 9, 9))}
    dataset, seen = flow_data(times=np.arange(6.0), fields=fields, grid=grid), []

    class Watched(torch.nn.Module):
        def forward(self, v, axes):
            seen.append((tuple(v.shape), float(v[0, 0, 0, 0]), tuple(a.size for a in axes)))
            return 0.5 * v

    def losses(**options):
        task = task_of(dataset, "one-step", augmentation=Augmentation(**options))
        task.errors(Watched(), np.array([0]))
        return [
            float(task.losses(Watched(), np.array([0]), moment(epoch, 2, epoch)))
            for epoch in range(2)
        ]

    losses(coarse=0.5)
    assert [sizes for _, _, sizes in seen] == [(9, 9)] * 5 + [(5, 5), (9, 9)]
    seen.clear()
    losses(coarse=1.0)
    assert {sizes for _, _, sizes in seen} == {(5, 5)}
    seen.clear()
    np.testing.assert_allclose(losses(symmetries=True), losses())
    assert seen[5][1] != seen[12][1] or seen[6][1] != seen[13][1]


def test_settings_that_cannot_be_are_refused(flow_data):
    dataset = flow_data()
    with pytest.raises(InputError, match="scheme: expected one of one-step, pushforward"):
        Rollout("teacher")
    for name in ("steps", "windows", "start"):
        with pytest.raises(InputError, match=f"rollout: {name}: expected an integer"):
            Rollout(**{name: -1})
    with pytest.raises(InputError, match=r"at least 10 states.*history=2 and 8 steps, got 9"):
        task_of(dataset, history=2, steps=8)
    task_of(dataset, "one-step", history=2, steps=8)
    vectors = {"tracer": np.zeros((2, 9, 4, 4, 2))}
    from nwidth.fields import Field

    layout = {"tracer": Field("kg", (2,))}
    vector = flow_data(fields=vectors, layout=layout, grid=Grid.uniform((4, 4)))
    with pytest.raises(InputError, match="scalar fields for symmetries"):
        task_of(vector, augmentation=Augmentation(symmetries=True))
