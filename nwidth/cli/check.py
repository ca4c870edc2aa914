"""``nwidth check``: is the file whole, safe to open, and unchanged."""

from pathlib import Path
from typing import Annotated

import typer


def check(
    files: Annotated[list[Path], typer.Argument(help="HDF5 files.", show_default=False)],
) -> None:
    """Audit files: structure, finiteness, manifest; exit code 1 if anything is wrong.

    For example:
        nwidth check darcy.h5

        nwidth check runs/darcy/*.h5
    """
    from nwidth.archive import load_archive
    from nwidth.cli.file_kind import DATA_SET, FOREIGN, file_kind
    from nwidth.errors import FileFormatError
    from nwidth.fields import FieldDataset

    bad = 0
    for path in files:
        problems = []
        kind = file_kind(path)
        if kind == DATA_SET:
            with FieldDataset.open(path) as data:
                problems = data.verify()
        elif kind == FOREIGN:
            raise FileFormatError(
                f"{path}: expected a file of nwidth, got another HDF5 file; its structure is safe, "
                "more cannot be said: convert it first"
            )
        else:
            load_archive(path, kind)
        for problem in problems:
            typer.echo(f"{path}: {problem}")
        if not problems:
            typer.echo(f"{path}: good")
        bad += bool(problems)
    if bad:
        raise typer.Exit(1)
