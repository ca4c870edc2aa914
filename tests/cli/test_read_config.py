import pytest

from nwidth.cli.read_config import parse_config, read_config
from nwidth.errors import ConfigError

PROBLEM = "[problem]\nshape = [9, 9]\n"
GOOD = PROBLEM + '[permeability]\nkind = "two-phase"\n'


def test_a_short_file_has_sensible_defaults():
    config = parse_config(GOOD)
    assert (config.permeability.low, config.permeability.high) == (3.0, 12.0)
    assert config.data.samples == 1000
    assert config.problem.equation == "darcy"


def test_sections_have_at_most_ten_keys():
    from nwidth.cli import config

    sections = [c for c in vars(config).values() if isinstance(c, type) and c is not config.Config]
    sections = [c for c in sections if issubclass(c, config.Section)]
    assert len(sections) > 8
    assert all(len(section.model_fields) <= 10 for section in sections)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a section \[problem\]; add it"),
        ("x =", "not valid TOML"),
        (PROBLEM, r"darcy needs a section \[permeability\]"),
        (GOOD + "[trainning]\nepochs = 2", r"unknown section \[trainning\]; did you mean \[train"),
        (GOOD + "[data]\nsample = 3", r"\[data\] unknown key 'sample'; did you mean 'samples'\?"),
        (GOOD + "lowe = 3", r"\[permeability\] unknown key 'lowe'; did you mean 'low'\?"),
        (GOOD + "[data]\nqwertz = 3", r"\[data\] unknown key 'qwertz'; known keys: samples, "),
        (GOOD + "[data]\nsamples = 0", r"\[data\] samples: expected a number > 0, got 0"),
        (GOOD + '[data]\nsamples = "10"', r"samples: expected a whole number, got '10'"),
        (GOOD + "[data]\nsamples = 10.5", r"samples: expected a whole number, got 10.5"),
        (GOOD + "[data]\nrtol = nan", r"\[data\] rtol: expected a finite number, got nan"),
        (GOOD + "low = -3.0", r"\[permeability\] low: expected a number > 0.0, got -3.0"),
        (GOOD + "low = 12.0\nhigh = 3.0", r"\[permeability\]: expected low < high, got low = 12"),
        (GOOD + '[report]\nfigure = "a.xyz"', r"\[report\]: figure: expected .*\.png.*'a\.xyz'"),
        (
            PROBLEM + '[permeability]\nkind = "constant"\nvalue = 0.0',
            r"\[permeability\] value: expected a number > 0, got 0.0",
        ),
        (GOOD + '[data]\nfile = "a.txt"', r"\[data\] file: expected .* \.h5 or \.hdf5, got 'a"),
        (
            GOOD + '[model]\nfile = "data.h5"',
            r"\[model\] file: .*'data\.h5', which is that of \[data",
        ),
        (GOOD + '[model]\nfile = "data_test.h5"', "'data_test.h5', which is that of .*unseen"),
        (GOOD + '[report]\nsummary = "run.json"', "the journal: expected a name of its own"),
        (GOOD + '[report]\npredictions = "model.h5"', r"which is that of \[model\] file"),
        (GOOD.replace("two-phase", 'two-phase"\nlow = 12\nhigh = 3\n#"'), "expected low < high"),
        (GOOD + '[data]\nfile = "a/b"', r"\[data\] file: expected a plain file name"),
        (GOOD + "[model]\nmodes = [3, 0]", r"\[model\] modes\[1\]: expected a number > 0, got 0"),
        ("problem = 3", r"\[problem\]: expected a section of keys, got 3"),
        (GOOD.replace("two-phase", "twophase"), r"kind: expected one of 'two-phase'.*'twophase'"),
        (GOOD.replace("two-phase", "gaussian"), "a Gaussian field has negative values"),
        (PROBLEM + "[permeability]\nlow = 1", r"\[permeability\] kind: .*required"),
        (
            GOOD.replace("[9, 9]", "[9, 1]"),
            r"shape\[1\]: expected a number >= 3, got 1",
        ),
        (GOOD.replace("[9, 9]", "[9, 9]\nupper = 0"), "expected lower < upper"),
        (GOOD.replace("[9, 9]", "[9, 9]\nupper = [1.0]"), "expected 2 numbers"),
        (GOOD + "[problem.boundary.z_lower]\ndirichlet = 1", "unknown side 'z_lower'"),
        (GOOD + "[problem.boundary.x_lower]\ndirichle = 1", "did you mean 'dirichlet'"),
        (GOOD + "[problem.boundary]\nx_lower = {}", "give exactly one"),
        (GOOD + "[problem.boundary]\nx_lower = { robin = 1, neumann = 0 }", "give exactly one"),
        (GOOD + "[problem.boundary]\nx_lower = { neumann = 1, value = 0 }", "beside 'robin' only"),
        (GOOD + "[problem.boundary]\nx_lower = { robin = -1 }", r"robin: expected .*0, got -1"),
        (GOOD.replace("[9, 9]", "[9, 9]\nreaction = -1"), r"reaction: expected .*0, got -1"),
        (GOOD + '[source]\nkind = "gaussian"', r"darcy has no \[source\]; remove"),
        (PROBLEM + 'equation = "darci"', r"equation: expected 'darcy' or 'poisson', got 'darci'"),
    ],
)
def test_every_mistake_is_named_with_its_place(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(text)
    assert "\n" not in str(caught.value)


def test_the_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="got a folder"):
        read_config(tmp_path)
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="got binary data"):
        read_config(path)
    path.write_text(GOOD + "[dat]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml: unknown section \[dat\]"):
        read_config(path)
