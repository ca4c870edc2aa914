"""The Navier-Stokes equations of a plane flow on a torus, by its vorticity."""

from collections.abc import Mapping
from typing import Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_number
from nwidth.arrays import lives_on_gpu, namespace, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.kernels import kernel_module
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.spectral import FourierSpace, PrunedFourier, spectral_tail
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]

_KERNELS = "nwidth.solvers.equations._navier_stokes"


class NavierStokes(EvolutionProblem):
    """The vorticity w = v_x - u_y of an incompressible flow (u, v) on a torus.

        w_t + u w_x + v w_y = nu Laplace w - mu w + f,    u_x + v_y = 0

    Of energy E = <u^2 + v^2> / 2, enstrophy Z = <w^2> / 2 and palinstrophy P = <|grad w|^2> / 2,
    means over the box, the first two are conserved but for

        E' = -2 nu Z - 2 mu E + <psi f>,    Z' = -2 nu P - 2 mu Z + <w f>,    -Laplace psi = w

    which `rates` returns. A mean vorticity, of which there is no flow on a torus, is refused.
    References: Boffetta & Ecke (2012), doi:10.1146/annurev-fluid-120710-101240; Taylor (1923),
    doi:10.1080/14786442308634295, has vortices that decay exactly.

    Input and output "vorticity"; `velocity` has (u, v). States are the Fourier coefficients that
    the 2/3 rule keeps and no others: those of a grid of two thirds of the points, `modes`.

    Args:
        grid: two periodic uniform axes.
        viscosity: nu >= 0.
        sampler: draws initial vorticities.
        drag: mu >= 0, of a bottom or of the air.
        forcing: f, a `VorticityForcing`, a field on the grid or None.
        unit: of the vorticity.
        dtype: precision, "float64" or "float32".

    Good values: 128 points per axis for viscosity 1e-3 on the unit torus and w of order one, 256
    for 1e-5 and short times; `Trajectory.tail` tells. Raises `InputError` for what does not fit,
    also a forcing beyond the modes of the grid.

    >>> problem = NavierStokes(Grid.periodic((16, 16), upper=2 * np.pi), viscosity=0.1)
    >>> x, y = np.meshgrid(*problem.grid.points, indexing="ij")
    >>> v = problem.state({"vorticity": 2 * np.cos(x) * np.cos(y)})
    >>> {name: round(float(q), 12) for name, q in problem.invariants(v).items()}
    {'energy': 0.25, 'enstrophy': 0.5, 'palinstrophy': 1.0}
    """

    equation = "navier-stokes"

    def __init__(
        self,
        grid: Grid,
        viscosity: float = 1e-3,
        sampler: RandomField | None = None,
        *,
        drag: float = 0.0,
        forcing: VorticityForcing | Array | None = None,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        self.dtype = require_dtype(dtype, "float32", "float64")
        self.space = FourierSpace(grid, dtype=self.dtype)
        if grid.dimension != 2:
            raise InputError(f"grid: expected 2 dimensions, got {grid.dimension}")
        self.grid = grid
        self.modes = self.space.kept_space
        self.viscosity = require_number(viscosity, "viscosity", "[0, inf)")
        self.drag = require_number(drag, "drag", "[0, inf)")
        self.inputs = (FieldInput("vorticity", unit, check_sampler(sampler, grid, "vorticity")),)
        self.outputs = {"vorticity": unit}
        self.forcing = forcing
        self.force = self._force(forcing)

    def _force(self, forcing: Any) -> Array:
        """Return the coefficients of f."""
        if forcing is None:
            return np.zeros(self.modes.modes, self.modes.transform.complex)
        field = forcing.field(self.grid) if isinstance(forcing, VorticityForcing) else forcing
        try:
            field = np.asarray(field)
        except ValueError:  # lists of unequal lengths
            field = np.zeros(0)
        if field.shape != self.grid.shape or field.dtype.kind not in "fiu":
            raise InputError(
                f"forcing: expected real numbers of shape {self.grid.shape}, a VorticityForcing or "
                f"None, got {field.dtype} of shape {field.shape}"
            )
        field = require_finite(np.ascontiguousarray(field, self.dtype), "forcing")
        f = self._without_mean(self.space.transform.forward(field), field, "forcing")
        if isinstance(forcing, VorticityForcing):
            for k, m, *_ in forcing.waves:
                if not all(3 * abs(j) < n for j, n in zip((k, m), self.grid.shape, strict=True)):
                    raise InputError(
                        f"forcing: expected waves below a third of the {self.grid.shape} points, "
                        f"got ({k}, {m}); refine the grid"
                    )
        return np.ascontiguousarray(self.space.resampled(f, self.modes))

    def _without_mean(self, v: Array, field: Array, name: str) -> Array:
        """Return coefficients with a mean of zero, or raise if it is more than rounding."""
        mean, largest = abs(v[0, 0]), abs(field).max()
        if mean > 100 * np.finfo(self.dtype).eps ** 0.75 * largest:
            raise InputError(
                f"{name}: expected a mean of zero, as of every curl on a torus, got "
                f"{float(mean):.3g}; subtract it"
            )
        v[0, 0] = 0
        return v

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the kept Fourier coefficients."""
        return VorticitySystem(self)

    def state(self, inputs: Inputs) -> Array:
        """Return the kept coefficients of the initial vorticity."""
        w = self.input_field(inputs, "vorticity")
        v = self.space.transform.forward(namespace(w).ascontiguousarray(w, self.dtype))
        kept = self.space.resampled(self._without_mean(v, w, "vorticity"), self.modes)
        return namespace(w).ascontiguousarray(kept)

    def admissible(self, name: str, u: Array) -> Array:
        """Return a vorticity without its mean, of which there is no flow."""
        return u - u.mean()

    def full(self, v: Array) -> Array:
        """Return all coefficients on the grid, `space`, of kept ones."""
        return self.modes.resampled(v, self.space)

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the vorticity on the grid."""
        return {"vorticity": self.space.transform.backward(self.full(v), destroy=True)}

    def streamfunction(self, v: Array) -> Array:
        """Return the kept coefficients of psi, -Laplace psi = w, u = psi_y, v = -psi_x."""
        squared = np.where(self.modes.squared > 0, self.modes.squared, np.inf)
        return v * namespace(v).asarray((1 / squared).astype(v.real.dtype))

    def velocity(self, v: Array) -> Array:
        """Return (u, v) on the grid, shape (..., 2, *grid.shape)."""
        xp, psi = namespace(v), self.streamfunction(v)
        kx, ky = (xp.asarray(k.astype(v.real.dtype)) for k in self.modes.wavenumbers)
        both = xp.stack([1j * ky * psi, -1j * kx * psi], axis=-3)
        return self.space.transform.backward(self.full(both), destroy=True)

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return energy, enstrophy and palinstrophy, each a mean over the box."""
        return {
            "energy": self._mean(v, self.streamfunction(v)) / 2,
            "enstrophy": self._mean(v, v) / 2,
            "palinstrophy": self._mean(v, namespace(v).asarray(self.modes.squared) * v) / 2,
        }

    def rates(self, v: Array) -> dict[str, Array]:
        """Return dE/dt and dZ/dt of the equation, for budgets and for the power that forces add."""
        known, f = self.invariants(v), namespace(v).asarray(self.force)
        nu, mu = self.viscosity, self.drag
        energy, enstrophy = known["energy"], known["enstrophy"]
        return {
            "energy": -2 * nu * enstrophy - 2 * mu * energy + self._mean(self.streamfunction(v), f),
            "enstrophy": -2 * nu * known["palinstrophy"] - 2 * mu * enstrophy + self._mean(v, f),
        }

    def _mean(self, v: Array, w: Array) -> Array:
        """Return the mean over the box of a product, for each of a batch."""
        products = namespace(v).asarray(self.modes.weights) * (v.conj() * w).real
        return products.sum(axis=(-2, -1))

    def tail(self, v: Array) -> Array:
        """Return which part of the vorticity is in the finest modes."""
        return spectral_tail(self.space, self.full(v))

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        require_same_box(self.grid, grid)
        sampler, forcing = self.inputs[0].sampler, self.forcing
        if forcing is not None and not isinstance(forcing, VorticityForcing):
            other = FourierSpace(grid, dtype=self.dtype)
            f = self.space.resampled(self.modes.resampled(self.force, self.space), other)
            forcing = other.transform.backward(f)
        return type(self)(
            grid,
            self.viscosity,
            None if sampler is None else sampler.on(grid),
            drag=self.drag,
            forcing=forcing,
            unit=self.inputs[0].unit,
            dtype=self.dtype,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        item, forcing = self.inputs[0], cast(Any, self.forcing)
        if isinstance(forcing, VorticityForcing):
            forcing = forcing.describe()
        elif forcing is not None:
            forcing = np.asarray(forcing).tolist()
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "viscosity": self.viscosity,
            "drag": self.drag,
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
        settings = ("viscosity", "drag", "forcing", "sampler", "unit", "dtype")
        given = arguments_of(description, cls.equation, settings)
        if isinstance(given["forcing"], Mapping):
            given["forcing"] = VorticityForcing.from_description(given["forcing"])
        return cls(**given)


class VorticitySystem(EvolutionSystem):
    """w_k' = -(nu k^2 + mu) w_k + (kx^2 - ky^2) (u v)_k - kx ky (u^2 - v^2)_k + f_k.

    Basdevant (1983), doi:10.1016/0021-9991(83)90064-5: fluxes of momentum less their trace, so that
    two products are transformed and two velocities. Both pairs are one complex field:

        z = u + i v,   z_k = (kx + i ky) w_k / |k|^2,   z^2 = u^2 - v^2 + 2 i u v

    It is transformed there and back in one array, without the columns that the 2/3 rule empties.
    """

    def __init__(self, problem: NavierStokes):
        modes, self.problem = problem.modes, problem
        self.linear = DiagonalPart(
            (-problem.viscosity * modes.squared - problem.drag).astype(problem.dtype)
        )
        self.fourier = PrunedFourier(problem.grid.shape, dtype=problem.dtype)
        self.k = tuple(k.ravel().astype(problem.dtype) for k in modes.wavenumbers)
        self.halves = tuple(k / 2 for k in self.k)
        squared = np.where(modes.squared > 0, modes.squared, np.inf)
        self.inverse = (1 / squared).astype(problem.dtype)
        self.fastest = [float(abs(k).max()) for k in self.k]
        self.force = problem.force
        self.work: Array | None = None

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write the advection of vorticity and the force."""
        if v.ndim > 2:
            for one, into in zip(v, out, strict=True):
                self.nonlinear(t, one, into)
            return
        z, n1 = self._velocity(v), self.fourier.shape[1]
        kernels = kernel_module(_KERNELS, v)
        self.fourier.through(z, lambda rows: kernels.square(_parts(rows), n1))
        kernels.write_rate(_parts(z), n1, *self.halves, _parts(self.force), _parts(out))

    def rate(self, t: float, v: Array) -> float:
        """Return max |u| kx + |v| ky of the largest wavenumbers."""
        if v.ndim > 2:
            return max(self.rate(t, one) for one in v)
        z = self._velocity(v)
        self.fourier.backward(z)
        z = z[:, : self.fourier.shape[1]]
        return float((abs(z.real) * self.fastest[0] + abs(z.imag) * self.fastest[1]).max())

    def _velocity(self, w: Array) -> Array:
        """Return the coefficients of u + i v, in the work space."""
        if self.work is None or namespace(self.work) is not namespace(w):
            self.work = self.fourier.zeros(w)
            self._move(w)
        z = self.work
        kernels = kernel_module(_KERNELS, w)
        kernels.write_velocity(_parts(w), *self.k, self.inverse, _parts(z), self.fourier.shape[1])
        return z

    def _move(self, like: Array) -> None:
        """Move what is worked with to where the state lives."""
        there = namespace(like).asarray if lives_on_gpu(like) else to_numpy
        self.k, self.halves = (tuple(map(there, each)) for each in (self.k, self.halves))
        self.inverse, self.force = there(self.inverse), there(self.force)


def _parts(z: Array) -> Array:
    """Return complex rows as rows of real and imaginary parts, without a copy."""
    return z.view(z.real.dtype)
