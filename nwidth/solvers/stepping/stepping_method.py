"""What all time steppers share: a method is data, a stepper is the method at work on a system."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from nwidth.solvers.stepping.evolution_system import EvolutionSystem

Array = NDArray[Any]


class Stepper(ABC):
    """Steps of one system, with the work space and the coefficients they need.

    `evaluations` counts right-hand sides.
    """

    def __init__(self, system: EvolutionSystem):
        self.system, self.evaluations = system, 0

    @abstractmethod
    def step(self, t: float, h: float, v: Array, out: Array) -> Array | None:
        """Write v(t + h) to `out` and return the embedded estimate of its error, if there is one.

        The estimate may be overwritten by the next step. v stays as it is.
        """

    def accept(self) -> None:
        """Be told that the last step counts: the next one starts from its end."""
        return

    def memory(self) -> dict[str, Array]:
        """Return what later steps need of earlier ones; methods of one step need nothing."""
        return {}

    def restore(self, memory: dict[str, Array]) -> None:
        """Take what `memory` gave."""
        return

    def evaluate(self, t: float, v: Array, out: Array) -> None:
        """Write N(t, v), and count it."""
        self.system.nonlinear(t, v, out)
        self.evaluations += 1


@dataclass(frozen=True)
class SteppingMethod(ABC):
    """A method by its coefficients.

    `order` is that of its error, `embedded_order` that of the solution it is compared with, None if
    there is none. `reach` is how far its region of stability goes along the imaginary axis, for the
    part of the system that it takes explicitly; 0 if unknown. Modes with |dN/dv| <= `held` |Re L|
    are stable whatever the step.
    """

    held: ClassVar[float] = 0.0

    name: str
    order: int
    embedded_order: int | None
    reach: float

    @abstractmethod
    def start(self, system: EvolutionSystem, v: Array) -> Stepper:
        """Return a stepper for arrays like v."""
