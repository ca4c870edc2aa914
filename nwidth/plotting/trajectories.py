"""Fields in time: diagrams over space and time, snapshots, movies, spectra, what is conserved."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_path
from nwidth.arrays import require_finite, require_shape, to_numpy
from nwidth.atomic_file import written_in_place
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting.field_maps import colours_of, limits_of, paint_map, paper
from nwidth.plotting.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    MAGNITUDE,
    ORANGE,
    TEXT,
    axis_label,
    plain,
)

LINES = (BLUE, ORANGE, GREEN, DARK)
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (4, 2, 1, 2)), (0, (2, 2)))
MOVIES = (".gif", ".mp4")
# Boxes of this ratio of their lengths are drawn over the whole width.
LONG = 2
# Cells along an axis of a diagram, at most: no figure has more dots.
CELLS = 1600
# So few values are marked, as one alone makes no line.
FEW = 20
# A quantity below this part of the largest one is zero but for rounding.
ROUNDING = 1e-12
# Energies below this part of the largest one are squares of rounding errors, nearly.
ROUNDING_OF_ENERGIES = 1e-18


def space_time(
    grid: Grid, times: Any, values: Any, title: str = "", label: str = "", time: str = "t"
) -> Figure:
    """Draw a field of one axis over space (to the right) and time (upwards).

    `values` have shape `(time, points)`; `time` is the words at its axis. Long arrays are thinned.

    >>> grid = Grid.periodic(8)
    >>> type(space_time(grid, [0.0, 1.0], np.zeros((2, 8)))).__name__
    'Figure'
    """
    if grid.dimension != 1:
        raise InputError(f"space_time: expected a grid of one axis, got {grid.dimension}")
    t, data = _in_time(grid, times, values, title, 2)
    axis = grid.axes[0]
    steps = [-(-n // CELLS) for n in data.shape]
    x = axis.points[:: steps[1]]
    t, data = t[:: steps[0]], data[:: steps[0], :: steps[1]]
    colours, limits = colours_of(data)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(
        _edges(x), _edges(t), data, cmap=colours, vmin=limits[0], vmax=limits[1], rasterized=True
    )
    axes.set(xlabel=axis_label(grid, 0), ylabel=time, ylim=(t[0], t[-1]))
    axes.set_xlim(axis.faces[0], axis.faces[-1])
    axes.set_title(title, **TEXT)
    axes.tick_params(labelsize=9, color=GREY, labelcolor=DARK)
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(label, **TEXT)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def snapshots(
    grid: Grid,
    times: Any,
    values: Any,
    title: str = "",
    label: str = "",
    count: int = 5,
    *,
    time: str = "t",
) -> Figure:
    """Draw a field at up to `count` times: maps side by side under one scale of colours.

    Of fields with one axis curves are drawn, of fields with three the middle plane.

    >>> grid = Grid.periodic((4, 4))
    >>> [axes.get_title() for axes in snapshots(grid, [0.0, 2.0], np.zeros((2, 4, 4))).axes[:2]]
    ['t = 0', 't = 2']
    """
    t, data = _in_time(grid, times, values, title, 1)
    chosen = chosen_times(len(t), require_integer(count, "count", 1))
    grid, data, where = _plane(grid, data[chosen])
    title, moments = f"{title} {where}".strip(), [moment(time, t[k]) for k in chosen]
    if grid.dimension == 1:
        return _curves(grid, dict(zip(moments, data, strict=True)), title, label)
    colours, limits = colours_of(data)
    # Long boxes lie below one another.
    ratio, rows = grid.axes[0].length / grid.axes[1].length, 1
    if ratio > LONG:
        rows = len(chosen)
        figure = paper(8.2, 0.7 + rows * (0.5 + 6.6 / min(ratio, 5)))
    else:
        figure = paper(0.9 + 2.9 * len(chosen), 3.6)
    panels = figure.subplots(rows, len(chosen) // rows, squeeze=False).ravel()
    for k, (axes, words) in enumerate(zip(panels, moments, strict=True)):
        last = k == len(chosen) - 1
        paint_map(axes, grid, data[k], colours, limits, label if last else "", axis=(0, 1))
        axes.set_title(words, **TEXT)
        if not last:
            axes.child_axes[0].remove()
        if rows > 1 and not last:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
        if rows == 1 and k > 0:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
    if title:
        figure.suptitle(title, **TEXT)
    return figure


def _curves(grid: Grid, curves: Mapping[str, Any], title: str, label: str) -> Figure:
    """Draw a field of one axis at several times, darker to lighter."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = plain(figure.add_subplot())
    shades = colormaps[MAGNITUDE](np.linspace(0, 0.85, len(curves)))
    for colour, (name, u) in zip(shades, curves.items(), strict=True):
        axes.plot(grid.axes[0].points, u, color=colour, label=name)
    axes.set(xlabel=axis_label(grid, 0), ylabel=label)
    axes.set_title(title, **TEXT)
    figure.legend(frameon=False, fontsize=9, loc="outside right center")
    return figure


