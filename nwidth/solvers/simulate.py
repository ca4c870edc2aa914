"""Follow a problem through time, and return its fields at the times asked for."""

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import lives_on_gpu, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.problem import Inputs
from nwidth.solvers.stepping import Counts, Evolution, EvolutionStatus, SteppingMethod, evolve

Array = NDArray[Any]

# Fields of which this part is in the finest modes are not resolved: digits beyond it are none.
UNRESOLVED = 1e-2
# Relative error of a step unless told otherwise.
RTOL = 1e-6
# Fields on the grid that adaptive steps of a spectral method take as memory: stages, transforms,
# coefficients of four step sizes. Measured: 27 where states have only modes that are kept, else up
# to 52.
WORK_ARRAYS = 52


@dataclass(frozen=True)
class Trajectory:
    """Fields at times, what the equation conserves, and the record of the computation.

    `fields` and `invariants` are arrays by name whose first axis is time. `tail` is the part of the
    solution in its finest modes at each time, None where this is not known.
    """

    times: Array
    fields: dict[str, Array]
    invariants: dict[str, Array]
    tail: Array | None
    evolution: Evolution

    @property
    def status(self) -> EvolutionStatus:
        """How the evolution ended."""
        return self.evolution.status

    @property
    def counts(self) -> Counts:
        """Steps, repeated steps and right-hand sides."""
        return self.evolution.counts

    def checked(self) -> "Trajectory":
        """Return the trajectory itself, or raise with the remedy if it did not reach its end."""
        self.evolution.checked()
        return self


def simulate(
    problem: EvolutionProblem,
    inputs: Inputs,
    times: Any,
    *,
    method: SteppingMethod | None = None,
    dt: float | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    courant: float | None = None,
    dense: bool = False,
    max_steps: int = 1_000_000,
    checkpoint: str | Path | None = None,
    progress: Callable[[float, Counts], Any] | None = None,
) -> Trajectory:
    """Follow a problem from its initial fields at t = 0 to given times; see `evolve`.

    Args:
        problem: an equation, such as `Burgers(grid)`.
        inputs: its initial fields and whatever else it takes, by name.
        times: increasing, from zero on.
        method: by default the problem's own.
        dt: fixed steps, at most so long.
        rtol: adaptive steps, of such errors; 1e-6 if none of the three is given.
        atol: see `evolve`.
        courant: adaptive steps, that part of the longest stable one.
        dense: see `evolve`.
        max_steps: see `evolve`.
        checkpoint: see `evolve`; one of another problem or of other inputs is refused.
        progress: see `evolve`.

    Warns where a field, the initial one too, is not resolved: a hundredth of it in the finest third
    of the modes, as of fields that are not periodic and jump from one end to the other. Raises
    `InputError` for what cannot be stepped, also where the result would not fit in memory.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Burgers
    >>> problem = Burgers(Grid.periodic(64), viscosity=0.05)
    >>> u = np.sin(2 * np.pi * problem.grid.axes[0].points)
    >>> found = simulate(problem, {"velocity": u}, [0.0, 0.5]).checked()
    >>> found.fields["velocity"].shape, bool(found.invariants["energy"][1] < 0.25)
    ((2, 64), True)
    """
    require_instance(problem, "problem", EvolutionProblem)
    state = problem.state(inputs)
    first = problem.tail(state)
    count = np.size(times)
    _require_memory(problem, state, count)
    if dt is None and rtol is None and courant is None:
        rtol = RTOL
    found = evolve(
        problem.system(inputs),
        state,
        times,
        method=problem.method if method is None else method,
        dt=dt,
        rtol=rtol,
        atol=atol,
        courant=courant,
        dense=dense,
        max_steps=max_steps,
        checkpoint=checkpoint,
        job="" if checkpoint is None else _digest(problem, inputs),
        progress=progress,
    )
    tail = problem.tail(found.states)
    tails = [float(to_numpy(one).max()) for one in (first, tail) if one is not None and one.size]
    if tails and max(tails) > UNRESOLVED:
        what = "initial fields" if tails[0] == max(tails) else "solution"
        warnings.warn(
            f"{max(tails):.2%} of the {what} is in the finest third of the modes: expected less "
            f"than {UNRESOLVED:.0%}; refine the grid, or give fields that are periodic and smooth",
            stacklevel=2,
        )
    return Trajectory(
        found.times,
        problem.fields(found.states),
        problem.measured(found.states, inputs),
        tail,
        found,
    )


def _digest(problem: EvolutionProblem, inputs: Inputs) -> str:
    """Return what tells this problem with these inputs from all others."""
    told = [json.dumps(problem.describe(), sort_keys=True)]
    for name in sorted(inputs):
        values = to_numpy(inputs[name]) if lives_on_gpu(inputs[name]) else np.asarray(inputs[name])
        told.append(sha256(np.ascontiguousarray(values).tobytes()).hexdigest())
    return sha256(" ".join(told).encode()).hexdigest()


def _require_memory(problem: EvolutionProblem, state: Array, times: int) -> None:
    """Raise if states and fields of all times would take more than the memory there is."""
    if lives_on_gpu(state):
        return
    numbers = problem.grid.size * problem.numbers
    field = numbers * state.real.dtype.itemsize
    work = WORK_ARRAYS * int(field)
    needed = times * (state.nbytes + int(field)) + work
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise InputError(
            f"times: {times} of them would take {needed / 2**30:.3g} GiB, {work / 2**30:.3g} of it "
            f"to work with, expected at most the {there / 2**30:.3g} GiB of this machine; ask for "
            "fewer, stream them to a file with `evolve(output=...)`, or take a coarser grid"
        )
