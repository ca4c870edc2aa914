"""One function per figure: arrays in, a matplotlib `Figure` out, nothing shown and no global state.

To see a figure: in a notebook make it the last line of a cell; in a script write it to a file,

    plotting.save(plotting.field(grid, pressure), "pressure.png")

as no window opens: figures are made without pyplot, so `plt.show()` does not know them. Titles,
limits and labels are changed through `figure.axes` before that.

Colours: viridis and cividis for magnitudes, blue to red for signed errors, and the eight colours
of Okabe and Ito for lines and bars; all are told apart by colour-blind readers and in grey print.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from nwidth.arrays import require_shape, to_numpy
from nwidth.atomic_file import written_in_place
from nwidth.errors import InputError
from nwidth.meshes import Grid

BLUE, ORANGE, GREEN, GREY, DARK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#333333"
MAGNITUDE, COEFFICIENT, SIGNED = "viridis", "cividis", "RdBu_r"

_STYLE_TEXT: dict[str, Any] = {"color": DARK, "fontsize": 10}


@dataclass(frozen=True)
class PredictedSample:
    """One sample: the input, the reference solution and the prediction, on one grid."""

    grid: Grid
    coefficient: NDArray[Any]
    reference: NDArray[Any]
    predicted: NDArray[Any]
    coefficient_label: str = "permeability"
    output_label: str = "pressure"


def field(grid: Grid, values: Any, title: str = "", label: str = "") -> Figure:
    """Draw one field: a curve in 1-D, a map in 2-D, the three middle planes in 3-D.

    `values` has the shape of the grid; `label` names the quantity and its unit on the colour bar.

    >>> type(field(Grid.uniform((5, 4)), np.ones((5, 4)))).__name__
    'Figure'
    """
    data = require_shape(to_numpy(values), grid.shape, title or "field")
    if grid.dimension == 1:
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = _plain(figure.add_subplot())
        axes.plot(grid.axes[0].points, data, color=BLUE)
        axes.set(xlabel=_axis_label(grid, 0), ylabel=label)
        axes.set_title(title, **_STYLE_TEXT)
        return figure
    planes = _planes(grid, data)
    figure = Figure(figsize=(1.0 + 4.2 * len(planes), 3.8), layout="constrained")
    limits = _limits(data)
    for k, (first, second, plane, where) in enumerate(planes):
        axes = figure.add_subplot(1, len(planes), k + 1)
        _map(axes, grid, plane, MAGNITUDE, limits, label, axis=(first, second))
        axes.set_title(f"{title} {where}".strip(), **_STYLE_TEXT)
    return figure


def fields(grid: Grid, values: Mapping[str, Any]) -> Figure:
    """Draw several fields of one grid side by side, each with its own scale and its name on top.

    Of vector fields `(*grid, component)` the length is drawn; of 3-D fields the middle plane.
    """
    if not values:
        raise InputError("fields: expected at least one field to draw, got none")
    figure = Figure(figsize=(0.8 + 4.0 * len(values), 3.7), layout="constrained")
    panels = figure.subplots(1, len(values), squeeze=False)[0]
    for axes, (name, array) in zip(panels, values.items(), strict=True):
        data = to_numpy(array)
        if data.ndim == grid.dimension + 1:
            data = np.linalg.norm(data, axis=-1)
        require_shape(data, grid.shape, name)
        if grid.dimension == 1:
            _plain(axes).plot(grid.axes[0].points, data, color=BLUE)
            axes.set(xlabel=_axis_label(grid, 0))
        else:
            first, second, plane, where = _planes(grid, data)[0]
            name = f"{name} {where}".strip()
            _map(axes, grid, plane, MAGNITUDE, _limits(plane), "", axis=(first, second))
        axes.set_title(name, **_STYLE_TEXT)
    return figure


def prediction(sample: PredictedSample) -> Figure:
    """Draw coefficient, reference, prediction (one colour scale) and their difference."""
    figure = Figure(figsize=(15.0, 3.7), layout="constrained")
    _panels(figure, sample)
    return figure


def bound_histogram(bounds: Any, errors: Any = None, rtol: float | None = None) -> Figure:
    """Draw how the relative bounds are spread, with true errors and tolerance if given."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    _histogram(_plain(figure.add_subplot()), bounds, errors, rtol)
    return figure


