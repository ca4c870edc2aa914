import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.archive import load_archive, save_archive  # noqa: E402
from nwidth.errors import FileFormatError, InputError, NonFiniteError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    FNO,
    LBFGS,
    AdamW,
    NeuralOperator,
    Normalizer,
    TrainingOptions,
)

DARCY = {"inputs": "permeability", "output": "pressure"}
QUICK = TrainingOptions(epochs=2, batch_size=6)


def network(**options):
    options = {"in_channels": 1, "out_channels": 1, "modes": (3, 3), "dirichlet": True, **options}
    return FNO(width=6, layers=2, projection=8, **options)


@pytest.fixture
def model(tiny_data):
    return NeuralOperator(network(), **DARCY).fit(tiny_data(), QUICK)


def some(n=9, samples=2):
    return {"permeability": np.random.default_rng(0).random((samples, n, n))}


def test_saved_models_predict_the_same_bits(model, tmp_path):
    model.save(tmp_path / "m.h5")
    again = NeuralOperator.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(model.predict(some()), again.predict(some()))
    names = ("inputs", "output", "grid", "normalizers", "channels", "provenance", "history")
    for name in (*names, "units", "boundary"):
        assert getattr(again, name) == getattr(model, name)
    assert again.metrics == model.metrics
    assert again.provenance["equation"] == "tiny"


def test_double_precision_survives_the_file(tiny_data, tmp_path):
    model = NeuralOperator(network().double(), **DARCY).fit(tiny_data(), QUICK)
    model.save(tmp_path / "m.h5")
    again = NeuralOperator.load(tmp_path / "m.h5")
    assert again.predict(some()).dtype == np.float64
    np.testing.assert_array_equal(model.predict(some()), again.predict(some()))


def test_batches_and_precision_of_inputs_do_not_matter(model):
    fields = some(samples=5)
    whole = model.predict(fields)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(model.predict(fields, batch=2), whole, rtol=1e-5, atol=1e-7)
    single = {k: v.astype(np.float32) for k, v in fields.items()}
    np.testing.assert_allclose(model.predict(single), whole, rtol=1e-4, atol=1e-6)
    whole_numbers = {"permeability": np.ones((1, 9, 9), dtype=int)}
    assert np.isfinite(model.predict(whole_numbers)).all()


def test_walls_are_exactly_zero_in_physical_units(model):
    u = model.predict(some(17))
    assert not u[:, 0].any() and not u[:, :, -1].any() and u.any()


def test_other_resolutions_by_shape_or_by_grid(model):
    for n in (5, 8, 17):
        by_shape = model.predict(some(n))
        by_grid = model.predict(some(n), Grid.uniform((n, n)))
        assert by_shape.shape == (2, n, n)
        np.testing.assert_array_equal(by_shape, by_grid)
    cells = model.predict(some(8), Grid.uniform((8, 8), centering="cell"))
    assert not np.array_equal(cells, model.predict(some(8)))


def test_several_inputs_and_vector_fields(tiny_data):
    rng = np.random.default_rng(0)
    grid = Grid.uniform((7,))
    fields = {"a": rng.random((6, 7)), "b": rng.random((6, 7)), "u": rng.random((6, 7))}
    network = FNO(2, 1, (3,), width=4, layers=1)
    model = NeuralOperator(network, inputs=("b", "a"), output="u").fit(
        tiny_data(grid, fields=fields), QUICK
    )
    u = model.predict({"a": fields["a"], "b": fields["b"]})
    swapped = model.predict({"b": fields["a"], "a": fields["b"]})
    assert u.shape == (6, 7) and not np.array_equal(u, swapped)


