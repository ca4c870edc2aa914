"""Read a table of parameters, one line each, from CSV."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.csv_table import read_csv
from nwidth.errors import InputError


def read_parameters(path: Path, names: Sequence[str]) -> NDArray[np.float64]:
    """Return parameters (m, p) in the order of the names; columns may stand in any order.

    Columns with other heads are an error, not a surprise.
    """
    heads, lines = read_csv(path, f"the names {', '.join(names)}")
    if sorted(heads) != sorted(names):
        raise InputError(
            f"{path}: expected the columns {', '.join(names)}, got {', '.join(heads)}; name each "
            "parameter in the first line"
        )
    if not lines:
        raise InputError(f"{path}: expected at least one line of parameters, got none")
    found = np.empty((len(lines), len(names)))
    for k, line in enumerate(lines):
        for head, cell in zip(heads, line, strict=True):
            found[k, list(names).index(head)] = _number(path, cell, head, k)
    return found


def _number(path: Path, cell: str, head: str, line: int) -> float:
    try:
        value = float(cell.replace("_", " "))  # Python reads 1_0 as ten, nobody else does
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(
            f"{path}: expected a finite number for {head} in line {line} after the heads (from 0), "
            f"got {cell!r}"
        )
    return value
