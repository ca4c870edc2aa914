"""Splines: their functions, and rational domains with mesh lines and a field on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import real_floating, require_finite, require_shape, to_numpy
from nwidth.errors import InputError
from nwidth.plotting.field_maps import colours_of, paper
from nwidth.plotting.style import DARK, GREY, MAGNITUDE, ORANGE, TEXT, plain
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.nurbs import Nurbs

Array = NDArray[Any]


def spline_functions(basis: BSplineBasis, title: str = "", order: int = 0) -> Figure:
    """Draw all functions of a basis, or their derivatives, with knots and Greville points below.

    >>> from nwidth.meshes import KnotVector
    >>> len(spline_functions(BSplineBasis(KnotVector.uniform(3, 2))).axes[0].lines)
    7
    """
    require_instance(basis, "basis", BSplineBasis)
    ends = basis.knots.breakpoints
    # Points on both sides of each knot, as derivatives may jump there.
    inside = np.linspace(1e-9, 1 - 1e-9, 40)
    x = (ends[:-1, None] + np.diff(ends)[:, None] * inside).ravel()
    values = basis.matrix(x, require_integer(order, "order", 0)).toarray()
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = plain(figure.add_subplot())
    shades = colormaps[MAGNITUDE](np.linspace(0, 0.85, basis.size))
    for j in range(basis.size):
        supported = np.where(values[:, j] != 0, values[:, j], np.nan)
        axes.plot(x, supported, color=shades[j], linewidth=1.3)
    low = axes.get_ylim()[0]
    axes.plot(ends, np.full(len(ends), low), "|", color=DARK, clip_on=False, label="knots")
    points = basis.greville
    axes.plot(points, np.full(len(points), low), "o", color=ORANGE, markersize=3.5,
              clip_on=False, label="Greville points")  # fmt: skip
    axes.set(xlabel="x", xlim=(basis.lower, basis.upper), ylim=(low, None))
    axes.set_title(title, **TEXT)
    figure.legend(frameon=False, fontsize=9, loc="outside right upper")
    return figure


def nurbs_field(
    geometry: Nurbs,
    values: Any = None,
    title: str = "",
    label: str = "",
    *,
    parameters: Sequence[Any] | None = None,
    mesh: bool = True,
    control: bool = False,
    points: int = 161,
) -> Figure:
    """Draw a plane domain of a NURBS map: a field in colours, the images of the knots, the net.

    Args:
        geometry: two parameters to two coordinates.
        values: of the field: a callable of the two parameters, arrays of one shape, such as
            `lambda u, v: solution(u, v)`; or an array on the grid of `parameters`; None for the
            domain alone.
        title: above the figure.
        label: name and unit of the field, at the colour bar.
        parameters: for an array, its points along each parameter, at least two each.
        mesh: whether to draw the images of the knots; the boundary is always there.
        control: whether to draw control points and the net between them.
        points: along each parameter, where the field is a callable.

    >>> from nwidth.solvers.bsplines import quarter_annulus
    >>> figure = nurbs_field(quarter_annulus(), lambda u, v: u * v, label="temperature (K)")
    >>> len(figure.axes)
    1
    """
    require_instance(geometry, "geometry", Nurbs)
    if (geometry.dimension, geometry.space) != (2, 2):
        raise InputError(
            f"geometry: expected two parameters and two coordinates to draw, got {geometry}; take "
            "a side of a body"
        )
    figure = paper(5.6, 4.2)
    axes = figure.add_subplot()
    if values is not None:
        grid, data = _sampled(geometry, values, parameters, require_integer(points, "points", 2))
        x, y = geometry.on_grid(grid).points
        colours, limits = colours_of(data)
        image = axes.pcolormesh(
            *(x, y, data), shading="gouraud", cmap=colours, vmin=limits[0], vmax=limits[1],
            rasterized=True,
        )  # fmt: skip
        beside = axes.inset_axes((1.03, 0.0, 0.045, 1.0))
        bar = figure.colorbar(image, cax=beside)
        bar.set_label(label, **TEXT)
        beside.tick_params(labelsize=8, color=GREY, labelcolor=DARK)
        bar.outline.set_visible(False)  # type: ignore[operator]
    draw_knot_lines(axes, geometry, inner=mesh)
    if control:
        P = geometry.points
        for net in (P, P.swapaxes(0, 1)):
            axes.add_collection(LineCollection([*net], colors=ORANGE, linewidths=0.8))
        axes.plot(*P.reshape(-1, 2).T, "o", color=ORANGE, markersize=4)
    axes.set(xlabel="x", ylabel="y", aspect="equal")
    _with_margins(axes, geometry, control)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    plain(axes)
    axes.set_title(title, **TEXT)
    return figure


def draw_knot_lines(axes: Axes, geometry: Nurbs, inner: bool = True, points: int = 161) -> None:
    """Draw the boundary of a plane NURBS domain, and the images of its inner knots."""
    for k, knots in enumerate(geometry.knots):
        other = geometry.knots[1 - k]
        along = np.union1d(other.breakpoints, np.linspace(other.lower, other.upper, points))
        ends = [] if knots.periodic else [knots.lower, knots.upper]
        lines = knots.breakpoints if inner else np.asarray(ends)
        if not len(lines):
            continue
        grid = [lines, along] if k == 0 else [along, lines]
        found = np.moveaxis(geometry.on_grid(grid).points, 0, -1)
        found = found if k == 0 else found.swapaxes(0, 1)
        border = np.isin(lines, ends)
        widths = np.where(border, 1.4, 0.5)
        colours = [DARK if b else GREY for b in border]
        axes.add_collection(LineCollection([*found], colors=colours, linewidths=widths))


def _with_margins(axes: Axes, geometry: Nurbs, control: bool) -> None:
    """Set limits with room around the domain, so that no line is cut along its middle."""
    sides = [np.linspace(k.lower, k.upper, 97) for k in geometry.knots]
    x = geometry.on_grid(sides).points.reshape(2, -1)
    x = np.concatenate([x, geometry.points.reshape(-1, 2).T], axis=1) if control else x
    low, high = x.min(axis=1), x.max(axis=1)
    room = 0.02 * (high - low).max()
    axes.set_xlim(low[0] - room, high[0] + room)
    axes.set_ylim(low[1] - room, high[1] + room)


def _sampled(
    geometry: Nurbs, values: Any, parameters: Sequence[Any] | None, points: int
) -> tuple[list[Array], Array]:
    """Return the grid of parameters and the field there."""
    if callable(values):
        grid = [
            np.union1d(k.breakpoints, np.linspace(k.lower, k.upper, points)) for k in geometry.knots
        ]
        data = to_numpy(values(*np.meshgrid(*grid, indexing="ij")))
    else:
        if not isinstance(parameters, list | tuple) or len(parameters) != 2:
            raise InputError(
                f"parameters: expected two arrays with the points of the field, got "
                f"{parameters!r:.80}"
            )
        grid = [to_numpy(real_floating(x, "parameters")) for x in parameters]
        data = to_numpy(values)
    if any(x.ndim != 1 or len(x) < 2 for x in grid):
        raise InputError("parameters: expected two arrays of at least two points each")
    data = require_shape(data, tuple(len(x) for x in grid), "values")
    if np.iscomplexobj(data):
        raise InputError("values: expected real numbers to draw, got complex ones; take one part")
    return grid, require_finite(data, "values")
