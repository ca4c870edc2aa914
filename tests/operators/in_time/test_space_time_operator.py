import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    Augmentation,
    SpaceTimeOperator,
    Trainer,
    TrainingOptions,
    relative_l2,
)
from nwidth.operators.in_time.space_time_operator import BlockTask  # noqa: E402
from nwidth.operators.in_time.state_windows import StateWindows  # noqa: E402
from nwidth.operators.training.normalizer import Normalizer  # noqa: E402


def network(channels=2, modes=(3, 4), out=1, width=6):
    return FNO(channels, out, modes, width=width, layers=2, projection=8)


def fitted(dataset, history=2, start=0, stride=1, width=6, **options):
    kept = {"augmentation", "progress", "checkpoint", "shared"} & {*options}
    passed = {name: options.pop(name) for name in kept}
    options = TrainingOptions(**{"epochs": 2, "batch_size": 4, "validation": 0.25, **options})
    channels = history + len(passed.get("shared", ()))
    model = SpaceTimeOperator(network(channels, width=width), fields="tracer", history=history)
    return model.fit(dataset, options, start=start, stride=stride, **passed)


def test_training_brings_the_block_near(flow_data):
    dataset = flow_data(samples=24)
    model = fitted(dataset, history=1, epochs=40, learning_rate=1e-2, width=12, validation=0.1)
    assert model.evaluate(dataset)["relative_l2_mean"] < 0.15


def test_a_large_mean_costs_no_digits(flow_data):
    """A tracer of 1e5 +- 0.01: the errors of blocks in single precision are those in double."""
    waves = flow_data()["tracer"][:]
    dataset, errors = flow_data(fields={"tracer": 1e5 + 0.01 * waves}), []
    axis = Axis.uniform(dataset.times.size - 1, 0.5, 4.0)
    for dtype in (torch.float32, torch.float64):
        normalizers = {"tracer": Normalizer(1e5, 0.01)}
        like = torch.zeros(1, dtype=dtype)
        data = StateWindows(dataset, ("tracer",), (), np.arange(4), normalizers, like)
        task = BlockTask(data, 1, 0, axis)
        with torch.no_grad():
            errors.append(task.errors(network(1).to(dtype), np.arange(4)).double())
    torch.testing.assert_close(*errors, rtol=1e-4, atol=0)


def test_the_block_is_the_network_on_space_and_time(flow_data):
    dataset = flow_data()
    model = fitted(dataset, start=1)
    axis = Axis.uniform(6, 1.5, 4.0, name="time", unit="s")
    assert model.time_axis == axis
    first = dataset["tracer"][:3, 1:3]
    found = model.predict({"tracer": first})["tracer"]
    assert found.shape == (3, 6, 16)
    scaling = model.normalizers["tracer"]
    v = np.broadcast_to(scaling.encode(first)[:, :, None], (3, 2, 6, 16)).astype("f4")
    with torch.no_grad():
        out = model.model(torch.tensor(v), (axis, *dataset.grid.axes)).numpy()[:, 0]
    np.testing.assert_allclose(found, scaling.decode(out), rtol=1e-4, atol=1e-5)


def test_any_times_and_grids_of_the_box(flow_data):
    dataset = flow_data()
    model = fitted(dataset)
    inputs = {"tracer": dataset["tracer"][:2, :2]}
    block = model.predict(inputs)["tracer"]
    # All times of the training, with digits lost: the block itself.
    times = model.time_axis.points + 1e-13
    np.testing.assert_array_equal(model.predict(inputs, times=times)["tracer"], block)
    some = model.predict(inputs, times=[1.5, 2.25, 4.0])["tracer"]
    assert some.shape == (2, 3, 16)
    # More points change the quadrature of the layers a little.
    np.testing.assert_allclose(some[:, [0, 2]], block[:, [1, 6]], atol=0.05)
    assert (np.abs(some[:, 1] - (block[:, 2] + block[:, 3]) / 2) < 0.1).all()
    fine = flow_data(points=32)
    finer = model.predict({"tracer": fine["tracer"][:2, :2]}, fine.grid)["tracer"]
    np.testing.assert_allclose(finer[..., ::2], block, atol=0.02)
    for wrong in ([0.5], [2.0, 2.0], [], [[2.0]], [5.0]):
        with pytest.raises(InputError, match="times: expected increasing ones from 1 to 4"):
            model.predict(inputs, times=wrong)
    for wrong in ("now", [[1.0], [2.0, 3.0]], [2j]):
        with pytest.raises(InputError, match="times: expected"):
            model.predict(inputs, times=wrong)


