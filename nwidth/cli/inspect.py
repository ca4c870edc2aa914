"""``nwidth inspect``: what is in a file, for readers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def inspect(
    files: Annotated[list[Path], typer.Argument(help="HDF5 files.", show_default=False)],
) -> None:
    """Print what is in a data set, a model, a checkpoint, or somebody else's HDF5 file.

    For example:
        nwidth inspect runs/darcy/darcy.h5

        nwidth inspect runs/darcy/*.h5
    """
    from nwidth.cli.file_kind import DATA_SET, FOREIGN, file_kind

    for position, path in enumerate(files):
        kind = file_kind(path)
        if position:
            typer.echo()
        if kind == DATA_SET:
            _data_set(path)
        elif kind == FOREIGN:
            _tree(path)
        else:
            _archive(path, kind)


def _data_set(path: Path) -> None:
    from nwidth.cli.readable_size import readable_size
    from nwidth.fields import FieldDataset

    with FieldDataset.open(path) as data:
        unfinished = "" if data.complete else f", unfinished: {data.expected} were asked for"
        kind = str(data.provenance.get("kind", "data set"))
        count = "1 sample" if len(data) == 1 else f"{len(data)} samples"
        _head(path, f"{kind} of {count}{unfinished}, {readable_size(_size(path))}")
        for axis in data.grid.axes:
            unit = "" if axis.unit == "1" else f" {axis.unit}"
            repeats = ", periodic" if axis.periodic else ""
            _line(
                f"axis {axis.name}",
                f"{axis.size} {axis.centering}s from {axis.lower:g} to {axis.upper:g}{unit}"
                f"{repeats}",
            )
        if data.times is not None:
            times = data.times
            _line("times", f"{len(times)} from {times[0]:g} to {times[-1]:g}")
        for name in data.field_names:
            view = data[name]
            shape = " x ".join(str(n) for n in view.shape[1:])
            _line(f"field {name}", f"{shape} {view.dtype}{_unit(data.units[name])}{_spread(view)}")
        for name in data.scalar_names:
            values = data.scalars[name]
            spread = f", {values.min():.4g} to {values.max():.4g}" if len(values) else ""
            _line(f"scalar {name}", f"{len(values)} values{spread}")
        _nested("provenance", data.provenance)


def _archive(path: Path, kind: str) -> None:
    from nwidth.archive import load_archive
    from nwidth.cli.readable_size import readable_size

    arrays, description = load_archive(path, kind)
    weights = {name: a for name, a in arrays.items() if "/weights/" in f"/{name}"}
    weights = {n: a for n, a in weights.items() if not n.startswith("training/")}
    count = sum(a.size for a in (weights or arrays).values())
    what = f"{count:,} weights" if weights else f"{len(arrays)} arrays"
    _head(path, f"{kind}, {what}, {readable_size(_size(path))}, checksum good")
    members = description.pop("members", None)
    if isinstance(members, list) and members:
        _line("members", f"{len(members)} alike but for their seeds; the first:")
        description |= members[0]
    history = description.pop("history", None)
    kept = description.pop("training", None)
    if "architecture" in description:
        _line("in one sentence", _sentence(description))
    _nested("", description)
    if history:
        last = history[-1]
        error = last.get("validation_error")
        held = "" if error is None else f", validation error {100 * error:.3g} %"
        _line("history", f"{len(history)} epochs, last loss {last['training_loss']:.4g}{held}")
    if kept:
        _line("optimizer", f"kept after {kept.get('epoch')} epochs; training can go on")


def _sentence(description: Mapping[str, Any]) -> str:
    """Return what a model maps to what, where, and how well, in words."""
    units = description.get("units", {})

    def named(names: Any) -> str:
        listed = [names] if isinstance(names, str) else list(names or ["fields"])
        return ", ".join(f"{name}{_unit(units.get(name, '1'))}" for name in listed)

    words = str(description["architecture"])
    if "output" in description:
        words += f": {named(description.get('inputs'))} -> {named(description['output'])}"
    axes = description.get("grid", {}).get("axes", [])
    if axes:
        words += f", trained on {' x '.join(str(axis.get('size', '?')) for axis in axes)} points"
    error = description.get("metrics", {}).get("validation_relative_l2")
    return words if error is None else f"{words}, {100 * error:.3g} % error on samples held out"


def _tree(path: Path) -> None:
    from nwidth.audit import open_audited
    from nwidth.cli.readable_size import readable_size

    _head(path, f"HDF5 file of another kind, {readable_size(_size(path))}")
    with open_audited(path) as file:

        def visit(name: str, item: Any) -> None:
            label = "  " * (name.count("/") + 1) + name.rsplit("/", 1)[-1]
            if hasattr(item, "shape"):
                typer.echo(f"{label:<30} {' x '.join(map(str, item.shape)) or 'one'} {item.dtype}")
            else:
                typer.echo(f"{label}/")

        file.visititems(visit)
    typer.echo("make it ours with `nwidth convert`")


def _head(path: Path, text: str) -> None:
    typer.secho(f"{path}: {text}", bold=True)


def _line(name: str, text: str, depth: int = 1) -> None:
    typer.echo(f"{'  ' * depth}{name:<{26 - 2 * depth}} {text}")


def _nested(name: str, content: Mapping[str, Any], depth: int = 1) -> None:
    """Print a description as an indented list; long lists of numbers in short."""
    if name:
        typer.echo(f"{'  ' * depth}{name}")
        depth += 1
    for key, value in content.items():
        if key == "grid" and isinstance(value, Mapping) and "axes" in value:
            _line("grid", " x ".join(str(axis.get("size", "?")) for axis in value["axes"]), depth)
        elif isinstance(value, Mapping) and value:
            _nested(str(key), value, depth)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, item in enumerate(value):
                _nested(f"{key}[{number}]", item, depth)
        elif value not in (None, {}, []):
            _line(str(key), _short(value), depth)


def _short(value: Any) -> str:
    text = str(value)
    if isinstance(value, list) and len(value) > 8:
        text = f"{value[0]}, {value[1]}, ... {value[-1]} ({len(value)} entries)"
    return text if len(text) <= 90 else text[:87] + "..."


def _spread(view: Any) -> str:
    """Return the range of values of the first sample."""
    if len(view) == 0:
        return ""
    first = view[0]
    return f", first sample {first.min():.4g} to {first.max():.4g}"


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" in {unit}"


def _size(path: Path) -> int:
    return path.stat().st_size
