import pytest

from nwidth.cli.read_config import read_sections
from nwidth.cli.reduce_config import ReduceConfig
from nwidth.errors import ConfigError

BLOCK = """
[parameters]
k = [0.1, 1.0]
[block]
shape = [5, 5]
blocks = [2, 1]
conductivity = ["k", 1.0]
"""
MATRICES = """
[parameters]
k = [0.1, 1.0]
[matrices]
operator = ["A.npz", "B.npz"]
theta = ["1", "k"]
source = ["f.npy"]
"""


def test_defaults(tmp_path):
    (tmp_path / "a.toml").write_text(BLOCK)
    found = read_sections(tmp_path / "a.toml", ReduceConfig)
    assert found.block is not None and found.block.conductivity == ["k", 1.0]
    assert (found.reduce.rtol, found.reduce.stability) == (1e-4, "auto")
    (tmp_path / "a.toml").write_text(MATRICES)
    found = read_sections(tmp_path / "a.toml", ReduceConfig)
    assert found.matrices is not None and found.matrices.phi == [1.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BLOCK.replace("conductivity", "conductivty"), "did you mean 'conductivity'"),
        (BLOCK.replace('["k", 1.0]', '["k"]'), "expected 2 entries, one per block, got 1"),
        (BLOCK.replace("[2, 1]", "[2]"), "expected 2 numbers, one per axis"),
        (BLOCK.replace("[0.1, 1.0]", "[1.0, 0.1]"), r"k: expected \[low, high\]"),
        (BLOCK.replace("[0.1, 1.0]", "[1.0]"), r"k: expected \[low, high\]"),
        (BLOCK + "[reduce]\nlog = ['m']", "names among k, got 'm'"),
        (BLOCK + "[reduce]\nstability = 'none'", "stability: expected"),
        (BLOCK + MATRICES.replace("[parameters]\nk = [0.1, 1.0]", ""), "give exactly one"),
        ("[parameters]\nk = [0, 1.0]", "give exactly one"),
        (MATRICES.replace('["1", "k"]', '["1"]'), "theta: expected 2 entries"),
        ("[reduce]\nrtol = 1e-3", r"expected a section \[parameters\]"),
    ],
)
def test_bad_files(tmp_path, text, words):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_sections(tmp_path / "a.toml", ReduceConfig)
