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
            help="Figure to write: .png, .pdf or .svg; of a movie .gif, or .mp4 with ffmpeg.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            "-k",
            help="Of fields in time: spacetime, snapshots, movie, spectrum or conservation. "
            "Default: spacetime of one axis, snapshots of two or three.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which sample.")] = 0,
    name: Annotated[
        str | None,
        typer.Option(
            "--field", help="One field alone; default: all that belong, of those in time the first."
        ),
    ] = None,
    component: Annotated[
        int | None,
        typer.Option(
            "--component", min=0, help="Of vectors in time this one, from 0; default: their length."
        ),
    ] = None,
    slopes: Annotated[
        str | None,
        typer.Option(
            "--slopes",
            help="Of spectra: lines to compare with, as -5/3,-3. Default: -2 on a line, "
            "-5/3 and -3 in the plane, -5/3 in space.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw fields, predictions with their bounds, histories, sensors, or singular values.

    Of fields in time, by --kind:
        spacetime: space to the right, time upwards.

        snapshots: a few times beside one another; in space the middle plane.

        movie: a frame for each time.

        spectrum: energy over wavenumbers beside reference slopes.

        conservation: what the equation in the file conserves, over time.

    The spectrum of a vorticity is that of its flow. Where the file has no
    equation, conservation shows means and mean squares.

    For example:
        nwidth plot runs/darcy/predictions.h5 --sample 3

        nwidth plot darcy.h5 --field pressure -o pressure.pdf

        nwidth plot vorticity.h5 -o vorticity.gif

        nwidth plot vorticity.h5 --kind spectrum --slopes=-3 -o spectrum.png

        nwidth plot vorticity.h5 --kind conservation -o budget.pdf
    """
    from nwidth import plotting
    from nwidth.cli.file_kind import DATA_SET, file_kind
    from nwidth.cli.outputs import MOVIES, claim_figure
    from nwidth.cli.plot_in_time import KINDS, draw_in_time, film, parse_slopes
    from nwidth.errors import ConfigError, InputError
    from nwidth.fields import FieldDataset

    holds = file_kind(file)
    in_time = {"--kind": kind, "--component": component, "--slopes": slopes}
    for option, value in in_time.items():
        if value is not None and holds != DATA_SET:
            raise ConfigError(f"{option}: expected a data set, of fields in time, got {file.name}")
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"--kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    suffix = ".gif" if kind == "movie" else ".png"
    path = claim_figure(output or file.with_suffix(suffix), overwrite, movies=holds == DATA_SET)
    filmed = path.suffix.lower() in MOVIES
    if kind is not None and filmed != (kind == "movie"):
        wanted = ", ".join(MOVIES) if kind == "movie" else ".png, .pdf or .svg"
        raise ConfigError(f"--output: expected a file ending in {wanted} for {kind}, got {path}")
    if holds == DATA_SET:
        with FieldDataset.open(file) as data:
            _require_sample(data, sample, name)
            drawn = _in_time(data, name, "movie" if filmed else kind, in_time)
            if drawn is None:
                figure = _sample(data, sample, name)
            elif filmed:
                typer.echo(str(film(data, sample, drawn[1], path, component=component)))
                return
            else:
                lines = None if slopes is None else parse_slopes(slopes)
                figure = draw_in_time(data, drawn[0], sample, drawn[1], component=component,
                                      slopes=lines)  # fmt: skip
    elif holds == "rectangular-eim":
        figure = _sensors(file)
    elif holds == "empirical-interpolation":
        figure = _interpolation(file)
    elif holds == "reduced-basis":
        figure = _greedy(file)
    elif holds == "pod":
        figure = _modes(file)
    elif holds == "pod-regression":
        raise InputError(
            f"{file}: expected a model with a history, got one of kind {holds!r}; `nwidth reduce "
            "--plot` draws what its modes leave, and its predictions can be plotted"
        )
    else:
        figure = _history(file, holds)
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


def _history(file: Path, kind: str) -> "Figure":
    """Draw how a model of any kind that tells it was trained."""
    import numpy as np

    from nwidth import plotting
    from nwidth.archive import load_archive
    from nwidth.errors import InputError

    _, description = load_archive(file, kind)
    # An ensemble has a history of each member.
    members = description.get("members", [description])
    histories = [m.get("history") or [] for m in members if isinstance(m, dict)]
    if not histories or not all(histories):
        raise InputError(
            f"{file}: expected a trained model with a history, got one of kind {kind!r} without"
        )
    longest = max(histories, key=len)
    losses = {}
    for name, label in (
        ("training_loss", "training loss"),
        ("validation_error", "validation error (L2)"),
    ):
        if any(entry.get(name) is None for entry in longest):
            continue
        values = np.full((len(histories), len(longest)), np.nan)
        for row, history in zip(values, histories, strict=True):
            row[: len(history)] = [entry[name] for entry in history]
        mean = "" if len(histories) == 1 else f", mean of {len(histories)}"
        losses[label + mean] = np.nanmean(values, axis=0)
    return plotting.training_history([entry["epoch"] for entry in longest], losses)


def _in_time(
    data: "FieldDataset", name: str | None, kind: str | None, wishes: dict[str, Any]
) -> tuple[str, str] | None:
    """Return kind and field of a figure in time, None for a figure of one time.

    Raises `ConfigError` where a figure in time is asked for and the file has no times.
    """
    from nwidth.cli.plot_in_time import moves, usual_kind
    from nwidth.errors import ConfigError

    moving = [n for n in (data.field_names if name is None else [name]) if moves(data, n)]
    wished = (
        "--kind"
        if kind is not None
        else next((o for o, v in wishes.items() if v is not None), None)
    )
    if not moving:
        if wished is None:
            return None
        what = "the file" if name is None else name
        there = "" if kind is None else f" of {kind}"
        raise ConfigError(
            f"{wished}: expected fields in time{there}, but {what} has no times, or one alone, in "
            f"{data.path.name}; leave {wished} out"
        )
    predicted = f"{data.provenance.get('output')}_reference" in data.field_names
    if predicted and name is None and wished is None:
        return None
    if name is None and len(moving) > 1 and kind != "conservation":
        rest = ", ".join(moving[1:])
        typer.echo(f"drawn: {moving[0]}; --field takes others: {rest}", err=True)
    return kind or usual_kind(data), moving[0]


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

    wanted = [name] if name else list(data.field_names)
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