def test_errors_are_those_of_the_block(flow_data):
    dataset = flow_data()
    model = fitted(dataset)
    found = model.evaluate(dataset)
    u = dataset["tracer"][:]
    p = model.predict({"tracer": u[:, :2]})["tracer"]
    off, size = ((a**2).sum(2) for a in (p - u[:, 2:], u[:, 2:]))
    assert found["relative_l2_mean"] == pytest.approx(np.sqrt(off.sum(1) / size.sum(1)).mean())
    np.testing.assert_allclose(found["relative_l2_over_time"], np.sqrt(off / size).mean(0))
    assert found["times"] == dataset.times[2:].tolist()


def test_validation_is_the_trapezoid_rule_over_the_block(flow_data):
    dataset = flow_data(samples=8)
    model = fitted(dataset)
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(8)
    u = dataset["tracer"][np.sort(order[:2])]
    p = model.predict({"tracer": u[:, :2]})["tracer"].astype(float)
    axes = (model.time_axis, *dataset.grid.axes)
    error = relative_l2(torch.tensor(p[:, None]), torch.tensor(u[:, None, 2:]), axes).mean()
    assert model.metrics["validation_relative_l2"] == pytest.approx(float(error), rel=1e-4)


def test_a_saved_model_is_the_same_model(flow_data, tmp_path):
    dataset = flow_data()
    model = fitted(dataset, start=1, shared={"force": np.ones(16)})
    model.save(tmp_path / "m.h5")
    again = SpaceTimeOperator.load(tmp_path / "m.h5")
    assert again.evaluate(dataset) == model.evaluate(dataset)
    assert repr(again) == repr(model) and again.time_axis == model.time_axis


class Killed(Exception):
    pass


def test_resumed_training_ends_with_the_same_bits(flow_data, tmp_path, monkeypatch):
    initialize = Trainer.__init__

    def eager(self, *arguments, **options):
        initialize(self, *arguments, **{**options, "checkpoint_seconds": 0.0})

    def kill(report):
        if report.epoch == 3:
            raise Killed

    monkeypatch.setattr(Trainer, "__init__", eager)
    dataset, options = flow_data(), {"epochs": 4, "augmentation": Augmentation(coarse=0.5)}
    whole = fitted(dataset, **options)
    with pytest.raises(Killed):
        fitted(dataset, checkpoint=tmp_path / "c.h5", progress=kill, **options)
    resumed = fitted(dataset, checkpoint=tmp_path / "c.h5", **options)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name])


def test_wrong_questions_get_clear_answers(flow_data):
    dataset = flow_data()
    with pytest.raises(InputError, match="an axis for time and at least one for space"):
        SpaceTimeOperator(network(modes=(3,)), fields="tracer")
    plane = SpaceTimeOperator(network(modes=(3, 3, 3)), fields="tracer", history=2)
    with pytest.raises(InputError, match=r"data with 2 axes in space, one less.*got 1"):
        plane.fit(dataset)
    with pytest.raises(InputError, match="symmetries, which would turn"):
        fitted(dataset, augmentation=Augmentation(symmetries=True))
    with pytest.raises(InputError, match="at least two states after the first 8, got 1"):
        fitted(dataset, history=8)
    with pytest.raises(InputError, match="expected a fitted model"):
        SpaceTimeOperator(network(), fields="tracer", history=2).predict({})
    model = fitted(dataset)
    with pytest.raises(InputError, match=r"tracer: expected shape \(sample, 2, 16\)"):
        model.predict({"tracer": dataset["tracer"][:, 0]})
    for other, message in (
        (flow_data(times=np.arange(7) * 0.5), "times of the training data"),
        (flow_data(times=np.arange(9) * 0.4), "states every 0.5"),
        (flow_data(unit="g"), "tracer: expected the unit 'kg'"),
        (flow_data(grid=Grid.periodic(16, upper=2.0)), "grid of the box"),
    ):
        with pytest.raises(InputError, match=message):
            model.evaluate(other)
    with torch.no_grad():
        model.model.output.bias.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="sample 0 is beyond their range at t = 1;"):
        model.predict({"tracer": dataset["tracer"][:, :2]})
