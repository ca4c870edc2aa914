from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.fields import Field, FieldDataset  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    Augmentation,
    AutoregressiveOperator,
    Rollout,
    Trainer,
    TrainingOptions,
)
from nwidth.operators.in_time import state_windows, time_dependent_operator  # noqa: E402
from nwidth.operators.in_time.state_windows import StateWindows  # noqa: E402
from nwidth.solvers import AllenCahn, NavierStokes  # noqa: E402


def network(channels=1, out=1, modes=(4,), **options):
    return FNO(channels, out, modes, width=6, layers=2, projection=8, padding=0.0, **options)


def fitted(dataset, history=1, rollout=None, increments=True, checkpoint=None, **options):
    options = {"epochs": 2, "batch_size": 8, "validation": 0.34, **options}
    progress = options.pop("progress", None)
    shared = options.pop("shared", None)
    stride = options.pop("stride", 1)
    model = AutoregressiveOperator(
        network(history + len(shared or ())),
        fields="tracer",
        history=history,
        increments=increments,
    )
    return model.fit(
        dataset,
        TrainingOptions(**options),
        rollout=Rollout(windows=2) if rollout is None else rollout,
        shared=shared,
        stride=stride,
        progress=progress,
        checkpoint=checkpoint,
    )


def test_training_on_data_in_time_brings_the_rollout_near(flow_data):
    dataset = flow_data(samples=16)
    options = {"epochs": 40, "learning_rate": 1e-2, "batch_size": 12, "validation": 0.1}
    model = fitted(dataset, rollout=Rollout("one-step", windows=4), **options)
    # Carried by 0.3 of the circle per unit of time, for four: forgetting to move is 100 % wrong.
    assert model.metrics["validation_relative_l2"] < 0.15
    assert model.evaluate(dataset)["relative_l2_mean"] < 0.1


@pytest.mark.parametrize("scheme", ["one-step", "pushforward", "curriculum"])
@pytest.mark.parametrize("increments", [True, False])
def test_predictions_are_the_network_on_its_own_output(flow_data, scheme, increments):
    dataset = flow_data()
    model = fitted(dataset, 2, Rollout(scheme, windows=2), increments=increments)
    first = dataset["tracer"][:3, 2:4]
    found = model.predict({"tracer": first}, steps=5)["tracer"]
    assert found.shape == (3, 5, 16) and found.dtype == np.float32
    scaling, states = model.normalizers["tracer"], [*first.transpose(1, 0, 2)]
    for k in range(5):
        v = scaling.encode(np.stack(states[-2:], axis=1)).astype("f4")
        with torch.no_grad():
            out = model.model(torch.tensor(v), dataset.grid.axes).numpy()[:, 0]
        w = v[:, -1] + np.float32(model._gain[0]) * out if increments else out
        np.testing.assert_allclose(found[:, k], scaling.decode(w), rtol=1e-4, atol=1e-5)
        states.append(found[:, k].astype(float))
    alone = model.predict({"tracer": first[1:2]}, steps=5, batch=1)["tracer"]
    np.testing.assert_allclose(alone, found[1:2], rtol=1e-4, atol=1e-5)


def test_errors_in_time_are_those_of_the_predictions(flow_data):
    dataset = flow_data()
    model = fitted(dataset, 2)
    found = model.evaluate(dataset, start=1, steps=4)
    u = dataset["tracer"][:]
    p = model.predict({"tracer": u[:, 1:3]}, steps=4)["tracer"]
    off, size = ((a**2).sum(2) for a in (p - u[:, 3:7], u[:, 3:7]))
    assert found["relative_l2_mean"] == pytest.approx(np.sqrt(off.sum(1) / size.sum(1)).mean())
    np.testing.assert_allclose(found["relative_l2_over_time"], np.sqrt(off / size).mean(0))
    assert found["times"] == dataset.times[3:7].tolist()
    assert len(model.evaluate(dataset)["times"]) == 7 == model.metrics["steps"]
    with pytest.raises(InputError, match="expected states after the first 10"):
        model.evaluate(dataset, start=8)


