"""One system on its way through time: steps that land on the times asked for."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]

# Step sizes that differ by so little are the same; steps below this part of the time are none.
SAME, VANISHING = 1e-9, 1e-13


class EvolutionStatus(Enum):
    """How an evolution ended; the text of a failure is its remedy."""

    FINISHED = "the last time was reached"
    BLOWN_UP = (
        "NaN or infinity appeared: the step is too long for the method, the grid too coarse, or "
        "the solution itself ceases to exist; take a smaller dt, or rtol instead of dt"
    )
    STEP_VANISHED = (
        "the step became too short to advance the time: loosen rtol, take a method for stiff "
        "systems, or look whether the solution blows up there"
    )
    MAX_STEPS = "max_steps steps were made: raise it, or loosen rtol or dt"
    STOPPED = "progress asked to stop"


@dataclass(frozen=True)
class Counts:
    """Steps that count, steps that were repeated, right-hand sides."""

    steps: int
    rejected: int
    evaluations: int


class Integration:
    """A state v(t) and what is needed to go on from it, bit by bit, also from a file.

    With `control` steps have the size that their errors allow, else about `h`: an interval is
    divided into equal steps no longer than that.

    Args:
        system: what is stepped.
        method: a method; adaptive steps need one with an embedded estimate.
        v: the state at t; it is copied.
        t: the time it is of.
        h: the step, or the first one.
        control: of the steps.
        max_steps: limit, repeated steps included.
    """

    def __init__(
        self,
        system: EvolutionSystem,
        method: SteppingMethod,
        v: Array,
        t: float,
        h: float,
        control: StepControl | None = None,
        max_steps: int = 1_000_000,
    ):
        if control is not None and method.embedded_order is None:
            raise InputError(
                f"{method.name}: expected a method with an estimate of its error for adaptive "
                "steps, got one without; give dt instead of rtol"
            )
        self.system, self.method, self.control = system, method, control
        self.xp = namespace(v)
        self.t, self.h, self.v = float(t), float(h), v.copy()
        self.next = self.xp.empty_like(self.v)
        self.size: float | None = None  # of v, from the step that led there
        self.max_steps, self.steps, self.rejected = max_steps, 0, 0
        self.stepper = method.start(system, self.v)

    @property
    def counts(self) -> Counts:
        """What was done so far."""
        return Counts(self.steps, self.rejected, self.stepper.evaluations)

    def advance(self, time: float) -> EvolutionStatus:
        """Go on to a time and return FINISHED, or why it was not reached; t and v tell where."""
        while self.t < time:
            start, rest = self.t, time - self.t
            n = max(1, math.ceil(rest / self.h * (1 - SAME)))
            # A step that fits is kept as it is, so that its coefficients are.
            h = self.h if abs(n * self.h - rest) <= SAME * rest else rest / n
            for made in range(1, n + 1):
                failure, accepted, wanted = self._try(h, time)
                if failure is not None:
                    return failure
                if accepted:
                    self.t = time if made == n else start + made * h
                if self.control is not None:
                    self.h = wanted
                if wanted != h:
                    break
        return EvolutionStatus.FINISHED

    def _try(self, h: float, time: float) -> tuple[EvolutionStatus | None, bool, float]:
        """Make one step; return a failure or None, whether it counts, and what to try next."""
        if h <= VANISHING * max(abs(self.t), abs(time)):
            return EvolutionStatus.STEP_VANISHED, False, h
        if self.steps + self.rejected >= self.max_steps:
            return EvolutionStatus.MAX_STEPS, False, h
        error = self.stepper.step(self.t, h, self.v, self.next)
        size, wanted = self._norm(self.next), h
        if self.control is None or error is None:
            if not math.isfinite(size):
                return EvolutionStatus.BLOWN_UP, False, h
        else:
            before = self._norm(self.v) if self.size is None else self.size
            excess = self.control.excess(self._norm(error), max(size, before))
            wanted = self.control.next(h, excess, accepted=excess <= 1)
            if not excess <= 1:
                self.rejected += 1
                return None, False, wanted
        self.stepper.accept()
        self.v, self.next, self.size = self.next, self.v, size
        self.steps += 1
        return None, True, wanted

    def _norm(self, v: Array) -> float:
        """Return the Euclidean norm, infinity if it is NaN.

        Not by BLAS, which wakes its threads for some thousand numbers and lets them spin.
        """
        flat = v.reshape(-1).view(v.real.dtype)
        square = float(self.xp.einsum("i,i->", flat, flat))
        return math.sqrt(square) if math.isfinite(square) else math.inf

    def memory(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and numbers that `restore` goes on from."""
        arrays = {f"stepper/{name}": a for name, a in self.stepper.memory().items()}
        told = {"t": self.t, "h": self.h, "steps": self.steps, "rejected": self.rejected,
                "evaluations": self.stepper.evaluations,
                "previous": None if self.control is None else self.control.previous}  # fmt: skip
        return {"v": self.v, **arrays}, told

    def restore(self, arrays: dict[str, Array], told: dict[str, Any]) -> None:
        """Take what `memory` gave; the next steps are those of the run it was taken from."""
        v = np.asarray(arrays["v"])
        if v.shape != self.v.shape or v.dtype != self.v.dtype:
            raise InputError(
                f"checkpoint: expected a state {self.v.dtype} of shape {self.v.shape}, got "
                f"{v.dtype} of shape {v.shape}"
            )
        self.v[...], self.size = self.xp.asarray(v), None
        self.t, self.h = float(told["t"]), float(told["h"])
        self.steps, self.rejected = int(told["steps"]), int(told["rejected"])
        self.stepper.evaluations = int(told["evaluations"])
        if self.control is not None:
            self.control.previous = float(told["previous"])
        self.stepper.restore(
            {k.removeprefix("stepper/"): a for k, a in arrays.items() if k.startswith("stepper/")}
        )
