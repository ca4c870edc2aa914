"""Flow between two plates that a pressure gradient drives: Poiseuille's, and what becomes of it."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_number
from nwidth.meshes import Grid
from nwidth.solvers.equations.layer_system import LayerSystem
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.stepping import ARK436L2SA, EvolutionSystem

Array = NDArray[Any]


class ChannelFlow(EvolutionProblem):
    """The velocity (u, w) of an incompressible flow between two plates, periodic along them.

        u_t + u . grad u + grad p = nu Laplace u + (G, 0),    div u = 0,    u = 0 at the plates

    Poiseuille's flow U = G (z - z_0) (z_1 - z) / (2 nu) stays as it is to rounding; disturbances of
    it grow above a Reynolds number of 5772 (`normal_modes`). With E = <u^2 + w^2> / 2, a mean over
    the layer, advection does no work:

        E' = G <u> - nu <|grad u|^2>

    which `rates` returns. Reference: Orszag (1971), doi:10.1017/S0022112071002842; the method is
    that of `LayerSystem`.

    Input and output "velocity", shape (2, *grid.shape). An initial velocity that has a divergence
    or slips is replaced by the nearest one in the L2 norm that has none and does not.

    Args:
        grid: periodic along the plates, Chebyshev's points across; `Grid.chebyshev`.
        viscosity: nu > 0.
        force: G, minus the gradient of the mean pressure over the density.
        unit: of the velocity.
        dtype: precision, "float64" or "float32".

    Good values: 65 points across for Reynolds numbers of 1e4. Raises `InputError` for what does not
    fit.

    >>> grid = Grid.chebyshev((8, 16), (0.0, -1.0), (2 * np.pi, 1.0), periodic=(True, False))
    >>> problem = ChannelFlow(grid, viscosity=0.1, force=0.2)
    >>> z = grid.coordinates()[1]
    >>> v = problem.state({"velocity": np.stack([1 - z**2, 0 * z])})
    >>> {name: round(float(q), 12) for name, q in problem.invariants(v).items()}
    {'energy': 0.266666666667, 'flux': 0.666666666667}
    """

    equation = "channel-flow"
    components = 2
    method = ARK436L2SA

    def __init__(
        self,
        grid: Grid,
        viscosity: float = 1e-2,
        *,
        force: float = 0.0,
        unit: str = "1",
        dtype: DTypeLike = np.float64,
    ):
        self.layer = PlaneLayer(grid, dtype)
        self.grid, self.dtype = grid, self.layer.dtype
        self.viscosity = require_number(viscosity, "viscosity", "(0, inf)")
        self.force = require_number(force, "force", "(-inf, inf)")
        self.inputs = (FieldInput("velocity", unit),)
        self.outputs = {"velocity": unit}

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the coefficients."""
        return LayerSystem(self.layer, self.viscosity, force=self.force)

    def state(self, inputs: Inputs) -> Array:
        """Return the coefficients of the initial flow, shape (1, n - 2, K)."""
        return self.layer.flow(self.input_field(inputs, "velocity", shape=(2, *self.grid.shape)))[
            None
        ]

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the velocity (..., 2, *grid.shape)."""
        return {"velocity": self.layer.velocity(v[..., 0, :, :])}

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return energy and mean of u along the plates, means over the layer."""
        flow = v[..., 0, :, :]
        return {"energy": self.layer.energy(flow), "flux": self.layer.mean_along(flow)}

    def rates(self, v: Array) -> dict[str, Array]:
        """Return dE/dt of the equation."""
        flow = v[..., 0, :, :]
        lost = self.viscosity * self.layer.squared_gradient(flow)
        return {"energy": self.force * self.layer.mean_along(flow) - lost}

    def tail(self, v: Array) -> Array:
        """Return which part of the velocity is in the finest modes."""
        return self.layer.tail(*self.layer.velocity_coefficients(v[..., 0, :, :]))

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        require_same_box(self.grid, grid)
        return type(self)(
            grid,
            self.viscosity,
            force=self.force,
            unit=self.inputs[0].unit,
            dtype=self.dtype,
        )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "viscosity": self.viscosity,
            "force": self.force,
            "unit": self.inputs[0].unit,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        settings = ("viscosity", "force", "unit", "dtype")
        return cls(**arguments_of(description, cls.equation, settings))