def test_validation_is_the_error_of_rollouts_held_out(flow_data):
    dataset = flow_data(samples=9)
    model = fitted(dataset)
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(9)
    held = np.sort(order[:3])
    u = dataset["tracer"][held]
    p = model.predict({"tracer": u[:, :1]})["tracer"]
    errors = np.sqrt(((p - u[:, 1:]) ** 2).sum((1, 2)) / (u[:, 1:] ** 2).sum((1, 2)))
    assert model.metrics["validation_relative_l2"] == pytest.approx(errors.mean(), rel=1e-4)
    assert model.metrics["validation_trajectories"] == 3


def test_a_saved_model_is_the_same_model(flow_data, tmp_path):
    dataset = flow_data(boundary={"kind": "periodic"})
    force = np.sin(2 * np.pi * dataset.grid.points[0])
    model = fitted(dataset, 2, shared={"force": force})
    model.save(tmp_path / "m.h5")
    again = AutoregressiveOperator.load(tmp_path / "m.h5")
    inputs = {"tracer": dataset["tracer"][:, :2]}
    np.testing.assert_array_equal(model.predict(inputs)["tracer"], again.predict(inputs)["tracer"])
    assert again.evaluate(dataset) == model.evaluate(dataset)
    assert repr(again) == repr(model) and again.metrics == model.metrics
    assert again.setting == model.setting and again.rollout == model.rollout


class Killed(Exception):
    pass


def test_resumed_training_ends_with_the_same_bits(flow_data, tmp_path, monkeypatch):
    initialize = Trainer.__init__

    def eager(self, *arguments, **options):
        initialize(self, *arguments, **{**options, "checkpoint_seconds": 0.0})

    monkeypatch.setattr(Trainer, "__init__", eager)
    dataset = flow_data(samples=9)
    options = {"rollout": Rollout("pushforward", steps=3, windows=3), "epochs": 4}
    whole = fitted(dataset, **options)
    for dying in (2, 3):

        def kill(report, dying=dying):
            if report.epoch == dying and report.step == 2:
                raise Killed

        with pytest.raises(Killed):
            fitted(dataset, checkpoint=tmp_path / "c.h5", progress=kill, **options)
    resumed = fitted(dataset, checkpoint=tmp_path / "c.h5", **options)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name])
    with pytest.raises(InputError, match=r"rollout.steps was 3 in the file and is 2 now"):
        fitted(
            dataset,
            checkpoint=tmp_path / "c.h5",
            rollout=Rollout("pushforward", steps=2, windows=3),
            epochs=4,
        )


def test_several_fields_with_components_and_inputs(flow_data):
    rng = np.random.default_rng(0)
    fields = {
        "height": rng.normal(size=(4, 5, 6, 6)),
        "velocity": rng.normal(size=(4, 5, 6, 6, 2)),
        "depth": rng.normal(size=(4, 6, 6)),
    }
    layout = {"height": "m", "velocity": Field("m/s", (2,)), "depth": Field("m", constant=True)}
    dataset = flow_data(
        times=np.arange(5.0), fields=fields, layout=layout, grid=Grid.periodic((6, 6))
    )
    model = AutoregressiveOperator(
        network(2 * 3 + 1, 3, (2, 2)), fields=("height", "velocity"), history=2, inputs="depth"
    )
    model.fit(dataset, TrainingOptions(epochs=1, validation=0.25), rollout=Rollout(steps=2))
    inputs = {n: dataset[n][:3, :2] for n in ("height", "velocity")}
    found = model.predict({**inputs, "depth": dataset["depth"][:3]}, steps=4)
    assert found["height"].shape == (3, 4, 6, 6) and found["velocity"].shape == (3, 4, 6, 6, 2)
    assert np.isfinite(model.evaluate(dataset)["relative_l2_mean"])
    with pytest.raises(InputError, match="inputs height, velocity, depth, got height, velocity"):
        model.predict(inputs)


