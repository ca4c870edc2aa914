"""What figures have in common: colours, plain axes, labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Grid

BLUE, ORANGE, GREEN, GREY, DARK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#333333"
MAGNITUDE, COEFFICIENT, SIGNED = "viridis", "cividis", "RdBu_r"

TEXT: dict[str, Any] = {"color": DARK, "fontsize": 10}


def plain(axes: Axes) -> Axes:
    """Leave out the frame that carries no information."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_edgecolor(GREY)
    axes.tick_params(which="both", labelsize=9, color=GREY, labelcolor=DARK)
    return axes


def few_labels(axes: Axes, words: Callable[[float], str]) -> None:
    """Label 1, 2 and 5 of each decade of a logarithmic axis, or 1 alone if there are many."""
    low, high = axes.get_xlim()
    marked = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=marked))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def positive(values: Any, name: str) -> NDArray[np.float64]:
    """Return numbers for a logarithmic axis, zeros made tiny; raises `InputError` for gaps."""
    array = np.ravel(np.asarray(values, dtype=np.float64))
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise InputError(f"{name}: expected finite numbers to draw, got {array.size} with gaps")
    return np.maximum(array, np.finfo(np.float64).tiny)


def axis_label(grid: Grid, axis: int) -> str:
    """Return the name of an axis with its unit.

    >>> axis_label(Grid.uniform(3, units="m"), 0)
    'x (m)'
    """
    unit = grid.axes[axis].unit
    name = grid.axes[axis].name
    return name if unit in ("", "1") else f"{name} ({unit})"


def percent(value: float) -> str:
    """Return a part in percent, three digits.

    >>> percent(0.12345)
    '12.3 %'
    """
    return f"{100 * value:.3g} %"
