import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError  # noqa: E402
from nwidth.fields import Field  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    AutoregressiveOperator,
    Rollout,
    SpaceTimeOperator,
    TrainingOptions,
)

OPTIONS = TrainingOptions(epochs=1, batch_size=4, validation=0.0)


def step_model(channels=1):
    network = FNO(channels, 1, (3,), width=4, layers=1, projection=4)
    return AutoregressiveOperator(network, fields="tracer")


def block_model(channels=1):
    network = FNO(channels, 1, (2, 3), width=4, layers=1, projection=4)
    return SpaceTimeOperator(network, fields="tracer")


@pytest.mark.parametrize("make", [step_model, block_model])
def test_a_file_of_another_kind_or_a_damaged_one_is_refused(flow_data, tmp_path, make):
    model, path = make().fit(flow_data(), OPTIONS), tmp_path / "m.h5"
    model.save(path)
    other = block_model if make is step_model else step_model
    with pytest.raises(FileFormatError, match=f"kind '{other().kind}', got '{model.kind}'"):
        type(other()).load(path)
    arrays, description = load_archive(path, model.kind)
    for lacking in ("time", "operator", "components", "history"):
        rest = {k: v for k, v in description.items() if k != lacking}
        save_archive(tmp_path / "d.h5", model.kind, arrays, rest)
        with pytest.raises(FileFormatError, match=f"'{lacking}' is missing"):
            type(model).load(tmp_path / "d.h5")
    del arrays["normalizers/tracer"]
    save_archive(tmp_path / "d.h5", model.kind, arrays, description)
    with pytest.raises(FileFormatError, match="tracer"):
        type(model).load(tmp_path / "d.h5")


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("components", {"tracer": [2]}),
        ("components", {"other": []}),
        ("time", {"step": None}),
        ("time", {"step": -0.1}),
        ("operator", {"gain": [1.0, 1.0]}),
        ("operator", {"gain": ["much"]}),
    ],
)
def test_descriptions_that_do_not_fit_the_network_are_refused(flow_data, tmp_path, part, change):
    model, path = step_model().fit(flow_data(), OPTIONS), tmp_path / "m.h5"
    model.save(path)
    arrays, description = load_archive(path, model.kind)
    kept = {} if "other" in change else description[part]
    save_archive(path, model.kind, arrays, {**description, part: {**kept, **change}})
    with pytest.raises(FileFormatError, match=r"m\.h5: .* its description cannot be used"):
        AutoregressiveOperator.load(path)


@pytest.mark.parametrize("make", [step_model, block_model])
def test_a_fit_that_fails_leaves_an_unfitted_model(flow_data, make):
    model = make()

    def stop(report):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        model.fit(flow_data(), OPTIONS, progress=stop)
    with pytest.raises(InputError, match="expected a fitted model"):
        model.evaluate(flow_data())


@pytest.mark.parametrize("make", [step_model, block_model])
def test_training_goes_on_where_it_ended(flow_data, tmp_path, make):
    def options(epochs):
        return TrainingOptions(
            epochs=epochs, batch_size=4, validation=0.0, schedule="constant", learning_rate=1e-3
        )

    dataset, force = flow_data(), {"force": np.cos(np.arange(16.0))}
    model = make(channels=2).fit(dataset, options(2), shared=force)
    model.save(tmp_path / "m.h5", optimizer=True)
    again = type(model).load(tmp_path / "m.h5").fit(dataset, options(4), resume=True)
    whole = make(channels=2).fit(dataset, options(4), shared=force)
    assert len(again.history) == 4
    if make is block_model:  # windows of states are drawn anew for each number of epochs
        for name, weight in whole.model.state_dict().items():
            assert torch.equal(weight, again.model.state_dict()[name])
    with pytest.raises(InputError, match="leave out shared and stride"):
        again.fit(dataset, options(5), shared=force, resume=True)
    with pytest.raises(InputError, match="tracer: expected the unit 'kg'"):
        again.fit(flow_data(unit="g"), options(5), resume=True)
    model.save(tmp_path / "m.h5")
    bare = type(model).load(tmp_path / "m.h5")
    for call in (
        lambda: bare.fit(dataset, options(5), resume=True),
        lambda: bare.save(tmp_path / "n.h5", optimizer=True),
    ):
        with pytest.raises(InputError, match="expected a model that knows its optimizer"):
            call()


@pytest.mark.parametrize("make", [step_model, block_model])
def test_a_validation_set_of_other_data_is_refused(flow_data, make):
    dataset, model = flow_data(), make()
    model.fit(dataset, OPTIONS, validation=flow_data(samples=2, seed=1))
    assert model.metrics["validation_trajectories"] == 2
    for other, message in (
        (flow_data(points=32), "validation: expected the grid of the training data"),
        (flow_data(unit="g"), "tracer: expected the unit 'kg'"),
        (flow_data(times=np.arange(9) * 0.7), "states every 0.5"),
    ):
        with pytest.raises(InputError, match=message):
            model.fit(dataset, OPTIONS, validation=other)


def test_constant_fields_are_inputs_and_others_are_not(flow_data):
    fields = {"depth": np.ones((2, 16))} | dict.fromkeys(("tracer", "dye"), np.ones((2, 9, 16)))
    layout = {"depth": Field("m", constant=True), "tracer": "kg", "dye": "kg"}
    dataset = flow_data(fields=fields, layout=layout)
    network = FNO(2, 1, (3,), width=4, layers=1, projection=4)
    with pytest.raises(InputError, match=r"depth: .* a field in .* has no times; exchange"):
        AutoregressiveOperator(network, fields=("tracer", "depth")).fit(dataset, OPTIONS)
    with pytest.raises(InputError, match=r"dye: .* an input in .* has times; exchange"):
        AutoregressiveOperator(network, fields="tracer", inputs="dye").fit(dataset, OPTIONS)
    with pytest.raises(InputError, match="expected a FieldDataset"):
        step_model().fit("x")


def test_statistics_are_those_of_the_training_trajectories(flow_data):
    dataset = flow_data(samples=8)
    model = step_model().fit(
        dataset, TrainingOptions(epochs=1, validation=0.25), rollout=Rollout(steps=1)
    )
    order = np.random.default_rng(np.random.SeedSequence([0, 0])).permutation(8)
    kept = dataset["tracer"][np.sort(order[2:])]
    scaling = model.normalizers["tracer"]
    assert scaling.mean == pytest.approx(kept.mean(), abs=1e-12)
    assert scaling.scale == pytest.approx(kept.std())
    increments = np.diff(kept, axis=1) / kept.std()
    assert model._gain[0] == pytest.approx(np.sqrt((increments**2).mean()), rel=1e-5)


def test_walls_keep_zero_at_zero(flow_data):
    from nwidth.meshes import Grid

    grid = Grid.uniform(17)
    t = np.arange(5.0).reshape(-1, 1)
    u = np.sin(np.pi * grid.points[0]) * np.exp(-0.1 * t) * np.array([1.0, 2.0])[:, None, None]
    dataset = flow_data(times=t.ravel(), fields={"tracer": u}, grid=grid)
    network = FNO(1, 1, (3,), width=4, layers=1, projection=4, dirichlet=True)
    model = AutoregressiveOperator(network, fields="tracer").fit(dataset, OPTIONS)
    found = model.predict({"tracer": u[:, :1]}, steps=3)["tracer"]
    assert np.abs(found[..., [0, -1]]).max() < 1e-6
