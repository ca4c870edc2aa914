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
        typer.Option(
            "--output",
            "-o",
            help="Figure to write (.png, .pdf, .svg; a movie of fields in time: .gif, .mp4).",
        ),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which sample.")] = 0,
    name: Annotated[
        str | None, typer.Option("--field", help="One field alone; default: all that belong.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw fields, predictions with their bounds, histories, sensors, or singular values.

    Of fields in time: a diagram over space and time, snapshots, or a movie.

    For example:
        nwidth plot runs/darcy/predictions.h5 --sample 3

        nwidth plot darcy.h5 --field pressure -o pressure.pdf

        nwidth plot vorticity.h5 -o vorticity.gif
    """
    from nwidth import plotting
    from nwidth.cli.file_kind import DATA_SET, file_kind
    from nwidth.cli.outputs import MOVIES, claim_figure
    from nwidth.errors import InputError
    from nwidth.fields import FieldDataset

    kind = file_kind(file)
    path = claim_figure(output or file.with_suffix(".png"), overwrite, movies=kind == DATA_SET)
    if kind == DATA_SET:
        with FieldDataset.open(file) as data:
            if path.suffix.lower() in MOVIES:
                typer.echo(str(_movie(data, sample, name, path)))
                return
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


def _movie(data: "FieldDataset", sample: int, name: str | None, path: Path) -> Path:
    from nwidth import plotting
    from nwidth.errors import ConfigError

    _require_sample(data, sample, name)
    moving = [n for n in (data.field_names if name is None else [name]) if _moves(data, n)]
    if not moving:
        raise ConfigError(f"--output: expected a figure, as {data.path.name} has no times to film")
    name = moving[0]
    values = _scalar(data, data[name][sample])
    return plotting.movie(data.grid, data.times, values, path, name, _label(data, name))


def _moves(data: "FieldDataset", name: str) -> bool:
    """Return whether a field has several times, on a grid that diagrams and movies are made of."""
    several = data.times is not None and len(data.times) > 1 and data.grid.dimension < 3
    return several and not data.layout.fields[name].constant


def _scalar(data: "FieldDataset", values: Any) -> Any:
    """Return a field, of vectors their lengths."""
    import numpy as np

    d = data.grid.dimension
    return np.linalg.norm(values, axis=-1) if values.ndim == d + 2 else values


def _label(data: "FieldDataset", name: str) -> str:
    return name if data.units[name] == "1" else f"{name} ({data.units[name]})"


def _require_sample(data: "FieldDataset", sample: int, name: str | None) -> None:
    from nwidth.errors import ConfigError

    if sample >= len(data):
        raise ConfigError(
            f"--sample: expected a number below {len(data)}, the samples of {data.path}, "
            f"got {sample}"
        )
    if name is not None and name not in data.field_names:
        raise ConfigError(f"--field: expected one of {', '.join(data.field_names)}, got {name!r}")


def _sample(data: "FieldDataset", sample: int, name: str | None) -> "Figure":
    from nwidth import plotting

    _require_sample(data, sample, name)
    wanted = [name] if name else list(data.field_names)
    if len(wanted) == 1 and _moves(data, wanted[0]):
        (name,) = wanted
        values = _scalar(data, data[name][sample])
        draw = plotting.space_time if data.grid.dimension == 1 else plotting.snapshots
        return draw(data.grid, data.times, values, f"sample {sample}", _label(data, name))
    fields = {n: _last_time(data, n, sample) for n in wanted}
    output = data.provenance.get("output")
    if name or output is None or f"{output}_reference" not in fields:
        return plotting.fields(data.grid, {_label(data, n): fields[n] for n in fields})
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
    steady = data.times is None or data.layout.fields[name].constant
    return values if steady else values[-1]
