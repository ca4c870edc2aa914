"""Fields on curved domains, and errors against effort."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from nwidth.arrays import require_finite, require_shape, to_numpy
from nwidth.errors import InputError
from nwidth.plotting.field_maps import colours_of
from nwidth.plotting.style import MAGNITUDE, TEXT, few_labels, plain


def mapped_field(x: Any, y: Any, values: Any, title: str = "", label: str = "") -> Figure:
    """Draw a field on a mapped domain, whose points x, y (m, n) are those of a curved grid.

    `label` names the quantity and its unit on the colour bar; values have the shape of x and y.

    >>> import numpy as np
    >>> r, t = np.meshgrid(np.linspace(1, 2, 5), np.linspace(0, 1, 7), indexing="ij")
    >>> figure = mapped_field(r * np.cos(t), r * np.sin(t), r, label="radius")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['y', 'radius']
    """
    points = [_numbers(v, name) for v, name in ((x, "x"), (y, "y"))]
    if points[0].ndim != 2 or points[0].shape != points[1].shape or min(points[0].shape) < 2:
        raise InputError(
            f"mapped_field: expected x and y of one shape (m, n), at least (2, 2), got "
            f"{points[0].shape} and {points[1].shape}"
        )
    data = require_shape(_numbers(values, "values"), points[0].shape, "values")
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = plain(figure.add_subplot())
    colours, limits = colours_of(data)
    drawn = axes.pcolormesh(
        *points, data, shading="gouraud", cmap=colours, vmin=limits[0], vmax=limits[1],
        rasterized=True,
    )  # fmt: skip
    axes.set(xlabel="x", ylabel="y", aspect="equal")
    axes.set_title(title, **TEXT)
    figure.colorbar(drawn, ax=axes, label=label)
    return figure


def convergence(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str = "",
    effort: str = "unknowns",
    error: str = "error",
) -> Figure:
    """Draw errors against effort on logarithmic axes, one curve (efforts, errors) by name.

    >>> convergence({"degree 3": ([10, 20], [1e-2, 1e-3])}).axes[0].get_xlabel()
    'unknowns'
    """
    if not isinstance(curves, Mapping) or not curves:
        raise InputError(
            "convergence: expected at least one curve by name, {name: (efforts, errors)}, got "
            f"{curves!r:.80}"
        )
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axes = plain(figure.add_subplot())
    for n, (name, pair) in enumerate(curves.items()):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InputError(f"{name}: expected (efforts, errors), got {pair!r:.80}")
        x, y = (
            _numbers(v, f"{name}: {what}")
            for v, what in zip(pair, ("effort", "error"), strict=True)
        )
        if x.shape != y.shape or x.ndim != 1 or not (x.min(initial=1) > 0 and y.min(initial=1) > 0):
            raise InputError(
                f"{name}: expected as many efforts as errors, all above 0, got shapes {x.shape} "
                f"and {y.shape}"
            )
        colour = colormaps[MAGNITUDE](0.85 * n / max(len(curves) - 1, 1))
        axes.loglog(x, y, ".-", color=colour, label=name)
    axes.set(xlabel=effort, ylabel=error)
    few_labels(axes, lambda value: f"{value:g}")
    axes.set_title(title, **TEXT)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _numbers(values: Any, name: str) -> Any:
    """Return finite real numbers."""
    numbers = to_numpy(values)
    if numbers.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected real numbers, got {values!r:.80}")
    return require_finite(numbers, name)