def test_predictions_on_a_finer_grid_agree(flow_data):
    model = fitted(flow_data(), shared={"force": np.zeros(16)})
    coarse, fine = flow_data(points=32), flow_data(points=64)
    found = [
        model.predict({"tracer": d["tracer"][:, :1]}, d.grid, steps=3)["tracer"]
        for d in (coarse, fine)
    ]
    # Gelu makes harmonics that 32 points cannot hold, few of them here.
    np.testing.assert_allclose(found[0], found[1][..., ::2], atol=2e-2)


def test_a_step_can_be_several_of_the_data(flow_data):
    dataset = flow_data()
    model = fitted(dataset, stride=2)
    assert model.setting.step == 1.0
    assert model.evaluate(dataset)["times"] == [1.0, 2.0, 3.0, 4.0]
    thinned = flow_data(times=[0.0, 1.0, 2.0])
    assert model.evaluate(thinned)["times"] == [1.0, 2.0]


def test_other_data_are_refused(flow_data, tiny_data):
    dataset = flow_data()
    model = fitted(dataset)
    for other, message in (
        (flow_data(times=np.arange(6) * 0.4), r"states every 0\.5.*got every 0\.4"),
        (flow_data(time_unit="h"), "times in 's', the model's unit, got 'h'"),
        (flow_data(unit="g"), "tracer: expected the unit 'kg'"),
        (flow_data(boundary={"kind": "wall"}), "boundary condition"),
        (flow_data(name="dye"), "expected a field 'tracer' in .*, got dye"),
        (flow_data(grid=Grid.periodic(16, upper=2.0)), "grid of the box"),
        (flow_data(grid=Grid.periodic(16, units="km")), "grid of the box"),
        (tiny_data(), "several times.*static fields"),
    ):
        with pytest.raises(InputError, match=message):
            model.evaluate(other)
    with pytest.raises(InputError, match="data: expected a FieldDataset"):
        model.evaluate(3)


def test_wrong_questions_get_clear_answers(flow_data):
    dataset = flow_data()
    with pytest.raises(InputError, match="expected a fitted model"):
        AutoregressiveOperator(network(), fields="tracer").predict({}, steps=1)
    model = fitted(dataset, 2)
    u = dataset["tracer"][:, :2]
    for inputs, options, message in (
        (u, {}, "inputs: expected a Mapping"),
        ({"dye": u}, {}, "expected the inputs tracer, got dye"),
        ({"tracer": u[0]}, {}, r"tracer: expected shape \(sample, 2, 16\).*oldest first"),
        ({"tracer": u[:, :1]}, {}, r"expected shape \(sample, 2, 16\)"),
        ({"tracer": u[:, :, ::2]}, {}, "pass grid="),
        ({"tracer": u + 1j}, {}, "tracer: expected real"),
        ({"tracer": [[1.0], [1.0, 2.0]]}, {}, "tracer: expected an array of numbers"),
        ({"tracer": u}, {"steps": 0}, "steps: expected an integer >= 1"),
        ({"tracer": u}, {"batch": 0}, "batch: expected an integer >= 1"),
    ):
        with pytest.raises(InputError, match=message):
            model.predict(inputs, **options)
    with pytest.raises(NonFiniteError, match="tracer"):
        model.predict({"tracer": np.where(u > 1, np.nan, u)})
    for arguments, message in (
        ({"fields": ()}, "at least one field"),
        ({"fields": "a", "inputs": "a"}, "different names"),
        ({"fields": "a", "history": 0}, "history: expected an integer >= 1"),
        ({"fields": "a", "increments": 2}, "increments: expected True or False"),
        ({"fields": 2}, "fields: expected names"),
    ):
        with pytest.raises(InputError, match=message):
            AutoregressiveOperator(network(), **arguments)
    with pytest.raises(InputError, match=r"network of 3 input channels \(3 x 1 of tracer.*got 1"):
        AutoregressiveOperator(network(), fields="tracer", history=3).fit(dataset)
    with pytest.raises(InputError, match=r"dimension 2.*got 1"):
        AutoregressiveOperator(network(modes=(2, 2)), fields="tracer").fit(dataset)
    with pytest.raises(InputError, match=r"shared: force: expected shape \(16,\)"):
        fitted(dataset, shared={"force": np.zeros(3)})
    with pytest.raises(InputError, match=r"more modes|at most"):
        AutoregressiveOperator(network(modes=(12,)), fields="tracer").fit(dataset)


