"""The reference of the configuration file, printed from the classes that check it."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nwidth.cli.config import Config
from nwidth.cli.read_config import sections_in


def explain_keys(kind: type[BaseModel] = Config) -> str:
    """Return every section and key of a kind of file with its default and meaning.

    >>> "[training]" in explain_keys() and "epochs" in explain_keys()
    True
    """
    places: dict[type[BaseModel], list[str]] = {}
    for name, entry in kind.model_fields.items():
        for section in sections_in(entry.annotation):
            places.setdefault(section, []).append(name)
            for key, inner in section.model_fields.items():
                if isinstance(inner.annotation, type) and issubclass(inner.annotation, BaseModel):
                    places.setdefault(inner.annotation, []).append(f"{name}.{key}")
    return "\n\n".join(_section(names, section) for section, names in places.items())


def _section(names: list[str], section: type[BaseModel]) -> str:
    title = (section.__doc__ or "").splitlines()[0].removeprefix(f"[{names[0]}]: ")
    heading = " or ".join(f"[{name}]" for name in names)
    rows = [
        f"  {key:<18} {_default(entry):<16} {_meaning(entry)}".rstrip()
        for key, entry in section.model_fields.items()
    ]
    return "\n".join([f"{heading}  {title}", *rows])


def _default(entry: FieldInfo) -> str:
    if get_origin(entry.annotation) is Literal and entry.is_required():
        return f'"{get_args(entry.annotation)[0]}"'
    if entry.is_required():
        return "required"
    value: Any = entry.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _meaning(entry: FieldInfo) -> str:
    choices = get_args(entry.annotation) if get_origin(entry.annotation) is Literal else ()
    listed = ", ".join(f'"{choice}"' for choice in choices) if len(choices) > 1 else ""
    return ": ".join(part for part in (entry.description or "", listed) if part)
