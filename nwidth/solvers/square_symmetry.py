"""Whether fields and sides of a box stay what they are when it is turned and mirrored."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.meshes import Grid
from nwidth.solvers.boundary import ENDS, Boundary, Robin

Array = NDArray[Any]

# Relative to the largest number: coordinates of mirrored points differ by round-off.
_ROUND_OFF = 1e-9


def uneven_field(fields: Mapping[str, Array]) -> str | None:
    """Return the first field that a symmetry of the cube changes, by name, None if there is none.

    All flips and exchanges of axes are made of single flips and exchanges of neighbouring axes.

    >>> x, y = np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0])
    >>> uneven_field({"bowl": x**2 + y**2}), uneven_field({"slope": x})
    (None, 'slope')
    """
    for name, u in fields.items():
        d = u.ndim
        moved = [np.flip(u, k) for k in range(d)] if np.ndim(u) else []
        moved += [np.swapaxes(u, k, k + 1) for k in range(d - 1)]
        if not all(_equal(u, v) for v in moved):
            return name
    return None


def uneven_side(boundary: Boundary, grid: Grid) -> str | None:
    """Return the first side whose condition is not that of the others turned, None if all are.

    Where it is not that of another side, both are named.

    >>> uneven_side(Boundary(), Grid.uniform((5, 5))) is None
    True
    """
    first: tuple[str, str, list[Array]] | None = None
    walls = [axis.name for axis in grid.axes if not axis.periodic]
    if 0 < len(walls) < grid.dimension:
        return f"{walls[0]}_lower"
    for k, axis in enumerate(grid.axes):
        for end in ENDS if walls else ():
            condition = boundary.condition(axis.name, end)
            data = [boundary.values(grid, k, end)]
            if isinstance(condition, Robin):
                data.append(boundary.coefficients(grid, k, end))
            side, kind = f"{axis.name}_{end}", boundary.kind(axis.name, end)
            if uneven_field({str(j): u for j, u in enumerate(data)}):
                return side
            first = first or (side, kind, data)
            if kind != first[1] or not all(map(_equal, data, first[2])):
                return f"{side}, unlike that at {first[0]}"
    return None


def _equal(u: Array, v: Array) -> bool:
    """Whether two fields are equal up to round-off."""
    size = float(np.abs(u).max(initial=0.0))
    return u.shape == v.shape and bool(np.allclose(u, v, rtol=0, atol=_ROUND_OFF * size))
