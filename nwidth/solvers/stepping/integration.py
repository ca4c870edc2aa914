"""One system on its way through time: steps that land on the times asked for."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.stepping.courant_control import CourantControl
from nwidth.solvers.stepping.evolution_system import EvolutionSystem, euclidean_norm
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]

# Step sizes that differ by so little are the same; steps below this part of the time are none.
SAME, VANISHING = 1e-9, 1e-13
# More steps than these are too short for their time.
MOST = 1e15


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

    `evolve` is what calls it; what stops it is a status, and no exception.

    >>> from nwidth.solvers.stepping import RK4, FunctionSystem
    >>> growth = FunctionSystem(lambda t, v: v)
    >>> run = Integration(growth, RK4, np.ones(1), 0.0, 0.1)
    >>> run.advance(1.0).name, run.counts.steps, bool(abs(run.v[0] - np.e) < 1e-5)
    ('FINISHED', 10, True)
    """

    def __init__(
        self,
        system: EvolutionSystem,
        method: SteppingMethod,
        v: Array,
        t: float,
        h: float,
        control: StepControl | CourantControl | None = None,
        max_steps: int = 1_000_000,
    ):
        if isinstance(control, StepControl) and method.embedded_order is None:
            raise InputError(
                f"{method.name}: expected a method with an estimate of its error for adaptive "
                "steps, got one without; give dt instead of rtol"
            )
        self.system, self.method, self.control = system, method, control
        self.xp = namespace(v)
        self.first, self.max_steps = float(h), max_steps
        self.v, self.next = v.copy(), self.xp.empty_like(v)
        self.begin(v, t)

    def begin(self, v: Array, t: float) -> None:
        """Start again, from another state."""
        self.v[...] = v
        self.size: float | None = None  # of v, from the step that led there
        self.t, self.steps, self.rejected = float(t), 0, 0
        self.h = self.last = self.first  # of the next steps, and of those before
        if isinstance(self.control, StepControl):
            self.control.previous = 1.0
        self.stepper = self.method.start(self.system, self.v)

    @property
    def state(self) -> Array:
        """The state at the time that was asked for last."""
        return self.v

    @property
    def counts(self) -> Counts:
        """What was done so far."""
        return Counts(self.steps, self.rejected, self.stepper.evaluations)

    def advance(self, time: float) -> EvolutionStatus:
        """Go on to a time and return FINISHED, or why it was not reached; t and v tell where."""
        with np.errstate(over="ignore", invalid="ignore"):  # blow-up is told by the status
            while self.t < time:
                rest = time - self.t
                if rest / self.h > MOST:
                    return EvolutionStatus.STEP_VANISHED
                n = max(1, math.ceil(rest / self.h * (1 - SAME)))
                # A step that fits is kept as it is, so that its coefficients are.
                fitting = (h for h in (self.h, self.last) if abs(n * h - rest) <= SAME * rest)
                self.last = next(fitting, rest / n)
                failure, wanted = self._run(self.last, n, time)
                if failure is not None:
                    return failure
                if self.control is not None:
                    self.h = wanted
        return EvolutionStatus.FINISHED

    def _run(self, h: float, n: int, time: float) -> tuple[EvolutionStatus | None, float]:
        """Make n steps of one size, fewer if another is wanted; return a failure, and what size."""
        start, wanted = self.t, h
        for made in range(1, n + 1):
            failure, accepted, wanted = self._try(h, time)
            if failure is not None:
                return failure, h
            if accepted:
                self.t = time if made == n else start + made * h
            if wanted != h:
                break
        return None, wanted

    def _try(self, h: float, time: float) -> tuple[EvolutionStatus | None, bool, float]:
        """Make one step; return a failure or None, whether it counts, and what to try next."""
        if h <= VANISHING * max(abs(self.t), abs(time)):
            return EvolutionStatus.STEP_VANISHED, False, h
        if self.steps + self.rejected >= self.max_steps:
            return EvolutionStatus.MAX_STEPS, False, h
        error = self.stepper.step(self.t, h, self.v, self.next)
        size, wanted = euclidean_norm(self.next), h
        if not isinstance(self.control, StepControl) or error is None:
            if not math.isfinite(size):
                return EvolutionStatus.BLOWN_UP, False, h
        else:
            before = euclidean_norm(self.v) if self.size is None else self.size
            excess = self.control.excess(euclidean_norm(error), max(size, before))
            wanted = self.control.next(h, excess, accepted=excess <= 1)
            if not excess <= 1:
                self.rejected += 1
                return None, False, wanted
        self.stepper.accept()
        self.v, self.next, self.size = self.next, self.v, size
        self.steps += 1
        if isinstance(self.control, CourantControl):
            wanted = self.control.next(h, self.t + h, self.v)
        return None, True, wanted

    def memory(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and numbers that `restore` goes on from."""
        arrays = {f"stepper/{name}": a for name, a in self.stepper.memory().items()}
        told = {"t": self.t, "h": self.h, "last": self.last, "steps": self.steps,
                "rejected": self.rejected, "evaluations": self.stepper.evaluations,
                "previous": getattr(self.control, "previous", None)}  # fmt: skip
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
        self.t, self.h, self.last = (float(told[name]) for name in ("t", "h", "last"))
        self.steps, self.rejected = int(told["steps"]), int(told["rejected"])
        self.stepper.evaluations = int(told["evaluations"])
        if isinstance(self.control, StepControl):
            self.control.previous = float(told["previous"])
        self.stepper.restore(
            {k.removeprefix("stepper/"): a for k, a in arrays.items() if k.startswith("stepper/")}
        )
