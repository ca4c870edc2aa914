"""The Navier-Stokes equations of a flow in space, on a torus, by its velocity."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_number
from nwidth.arrays import as_floating, lives_on_gpu, namespace, require_finite
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.equations.velocity_waves import VelocityWaves
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.spectral import FourierSpace, PrunedRealFourier, energy_spectrum, spectral_tail
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]

# The largest part of an initial velocity that may have a divergence, in the L2 norm.
COMPRESSIBLE = 1e-2


class NavierStokes3D(EvolutionProblem):
    """The velocity u of an incompressible flow in space, on a torus; p is the pressure.

        u_t + (u . grad) u = -grad p + nu Laplace u + f,    div u = 0

    Of energy E = <|u|^2> / 2, enstrophy Z = <|w|^2> / 2 with w = curl u, and helicity H = <u . w>,
    means over the box,

        E' = -2 nu Z + <u . f>,    H' = -2 nu <w . curl w> + 2 <w . f>

    which `rates` returns: without viscosity and force both are conserved. The mean velocity changes
    by the mean of f alone. References: Brachet et al. (1983), doi:10.1017/S0022112083001159, of
    flows that start as `VelocityWaves.taylor_green()`; Dombre et al. (1986),
    doi:10.1017/S0022112086002859, of `VelocityWaves.abc()`, which decays in its own shape.

    Input and output "velocity", shape (3, *grid.shape). The initial one loses what divergence it
    has, and is refused if that is more than a hundredth of it; `solenoidal` gives the rest of any
    field. States are the Fourier coefficients that the 2/3 rule keeps and no others, `modes`.

    Args:
        grid: three periodic uniform axes.
        viscosity: nu >= 0.
        sampler: draws the components of initial velocities, one after the other; their part
            without divergence is taken. Their spectrum times k^2 is that of the energy.
        forcing: f, a `VelocityWaves`, a field on the grid or None; its gradients go to p.
        unit: of the velocity.
        dtype: precision, "float64" or "float32".

    Good values: Taylor-Green flow on a box of 2 pi needs 64 points per axis for viscosity 1/100;
    `Trajectory.tail` tells. Raises `InputError` for what does not fit,
    also a forcing beyond the modes of the grid.

    >>> problem = NavierStokes3D(Grid.periodic((8, 8, 8), upper=2 * np.pi), viscosity=0.1)
    >>> v = problem.state({"velocity": VelocityWaves.abc().field(problem.grid)})
    >>> {name: round(float(q), 12) for name, q in problem.invariants(v).items()}
    {'energy': 1.5, 'enstrophy': 1.5, 'helicity': 3.0}
    """

    equation = "navier-stokes-3d"
    dimensions = (3,)
    components = 3

    def __init__(
        self,
        grid: Grid,
        viscosity: float = 1e-2,
        sampler: RandomField | None = None,
        *,
        forcing: VelocityWaves | Array | None = None,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        self.dtype = require_dtype(dtype, "float32", "float64")
        self.space = FourierSpace(grid, dtype=self.dtype)
        if grid.dimension != 3:
            raise InputError(f"grid: expected 3 dimensions, got {grid.dimension}")
        self.grid = grid
        self.modes = self.space.kept_space
        self.viscosity = require_number(viscosity, "viscosity", "[0, inf)")
        self.inputs = (FieldInput("velocity", unit, check_sampler(sampler, grid, "velocity")),)
        self.outputs = {"velocity": unit}
        self.forcing = forcing
        if forcing is not None:
            self.force = self._force(forcing)

    @cached_property
    def inverse(self) -> Array:
        """1 / |k|^2 of the kept modes, zero of the mean."""
        squared = np.where(self.modes.squared > 0, self.modes.squared, np.inf)
        return (1 / squared).astype(self.dtype)

    @cached_property
    def force(self) -> Array:
        """The kept coefficients of f, less its gradients."""
        return np.zeros((3, *self.modes.modes), self.modes.transform.complex)

    def _force(self, forcing: Any) -> Array:
        """Return the coefficients of a force that is given."""
        field = forcing.field(self.grid) if isinstance(forcing, VelocityWaves) else forcing
        field = as_floating(field, "forcing")
        shape = (3, *self.grid.shape)
        if namespace(field) is not np or field.dtype.kind != "f" or field.shape != shape:
            raise InputError(
                f"forcing: expected real numbers of shape {shape}, VelocityWaves or None, got "
                f"{field.dtype} of shape {tuple(field.shape)}"
            )
        if isinstance(forcing, VelocityWaves):
            for *m, _, _ in forcing.waves:
                if not all(3 * abs(j) < n for j, n in zip(m, self.grid.shape, strict=True)):
                    raise InputError(
                        f"forcing: expected waves below a third of the {self.grid.shape} points, "
                        f"got {tuple(m)}; refine the grid"
                    )
        return self._projected(self._coefficients(require_finite(field, "forcing")))

    def _coefficients(self, u: Array) -> Array:
        """Return the kept coefficients of a vector field on the grid."""
        xp = namespace(u)
        v = self.space.transform.forward(xp.ascontiguousarray(u, self.dtype))
        return xp.ascontiguousarray(self.space.resampled(v, self.modes))

    def _projected(self, v: Array) -> Array:
        """Return P v, v - k (k . v) / |k|^2: the part without divergence."""
        x, y, z = self._wavenumbers(v)
        along = x * v[..., 0, :, :, :] + y * v[..., 1, :, :, :] + z * v[..., 2, :, :, :]
        along = along * namespace(v).asarray(self.inverse)
        return v - namespace(v).stack([x * along, y * along, z * along], axis=-4)

    def _wavenumbers(self, v: Array) -> list[Array]:
        """Return kx, ky and kz of the kept modes where v lives, in its precision."""
        xp = namespace(v)
        return [xp.asarray(k.astype(self.dtype)) for k in self.modes.wavenumbers]

    def sample(self, generator: np.random.Generator) -> dict[str, Array]:
        """Draw an initial velocity without divergence."""
        if self.inputs[0].sampler is None:
            return super().sample(generator)  # raises
        parts = [self.inputs[0].sampler.sample(generator) for _ in range(3)]
        return {"velocity": self.solenoidal(np.stack(parts))}

    def solenoidal(self, velocity: Any) -> Array:
        """Return the part of a field (3, *grid.shape) that has no divergence, in the kept modes."""
        u = self.input_field({"velocity": velocity}, "velocity", shape=(3, *self.grid.shape))
        return self.fields(self._projected(self._coefficients(u)))["velocity"]

    def admissible(self, name: str, u: Array) -> Array:
        """Return the part of a velocity that has no divergence."""
        return self.solenoidal(u)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the kept Fourier coefficients."""
        return VelocitySystem(self)

    def state(self, inputs: Inputs) -> Array:
        """Return the kept coefficients of the initial velocity, without divergence."""
        given = self._coefficients(
            self.input_field(inputs, "velocity", shape=(3, *self.grid.shape))
        )
        v = self._projected(given)
        whole = float(self._mean(given, given))
        lost = float(self._mean(given - v, given - v))
        if lost > COMPRESSIBLE**2 * whole:
            raise InputError(
                f"velocity: expected a field without divergence, got one of which "
                f"{np.sqrt(lost / whole):.1%} are gradients; give problem.solenoidal(velocity), "
                "or put the components, (3, x, y, z), in their order"
            )
        return v

    def full(self, v: Array) -> Array:
        """Return all coefficients on the grid, `space`, of kept ones."""
        return self.modes.resampled(v, self.space)

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the velocity on the grid, shape (..., 3, *grid.shape)."""
        return {"velocity": self.space.transform.backward(self.full(v), destroy=True)}

    def vorticity(self, v: Array) -> Array:
        """Return curl u on the grid, shape (..., 3, *grid.shape)."""
        return self.fields(self._curl(v))["velocity"]

    def _curl(self, v: Array) -> Array:
        """Return the coefficients i k x v."""
        xp = namespace(v)
        x, y, z = (1j * k for k in self._wavenumbers(v))
        a, b, c = (v[..., i, :, :, :] for i in range(3))
        return xp.stack([y * c - z * b, z * a - x * c, x * b - y * a], axis=-4)

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return energy, enstrophy and helicity, each a mean over the box."""
        curl = self._curl(v)
        return {
            "energy": self._mean(v, v) / 2,
            "enstrophy": self._mean(curl, curl) / 2,
            "helicity": self._mean(v, curl),
        }

    def rates(self, v: Array) -> dict[str, Array]:
        """Return dE/dt and dH/dt of the equation, for budgets and for the power that forces add."""
        curl, f, nu = self._curl(v), namespace(v).asarray(self.force), self.viscosity
        return {
            "energy": -nu * self._mean(curl, curl) + self._mean(v, f),
            "helicity": -2 * nu * self._mean(curl, self._curl(curl)) + 2 * self._mean(curl, f),
        }

    def _mean(self, v: Array, w: Array) -> Array:
        """Return the mean over the box of a scalar product, for each of a batch."""
        products = namespace(v).asarray(self.modes.weights) * (v.conj() * w).real
        return products.sum(axis=(-4, -3, -2, -1))

    def spectrum(self, v: Array) -> tuple[Array, Array]:
        """Return wavenumbers and the energy around each, whose sum is E; see `energy_spectrum`."""
        return energy_spectrum(self.modes, self._sizes(v))

    def tail(self, v: Array) -> Array:
        """Return which part of the velocity is in the finest modes."""
        return spectral_tail(self.space, self.full(self._sizes(v)))

    def _sizes(self, v: Array) -> Array:
        """Return |v_k| of the vectors."""
        return namespace(v).sqrt((abs(v) ** 2).sum(axis=-4))

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        require_same_box(self.grid, grid)
        sampler, forcing = self.inputs[0].sampler, self.forcing
        if forcing is not None and not isinstance(forcing, VelocityWaves):
            other = FourierSpace(grid, dtype=self.dtype)
            f = self.space.resampled(self.full(self.force), other)
            forcing = other.transform.backward(f)
        return type(self)(
            grid,
            self.viscosity,
            None if sampler is None else sampler.on(grid),
            forcing=forcing,
            unit=self.inputs[0].unit,
            dtype=self.dtype,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        item, forcing = self.inputs[0], cast(Any, self.forcing)
        if isinstance(forcing, VelocityWaves):
            forcing = forcing.describe()
        elif forcing is not None:
            forcing = np.asarray(forcing).tolist()
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "viscosity": self.viscosity,
            "forcing": forcing,
            "sampler": None if item.sampler is None else item.sampler.describe(),
            "unit": item.unit,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        settings = ("viscosity", "forcing", "sampler", "unit", "dtype")
        given = arguments_of(description, cls.equation, settings)
        if isinstance(given["forcing"], Mapping):
            given["forcing"] = VelocityWaves.from_description(given["forcing"])
        return cls(**given)


class VelocitySystem(EvolutionSystem):
    """u_k' = -nu k^2 u_k - i P(k) k . (u u - w^2 I)_k + f_k, with w the third component of u.

    Basdevant (1983), doi:10.1016/0021-9991(83)90064-5: the symmetric tensor of momentum fluxes less
    one of its diagonal entries, whose gradient goes to the pressure, has five others. So there are
    three transforms to the grid and five back, where u x curl u takes six and three.
    """

    autonomous = True

    def __init__(self, problem: NavierStokes3D):
        modes = problem.modes
        self.linear = DiagonalPart((-problem.viscosity * modes.squared).astype(problem.dtype))
        self.fourier = PrunedRealFourier(problem.grid.shape, dtype=problem.dtype)
        self.k = tuple(k.ravel().astype(problem.dtype) for k in modes.wavenumbers)
        self.inverse, self.force = problem.inverse, problem.force
        self.fastest = [float(abs(k).max()) for k in self.k]
        self.projected = problem._projected

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write the advection of momentum, the pressure and the force."""
        if v.ndim > 4:
            for one, into in zip(v, out, strict=True):
                self.nonlinear(t, one, into)
            return
        if lives_on_gpu(v):
            xp = namespace(v)
            s = xp.empty((5, *self.fourier.modes), v.dtype)
            self.fourier.through(v, s, _write_products)
            x, y, z = (k[:, None, None] for k in map(xp.asarray, self.k))
            y, z = y[:, 0], z[:, 0, 0]
            rate = -1j * xp.stack(
                [
                    x * s[0] + y * s[2] + z * s[3],
                    x * s[2] + y * s[1] + z * s[4],
                    x * s[3] + y * s[4],
                ]
            )
            out[...] = self.projected(rate) + xp.asarray(self.force)
            return
        from nwidth.solvers.equations import _navier_stokes_3d_numba as kernels

        def rule(u: Array, p: Array) -> None:
            kernels.write_products(*(a.reshape(-1) for a in (*u, *p)))

        s = self.fourier.coefficients(v, 5, rule)
        kernels.write_rate(_parts(s), *self.k, self.inverse, _parts(self.force), _parts(out))

    def rate(self, t: float, v: Array) -> float:
        """Return max |u| kx + |v| ky + |w| kz of the largest wavenumbers."""
        if v.ndim > 4:
            return max(self.rate(t, one) for one in v)
        x, y, z = self.fastest
        return max(
            float((abs(u) * x + abs(v) * y + abs(w) * z).max())
            for _, (u, v, w) in self.fourier.values(v)
        )


def _write_products(u: Array, p: Array) -> None:
    """Write what the kernel of this name writes, by array expressions."""
    u, v, w = u
    p[0], p[1] = (u - w) * (u + w), (v - w) * (v + w)
    p[2], p[3], p[4] = u * v, u * w, v * w


def _parts(z: Array) -> Array:
    """Return complex rows as rows of real and imaginary parts, without a copy."""
    return z.view(z.real.dtype)
