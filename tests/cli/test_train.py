import shutil

import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import NeuralOperator


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
    text = text.replace(
        "batch_size = 4", 'batch_size = 3\nschedule = "cosine"\ngradient_clip = 1.0'
    )
    text = text.replace("[certificate]", "[augmentation]\nsymmetries = true\n[certificate]")
    (tmp_path / "a.toml").write_text(text)
    out = tmp_path / "m.h5"
    answer = nwidth("train", made / "darcy.h5", "-o", out, "--config", tmp_path / "a.toml")
    assert answer.code == 0, answer.err
    metrics = NeuralOperator.load(out).metrics
    options = metrics["options"]
    assert options["schedule"]["kind"] == "cosine"
    assert options["optimizer"]["gradient_clip"] == 1.0
    assert options["batch_size"] == 3
    assert metrics["augmentation"]["symmetries"] is True


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--loss", "l3"), 2, "--loss: expected 'l2' or 'h1', got 'l3'"),
        (("--input", "x", "--target", "pressure"), 2, "--input: expected one of permeability"),
        (("--input", "permeability", "--target", "u"), 2, "--target: expected one of permeab"),
        (("--input", "pressure", "--target", "pressure"), 2, "expected different fields"),
        (("--target", "permeability"), 2, "expected different fields"),
        (("--batch-size", 0), 2, "--batch-size"),
        (("--modes", 40), 2, "[model] modes: "),
    ],
)
def test_settings_that_do_not_fit(nwidth, made, tmp_path, options, code, words):
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
