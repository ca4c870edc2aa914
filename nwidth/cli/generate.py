"""``nwidth generate``: draw random inputs, solve, and write the samples to one HDF5 file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Overwrite, Threads
from nwidth.errors import ConfigError

if TYPE_CHECKING:
    from nwidth.cli.config import Config
    from nwidth.fields import FieldDataset
    from nwidth.solvers import Problem

BENCHMARK = """
[problem]
shape = [85, 85]
[permeability]
kind = "two-phase"
"""


def generate(
    configuration: Annotated[
        Path | None,
        typer.Argument(
            help="Configuration file, or the name of a published data set in time: burgers, "
            "navier-stokes, ks, kdv, wave, rayleigh-benard, or one of --list; without one: the "
            "two-phase Darcy benchmark.",
            metavar="CONFIG|NAME",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=r"The file to write. Default: \[data] file."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", "-n", min=1, help="Number of samples.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the samples.")] = None,
    points: Annotated[
        int | None,
        typer.Option(
            "--points",
            min=3,
            help="Points per axis; of NAME: those that are solved on, of which the published "
            "number is stored, or all if there are fewer.",
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option("--resolution", min=8, help="Of NAME: the same as --points."),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option("--times", help="Of NAME: 0,0.5,1 or FIRST:LAST:COUNT, as 0:1:11."),
    ] = None,
    restriction: Annotated[
        str | None,
        typer.Option(
            "--restriction", help="Of NAME: store points, subsample, or a series cut, fourier."
        ),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="Of NAME: float64 or float32 in the file.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Of NAME: processes. Default: one.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Of NAME: address of a running Dask cluster that computes the samples, "
            "as tcp://host:8786.",
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--list", help="Tell the published data sets, and end.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Write the unseen test samples instead.")
    ] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Draw random inputs, solve each, write a data set; run again to resume.

    Sample i depends on the seed and i alone, whatever the number of workers. The
    file says what made it (nwidth inspect); a killed run loses the samples in
    flight, no others.

    For example:
        nwidth generate examples/darcy.toml -o darcy.h5

        nwidth generate --points 64 --samples 200 --seed 7 -o small.h5

        nwidth generate ks --samples 100 --workers 2 -o ks.h5

        nwidth generate kdv -n 100 --times 0:9:10 --cluster tcp://head:8786
    """
    from nwidth.cli.generate_setting import is_setting, listed

    if names:
        typer.echo(listed())
        return
    chosen = {
        "--resolution": resolution,
        "--times": times,
        "--restriction": restriction,
        "--dtype": dtype,
        "--workers": workers,
        "--cluster": cluster,
    }
    if configuration is not None and is_setting(configuration):
        if points is not None and resolution is not None:
            raise ConfigError("--points, --resolution: they are the same; expected one of them")
        if workers is not None and cluster is not None:
            raise ConfigError("--workers, --cluster: expected one of them")
        chosen["--resolution"] = resolution if points is None else points
        _generate_setting(configuration, output, samples, seed, chosen, test, overwrite, threads)
        return
    for option, value in chosen.items():
        if value is not None:
            raise ConfigError(
                f"{option}: expected the name of a published data set before it (nwidth generate "
                "--list); a configuration file says this itself"
            )
    from nwidth.cli.build import build, require_random
    from nwidth.cli.config import HDF5
    from nwidth.cli.describe_grid import describe_grid
    from nwidth.cli.outputs import claim
    from nwidth.cli.read_config import parse_config, read_config
    from nwidth.cli.readable_size import readable_size
    from nwidth.cli.threads import limit_threads

    config = parse_config(BENCHMARK) if configuration is None else read_config(configuration)
    if points is not None:
        shape = [points] * len(config.problem.shape)
        config = config.model_copy(
            update={"problem": config.problem.model_copy(update={"shape": shape})}
        )
    limit_threads(threads or config.run.threads)
    folder = Path() if configuration is None else configuration.parent
    problem = require_random(build(config, folder, config.data.restrict))
    count = samples or (config.data.test_samples if test else config.data.samples)
    path = output or Path(unseen_file(config) if test else config.data.file)
    if path.suffix not in HDF5:
        raise ConfigError(
            f"--output: expected a file ending in {' or '.join(HDF5)}, got {str(path)!r}"
        )
    number = config.data.seed if seed is None else seed
    claim(path, overwrite=True)  # an unfinished file is resumed, a finished one is kept
    number = unseen_seed(number) if test else number
    with generate_data(problem, path, count, config, seed=number, overwrite=overwrite) as data:
        size = readable_size(path.stat().st_size)
        typer.echo(f"{path}: {len(data)} samples on {describe_grid(data.grid)}, {size}")


def _generate_setting(
    name: Path,
    output: Path | None,
    samples: int | None,
    seed: int | None,
    chosen: dict[str, Any],
    test: bool,
    overwrite: bool,
    threads: int | None,
) -> None:
    """Generate a published data set in time."""
    from nwidth.cli.config import HDF5
    from nwidth.cli.describe_grid import describe_grid
    from nwidth.cli.generate_setting import generate_setting, parse_times, setting_of
    from nwidth.cli.outputs import claim
    from nwidth.cli.readable_size import readable_size
    from nwidth.cli.threads import limit_threads

    limit_threads(threads or 1)
    setting = setting_of(name)
    path = output or Path(f"{name}{'_test' if test else ''}.h5")
    if path.suffix not in HDF5:
        raise ConfigError(
            f"--output: expected a file ending in {' or '.join(HDF5)}, got {str(path)!r}"
        )
    claim(path, overwrite=True)  # an unfinished file is resumed, a finished one is kept
    times = chosen["--times"]
    with generate_setting(
        setting,
        path,
        samples or setting.samples,
        seed=unseen_seed(seed or 0) if test else seed or 0,
        points=chosen["--resolution"],
        times=None if times is None else parse_times(times),
        restriction=chosen["--restriction"] or "subsample",
        dtype=chosen["--dtype"] or "float64",
        workers=chosen["--workers"] or 1,
        cluster=chosen["--cluster"],
        overwrite=overwrite,
    ) as data:
        size = readable_size(path.stat().st_size)
        typer.echo(f"{path}: {len(data)} samples on {describe_grid(data.grid)}, {size}")


def unseen_file(config: "Config") -> str:
    """Return the name of the file of unseen samples, beside the one of the training samples."""
    name = Path(config.data.file)
    return f"{name.stem}_test{name.suffix}"


def unseen_seed(seed: int) -> int:
    """Return the seed of the unseen samples, which is no seed that people choose for training.

    A hash of 63 bits: the next seed would give the training samples of the next job.

    >>> unseen_seed(0) == unseen_seed(0), unseen_seed(0) > 2**32, unseen_seed(0) != unseen_seed(1)
    (True, True, True)
    """
    import numpy as np

    return int(np.random.SeedSequence([seed, 1]).generate_state(1, np.uint64)[0] >> 1)


def generate_data(
    problem: "Problem",
    path: Path,
    count: int,
    config: "Config",
    *,
    seed: int,
    overwrite: bool = False,
) -> "FieldDataset":
    """Generate samples under a progress meter; resume an unfinished file of the same job."""
    from nwidth.cli.progress import meter
    from nwidth.solvers import generate as generate_samples

    with meter("generate", count) as bar:
        return generate_samples(
            problem,
            path,
            count,
            seed=seed,
            rtol=config.data.rtol,
            restrict=config.data.restrict,
            dtype=config.data.dtype,
            compression=config.data.compression,
            progress=lambda done, total: bar.update(done),
            overwrite=overwrite,
        )
