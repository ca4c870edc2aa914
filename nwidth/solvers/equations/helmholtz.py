"""Helmholtz' equation: time-harmonic waves in a medium of given wavenumber."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, require_finite, require_shape, require_unmasked
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.boundary import ENDS, Boundary, Dirichlet, Neumann, called
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.helmholtz_operator import HelmholtzOperator
from nwidth.solvers.problem import FieldInput, Inputs, LinearProblem
from nwidth.solvers.square_symmetry import uneven_field, uneven_side

Array = NDArray[Any]
ComplexValue = complex | Array | Callable[..., Any]


class Helmholtz(LinearProblem):
    """Time-harmonic waves u exp(-i omega t) in a medium of wavenumber k(x) = omega / c(x).

        -div(grad u) - k^2 u = f    in a box,
        du/dn - i k u = g           on absorbing sides (first-order Sommerfeld condition),
        u = 0                       on walls

    Two-point fluxes and lumped mass, second order: the error of the phase grows like k^3 h^2, so
    that ten points per wavelength do for a few waves, and k^3 h^2 is what to keep fixed for many.
    Reference: Bayliss, Goldstein & Turkel (1985), doi:10.1016/0021-9991(85)90119-6.

    The operator is complex, symmetric, not Hermitian and, for k above the first resonance,
    indefinite: there is no coercivity bound, hence this is a `LinearProblem` and neither conjugate
    gradients nor error certificates apply. `solve` takes elimination, or `fgmres` preconditioned by
    `ShiftedLaplacian`; for sequences of similar media take `gcro_dr` with it.

    Input "wavenumber": k > 0, shape `grid.shape`. Output "wave", complex, shape `grid.shape`. Data
    files hold real fields: store `wave.real` and `wave.imag` as two of them. float32 wavenumbers
    give complex64.

    Args:
        grid: 1 to 3 axes of nodes, uniform or not, periodic or not.
        source: f, a complex number, an array on the grid or a callable `f(x, y, ...)`.
        wavenumber: the random field that wavenumbers are drawn from, on the same grid.
        walls: names of sides with u = 0; all other sides absorb.
        incoming: g by side, each a complex number, an array on the side or a callable of all
            coordinates; zero where not given. A wave v that comes in has g = dv/dn - i k v.
        unit: unit of the wavenumber.
        output_unit: unit of the wave.

    Raises `InputError` for cells, unknown sides, and for wavenumbers of another shape, not finite
    or not positive.

    >>> problem = Helmholtz(Grid.uniform(5), walls=["x_lower"])
    >>> A = problem.operator({"wavenumber": np.full(5, 2.0)})
    >>> A.diagonal.tolist()
    [(7+0j), (7+0j), (7+0j), (3.5-2j)]
    """

    output = "wave"

    def __init__(
        self,
        grid: Grid,
        source: ComplexValue = 1.0,
        wavenumber: RandomField | None = None,
        *,
        walls: Collection[str] = (),
        incoming: Mapping[str, ComplexValue] | None = None,
        unit: str = "1",
        output_unit: str = "1",
    ):
        if not isinstance(grid, Grid) or any(axis.centering != "node" for axis in grid.axes):
            raise InputError(f"problem: expected a Grid of nodes, got {grid!r:.80}")
        listed = isinstance(walls, Collection) and not isinstance(walls, str)
        if not listed or not all(isinstance(side, str) for side in walls):
            raise InputError(f"walls: expected a list of sides like 'x_lower', got {walls!r:.80}")
        if incoming is not None and not isinstance(incoming, Mapping):
            raise InputError(f"incoming: expected a mapping of sides, got {incoming!r:.80}")
        self.grid = grid
        self.walls = tuple(walls)
        self.incoming = {} if incoming is None else dict(incoming)
        sides = Boundary({side: Dirichlet() for side in self.walls}, default=Neumann())
        # Refuses unknown names; incoming waves are no boundary data of the real operator.
        Boundary({side: Neumann() for side in self.incoming}).check(grid)
        if {*self.walls} & {*self.incoming}:
            raise InputError(
                f"incoming: expected absorbing sides, got {', '.join(self.incoming)} with the "
                f"walls {', '.join(self.walls)}"
            )
        self.volumes = FiniteVolume(grid, sides)
        sampler = check_sampler(wavenumber, grid, "wavenumber")
        self.inputs = (FieldInput("wavenumber", unit, sampler, positive=True),)
        self.output_unit = output_unit
        self.source_term = source

    @cached_property
    def _diffusion(self) -> DiffusionOperator:
        return self.volumes.operator(np.ones(self.grid.shape))

    @cached_property
    def _sides(self) -> dict[str, tuple[int, tuple[slice, ...], Array]]:
        """Per absorbing side: its axis, its slices of the unknowns, its areas."""
        sides = {}
        for k, axis in enumerate(self.grid.axes):
            for end, layer in zip(ENDS, (slice(0, 1), slice(-1, None)), strict=True):
                name = f"{axis.name}_{end}"
                if axis.periodic or name in self.walls:
                    continue
                at = (slice(None),) * k + (layer,)
                width = axis.widths[self.volumes.interior[k]][layer]
                sides[name] = (k, at, self.volumes.volumes[at] / width)
        return sides

    def _wavenumber(self, inputs: Inputs) -> Array:
        """Return the checked wavenumber on the unknowns."""
        k = self.input_field(inputs, "wavenumber")
        if not k.min() > 0:
            where = tuple(int(i) for i in np.unravel_index(int(k.argmin()), k.shape))
            raise InputError(
                f"wavenumber: expected numbers > 0, got {k[where]} at index {where} "
                f"({int((k <= 0).sum())} of {k.size} entries); for k = 0 use Poisson"
            )
        if k.max() >= (1e15 if k.dtype == np.float32 else 1e150):
            raise InputError(
                f"wavenumber: expected numbers whose square is finite in {k.dtype}, got "
                f"{k.max():g}; change the unit of length"
            )
        return self.volumes.unknowns(k)

    def asymmetry(self) -> str | None:
        """Return a side or a source that looks unlike from other sides, None if none does.

        Waves that come in count as a direction, wherever they come from.
        """
        sides = Boundary({side: Dirichlet() for side in self.walls}, default=Neumann())
        side = next(iter(self.incoming), None) or uneven_side(sides, self.grid)
        if side is not None:
            return f"the condition at {side}"
        return uneven_field({"the source": self._source_field})

    def operator(self, inputs: Inputs) -> HelmholtzOperator:
        """Return A(k)."""
        k = self._wavenumber(inputs)
        damping = np.zeros_like(k)
        for _, at, area in self._sides.values():
            damping[at] += k[at] * area
        return HelmholtzOperator(
            self._diffusion.astype(k.dtype), k**2 * self.volumes.volumes, damping
        )

    def source(self, inputs: Inputs) -> Array:
        """Return the integrals of f over the control volumes plus what comes in."""
        k = self._wavenumber(inputs)
        b = self._source_field[self.volumes.interior] * self.volumes.volumes
        for name, g in self._incoming_fields.items():
            _, at, area = self._sides[name]
            b[at] += g * area
        return b.astype(np.result_type(k.dtype, np.complex64))

    @cached_property
    def _source_field(self) -> Array:
        return _on_points(self.source_term, self.grid.coordinates(), self.grid.shape, "source")

    @cached_property
    def _incoming_fields(self) -> dict[str, Array]:
        """What comes in, per side, on the unknowns of the side."""
        fields = {}
        for name, value in self.incoming.items():
            axis, at, _ = self._sides[name]
            cut = tuple(at[axis] if j == axis else c for j, c in enumerate(self.volumes.interior))
            points = tuple(np.squeeze(x[at], axis) for x in self.grid.coordinates())
            shape = self.grid.shape[:axis] + self.grid.shape[axis + 1 :]
            g = _on_points(value, points, shape, f"incoming {name}")
            across = tuple(slice(None) if j == axis else c for j, c in enumerate(cut))
            fields[name] = np.expand_dims(g, axis)[across]
        return fields

    def unknowns(self, field: Array) -> Array:
        """Return the unknowns of whole fields `(..., *grid.shape)`."""
        field = as_floating(field, self.output)
        if tuple(np.shape(field)[np.ndim(field) - self.grid.dimension :]) != self.grid.shape:
            raise InputError(
                f"wave: expected shape (..., {', '.join(map(str, self.grid.shape))}), "
                f"got {np.shape(field)}"
            )
        return self.volumes.unknowns(field)

    def field(self, unknowns: Array, inputs: Inputs) -> Array:
        """Return the whole field: unknowns, and zero on walls."""
        unknowns = as_floating(unknowns, "unknowns")
        require_shape(unknowns, self.volumes.shape, "unknowns")
        u = np.zeros(self.grid.shape, dtype=unknowns.dtype)
        u[self.volumes.interior] = unknowns
        return u

    def on(self, grid: Grid) -> "Helmholtz":
        """Return the same problem on another grid of the same box; arrays are interpolated."""
        source = self.source_term
        if not callable(source) and np.ndim(source) > 0:
            source = self.grid.interpolate(self._source_field, grid)
        for name, value in self.incoming.items():
            if not callable(value) and np.ndim(value) > 0:
                raise InputError(
                    f"incoming {name}: expected a number or a callable to move to another grid, "
                    "got an array"
                )
        sampler = self.inputs[0].sampler
        return Helmholtz(
            grid,
            source,
            None if sampler is None else sampler.on(grid),
            walls=self.walls,
            incoming=self.incoming,
            unit=self.inputs[0].unit,
            output_unit=self.output_unit,
        )

    def describe(self) -> dict[str, Any]:
        """Return what `problem_from_description` understands; complex numbers as pairs [re, im]."""
        sampler = self.inputs[0].sampler
        return {
            "equation": "helmholtz",
            "grid": self.grid.describe(),
            "source": _pairs(self.source_term, "source"),
            "walls": list(self.walls),
            "incoming": {name: _pairs(g, f"incoming {name}") for name, g in self.incoming.items()},
            "wavenumber": None if sampler is None else sampler.describe(),
            "unit": self.inputs[0].unit,
            "output_unit": self.output_unit,
        }


def _on_points(
    value: ComplexValue, points: tuple[Array, ...], shape: tuple[int, ...], what: str
) -> Array:
    """Return a number, array or callable as complex numbers of a shape."""
    numbers = called(value, points, what) if callable(value) else value
    require_unmasked(numbers, what)
    try:
        out = np.broadcast_to(np.asarray(numbers, dtype=np.complex128), shape)
    except (TypeError, ValueError):
        raise InputError(
            f"{what}: expected a complex number, a callable or an array of shape {shape}, "
            f"got {numbers!r:.80} of shape {np.shape(numbers)}"
        ) from None
    return require_finite(out, what)


def _pairs(value: ComplexValue, what: str) -> list:
    """Return complex numbers as nested lists whose last level is [re, im]."""
    if callable(value):
        raise InputError(
            f"{what}: expected a number or an array to describe in a file, got a callable; "
            "evaluate it on the grid first"
        )
    z = np.asarray(value, dtype=np.complex128)
    return np.stack([z.real, z.imag], axis=-1).tolist()
