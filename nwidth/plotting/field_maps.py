"""Fields: curves in one dimension, maps in two, planes of three."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from nwidth.arrays import require_shape, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.plotting.style import BLUE, DARK, GREY, MAGNITUDE, SIGNED, TEXT, axis_label, plain

# Of positive and negative values, the lesser part of which both get colours of their own.
BOTH_SIGNS = 0.1


def field(grid: Grid, values: Any, title: str = "", label: str = "") -> Figure:
    """Draw one field: a curve in 1-D, a map in 2-D, the three middle planes in 3-D.

    `values` has the shape of the grid; `label` names the quantity and its unit on the colour bar.

    >>> type(field(Grid.uniform((5, 4)), np.ones((5, 4)))).__name__
    'Figure'
    """
    data = require_shape(to_numpy(values), grid.shape, title or "field")
    if grid.dimension == 1:
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = plain(figure.add_subplot())
        axes.plot(grid.axes[0].points, data, color=BLUE)
        axes.set(xlabel=axis_label(grid, 0), ylabel=label)
        axes.set_title(title, **TEXT)
        return figure
    planes = planes_of(grid, data)
    figure = paper(1.0 + 4.2 * len(planes), 3.8)
    colours, limits = colours_of(data)
    for k, (first, second, plane, where) in enumerate(planes):
        axes = figure.add_subplot(1, len(planes), k + 1)
        paint_map(axes, grid, plane, colours, limits, label, axis=(first, second))
        axes.set_title(f"{title} {where}".strip(), **TEXT)
    return figure


def fields(grid: Grid, values: Mapping[str, Any]) -> Figure:
    """Draw several fields of one grid side by side, each with its own scale and its name on top.

    Of vector fields `(*grid, component)` the length is drawn; of 3-D fields the middle plane.
    """
    if not values:
        raise InputError("fields: expected at least one field to draw, got none")
    figure = paper(0.8 + 4.0 * len(values), 3.7)
    panels = figure.subplots(1, len(values), squeeze=False)[0]
    for axes, (name, array) in zip(panels, values.items(), strict=True):
        data = to_numpy(array)
        if data.ndim == grid.dimension + 1:
            data = np.linalg.norm(data, axis=-1)
        require_shape(data, grid.shape, name)
        if grid.dimension == 1:
            plain(axes).plot(grid.axes[0].points, data, color=BLUE)
            axes.set(xlabel=axis_label(grid, 0))
        else:
            first, second, plane, where = planes_of(grid, data)[0]
            name = f"{name} {where}".strip()
            paint_map(axes, grid, plane, *colours_of(plane), "", axis=(first, second))
        axes.set_title(name, **TEXT)
    return figure


def paper(width: float, height: float) -> Figure:
    """Return a figure for maps, in inches.

    The layout is made before axes of equal aspect shrink, and cut their labels without this rim.
    """
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.14, w_pad=0.08))


def paint_map(
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
    axes.set(xlabel=axis_label(grid, axis[0]), ylabel=axis_label(grid, axis[1]))
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
    bar.set_label(label, **TEXT)
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


def planes_of(grid: Grid, data: NDArray[Any]) -> list[tuple[int, int, NDArray[Any], str]]:
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


def colours_of(data: NDArray[Any]) -> tuple[str, tuple[float, float]]:
    """Return colours and limits: two colours around zero where there are both signs.

    >>> colours_of(np.array([-1.0, 3.0])), colours_of(np.array([1.0, 3.0]))
    (('RdBu_r', (-3.0, 3.0)), ('viridis', (1.0, 3.0)))
    """
    low, high = limits_of(data)
    most = max(-low, high)
    if min(-low, high) > BOTH_SIGNS * most:
        return SIGNED, (-most, most)
    return MAGNITUDE, (low, high)


def limits_of(data: Any) -> tuple[float, float]:
    """Return the range of the finite values, of length one if there is one value only."""
    finite = data[np.isfinite(data)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _few(plane: NDArray[Any]) -> list[float]:
    """Return the distinct values of a piecewise constant field with up to four of them, else []."""
    values = np.unique(plane[:: max(1, plane.shape[0] // 64)])
    return [float(v) for v in values] if 1 < len(values) <= 4 else []
