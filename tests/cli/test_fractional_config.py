import pytest

from nwidth.cli.fractional_config import FractionalConfig, is_fractional
from nwidth.cli.read_config import read_sections
from nwidth.errors import ConfigError

GOOD = """
[problem]
equation = "fractional-diffusion"
alpha = [1.3, 2]
intervals = 16
[source]
kind = "constant"
"""


def read(folder, text):
    path = folder / "f.toml"
    path.write_text(text, encoding="utf-8")
    assert is_fractional(path)
    return read_sections(path, FractionalConfig)


def test_lists_tell_the_number_of_axes(tmp_path):
    config = read(tmp_path, GOOD)
    assert config.problem.dimension == 2
    assert config.problem.degree == 3
    assert read(tmp_path, GOOD.replace("[1.3, 2]", "1.5")).problem.dimension == 1


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("[1.3, 2]", "2.5", r"\[problem\] alpha: expected a number <= 2"),
        ("[1.3, 2]", "[1.0, 1.5]", r"\[problem\] alpha\[0\]: expected a number > 1"),
        ("[1.3, 2]", "[1.5, 1.5, 1.5, 1.5]", "1 to 3"),
        ("[1.3, 2]", '"x"', r"\[problem\] alpha: expected a number, got 'x'"),
        ("intervals = 16", "intervals = [8, 8, 8]", "one length"),
        ("intervals = 16", "", r"\[problem\] intervals: this key is required"),
        ("intervals = 16", "intervals = 16\ndegre = 3", "did you mean 'degree'"),
        ("intervals = 16", "intervals = 16\ndegree = 1", "degree: expected a number >= 2"),
        ("intervals = 16", "intervals = 16\nlower = 2.0", "lower < upper"),
        ("intervals = 16", "intervals = 16\ngrowth = 2.0", r"add a section \[time\]"),
        ("intervals = 16", "intervals = 16\ncoefficient = 0.0", "coefficient: expected a number >"),
        ('"fractional-diffusion"', '"fractional"', "'fractional-diffusion', got 'fractional'"),
        (
            "[source]\n",
            '[run]\noutput = "u.h5"\n[source]\n',
            "unknown key 'output'; known keys: thr",
        ),
        ("[source]\n", "[sorce]\n", r"did you mean \[source\]"),
        ('[source]\nkind = "constant"', "", r"needs a section \[source\]"),
        ('"constant"', '"gaussian"', r"\[source\] kind: expected one of 'constant', 'pulse'"),
        ("[source]", '[initial]\nkind = "pulse"\n[source]', r"add a section \[time\]"),
        ("[source]", "[time]\nend = 1.0\n[source]", r"needs a section \[initial\]"),
        (
            '"constant"',
            '"bump"\n[time]\nend = 2.0\n[initial]\nkind = "pulse"',
            "stationary problems",
        ),
        ("[source]", "[time]\nend = -1.0\n[source]", r"\[time\] end: expected a number > 0"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, old, new, words):
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, GOOD.replace(old, new))


def test_other_files_are_not_fractional(tmp_path):
    for text in (
        "[problem]\nshape = [9, 9]",
        "problem = 3",
        "[problem",
        '[problem]\nequation = "x"',
    ):
        (tmp_path / "a.toml").write_text(text, encoding="utf-8")
        assert not is_fractional(tmp_path / "a.toml")
    assert not is_fractional(tmp_path)