def certified(sample: PredictedSample, bounds: Any, rtol: float | None = None) -> Figure:
    """Draw one prediction, and below it how the bounds of all predictions are spread."""
    figure = Figure(figsize=(15.0, 7.0), layout="constrained")
    above, below = _two_rows(figure, 0.8)
    _panels(above, sample)
    _histogram(_plain(below.subplots()), bounds, None, rtol)
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
    _bars(_plain(figure.add_subplot()), seconds, notes or {}, colours or {})
    return figure


def training_history(
    epochs: Sequence[float], losses: Mapping[str, Sequence[float]], label: str = "loss"
) -> Figure:
    """Draw training and validation losses against epochs, on a logarithmic axis."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = _plain(figure.add_subplot())
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
    _histogram(_plain(left), bounds, errors, rtol)
    _bars(_plain(right), seconds, notes, colours or {})
    return figure


def sensors(
    grid: Grid,
    mean: Any,
    positions: Any,
    lost: Any = None,
    intact: float | None = None,
    label: str = "",
) -> Figure:
    """Draw sensors (magic points) on the mean field and, beside it, the error if each one fails.

    `positions` (p, dimension) are coordinates, numbered from 0; in 3-D they are seen along the last
    axis. `lost` (p,) are relative errors with that sensor lost, `intact` the one with all sensors.
    """
    data = require_shape(to_numpy(mean), grid.shape, "mean")
    places = require_shape(np.asarray(positions, np.float64), (None, grid.dimension), "positions")
    figure = Figure(figsize=(5.2 if lost is None else 11.4, 4.0), layout="constrained")
    panels = figure.subplots(1, 1 if lost is None else 2, squeeze=False)[0]
    axes = panels[0]
    if grid.dimension == 1:
        _plain(axes).plot(grid.axes[0].points, data, color=GREY)
        axes.set(xlabel=_axis_label(grid, 0), ylabel=label)
        seen = np.stack([places[:, 0], np.interp(places[:, 0], grid.axes[0].points, data)], axis=1)
    else:
        first, second, plane, _ = _planes(grid, data)[0]
        _map(axes, grid, plane, MAGNITUDE, _limits(plane), label, axis=(first, second))
        seen = places[:, [first, second]]
    axes.plot(*seen.T, "o", color="white", markeredgecolor=DARK, markersize=13)
    for number, place in enumerate(seen):
        axes.annotate(str(number), place, ha="center", va="center", fontsize=8, color=DARK)
    axes.set_title(f"{len(places)} sensors on the mean field", **_STYLE_TEXT)
    if lost is not None:
        errors = 100 * require_shape(_positive(lost, "errors"), (len(places),), "errors")
        axes = _plain(panels[1])
        axes.bar(np.arange(len(errors)), errors, color=BLUE, width=0.7)
        if intact is not None:
            axes.axhline(100 * intact, color=ORANGE, label=f"all sensors: {_percent(intact)}")
            axes.legend(frameon=False, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="sensor that fails", ylabel="relative error of the field (%)")
        axes.set_title("reconstruction from the others", **_STYLE_TEXT)
    return figure


def interpolation(errors: Any, singular_values: Any = None, lebesgue: Any = None) -> Figure:
    """Draw how empirical interpolation converges, beside the best possible, and how it amplifies.

    `errors` are those before the first step and after each one, `singular_values` those of the
    data, both drawn relative to their first; `lebesgue` are the Lebesgue constants after each step.
    """
    figure = Figure(figsize=(5.6 if lebesgue is None else 11.2, 3.8), layout="constrained")
    panels = figure.subplots(1, 1 if lebesgue is None else 2, squeeze=False)[0]
    axes, found = _plain(panels[0]), _positive(errors, "errors")
    axes.semilogy(found / found[0], "o-", color=BLUE, markersize=4, label="interpolation")
    if singular_values is not None:
        best = _positive(singular_values, "singular values")[: len(found)]
        axes.semilogy(best / best[0], color=GREY, linewidth=2, label="singular values")
    axes.set(xlabel="fields and points", ylabel="relative error")
    axes.legend(frameon=False, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if lebesgue is not None:
        constants, axes = _positive(lebesgue, "Lebesgue constants"), _plain(panels[1])
        axes.plot(np.arange(1, len(constants) + 1), constants, "o-", color=ORANGE, markersize=4)
        axes.set(xlabel="fields and points", ylabel="Lebesgue constant", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def save(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure whole or not at all; the suffix (.png, .pdf, .svg) is the format."""
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InputError(
            f"{path}: expected a figure file ending in .png, .pdf or .svg, got '{path.suffix}'"
        )
    with written_in_place(path) as draft:
        figure.savefig(draft, dpi=dpi, format=kind, facecolor="white")
    return path


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
    planes = {name: _planes(grid, array)[0] for name, array in checked.items()}
    first, second, reference, where = planes["reference"]
    predicted = planes["prediction"][2]
    error = predicted - reference
    shared = _limits(np.stack([reference, predicted]))
    largest = float(np.max(np.abs(error))) or 1.0
    relative = grid.norm(to_numpy(sample.predicted) - to_numpy(sample.reference))
    relative = float(relative / (grid.norm(to_numpy(sample.reference)) or 1.0))
    quantity = sample.output_label
    panels: list[tuple[str, Any, str, tuple[float, float]]] = [
        (
            f"{sample.coefficient_label} {where}",
            planes["coefficient"][2],
            COEFFICIENT,
            _limits(planes["coefficient"][2]),
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
        _map(axes, grid, plane, colours, limits, "", axis=(first, second))
        axes.set_title(title.strip(), **_STYLE_TEXT)
        axes.label_outer()


def _curves(figure: Figure | SubFigure, sample: PredictedSample, values: Mapping[str, Any]) -> None:
    """Draw the one-dimensional counterpart of the maps: coefficient, both solutions, error."""
    x = sample.grid.axes[0].points
    first, second, third = (_plain(axes) for axes in figure.subplots(1, 3))
    first.plot(x, values["coefficient"], color=GREY)
    second.plot(x, values["reference"], color=GREY, linewidth=3, label="reference")
    second.plot(x, values["prediction"], color=BLUE, label="prediction")
    second.legend(frameon=False, fontsize=9)
    third.plot(x, values["prediction"] - values["reference"], color=ORANGE)
    titles = (sample.coefficient_label, sample.output_label, "prediction − reference")
    for axes, title in zip((first, second, third), titles, strict=True):
        axes.set_title(title, **_STYLE_TEXT)
        axes.set_xlabel(_axis_label(sample.grid, 0))


def _map(
    axes: Axes,
    grid: Grid,
    plane: NDArray[Any],
    colours: str | Colormap,
    limits: tuple[float, float],
    label: str,
    axis: tuple[int, int],
) -> None:
    """Paint each value over its control volume, and its colour bar."""
    first, second = (grid.axes[k] for k in axis)
    mesh = axes.pcolormesh(
        first.faces,
        second.faces,
        plane.T,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
    )
    axes.set(xlabel=_axis_label(grid, axis[0]), ylabel=_axis_label(grid, axis[1]))
    axes.set_xlim(first.faces[0], first.faces[-1])
    axes.set_ylim(second.faces[0], second.faces[-1])
    ratio = first.length / second.length
    axes.set_aspect("equal" if 0.2 < ratio < 5 else "auto")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=8, color=GREY, labelcolor=DARK)
    for spine in axes.spines.values():
        spine.set_edgecolor(GREY)
    beside = axes.inset_axes((1.03, 0.0, 0.045, 1.0))  # exactly as tall as the map
    bar = axes.figure.colorbar(mesh, cax=beside)
    bar.set_label(label, **_STYLE_TEXT)
    beside.tick_params(labelsize=8, color=GREY, labelcolor=DARK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    if values := _few(plane):
        bar.set_ticks(values)
    elif (largest := max(abs(limits[0]), abs(limits[1]))) < 0.1 or largest >= 1e4:
        numbers = ScalarFormatter(useMathText=True)
        numbers.set_powerlimits((0, 0))
        beside.yaxis.set_major_formatter(numbers)
        beside.yaxis.get_offset_text().set(size=8, color=DARK)
        beside.yaxis.set_offset_position("left")


def _histogram(axes: Axes, bounds: Any, errors: Any, rtol: float | None) -> None:
    found = _positive(bounds, "bounds")
    true = _positive(errors, "errors") if errors is not None else None
    everything = np.concatenate([found, true if true is not None else [], [rtol] if rtol else []])
    low, high = np.log10(everything.min()), np.log10(everything.max())
    edges = np.logspace(low - 0.05, high + 0.05, int(np.clip(len(found) / 3, 12, 32)) + 1).tolist()
    if true is not None:
        axes.hist(true, edges, color=GREY, alpha=0.5, label="true error")
    axes.hist(found, edges, color=BLUE, alpha=0.65, label="certified bound")
    if rtol is not None:
        axes.axvline(rtol, color=ORANGE, linewidth=1.6, label=f"tolerance {_percent(rtol)}")
        share = float(np.mean(found <= rtol))
        axes.set_title(f"{_percent(share)} of the predictions within tolerance", **_STYLE_TEXT)
    axes.set_xscale("log")
    _few_labels(axes, _percent)
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
    times = 1e3 * _positive(list(seconds.values()), "times")
    rows = np.arange(len(names))[::-1]
    axes.barh(rows, times, height=0.62, color=[colours.get(name, BLUE) for name in names])
    for row, name, time in zip(rows, names, times, strict=True):
        words = f"{time:.3g} ms" + (f"  ·  {notes[name]}" if name in notes else "")
        axes.annotate(words, (time, row), (5, 0), textcoords="offset points", va="center", size=9)
    axes.set_yticks(rows, names, fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(times.min() / 2, times.max() * 12)  # room for the words
    _few_labels(axes, lambda value: f"{value:g}")
    axes.set_xlabel("milliseconds per sample")
    axes.set_title("time per sample, and the error in the energy norm", **_STYLE_TEXT)
    axes.tick_params(axis="y", length=0)


def _few_labels(axes: Axes, words: Callable[[float], str]) -> None:
    """Label 1, 2 and 5 of each decade of a logarithmic axis, or 1 alone if there are many."""
    low, high = axes.get_xlim()
    marked = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=marked))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _plain(axes: Axes) -> Axes:
    """Leave out the frame that carries no information."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_edgecolor(GREY)
    axes.tick_params(which="both", labelsize=9, color=GREY, labelcolor=DARK)
    return axes


def _planes(grid: Grid, data: NDArray[Any]) -> list[tuple[int, int, NDArray[Any], str]]:
    """Return (first axis, second axis, plane, where) for the planes to draw."""
    if grid.dimension == 2:
        return [(0, 1, data, "")]
    planes = []
    for normal, (first, second) in ((2, (0, 1)), (1, (0, 2)), (0, (1, 2))):
        middle = grid.shape[normal] // 2
        position = grid.axes[normal].points[middle]
        where = f"at {grid.names[normal]} = {position:.3g}"
        planes.append((first, second, np.take(data, middle, axis=normal), where))
    return planes


def _limits(data: Any) -> tuple[float, float]:
    finite = data[np.isfinite(data)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _few(plane: NDArray[Any]) -> list[float]:
    """Return the distinct values of a piecewise constant field with up to four of them, else []."""
    values = np.unique(plane[:: max(1, plane.shape[0] // 64)])
    return [float(v) for v in values] if 1 < len(values) <= 4 else []


def _positive(values: Any, name: str) -> NDArray[np.float64]:
    array = np.ravel(np.asarray(values, dtype=np.float64))
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise InputError(f"{name}: expected finite numbers to draw, got {array.size} with gaps")
    return np.maximum(array, np.finfo(np.float64).tiny)


def _axis_label(grid: Grid, axis: int) -> str:
    unit = grid.axes[axis].unit
    name = grid.axes[axis].name
    return name if unit in ("", "1") else f"{name} ({unit})"


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
