"""Reader of Eclipse keyword arrays: permeability and other cell data of reservoir models."""

import gzip
import re
import zlib
from collections.abc import Sequence
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_path
from nwidth.arrays import require_finite
from nwidth.errors import FileFormatError, InputError

Array = NDArray[np.float64]

_KEYWORD = re.compile(r"\s*([A-Za-z][A-Za-z0-9_+-]{0,7})(?![^\s/])(.*)")
_NO_NUMBER = re.compile(r"[^0-9eE+.*\-\s]")
_CONTROL = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\x1a")
_SWITCHES = {"ECHO", "NOECHO"}  # keywords that carry no data
_MOST_BYTES, _MOST_VALUES = 2 << 30, 250_000_000


def read_eclipse(path: str | Path) -> dict[str, Array]:
    """Return all keyword arrays of a text file, plain or gzipped, as flat float64 arrays.

        PERMX                -- a keyword on a line of its own; comments start with two dashes
         213.5 221.0 3*1.5   -- 3*1.5 stands for 1.5 1.5 1.5
        /                    -- ends the array

    The format of the GRID and PROPS sections of an Eclipse deck, restricted to arrays of numbers
    (Open Porous Media, OPM Flow reference manual, opm-project.org). Values keep the units of the
    file (permeability: mD); inactive cells often hold zeros.

    Raises `FileFormatError` for missing, binary, damaged or empty files, an array without its
    ending slash, a keyword given twice, words among numbers, and defaults (`5*`), which only a
    simulator can fill in.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "poro.inc"
    ...     _ = path.write_text("PORO -- porosity" + chr(10) + " 0.25 2*0.3 /" + chr(10))
    ...     read_eclipse(path)["PORO"].tolist()
    [0.25, 0.3, 0.3]
    """
    path = require_path(path, "path")
    arrays: dict[str, Array] = {}
    keyword = ""
    words: list[str] = []
    for number, raw in enumerate(_text(path).split("\n"), 1):
        line = raw.partition("--")[0]
        match = _KEYWORD.match(line)
        if match:
            if keyword:
                raise FileFormatError(
                    f"{path}: expected '/' at the end of {keyword} before line {number} "
                    f"({match[1]}); the array is cut short"
                )
            keyword, line, words = match[1].upper(), match[2], []
            if keyword in _SWITCHES:
                keyword = ""
                continue
            if keyword in arrays:
                raise FileFormatError(
                    f"{path}: expected each keyword once, got {keyword} again at line {number}; "
                    "keep one of them"
                )
        data, slash, _ = line.partition("/")
        if data.strip():
            if not keyword or _NO_NUMBER.search(data.replace("D", "E").replace("d", "e")):
                raise FileFormatError(
                    f"{path}: expected {'numbers' if keyword else 'a keyword'} at line {number}, "
                    f"got {raw.strip()[:40]!r}; only keyword arrays of numbers can be read"
                )
            words.append(data)
        if slash and keyword:
            arrays[keyword] = _numbers(" ".join(words), f"{path}: {keyword}")
            keyword = ""
    if keyword:
        raise FileFormatError(
            f"{path}: expected '/' at the end of {keyword}, got the end of the file; "
            "the file is cut short"
        )
    if not arrays:
        raise FileFormatError(f"{path}: expected keyword arrays, found none")
    return arrays


def read_eclipse_field(path: str | Path, keyword: str, shape: Sequence[int]) -> Array:
    """Return one keyword array as a field [x, y, z]; in the file x runs fastest, then y, then z.

    `shape` is the number of cells (nx, ny, nz) of the deck; the z axis points downwards, as there.
    Raises `InputError` if the file has another number of values or no such keyword, and
    `NonFiniteError` for values beyond float64; else as `read_eclipse`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "permx.inc"
    ...     _ = path.write_text("PERMX" + chr(10) + "1 2 3 4 5 6 /")
    ...     read_eclipse_field(path, "PERMX", (3, 1, 2))[:, 0, 1].tolist()
    [4.0, 5.0, 6.0]
    """
    shape = tuple(shape)
    if not 1 <= len(shape) <= 3 or not all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in shape
    ):
        raise InputError(f"shape: expected one to three numbers of cells, got {shape}")
    arrays = read_eclipse(path)
    if keyword not in arrays:
        near = get_close_matches(str(keyword).upper(), arrays, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"{path}: expected one of {', '.join(arrays)}, got {keyword!r}{hint}")
    values = arrays[keyword]
    if len(values) != prod(shape):
        raise InputError(
            f"{path}: {keyword} has {len(values)} values, expected {prod(shape)} for shape "
            f"{shape}; give the numbers of cells of the deck (DIMENS or SPECGRID)"
        )
    field = require_finite(values, f"{path}: {keyword}").reshape(shape, order="F")
    return np.ascontiguousarray(field)


def _text(path: Path) -> str:
    """Return the text of a plain or gzipped file, or raise if it is none."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            source: Any = gzip.GzipFile(fileobj=file) if zipped else file
            content = source.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFormatError(f"{path}: expected a whole gzip file, got {error}") from None
    except OSError as error:
        raise FileFormatError(
            f"{path}: expected a readable Eclipse file, got {error.strerror or error}"
        ) from None
    if len(content) > _MOST_BYTES:
        raise FileFormatError(f"{path}: expected at most 2 GiB of text, got more; split the file")
    if len(content.translate(None, _CONTROL)) < len(content):
        raise FileFormatError(
            f"{path}: expected text, got a binary file; unformatted Eclipse output is not read, "
            "export the arrays as text"
        )
    return content.decode("latin-1").replace("\r", "\n")


def _numbers(text: str, where: str) -> Array:
    """Return the numbers of an array, repeat counts written out."""
    words = text.replace("D", "E").replace("d", "e").split()
    if not words:
        raise FileFormatError(f"{where}: expected numbers before '/', got none")
    if "*" not in text:
        return _floats(words, where)
    counts, values = zip(*(_repeat(word, where) for word in words), strict=True)
    if sum(counts) > _MOST_VALUES:
        raise FileFormatError(
            f"{where}: expected at most {_MOST_VALUES} values, got {sum(counts)}; "
            "check the repeat counts"
        )
    return np.repeat(_floats(values, where), counts)


def _repeat(word: str, where: str) -> tuple[int, str]:
    """Split 3*1.5 into (3, "1.5"); a plain number counts once."""
    count, star, value = word.partition("*")
    if not star:
        return 1, word
    if not value:
        raise FileFormatError(
            f"{where}: expected a value after '*', got the default {word!r}; only a simulator "
            "knows the defaults, write the values out"
        )
    if not count.isdigit() or int(count) < 1:
        raise FileFormatError(f"{where}: expected a repeat count before '*', got {word!r}")
    return int(count), value


def _floats(words: Sequence[str], where: str) -> Array:
    """Return words as numbers, or name the first that is none."""
    try:
        return np.array(words, dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(f"{where}: expected numbers, got {str(error)[-60:]}") from None
