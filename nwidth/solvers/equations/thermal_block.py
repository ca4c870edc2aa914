"""Heat conduction through blocks, each of one conductivity: affine in the conductivities."""

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import Boundary, Dirichlet
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import Source, source_on_grid
from nwidth.solvers.finite_volume import FiniteVolume

Array = NDArray[Any]


class ThermalBlock:
    """The stationary temperature of a box of blocks, block q with the conductivity k_q.

        -div(k grad u) = f,    A(k) = sum_q k_q A_q + A_R,    b(k) = b_0 + sum_q k_q b_q

    Conductivities belong to the cells between nodes, so that a side of a block is a surface on
    nodes, and the face between two nodes i, j leads through the quarters of the cells around it:

        T_ij = sum_c k_c |F_ij inside c| / |x_i - x_j|

    which is the vertex-centred finite volume method and, on boxes, that of bilinear elements with
    the trapezoidal rule. It is linear in k, and second order where the solution is smooth within
    blocks. A_R holds Robin sides, b_0 source, fluxes and Robin values, b_q what Dirichlet values
    bring in through block q. References: Rozza, Huynh & Patera (2008),
    doi:10.1007/s11831-008-9019-9, section 2.3.1, on the problem; Eymard, Gallouet & Herbin (2000),
    doi:10.1016/S1570-8659(00)07005-8, section 17, on the scheme.

    `matrices` and `sources` fit an `AffineProblem` whose theta and phi are the conductivities k_q
    in the order of the blocks, last axis fastest, then 1 where there is a Robin side; phi begins
    with 1 and has one entry per block of `lifted`.

    Args:
        grid: 1 to 3 axes of nodes, uniform or not, not periodic.
        blocks: how many along each axis; the cells of an axis are shared out evenly.
        boundary: conditions on the sides; u = 0 all around by default.
        source: f, a number, an array on the grid or a callable of the coordinates.

    Raises `InputError` for other grids, and for cells that cannot be shared out evenly.

    >>> problem = ThermalBlock(Grid.uniform((5, 5)), (2, 1))
    >>> len(problem.matrices), problem.matrices[0].shape, problem.sources.shape
    (2, (9, 9), (1, 9))
    >>> abs(problem.matrices[0] + problem.matrices[1]).sum(), problem.lifted
    (np.float64(60.0), ())
    """

    def __init__(
        self,
        grid: Grid,
        blocks: Sequence[int],
        boundary: Boundary | None = None,
        source: Source = 1.0,
    ):
        self.grid = require_instance(grid, "grid", Grid)
        if any(axis.periodic or axis.centering != "node" for axis in grid.axes):
            raise InputError("grid: expected axes of nodes that are not periodic, got others")
        if not isinstance(blocks, Sequence) or len(blocks) != grid.dimension:
            raise InputError(
                f"blocks: expected one number per axis, {grid.dimension}, got {blocks!r:.80}"
            )
        self.blocks = tuple(require_integer(n, "blocks", 1) for n in blocks)
        for axis, n in zip(grid.axes, self.blocks, strict=True):
            if (axis.size - 1) % n:
                raise InputError(
                    f"blocks: expected a divisor of the {axis.size - 1} cells of axis {axis.name}, "
                    f"got {n}; use a grid of {n * max((axis.size - 1) // n, 1) + 1} points there"
                )
        self.boundary = Boundary() if boundary is None else boundary
        self.volumes = FiniteVolume(grid, self.boundary)
        self._operators = [self._operator(q) for q in range(prod(self.blocks))]
        self._lifts = [self.volumes.prescribed(A)[0] for A in self._operators]
        #: Blocks through which Dirichlet values that are not zero act on unknowns.
        self.lifted = tuple(q for q, b in enumerate(self._lifts) if b.any())
        self._source = source_on_grid(source, grid)

    @cached_property
    def matrices(self) -> list[Any]:
        """A_q of each block as sparse CSR arrays, then A_R where there is a Robin side."""
        operators = [A.to_sparse() for A in self._operators]
        if self.volumes.robin:
            operators.append(self._robin().to_sparse())
        return operators

    @cached_property
    def sources(self) -> Array:
        """b_0, then b_q of each block of `lifted`, shape (*, unknowns)."""
        sides = {}
        for axis in self.grid.axes:
            for end in ("lower", "upper"):
                condition = self.boundary.condition(axis.name, end)
                name = f"{axis.name}_{end}"
                sides[name] = Dirichlet() if isinstance(condition, Dirichlet) else condition
        plain = FiniteVolume(self.grid, Boundary(sides))
        first = plain.right_hand_side(self._source, np.ones(self.grid.shape))
        return np.stack([b.ravel() for b in (first, *(self._lifts[q] for q in self.lifted))])

    @property
    def energy_matrix(self) -> Any:
        """The matrix of all conductivities 1, Robin sides included: a norm of the unknowns."""
        return sum(self.matrices[1:], start=self.matrices[0])

    def field(self, unknowns: Array) -> Array:
        """Return the whole temperature field of unknowns (n,): Dirichlet nodes get their values."""
        return self.volumes.field(np.reshape(unknowns, self.volumes.shape))

    def _operator(self, q: int) -> DiffusionOperator:
        """Return A_q."""
        k = np.zeros(tuple(axis.size - 1 for axis in self.grid.axes))
        place = np.unravel_index(q, self.blocks)
        k[tuple(
            slice(i * (size // n), (i + 1) * (size // n))
            for i, n, size in zip(place, self.blocks, k.shape, strict=True)
        )] = 1.0  # fmt: skip
        return DiffusionOperator(tuple(self._faces(k, axis) for axis in range(k.ndim)))

    def _faces(self, k: Array, axis: int) -> Array:
        """Return T of all faces across an axis, walls included, zero on Neumann and Robin sides."""
        for j, other in enumerate(self.grid.axes):
            shape = [1] * k.ndim
            shape[j] = -1
            h = np.diff(other.points).reshape(shape)
            if j == axis:
                k = k / h
                continue
            # Half the width of the cells on either side of a node.
            k = k * (h / 2)
            outside = [(0, 0)] * k.ndim
            outside[j] = (1, 1)
            k = np.pad(k, outside)
            k = np.take(k, range(1, k.shape[j]), j) + np.take(k, range(k.shape[j] - 1), j)
            k = np.take(k, range(*self.volumes.interior[j].indices(k.shape[j])), j)
        cut = self.volumes.interior[axis]
        edge = [(0, 0)] * k.ndim
        edge[axis] = (1, 1)
        return np.take(np.pad(k, edge), range(cut.start, cut.stop + 1), axis)

    def _robin(self) -> DiffusionOperator:
        """Return A_R."""
        shape, faces = self.volumes.shape, []
        coupled = self.volumes.operator(np.ones(self.grid.shape)).faces
        for k, T in enumerate(coupled):
            only = np.zeros((*shape[:k], shape[k] + 1, *shape[k + 1 :]))
            for end, layer in (("lower", 0), ("upper", -1)):
                if (k, end) in self.volumes.robin:
                    at: Any = (*([slice(None)] * k), layer)
                    only[at] = T[at]
            faces.append(only)
        return DiffusionOperator(tuple(faces))
