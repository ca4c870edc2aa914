"""Reduced models: where sensors stand, how errors decay, how sharp bounds are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nwidth.arrays import require_shape, to_numpy
from nwidth.meshes import Grid
from nwidth.plotting.field_maps import limits_of, paint_map, planes_of
from nwidth.plotting.style import (
    BLUE,
    DARK,
    GREY,
    MAGNITUDE,
    ORANGE,
    TEXT,
    axis_label,
    percent,
    plain,
    positive,
)

# Ratios that spread more than this are drawn on a logarithmic axis.
WIDE = 20.0


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
        plain(axes).plot(grid.axes[0].points, data, color=GREY)
        axes.set(xlabel=axis_label(grid, 0), ylabel=label)
        seen = np.stack([places[:, 0], np.interp(places[:, 0], grid.axes[0].points, data)], axis=1)
    else:
        first, second, plane, _ = planes_of(grid, data)[0]
        paint_map(axes, grid, plane, MAGNITUDE, limits_of(plane), label, axis=(first, second))
        seen = places[:, [first, second]]
    axes.plot(*seen.T, "o", color="white", markeredgecolor=DARK, markersize=13)
    for number, place in enumerate(seen):
        axes.annotate(str(number), place, ha="center", va="center", fontsize=8, color=DARK)
    axes.set_title(f"{len(places)} sensors on the mean field", **TEXT)
    if lost is not None:
        errors = 100 * require_shape(positive(lost, "errors"), (len(places),), "errors")
        axes = plain(panels[1])
        axes.bar(np.arange(len(errors)), errors, color=BLUE, width=0.7)
        if intact is not None:
            axes.axhline(100 * intact, color=ORANGE, label=f"all sensors: {percent(intact)}")
            axes.legend(frameon=False, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="sensor that fails", ylabel="relative error of the field (%)")
        axes.set_title("reconstruction from the others", **TEXT)
    return figure


def interpolation(errors: Any, singular_values: Any = None, lebesgue: Any = None) -> Figure:
    """Draw how empirical interpolation converges, beside the best possible, and how it amplifies.

    `errors` are those before the first step and after each one, `singular_values` those of the
    data, both drawn relative to their first; `lebesgue` are the Lebesgue constants after each step.
    """
    figure = Figure(figsize=(5.6 if lebesgue is None else 11.2, 3.8), layout="constrained")
    panels = figure.subplots(1, 1 if lebesgue is None else 2, squeeze=False)[0]
    axes, found = plain(panels[0]), positive(errors, "errors")
    axes.semilogy(found / found[0], "o-", color=BLUE, markersize=4, label="interpolation")
    if singular_values is not None:
        best = positive(singular_values, "singular values")[: len(found)]
        axes.semilogy(best / best[0], color=GREY, linewidth=2, label="singular values")
    axes.set(xlabel="fields and points", ylabel="relative error")
    axes.legend(frameon=False, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if lebesgue is not None:
        constants, axes = positive(lebesgue, "Lebesgue constants"), plain(panels[1])
        axes.plot(np.arange(1, len(constants) + 1), constants, "o-", color=ORANGE, markersize=4)
        axes.set(xlabel="fields and points", ylabel="Lebesgue constant", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def singular_values(values: Any, errors: Any = None) -> Figure:
    """Draw singular values, and errors that are left with 0, 1, 2, ... modes, beside them.

    Both are drawn relative to their first.
    """
    found = positive(values, "singular values")
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = plain(figure.add_subplot())
    axes.semilogy(np.arange(1, len(found) + 1), found / found[0], color=GREY, linewidth=2,
                  label="singular values")  # fmt: skip
    if errors is not None:
        left = positive(errors, "errors")
        axes.semilogy(left / left[0], "o-", color=BLUE, markersize=4, label="error")
    axes.set(xlabel="modes", ylabel="relative to the first")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)
    return figure


def greedy_history(bounds: Any, errors: Any = None, rtol: float | None = None) -> Figure:
    """Draw the largest error bound over the training parameters after each basis vector.

    `bounds` and, where they are known, `errors` are relative, the first with no vector yet; what
    is infinite, as relative bounds then are, is left out.
    """
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    _history(plain(figure.add_subplot()), bounds, errors, rtol)
    return figure


def effectivities(bounds: Any, errors: Any) -> Figure:
    """Draw how often the bound is how many times the true error; none may be below one."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    _ratios(plain(figure.add_subplot()), bounds, errors)
    return figure