def test_evaluate_agrees_with_the_grid_norm(model, tiny_data):
    data = tiny_data(samples=5, seed=3)
    metrics = model.evaluate(data)
    known = data["pressure"][:]
    error = data.grid.norm(model.predict({"permeability": data["permeability"][:]}) - known)
    relative = error / data.grid.norm(known)
    assert metrics["relative_l2_mean"] == pytest.approx(relative.mean(), rel=1e-5)
    assert metrics["relative_l2_median"] == pytest.approx(np.median(relative), rel=1e-5)
    assert metrics["relative_l2_max"] == pytest.approx(relative.max(), rel=1e-5)
    assert metrics["relative_h1_mean"] > 0


def test_validation_data_of_their_own(tiny_data):
    model = NeuralOperator(network(), **DARCY).fit(
        tiny_data(), QUICK, validation=tiny_data(samples=4, seed=2)
    )
    assert model.metrics["training_samples"] == 12
    assert model.metrics["validation_samples"] == 4


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ({}, "expected the inputs permeability, got none"),
        ({"porosity": np.ones((1, 9, 9))}, "got porosity"),
        ({**some(), "extra": np.ones((1, 9, 9))}, "extra"),
        ({"permeability": np.ones((9, 9))}, "leading axis"),
        ({"permeability": np.ones((0, 9, 9))}, "at least one sample"),
        ({"permeability": np.ones((1, 9, 9, 2))}, r"expected shape \(sample, 2 grid axes\)"),
        ({"permeability": np.array([["x"]])}, "expected numbers"),
    ],
)
def test_wrong_inputs_are_refused(model, inputs, what):
    with pytest.raises(InputError, match=what):
        model.predict(inputs)


def test_nan_inputs_are_refused(model):
    fields = some()
    fields["permeability"][1, 2, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"permeability: .*nan in sample 1 at index \(2, 3\)"):
        model.predict(fields)


def test_nan_in_training_data_is_refused_by_sample_and_field(tiny_data):
    fields = {name: view[:] for name, view in dict(tiny_data()).items()}
    fields["pressure"][7, 2, 3] = np.inf
    data = tiny_data(fields=fields, allow_nonfinite=True)
    options = TrainingOptions(epochs=1, validation=0.0)
    with pytest.raises(NonFiniteError, match=r"pressure: .*inf in sample 7 at index \(2, 3\)"):
        NeuralOperator(network(), **DARCY).fit(data, options)


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_complex_inputs_are_refused(model, kind):
    with pytest.raises(
        InputError, match=f"permeability: expected real numbers, got {kind.__name__}"
    ):
        model.predict({"permeability": some()["permeability"].astype(kind)})


@pytest.mark.parametrize(("value", "what"), [(1e300, "normalized inputs"), (3e37, "outputs")])
@pytest.mark.parametrize("batch", [None, 1])
def test_inputs_beyond_the_precision_are_refused(model, value, what, batch):
    fields = some(samples=3)
    fields["permeability"][1, 2:7, 2:7] = value
    with torch.no_grad():
        model.model.lift.weight.fill_(10.0)
    with pytest.raises(
        NonFiniteError, match=f"of pressure: expected finite {what}, but sample 1 is"
    ):
        model.predict(fields, batch=batch)


def test_outputs_beyond_the_precision_are_refused(model):
    model.normalizers["pressure"] = Normalizer(0.0, 1e300)
    with pytest.raises(
        NonFiniteError, match="of pressure: expected finite outputs, but sample 0 is"
    ):
        model.predict(some())


def test_single_precision_inputs_that_overflow_when_normalized_are_refused(model):
    model.normalizers["permeability"] = Normalizer(0.0, 1e-30)
    with pytest.raises(NonFiniteError, match="normalized inputs"):
        model.predict({"permeability": np.full((1, 9, 9), 1e20, np.float32)})


