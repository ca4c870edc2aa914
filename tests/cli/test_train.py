import shutil

import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField
from nwidth.operators import FNO, NeuralOperator
from nwidth.solvers import CubicPoisson, Helmholtz, generate


def test_a_model_is_written_and_nothing_else(made):
    model = NeuralOperator.load(made / "fno.h5")
    assert (model.inputs, model.output) == (("permeability",), "pressure")
    assert model.metrics["epochs"] == 3
    assert {p.name for p in made.iterdir()} == {"tiny.toml", "darcy.h5", "darcy_test.h5", "fno.h5"}


def test_options_win_over_the_configuration(nwidth, made, tmp_path):
    answer = nwidth(
        *("train", made / "darcy.h5", "-o", tmp_path / "m.h5", "--config", made / "tiny.toml"),
        *("--epochs", 1, "--width", 4, "--modes", 3, "--loss", "h1", "--threads", 1),
    )
    assert answer.code == 0
    assert "validation" in answer.out and "train: 9/9 samples" in answer.err
    model = NeuralOperator.load(tmp_path / "m.h5")
    assert (model.model.width, model.model.modes, model.metrics["epochs"]) == (4, (3, 3), 1)
    assert model.metrics["options"]["loss"]["kind"] == "h1"


def test_every_setting_of_the_training_reaches_it(nwidth, made, tmp_path):
    text = (made / "tiny.toml").read_text().replace("epochs = 3", "epochs = 1")
    text = text.replace("batch_size = 4", 'batch_size = 3\nschedule = "cosine"')
    more = """
[training.optimizer]
gradient_clip = 1.0
average = 0.9
tail = 1
[training.execution]
micro_batch = 2
[augmentation]
symmetries = true
[certificate]"""
    text = text.replace("[certificate]", more)
    (tmp_path / "a.toml").write_text(text)
    out = tmp_path / "m.h5"
    answer = nwidth("train", made / "darcy.h5", "-o", out, "--config", tmp_path / "a.toml")
    assert answer.code == 0, answer.err
    metrics = NeuralOperator.load(out).metrics
    options = metrics["options"]
    assert options["schedule"]["kind"] == "cosine"
    assert options["optimizer"]["gradient_clip"] == 1.0
    assert options["optimizer"]["average"] == 0.9 and options["optimizer"]["tail"]["epochs"] == 1
    assert options["execution"]["micro_batch"] == 2 and len(NeuralOperator.load(out).history) == 2
    assert options["batch_size"] == 3
    assert metrics["augmentation"]["symmetries"] is True