def movie(
    grid: Grid,
    times: Any,
    values: Any,
    path: str | Path,
    title: str = "",
    label: str = "",
    *,
    frames_per_second: int = 12,
    dpi: int = 100,
    time: str = "t",
) -> Path:
    """Write a movie of a field, one frame for each time, with fixed scales; of space, a plane.

    The suffix is the format: .gif, or .mp4 where the program ffmpeg is installed.
    """
    path = require_path(path, "path")
    t, data = _in_time(grid, times, values, title, 1)
    writer = _writer(path, require_integer(frames_per_second, "frames_per_second", 1))
    grid, data, where = _plane(grid, data)
    title = f"{title} {where}".strip()
    colours, limits = colours_of(data)
    if grid.dimension == 1:
        figure = Figure(figsize=(6.4, 3.6))
        axes = plain(figure.add_subplot())
        (line,) = axes.plot(grid.axes[0].points, data[0], color=BLUE)
        axes.set(xlabel=axis_label(grid, 0), ylabel=label, ylim=_wider(limits_of(data)))
        figure.subplots_adjust(left=0.13, right=0.97, bottom=0.15, top=0.9)
    else:
        ratio = grid.axes[0].length / grid.axes[1].length
        long = ratio > LONG
        figure = Figure(figsize=(7.6, 1.3 + 5.8 / min(ratio, 5)) if long else (5.2, 4.2))
        axes = figure.add_axes((0.09, 0.22, 0.76, 0.64) if long else (0.12, 0.13, 0.66, 0.76))
        paint_map(axes, grid, data[0], colours, limits, label, axis=(0, 1))
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"movie{path.suffix.lower()}"  # writers go by the suffix
        with writer.saving(figure, str(made), dpi):
            for k, now in enumerate(t):
                if grid.dimension == 1:
                    line.set_ydata(data[k])
                else:
                    axes.collections[0].set_array(data[k].T)
                axes.set_title(f"{title}  {moment(time, now)}".strip(), **TEXT)
                writer.grab_frame()
        with written_in_place(path) as draft:
            draft.write_bytes(made.read_bytes())
    return path


def energy_spectra(
    wavenumbers: Any,
    energies: Mapping[str, Any],
    slopes: Sequence[float] = (),
    title: str = "",
    *,
    label: str = "energy",
    wavenumber: str = "wavenumber k",
) -> Figure:
    """Draw energies over wavenumbers, both logarithmic, and lines of reference slopes beside them.

    `wavenumbers` (n,) and `energies` (n,) by name are those of `energy_spectrum`; zeros are left
    out. Slopes are, for instance, -5/3 and -3; their lines lie above the spectra.

    >>> figure = energy_spectra([0, 1, 2, 4], {"t = 0": [0, 1, 0.1, 0.01]}, slopes=[-3])
    >>> len(figure.axes[0].lines)
    2
    """
    k = require_finite(np.asarray(to_numpy(wavenumbers), np.float64), "wavenumbers")
    if not energies:
        raise InputError("energy_spectra: expected at least one spectrum to draw, got none")
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = plain(figure.add_subplot())
    found = {}
    for n, (name, energy) in enumerate(energies.items()):
        e = require_finite(np.asarray(to_numpy(energy), np.float64), name)
        good = (k > 0) & (require_shape(e, k.shape, name) > 0)
        if not good.any():
            raise InputError(f"{name}: expected energies > 0 at wavenumbers > 0, got none")
        axes.loglog(k[good], e[good], color=_line_colour(n, len(energies)), label=name)
        found[name] = k[good], e[good]
    low, high = axes.get_ylim()
    for n, slope in enumerate(slopes):
        size = 1.5 * max(float(np.max(e * waves**-slope)) for waves, e in found.values())
        axes.loglog(k[k > 0], size * k[k > 0] ** slope, ("--", ":", "-.")[n % 3], color=GREY)
        words = f"$k^{{{_fraction(slope)}}}$"
        end = (k.max(), size * k.max() ** slope)
        axes.annotate(words, end, (4, 0), textcoords="offset points", va="center", **TEXT)
    # Where energies fall to the rounding of the transforms there is nothing to read.
    axes.set_ylim(max(low, ROUNDING_OF_ENERGIES * high), 10 * high)
    axes.set(xlabel=wavenumber, ylabel=label)
    axes.set_title(title, **TEXT)
    axes.legend(frameon=False, fontsize=9)
    return figure


