"""The rotating shallow water equations on a doubly periodic plane."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.inertia_gravity_modes import InertiaGravityModes
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.problem import Inputs
from nwidth.solvers.spectral import spectral_tail
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]


class ShallowWater(PeriodicEvolution):
    """Rotating shallow water on a torus: velocity (u, v) and the height eta of the surface.

        u_t - (f + zeta) v + (g eta + (u^2 + v^2) / 2)_x = D u,    zeta = v_x - u_y
        v_t + (f + zeta) u + (g eta + (u^2 + v^2) / 2)_y = D v,    D = -nu (-Laplace)^p
        eta_t + ((H + eta) u)_x + ((H + eta) v)_y = D eta

    The mean of eta is conserved to the last bit. Without viscosity so are, as far as the flow is
    resolved, the energy <h (u^2 + v^2) + g eta^2> / 2 and the potential enstrophy
    <(f + zeta)^2 / h> / 2, h = H + eta. States are the amplitudes of `InertiaGravityModes`:
    exponential methods take rotation and gravity waves exactly, so that fast waves do not limit the
    step. References: Vallis (2017), doi:10.1017/9781107588417, chapter 3; Galewsky, Scott &
    Polvani (2004), doi:10.1111/j.1600-0870.2004.00071.x, who spread heights as velocities.

    Inputs and outputs "velocity_x", "velocity_y" and "height"; `balanced` has the velocities that a
    height stays with. There are no shocks: bores need viscosity, and dry ground, h <= 0, ends the
    evolution as blown up, or with a vanishing step.

    Args:
        grid: two periodic uniform axes.
        coriolis: f, of either sign.
        gravity: g > 0.
        depth: the mean depth H > 0.
        viscosity: nu >= 0.
        power: p >= 1; 2 and more for hyperviscosity.
        sampler: three random fields that draw initial velocities and heights.
        unit: of the velocities and the height, one or a list of three.
        dtype: precision, "float64" or "float32".

    Good values: 128 points per axis, viscosity such that `Trajectory.tail` is below 1e-3. Raises
    `InputError` for heights that leave no water.

    >>> from nwidth.solvers import simulate
    >>> problem = ShallowWater(Grid.periodic((16, 16), upper=2 * np.pi), 3.0, 1.0, 1.0)
    >>> x, y = np.meshgrid(*problem.grid.points, indexing="ij")
    >>> inputs = problem.balanced(0.1 * np.cos(y))
    >>> found = simulate(problem, inputs, [10.0], dt=0.5)
    >>> bool(abs(found.fields["height"][0] - inputs["height"]).max() < 1e-14)
    True
    """

    equation = "shallow-water"
    field = ("velocity_x", "velocity_y", "height")
    dimensions = (2,)
    intervals: ClassVar = {
        "coriolis": "(-inf, inf)",
        "gravity": "(0, inf)",
        "depth": "(0, inf)",
        "viscosity": "[0, inf)",
        "power": "[1, inf)",
    }

    def __init__(
        self,
        grid: Grid,
        coriolis: float = 0.0,
        gravity: float = 9.81,
        depth: float = 10.0,
        viscosity: float = 0.0,
        power: float = 1.0,
        sampler: Sequence[RandomField | None] | None = None,
        *,
        unit: str | Sequence[str] = "1",
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(
            grid,
            sampler,
            unit,
            dtype,
            coriolis=coriolis,
            gravity=gravity,
            depth=depth,
            viscosity=viscosity,
            power=power,
        )
        c = self.coefficients
        self.modes = InertiaGravityModes(self.space, c["coriolis"], c["gravity"], c["depth"])

    def state(self, inputs: Inputs) -> Array:
        """Return the amplitudes of the modes of the initial fields."""
        v = super().state(inputs)
        lowest = float(self.space.transform.backward(v[2]).min())
        if not lowest > -self.coefficients["depth"]:
            raise InputError(
                f"height: expected more than -{self.coefficients['depth']:g} everywhere, minus the "
                f"mean depth, in the modes that the grid keeps; got {lowest:.4g}"
            )
        return self.modes.to_modes(v)

    def balanced(self, height: Array) -> dict[str, Array]:
        """Return a height with its geostrophic velocities, f u = -g eta_y, f v = g eta_x.

        They are the inputs of a steady flow where the height depends on one axis alone; where it
        does not, the flow evolves slowly. Raises `InputError` without rotation.
        """
        f, g = self.coefficients["coriolis"], self.coefficients["gravity"]
        require_number(abs(f), "coriolis", "(0, inf)")
        inputs = dict.fromkeys(self.field, height)
        eta = self.input_field(inputs, "height")
        eta_k = self.space.transform.forward(namespace(eta).ascontiguousarray(eta, self.dtype))
        slopes = (self.space.derivative(eta_k, axis).astype(eta_k.dtype) for axis in (0, 1))
        x, y = map(self.space.transform.backward, slopes)
        return dict(zip(self.field, (-g / f * y, g / f * x, eta), strict=True))

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the amplitudes."""
        return ShallowWaterSystem(self, inputs[self.field[0]])

    def fields(self, v: Array) -> dict[str, Array]:
        """Return velocities and height on the grid."""
        return super().fields(self.modes.to_fields(v))

    def tail(self, v: Array) -> Array:
        """Return which part of the flow, by its energy, is in the finest modes."""
        size = namespace(v).sqrt((abs(v) ** 2).sum(axis=-self.grid.dimension - 1))
        return spectral_tail(self.space, size, self.degree)

    def potential_vorticity(self, v: Array) -> Array:
        """Return (f + zeta) / (H + eta) on the grid, which water carries along."""
        _, _, eta, zeta = _values(self, v)
        return (self.coefficients["coriolis"] + zeta) / (self.coefficients["depth"] + eta)

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mean height, the energy and the potential enstrophy, means over the box."""
        f, g, depth = (self.coefficients[name] for name in ("coriolis", "gravity", "depth"))
        one, two, eta, zeta = _values(self, v)
        h, mean = depth + eta, self.modes.to_fields(v)[..., 2, 0, 0].real
        return {
            "height": mean,
            "energy": 0.5 * (h * (one**2 + two**2) + g * eta**2).mean(axis=(-2, -1)),
            "potential_enstrophy": 0.5 * ((f + zeta) ** 2 / h).mean(axis=(-2, -1)),
        }


class ShallowWaterSystem(EvolutionSystem):
    """The equations for the amplitudes: waves and viscosity are linear, three products are not.

        N = (zeta v - K_x, -zeta u - K_y, -(eta u)_x - (eta v)_y),    K = (u^2 + v^2) / 2

    Four transforms to the grid and five back, without aliases.
    """

    autonomous = True

    def __init__(self, problem: ShallowWater, like: Any):
        xp = namespace(like) if lives_on_gpu(like) else np
        space, c = problem.space, problem.coefficients
        self.problem, self.depth = problem, c["depth"]
        decay = -c["viscosity"] * space.squared ** c["power"]
        waves = 1j * problem.modes.frequency
        self.linear = DiagonalPart(xp.asarray(np.stack([decay + 0j, decay + waves, decay - waves])))
        kind = space.transform.complex
        self.slopes = tuple(
            xp.asarray(np.where(problem.kept, 1j * k, 0).astype(kind)) for k in space.wavenumbers
        )
        self.kept = xp.asarray(problem.kept.astype(problem.dtype))
        self.largest = [float(abs(k).max()) for k in _kept_wavenumbers(problem)]
        self.wavenumbers = tuple(k.ravel().astype(problem.dtype) for k in space.wavenumbers)
        self.size = np.sqrt(space.squared).astype(problem.dtype)
        self.work: tuple[Array, Array] | None = None
        self.speed = float(np.sqrt(c["gravity"] * c["depth"]))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write the nonlinear terms; NaN where the ground is dry."""
        if lives_on_gpu(v):
            self._by_expressions(v, out)
        elif v.ndim > 3:
            for one, into in zip(v, out, strict=True):
                self.nonlinear(t, one, into)
        else:
            self._by_kernels(v, out)

    def _by_kernels(self, v: Array, out: Array) -> None:
        """Write them in three passes between the transforms."""
        from nwidth.solvers.equations import _shallow_water_numba as kernels

        problem, transform = self.problem, self.problem.space.transform
        modes = problem.modes
        if self.work is None:
            made = np.empty((5, *v.shape[1:]), v.dtype)
            self.work = made, np.empty((5, *problem.grid.shape), problem.dtype)
            self.fields = np.empty((4, *problem.grid.shape), problem.dtype)
        made, products = self.work
        factors = modes.x, modes.y, modes.turn, modes.lift
        kernels.write_fields(_parts(v), *factors, self.size, 1 / modes.scale, _parts(made[:4]))
        transform.backward(made[:4], self.fields, destroy=True)
        flat = self.fields.reshape(4, -1)
        if not kernels.write_products(*flat, self.depth, products.reshape(5, -1)):
            out[...] = np.nan
            return
        transform.forward(products, made)
        k = self.wavenumbers
        kernels.write_rates(_parts(made), *factors, *k, problem.kept, modes.scale, _parts(out))

    def _by_expressions(self, v: Array, out: Array) -> None:
        """Write the same by array expressions."""
        problem, xp = self.problem, namespace(v)
        u, w, eta, zeta = _values(problem, v)
        if not float(eta.min()) > -self.depth:
            out[...] = np.nan
            return
        products = (zeta * w, -zeta * u, 0.5 * (u * u + w * w), eta * u, eta * w)
        axis = -problem.grid.dimension - 1
        made = problem.space.transform.forward(xp.stack(products, axis=axis))
        force, torque, kinetic, east, north = np.moveaxis(made, axis, 0)
        dx, dy = self.slopes
        changes = (
            self.kept * force - dx * kinetic,
            self.kept * torque - dy * kinetic,
            -dx * east - dy * north,
        )
        out[...] = problem.modes.to_modes(xp.stack(changes, axis=axis))

    def rate(self, t: float, v: Array) -> float:
        """Return the rate of advection, and how far waves differ from those at rest.

        max (|u| kx + |v| ky) + |(g h)^(1/2) - (g H)^(1/2)| |k|, of the largest wavenumbers
        """
        u, w, eta, _ = _values(self.problem, v)
        kx, ky = self.largest
        xp = namespace(v)
        depth = xp.maximum(1 + eta / self.depth, 0)
        waves = self.speed * abs(xp.sqrt(depth) - 1)
        return float((abs(u) * kx + abs(w) * ky + waves * float(np.hypot(kx, ky))).max())


def _values(problem: ShallowWater, v: Array) -> Array:
    """Return u, v, eta and zeta on the grid, stacked in front."""
    space, xp = problem.space, namespace(v)
    found = problem.modes.to_fields(v)
    dx, dy = (xp.asarray((1j * k).astype(space.transform.complex)) for k in space.odd_wavenumbers)
    spin = dx * found[..., 1, :, :] - dy * found[..., 0, :, :]
    both = xp.concatenate([found, spin[..., None, :, :]], axis=-3)
    return np.moveaxis(space.transform.backward(both, destroy=True), -3, 0)


def _parts(v: Array) -> Array:
    """Return complex rows as rows of real and imaginary parts, without a copy."""
    return v.view(v.real.dtype)


def _kept_wavenumbers(problem: ShallowWater) -> list[Array]:
    """Return the wavenumbers along each axis of the modes that are kept."""
    return [np.where(problem.kept, k, 0) for k in problem.space.wavenumbers]