def test_what_blows_up_is_told_with_sample_and_step(flow_data):
    dataset = flow_data()
    model = fitted(dataset)
    with torch.no_grad():
        model.model.output.weight *= 0.0
        model.model.output.bias.fill_(60.0 / model._gain[0] * model._largest)
    first = {"tracer": dataset["tracer"][:, :1]}
    model.predict(first, steps=1)
    with pytest.raises(NonFiniteError, match=r"sample 0 grew a hundred times .* at step 2 \(1 s"):
        model.predict(first, steps=3)
    with torch.no_grad():
        model.model.output.bias.fill_(float("inf"))
    with pytest.raises(NonFiniteError, match="sample 0 is not finite at step 1"):
        model.evaluate(dataset)


def test_trajectories_of_zeros_and_of_any_unit(flow_data):
    dataset = flow_data()
    nothing = flow_data(fields={"tracer": np.zeros((3, 9, 16))})
    assert np.isfinite(fitted(nothing).evaluate(nothing)["relative_l2_mean"])
    usual = fitted(dataset).evaluate(dataset)["relative_l2_mean"]
    small = flow_data(fields={"tracer": 1e-30 * dataset["tracer"][:]})
    assert np.isclose(fitted(small).evaluate(small)["relative_l2_mean"], usual, rtol=1e-3)
    large = flow_data(fields={"tracer": 1e200 * dataset["tracer"][:]})
    with pytest.raises(NonFiniteError, match=r"range of float32.*choose another unit"):
        fitted(large).evaluate(large)


def test_a_file_that_is_read_by_windows_trains_to_the_same_bits(flow_data, monkeypatch):
    dataset, options = flow_data(samples=9), {"rollout": Rollout(steps=3, windows=2)}
    held = fitted(dataset, 2, **options)
    monkeypatch.setattr(time_dependent_operator, "CACHE_BYTES", 0)
    read, most = [], StateWindows._states

    def watched(self, samples, first, stop, factor):
        read.append(len(samples) * (stop - first))
        return most(self, samples, first, stop, factor)

    monkeypatch.setattr(StateWindows, "_states", watched)
    monkeypatch.setattr(state_windows, "_BLOCK_BYTES", 1)
    streamed = fitted(dataset, 2, **options)
    assert max(read) == 9  # the states of one trajectory, never of several
    assert held.metrics["validation_relative_l2"] == streamed.metrics["validation_relative_l2"]
    for name, weight in held.model.state_dict().items():
        assert torch.equal(weight, streamed.model.state_dict()[name])


def test_states_on_a_torus_are_turned_where_the_equation_allows_it(tmp_path):
    grid = Grid.periodic((8, 8))
    rng = np.random.default_rng(0)
    found = {}
    for problem in (AllenCahn(grid, 0.2), NavierStokes(grid, 1e-2)):
        name = problem.inputs[0].name
        described = {"problem": problem.describe()}
        with FieldDataset.create(
            *(tmp_path / f"{name}.h5", grid, {name: "1"}),
            times=[0.0, 1.0, 2.0],
            provenance=described,
        ) as data:
            for _ in range(4):
                data.append({name: rng.standard_normal((3, 8, 8))})
            data.finish()
        with FieldDataset.open(tmp_path / f"{name}.h5") as data:
            for symmetries in (False, True):
                model = AutoregressiveOperator(network(modes=(2, 2)), fields=name)
                fit = partial(
                    model.fit,
                    data,
                    TrainingOptions(epochs=1, validation=0.0),
                    rollout=Rollout("one-step", windows=2),
                    augmentation=Augmentation(symmetries=symmetries),
                )
                if symmetries and name == "vorticity":  # which a mirror turns into its negative
                    with pytest.raises(InputError, match="NavierStokes, which does not declare"):
                        fit()
                    continue
                found[name, symmetries] = fit().history[-1]["training_loss"]
    assert found["phase", True] != found["phase", False]
