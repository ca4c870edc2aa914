import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nwidth.archive import load_archive
from nwidth.fields import FieldDataset
from nwidth.operators import NeuralOperator
from nwidth.rom import certify_fields

FILES = {
    "darcy.h5",
    "darcy_test.h5",
    "fno.h5",
    "predictions.h5",
    "report.png",
    "run.json",
    "summary.json",
}


# The command line, but with a checkpoint after every epoch instead of every half minute.
EAGER = """
from nwidth.operators.training.trainer import Trainer
Trainer.__init__.__kwdefaults__["checkpoint_seconds"] = 0.0
from nwidth.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def ready(made, tmp_path_factory):
    """The folder of a finished run: made once, copied by the tests."""
    from nwidth.cli.main import call

    output = tmp_path_factory.mktemp("ready") / "out"
    assert call(["run", str(made / "tiny.toml"), "-o", str(output)]) == 0
    return output


def start(config, output) -> subprocess.Popen:
    command = [sys.executable, "-c", EAGER, "run", str(config), "-o", str(output)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, "--threads", "1"], **pipes)


def test_the_whole_road(nwidth, made, tmp_path, monkeypatch):
    output = tmp_path / "out"
    polished = 0

    def counted(*arguments, **options):
        nonlocal polished
        polished += len(arguments[2]) * (arguments[3:] not in ((), (None,)))
        return certify_fields(*arguments, **options)

    monkeypatch.setattr("nwidth.cli.comparison.certify_fields", counted)
    monkeypatch.setattr("nwidth.rom.certify_fields", counted)
    answer = nwidth("run", made / "tiny.toml", "--output", output)
    assert answer.code == 0, answer.err
    assert polished == 2 * (1 + 4)  # solver and FNO: a warm-up and each of four samples, once
    assert {p.name for p in output.iterdir()} == FILES
    for words in ("solver to 1e-8", "FNO + polishing", "effectivity", "discrete solution"):
        assert words in answer.out
    for stage in ("[1/4] data", "[2/4] training", "[3/4] certificates", "[4/4] report"):
        assert stage in answer.err

    summary = json.loads((output / "summary.json").read_text())
    rows = {row["method"]: row for row in summary["comparison"]["rows"]}
    assert rows["solver to 1e-8"]["energy_error"] < 1e-6
    assert rows["solver, matched"]["energy_error"] <= rows["FNO"]["energy_error"]
    assert rows["FNO + polishing"]["worst_bound"] <= 0.05
    assert rows["FNO + polishing"]["worst_energy_error"] <= rows["FNO + polishing"]["worst_bound"]
    low, high = rows["FNO + certificate"]["effectivity"]
    assert 1 <= low <= high <= 2
    assert all(e <= b for e, b in zip(summary["errors"], summary["bounds"], strict=True))
    assert len(summary["comparison"]["discretization_error"]) == 2

    with FieldDataset.open(output / "predictions.h5") as data:
        assert data.complete and (data.scalars["bound"] <= 0.05).all()
        assert np.allclose(data.scalars["bound_before"], summary["bounds"], rtol=1e-3)
        assert data.scalars["bound"].max() == rows["FNO + polishing"]["worst_bound"]

    before = {p.name: p.read_bytes() for p in output.iterdir() if p.suffix == ".h5"}
    again = nwidth("run", made / "tiny.toml", "--output", output)
    assert again.code == 0
    assert again.err.count(" there") == 3
    assert again.out.splitlines()[:8] == answer.out.splitlines()[:8]
    assert before == {p.name: p.read_bytes() for p in output.iterdir() if p.suffix == ".h5"}

    changed = tmp_path / "changed.toml"
    changed.write_text((made / "tiny.toml").read_text().replace("epochs = 3", "epochs = 4"))
    refused = nwidth("run", changed, "--output", output)
    assert refused.code == 2
    assert "[training] epochs was 3 and is 4 now" in refused.sentence
    assert "--restart" in refused.sentence
    assert (output / "fno.h5").read_bytes() == before["fno.h5"]
    assert nwidth("run", changed, "--output", output, "--restart").code == 0
    assert NeuralOperator.load(output / "fno.h5").metrics["epochs"] == 4
    assert (output / "darcy.h5").read_bytes() == before["darcy.h5"]


@pytest.mark.parametrize("journal", ["kept", "removed"])
@pytest.mark.parametrize(
    ("swap", "words"),
    [
        (("darcy.h5", ["generate", "--seed", 5, "-n", 12]), "darcy.h5: .*seed is 5 and not 0"),
        (("darcy_test.h5", ["generate", "-n", 4]), "darcy_test.h5: .*seed is 0 and not"),
        (("fno.h5", ["train", "--width", 4]), "fno.h5: .*settings width was 4 and is 8"),
        (("fno.h5", ["train", "--epochs", 2]), "fno.h5: .*options epochs was 2 and is 3"),
    ],
)
def test_files_of_another_job_are_not_taken_for_ours(
    nwidth, made, tmp_path, ready, swap, words, journal
):
    """The journal is no proof: files are looked at themselves."""
    output, config = tmp_path / "out", made / "tiny.toml"
    shutil.copytree(ready, output)
    name, (command, *options) = swap
    source = [config] if command == "generate" else [output / "darcy.h5", "-c", config]
    (output / name).unlink()
    assert nwidth(command, *source, "-o", output / name, *options).code == 0
    if journal == "removed":
        (output / "run.json").unlink()
    before = (output / name).read_bytes()
    answer = nwidth("run", config, "-o", output)
    assert answer.code == 1 and re.search(words, answer.sentence), answer.err
    assert (output / name).read_bytes() == before


def test_a_model_of_other_data_is_not_taken_for_ours(nwidth, made, tmp_path, ready):
    other = tmp_path / "other.toml"
    other.write_text((made / "tiny.toml").read_text().replace("[data]", "[data]\nseed = 7"))
    output = tmp_path / "out"
    assert nwidth("run", other, "-o", output).code == 0
    shutil.copy(ready / "fno.h5", output / "fno.h5")
    answer = nwidth("run", other, "-o", output)
    assert answer.code == 1 and "data seed was 0 and is 7 now" in answer.sentence


def test_without_its_journal_a_folder_of_the_same_job_is_continued(nwidth, made, tmp_path, ready):
    output = tmp_path / "out"
    shutil.copytree(ready, output)
    (output / "run.json").unlink()
    before = {name: (output / name).read_bytes() for name in ("darcy.h5", "fno.h5")}
    answer = nwidth("run", made / "tiny.toml", "-o", output)
    assert answer.code == 0 and answer.err.count(" there") == 2, answer.err
    assert all((output / name).read_bytes() == content for name, content in before.items())


def test_killed_at_any_moment_it_resumes(made, tmp_path):
    """Killed three times with SIGKILL, the run ends with the files of an undisturbed one."""
    config, output = tmp_path / "long.toml", tmp_path / "out"
    text = (made / "tiny.toml").read_text()
    config.write_text(text.replace("samples = 12", "samples = 300").replace("= 3\n", "= 8\n"))
    said = []
    for awaited in ("darcy.h5", "fno.h5.training.partial", "fno.h5"):
        process = start(config, output)
        deadline = time.monotonic() + 60
        while not (output / awaited).exists() and process.poll() is None:
            assert time.monotonic() < deadline, awaited
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        said.append(process.communicate(timeout=60)[1])
    process = start(config, output)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "FNO + polishing" in out
    assert "[2/4] training: continuing" in said[2]
    assert f"[2/4] training: {output / 'fno.h5'} is there" in err
    assert {p.name for p in output.iterdir()} == FILES
    undisturbed = tmp_path / "undisturbed"
    process = start(config, undisturbed)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 0, err
    for name in ("darcy.h5", "darcy_test.h5", "predictions.h5"):
        with FieldDataset.open(output / name) as one, FieldDataset.open(undisturbed / name) as two:
            assert one.complete and one.verify() == []
            assert len(one) == len(two) and one.field_names == two.field_names
            for field in one.field_names:
                assert np.array_equal(one[field][:], two[field][:]), (name, field)
            for scalar in one.scalar_names:
                assert np.array_equal(one.scalars[scalar], two.scalars[scalar]), (name, scalar)
    one, described = load_archive(output / "fno.h5", "neural-operator")
    two, wanted = load_archive(undisturbed / "fno.h5", "neural-operator")
    assert {*one} == {*two} and described["metrics"] == wanted["metrics"]
    assert described["metrics"]["epochs"] == 8
    for name, array in one.items():
        assert np.array_equal(array, two[name]), name


def test_what_cannot_work_is_said_before_the_work(nwidth, made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    answer = nwidth("run", made / "tiny.toml", "-o", tmp_path / "file")
    assert answer.code == 1 and "expected a folder" in answer.sentence

    for word, old, new in (
        ("modes", "modes = 4", "modes = [4, 4, 4]"),
        ("symmetries", "[certificate]", "[augmentation]\nsymmetries = true\n[certificate]"),
        ("coarse", "[certificate]", "[augmentation]\ncoarse = 0.5\n[certificate]"),
    ):
        text = (made / "tiny.toml").read_text().replace("[17, 17]", "[17, 18]")
        (tmp_path / "a.toml").write_text(text.replace(old, new))
        answer = nwidth("run", tmp_path / "a.toml", "-o", tmp_path / "out")
        assert answer.code == 2 and word in answer.sentence

    sides = "shape = [17, 17]\nboundary = {x_lower = {dirichlet = 1.0}}"
    text = (made / "tiny.toml").read_text().replace("shape = [17, 17]", sides)
    text = text.replace("[certificate]", "[augmentation]\nsymmetries = true\n[certificate]")
    (tmp_path / "a.toml").write_text(text)
    answer = nwidth("run", tmp_path / "a.toml", "-o", tmp_path / "out")
    assert answer.code == 2 and "x_upper, unlike that at x_lower" in answer.sentence

    class Full:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    answer = nwidth("run", made / "tiny.toml", "-o", tmp_path / "out")
    assert answer.code == 1 and "of free disk space, got 1 kB" in answer.sentence
    assert not list((tmp_path / "out").glob("*.h5"))


@pytest.mark.parametrize("name", ["darcy.toml", "darcy_benchmark.toml"])
def test_the_examples_are_valid(name):
    from pathlib import Path

    from nwidth.cli.read_config import read_config

    config = read_config(Path(__file__).parents[2] / "examples" / name)
    assert config.data.samples == 1000
    assert config.problem.shape == [85, 85]


@pytest.mark.parametrize(
    "changes",
    [
        {
            "[17, 17]": "[33]",
            '"two-phase"': '"log-normal"',
            "test_samples": "restrict = 2\ntest_samples",
        },
        {
            "[permeability]": 'equation = "poisson"\ncentering = "cell"\n[source]',
            '"two-phase"': '"gaussian"',
            "[17, 17]": "[9, 9, 9]",
            "modes = 4": "modes = 3",
        },
    ],
    ids=["darcy-1d-finer", "poisson-3d-cells"],
)
def test_other_equations_and_dimensions(nwidth, made, tmp_path, changes):
    text = (made / "tiny.toml").read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    text = text.replace("dirichlet = true", "dirichlet = false")
    (tmp_path / "a.toml").write_text(text)
    answer = nwidth("run", tmp_path / "a.toml", "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert ("finer grid" in answer.out) == ("restrict" in text)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["comparison"]["rows"][-1]["worst_bound"] <= 0.05
    assert nwidth("plot", tmp_path / "out" / "predictions.h5").code == 0