def test_other_boxes_and_shapes_are_refused(model):
    with pytest.raises(InputError, match="box the model was trained on"):
        model.predict(some(), Grid.uniform((9, 9), upper=2.0))
    with pytest.raises(InputError, match=r"expected shape \(2, 8, 9\)"):
        model.predict(some(), Grid.uniform((8, 9)))
    with pytest.raises(InputError, match="batch: expected an integer >= 1"):
        model.predict(some(), batch=0)
    centimetres = Grid(tuple(Axis.uniform(9, name=name, unit="cm") for name in "xy"))
    with pytest.raises(InputError, match=r"axis x: expected the unit '1' .*, got 'cm'; convert"):
        model.predict(some(), centimetres)
    with pytest.raises(InputError, match="permeability: expected an array of numbers"):
        model.predict({"permeability": [[1.0, 2.0], [3.0]]})


def test_what_is_not_fitted_agrees_with_nothing(tiny_data):
    with pytest.raises(InputError, match="expected a fitted model"):
        NeuralOperator(network(), **DARCY).require_agreement_with(tiny_data())


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_outputs_beyond_single_precision_need_double(tiny_data, size):
    plain = tiny_data()
    fields = {name: plain[name][:] for name in plain.field_names}
    data = tiny_data(fields={**fields, "pressure": size * fields["pressure"]})
    with pytest.raises(InputError, match=r"pressure: expected numbers .* range of float32"):
        NeuralOperator(network(), **DARCY).fit(data, QUICK)
    double, usual = network().double(), network().double()
    found = NeuralOperator(double, **DARCY).fit(data, QUICK).evaluate(data)
    wanted = NeuralOperator(usual, **DARCY).fit(plain, QUICK).evaluate(plain)
    assert found["relative_l2_mean"] == pytest.approx(wanted["relative_l2_mean"], rel=1e-6)


def test_shapes_on_a_grid_that_is_not_uniform_need_a_grid(tiny_data):
    bent = Grid.tensor([np.linspace(0, 1, 9) ** 1.5] * 2)
    model = NeuralOperator(network(), **DARCY).fit(tiny_data(bent), QUICK)
    assert model.predict(some()).shape == (2, 9, 9)
    with pytest.raises(InputError, match="pass grid="):
        model.predict(some(7))
    assert model.predict(some(7), Grid.uniform((7, 7))).shape == (2, 7, 7)


@pytest.mark.parametrize(
    ("network", "names", "what"),
    [
        (FNO(1, 1, (3,), width=4), ("permeability", "pressure"), "dimension 1"),
        (network(in_channels=2), ("permeability", "pressure"), "2 input"),
        (network(), ("porosity", "pressure"), "field 'porosity'"),
        (network(modes=(3, 40)), ("permeability", "pressure"), r"use at most \(3, 5\)"),
    ],
)
def test_data_that_do_not_suit_the_network_are_refused(tiny_data, network, names, what):
    with pytest.raises(InputError, match=what):
        NeuralOperator(network, inputs=names[:1], output=names[1]).fit(tiny_data(), QUICK)


@pytest.mark.parametrize("value", [2, None, "x", {"permeability": np.ones((2, 9, 9))}])
def test_what_is_no_data_set_is_refused(model, tiny_data, value):
    fresh = NeuralOperator(network(), **DARCY)
    calls = [fresh.fit, model.evaluate]
    if value is not None:
        calls.append(lambda validation: fresh.fit(tiny_data(), QUICK, validation=validation))
    for call in calls:
        with pytest.raises(InputError, match="data: expected FieldDataset, got"):
            call(value)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"options": {"epochs": 2}}, "options: expected TrainingOptions, got dict"),
        ({"options": QUICK, "augmentation": True}, "expected Augmentation, got bool"),
    ],
)
def test_settings_of_another_type_are_refused(tiny_data, arguments, what):
    with pytest.raises(InputError, match=what):
        NeuralOperator(network(), **DARCY).fit(tiny_data(), **arguments)


@pytest.mark.parametrize("inputs", [np.ones((1, 9, 9)), None, 3, "permeability"])
def test_inputs_without_names_are_refused(model, inputs):
    with pytest.raises(InputError, match=r"inputs: expected Mapping.*by name"):
        model.predict(inputs)


