import pytest

from nwidth.cli.parameter_table import read_parameters
from nwidth.errors import InputError


def test_columns_in_any_order(tmp_path):
    (tmp_path / "a.csv").write_text("k2,k1\n1,2\n3,4e-1\n")
    assert read_parameters(tmp_path / "a.csv", ("k1", "k2")).tolist() == [[2.0, 1.0], [0.4, 3.0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("k1\n1\n", "expected the columns k1, k2, got k1"),
        ("k1,k2,k3\n1,2,3\n", "got k1, k2, k3"),
        ("k1,k1\n1,2\n", "got k1, k1"),
        ("k1,k2\n", "at least one line"),
        ("k1,k2\n1,2\n1,\n", "finite number for k2 in line 1"),
        ("k1,k2\nnan,2\n", "finite number for k1 in line 0"),
        ("k1,k2\n1,1_0\n", "finite number for k2 in line 0"),
        ("k1,k2\n1,inf\n", "finite number for k2 in line 0"),
    ],
)
def test_bad_tables(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_parameters(tmp_path / "a.csv", ("k1", "k2"))
