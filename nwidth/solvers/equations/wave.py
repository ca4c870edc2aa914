"""The wave equation with a speed that varies, on a torus or, with absorbing layers, in the open."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_choice, require_dtype, require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.absorbing_layer import absorbing_layer, layer_widths
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.equations.travelling_waves import TravellingWaves, TravellingWaveSystem
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of, require_same_box
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.spectral import FourierSpace, spectral_tail
from nwidth.solvers.stepping import ETDRK4, RK43, EvolutionSystem, SteppingMethod

Array = NDArray[Any]
Field = float | RandomField | None

FORMS = ("divergence", "laplace")


class WaveEquation(EvolutionProblem):
    """Waves u of speed c(x), in one or two dimensions.

        u_tt + 2 sigma u_t = div(c^2 grad u)    form "divergence"
        u_tt + 2 sigma u_t = c^2 laplace u      form "laplace"

    Without layers the energy <u_t^2 + c^2 |grad u|^2> / 2, for "laplace" <u_t^2 / c^2 + |grad u|^2>
    / 2, falls by 2 sigma <u_t^2> (over c^2): the discrete operators are symmetric in the same way,
    so it is conserved by all but the steps, whatever c. `layer` surrounds the box by a perfectly
    matched layer, in which waves die without being reflected: open space, where c does not change
    along the normal. Reference: Grote & Sim (2010), arXiv:1001.0319.

    Inputs "displacement", and "velocity" and "speed" unless they are numbers; outputs
    "displacement" and "velocity", u_t. Where the speed is a number and nothing damps, states are
    the amplitudes of `TravellingWaves`: exponential methods are exact, whatever the step. Else they
    are the values on the grid, with layers of one more field for each axis, and steps are explicit:
    `rate` is c |k| of the largest wavenumber, and longer fixed steps than Courant's condition
    allows are refused. Waves between walls, where u = 0 or u_n = 0, are odd or even on a torus of
    twice the length. Where all of a wave leaves, give `atol`: steps relative to nothing are short.

    Args:
        grid: one or two periodic uniform axes; layers lie inside it.
        speed: c > 0, a number, a random field that draws it, or None if the user brings it.
        sampler: draws initial displacements.
        velocity: the initial one, a number, a random field or None; zero for waves from rest.
        form: "divergence" or "laplace".
        layer: width of the absorbing layer at each end, one or one for each axis; 0 for none.
        residue: part of an amplitude that comes out of a layer again.
        damping: sigma >= 0.
        unit: of displacement, velocity and speed, one or a list of three.
        dtype: precision, "float64" or "float32".

    Good values: four points in the shortest wave, 16 in a layer. Raises `InputError` for speeds
    that are not positive.

    >>> from nwidth.solvers import simulate
    >>> problem = WaveEquation(Grid.periodic(32), speed=2.0)
    >>> u = np.exp(np.cos(2 * np.pi * problem.grid.axes[0].points))
    >>> found = simulate(problem, {"displacement": u}, [0.5], dt=0.5)
    >>> bool(abs(found.fields["displacement"][0] - u).max() < 1e-14)  # round the torus, once
    True
    """

    equation = "wave"
    dimensions = (1, 2)
    method: SteppingMethod = RK43

    def __init__(
        self,
        grid: Grid,
        speed: Field = 1.0,
        sampler: RandomField | None = None,
        *,
        velocity: Field = 0.0,
        form: str = "divergence",
        layer: float | Sequence[float] = 0.0,
        residue: float = 1e-6,
        damping: float = 0.0,
        unit: str | Sequence[str] = "1",
        dtype: DTypeLike = np.float64,
    ):
        self.dtype = require_dtype(dtype, "float32", "float64")
        self.space = FourierSpace(grid, dtype=self.dtype)
        if grid.dimension not in self.dimensions:
            raise InputError(f"grid: expected 1 or 2 dimensions, got {grid.dimension}")
        self.grid, self.form = grid, require_choice(form, "form", FORMS)
        self.layer = layer_widths(grid, layer)
        self.residue = require_number(residue, "residue", "(0, 1)")
        self.damping = require_number(damping, "damping", "[0, inf)")
        units = [unit] * 3 if isinstance(unit, str) else unit
        named = isinstance(units, Sequence) and all(isinstance(one, str) for one in units)
        if not named or len(units) != 3:
            raise InputError(f"unit: expected one word, or three, got {unit!r:.80}")
        self.unit = unit if isinstance(unit, str) else list(unit)
        self.velocity = _number_or_field(velocity, "velocity", "(-inf, inf)")
        self.speed = _number_or_field(speed, "speed", "(0, inf)")
        fields = {"displacement": sampler, "velocity": self.velocity, "speed": self.speed}
        self.inputs = tuple(
            FieldInput(name, one, check_sampler(drawn, grid, name), positive=name == "speed")
            for (name, drawn), one in zip(fields.items(), units, strict=True)
            if not isinstance(drawn, float)
        )
        self.outputs = {"displacement": units[0], "velocity": units[1]}
        self.waves = None
        if isinstance(self.speed, float) and not self.layered and self.damping == 0:
            self.method, self.waves = ETDRK4, TravellingWaves(self.space, self.speed)

    @property
    def layered(self) -> bool:
        """Whether there is an absorbing layer at some end."""
        return max(self.layer) > 0

    def state(self, inputs: Inputs) -> Array:
        """Return displacement and velocity, without the cosines m = n/2 that have no slope.

        They are values on the grid, or the amplitudes of travelling waves.
        """
        u = self.input_field(inputs, "displacement")
        xp, d = namespace(u), self.grid.dimension
        v = xp.zeros((2 + d * self.layered, *self.grid.shape), self.dtype)
        v[0] = u
        v[1] = self._values(inputs, "velocity")
        transform = self.space.transform
        if self.waves is not None:
            kept = xp.asarray(self.space.dealiased(1))
            return self.waves.to_modes(transform.forward(v) * kept)
        if any(n % 2 == 0 for n in self.grid.shape):
            modes = transform.forward(v[:2])
            modes *= xp.asarray(self.space.dealiased(1))
            transform.backward(modes, v[:2])
        return v

    def speeds(self, inputs: Inputs) -> Array:
        """Return the speed, a number or a field; raises `InputError` unless it is positive."""
        c = self._values(inputs, "speed")
        low, high = float(c.min()), float(c.max())
        if not 0 < low <= high < float(np.finfo(self.dtype).max) ** 0.5:
            raise InputError(
                f"speed: expected positive numbers whose squares are finite, got {low:.4g} to "
                f"{high:.4g}"
            )
        return c

    def _values(self, inputs: Inputs, name: str) -> Array:
        """Return the number or the field that a name stands for, in the precision of states."""
        fixed = {"velocity": self.velocity, "speed": self.speed}[name]
        value = fixed if isinstance(fixed, float) else self.input_field(inputs, name)
        return namespace(value).asarray(value, self.dtype)

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of the values on the grid, or of the amplitudes."""
        if self.waves is not None:
            return TravellingWaveSystem(self.waves, inputs["displacement"])
        return WaveSystem(self, self.speeds(inputs), inputs["displacement"])

    def fields(self, v: Array) -> dict[str, Array]:
        """Return displacement and velocity."""
        if self.waves is not None:
            v = self.space.transform.backward(self.waves.to_fields(v))
        parts = np.moveaxis(v, -self.grid.dimension - 1, 0)
        return {"displacement": parts[0], "velocity": parts[1]}

    def asymmetry(self) -> str | None:
        """Return the layer, whose ends are not each other's images, None without one."""
        return "the absorbing layer" if any(self.layer) else None

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the energy, a mean over the box, where the speed is a number."""
        if not isinstance(self.speed, float):
            return {}
        return {"energy": self._energy(v, np.asarray(self.speed, self.dtype))}

    def measured(self, v: Array, inputs: Inputs) -> dict[str, Array]:
        """Return the energy, a mean over the box, layers included."""
        return {"energy": self._energy(v, self.speeds(inputs))}

    def _energy(self, v: Array, c: Array) -> Array:
        u, w = self.fields(v).values()
        axes = tuple(range(-self.grid.dimension, 0))
        transform, space = self.space.transform, self.space
        modes = transform.forward(namespace(v).ascontiguousarray(u))
        if self.form == "laplace":
            slope = space.inner(modes, space_squared(space, modes) * modes) / space.volume
            return 0.5 * ((w / c) ** 2).mean(axis=axes) + 0.5 * slope
        slopes = [transform.backward(k * modes) for k in space_slopes(space, modes)]
        return 0.5 * (w**2 + c**2 * sum(g**2 for g in slopes)).mean(axis=axes)

    def tail(self, v: Array) -> Array:
        """Return which part of the displacement is in the finest third of the modes."""
        u = namespace(v).ascontiguousarray(self.fields(v)["displacement"])
        return spectral_tail(self.space, self.space.transform.forward(u), 1)

    def on(self, grid: Grid) -> Self:
        """Return the same equation on another grid of the same box."""
        require_same_box(self.grid, grid)
        speed, velocity = (
            one.on(grid) if isinstance(one, RandomField) else one
            for one in (self.speed, self.velocity)
        )
        drawn = self.inputs[0].sampler
        sampler = None if drawn is None else drawn.on(grid)
        return type(self)(grid, speed, sampler, velocity=velocity, **self._rest())

    def _rest(self) -> dict[str, Any]:
        """Return the arguments that are numbers and words."""
        names = ("form", "layer", "residue", "damping", "unit")
        return {**{name: getattr(self, name) for name in names}, "dtype": self.dtype.name}

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        drawn = {"speed": self.speed, "velocity": self.velocity, "sampler": self.inputs[0].sampler}
        told = {
            name: one.describe() if isinstance(one, RandomField) else one
            for name, one in drawn.items()
        }
        return {"equation": self.equation, "grid": self.grid.describe(), **told, **self._rest()}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is.

        Raises `InputError` for missing or unknown keys, and values that the problem does not take.
        """
        drawn = ("speed", "velocity", "sampler")
        settings = (*drawn, "form", "layer", "residue", "damping", "unit", "dtype")
        return cls(**arguments_of(description, cls.equation, settings, drawn))


