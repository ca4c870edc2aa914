"""A file that is being generated: whose job it is, and whether it can be gone on with."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nwidth._version import __version__
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset


def versions(*more: str) -> dict[str, str]:
    """Return the versions that the numbers may depend on; of `more` those that are installed.

    >>> list(versions("no-such-package"))
    ['nwidth', 'numpy', 'scipy', 'numba']
    """
    found = {"nwidth": __version__, **{name: version(name) for name in ("numpy", "scipy", "numba")}}
    for name in more:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def existing_file(path: Path, provenance: dict[str, Any]) -> FieldDataset | None:
    """Open a file to continue or return, None if there is none.

    Raises `FileFormatError` if it is another job's: an entry of the provenance, versions apart,
    that differs.
    """
    if not path.exists():
        return None
    data = FieldDataset.open(path)
    found, complete = data.provenance, data.complete
    data.close()
    for name, wanted in provenance.items():
        if name != "versions" and found.get(name) != wanted:
            key, came, wanted = _difference(name, found.get(name), wanted)
            raise FileFormatError(
                f"{path}: expected a file of the same job to continue, but its {key} is "
                f"{came!r:.80} and not {wanted!r:.80}; choose another file or overwrite this one"
            )
    return FieldDataset.open(path, "r" if complete else "a")


def _difference(name: str, came: Any, wanted: Any) -> tuple[str, Any, Any]:
    """Return the first entry in which two descriptions differ, by its full name."""
    if isinstance(came, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(k for k in came if k not in wanted)]:
            if came.get(key) != wanted.get(key):
                return _difference(f"{name}.{key}", came.get(key), wanted.get(key))
    if isinstance(came, list) and isinstance(wanted, list) and len(came) == len(wanted):
        for i, (one, other) in enumerate(zip(came, wanted, strict=True)):
            if one != other:
                return _difference(f"{name}[{i}]", one, other)
    return name, came, wanted
