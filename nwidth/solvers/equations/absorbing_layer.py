"""How strongly a perfectly matched layer damps waves, at each point of a periodic grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid

Array = NDArray[Any]


def absorbing_layer(
    grid: Grid, width: float | Sequence[float], speed: float, residue: float
) -> list[Array]:
    """Return the damping zeta of each axis, 1/time, shaped to broadcast over the grid.

        zeta(x) = zeta_0 (s - sin(2 pi s) / (2 pi)),    s = max(0, 1 - d(x) / width)
        zeta_0 = speed log(1 / residue) / width

    d is the distance from the ends of the axis, which on a torus are one: layers of either side
    touch there, and waves that leave through one go through both. Of an amplitude exp(-1/c int
    zeta) = residue is left then, at normal incidence. zeta has two continuous derivatives.
    Reference: Grote & Sim (2010), arXiv:1001.0319, of whose profile this is the periodic form: a
    second layer is in the place of the wall behind the first.

    Args:
        grid: periodic axes.
        width: of the layer at each end, one or for each axis; 0 for none, below half an axis.
        speed: c, the largest one.
        residue: between 0 and 1.

    Good values: a residue of 1e-6, and 16 points or more in the width.

    >>> zeta = absorbing_layer(Grid.periodic(8, upper=8.0), 2.0, 1.0, np.exp(-2))[0]
    >>> zeta.tolist()
    [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
    """
    require_instance(grid, "grid", Grid)
    speed = require_number(speed, "speed", "(0, inf)")
    residue = require_number(residue, "residue", "(0, 1)")
    found, d = [], grid.dimension
    for a, (axis, w) in enumerate(zip(grid.axes, layer_widths(grid, width), strict=True)):
        zeta = np.zeros(len(axis.points))
        if w > 0:
            x = axis.points - axis.lower
            s = np.maximum(0, 1 - np.minimum(x, axis.length - x) / w)
            zeta = speed * np.log(1 / residue) / w * (s - np.sin(2 * np.pi * s) / (2 * np.pi))
        found.append(zeta.reshape([-1 if b == a else 1 for b in range(d)]))
    return found


def layer_widths(grid: Grid, width: Any) -> list[float]:
    """Return the width along each axis, checked.

    >>> layer_widths(Grid.periodic((4, 4)), [0.1, 0])
    [0.1, 0.0]
    """
    d = grid.dimension
    one = isinstance(width, str) or not isinstance(width, Sequence | np.ndarray)
    widths = [width] * d if one else list(width)
    if len(widths) != d:
        raise InputError(f"layer: expected one width or {d}, got {width!r:.80}")
    return [
        require_number(w, "layer", f"[0, {axis.length / 2:g})")
        for w, axis in zip(widths, grid.axes, strict=True)
    ]
