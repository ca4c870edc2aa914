"""Schedules of the learning rate over all steps of a training."""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError


@dataclass(frozen=True)
class Schedule(ABC):
    """A factor of the learning rate as a function of the share t of the training that is past.

    A schedule has no state: the rate of a step depends on its number alone, so that a resumed
    training goes on exactly.
    """

    kind: ClassVar[str]

    @abstractmethod
    def factor(self, t: float) -> float:
        """Return the factor at t in [0, 1)."""

    def describe(self) -> dict[str, Any]:
        """Return kind and settings."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout, after a straight warm-up over the first share of the steps.

    >>> [Constant(warm_up=0.5).factor(t) for t in (0.0, 0.25, 0.5, 0.75)]
    [0.0, 0.5, 1.0, 1.0]
    """

    warm_up: float = 0.0
    kind: ClassVar[str] = "constant"

    def __post_init__(self):
        require_number(self.warm_up, "schedule: warm_up", "[0, 1)")

    def factor(self, t: float) -> float:
        """Return the factor at t."""
        return t / self.warm_up if t < self.warm_up else 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to `end`, after a straight warm-up from zero.

        t < warm_up: t / warm_up;   then end + (1 - end) (1 + cos(pi s)) / 2,
        s = (t - warm_up) / (1 - warm_up)

    Loshchilov & Hutter (2017), arXiv:1608.03983, without restarts; the warm-up is that of Goyal et
    al. (2017), arXiv:1706.02677. Good values: warm_up 0.05 for attention and for large batches.

    >>> [round(Cosine(warm_up=0.2).factor(t), 3) for t in (0.0, 0.1, 0.2, 0.6)]
    [0.0, 0.5, 1.0, 0.5]
    """

    warm_up: float = 0.0
    end: float = 0.0
    kind: ClassVar[str] = "cosine"

    def __post_init__(self):
        require_number(self.warm_up, "schedule: warm_up", "[0, 1)")
        require_number(self.end, "schedule: end", "[0, 1]")

    def factor(self, t: float) -> float:
        """Return the factor at t."""
        if t < self.warm_up:
            return t / self.warm_up
        s = (t - self.warm_up) / (1 - self.warm_up)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * s)) / 2


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Half a cosine up from `start` during the share `rise` of the steps, and another to zero.

    The form of PyTorch's `OneCycleLR`; Smith & Topin (2018), arXiv:1708.07120, have straight lines
    and cycle the momentum as well, which stays fixed here.

    >>> OneCycle().factor(0.0), OneCycle().factor(0.25)
    (0.04, 1.0)
    """

    rise: float = 0.25
    start: float = 0.04
    kind: ClassVar[str] = "one-cycle"

    def __post_init__(self):
        require_number(self.rise, "schedule: rise", "(0, 1)")
        require_number(self.start, "schedule: start", "[0, 1]")

    def factor(self, t: float) -> float:
        """Return the factor at t."""
        if t < self.rise:
            return self.start + (1 - self.start) * (1 - math.cos(math.pi * t / self.rise)) / 2
        return (1 + math.cos(math.pi * (t - self.rise) / (1 - self.rise))) / 2


@dataclass(frozen=True)
class Steps(Schedule):
    """The rate is multiplied by `decay` so many `times`, at equal distances.

    The published schedule of the Fourier neural operator, halved every 100 of 500 epochs, is
    Steps(decay=0.5, times=4).

    >>> [Steps(0.5, times=1).factor(t) for t in (0.0, 0.49, 0.5)]
    [1.0, 1.0, 0.5]
    """

    decay: float = 0.5
    times: int = 4
    kind: ClassVar[str] = "steps"

    def __post_init__(self):
        require_number(self.decay, "schedule: decay", "(0, 1]")
        require_integer(self.times, "schedule: times", 1)

    def factor(self, t: float) -> float:
        """Return the factor at t."""
        return self.decay ** int(t * (self.times + 1))


SCHEDULES: dict[str, Schedule] = {
    "one-cycle": OneCycle(),
    "cosine": Cosine(),
    "warm-up-cosine": Cosine(warm_up=0.05),
    "steps": Steps(),
    "constant": Constant(),
}


def schedule_named(schedule: str | Schedule) -> Schedule:
    """Return a schedule by its name, with its usual settings, or the schedule itself.

    >>> schedule_named("warm-up-cosine")
    Cosine(warm_up=0.05, end=0.0)
    """
    if isinstance(schedule, Schedule):
        return schedule
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise InputError(
            f"training: expected schedule to be one of {', '.join(SCHEDULES)}, or a Schedule with "
            f"settings of its own, got {schedule!r:.80}"
        )
    return SCHEDULES[schedule]
