"""Arguments that are numbers, choices, dtypes or paths, checked at the door.

Each function returns the value in its plain form or raises `InputError` with what was expected and
what came. Arrays have theirs in `nwidth.arrays`.
"""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nwidth.errors import InputError


def require_integer(value: Any, name: str, least: int) -> int:
    """Return an integer that is at least so large; NumPy's count, booleans do not.

    >>> require_integer(np.int32(3), "degree", 1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}: expected an integer >= {least}, got {value!r:.80}")
    return int(value)


def require_seed(value: Any, name: str) -> int:
    """Return a seed that PyTorch's generators too can take, an integer from 0 to 2^64 - 1.

    >>> require_seed(7, "seed")
    7
    """
    seed = require_integer(value, name, 0)
    if seed >= 1 << 64:
        raise InputError(f"{name}: expected an integer below 2^64, got {value!r:.80}")
    return seed


def require_limit(value: Any, name: str, most: int) -> int:
    """Return an integer >= 1 cut to the most there can be, which None stands for.

    >>> require_limit(None, "max_rank", 7), require_limit(3, "max_rank", 7)
    (7, 3)
    """
    return most if value is None else min(most, require_integer(value, name, 1))


def require_integers(value: Any, name: str, least: int) -> tuple[int, ...]:
    """Return one integer or several as a tuple, none smaller than `least`.

    >>> require_integers(2, "sweeps", 1), require_integers([1, 2], "sweeps", 1)
    ((2,), (1, 2))
    """
    values = (
        tuple(value) if isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0 else (value,)
    )
    whole = (isinstance(n, int | np.integer) and not isinstance(n, bool) for n in values)
    if not values or not all(whole) or min(values) < least:
        raise InputError(f"{name}: expected one or several integers >= {least}, got {value!r:.80}")
    return tuple(int(n) for n in values)


def require_number(value: Any, name: str, interval: str) -> float:
    """Return a real number within an interval like "(0, 1]", square at ends that belong to it.

    >>> require_number(0.5, "damping", "(0, 1]")
    0.5
    """
    low, high, first, last = _ends(interval)
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with suppress(OverflowError):  # an integer beyond the range of floating-point numbers
            number = float(value)
            if low < number < high or (first and number == low) or (last and number == high):
                return number
    raise InputError(f"{name}: expected a number in {interval}, got {value!r:.80}")


@cache
def _ends(interval: str) -> tuple[float, float, bool, bool]:
    """Return the ends of an interval, and which of them belong to it."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    return low, high, interval.startswith("["), interval.endswith("]")


def require_choice(value: Any, name: str, choices: Collection[str]) -> str:
    """Return one of the words to choose from.

    >>> require_choice("V", "cycle", ("V", "W"))
    'V'
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name}: expected one of {', '.join(choices)}, got {value!r:.80}")
    return value


def require_dtype(value: Any, *allowed: str) -> np.dtype:
    """Return one of the allowed dtypes.

    >>> require_dtype(np.float32, "float32", "float64")
    dtype('float32')
    """
    try:
        dtype = np.dtype(value)
    except (TypeError, ValueError):
        dtype = None
    # None would be float64 to NumPy.
    if value is None or dtype is None or dtype.name not in allowed or not dtype.isnative:
        raise InputError(f"dtype: expected {' or '.join(allowed)}, got {value!r:.80}")
    return dtype


def require_instance(value: Any, name: str, *kinds: type) -> Any:
    """Return an object of one of these classes.

    >>> require_instance(2.0, "number", float)
    2.0
    """
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        article = "an" if wanted[0] in "AEIOU" else "a"
        raise InputError(f"{name}: expected {article} {wanted}, got {value!r:.80}")
    return value


def require_path(value: Any, name: str) -> Path:
    """Return a path that is given as text or as an object with one.

    >>> require_path("model.h5", "path").name
    'model.h5'
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise InputError(f"{name}: expected a path, text or a pathlib.Path, got {value!r:.80}")
    return Path(text)


def require_flag(value: Any, name: str) -> bool:
    """Return a truth value.

    >>> require_flag(np.True_, "sharp")
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}: expected True or False, got {value!r:.80}")
    return bool(value)


def require_flags(value: Any, name: str, count: int) -> tuple[bool, ...]:
    """Return so many truth values, one per axis.

    >>> require_flags([True, False], "periodic", 2)
    (True, False)
    """
    flags = tuple(value) if isinstance(value, Iterable) and getattr(value, "ndim", 1) == 1 else ()
    if len(flags) != count or not all(isinstance(flag, bool | np.bool_) for flag in flags):
        raise InputError(
            f"{name}: expected {count} entries, one per axis, True or False, got {value!r:.80}"
        )
    return tuple(bool(flag) for flag in flags)
