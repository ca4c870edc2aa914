"""Implicit-explicit multistep methods: L by backward differences, N by extrapolation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.imex_runge_kutta import (
    ARK436L2SA,
    ARS222,
    ARS443,
    ImexRungeKutta,
)
from nwidth.solvers.stepping.linear_part import require_linear_part
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod
from nwidth.solvers.stepping.weighted_sums import add_numbers

Array = NDArray[Any]
Row = tuple[float, ...]

# Steps that differ by so little, the rounding of times, count as equal.
SAME = 1e-9


@dataclass(frozen=True)
class ImexMultistep(SteppingMethod):
    """A method of k equal steps by its coefficients.

        sum_{j=0}^{k} a_j v(t + (1 - j) h) = h sum_{j=1}^{k} b_j N(t + (1 - j) h) + h L v(t + h)

    `past` are a_0 to a_k, `slopes` b_1 to b_k. A step costs one evaluation of N and one solve with
    1 - (h / a_0) L. The first k - 1 steps are those of `starter`, of the same order; so are those
    after a change of h, so outputs should be equally far apart. Reference: Ascher, Ruuth & Wetton
    (1995), doi:10.1137/0732037.

    >>> from nwidth.solvers.stepping import DiagonalPart, FunctionSystem, evolve
    >>> system = FunctionSystem(lambda t, v: -(v**2), DiagonalPart([-1.0]))
    >>> found = evolve(system, [1.0], [1.0], method=SBDF3, dt=0.01).checked()
    >>> abs(float(found.states[0, 0]) - 1 / (2 * np.e - 1)) < 4e-6
    True
    """

    past: Row = ()
    slopes: Row = ()
    starter: ImexRungeKutta = ARS222

    def start(self, system: EvolutionSystem, v: Array) -> "MultistepStepper":
        """Return a stepper for arrays like v; raises `InputError` for systems without L."""
        return MultistepStepper(self, system, v)


class MultistepStepper(Stepper):
    """Steps of a multistep method, with the states and slopes of the last steps."""

    def __init__(self, method: ImexMultistep, system: EvolutionSystem, v: Array):
        super().__init__(system)
        self.method, self.linear = method, require_linear_part(system.linear, v, method.name)
        self.starter = method.starter.start(system, v)
        self.k = k = len(method.slopes)
        xp = namespace(v)
        # States, then their slopes, in turn: `head` is where those of the present go.
        self.history = xp.zeros((2 * k, *v.shape), v.dtype)
        self.sum, self.zero = xp.empty_like(v), xp.zeros_like(v)
        self.head, self.done, self.h, self.known, self.tried = 0, 0, 0.0, False, 0.0

    def step(self, t: float, h: float, v: Array, out: Array) -> None:
        """Write v(t + h)."""
        m, k, here = self.method, self.k, self.head
        if not self.known:
            self.history[here] = v
            self.evaluate(t, v, self.history[k + here])
            self.known = True
        if not self._goes_on(h):
            self.starter.begin_with(self.history[k + here])
            self.starter.step(t, h, v, out)
            self.evaluations += self.starter.evaluations
            self.starter.evaluations = 0
        else:
            h = self.h
            weights = np.zeros(2 * k)
            for j in range(k):
                place = (here - j) % k
                weights[place] = -m.past[j + 1] / m.past[0]
                weights[k + place] = h * m.slopes[j] / m.past[0]
            add_numbers(self.sum, self.zero, weights, self.history)
            self.linear.kept_shifted(h / m.past[0])(self.sum, out)
        self.tried = h

    def _goes_on(self, h: float) -> bool:
        """Return whether enough steps of this size were made."""
        return self.done >= self.k - 1 and abs(h - self.h) <= SAME * h

    def accept(self) -> None:
        """Count the step, or start again if it had another size."""
        if self.done == 0 or abs(self.tried - self.h) > SAME * self.tried:
            # From the first place on, so that digits do not depend on what was before.
            for first in (0, self.k):
                self.history[first] = self.history[first + self.head]
            self.done, self.h, self.head = 0, self.tried, 0
        self.done = min(self.done + 1, self.k - 1)
        self.head = (self.head + 1) % self.k
        self.known = False

    def memory(self) -> dict[str, Array]:
        """Return states and slopes of the last steps, and how far they go back."""
        return {"history": self.history, "told": np.array([self.head, self.done, self.h])}

    def restore(self, memory: dict[str, Array]) -> None:
        """Take what `memory` gave."""
        history = memory["history"]
        if history.shape != self.history.shape or history.dtype != self.history.dtype:
            raise InputError(
                f"checkpoint: expected a history {self.history.dtype} of shape "
                f"{self.history.shape}, got {history.dtype} of shape {history.shape}"
            )
        self.history[...] = namespace(self.history).asarray(history)
        head, done, h = to_numpy(memory["told"])
        self.head, self.done, self.h, self.known = int(head), int(done), float(h), False


SBDF2 = ImexMultistep("SBDF2", 2, None, 0.0, (3 / 2, -2.0, 1 / 2), (2.0, -1.0), ARS222)
SBDF3 = ImexMultistep(
    "SBDF3", 3, None, 0.6338656, (11 / 6, -3.0, 3 / 2, -1 / 3), (3.0, -3.0, 1.0), ARS443
)
SBDF4 = ImexMultistep(
    "SBDF4",
    4,
    None,
    0.5443310,
    (25 / 12, -4.0, 3.0, -4 / 3, 1 / 4),
    (4.0, -6.0, 4.0, -1.0),
    ARK436L2SA,
)
