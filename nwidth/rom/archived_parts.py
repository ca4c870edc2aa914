"""Parts of a model in its file, each under its name, and how models are read back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from nwidth.archive import load_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.parameter_box import ParameterBox

Array = NDArray[Any]
Model = TypeVar("Model")


def archived_parts(parts: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return arrays and descriptions of parts with a method `archived`, by their names.

    Parts that are None are left out.

    >>> arrays, told = archived_parts({"box": ParameterBox(0, 1), "other": None})
    >>> sorted(arrays), told
    (['box/log', 'box/lower', 'box/upper'], {'box': {'names': None}})
    """
    arrays: dict[str, Array] = {}
    told: dict[str, Any] = {}
    for name, part in parts.items():
        if part is not None:
            own, told[name] = part.archived()
            arrays |= {f"{name}/{key}": value for key, value in own.items()}
    return arrays, told


def archived_part(
    arrays: Mapping[str, Array], told: Mapping[str, Any], name: str
) -> tuple[dict[str, Array], Any]:
    """Return the arrays of one part of a file, by their own names, and its description.

    >>> archived_part({"box/lower": [0.0], "residual": [1.0]}, {"box": {}}, "box")
    ({'lower': [0.0]}, {})
    """
    start = f"{name}/"
    own = {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
    return own, told[name]


def archived_box(arrays: Mapping[str, Array], told: Mapping[str, Any]) -> ParameterBox | None:
    """Return the parameters that a model was made for, None if its file names none.

    >>> archived_box(*archived_parts({"box": ParameterBox(0, 1)})).upper.tolist()
    [1.0]
    """
    return (
        ParameterBox.from_archived(*archived_part(arrays, told, "box")) if "box" in told else None
    )


def restored(
    path: str | Path,
    kind: str,
    read: Callable[[dict[str, Array], dict[str, Any], Mapping[str, Any]], Model],
    functions: Mapping[str, Any],
) -> Model:
    """Return what `read(arrays, told, functions)` makes of a file.

    Raises `FileFormatError` with the path for a file whose parts do not fit together. An
    `InputError` that begins with the name of a function stays one if any was given, not None.
    """
    arrays, told = load_archive(path, kind)
    try:
        return read(arrays, told, functions)
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (InputError, KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        given = any(function is not None for function in functions.values())
        if given and isinstance(error, InputError) and str(error).partition(":")[0] in functions:
            raise
        raise FileFormatError(f"{path}: not a {kind.replace('-', ' ')} ({error})") from None
