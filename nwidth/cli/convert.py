"""``nwidth convert``: between our data sets and the layouts that others use."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Overwrite

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset


def convert(
    source: Annotated[
        Path, typer.Argument(help="File to read (HDF5 or .npz).", show_default=False)
    ],
    destination: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", help="nwidth, well, pdebench, plain (HDF5) or npz.")
    ] = "nwidth",
    names: Annotated[
        list[str] | None,
        typer.Option("--map", help="FROM=TO, a field and its new name; repeat. Picks fields, too."),
    ] = None,
    units: Annotated[
        list[str] | None, typer.Option("--unit", help="FIELD=UNIT by the new name; repeat.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--from", help="Layout of the source. Default: found by looking at it."),
    ] = None,
    configuration: Annotated[
        Path | None,
        typer.Option("--config", "-c", help=r"Grid and problem of the data: its \[problem]."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Bring data of others into our layout, and ours into theirs.

    For example:

        nwidth convert theirs.h5 darcy.h5 --map x=permeability --map y=pressure

        nwidth convert darcy.h5 darcy.npz --to npz
    """
    from nwidth.atomic_file import draft_beside
    from nwidth.cli.outputs import claim
    from nwidth.cli.progress import meter
    from nwidth.cli.read_config import read_config
    from nwidth.errors import ConfigError, InputError
    from nwidth.fields import FieldDataset
    from nwidth.layouts import LAYOUTS, detect_layout, export_fields, import_fields

    for option, value in (("--to", to), ("--from", layout)):
        if value not in (*LAYOUTS, None):
            raise ConfigError(f"{option}: expected one of {', '.join(LAYOUTS)}, got {value!r}")
    fields, known_units = _pairs("--map", names), _pairs("--unit", units)
    config = None if configuration is None else read_config(configuration)
    claim(destination, overwrite, inputs=(configuration,))  # a data set may be replaced
    found = layout or detect_layout(source)
    if found == "nwidth":
        if to == "nwidth" and (fields or known_units or config):
            raise ConfigError(
                f"{source} is a data set of nwidth already and can only be copied as it is; "
                "leave out --map, --unit and --config, or add --to and a layout"
            )
        with FieldDataset.open(source) as data:
            if len(data) == 0:
                raise InputError(f"{source}: expected at least one sample, got none")
            if to == "nwidth":  # a copy: our layout is that of The Well
                export_fields(data, destination, "well", overwrite=overwrite)
                _tell(data, destination)
                return
            fields = fields or _names_of_theirs(data, to)
            _write(export_fields(data, destination, to, fields=fields, overwrite=overwrite))
        return
    about: dict[str, Any] = {}
    if config is not None:
        from nwidth.cli.build import build

        problem = build(config, configuration.parent if configuration else ".").problem
        about = {
            "grid": problem.grid,
            "provenance": {"problem": problem.describe(), "output": problem.output},
        }
    with meter("convert", 1) as bar, draft_beside(destination) as draft:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done)

        with import_fields(
            source,
            destination if to == "nwidth" else draft,
            layout=found,
            fields=fields,
            units=known_units,
            overwrite=overwrite,
            progress=progress,
            **about,
        ) as data:
            if to == "nwidth":
                _tell(data, destination)
            else:
                theirs = _names_of_theirs(data, to)
                _write(export_fields(data, destination, to, fields=theirs, overwrite=overwrite))


def _pairs(option: str, words: list[str] | None) -> dict[str, str] | None:
    """Return FROM=TO options as a dict."""
    from nwidth.errors import ConfigError

    if not words:
        return None
    pairs = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not (old and equals and new):
            raise ConfigError(f"{option}: expected FROM=TO, such as x=permeability, got {word!r}")
        pairs[old] = new
    return pairs


def _names_of_theirs(data: "FieldDataset", to: str) -> dict[str, str] | None:
    """Return what PDEBench calls the fields of a Darcy problem, if these are here."""
    names = {"permeability": "nu", "pressure": "tensor"}
    return names if to == "pdebench" and {*names} == {*data.field_names} else None


def _tell(data: "FieldDataset", path: Path) -> None:
    from nwidth.cli.describe_grid import describe_grid

    names = ", ".join(data.field_names)
    typer.echo(f"{path}: {len(data)} samples of {names} on {describe_grid(data.grid)}")
    left_out = data.provenance.get("left_out")
    if left_out:
        typer.echo(f"left out: {', '.join(left_out)}")


def _write(path: Path) -> None:
    from nwidth.cli.readable_size import readable_size

    typer.echo(f"{path}: {readable_size(path.stat().st_size)}")
