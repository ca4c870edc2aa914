"""Fields in time: diagrams over space and time, snapshots, movies, spectra, what is conserved."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nwidth.arrays import require_finite, require_shape, to_numpy
from nwidth.atomic_file import written_in_place
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting.field_maps import limits_of, paint_map
from nwidth.plotting.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    MAGNITUDE,
    ORANGE,
    SIGNED,
    TEXT,
    axis_label,
    plain,
)

LINES = (BLUE, ORANGE, GREEN, DARK)
MOVIES = (".gif", ".mp4")
# Cells along an axis of a diagram, at most: no figure has more dots.
CELLS = 1600
# Of positive and negative values, the lesser part of which both get colours of their own.
BOTH_SIGNS = 0.1
# A quantity below this part of the largest one is zero but for rounding.
ROUNDING = 1e-12


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
    grid: Grid, times: Any, values: Any, title: str = "", label: str = "", count: int = 5
) -> Figure:
    """Draw a field of two axes at up to `count` times side by side, under one scale of colours."""
    if grid.dimension != 2:
        raise InputError(f"snapshots: expected a grid of two axes, got {grid.dimension}")
    t, data = _in_time(grid, times, values, title, 1)
    chosen = np.unique(np.linspace(0, len(t) - 1, min(count, len(t))).round().astype(int))
    colours, limits = colours_of(data[chosen])
    figure = Figure(figsize=(0.9 + 2.9 * len(chosen), 3.5), layout="constrained")
    panels = figure.subplots(1, len(chosen), squeeze=False)[0]
    for axes, k in zip(panels, chosen, strict=True):
        last = k == chosen[-1]
        paint_map(axes, grid, data[k], colours, limits, label if last else "", axis=(0, 1))
        axes.set_title(f"t = {t[k]:.4g}", **TEXT)
        if not last:
            axes.child_axes[0].remove()
        if k != chosen[0]:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
    if title:
        figure.suptitle(title, **TEXT)
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
) -> Path:
    """Write a movie of a field of one or two axes, one frame for each time, with fixed scales.

    The suffix is the format: .gif, or .mp4 where the program ffmpeg is installed.
    """
    path = Path(path)
    if grid.dimension > 2:
        raise InputError(f"movie: expected a grid of one or two axes, got {grid.dimension}")
    t, data = _in_time(grid, times, values, title, 1)
    writer = _writer(path, frames_per_second)
    colours, limits = colours_of(data)
    if grid.dimension == 1:
        figure = Figure(figsize=(6.4, 3.6))
        axes = plain(figure.add_subplot())
        (line,) = axes.plot(grid.axes[0].points, data[0], color=BLUE)
        axes.set(xlabel=axis_label(grid, 0), ylabel=label, ylim=_wider(limits_of(data)))
    else:
        figure = Figure(figsize=(5.2, 4.2))
        axes = figure.add_axes((0.12, 0.13, 0.66, 0.76))
        paint_map(axes, grid, data[0], colours, limits, label, axis=(0, 1))
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"movie{path.suffix.lower()}"  # writers go by the suffix
        with writer.saving(figure, str(made), dpi):
            for k, moment in enumerate(t):
                if grid.dimension == 1:
                    line.set_ydata(data[k])
                else:
                    axes.collections[0].set_array(data[k].T)
                axes.set_title(f"{title}  t = {moment:.4g}".strip(), **TEXT)
                writer.grab_frame()
        with written_in_place(path) as draft:
            draft.write_bytes(made.read_bytes())
    return path


def energy_spectra(
    wavenumbers: Any, energies: Mapping[str, Any], slopes: Sequence[float] = ()
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
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = plain(figure.add_subplot())
    found = {}
    for n, (name, energy) in enumerate(energies.items()):
        e = require_finite(np.asarray(to_numpy(energy), np.float64), name)
        good = (k > 0) & (require_shape(e, k.shape, name) > 0)
        if not good.any():
            raise InputError(f"{name}: expected energies > 0 at wavenumbers > 0, got none")
        axes.loglog(k[good], e[good], color=LINES[n % len(LINES)], label=name)
        found[name] = k[good], e[good]
    low, high = axes.get_ylim()
    for n, slope in enumerate(slopes):
        size = 1.5 * max(float(np.max(e * waves**-slope)) for waves, e in found.values())
        style = ("--", ":", "-.")[n % 3]
        axes.loglog(k[k > 0], size * k[k > 0] ** slope, style, color=GREY,
                    label=f"$k^{{{_fraction(slope)}}}$")  # fmt: skip
    # Where energies fall to the rounding of the transforms there is nothing to read.
    axes.set_ylim(max(low, 1e-20 * high), 10 * high)
    axes.set(xlabel="wavenumber", ylabel="energy")
    axes.legend(frameon=False, fontsize=9)
    return figure


def conservation(times: Any, quantities: Mapping[str, Any], time: str = "t") -> Figure:
    """Draw quantities over time relative to their largest, and how far they are from their first.

    Quantities are arrays `(time,)` by name, as `Trajectory.invariants`; those that are zero but for
    the rounding of the others are drawn as zero.
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
        q = q / size if size > ROUNDING * largest else np.zeros_like(q)
        colour = LINES[n % len(LINES)]
        left.plot(t, q, color=colour, label=name)
        # Below the rounding of one number there is no change.
        right.semilogy(t[1:], np.maximum(abs(q - q[0])[1:], 1e-17), color=colour, label=name)
    left.set(xlabel=time, ylabel="relative to its largest")
    right.set(xlabel=time, ylabel="change since the start")
    left.legend(frameon=False, fontsize=9)
    return figure


def colours_of(data: NDArray[Any]) -> tuple[str, tuple[float, float]]:
    """Return colours and limits: two colours around zero where there are both signs."""
    low, high = limits_of(data)
    most = max(-low, high)
    if min(-low, high) > BOTH_SIGNS * most:
        return SIGNED, (-most, most)
    return MAGNITUDE, (low, high)


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
        raise InputError(f"{path}: expected the program ffmpeg for .mp4; install it, or write .gif")
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
