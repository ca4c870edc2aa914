"""A predicted trajectory beside the true one, and how far apart they are."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nwidth.arrays import require_finite, require_shape, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting.field_maps import colours_of, paint_map
from nwidth.plotting.style import BLUE, DARK, GREY, TEXT, axis_label, plain
from nwidth.plotting.trajectories import chosen_times, moment

# Maps of a plane in one row.
MAPS = 4


def rollout(
    grid: Grid,
    times: Any,
    known: Any,
    predicted: Any,
    title: str = "",
    label: str = "",
    *,
    time: str = "t",
    names: tuple[str, str] = ("solver", "learned"),
) -> Figure:
    """Draw a known and a predicted trajectory, and their relative distance in L2 over time.

    Of fields with one axis, space and time of both and of their difference; of fields with two,
    maps at four times. Both have one scale of colours. `known` and `predicted` have shape
    `(time, *grid)`.

    >>> grid = Grid.periodic(8)
    >>> figure = rollout(grid, [0.0, 1.0], np.ones((2, 8)), np.zeros((2, 8)))
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['solver', 'learned', 'difference']
    """
    if grid.dimension > 2:
        raise InputError(f"rollout: expected one or two axes, got {grid.dimension}; take a plane")
    t = np.ravel(np.asarray(to_numpy(times), np.float64))
    u, v = (np.asarray(to_numpy(a), np.float64) for a in (known, predicted))
    for name, field in (("known", u), ("predicted", v)):
        require_shape(require_finite(field, f"rollout: {name}"), (len(t), *grid.shape), name)
    size = np.asarray(grid.norm(u))
    apart = np.asarray(grid.norm(v - u)) / np.where(size > 0, size, 1.0)
    figure = Figure(figsize=(9.0, 5.2 if grid.dimension == 1 else 6.8), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(2.6 if grid.dimension == 1 else 3.4, 1))
    upper, lower = parts
    if grid.dimension == 1:
        _diagrams(upper, grid, t, u, v, names, label, time)
    else:
        _maps(upper, grid, t, u, v, names, label, time)
    axes = plain(lower.subplots())
    shown = apart > 0
    axes.semilogy(t[shown], apart[shown], color=BLUE)
    axes.set(xlabel=time, xlim=(t[0], t[-1]))
    axes.set_ylabel("relative\ndistance", **TEXT)
    axes.grid(color=GREY, alpha=0.3, linewidth=0.5)
    if title:
        figure.suptitle(title, **TEXT)
    return figure


def _diagrams(
    figure: Any,
    grid: Grid,
    t: NDArray[Any],
    u: NDArray[Any],
    v: NDArray[Any],
    names: tuple[str, str],
    label: str,
    time: str,
) -> None:
    """Draw both fields and their difference over space and time."""
    colours, limits = colours_of(np.stack([u, v]))
    panels = figure.subplots(1, 3, sharey=True)
    x, mesh = grid.axes[0].points, None
    for axes, field, name in zip(panels, (u, v, v - u), (*names, "difference"), strict=True):
        mesh = axes.pcolormesh(
            x, t, field, cmap=colours, vmin=limits[0], vmax=limits[1], rasterized=True
        )
        axes.set_title(name, **TEXT)
        axes.set_xlabel(axis_label(grid, 0))
        axes.tick_params(labelsize=9, color=GREY, labelcolor=DARK)
    panels[0].set_ylabel(time)
    bar = figure.colorbar(mesh, ax=panels[-1], pad=0.02)
    bar.set_label(label, **TEXT)
    bar.outline.set_visible(False)


def _maps(
    figure: Any,
    grid: Grid,
    t: NDArray[Any],
    u: NDArray[Any],
    v: NDArray[Any],
    names: tuple[str, str],
    label: str,
    time: str,
) -> None:
    """Draw maps of both fields at a few times, one row each."""
    colours, limits = colours_of(np.stack([u, v]))
    chosen = chosen_times(len(t), MAPS)
    panels = figure.subplots(2, len(chosen), squeeze=False)
    for row, (field, name) in enumerate(zip((u, v), names, strict=True)):
        for column, k in enumerate(chosen):
            axes, last = panels[row, column], column == len(chosen) - 1
            paint_map(axes, grid, field[k], colours, limits, label if last else "", axis=(0, 1))
            if not last:
                axes.child_axes[0].remove()
            if row == 0:
                axes.set_title(moment(time, t[k]), **TEXT)
                axes.set_xlabel("")
                axes.tick_params(labelbottom=False)
            axes.set_ylabel(name if column == 0 else "", **TEXT)
            axes.tick_params(labelleft=False)