def conservation(
    times: Any, quantities: Mapping[str, Any], time: str = "t", title: str = ""
) -> Figure:
    """Draw quantities over time relative to their largest, and how far they are from their first.

    Quantities are arrays `(time,)` by name, as `Trajectory.invariants`; those that are zero but for
    the rounding of the others are drawn as zero.

    >>> figure = conservation([0.0, 1.0], {"mass": [1.0, 1.0], "energy": [2.0, 1.0]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['mass', 'energy']
    """
    if not quantities:
        raise InputError("conservation: expected at least one quantity to draw, got none")
    t = require_finite(np.asarray(to_numpy(times), np.float64), "times")
    figure = Figure(figsize=(10.4, 3.8), layout="constrained")
    left, right = (plain(axes) for axes in figure.subplots(1, 2))
    found = {}
    for name, values in quantities.items():
        q = require_finite(np.asarray(to_numpy(values), np.float64), name)
        found[name] = require_shape(q, t.shape, name)
    largest = max(float(abs(q).max()) for q in found.values())
    for n, (name, q) in enumerate(found.items()):
        size = float(abs(q).max())
        zero = size <= ROUNDING * largest
        q = np.zeros_like(q) if zero else q / size
        # Lines that lie on one another are told apart by their dashes.
        style: dict[str, Any] = {"color": _line_colour(n, len(found)), "linestyle": DASHES[n % 4]}
        style["marker"] = "." if len(t) < FEW else ""
        left.plot(t, q, label=f"{name} (zero)" if zero else name, **style)
        # Below the rounding of one number there is no change.
        right.semilogy(t[1:], np.maximum(abs(q - q[0])[1:], 1e-17), **style)
    left.set(xlabel=time, ylabel="value / its largest")
    right.set(xlabel=time, ylabel="|value - first| / its largest")
    if title:
        figure.suptitle(title, **TEXT)
    figure.legend(*left.get_legend_handles_labels(), frameon=False, fontsize=9,
                  loc="outside right center")  # fmt: skip
    return figure


def chosen_times(there: int, count: int) -> list[int]:
    """Return up to `count` numbers of times that are evenly spread, the first and the last too.

    >>> chosen_times(9, 3), chosen_times(2, 5)
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, there - 1, min(count, there)).round().astype(int)).tolist()


def middle_plane(grid: Grid) -> tuple[Grid, int, str]:
    """Return the first two axes of three, the index of the middle of the last, and where that is.

    >>> middle_plane(Grid.periodic((4, 4, 8)))[1:]
    (4, 'at z = 0.5')
    """
    index = grid.shape[2] // 2
    plane = Grid(grid.axes[:2])
    return plane, index, f"at {grid.names[2]} = {grid.axes[2].points[index]:.3g}"


def moment(time: str, t: float) -> str:
    """Return a time in words, of an axis called "t" or "t (s)".

    >>> moment("t", 0.5), moment("t (s)", 2.0)
    ('t = 0.5', 't = 2 s')
    """
    name, _, unit = time.partition(" (")
    return f"{name} = {t:.4g} {unit.rstrip(')')}".strip()


def _plane(grid: Grid, data: NDArray[Any]) -> tuple[Grid, NDArray[Any], str]:
    """Return what can be drawn of fields in time: of three axes, the middle plane."""
    if grid.dimension < 3:
        return grid, data, ""
    plane, index, where = middle_plane(grid)
    return plane, data[..., index], where


def _line_colour(n: int, count: int) -> Any:
    """Return a colour of a line: of more than there are, by its place."""
    return LINES[n] if count <= len(LINES) else colormaps[MAGNITUDE](0.85 * n / (count - 1))


def _in_time(
    grid: Grid, times: Any, values: Any, title: str, least: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return increasing times and the field at them, checked."""
    t = require_finite(np.asarray(to_numpy(times), np.float64), "times")
    if t.ndim != 1 or len(t) < least or (np.diff(t) <= 0).any():
        raise InputError(f"times: expected at least {least}, increasing, got {times!r:.80}")
    return t, require_shape(to_numpy(values), (len(t), *grid.shape), title or "field")


def _edges(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the cells of which these are about the middles."""
    middle = (points[1:] + points[:-1]) / 2
    first, last = points[0] - (middle[0] - points[0]), points[-1] + (points[-1] - middle[-1])
    return np.concatenate([[first], middle, [last]])


def _wider(limits: tuple[float, float]) -> tuple[float, float]:
    gap = 0.05 * (limits[1] - limits[0])
    return limits[0] - gap, limits[1] + gap


def _writer(path: Path, frames_per_second: int) -> AbstractMovieWriter:
    kind = path.suffix.lower()
    if kind not in MOVIES:
        raise InputError(f"{path}: expected a movie file ending in .gif or .mp4, got '{kind}'")
    if kind == ".gif":
        return PillowWriter(fps=frames_per_second)
    if not FFMpegWriter.isAvailable():
        raise InputError(
            f"{path}: expected the program ffmpeg for .mp4, which is not installed; use .gif"
        )
    return FFMpegWriter(fps=frames_per_second)


def _fraction(slope: float) -> str:
    """Return a slope as people write it.

    >>> _fraction(-5 / 3), _fraction(-3.0), _fraction(-2.5)
    ('-5/3', '-3', '-2.5')
    """
    thirds = round(3 * slope)
    if abs(3 * slope - thirds) < 1e-9 and thirds % 3:
        return f"{thirds}/3"
    return f"{slope:g}"
