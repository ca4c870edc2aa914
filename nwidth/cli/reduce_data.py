"""A reduced model from the fields of a data set alone: POD, and a regression of its scores."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nwidth.cli.output_field import output_field
from nwidth.cli.percent import percent
from nwidth.errors import ConfigError
from nwidth.fields import FieldDataset

if TYPE_CHECKING:
    from nwidth.rom.regression import PODRegression

# Where nothing else is asked for.
RTOL = 1e-6
# Numbers that our commands write beside fields: results, not parameters.
RESULTS = (
    "bound",
    "bound_before",
    "l2_bound",
    "polished",
    "iterations",
    "discretization",
    "relative_l2_error",
    "sensors_used",
)


def reduce_data(
    source: Path,
    output: Path,
    rtol: float | None,
    max_size: int | None,
    field: str | None,
    inputs: list[str] | None,
    figure: Path | None,
) -> None:
    """Fit a model to a data set, write it and print what it is wrong by."""
    from nwidth.rom.regression import PODRegression

    with FieldDataset.open(source) as data:
        name = output_field(data, field)
        chosen = tuple(inputs or _inputs(data, name))
        model = PODRegression(
            inputs=chosen, output=name, rtol=RTOL if rtol is None else rtol, max_modes=max_size
        ).fit(data)
        unit, times = data.units[name], data.times
        shape = " x ".join(map(str, data.grid.shape))
    model.provenance["output_unit"] = unit
    if times is not None:
        model.provenance["output_times"] = times.tolist()
    model.save(output)
    told = model.metrics
    typer.echo(
        f"{source}: {told['training_samples']} fields {name} on {shape}, from {', '.join(chosen)}"
    )
    typer.echo(f"basis: {told['modes']} modes, which leave {percent(told['truncation_error'])}")
    for kind, error in sorted(told["errors"].items(), key=lambda item: item[1]):
        mark = "  <- chosen" if kind == told["regressor"] else ""
        typer.echo(f"  {kind:<24} {percent(error):>9} of the scores, left out one by one{mark}")
    typer.echo(
        f"error of samples left out: {percent(told['error'])}, largest "
        f"{percent(told['largest_error'])} (estimated, no bound)"
    )
    typer.echo(f"model: {output}")
    if figure is not None:
        _draw(source, name, model, figure)


def _inputs(data: FieldDataset, output: str) -> list[str]:
    """Return the scalars of a data set that may be parameters, or else its other fields."""
    scalars = [name for name in data.scalar_names if name not in RESULTS]
    changing = [name for name in scalars if len({*data.scalars[name].tolist()}) > 1]
    found = changing or [name for name in data.field_names if name != output]
    if not found:
        raise ConfigError(
            f"--input: expected a scalar that changes or another field to predict {output} from, "
            f"got {', '.join(scalars) or 'none'} in {data.path}"
        )
    return found


def _draw(source: Path, name: str, model: "PODRegression", figure: Path) -> None:
    """Draw the singular values of the fields and what modes leave."""
    import numpy as np

    from nwidth import plotting
    from nwidth.rom import pod

    with FieldDataset.open(source) as data:
        fields = data[name][:]
    centred = (fields - fields.mean(axis=0)).reshape(len(fields), -1)
    sigma = pod(centred, 0.0).singular_values.astype(float)
    left = np.sqrt(np.append(np.cumsum(sigma[::-1] ** 2)[::-1], 0.0))
    keep = min(2 * model.metrics["modes"] + 10, len(sigma))
    drawn = plotting.singular_values(sigma[:keep], left[: model.metrics["modes"] + 1])
    typer.echo(f"figure: {plotting.save(drawn, figure)}")
