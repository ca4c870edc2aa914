"""``nwidth reduce``: a reduced model from a problem file, or from a data set alone."""

from pathlib import Path
from typing import Annotated

import typer

from nwidth.cli.options import Overwrite, Threads


def _keys(asked: bool) -> None:
    if asked:
        from nwidth.cli.explain import explain_keys
        from nwidth.cli.reduce_config import ReduceConfig

        typer.echo(explain_keys(ReduceConfig))
        raise typer.Exit


def reduce(
    source: Annotated[
        Path,
        typer.Argument(
            help="Problem file (.toml), or data set (HDF5).", metavar="SOURCE", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model to write (HDF5).")],
    rtol: Annotated[
        float | None,
        typer.Option(
            "--rtol", help=r"Relative error to reach. Default: \[reduce] rtol; 1e-6 for data."
        ),
    ] = None,
    max_size: Annotated[
        int | None, typer.Option("--max-size", min=1, help="Limit on the number of basis vectors.")
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", help="Data: the field to predict. Default: the output."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Data: a parameter or field to predict it from; repeat."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--plot", "-p", help="Draw how well it does (.png, .pdf, .svg)."),
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys", help="Print what a problem file may hold.", callback=_keys, is_eager=True
        ),
    ] = False,
) -> None:
    """Build a model that answers in microseconds: reduced basis, or POD and regression.

    A problem file states an equation that is affine in functions of a few
    parameters: blocks of conductivities, or matrices from files of any code.
    Its model comes with an error bound that holds for every parameter. From a
    data set alone a model is fitted to the fields; its error is estimated, not
    bounded.

    For example:

        nwidth reduce examples/thermal_block.toml -o block.h5 --plot block.png

        nwidth reduce --keys

        nwidth reduce runs.h5 -o model.h5 --input speed --field pressure

        nwidth predict block.h5 parameters.csv -o fields.h5 --rtol 1e-3
    """
    from nwidth.cli.outputs import claim, claim_figure
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError

    if rtol is not None and not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    limit_threads(threads)
    claim(output, overwrite, inputs=(source,))
    if figure is not None:
        claim_figure(figure, overwrite)
    if source.suffix.lower() == ".toml":
        if field or inputs:
            raise ConfigError("--field, --input: expected a data set, got a problem file")
        from nwidth.cli.reduce_problem import reduce_problem

        reduce_problem(source, output, rtol, max_size, figure)
    else:
        from nwidth.cli.reduce_data import reduce_data

        reduce_data(source, output, rtol, max_size, field, inputs, figure)
