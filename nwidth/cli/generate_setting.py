"""Data sets in time by the name of a published setting, for ``nwidth generate NAME``."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nwidth.errors import ConfigError, InputError

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.solvers.equations.published_settings import PublishedSetting


def listed() -> str:
    """Return the names that there are, each with a line on what it is.

    >>> listed().splitlines()[0]
    'burgers-fno-paper            Burgers, viscosity 0.1, as printed: u(0) to u(1), 8192 points'
    """
    from nwidth.solvers.equations.published_settings import published_settings, short_names

    lines = [f"{one.name:<29}{one.summary}" for one in published_settings().values()]
    short = [f"{name:<29}short for {full}" for name, full in short_names().items()]
    return "\n".join([*lines, *short])


def is_setting(name: Path) -> bool:
    """Return whether a word on the command line is the name of a setting rather than of a file.

    Words that are neither are taken for misspelt names, files for files.
    """
    return not name.suffix and len(name.parts) == 1 and not name.exists()


def setting_of(name: Path) -> "PublishedSetting":
    """Return the setting of a name; raises `ConfigError` with those there are."""
    from nwidth.solvers.equations.published_settings import published_setting

    try:
        return published_setting(str(name))
    except InputError:
        raise ConfigError(
            f"{name}: expected a configuration file, or the name of a published data set:\n"
            f"{listed()}"
        ) from None


def parse_times(text: str) -> list[float]:
    """Return times written one by one, or as FIRST:LAST:COUNT.

    >>> parse_times("0,0.5,2"), parse_times("0:1:5")
    ([0.0, 0.5, 2.0], [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    import numpy as np

    try:
        if ":" in text:
            first, last, count = text.split(":")
            return [float(t) for t in np.linspace(float(first), float(last), int(count))]
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"--times: expected numbers like 0,0.5,1 or FIRST:LAST:COUNT like 0:1:11, got {text!r}"
        ) from None


def generate_setting(
    setting: "PublishedSetting",
    path: Path,
    samples: int,
    *,
    seed: int,
    points: int | None = None,
    times: Sequence[float] | None = None,
    restriction: str = "subsample",
    dtype: str = "float64",
    workers: int = 1,
    cluster: str | None = None,
    overwrite: bool = False,
) -> "FieldDataset":
    """Say how much it will be, refuse what does not fit, and generate under a progress meter."""
    import typer

    from nwidth.cli.outputs import require_space
    from nwidth.cli.progress import meter
    from nwidth.cli.readable_size import readable_size
    from nwidth.solvers import generate_trajectories
    from nwidth.solvers.generate_trajectories import data_set_size

    try:
        problem, restrict = setting.problem(points), setting.restrict(points)
    except InputError as error:
        raise ConfigError(f"--resolution: {error}") from None
    chosen = list(setting.times if times is None else times)
    workers = min(workers, samples)
    size = data_set_size(problem, samples, len(chosen), restrict, dtype=dtype, workers=workers)
    shape = " x ".join(map(str, problem.grid.coarsen(restrict).shape))
    typer.echo(
        f"{setting.name}: samples {samples}, times {len(chosen)}, points {shape}: "
        f"{readable_size(size.file)} of file, about {readable_size(size.memory)} of memory",
        err=True,
    )
    size.require_memory()
    if overwrite or not path.exists():
        require_space(path, size.file)
    with meter("generate", samples) as bar, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        data = generate_trajectories(
            problem,
            path,
            samples,
            chosen,
            seed=seed,
            restrict=restrict,
            restriction=restriction,
            rtol=setting.rtol,
            dtype=dtype,
            workers=workers,
            cluster=cluster,
            about=setting.about(),
            progress=lambda done, total: bar.update(done),
            overwrite=overwrite,
        )
    for one in told:
        typer.echo(f"warning: {one.message}", err=True)
    return data
