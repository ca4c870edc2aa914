import pytest

from nwidth.cli.csv_table import read_csv
from nwidth.errors import FileFormatError, InputError


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_stripped_and_empty_lines_left_out(tmp_path, mark):
    (tmp_path / "a.csv").write_text(
        f"\ufeffa{mark} b \r\n1{mark}2\r\n\r\n   \r\n{mark} 3\r\n", encoding="utf-8"
    )
    assert read_csv(tmp_path / "a.csv", "names") == (["a", "b"], [["1", "2"], ["", "3"]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a first line with names, got an empty file"),
        ("a,b\n1,2\n1\n", "expected 2 cells in each line, got 1 in line 1"),
    ],
)
def test_bad_tables(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_csv(tmp_path / "a.csv", "names")


def test_no_tables(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x81")
    for path in (tmp_path / "a.csv", tmp_path):
        with pytest.raises(FileFormatError, match="expected a CSV file"):
            read_csv(path, "names")
    with pytest.raises(FileFormatError, match="no such file"):
        read_csv(tmp_path / "b.csv", "names")
