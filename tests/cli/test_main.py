import subprocess
import sys

import pytest

from nwidth import __version__

COMMANDS = (
    "run",
    "generate",
    "solve",
    "train",
    "predict",
    "certify",
    "sensors",
    "reconstruct",
    "plot",
    "inspect",
    "convert",
    "check",
)


def test_help_lists_every_command(nwidth):
    answer = nwidth("--help")
    assert answer.code == 0
    assert all(f" {command} " in answer.out for command in COMMANDS)
    assert "nwidth run examples/darcy.toml" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example(nwidth, command):
    answer = nwidth(command, "--help")
    assert answer.code == 0
    assert answer.out.count(f"nwidth {command} ") >= 2


def test_sections_in_help_are_not_taken_for_markup(nwidth):
    assert "[data] rtol" in nwidth("solve", "--help").out
    assert "[problem]" in nwidth("convert", "--help").out


def test_version(nwidth):
    assert nwidth("--version").out == f"nwidth {__version__}\n"


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "nwidth", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"nwidth {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trian",), "No such command 'trian'"),
        (("run",), "Missing argument 'CONFIG'"),
        (("generate", "--sample", "3"), "No such option"),
        (("generate", "--samples", "0"), "--samples"),
        (("generate", "--samples", "ten"), "--samples"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(nwidth, arguments, words):
    answer = nwidth(*arguments)
    assert answer.code == 2
    assert words in answer.sentence
    assert "--help" in answer.sentence


def test_debug_shows_the_traceback(nwidth, tmp_path):
    quiet = nwidth("run", tmp_path / "none.toml")
    loud = nwidth("--debug", "run", tmp_path / "none.toml")
    assert quiet.code == loud.code == 2
    assert "Traceback" not in quiet.err and "Traceback" in loud.err


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from nwidth.cli.main import call; call(['--help']); "
        "print('LOADED', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in result.stdout.split("LOADED")[1].split()}
    assert not loaded & {"torch", "numba", "matplotlib", "scipy", "numpy", "h5py", "pydantic"}