def response(
    parameters: Any, values: Any, bounds: Any, errors: Any = None, xlabel: str = "parameter"
) -> Figure:
    """Draw an output over one parameter within its bounds and, beside it, bounds and errors.

    `parameters`, real `values`, `bounds` of their errors and, where they are known, `errors` have
    the shape (m,), in any order. Infinite bounds are left out.
    """
    mu = np.asarray(parameters, np.float64)
    order, given = np.argsort(mu), (values, bounds, *(() if errors is None else (errors,)))
    y, delta, *true = (
        require_shape(np.asarray(part, np.float64), mu.shape, name)[order]
        for part, name in zip(given, ("values", "bounds", "errors"), strict=False)
    )
    delta, mu = np.where(np.isposinf(delta), np.nan, delta), mu[order]
    figure = Figure(figsize=(11.4, 3.9), layout="constrained")
    first, second = (plain(axes) for axes in figure.subplots(1, 2))
    first.fill_between(
        mu, y - delta, y + delta, color=ORANGE, alpha=0.5, linewidth=0, label="bound"
    )
    first.plot(mu, y, color=BLUE, linewidth=1.4, label="reduced model")
    first.set(xlabel=xlabel, ylabel="output")
    first.legend(frameon=False, fontsize=9)
    second.semilogy(mu, delta, color=ORANGE, label="bound")
    if true:
        second.semilogy(mu, true[0], ".", color=GREY, markersize=4, label="error")
    second.set(xlabel=xlabel, ylabel="error of the output")
    second.legend(frameon=False, fontsize=9)
    return figure


def reduction(
    history: Any, bounds: Any, errors: Any, seconds: Mapping[str, float], rtol: float | None = None
) -> Figure:
    """Draw what a reduced model can do: greedy history, effectivities, time of each way to solve.

    `history` holds the largest relative bounds of 0, 1, ... vectors, `bounds` and `errors` those
    of new parameters, none where errors are not known from round-off, `seconds` the time of one
    solution by method.
    """
    figure = Figure(figsize=(15.0, 3.9), layout="constrained")
    first, second, third = (plain(axes) for axes in figure.subplots(1, 3))
    _history(first, history, None, rtol)
    if np.size(errors):
        _ratios(second, bounds, errors)
    else:
        second.set_axis_off()
        second.text(0.5, 0.5, "errors are round-off\nof the full solves", ha="center", **TEXT)
    names, times = list(seconds), 1e6 * positive(list(seconds.values()), "times")
    rows = np.arange(len(names))[::-1]
    third.barh(rows, times, height=0.62, color=[GREY, *[BLUE] * (len(names) - 1)])
    for row, time in zip(rows, times, strict=True):
        word = f"{time:.3g}" if time < 1000 else f"{time:,.0f}"
        third.annotate(f"{word} µs", (time, row), (5, 0), textcoords="offset points",
                       va="center", size=9)  # fmt: skip
    third.set_yticks(rows, names, fontsize=9)
    third.set_xscale("log")
    third.set_xlim(times.min() / 2, times.max() * 12)  # room for the words
    third.set(xlabel="microseconds per parameter")
    third.tick_params(axis="y", length=0)
    return figure


def _history(axes: Axes, bounds: Any, errors: Any, rtol: float | None) -> None:
    found = np.asarray(bounds, np.float64)
    sizes = np.flatnonzero(~np.isposinf(found))
    found = positive(found[sizes], "bounds")
    axes.semilogy(sizes, found, "o-", color=BLUE, markersize=4, label="largest bound")
    if errors is not None:
        axes.semilogy(positive(errors, "errors"), color=GREY, linewidth=2, label="largest error")
    if rtol is not None:
        axes.axhline(rtol, color=ORANGE, label=f"tolerance {rtol:g}")
    axes.set(xlabel="basis vectors", ylabel="relative error over the training set")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)


def _ratios(axes: Axes, bounds: Any, errors: Any) -> None:
    found = positive(bounds, "bounds")
    ratios = found / require_shape(positive(errors, "errors"), found.shape, "errors")
    low, high = min(float(ratios.min()) * 0.999, 1.0), float(ratios.max()) * 1.05
    wide = high > WIDE * low
    edges = np.geomspace(low, high, 33) if wide else np.linspace(low, high, 33)
    axes.hist(ratios, edges.tolist(), color=BLUE, alpha=0.65)
    axes.set_xscale("log" if wide else "linear")
    axes.axvline(1.0, color=ORANGE, linewidth=1.6)
    axes.set(xlabel="bound / true error", ylabel="number of parameters")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    below = int((ratios < 1).sum())
    told = f"median {np.median(ratios):.3g}, largest {ratios.max():.3g}, {below} below one"
    axes.set_title(told, **TEXT)
