"""``nwidth run``: the whole road from one configuration file."""

from pathlib import Path
from typing import Annotated

import typer

from nwidth.cli.options import Configuration, Threads


def _keys(asked: bool) -> None:
    if asked:
        from nwidth.cli.explain import explain_keys

        typer.echo(explain_keys())
        raise typer.Exit


def run(
    configuration: Configuration,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=r"Folder of the results. Default: \[run] output."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Redo the stages whose settings have changed.")
    ] = False,
    threads: Threads = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys",
            help="Print every key of the configuration file.",
            callback=_keys,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Generate, train, certify, compare, report; run again to resume.

    For example:
        nwidth run examples/darcy.toml

        nwidth run examples/darcy.toml --output results/darcy --threads 2
    """
    from nwidth.cli.read_config import read_config
    from nwidth.cli.threads import limit_threads

    config = read_config(configuration)
    limit_threads(threads or config.run.threads)
    from nwidth.cli.pipeline import Pipeline

    Pipeline(config, configuration.parent, output or Path(config.run.output), restart).run()
