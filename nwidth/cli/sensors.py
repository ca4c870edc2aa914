"""``nwidth sensors``: where to measure a field, and what the loss of each sensor costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Data, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.meshes import Grid
    from nwidth.rom import EmpiricalInterpolation, SensorFailures


# With fewer fields per sensor, errors on these fields say little about new ones.
FEW = 5


def sensors(
    data: Data,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model to write (HDF5), for `reconstruct`.")
    ],
    number: Annotated[int, typer.Option("--number", "-n", min=2, help="How many sensors.")] = 12,
    name: Annotated[
        str | None,
        typer.Option("--field", help="The field to measure. Default: the output, or the only one."),
    ] = None,
    norm: Annotated[
        str, typer.Option("--norm", help="Of the error that sensors reduce: sup, l1 or l2.")
    ] = "sup",
    noise: Annotated[
        float, typer.Option("--noise", help="Standard deviation of a reading, in the field's unit.")
    ] = 0.0,
    test: Annotated[
        Path | None,
        typer.Option("--test", help="Data set to measure failures on. Default: DATA itself."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw positions and failures here (.png, .pdf, .svg)."),
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Choose where to measure a field: empirical interpolation picks the points.

    Each sensor stands where the fields seen so far tell least. The table has
    positions, the error that is left after each one, and the error of the
    whole field if that sensor fails and the others stand in for it. Sensors
    are numbered from 0.

    For example:

        nwidth sensors darcy.h5 --number 12 -o sensors.h5 --plot sensors.png

        nwidth sensors darcy.h5 --test darcy_test.h5 -o sensors.h5

        nwidth reconstruct sensors.h5 readings.csv -o pressure.h5 --noise 0.001
    """
    from nwidth.cli.output_field import output_field
    from nwidth.cli.outputs import claim, claim_figure
    from nwidth.cli.readings_file import read_readings
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError
    from nwidth.fields import FieldDataset

    if norm not in ("sup", "l1", "l2"):
        raise ConfigError(f"--norm: expected sup, l1 or l2, got {norm!r}")
    if not 0 <= noise < float("inf"):
        raise ConfigError(f"--noise: expected a number >= 0, got {noise}")
    limit_threads(threads)
    claim(output, overwrite, inputs=(data, test))
    if figure is not None:
        claim_figure(figure, overwrite)
    with FieldDataset.open(data) as dataset:
        chosen_name = output_field(dataset, name)
        grid, unit = dataset.grid, dataset.units[chosen_name]
        rows = _rows(dataset, chosen_name)
        from nwidth.rom import RectangularEIM, eim, sensor_failures

        weights = None if norm == "sup" else grid.weights
        chosen = eim(rows, 0.0, max_rank=number, norm=norm, weights=weights)
        if chosen.rank < 2:
            raise ConfigError(
                f"{dataset.path}: expected fields of {chosen_name} that differ, so that two "
                f"sensors or more tell them apart, got rank {chosen.rank}"
            )
        positions = [[float(c.flat[i]) for c in grid.coordinates()] for i in chosen.points]
        about = {
            "field": chosen_name,
            "unit": unit,
            "grid": grid.describe(),
            "positions": positions,
            "norm": norm,
            "data": str(dataset.path),
            "rows": len(chosen.values),
        }
        model = RectangularEIM.of(chosen, rows, about=about)
        if test is None:
            known = (rows, chosen.values)
            failures = sensor_failures(model, *known, weights=grid.weights, noise=noise)
        else:
            seen = read_readings(test, model)
            with FieldDataset.open(test) as unseen:
                known = (unseen[chosen_name], seen)
                failures = sensor_failures(model, *known, weights=grid.weights, noise=noise)
    model.save(output)
    typer.echo(f"{chosen_name}: {chosen.rank} sensors from {len(chosen.values)} fields of {data}")
    if chosen.rank < number:
        typer.echo(f"fewer than {number}: {chosen.status.value}")
    if test is None and len(chosen.values) < FEW * chosen.rank:
        typer.echo(
            f"these are few fields for {chosen.rank} sensors: errors on new fields are larger than "
            "those of this table; add --test with other fields"
        )
    _table(grid, positions, chosen, failures, test or data)
    typer.echo(f"model: {output}")
    if figure is not None:
        from nwidth import plotting

        drawn = plotting.sensors(
            grid,
            model.prior.mean_field,
            positions,
            failures.weighted,
            failures.intact_weighted,
            label=chosen_name if unit == "1" else f"{chosen_name} ({unit})",
        )
        typer.echo(f"figure: {plotting.save(drawn, figure)}")


def _rows(dataset: "FieldDataset", name: str) -> Any:
    """Return the fields of all samples and times, read from the file as they are needed."""
    return dataset[name] if dataset.times is None else _Snapshots(dataset[name])


class _Snapshots:
    """The fields of all times, sample by sample, as often as wanted."""

    def __init__(self, view: Any):
        self._view = view

    def __iter__(self) -> Iterator[Any]:
        return iter(self._view)


def _table(
    grid: "Grid",
    positions: list[list[float]],
    chosen: "EmpiricalInterpolation",
    failures: "SensorFailures",
    fields: Path,
) -> None:
    """Print positions, errors after each sensor and errors if it fails."""
    from nwidth.cli.percent import percent

    units = [axis.name if axis.unit == "1" else f"{axis.name} ({axis.unit})" for axis in grid.axes]
    heads = "".join(f"{unit:>12}" for unit in units)
    typer.secho(f"sensor{heads}   error after   error if it fails", bold=True)
    for k, place in enumerate(positions):
        where = "".join(f"{x:>12.5g}" for x in place)
        after = percent(chosen.errors[k + 1] / chosen.errors[0])
        typer.echo(f"{k:>6}{where}{after:>14}{percent(failures.weighted[k]):>20}")
    typer.echo(
        f"all sensors: {percent(failures.intact_weighted)}; the worst to lose is sensor "
        f"{failures.worst} with {percent(failures.weighted.max())}"
    )
    typer.echo(
        f"errors after: largest {chosen.norm} norm of what is left, relative to the largest field; "
        f"if it fails: relative L2 error over all fields of {fields}"
    )
