"""Splines with their knots, and where their errors are beside those allowed."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import require_finite
from nwidth.errors import InputError
from nwidth.plotting.style import BLUE, DARK, GREEN, GREY, ORANGE, TEXT, plain
from nwidth.solvers.bsplines import AdaptiveSpline

LINES = (BLUE, ORANGE, GREEN, DARK)
CURVE = 1200
# Points of each interval where the error is looked for.
INSIDE = 8
# Errors below this part of the one allowed are drawn there.
LEAST = 1e-6


def adaptive_spline(
    spline: AdaptiveSpline,
    function: Callable[[Any], Any] | None = None,
    title: str = "",
    label: str = "",
    name: str = "x",
) -> Figure:
    """Draw a spline with its sites, the lengths of its intervals, and errors over those allowed.

    Args:
        spline: what `auto_knots` or `table_knots` returned; of several components up to four are
            drawn, real parts of complex ones, each from its smallest to its largest value.
        function: what it stands for, of an array of points: then errors are those found at eight
            points of each interval; else those estimated.
        title: above all.
        label: of the values.
        name: of the variable.

    >>> from nwidth.solvers.bsplines import auto_knots
    >>> type(adaptive_spline(auto_knots(np.tanh, -5, 5), np.tanh)).__name__
    'Figure'
    """
    require_instance(spline, "spline", AdaptiveSpline)
    sites = spline.sites
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    curve, length, error = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1.2))
    _curves(plain(curve), spline, label)
    curve.set_title(title, **TEXT)
    plain(length).step(sites, _left(np.diff(sites)), where="post", color=DARK, lw=1)
    length.set(yscale="log", ylabel="distance")
    length.set_title(f"distances of {len(sites)} sites, degree {spline.degree}", **TEXT)
    if function is None:
        x, e, words = sites, _left(spline.errors), "estimated errors"
    else:
        x, e = _found(spline, function)
        words = "errors"
    kind: dict[str, Any] = {"where": "post"} if function is None else {}
    draw = plain(error).step if function is None else error.plot
    draw(x, np.maximum(e, LEAST), color=BLUE, lw=0.8, **kind)
    error.axhline(1, color=ORANGE, lw=1.2)
    error.text(x[0], 1.3, "allowed", color=ORANGE, fontsize=9, va="bottom")
    error.set(yscale="log", xlabel=name, ylabel="part", xlim=(sites[0], sites[-1]))
    error.set_title(f"{words}, as parts of those allowed", **TEXT)
    error.set_ylim(LEAST / 2, max(30.0, 3 * float(e.max())))
    for axes in (length, error):
        axes.yaxis.set_minor_formatter(NullFormatter())
    for axes in (curve, length, error):
        axes.yaxis.label.set(color=DARK, fontsize=9)
    error.xaxis.label.set(color=DARK, fontsize=9)
    return figure


def _curves(axes: Any, spline: AdaptiveSpline, label: str) -> None:
    """Draw the components and marks at the sites."""
    sites = spline.sites
    x = np.union1d(np.linspace(sites[0], sites[-1], CURVE), sites)
    values = np.real(spline(x)).reshape(len(x), -1)[:, : len(LINES)]
    marks = np.real(spline.values).reshape(len(sites), -1)
    if values.shape[1] > 1:
        low = values.min(axis=0)
        range_ = np.where(np.ptp(values, axis=0) > 0, np.ptp(values, axis=0), 1)
        values, marks = (values - low) / range_, (marks[:, : len(LINES)] - low) / range_
    for k, colour in zip(range(values.shape[1]), LINES, strict=False):
        words = f"component {k + 1}" if values.shape[1] > 1 else None
        axes.plot(x, values[:, k], color=colour, lw=1.4, label=words)
        axes.plot(sites, marks[:, k], ".", color=colour, ms=4)
    axes.plot(sites, np.zeros(len(sites)), "|", color=GREY, ms=7, transform=_at_the_bottom(axes))
    axes.set_ylabel(label)
    if values.shape[1] > 1:
        axes.legend(frameon=False, fontsize=9)


def _at_the_bottom(axes: Any) -> Any:
    """Return the transform with data to the right and parts of the axes upwards."""
    return axes.get_xaxis_transform()


def _left(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers of intervals, the last one twice, for a plot of steps."""
    return np.append(numbers, numbers[-1])


def _found(
    spline: AdaptiveSpline, function: Callable[[Any], Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points of all intervals and the errors there over those allowed."""
    sites = spline.sites
    parts = (np.arange(INSIDE) + 0.5) / INSIDE
    x = (sites[:-1, None] + np.diff(sites)[:, None] * parts).ravel()
    wanted, given = spline(x), np.asarray(require_finite(function(x), "function"))
    if given.shape != wanted.shape:
        raise InputError(
            f"function: expected values of shape {wanted.shape} for {len(x)} points, got "
            f"{given.shape}; leave it out to draw estimated errors"
        )
    error = np.abs(wanted - given) / np.maximum(spline.allowed(x), np.finfo(float).tiny)
    return x, error.reshape(len(x), -1).max(axis=1)
