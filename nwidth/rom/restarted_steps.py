"""One step of a problem in time from any fields, by its own solver at a tight tolerance."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import to_numpy
from nwidth.errors import InputError
from nwidth.solvers.error_growth import ErrorGrowth, weighted_norm
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.stepping import EvolutionStatus, evolve

Array = NDArray[Any]


@dataclass(frozen=True)
class SolverStep:
    """Where the solver comes from a state after one step.

    `state` is None where it did not arrive. A step has parts, `lengths` long. `errors` allow for
    the solver's own in each of them: its tolerance for each of its steps. `rates` are those of the
    comparison inequality, the larger at either end of each part.
    """

    state: Array | None
    errors: tuple[float, ...]
    rates: tuple[Array, ...]
    lengths: tuple[float, ...]


@dataclass(frozen=True)
class RestartedSteps:
    """Steps of a problem from fields that are like its own outputs, between given times.

    Args:
        problem: in time; its inputs are fields that it also puts out, and constants.
        tolerance: relative error of the solver's steps.
        growth: the comparison inequality of the equation, or None.
        instants: parts of a step, at whose ends the rates of the inequality are read.

    Raises `InputError` for a problem whose outputs do not say where to go on from.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Burgers
    >>> steps = RestartedSteps(Burgers(Grid.periodic(32), viscosity=0.1))
    >>> v = steps.state({"velocity": np.ones(32)}, {})
    >>> complex(steps.step(v, {"velocity": np.ones(32)}, 0.5, 1.0).state[0])
    (1+0j)
    """

    problem: EvolutionProblem
    tolerance: float = 1e-8
    growth: ErrorGrowth | None = None
    instants: int = 4

    def __post_init__(self):
        lost = [name for name in self.problem.outputs if name not in self.names]
        if lost or getattr(self.problem, "layered", False):
            what = ", ".join(lost) or "what its absorbing layers hold"
            raise InputError(
                f"problem: expected one that takes all its fields as initial fields, but "
                f"{what} it does not take, so that nothing can go on from its outputs"
            )

    @property
    def names(self) -> list[str]:
        """The outputs that are initial fields, in their order."""
        given = [item.name for item in self.problem.inputs]
        return [n for n in self.problem.outputs if n in given or self._whole(n) in given]

    @property
    def constants(self) -> list[str]:
        """The inputs that are no initial fields."""
        restarted = {*self.names, *map(self._whole, self.names)}
        return [item.name for item in self.problem.inputs if item.name not in restarted]

    @staticmethod
    def _whole(name: str) -> str:
        """Return the name of a complex field of one of its parts."""
        return name.removesuffix("_real").removesuffix("_imag")

    def inputs(self, fields: Mapping[str, Array], constants: Mapping[str, Any]) -> dict[str, Array]:
        """Return the inputs of the problem that make these fields its initial ones."""
        found = dict(constants)
        for item in self.problem.inputs:
            if item.name in constants:
                continue
            if item.name in fields:
                u = np.asarray(fields[item.name], np.float64)
                found[item.name] = self.problem.admissible(item.name, u)
            else:
                found[item.name] = fields[f"{item.name}_real"] + 1j * fields[f"{item.name}_imag"]
        return found

    def state(self, fields: Mapping[str, Array], constants: Mapping[str, Any]) -> Array:
        """Return the state of the problem that fields are nearest to."""
        return self.problem.state(self.inputs(fields, constants))

    def stacked(self, state: Array) -> Array:
        """Return the fields of a state as one array of numbers."""
        found = self.problem.fields(state)
        return np.concatenate([to_numpy(found[name]).ravel() for name in self.names])

    def step(self, state: Array, inputs: Mapping[str, Any], start: float, end: float) -> SolverStep:
        """Return where a state comes from one time to another."""
        parts = self.instants if self.growth is not None else 1
        times, taken = np.linspace(start, end, parts + 1), [0]
        found = evolve(
            self.problem.system(inputs),
            state,
            times[1:],
            method=self.problem.method,
            rtol=self.tolerance,
            start=start,
            progress=lambda _, counts: taken.append(counts.steps),
        )
        if found.status is not EvolutionStatus.FINISHED:
            return SolverStep(None, (), (), ())
        last = found.states[-1]
        if self.growth is None:
            return SolverStep(last, (), (), ())
        states = (state, *found.states)
        sizes = [weighted_norm(u, 1 / u.size) for u in map(self.stacked, states)]
        # Twice: norms of states and of fields differ by the square root of two at most.
        errors = 2 * self.tolerance * np.diff(taken) * np.maximum(sizes[:-1], sizes[1:])
        read = [self.growth.rates(v) for v in states]
        rates = tuple(np.maximum(a, b) for a, b in pairwise(read))
        return SolverStep(last, tuple(errors.tolist()), rates, tuple(np.diff(times).tolist()))
