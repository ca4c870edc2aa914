"""Walls of a box at which the output of a network vanishes."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags


def require_walls(dirichlet: Any, name: str, dimension: int) -> tuple[bool, ...]:
    """Return whether each axis has walls at its ends, given one truth value or one per axis.

    Raises `InputError`, which begins with `name`, for anything else.

    >>> require_walls(True, "FNO", 2), require_walls([True, False], "FNO", 2)
    ((True, True), (True, False))
    """
    each = (dirichlet,) * dimension if isinstance(dirichlet, bool | np.bool_) else dirichlet
    return require_flags(each, f"{name}: dirichlet", dimension)


def wall_factor(units: Sequence[NDArray[np.float64]], walls: Sequence[bool]) -> NDArray[np.float64]:
    """Return the product of 4 s (1 - s) over the axes with walls.

    `units` are the coordinates s along each axis in units of the box, arrays that broadcast
    together. The factor is one in the middle of the box, and zero at walls exactly.

    >>> x, y = np.meshgrid([0.0, 0.5, 0.75], [0.25, 1.0], indexing="ij", sparse=True)
    >>> wall_factor((x, y), (True, False)).tolist()
    [[0.0, 0.0], [1.0, 1.0], [0.75, 0.75]]
    """
    pairs = zip(units, walls, strict=True)
    factors = [4 * s * (1 - s) if wall else np.ones_like(s) for s, wall in pairs]
    return prod(factors, start=np.ones(()))
