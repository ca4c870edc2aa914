"""Convection and diffusion: a substance in a given flow."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, require_unmasked
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.boundary import ENDS, Boundary, called
from nwidth.solvers.convection_diffusion_operator import ConvectionDiffusionOperator
from nwidth.solvers.equations.diffusion_problem import (
    Source,
    check_sampler,
    described_source,
    moved_source,
    source_on_grid,
)
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.problem import FieldInput, Inputs, LinearProblem

Array = NDArray[Any]
Velocity = Sequence[float] | Array | Callable[..., Any]


class ConvectionDiffusion(LinearProblem):
    """The steady concentration u of a substance that diffuses in a flow w.

        -div(a grad u) + w . grad u = f    in a box,    u = g  or  a du/dn = q    on its sides

    Exponentially fitted two-point fluxes: the matrix is an M-matrix for every w, without false
    extremes. Second order where diffusion rules between neighbours, |w| h <= 2 a; first order
    upwind where convection does; layers of width a / |w| that the grid does not resolve are one
    cell wide. Reference: Roos, Stynes & Tobiska (2008), Robust Numerical Methods for Singularly
    Perturbed Differential Equations, doi:10.1007/978-3-540-34467-4.

    The operator is not symmetric, hence this is a `LinearProblem`. `solve` takes `bicgstab`, or
    `fgmres` if asked to, preconditioned by `DownstreamMultigrid`.

    Input "diffusivity": a > 0, shape `grid.shape`. Output "concentration", shape `grid.shape`.
    float32 stays float32.

    Args:
        grid: 1 to 3 axes of nodes, uniform or not, periodic or not.
        velocity: w, one number per axis, an array `(d, *grid.shape)`, or a callable of the
            coordinates that returns one number or field per axis.
        boundary: Dirichlet and Neumann sides, at least one Dirichlet; u = 0 all around by default.
        source: f, a number, an array on the grid or a callable `f(x, y, ...)`.
        diffusivity: the random field that samples are drawn from, on the same grid.
        unit: unit of the diffusivity.
        output_unit: unit of the concentration.

    Raises `InputError` for cells, other sides, and for velocities and diffusivities of another
    shape, not finite, or a <= 0.

    >>> problem = ConvectionDiffusion(Grid.uniform(5), velocity=[8.0])
    >>> A = problem.operator({"diffusivity": np.ones(5)})
    >>> bool(A.below[0][1] > A.above[0][1] > 0)
    True
    """

    output = "concentration"

    def __init__(
        self,
        grid: Grid,
        velocity: Velocity,
        boundary: Boundary | None = None,
        source: Source = 1.0,
        diffusivity: RandomField | None = None,
        *,
        unit: str = "1",
        output_unit: str = "1",
    ):
        if not isinstance(grid, Grid) or any(axis.centering != "node" for axis in grid.axes):
            raise InputError(f"problem: expected a Grid of nodes, got {grid!r:.80}")
        if boundary is not None and not isinstance(boundary, Boundary):
            raise InputError(f"problem: expected a Boundary, got {boundary!r:.80}")
        self.grid = grid
        self.boundary = Boundary() if boundary is None else boundary
        self.velocity, self.source_term = velocity, source
        self.volumes = FiniteVolume(grid, self.boundary)
        kinds = {kind for pair in self.volumes.kinds for kind in pair}
        if not kinds <= {"dirichlet", "neumann", "periodic"} or "dirichlet" not in kinds:
            raise InputError(
                "boundary: expected Dirichlet and Neumann sides, at least one of them Dirichlet, "
                f"got {', '.join(sorted(kinds))}"
            )
        sampler = check_sampler(diffusivity, grid, "diffusivity")
        self.inputs = (FieldInput("diffusivity", unit, sampler, positive=True),)
        self.output_unit = output_unit

    @cached_property
    def _velocity_field(self) -> Array:
        """The velocity at the points, shape `(d, *grid.shape)`."""
        w, d, shape = self.velocity, self.grid.dimension, self.grid.shape
        if callable(w):
            w = called(w, self.grid.coordinates(), "velocity")
        require_unmasked(w, "velocity")
        try:
            parts = [np.broadcast_to(np.asarray(part, np.float64), shape) for part in w]
        except (TypeError, ValueError):
            parts = []
        if len(parts) != d:
            raise InputError(
                f"velocity: expected {d} numbers or fields of shape {shape}, got {w!r:.80}"
            )
        return require_finite(np.stack(parts), "velocity")

    @cached_property
    def flows(self) -> tuple[Array, ...]:
        """The flow through the faces of the unknowns' volumes, one array per axis."""
        flows = []
        for k, w in enumerate(self._velocity_field):
            cut = self.volumes.interior[k]
            across = tuple(
                slice(None) if j == k else c for j, c in enumerate(self.volumes.interior)
            )
            w = np.moveaxis(w[across], k, 0)
            if self.grid.axes[k].periodic:
                seam = (w[-1:] + w[:1]) / 2
                faces = np.concatenate((seam, (w[:-1] + w[1:]) / 2, seam))
            else:
                faces = np.concatenate((w[:1], (w[:-1] + w[1:]) / 2, w[-1:]))
                faces = faces[cut.start : cut.stop + 1]
            widths = self.volumes.widths[k]
            area = self.volumes.volumes / np.expand_dims(
                widths, tuple(j for j in range(w.ndim) if j != k)
            )
            flows.append(np.moveaxis(faces, 0, k) * area.take([0], axis=k))
        return tuple(flows)

    def _diffusivity(self, inputs: Inputs) -> Array:
        """Return the checked diffusivity."""
        a = self.input_field(inputs, "diffusivity")
        low, high = (1e-30, 1e30) if a.dtype == np.float32 else (1e-150, 1e150)
        if not (a.min() >= low and a.max() <= high):
            where = tuple(int(i) for i in np.unravel_index(int(a.argmin()), a.shape))
            raise InputError(
                f"diffusivity: expected {a.dtype} numbers > 0, from {low:g} to {high:g}, got "
                f"{a[where]} at index {where} and at most {a.max():g}"
            )
        return a

    def operator(self, inputs: Inputs) -> ConvectionDiffusionOperator:
        """Return A(a)."""
        return ConvectionDiffusionOperator(
            self.volumes.operator(self._diffusivity(inputs)), self.flows
        )

    def source(self, inputs: Inputs) -> Array:
        """Return the integrals of f over the control volumes plus the boundary data."""
        a = self._diffusivity(inputs)
        b = self.volumes.right_hand_side(source_on_grid(self.source_term, self.grid), a)
        # Walls are coupled by more or less than diffusion alone, as the flow has it.
        A = ConvectionDiffusionOperator(self.volumes.operator(a), self.flows)
        for k, kinds in enumerate(self.volumes.kinds):
            for end, kind, couplings in zip(ENDS, kinds, (A.below[k], A.above[k]), strict=True):
                if kind != "dirichlet":
                    continue
                layer = [0] if end == "lower" else [-1]
                difference = (couplings - A.diffusion.faces[k]).take(layer, axis=k)
                at = (slice(None),) * k + (slice(0, 1) if end == "lower" else slice(-1, None),)
                across = tuple(
                    slice(None) if j == k else c for j, c in enumerate(self.volumes.interior)
                )
                g = np.expand_dims(self.boundary.values(self.grid, k, end), k)[across]
                b[at] += (difference * g).astype(b.dtype)
        return b

    def unknowns(self, field: Array) -> Array:
        """Return the unknowns of whole fields `(..., *grid.shape)`."""
        field = as_floating(field, self.output)
        if tuple(np.shape(field)[np.ndim(field) - self.grid.dimension :]) != self.grid.shape:
            raise InputError(
                f"concentration: expected shape (..., {', '.join(map(str, self.grid.shape))}), "
                f"got {np.shape(field)}"
            )
        return self.volumes.unknowns(field)

    def field(self, unknowns: Array, inputs: Inputs) -> Array:
        """Return the whole field: unknowns plus the values of Dirichlet nodes."""
        return self.volumes.field(unknowns)

    def on(self, grid: Grid) -> "ConvectionDiffusion":
        """Return the same problem on another grid of the same box; arrays are interpolated."""
        velocity = self.velocity
        if not callable(velocity) and any(np.ndim(w) > 0 for w in velocity):
            velocity = self.grid.interpolate(self._velocity_field, grid)
        sampler = self.inputs[0].sampler
        return ConvectionDiffusion(
            grid,
            velocity,
            self.boundary.moved(self.grid, grid),
            moved_source(self.source_term, self.grid, grid),
            None if sampler is None else sampler.on(grid),
            unit=self.inputs[0].unit,
            output_unit=self.output_unit,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description that `problem_from_description` understands."""
        velocity = [self.velocity] if callable(self.velocity) else self.velocity
        sampler = self.inputs[0].sampler
        return {
            "equation": "convection-diffusion",
            "grid": self.grid.describe(),
            "velocity": [described_source(w, "velocity") for w in velocity],
            "boundary": self.boundary.describe(),
            "source": described_source(self.source_term),
            "diffusivity": None if sampler is None else sampler.describe(),
            "unit": self.inputs[0].unit,
            "output_unit": self.output_unit,
        }
