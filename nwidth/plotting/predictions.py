"""Predictions: maps beside their reference, certified bounds, times, the story of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nwidth.arrays import require_shape, to_numpy
from nwidth.meshes import Grid
from nwidth.plotting.field_maps import limits_of, paint_map, planes_of
from nwidth.plotting.style import (
    BLUE,
    COEFFICIENT,
    DARK,
    GREEN,
    GREY,
    MAGNITUDE,
    ORANGE,
    SIGNED,
    TEXT,
    axis_label,
    few_labels,
    percent,
    plain,
    positive,
)


@dataclass(frozen=True)
class PredictedSample:
    """One sample: the input, the reference solution and the prediction, on one grid."""

    grid: Grid
    coefficient: NDArray[Any]
    reference: NDArray[Any]
    predicted: NDArray[Any]
    coefficient_label: str = "permeability"
    output_label: str = "pressure"


def prediction(sample: PredictedSample) -> Figure:
    """Draw coefficient, reference, prediction (one colour scale) and their difference."""
    figure = Figure(figsize=(15.0, 3.7), layout="constrained")
    _panels(figure, sample)
    return figure


def bound_histogram(bounds: Any, errors: Any = None, rtol: float | None = None) -> Figure:
    """Draw how the relative bounds are spread, with true errors and tolerance if given."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    _histogram(plain(figure.add_subplot()), bounds, errors, rtol)
    return figure


def certified(sample: PredictedSample, bounds: Any, rtol: float | None = None) -> Figure:
    """Draw one prediction, and below it how the bounds of all predictions are spread."""
    figure = Figure(figsize=(15.0, 7.0), layout="constrained")
    above, below = _two_rows(figure, 0.8)
    _panels(above, sample)
    _histogram(plain(below.subplots()), bounds, None, rtol)
    return figure


