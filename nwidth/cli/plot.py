"""``nwidth plot``: a figure of whatever is in the file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Overwrite

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.plotting import Figure


def plot(
    file: Annotated[
        Path, typer.Argument(help="Data set, predictions or model (HDF5).", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Figure to write (.png, .pdf, .svg)."),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which sample.")] = 0,
    name: Annotated[
        str | None, typer.Option("--field", help="One field alone; default: all that belong.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw fields, predictions with their bounds, histories, sensors, or singular values.

    For example:
        nwidth plot runs/darcy/predictions.h5 --sample 3

        nwidth plot darcy.h5 --field pressure -o pressure.pdf
    """
    from nwidth import plotting
    from nwidth.cli.file_kind import DATA_SET, file_kind
    from nwidth.cli.outputs import claim_figure
    from nwidth.errors import InputError
    from nwidth.fields import FieldDataset

    path = claim_figure(output or file.with_suffix(".png"), overwrite)
    kind = file_kind(file)
    if kind == DATA_SET:
        with FieldDataset.open(file) as data:
            figure = _sample(data, sample, name)
    elif kind == "rectangular-eim":
        figure = _sensors(file)
    elif kind == "empirical-interpolation":
        figure = _interpolation(file)
    elif kind == "reduced-basis":
        figure = _greedy(file)
    elif kind == "pod":
        figure = _modes(file)
    elif kind == "pod-regression":
        raise InputError(
            f"{file}: expected a model with a history, got one of kind {kind!r}; `nwidth reduce "
            "--plot` draws what its modes leave, and its predictions can be plotted"
        )
    else:
        figure = _history(file)
    plotting.save(figure, path)
    typer.echo(str(path))


def _sensors(file: Path) -> "Figure":
    from nwidth import plotting
    from nwidth.errors import InputError
    from nwidth.meshes import Grid
    from nwidth.rom import RectangularEIM

    model = RectangularEIM.load(file)
    if not {"grid", "positions", "field"} <= {*model.about}:
        raise InputError(f"{file}: expected a model that `nwidth sensors` wrote, with its grid")
    grid = Grid.from_description(model.about["grid"])
    label = model.about["field"]
    return plotting.sensors(grid, model.prior.mean_field, model.about["positions"], label=label)


def _interpolation(file: Path) -> "Figure":
    from nwidth import plotting
    from nwidth.rom import EmpiricalInterpolation, lebesgue_constants

    model = EmpiricalInterpolation.load(file)
    return plotting.interpolation(model.errors, lebesgue=lebesgue_constants(model))


def _greedy(file: Path) -> "Figure":
    from math import inf

    from nwidth import plotting
    from nwidth.errors import InputError
    from nwidth.rom import ReducedBasis

    about = ReducedBasis.load(file).about
    if "history" not in about:
        raise InputError(f"{file}: expected a model that `nwidth reduce` wrote, with its history")
    bounds = [inf if bound is None else bound for bound in about["history"]]
    return plotting.greedy_history(bounds, rtol=about["rtol"])


def _modes(file: Path) -> "Figure":
    from nwidth import plotting
    from nwidth.rom import POD

    return plotting.singular_values(POD.load(file).singular_values)


def _history(file: Path) -> "Figure":
    from nwidth import plotting
    from nwidth.errors import InputError
    from nwidth.operators import NeuralOperator

    history = NeuralOperator.load(file).history
    if not history:
        raise InputError(f"{file}: expected a trained model, got one without a history")
    losses = {"training loss": [entry["training_loss"] for entry in history]}
    if history[0]["validation_error"] is not None:
        losses["validation error (L2)"] = [entry["validation_error"] for entry in history]
    return plotting.training_history([entry["epoch"] for entry in history], losses)


def _sample(data: "FieldDataset", sample: int, name: str | None) -> "Figure":
    from nwidth import plotting
    from nwidth.errors import ConfigError

    if sample >= len(data):
        raise ConfigError(
            f"--sample: expected a number below {len(data)}, the samples of {data.path}, "
            f"got {sample}"
        )
    if name is not None and name not in data.field_names:
        raise ConfigError(f"--field: expected one of {', '.join(data.field_names)}, got {name!r}")
    wanted = [name] if name else list(data.field_names)
    fields = {n: _last_time(data, n, sample) for n in wanted}
    output = data.provenance.get("output")
    if name or output is None or f"{output}_reference" not in fields:
        labels = {n: n if data.units[n] == "1" else f"{n} ({data.units[n]})" for n in fields}
        return plotting.fields(data.grid, {labels[n]: values for n, values in fields.items()})
    (coefficient,) = [n for n in fields if not n.startswith(output)][:1]
    predicted = fields.get(f"{output}_predicted", fields[output])
    comparison = plotting.PredictedSample(
        data.grid,
        fields[coefficient],
        fields[f"{output}_reference"],
        predicted,
        coefficient,
        output,
    )
    if "bound_before" not in data.scalar_names:
        return plotting.prediction(comparison)
    return plotting.certified(comparison, data.scalars["bound_before"], data.provenance.get("rtol"))


def _last_time(data: "FieldDataset", name: str, sample: int) -> Any:
    values = data[name][sample]
    return values if data.times is None else values[-1]