def test_fields_of_other_stationary_problems_are_known(nwidth, tmp_path):
    grid = Grid.uniform((9, 9))
    described = {"problem": CubicPoisson(grid).describe()}
    with FieldDataset.create(
        tmp_path / "cubic.h5", grid, {"source": "1", "solution": "1"}, provenance=described
    ) as data:
        for _ in range(8):
            data.append({"source": np.ones((9, 9)), "solution": np.ones((9, 9))})
        data.finish()
    short = ("--modes", "2", "--width", "4", "--epochs", "1", "-o", tmp_path / "m.h5")
    answer = nwidth("train", tmp_path / "cubic.h5", *short)
    assert answer.code == 0, answer.err
    assert NeuralOperator.load(tmp_path / "m.h5").output == "solution"
    sampler = LogNormalField(GaussianRandomField(grid, 2.0, 3.0))
    generate(Helmholtz(grid, wavenumber=sampler), tmp_path / "waves.h5", 8).close()
    answer = nwidth("train", tmp_path / "waves.h5", *short, "--overwrite")
    assert answer.code == 2 and "--target: expected one of " in answer.sentence


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--loss", "l3"), 2, "--loss: expected 'l2', 'h1' or 'spectral', got 'l3'"),
        (("--schedule", "cos"), 2, "--schedule: expected 'one-cycle', 'cosine', "),
        (("--model", "resnet"), 2, "[model] architecture: expected one of FNO, "),
        (("--model", "mgno"), 2, "got 'mgno'; it may be MGNO or MgNO"),
        (("--model", "T1", "--config", "padding"), 2, ": expected a setting of T1, got one"),
        (("--ensemble", 1), 2, "--ensemble"),
        (("--device", "tpu"), 2, "expected 'cpu' or 'cuda', got 'tpu'"),
        (("--input", "x", "--target", "pressure"), 2, "--input: expected one of permeability"),
        (("--input", "permeability", "--target", "u"), 2, "--target: expected one of permeab"),
        (("--input", "pressure", "--target", "pressure"), 2, "expected different fields"),
        (("--target", "permeability"), 2, "expected different fields"),
        (("--batch-size", 0), 2, "--batch-size"),
        (("--modes", 40), 2, "[model] modes: "),
        (("--seed", 2**70), 2, "seed"),
    ],
)
def test_settings_that_do_not_fit(nwidth, made, tmp_path, options, code, words):
    (tmp_path / "padding").write_text(
        (made / "tiny.toml").read_text().replace("modes = 4", 'architecture = "T1"\npadding = 0.5')
    )
    options = [tmp_path / o if o == "padding" else o for o in options]
    answer = nwidth("train", made / "darcy.h5", "-o", tmp_path / "m.h5", "--epochs", 1, *options)
    assert (answer.code, words in answer.sentence) == (code, True), answer.err
    assert not (tmp_path / "m.h5").exists()


def test_data_that_do_not_fit(nwidth, made, tmp_path):
    out = tmp_path / "m.h5"
    assert nwidth("train", tmp_path / "none.h5", "-o", out).code == 1
    answer = nwidth("train", made / "fno.h5", "-o", out)
    assert answer.code == 1 and "fno.h5" in answer.sentence
    cut = tmp_path / "cut.h5"
    shutil.copy(made / "darcy.h5", cut)
    with cut.open("r+b") as file:
        file.truncate(5000)
    assert nwidth("train", cut, "-o", out).code == 1
    assert not out.exists()


def test_modes_default_to_what_the_grid_resolves(nwidth, made, tmp_path):
    answer = nwidth("train", made / "darcy.h5", "-o", tmp_path / "m.h5", "--epochs", 1)
    assert answer.code == 0, answer.err
    model = NeuralOperator.load(tmp_path / "m.h5").model
    model.check(FieldDataset.open(made / "darcy.h5").grid.axes)
    assert max(model.modes) < 12


def test_no_samples(nwidth, tmp_path):
    grid = Grid.uniform((17, 17))
    with FieldDataset.create(tmp_path / "a.h5", grid, {"permeability": "1", "u": "1"}) as data:
        data.finish()
    fields = ("--input", "permeability", "--target", "u")
    answer = nwidth("train", tmp_path / "a.h5", "-o", tmp_path / "m.h5", *fields)
    assert answer.code == 1 and "expected samples" in answer.sentence


def test_an_existing_model_is_kept(nwidth, made):
    before = (made / "fno.h5").read_bytes()
    answer = nwidth("train", made / "darcy.h5", "-o", made / "fno.h5")
    assert answer.code == 1 and "--overwrite" in answer.sentence
    assert (made / "fno.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("t1", {}),
        ("MgNO", {"batch_size": 10, "loss": "h1"}),
        ("lno", {}),
    ],
)
def test_every_network_is_trained_with_settings_that_suit_it(nwidth, made, tmp_path, name, options):
    out = tmp_path / "m.h5"
    settings = ("--model", name, "--width", 4, "--epochs", 1, "--threads", 1)
    answer = nwidth("train", made / "darcy.h5", "-o", out, *settings)
    assert answer.code == 0, answer.err
    model = NeuralOperator.load(out)
    assert type(model.model).__name__.lower() == name.lower() and model.model.width == 4
    for key, value in options.items():
        found = model.metrics["options"][key]
        assert value == (found["kind"] if key == "loss" else found)
    assert nwidth("predict", out, made / "darcy_test.h5", "-o", tmp_path / "p.h5").code == 0


