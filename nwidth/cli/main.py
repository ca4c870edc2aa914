"""The entry point ``nwidth``: global options, the list of commands, and exit codes."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from nwidth._version import __version__
from nwidth.cli import (
    certify,
    check,
    convert,
    failures,
    generate,
    inspect,
    plot,
    predict,
    reconstruct,
    reduce,
    run,
    sensors,
    solve,
    solve_matrix,
    train,
)

app = typer.Typer(
    name="nwidth",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Solve parametrized PDEs, learn them, and know how wrong each answer may be.\n\n"
        "Start with the whole road, from random fields to certified predictions:\n\n"
        "    nwidth run examples/darcy.toml\n\n"
        "then look into what it wrote: [bold]nwidth inspect runs/darcy/darcy.h5[/bold]"
    ),
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"nwidth {__version__}")
        raise typer.Exit


@app.callback()
def settings(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the full traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_version),
    ] = False,
) -> None:
    """Read the options that stand before the command."""
    failures.show_tracebacks(debug)


for command in (
    run.run,
    generate.generate,
    solve.solve,
    solve_matrix.solve_matrix,
    reduce.reduce,
    train.train,
    predict.predict,
    certify.certify,
    sensors.sensors,
    reconstruct.reconstruct,
    plot.plot,
    inspect.inspect,
    convert.convert,
    check.check,
):
    app.command()(command)


def call(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: 0 done, 1 failed, 2 usage, 130 interrupted.

    >>> call(["--version"])  # doctest: +ELLIPSIS
    nwidth ...
    0
    """
    return failures.guarded(lambda: app(arguments, prog_name="nwidth", standalone_mode=False))


def main() -> None:
    """Run the command line of this process."""
    sys.exit(call())