def time_bars(
    seconds: Mapping[str, float],
    notes: Mapping[str, str] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the time per sample of each method on a logarithmic axis, with a note at each bar.

    `notes` and `colours` are by method; a method without a colour is blue.
    """
    figure = Figure(figsize=(7.0, 0.9 + 0.5 * len(seconds)), layout="constrained")
    _bars(plain(figure.add_subplot()), seconds, notes or {}, colours or {})
    return figure


def training_history(
    epochs: Sequence[float], losses: Mapping[str, Sequence[float]], label: str = "loss"
) -> Figure:
    """Draw training and validation losses against epochs, on a logarithmic axis."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = plain(figure.add_subplot())
    for (name, values), colour in zip(losses.items(), (BLUE, ORANGE, GREEN, GREY), strict=False):
        axes.semilogy(epochs, values, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel=label)
    axes.grid(axis="y", which="both", color="0.9", linewidth=0.6)
    axes.legend(frameon=False)
    return figure


def report(
    sample: PredictedSample,
    bounds: Any,
    errors: Any,
    rtol: float,
    seconds: Mapping[str, float],
    notes: Mapping[str, str],
    title: str,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the story of a run: four maps of one sample, the bounds of all, the time of each method.

    `bounds` and `errors` are relative, in the energy norm; `seconds`, `notes` and `colours`
    (of the bars; blue where none is given) are by method, the first per sample.
    """
    figure = Figure(figsize=(15.0, 7.6), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.08, w_pad=0.06)
    figure.suptitle(title, color=DARK, fontsize=14, fontweight="bold")
    above, below = _two_rows(figure, 0.92)
    _panels(above, sample)
    left, right = below.subplots(1, 2, width_ratios=(1.0, 1.0))
    _histogram(plain(left), bounds, errors, rtol)
    _bars(plain(right), seconds, notes, colours or {})
    return figure


def _two_rows(figure: Figure, height: float) -> tuple[SubFigure, SubFigure]:
    """Divide a figure; `height` is that of the lower part relative to the upper."""
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.0, height), hspace=0.04)
    return parts[0], parts[1]


def _panels(figure: Figure | SubFigure, sample: PredictedSample) -> None:
    grid = sample.grid
    arrays = {
        "coefficient": sample.coefficient,
        "reference": sample.reference,
        "prediction": sample.predicted,
    }
    checked = {n: require_shape(to_numpy(a), grid.shape, n) for n, a in arrays.items()}
    if grid.dimension == 1:
        _curves(figure, sample, checked)
        return
    planes = {name: planes_of(grid, array)[0] for name, array in checked.items()}
    first, second, reference, where = planes["reference"]
    predicted = planes["prediction"][2]
    error = predicted - reference
    shared = limits_of(np.stack([reference, predicted]))
    largest = float(np.max(np.abs(error))) or 1.0
    relative = grid.norm(to_numpy(sample.predicted) - to_numpy(sample.reference))
    relative = float(relative / (grid.norm(to_numpy(sample.reference)) or 1.0))
    quantity = sample.output_label
    panels: list[tuple[str, Any, str, tuple[float, float]]] = [
        (
            f"{sample.coefficient_label} {where}",
            planes["coefficient"][2],
            COEFFICIENT,
            limits_of(planes["coefficient"][2]),
        ),
        (f"{quantity}: reference", reference, MAGNITUDE, shared),
        (f"{quantity}: prediction", predicted, MAGNITUDE, shared),
        (
            f"prediction − reference ({100 * relative:.2g} % in L2)",
            error,
            SIGNED,
            (-largest, largest),
        ),
    ]
    for axes, (title, plane, colours, limits) in zip(
        figure.subplots(1, 4, sharey=True), panels, strict=True
    ):
        paint_map(axes, grid, plane, colours, limits, "", axis=(first, second))
        axes.set_title(title.strip(), **TEXT)
        axes.label_outer()


def _curves(figure: Figure | SubFigure, sample: PredictedSample, values: Mapping[str, Any]) -> None:
    """Draw the one-dimensional counterpart of the maps: coefficient, both solutions, error."""
    x = sample.grid.axes[0].points
    first, second, third = (plain(axes) for axes in figure.subplots(1, 3))
    first.plot(x, values["coefficient"], color=GREY)
    second.plot(x, values["reference"], color=GREY, linewidth=3, label="reference")
    second.plot(x, values["prediction"], color=BLUE, label="prediction")
    second.legend(frameon=False, fontsize=9)
    third.plot(x, values["prediction"] - values["reference"], color=ORANGE)
    titles = (sample.coefficient_label, sample.output_label, "prediction − reference")
    for axes, title in zip((first, second, third), titles, strict=True):
        axes.set_title(title, **TEXT)
        axes.set_xlabel(axis_label(sample.grid, 0))


def _histogram(axes: Axes, bounds: Any, errors: Any, rtol: float | None) -> None:
    found = positive(bounds, "bounds")
    true = positive(errors, "errors") if errors is not None else None
    everything = np.concatenate([found, true if true is not None else [], [rtol] if rtol else []])
    low, high = np.log10(everything.min()), np.log10(everything.max())
    edges = np.logspace(low - 0.05, high + 0.05, int(np.clip(len(found) / 3, 12, 32)) + 1).tolist()
    if true is not None:
        axes.hist(true, edges, color=GREY, alpha=0.5, label="true error")
    axes.hist(found, edges, color=BLUE, alpha=0.65, label="certified bound")
    if rtol is not None:
        axes.axvline(rtol, color=ORANGE, linewidth=1.6, label=f"tolerance {percent(rtol)}")
        share = float(np.mean(found <= rtol))
        axes.set_title(f"{percent(share)} of the predictions within tolerance", **TEXT)
    axes.set_xscale("log")
    few_labels(axes, percent)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="relative error in the energy norm", ylabel="number of predictions")
    axes.legend(frameon=False, fontsize=9)


def _bars(
    axes: Axes,
    seconds: Mapping[str, float],
    notes: Mapping[str, str],
    colours: Mapping[str, str],
) -> None:
    names = list(seconds)
    times = 1e3 * positive(list(seconds.values()), "times")
    rows = np.arange(len(names))[::-1]
    axes.barh(rows, times, height=0.62, color=[colours.get(name, BLUE) for name in names])
    for row, name, time in zip(rows, names, times, strict=True):
        words = f"{time:.3g} ms" + (f"  ·  {notes[name]}" if name in notes else "")
        axes.annotate(words, (time, row), (5, 0), textcoords="offset points", va="center", size=9)
    axes.set_yticks(rows, names, fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(times.min() / 2, times.max() * 12)  # room for the words
    few_labels(axes, lambda value: f"{value:g}")
    axes.set_xlabel("milliseconds per sample")
    axes.set_title("time per sample, and the error in the energy norm", **TEXT)
    axes.tick_params(axis="y", length=0)