class WaveSystem(EvolutionSystem):
    """u' = w, w' = b div(a grad u + phi) - (Z + 2 sigma) w - Y u, and phi' of the layers.

        phi_j' = -zeta_j phi_j + (zeta_i - zeta_j) a u_j,    Z = sum zeta_j,  Y = prod zeta_j (2-D)

    a = c^2 and b = 1 in divergence form, a = 1 and b = c^2 in the other; i is the other axis.
    Slopes come from Fourier coefficients, products are made on the grid.
    """

    autonomous = True

    def __init__(self, problem: WaveEquation, speed: Array, like: Any):
        xp = namespace(like) if lives_on_gpu(like) else np
        space, grid = problem.space, problem.grid
        self.problem, self.space, self.laplace = problem, space, problem.form == "laplace"
        self.square = xp.asarray(speed * speed)
        self.slopes = tuple(map(xp.asarray, space_slopes(space, space.squared)))
        self.squared = xp.asarray(space_squared(space, space.squared))
        fastest, zetas = float(speed.max()), []
        if problem.layered:
            zetas = absorbing_layer(grid, problem.layer, fastest, problem.residue)
        self.zetas = [xp.asarray(zeta.astype(problem.dtype)) for zeta in zetas]
        others = zetas[::-1] if grid.dimension == 2 else [np.zeros(1)]
        self.turns = [
            xp.asarray((other - zeta).astype(problem.dtype))
            for zeta, other in zip(zetas, others, strict=False)
        ]
        total = np.asarray(sum(zetas))
        self.drag = xp.asarray((total + 2 * problem.damping).astype(problem.dtype))
        product = zetas[0] * zetas[1] if len(zetas) == 2 else None
        self.spring = None if product is None else xp.asarray(product.astype(problem.dtype))
        largest = [float(abs(k).max()) for k in space.wavenumbers]
        self.fastest = fastest * float(np.hypot.reduce(largest)) + float(self.drag.max())

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write all of the right-hand side, which is linear."""
        if v.ndim > self.problem.grid.dimension + 1:
            for one, into in zip(v, out, strict=True):
                self.nonlinear(t, one, into)
            return
        transform, xp = self.space.transform, namespace(v)
        modes = transform.forward(v[0])
        fluxes = v[2:]
        if self.zetas or not self.laplace:
            fluxes = transform.backward(xp.stack([k * modes for k in self.slopes]), destroy=True)
            if not self.laplace:
                fluxes *= self.square
        for j, (zeta, turn) in enumerate(zip(self.zetas, self.turns, strict=True)):
            out[2 + j] = turn * fluxes[j] - zeta * v[2 + j]
        if self.laplace:
            modes *= -self.squared
            if self.zetas:
                modes += self._divergence(v[2:])
            transform.backward(modes, out[1], destroy=True)
            out[1] *= self.square
        else:
            if self.zetas:
                fluxes += v[2:]
            transform.backward(self._divergence(fluxes), out[1], destroy=True)
        out[1] -= self.drag * v[1]
        if self.spring is not None:
            out[1] -= self.spring * v[0]
        out[0] = v[1]

    def _divergence(self, fluxes: Array) -> Array:
        """Return the coefficients of the divergence of fluxes on the grid."""
        made = self.space.transform.forward(fluxes)
        total = made[0]
        total *= self.slopes[0]
        for k, one in zip(self.slopes[1:], made[1:], strict=True):
            total += k * one
        return total

    def rate(self, t: float, v: Array) -> float:
        """Return the largest speed times the largest wavenumber, plus the damping."""
        return self.fastest


def space_slopes(space: FourierSpace, like: Array) -> tuple[Array, ...]:
    """Return i k of each axis in the precision of the space, where an array lives."""
    kind, xp = space.transform.complex, namespace(like)
    return tuple(xp.asarray((1j * k).astype(kind)) for k in space.odd_wavenumbers)


def space_squared(space: FourierSpace, like: Array) -> Array:
    """Return |k|^2 in the precision of the space, where an array lives."""
    return namespace(like).asarray(space.squared.astype(space.transform.precision))


def _number_or_field(value: Any, name: str, interval: str) -> Field:
    """Return a number, a random field or None."""
    if value is None or isinstance(value, RandomField):
        return value
    if isinstance(value, int | float | np.number):
        return require_number(value, name, interval)
    raise InputError(
        f"{name}: expected a number, a RandomField, or None for an input, got {value!r:.80}"
    )