def test_settings_of_a_network_come_from_the_file(nwidth, made, tmp_path):
    text = (made / "tiny.toml").read_text()
    a, b = text.index("[model]"), text.index("[training]")
    section = """[model]
architecture = "MgNO"
width = 4
layers = 1
dirichlet = true
[model.settings.cycle]
levels = 2
guess = "zero"
"""
    (tmp_path / "a.toml").write_text(
        text[:a] + section + text[b:].replace("epochs = 3", "epochs = 1")
    )
    out = tmp_path / "m.h5"
    answer = nwidth("train", made / "darcy.h5", "-o", out, "--config", tmp_path / "a.toml")
    assert answer.code == 0, answer.err
    described = NeuralOperator.load(out).model.describe()
    assert (described["cycle"]["levels"], described["cycle"]["guess"]) == (2, "zero")
    assert described["boundary"] == ["dirichlet", "dirichlet"]
    (tmp_path / "b.toml").write_text((tmp_path / "a.toml").read_text().replace("guess", "gess"))
    answer = nwidth("train", made / "darcy.h5", "-o", out, "-c", tmp_path / "b.toml", "--overwrite")
    assert answer.code == 2 and "gess" in answer.sentence


def test_an_ensemble_is_one_file_with_mean_and_spread(nwidth, made, tmp_path):
    from nwidth.operators import Ensemble

    out, predictions = tmp_path / "e.h5", tmp_path / "p.h5"
    settings = ("--config", made / "tiny.toml", "--epochs", 1, "--ensemble", 2)
    answer = nwidth("train", made / "darcy.h5", "-o", out, *settings)
    assert answer.code == 0 and "train: 18/18 samples" in answer.err, answer.err
    assert len(Ensemble.load(out).members) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["e.h5"]
    told = nwidth("inspect", out).out
    assert "members" in told and "FNO: permeability -> pressure, trained on 17 x 17" in told
    assert nwidth("predict", out, made / "darcy_test.h5", "-o", predictions).code == 0
    with FieldDataset.open(predictions) as data:
        assert data["pressure_spread"][:].max() > 0
    assert nwidth("plot", out, "-o", tmp_path / "history.png").code == 0
    certified = nwidth("certify", out, made / "darcy_test.h5")
    assert certified.code == 0 and "CertifiedPrediction" in certified.out


@pytest.mark.parametrize(
    ("members", "calls", "words"),
    [
        (1, 4, "goes on from epoch 2, step 2"),
        (1, 0, "begins anew"),
        (2, 7, "member 2 goes on from epoch 1, step 2"),
    ],
)
def test_ctrl_c_tells_from_where_training_goes_on(
    nwidth, made, tmp_path, monkeypatch, members, calls, words
):
    """Two steps of an epoch and one batch of three that are held out make three calls."""
    command = ["train", made / "darcy.h5", "-o", tmp_path / "m.h5", "-c", made / "tiny.toml"]
    command += ["--epochs", 2, "--batch-size", 5]
    command += [] if members == 1 else ["--ensemble", members]
    forward, done = FNO.forward, []

    def interrupted(self, *arguments):
        done.append(1)
        if len(done) == calls + 1:
            raise KeyboardInterrupt
        return forward(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(FNO, "forward", interrupted)
        answer = nwidth(*command)
    assert answer.code == 130 and "the same command resumes" in answer.sentence
    assert f"train: {words}" in answer.err
    assert nwidth(*command).code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["m.h5"]


def test_a_device_that_is_not_there_is_told(nwidth, made, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    answer = nwidth("train", made / "darcy.h5", "-o", tmp_path / "m.h5", "--device", "cuda")
    assert answer.code == 2 and "expected a device that is there" in answer.sentence
