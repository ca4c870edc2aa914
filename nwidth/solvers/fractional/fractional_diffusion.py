"""Fractional diffusion in time on an interval, a rectangle or a box."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.meshes import Grid, RandomField
from nwidth.solvers.equations.diffusion_problem import check_sampler
from nwidth.solvers.evolution_problem import EvolutionProblem, arguments_of
from nwidth.solvers.fractional.riesz_part import RieszPart, diagonal, mean_eigenvalues
from nwidth.solvers.fractional.riesz_rectangle import RieszRectangle
from nwidth.solvers.problem import FieldInput, Inputs
from nwidth.solvers.stepping import (
    ARK436L2SA,
    ETDRK4,
    DiagonalPart,
    EvolutionSystem,
    LinearPart,
    SteppingMethod,
)

Array = NDArray[Any]

_SETTINGS = (
    *("degree", "alpha", "coefficient", "reaction", "growth", "source", "sampler", "modes", "unit"),
)  # fmt: skip


class FractionalDiffusion(EvolutionProblem):
    """What spreads by long jumps, u = 0 outside a box.

        u_t = sum_k K_k(x) d^{a_k} u / d|x_k|^{a_k} - r(x) u + g u (1 - u) + f(t, x)

    The limit of random walks whose jumps are longer than y with probability y^-a: a pulse is as
    wide as t^{1/a}, with tails t y^{-1-a}, where a = 2 has t^{1/2} and a Gaussian. With growth g it
    is Fisher's equation, whose fronts accelerate for a < 2. Splines of degree p in space, see
    `RieszRectangle`. Metzler & Klafter (2000), doi:10.1016/S0370-1573(00)00070-3; del-Castillo-
    Negrete, Carreras & Lynch (2003), doi:10.1103/PhysRevLett.91.018302.

    Where coefficients are constant, or each a function of its own axis, states are amplitudes of
    the modes of `RieszModes`: L is diagonal, any method steps it, and what is linear is exact in
    time, whatever the step. Elsewhere states are values at the collocation points, L is a
    `RieszPart`, and implicit-explicit methods solve by GMRES. What f or g drives at the boundary
    against stiff modes costs implicit Runge-Kutta methods one or two orders in time, as everywhere:
    there `SBDF4` with fixed steps keeps its four (measured).

    Input and output "density", on `grid`, of which the ends are dropped and are zero. `invariants`
    has "mass", the integral of the spline, which leaves through the ends.

    Args:
        intervals, degree, alpha, lower, upper, coefficient, reaction, modes: see `RieszRectangle`.
        source: f, a number, an array, or a function of (t, *coordinates).
        growth: g >= 0.
        sampler: draws initial densities, such as a `RandomSineSeries` on any grid of the box, which
            is moved to that of the problem.
        unit: of the density.

    Good values: degree 3 or 4; a box ten times wider than the pulse, as tails are long. Raises
    `InputError` as `RieszRectangle` does; `describe`, which files and checkpoints need, for sources
    that are functions.

    >>> from nwidth.solvers import simulate
    >>> problem = FractionalDiffusion(64, 4, 1.5, -10.0, 10.0)
    >>> x = problem.grid.points[0]
    >>> found = simulate(problem, {"density": np.exp(-(x**2))}, [0.0, 1.0], dt=1.0).checked()
    >>> found.fields["density"].shape, found.counts.steps
    ((2, 68), 1)
    """

    equation = "fractional-diffusion"

    def __init__(
        self,
        intervals: int | Sequence[int],
        degree: int | Sequence[int],
        alpha: float | Sequence[float],
        lower: float | Sequence[float] = 0.0,
        upper: float | Sequence[float] = 1.0,
        *,
        coefficient: Any = 1.0,
        reaction: Any = 0.0,
        growth: float = 0.0,
        source: float | Array | Callable[..., Any] = 0.0,
        sampler: RandomField | None = None,
        modes: str = "auto",
        unit: str = "1",
    ):
        self.space = RieszRectangle(
            intervals, degree, alpha, lower, upper,
            coefficient=coefficient, reaction=reaction, modes=modes,
        )  # fmt: skip
        self.grid, self.growth = self.space.grid, require_number(growth, "growth", "[0, inf)")
        self.source = source if callable(source) else self.space.field(source, "source")
        self.unit = unit
        if isinstance(sampler, RandomField):
            sampler = sampler.on(self.grid)
        self.inputs = (FieldInput("density", unit, check_sampler(sampler, self.grid, "sampler")),)
        self.outputs = {"density": unit}

    @cached_property
    def diagonal(self) -> bool:
        """Whether states are amplitudes of modes; these are found when it is first asked."""
        return diagonal(self.space.inverse)

    @property
    def method(self) -> SteppingMethod:  # type: ignore[override]
        """The stepper that suits the coefficients."""
        return ETDRK4 if self.diagonal else ARK436L2SA

    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system of modes or of values."""
        return FractionalSystem(self)

    def state(self, inputs: Inputs) -> Array:
        """Return the initial amplitudes or values; real or complex."""
        u = self.input_field(inputs, "density", kinds="fc")
        u = u[(slice(1, -1),) * self.space.dimension]
        if not callable(self.source) and self.source.dtype.kind == "c":
            u = u.astype(np.result_type(u, np.complex64), copy=False)
        return self.to_state(np.ascontiguousarray(u))

    def to_state(self, values: Array) -> Array:
        """Return the state of values at the inner collocation points."""
        return self.space.inverse.analysis(values) if self.diagonal else values

    def to_values(self, v: Array) -> Array:
        """Return the values at the inner collocation points of a state or several."""
        return self.space.inverse.synthesis(v) if self.diagonal else v

    def fields(self, v: Array) -> dict[str, Array]:
        """Return the density on the grid, zeros at the ends included."""
        d = self.space.dimension
        widths = [(0, 0)] * (v.ndim - d) + [(1, 1)] * d
        return {"density": np.pad(self.to_values(v), widths)}

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return the mass, the integral of the spline."""
        d = self.space.dimension
        c = self.to_values(v)
        for k, B in enumerate(self.space.operator.masses):
            c = B.solve(c, k - d)
        for basis in reversed(self.space.bases):
            c = c @ basis.integrals[1:-1]
        return {"mass": c}

    def on(self, grid: Grid) -> "FractionalDiffusion":
        """Return the same problem on the grid of other intervals, with coefficients as numbers."""
        if require_instance(grid, "grid", Grid).dimension != self.space.dimension:
            raise InputError(f"grid: expected {self.space.dimension} axes, got {grid}")
        given = {name: getattr(self.space, name) for name in ("degree", "alpha", "lower", "upper")}
        counts = [n - p for n, p in zip(grid.shape, self.space.degree, strict=True)]
        fields = [*self.space.coefficients, self.space.reaction]
        if callable(self.source) or any(a.ndim for a in (*fields, self.source)):
            raise InputError(
                "grid: expected a problem whose coefficients and source are numbers to be moved to "
                "another grid, got fields; make a new one"
            )
        other = FractionalDiffusion(
            counts,
            **given,
            coefficient=[float(K) for K in fields[:-1]],
            reaction=float(fields[-1]),
            growth=self.growth,
            source=self.source,
            sampler=self.inputs[0].sampler,
            modes=self.space.modes_kind,
            unit=self.unit,
        )
        return _on_its_grid(other, grid)

    def describe(self) -> dict[str, Any]:
        """Return the equation, its grid, orders, coefficients as numbers or lists."""
        if callable(self.source) or self.source.dtype.kind == "c":
            came = "a function" if callable(self.source) else "complex ones"
            raise InputError(
                "source: expected real numbers for a description, in files or checkpoints, got "
                f"{came}; leave the file out, or give a real array"
            )
        space, sampler = self.space, self.inputs[0].sampler
        return {
            "equation": self.equation,
            "grid": self.grid.describe(),
            "degree": list(space.degree),
            "alpha": list(space.alpha),
            "coefficient": [K.tolist() for K in space.coefficients],
            "reaction": space.reaction.tolist(),
            "growth": self.growth,
            "source": self.source.tolist(),
            "sampler": None if sampler is None else sampler.describe(),
            "modes": space.modes_kind,
            "unit": self.unit,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the problem whose `describe()` this is; raises `InputError` for what does not fit.

        >>> problem = FractionalDiffusion((8, 9), 3, (1.5, 1.2), coefficient=[2.0, 1.0])
        >>> again = FractionalDiffusion.from_description(problem.describe())
        >>> again.describe() == problem.describe()
        True
        """
        given = arguments_of(description, cls.equation, _SETTINGS)
        grid, degree = given.pop("grid"), given.pop("degree")
        if not isinstance(degree, list) or len(degree) != grid.dimension:
            raise InputError(f"degree: expected one number per axis, got {degree!r:.80}")
        try:
            counts = [n - p for n, p in zip(grid.shape, degree, strict=True)]
        except TypeError:
            raise InputError(f"degree: expected one number per axis, got {degree!r:.80}") from None
        lower, upper = [a.lower for a in grid.axes], [a.upper for a in grid.axes]
        return _on_its_grid(cls(counts, degree, lower=lower, upper=upper, **given), grid)

    def __repr__(self) -> str:
        return f"FractionalDiffusion({self.space})"


