"""Fractional diffusion: pulses that spread by jumps, eigenvalues beside the symbol."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import real_floating, require_finite, require_shape, to_numpy
from nwidth.errors import InputError
from nwidth.plotting.style import BLUE, DARK, GREY, MAGNITUDE, ORANGE, TEXT, few_labels, plain

# Densities below this part of the largest are not drawn.
DEEP = 1e-7


def spreading(
    x: Any,
    profiles: Mapping[float, Any],
    times: Any,
    widths: Mapping[float, Any],
    title: str = "",
) -> Figure:
    """Draw pulses of several orders alpha at one time, and how their widths grow.

    `profiles` has densities at the points x by order, whose tails show on a logarithmic axis;
    `widths` has one number for each of the times by order, drawn beside t^(1 / alpha).

    >>> x = np.linspace(-1, 1, 5)
    >>> figure = spreading(x, {1.5: np.exp(-x * x)}, [1.0, 2.0], {1.5: [1.0, 1.6]})
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['x', 't']
    """
    points, t = _numbers(x, "x"), _above_zero(times, "times")
    for given, name in ((profiles, "profiles"), (widths, "widths")):
        for alpha in require_instance(given, name, Mapping):
            require_number(alpha, f"{name}: order", "(0, 2]")
    if not profiles or {*profiles} != {*widths}:
        raise InputError(
            "spreading: expected profiles and widths of the same orders, at least one, got "
            f"{sorted(profiles)} and {sorted(widths)}"
        )
    figure = Figure(figsize=(10.4, 3.8), layout="constrained")
    left, right = (plain(axes) for axes in figure.subplots(1, 2))
    orders, peak = sorted(profiles), 0.0
    for n, alpha in enumerate(orders):
        u = require_shape(_numbers(profiles[alpha], "profiles"), points.shape, "profiles")
        width = require_shape(_above_zero(widths[alpha], "widths"), t.shape, "widths")
        if not u.max() > 0:
            raise InputError(f"profiles: expected densities > 0 somewhere, got {u.max():g} at most")
        peak = max(peak, float(u.max()))
        colour = DARK if alpha == 2 else colormaps[MAGNITUDE](0.8 * n / max(len(orders) - 1, 1))
        style: dict[str, Any] = {"color": colour, "label": rf"$\alpha$ = {alpha:g}"}
        left.semilogy(points, np.where(u > 0, u, np.nan), **style)
        right.loglog(t, width, ".", **style)
        right.loglog(t, width[-1] * (t / t[-1]) ** (1 / alpha), "--", color=colour, linewidth=0.8)
    left.set(xlabel="x", ylabel="density", ylim=(DEEP * peak, 2 * peak))
    right.set(xlabel="t", ylabel="half width at half height")
    right.yaxis.set_major_formatter(ScalarFormatter())
    right.yaxis.set_minor_formatter(ScalarFormatter())
    few_labels(right, lambda value: f"{value:g}")
    right.set_title(r"dashed: $t^{1/\alpha}$", **TEXT)
    left.set_title(title, **TEXT)
    left.legend(frameon=False, fontsize=9)
    return figure


def eigenvalues_against_symbol(
    panels: Mapping[str, tuple[Any, Any]], title: str = "", label: str = "eigenvalue"
) -> Figure:
    """Draw sorted eigenvalues over t_k = k pi / (n + 1), and a symbol sampled there, in panels.

    `panels` has (eigenvalues, symbol at t_1 ... t_n) by name, both of n numbers >= 0; the symbol is
    drawn as it is, and sorted as well where it is not monotone, which is what eigenvalues approach.

    >>> figure = eigenvalues_against_symbol({"p = 3": ([1.0, 2.0], [0.9, 2.1])})
    >>> figure.axes[0].get_title()
    'p = 3'
    """
    if not require_instance(panels, "panels", Mapping):
        raise InputError("eigenvalues_against_symbol: expected at least one panel, got none")
    figure = Figure(figsize=(2.4 + 2.8 * len(panels), 3.6), layout="constrained")
    names: dict[str, Any] = {}
    for n, (name, pair) in enumerate(panels.items()):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError(f"{name}: expected a pair, eigenvalues and symbol, got {pair!r:.80}")
        eigenvalues, symbol = pair
        found, f = np.sort(_numbers(eigenvalues, name)), _numbers(symbol, name)
        require_shape(f, found.shape, f"{name}: symbol")
        theta = np.pi * np.arange(1, len(f) + 1) / (len(f) + 1)
        axes = plain(figure.add_subplot(1, len(panels), n + 1))
        few = max(1, len(f) // 40)
        axes.plot(theta, f, color=GREY, linewidth=1.0, label="symbol")
        if (np.diff(f) < 0).any():
            axes.plot(theta, np.sort(f), color=ORANGE, linewidth=1.0, label="symbol, sorted")
        shown = (np.arange(len(f)) % few == 0) | (found > 1.01 * f.max())
        axes.plot(
            theta[shown], found[shown], ".", color=BLUE, markersize=4, label="eigenvalues, sorted"
        )
        axes.set(xlabel=r"$\theta$", xticks=[0, np.pi / 2, np.pi])
        axes.set_xticklabels(["0", r"$\pi/2$", r"$\pi$"])
        axes.set_title(name, **TEXT)
        if n == 0:
            axes.set_ylabel(label)
        names |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(
        [*names.values()], [*names], frameon=False, fontsize=9, loc="outside right center"
    )
    if title:
        figure.suptitle(title, **TEXT)
    return figure


def _above_zero(values: Any, name: str) -> NDArray[np.float64]:
    """Return numbers for a logarithmic axis."""
    array = _numbers(values, name)
    if not array.min() > 0:
        raise InputError(f"{name}: expected numbers > 0, got {array.min():g} among them")
    return array


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    array = to_numpy(real_floating(values, name)).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name}: expected a list of numbers, got shape {array.shape}")
    return require_finite(array, name)
