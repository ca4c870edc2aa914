"""Options and arguments that several commands share, so that they read alike everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Configuration = Annotated[
    Path, typer.Argument(help="Configuration file (TOML).", metavar="CONFIG", show_default=False)
]
Data = Annotated[Path, typer.Argument(help="Data set (HDF5).", metavar="DATA", show_default=False)]
Model = Annotated[
    Path, typer.Argument(help="Trained model (HDF5).", metavar="MODEL", show_default=False)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to use. Default: all cores.")
]