@pytest.mark.parametrize("batch", ["a", 1.5, True, -1])
def test_batches_that_are_no_number_are_refused(model, batch):
    with pytest.raises(InputError, match="batch: expected an integer >= 1"):
        model.predict(some(), batch=batch)


@pytest.mark.parametrize("grid", [3, "x", (9, 9)])
def test_what_is_no_grid_is_refused(model, grid):
    with pytest.raises(InputError, match="grid: expected Grid"):
        model.predict(some(), grid)


@pytest.mark.parametrize(
    ("inputs", "output"), [(3, "u"), (None, "u"), ((1, 2), "u"), ("a", None), ("a", ["u"])]
)
def test_names_that_are_no_text_are_refused(inputs, output):
    with pytest.raises(InputError, match="expected names of fields"):
        NeuralOperator(network(), inputs=inputs, output=output)


def test_too_few_samples_are_refused(tiny_data):
    for samples, share in ((1, 0.9), (4, 0.1)):
        with pytest.raises(InputError, match=r"samples to hold out.*bring more samples"):
            NeuralOperator(network(), **DARCY).fit(
                tiny_data(samples=samples), TrainingOptions(validation=share)
            )


def test_unknown_networks_and_names_are_refused():
    with pytest.raises(InputError, match=r"network of FNO, .*got Linear"):
        NeuralOperator(torch.nn.Linear(2, 2), **DARCY)
    with pytest.raises(InputError, match="different names"):
        NeuralOperator(network(), inputs="pressure", output="pressure")


def test_models_that_are_not_fitted_say_so(tmp_path):
    model = NeuralOperator(network(), **DARCY)
    for call in (lambda: model.predict(some()), lambda: model.save(tmp_path / "m.h5")):
        with pytest.raises(InputError, match="expected a fitted model"):
            call()
    assert not (tmp_path / "m.h5").exists()


def changed(path, change):
    arrays, description = load_archive(path, "neural-operator")
    change(arrays, description)
    save_archive(path, "neural-operator", arrays, description)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda a, d: d.update(architecture="Resnet"), "networks FNO, .*got 'Resnet'"),
        (lambda a, d: d.update(architecture="os.system"), "networks FNO"),
        (lambda a, d: d["settings"].update(width=7), "expected weight"),
        (lambda a, d: d["settings"].update(colour=1), "settings of an FNO"),
        (lambda a, d: d.pop("grid"), "grid"),
        (lambda a, d: d.pop("architecture"), "architecture"),
        (lambda a, d: d.update(grid={"axes": []}), "axes"),
        (lambda a, d: d["grid"]["axes"].pop(), "axes, inputs and outputs"),
        (lambda a, d: d["channels"].update(pressure=2), "axes, inputs and outputs"),
        (lambda a, d: d["channels"].pop("permeability"), "permeability"),
        (lambda a, d: a.pop("normalizers/pressure"), "normalizers/pressure"),
        (lambda a, d: a.update({"normalizers/pressure": np.array([0.0, np.nan])}), "scale > 0"),
        (lambda a, d: a.pop("weights/lift.weight"), "lift.weight is missing"),
        (lambda a, d: a.update({"weights/lift.bias": np.zeros(99)}), "lift.bias"),
        (lambda a, d: a["weights/lift.bias"].fill(np.inf), "NaN or infinity"),
    ],
)
def test_tampered_files_are_refused(model, tmp_path, change, what):
    model.save(tmp_path / "m.h5")
    changed(tmp_path / "m.h5", change)
    with pytest.raises(FileFormatError, match=what):
        NeuralOperator.load(tmp_path / "m.h5")


def test_foreign_and_missing_files_are_refused(tiny_data, tmp_path):
    dataset = tiny_data()
    dataset.close()
    (tmp_path / "text.h5").write_text("not a model")
    for path in (dataset.path, tmp_path / "text.h5", tmp_path / "absent.h5", tmp_path):
        with pytest.raises(FileFormatError):
            NeuralOperator.load(path)


SLOW = {"batch_size": 6, "schedule": "constant", "validation": 0.25}


