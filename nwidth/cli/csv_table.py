"""Read a table from a CSV file: a line of heads, then lines of cells."""

import csv
from pathlib import Path

from nwidth.errors import FileFormatError, InputError


def read_csv(path: Path, heads: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines of cells, all stripped; separated by commas, semicolons or tabs.

    `heads` says what the first line should hold. Raises for files that are not text, that are
    empty, and for lines with fewer or more cells than heads.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file; check the path") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise FileFormatError(f"{path}: expected a CSV file, got something else") from None
    first = text.split("\n", 1)[0]
    mark = ";" if ";" in first else "\t" if "\t" in first else ","
    table = csv.reader((line for line in text.splitlines() if line.strip(" ")), delimiter=mark)
    lines = [[cell.strip() for cell in line] for line in table]
    if not lines:
        raise InputError(f"{path}: expected a first line with {heads}, got an empty file")
    found, *rest = lines
    for k, line in enumerate(rest):
        if len(line) != len(found):
            raise InputError(
                f"{path}: expected {len(found)} cells in each line, got {len(line)} in line {k} "
                "after the heads (from 0)"
            )
    return found, rest