def _on_its_grid(problem: Any, grid: Grid) -> Any:
    """Return the problem if its collocation points are those of a grid, or raise `InputError`."""
    points = zip(problem.grid.points, grid.points, strict=True)
    if any(len(a) != len(b) or not np.allclose(a, b, rtol=0, atol=1e-9 * b[-1]) for a, b in points):
        raise InputError(
            "grid: expected the Greville points of splines with uniform open knots, as "
            f"RieszRectangle(...).grid has, got {grid}"
        )
    problem.grid = grid  # with its names and units
    return problem


class FractionalSystem(EvolutionSystem):
    """v' = L v + N(t, v) of modes, where L is diagonal, or of values.

    >>> problem = FractionalDiffusion(8, 2, 1.5, growth=1.0)
    >>> system, out = FractionalSystem(problem), np.empty(8)
    >>> system.nonlinear(0.0, problem.to_state(np.full(8, 0.5)), out)
    >>> problem.to_values(out).round(12).tolist()[:2]
    [0.25, 0.25]
    """

    def __init__(self, problem: FractionalDiffusion):
        self.problem = problem
        self.autonomous = not callable(problem.source)
        self.linear: LinearPart
        if problem.diagonal:
            self.linear = DiagonalPart(-mean_eigenvalues(problem.space.inverse))
        else:
            self.linear = RieszPart(problem.space)
        self._steady: Array | None = None
        if self.autonomous:
            f = np.asarray(problem.source)
            self._steady = problem.to_state(np.array(np.broadcast_to(f, problem.space.shape)))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write f + g u (1 - u)."""
        problem = self.problem
        total: Any = 0.0
        if self._steady is None:
            total = problem.space.field(self._at(t), "source")
            if total.dtype.kind == "c" and v.dtype.kind != "c":
                raise InputError(
                    "source: expected real numbers for a real density, got complex ones; make the "
                    "density complex"
                )
            total = np.broadcast_to(total, problem.space.shape)
        if problem.growth:
            u = problem.to_values(v)
            total = total + problem.growth * u * (1 - u)
        out[...] = 0.0 if self._steady is None else self._steady
        if np.ndim(total):
            out += problem.to_state(namespace(v).asarray(total, dtype=v.dtype))

    def _at(self, t: float) -> Any:
        """Return the source at a time."""
        source: Any = self.problem.source
        return source(t, *self.problem.space.points)
