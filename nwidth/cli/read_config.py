"""Read a configuration file; say what is wrong with it in one sentence."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from nwidth.cli.config import Config
from nwidth.cli.fractional_config import equation_of, is_fractional
from nwidth.errors import ConfigError

Root = TypeVar("Root", bound=BaseModel)

_NOT_A_LIST = ("int_type", "int_from_float", "float_type")
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "list_type": "a list",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than": "a number < {lt}",
    "less_than_equal": "a number <= {le}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "a text that is not empty",
    "string_pattern_mismatch": "a plain file name without folders",
}


def read_config(path: str | Path) -> Config:
    """Return the checked contents of a TOML file, or raise `ConfigError` with the remedy."""
    if is_fractional(path):
        raise ConfigError(
            f"{path}: [problem] equation: expected 'darcy' or 'poisson' here, got "
            f"{equation_of(path)!r}; `nwidth solve` takes fractional equations"
        )
    return read_sections(path, Config)


def read_sections(path: str | Path, kind: type[Root]) -> Root:
    """Return the checked contents of a TOML file of another kind, the class of the whole."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file; check the spelling") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected a TOML text file, got binary data") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: expected a TOML file, got a folder") from None
    try:
        return _parse(text, kind)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(text: str) -> Config:
    r"""Return the checked contents of a TOML text.

    >>> parse_config('[problem]\nshape = [9, 9]\n[permeabilty]\nkind = "constant"')
    Traceback (most recent call last):
        ...
    nwidth.errors.ConfigError: unknown section [permeabilty]; did you mean [permeability]?
    """
    return _parse(text, Config)


def _parse(text: str, kind: type[Root]) -> Root:
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from None
    except ValidationError as error:
        raise ConfigError(_sentence(_worst(error.errors(include_url=False)), kind)) from None


def _worst(problems: Sequence[Any]) -> Any:
    """Return the problem to speak of.

    Another equation has other keys: it is the news. A misspelt key often also leaves a required one
    missing: the spelling is the news. Of a union such as "number or list" both branches complain:
    the one that fits what came is the news.
    """

    def rank(problem: Any) -> tuple[bool, bool, bool]:
        wrong_branch = isinstance(problem["input"], list) and problem["type"] in _NOT_A_LIST
        other_file = problem["loc"] == ("problem", "equation")
        return not other_file, problem["type"] != "extra_forbidden", wrong_branch

    return min(problems, key=rank)


def _sentence(problem: Any, root: type[BaseModel]) -> str:
    place, section = _walk(problem["loc"], root)
    kind, came = problem["type"], problem["input"]
    context = problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(place, section)
    if kind == "missing":
        return _missing(place)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        known = ", ".join(f"'{name}'" for name in _kinds(place[-1], root))
        given = f", got {came['kind']!r}" if "kind" in came else "; this key is required"
        return f"{_label((*place, 'kind'))}: expected one of {known}{given}"
    if kind == "value_error":
        return f"{_label(place)}: {context['error']}" if place else str(context["error"])
    wanted = problem["msg"].removeprefix("Input should be ")
    wanted = _WANTED[kind].format(**context) if kind in _WANTED else wanted
    other = "; `nwidth solve` takes 'fractional-diffusion' as well"
    hint = other if place == ("problem", "equation") and root is Config else ""
    return f"{_label(place)}: expected {wanted}, got {came!r}{hint}"


def _missing(place: tuple[str | int, ...]) -> str:
    if len(place) == 1:
        return f"expected a section [{place[0]}]; add it"
    return f"{_label(place)}: this key is required; add it"


def _unknown(place: tuple[str | int, ...], model: type[BaseModel] | None) -> str:
    key, known = str(place[-1]), list(model.model_fields) if model else []
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    if len(place) == 1:
        hint = f"did you mean [{near[0]}]?" if near else f"known sections: {', '.join(known)}"
        return f"unknown section [{key}]; {hint}"
    hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
    section = ".".join(str(part) for part in place[:-1])
    return f"[{section}] unknown key '{key}'; {hint}"


def _label(place: tuple[str | int, ...]) -> str:
    if len(place) < 2:
        return f"[{place[0]}]" if place else "file"
    keys = [str(part) for part in place]
    last = f"{keys[-2]}[{keys[-1]}]" if isinstance(place[-1], int) else keys[-1]
    section = keys[:-2] if isinstance(place[-1], int) else keys[:-1]
    return f"[{'.'.join(section)}] {last}" if section else f"[{keys[0]}] entry {keys[1]}"


def _walk(
    loc: tuple[str | int, ...], root: type[BaseModel]
) -> tuple[tuple[str | int, ...], type[BaseModel] | None]:
    """Follow a pydantic location: return the keys of the file and the innermost section class."""
    place: list[str | int] = []
    here: Any = root
    section: type[BaseModel] | None = root
    for part in loc:
        sections = list(sections_in(here))
        kinds = _by_kind(sections)
        if len(kinds) > 1 and part in kinds:  # the tag of a union, not a key of the file
            here = section = kinds[str(part)]
            continue
        if not sections and isinstance(part, str):  # a branch of a union such as float | list
            continue
        place.append(part)
        section = sections[0] if len(sections) == 1 and get_origin(here) is not dict else None
        if get_origin(here) is dict:
            here = get_args(here)[1]
        elif section and part in section.model_fields:
            here = section.model_fields[str(part)].annotation
    return tuple(place), section


def sections_in(annotation: Any) -> Any:
    """Yield the section classes inside a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated, dict, list):
        for inner in get_args(annotation):
            yield from sections_in(inner)


def _by_kind(sections: list[type[BaseModel]]) -> dict[str, type[BaseModel]]:
    found = {}
    for section in sections:
        if "kind" in section.model_fields:
            found[get_args(section.model_fields["kind"].annotation)[0]] = section
    return found


def _kinds(field: str | int, root: type[BaseModel]) -> list[str]:
    return list(_by_kind(list(sections_in(root.model_fields[str(field)].annotation))))


def changed(section: Any, name: str, kind: type[BaseModel] = Config, **values: Any) -> Any:
    """Return a section with some values replaced (None: kept), checked as those of a file are."""
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return type(section).model_validate({**section.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = problem["loc"][0]
        problem["loc"] = (name, *problem["loc"])
        raise ConfigError(
            _sentence(problem, kind).replace(
                f"[{name}] {key}", f"--{str(key).replace('_', '-')}", 1
            )
        ) from None
