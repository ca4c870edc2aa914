"""The solution of a stationary fractional equation: values on a grid, and the spline itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integers
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.bsplines.spline import Spline
from nwidth.solvers.solution import Solution

Array = NDArray[Any]


@dataclass(frozen=True)
class RieszSolution(Solution):
    """A `Solution` whose `u` are the values on the problem's grid, and the `spline` itself.

    Call it with coordinates, arrays of one shape, for values or derivatives between the points.
    The spline is a `Spline` on an interval, of `RieszDiffusion`, which has derivatives, integrals
    and antiderivatives, and a `TensorSpline` on a box, of `RieszRectangle`.

    >>> from nwidth.solvers.fractional import RieszDiffusion, RieszRectangle
    >>> problem = RieszRectangle(16, 3, (1.5, 1.8))
    >>> found, (x, y) = problem.solve(1.0), problem.grid.coordinates()
    >>> bool(np.allclose(found(x, y), found.u)), found(0.5, 0.5, orders=[1, 0]).round(9) + 0.0
    (True, np.float64(0.0))
    >>> problem = RieszDiffusion(16, 3, 1.5)
    >>> found, (x,) = problem.solve(1.0), problem.grid.points
    >>> found.u.shape, bool(np.allclose(found(x), found.u)), round(found.spline.integral(), 3)
    ((19,), True, 0.191)
    """

    spline: Any = None

    @property
    def dimension(self) -> int:
        """The number of axes."""
        return 1 if isinstance(self.spline, Spline) else self.spline.basis.dimension

    def __call__(self, *coordinates: Any, orders: Sequence[int] | None = None) -> Array:
        """Return values, or derivatives of the given orders, one per axis."""
        d = self.dimension
        if len(coordinates) != d:
            raise InputError(
                f"coordinates: expected {d}, one array per axis, got {len(coordinates)}"
            )
        if isinstance(self.spline, Spline):
            given = require_integers([0] if orders is None else orders, "orders", 0)
            if len(given) != 1:
                raise InputError(f"orders: expected one, as of an interval, got {orders!r:.80}")
            return self.spline(coordinates[0], given[0])
        try:
            points = np.stack(np.broadcast_arrays(*coordinates), axis=-1)
        except ValueError:
            shapes = [np.shape(x) for x in coordinates]
            raise InputError(f"coordinates: expected arrays of one shape, got {shapes}") from None
        return self.spline(points, orders)

    def on(self, grid: Grid) -> Array:
        """Return the field on another grid of the box, for plots and data files."""
        if require_instance(grid, "grid", Grid).dimension != self.dimension:
            raise InputError(f"grid: expected one of {self.dimension} axes, got {grid}")
        if isinstance(self.spline, Spline):
            return self.spline(grid.points[0])
        return self.spline.on_grid(grid.points)