@pytest.mark.parametrize("through_file", [False, True])
def test_training_goes_on_as_if_it_had_not_been_stopped(tiny_data, tmp_path, through_file):
    data = tiny_data()
    whole = NeuralOperator(network(), **DARCY).fit(data, TrainingOptions(epochs=5, **SLOW))
    model = NeuralOperator(network(), **DARCY).fit(data, TrainingOptions(epochs=2, **SLOW))
    if through_file:
        model.save(tmp_path / "m.h5", optimizer=True)
        model = NeuralOperator.load(tmp_path / "m.h5")
    model.fit(data, TrainingOptions(epochs=5, **SLOW), resume=True)
    np.testing.assert_array_equal(model.predict(some()), whole.predict(some()))
    losses = [[line["training_loss"] for line in m.history] for m in (model, whole)]
    assert losses[0] == losses[1] and len(losses[0]) == 5


def test_training_goes_on_after_a_tail(tiny_data):
    def options(epochs):
        return TrainingOptions(epochs=epochs, optimizer=AdamW(tail=LBFGS(1, 2)), **SLOW)

    data = tiny_data()
    model = NeuralOperator(network(), **DARCY).fit(data, options(2))
    model.fit(data, options(4), resume=True)
    lines = [(line["epoch"], line["learning_rate"] is None) for line in model.history]
    assert lines == [*zip(range(1, 7), (False, False, True, False, False, True), strict=True)]


def test_training_cannot_go_on_without_its_optimizer(model, tiny_data, tmp_path):
    with pytest.raises(InputError, match="expected a fitted model"):
        NeuralOperator(network(), **DARCY).fit(tiny_data(), QUICK, resume=True)
    model.save(tmp_path / "m.h5")
    again = NeuralOperator.load(tmp_path / "m.h5")
    with pytest.raises(InputError, match=r"save\(path, optimizer=True\)"):
        again.fit(tiny_data(), QUICK, resume=True)
    with pytest.raises(InputError, match="resume: expected True or False"):
        again.fit(tiny_data(), QUICK, resume="yes")


PASCAL = {"units": {"pressure": "Pa"}, "boundary": {"default": {"type": "dirichlet", "value": 0.0}}}


def test_the_file_knows_units_sides_and_problem(tiny_data, tmp_path):
    model = NeuralOperator(network(), **DARCY).fit(tiny_data(**PASCAL), QUICK)
    model.save(tmp_path / "m.h5", optimizer=True)
    model = NeuralOperator.load(tmp_path / "m.h5")
    assert model.units == {"permeability": "1", "pressure": "Pa"}
    assert model.boundary == PASCAL["boundary"]
    data = tiny_data(Grid.uniform((17, 17)), samples=2, **PASCAL)
    inputs = {"permeability": data["permeability"][:]}
    np.testing.assert_array_equal(model.predict(data), model.predict(inputs))
    closed = {"default": {"type": "neumann", "value": 0.0}}
    for others, what in (
        ({**PASCAL, "units": {"pressure": "bar"}}, "expected the unit 'Pa'"),
        ({**PASCAL, "boundary": closed}, "boundary conditions: expected those"),
        ({**PASCAL, "grid": Grid.uniform((9, 9), upper=2.0)}, "box the model was trained on"),
        ({**PASCAL, "grid": Grid.uniform((9,))}, "dimension"),
    ):
        data = tiny_data(**others)
        for call in (
            lambda data: model.predict(data),
            lambda data: model.evaluate(data),
            lambda data: model.fit(tiny_data(**PASCAL), QUICK, validation=data),
            lambda data: model.fit(data, QUICK, resume=True),
        ):
            with pytest.raises(InputError, match=what):
                call(data)


def test_names_of_fields_are_not_guessed():
    with pytest.raises(TypeError, match="inputs"):
        NeuralOperator(network())
    assert NeuralOperator(network(), **DARCY).inputs == ("permeability",)
