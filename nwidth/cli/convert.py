"""``nwidth convert``: between our data sets and the layouts that others use."""

from pathlib import Path
from typing import Annotated

import typer

from nwidth.cli.options import Overwrite


def convert(
    source: Annotated[
        Path, typer.Argument(help="File to read (HDF5 or .npz).", show_default=False)
    ],
    destination: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", help="nwidth, the-well, pdebench, hdf5 or npz.")
    ] = "nwidth",
    names: Annotated[
        list[str] | None,
        typer.Option("--map", help="theirs=ours, for example x=permeability; repeat."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Read plain HDF5, .npz, The Well or PDEBench files into ours, and write them back.

    Examples:
        nwidth convert theirs.h5 darcy.h5 --map x=permeability --map y=pressure

        nwidth convert darcy.h5 darcy.npz --to npz
    """
