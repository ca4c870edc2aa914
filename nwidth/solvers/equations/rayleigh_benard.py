"""Convection between a warm plate below and a cold one above: Rayleigh and Benard's layer."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.equations.layer_pressure import LayerPressure
from nwidth.solvers.equations.layer_system import LayerSystem
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.stepping import ARK436L2SA, EvolutionSystem

Array = NDArray[Any]


class RayleighBenard(EvolutionProblem):
    """Buoyancy b and velocity (u, w) of a layer of height one, periodic along its plates.

        u_t + u . grad u + grad p = nu Laplace u + (0, b),    div u = 0
        b_t + u . grad b = kappa Laplace b
        u = 0 at both plates,    b = 1 at the lower one, 0 at the upper one
        nu = (Pr / Ra)^(1/2),    kappa = (Ra Pr)^(-1/2)

    The unit of time is that of free fall through the layer. It starts at rest. Heat is conducted
    alone, b = 1 - z, up to Ra = 1707.762, where rolls of wavenumber 3.116 begin to grow
    (`normal_modes`). With means over the layer, E = <u^2 + w^2> / 2 and B = <(b - 1 + z)^2> / 2,

        E' = <w b> - nu <|grad u|^2>,    B' = <w b> - kappa <|grad (b - 1 + z)|^2>
        Nu = 1 + <w b> / kappa

    the first two of which `rates` returns; Nu is the heat that goes through the layer over that of
    conduction, and in the mean over time also the slope of b at either plate. References:
    Chandrasekhar (1961), Hydrodynamic and Hydromagnetic Stability, sections 8 and 15; Grossmann &
    Lohse (2000), doi:10.1017/S0022112099007545, equations (2.4) and (2.5). The method is that of
    `LayerSystem`.

    Input and output "buoyancy", outputs "pressure", of mean zero, and "velocity", shape
    (2, *grid.shape).

    Args:
        grid: periodic along the plates, Chebyshev's points across from z to z + 1;
            `Grid.chebyshev`.
        rayleigh: Ra > 0.
        prandtl: Pr > 0.
        sampler: draws initial buoyancies, as `DampedNoise`.
        unit: of the buoyancy.
        dtype: precision, "float64" or "float32".

    Good values: 64 points across for Ra = 1e6, 128 for 1e8, four times as many along a box of
    length four; `Trajectory.tail` tells. Raises `InputError` for what does not fit.

    >>> grid = Grid.chebyshev((16, 13), upper=(2.0, 1.0), periodic=(True, False))
    >>> problem = RayleighBenard(grid, rayleigh=5000.0)
    >>> x, z = grid.coordinates()
    >>> v = problem.state({"buoyancy": 1 - z + 0.01 * np.cos(np.pi * x) * np.sin(np.pi * z)})
    >>> {name: round(float(q), 6) for name, q in problem.invariants(v).items()}
    {'energy': 0.0, 'variance': 1.2e-05, 'nusselt': 1.0, 'nusselt_lower': 1.0, 'nusselt_upper': 1.0}
    """

    equation = "rayleigh-benard"
    components = 2  # of the velocity; the buoyancy has one
    method = ARK436L2SA

    def __init__(
        self,
        grid: Grid,
        rayleigh: float = 1e6,
        prandtl: float = 1.0,
        sampler: RandomField | None = None,
        *,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        self.layer = PlaneLayer(grid, dtype)
        self.grid, self.dtype = grid, self.layer.dtype
        if abs(grid.lengths[1] - 1) > 1e-12:
            raise InputError(
                f"grid: expected a distance of 1 between the plates, the unit of length, got "
                f"{grid.lengths[1]:g}; scale the box"
            )
        self.rayleigh = require_number(rayleigh, "rayleigh", "(0, inf)")
        self.prandtl = require_number(prandtl, "prandtl", "(0, inf)")
        self.viscosity = (self.prandtl / self.rayleigh) ** 0.5
        self.diffusivity = (self.rayleigh * self.prandtl) ** -0.5
        self.inputs = (FieldInput("buoyancy", unit, check_sampler(sampler, grid, "buoyancy")),)
        self.outputs = {"buoyancy": unit, "pressure": unit, "velocity": unit}

    @property
    def numbers(self) -> int:
        """Buoyancy, pressure and two components of the velocity."""
        return 4

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the coefficients."""
        return LayerSystem(self.layer, self.viscosity, self.diffusivity, (1.0, 0.0))

    def state(self, inputs: Inputs) -> Array:
        """Return the coefficients of the flow at rest and of b - 1 + z, shape (2, n - 2, K).

        Where b is not that of the plates it is replaced by what is next to it in the L2 norm.
        """
        b = self.input_field(inputs, "buoyancy")
        xp = namespace(b)
        heat = self.layer.temperature(b - xp.asarray(self._conducted, b.dtype))
        return xp.stack([xp.zeros_like(heat), heat])

    @property
    def _conducted(self) -> Array:
        """1 - z at the points across."""
        axis = self.grid.axes[1]
        return axis.upper - axis.points

    def fields(self, v: Array) -> dict[str, Array]:
        """Return buoyancy and pressure (..., *grid.shape), velocity (..., 2, *grid.shape)."""
        flow, heat = v[..., 0, :, :], v[..., 1, :, :]
        b = self.layer.values(heat)
        b += namespace(b).asarray(self._conducted, b.dtype)
        p = self._pressure(flow, self._buoyancy(heat))
        return {
            "buoyancy": b,
            "pressure": self.layer.values_of(p),
            "velocity": self.layer.velocity(flow),
        }

    @cached_property
    def _pressure(self) -> LayerPressure:
        return LayerPressure(self.layer, self.viscosity)

    def _buoyancy(self, heat: Array) -> Array:
        """Return the coefficients (..., n, K) of b in Legendre polynomials."""
        b = self.layer.temperature_coefficients(heat)
        b[..., 0, 0] += 0.5
        b[..., 1, 0] -= 0.5
        return b

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return energy and variance, and the heat through the layer and through either plate."""
        flow, heat = v[..., 0, :, :], v[..., 1, :, :]
        slopes = self.layer.slopes(heat)
        return {
            "energy": self.layer.energy(flow),
            "variance": self.layer.variance(heat),
            "nusselt": 1 + self.layer.flux(flow, heat) / self.diffusivity,
            "nusselt_lower": 1 - slopes[..., 0],
            "nusselt_upper": 1 - slopes[..., 1],
        }

    def rates(self, v: Array) -> dict[str, Array]:
        """Return dE/dt and dB/dt of the equations."""
        flow, heat = v[..., 0, :, :], v[..., 1, :, :]
        work = self.layer.flux(flow, heat)
        return {
            "energy": work - self.viscosity * self.layer.squared_gradient(flow),
            "variance": work - self.diffusivity * self.layer.squared_gradient(heat, heat=True),
        }

    def tail(self, v: Array) -> Array:
        """Return which part of velocity and buoyancy is in the finest modes."""
        b = self._buoyancy(v[..., 1, :, :])
        return self.layer.tail(*self.layer.velocity_coefficients(v[..., 0, :, :]), b)

    def on(self, grid: Grid) -> Self:
        """Return the same equations on another grid of the same box."""
        require_same_box(self.grid, grid)
        item = self.inputs[0]
        return type(self)(
            grid,
            self.rayleigh,
            self.prandtl,
            None if item.sampler is None else item.sampler.on(grid),
            unit=item.unit,
            dtype=self.dtype,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        item = self.inputs[0]
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "rayleigh": self.rayleigh,
            "prandtl": self.prandtl,
            "sampler": None if item.sampler is None else item.sampler.describe(),
            "unit": item.unit,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        settings = ("rayleigh", "prandtl", "sampler", "unit", "dtype")
        return cls(**arguments_of(description, cls.equation, settings))
