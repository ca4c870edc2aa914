"""Bilinear finite elements for full tensors: nine points in the plane."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.nine_point_operator import NinePointOperator

Array = NDArray[Any]

# At points where the smaller eigenvalue is below this part of the larger one, rounding errors of
# the entries decide whether the tensor is positive definite.
SMALLEST_RATIO = 1e-12


class BilinearElements:
    """Bilinear elements for -div(K grad u) + c u = f in the plane, K a symmetric 2x2 tensor.

        a(u, v) = sum over cells, sum over their corners of  |cell| / 4  grad u . K grad v

    Gradients and K are taken at the corners, the vertex (trapezoidal) rule; load and reaction are
    lumped alike. So A is symmetric, nine points wide, positive definite wherever K is, and

        min lambda(K) a_1(u, u)  <=  a(u, u)  <=  max lambda(K) a_1(u, u)

    with a_1 that of K = I, which is the five-point operator of `FiniteVolume`. Second order for
    smooth K in the mean; the largest error falls like h^2 log(1/h) where it sits in a corner of a
    Neumann side. Linear functions are reproduced for constant K. Couplings along one diagonal are
    negative where K_01 is not zero, so there is no maximum principle. Across a jump the flux sees
    the arithmetic mean of both sides; for scalar and diagonal coefficients that jump `FiniteVolume`
    is the better choice. Reference: Ciarlet (1978), The Finite Element Method for Elliptic
    Problems, section 4.1, on numerical integration.

    K has shape `(2, 2, *grid.shape)`: [0, 0] acts along axis 0, [1, 1] along axis 1.

    Args:
        grid: two axes of nodes, uniform or not, not periodic. Cells are not supported: their values
            stand beside the sides, where K grad u . n = q ties both components of the gradient.
        boundary: Dirichlet and Neumann sides; K grad u . n = q on the latter.
        reaction: c >= 0 of shape `grid.shape`, or None for no such term.

    Raises `InputError` for other grids and sides.

    >>> grid = Grid.uniform((3, 4), upper=(2.0, 3.0))
    >>> K = np.array([[2.0, 0.5], [0.5, 1.0]])[:, :, None, None] * np.ones(grid.shape)
    >>> A = BilinearElements(grid, Boundary()).operator(K)
    >>> A.diagonal.tolist(), A.north.tolist()
    ([[6.0, 6.0]], [[1.0]])
    """

    def __init__(self, grid: Grid, boundary: Boundary, reaction: Array | None = None):
        require_instance(grid, "grid", Grid)
        if grid.dimension != 2 or any(a.periodic or a.centering != "node" for a in grid.axes):
            raise InputError(
                f"full tensor: expected a grid of two axes of nodes that are not periodic, got "
                f"{grid}; diagonal tensors need neither (shape (d, *grid.shape) for Darcy)"
            )
        #: Unknowns, sides and control volumes.
        self.volumes = FiniteVolume(grid, boundary, reaction)
        self.grid, self.boundary = grid, boundary
        kinds = {kind for pair in self.volumes.kinds for kind in pair}
        if kinds - {"dirichlet", "neumann"}:
            raise InputError(
                "full tensor: expected Dirichlet and Neumann sides, got "
                f"{', '.join(sorted(kinds - {'dirichlet', 'neumann'}))}"
            )

    def operator(self, K: Array) -> NinePointOperator:
        """Return the operator of the unknowns for a tensor, in its dtype.

        The tensor is taken as it is: `eigenvalues` checks it.
        """
        whole, cut = self._on_all_nodes(K), self.volumes.interior
        inner = np.zeros(self.grid.shape)
        inner[cut] = 1.0
        sums = whole.apply(inner)[cut]  # what Dirichlet nodes tie down
        if self.volumes.reaction is not None:
            sums = sums + self.volumes.reaction
        (i, j), dtype = cut, np.result_type(K, np.float32)
        low, left = slice(i.start, i.stop - 1), slice(j.start, j.stop - 1)
        faces = (
            whole.east[low, j],
            whole.north[i, left],
            whole.north_east[low, left],
            whole.north_west[low, left],
        )
        parts = [np.asarray(part, dtype=dtype) for part in (sums, *faces)]
        return NinePointOperator(*parts, definite=not self.volumes.singular)

    def right_hand_side(self, source: Array, K: Array) -> Array:
        """Return the integrals of the source plus what the boundary values and fluxes bring in.

        Without Dirichlet side and reaction the total must vanish, as for `FiniteVolume`.
        """
        K, one = real_floating(K, "tensor"), np.ones(self.grid.shape)
        walls, _ = self.volumes.prescribed(self.volumes.operator(one))
        b = self.volumes.right_hand_side(source, one) - walls
        values = self.volumes.field(np.zeros(self.volumes.shape))
        if values.any():
            b = b - self._on_all_nodes(K).apply(values)[self.volumes.interior]
        return b.astype(K.dtype)

    def _on_all_nodes(self, K: Array) -> NinePointOperator:
        """Return the operator of all nodes, as if no side were Dirichlet, in float64."""
        h0, h1 = (np.diff(axis.points) for axis in self.grid.axes)
        n0, n1 = self.grid.shape
        east, north = np.zeros((n0 - 1, n1)), np.zeros((n0, n1 - 1))
        diagonals = np.zeros((2, n0 - 1, n1 - 1))  # north-east, north-west
        K = require_shape(real_floating(K, "tensor"), (2, 2, n0, n1), "tensor")
        K = K.astype(np.float64, copy=False)
        for p in (0, 1):
            for q in (0, 1):
                x, y = slice(p, n0 - 1 + p), slice(q, n1 - 1 + q)
                east[:, y] += K[0, 0, x, y] * h1 / (4 * h0[:, None])
                north[x] += K[1, 1, x, y] * h0[:, None] / (4 * h1)
                # (u_c - u_x)(u_c - u_y) = half of (u_c - u_x)^2 + (u_c - u_y)^2 - (u_x - u_y)^2
                cross = K[0, 1, x, y] / (4 if p == q else -4)
                east[:, y] += cross
                north[x] += cross
                diagonals[1 if p == q else 0] -= cross
        return NinePointOperator(np.zeros((n0, n1)), east, north, *diagonals, definite=False)


def eigenvalues(K: Array, grid: Grid) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue of a tensor field `(2, 2, *grid.shape)`.

    Raises `InputError` for another shape, entries that are not real numbers, a tensor that is not
    symmetric or not safely positive definite (eigenvalues below 1e-12 of the other one's), and
    `NonFiniteError` for NaN and infinity; the index is told.

    >>> grid = Grid.uniform((2, 2))
    >>> K = np.array([[2.0, 1.0], [1.0, 2.0]])[:, :, None, None] * np.ones((2, 2))
    >>> eigenvalues(K, grid)
    (1.0, 3.0)
    """
    require_finite(require_shape(K, (2, 2, *grid.shape), "permeability"), "permeability")
    if K.dtype.kind != "f":
        raise InputError(f"permeability: expected real numbers, got {K.dtype}")
    k00, k01, k10, k11 = K.reshape(4, *grid.shape).astype(np.float64)
    skew = np.abs(k01 - k10) > 4 * np.finfo(K.dtype).eps * np.abs(K).max(axis=(0, 1))
    if skew.any():
        where = _index(skew)
        raise InputError(
            f"permeability: expected a symmetric tensor, got {K[0, 1][where]} and {K[1, 0][where]} "
            f"beside the diagonal at index {where}"
        )
    largest = (k00 + k11) / 2 + np.hypot((k00 - k11) / 2, k01)
    divisor = np.where(largest > 0, largest, 1.0)
    smallest = k00 * (k11 / divisor) - k01 * (k01 / divisor)  # determinant over the larger one
    bad = ~((smallest > SMALLEST_RATIO * largest) & (np.minimum(k00, k11) > 0))
    if bad.any():
        where = _index(bad)
        tensor = [[float(K[a, b][where]) for b in (0, 1)] for a in (0, 1)]
        raise InputError(
            f"permeability: expected positive definite tensors, got {tensor} at index {where} "
            f"({int(bad.sum())} of {bad.size} points); both eigenvalues must be positive, the "
            f"smaller one above {SMALLEST_RATIO:g} of the larger one"
        )
    return float(smallest.min()), float(largest.max())


def _index(where: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])
