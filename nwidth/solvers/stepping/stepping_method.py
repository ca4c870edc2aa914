"""What all time steppers share: a method is data, a stepper is the method at work on a system."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from nwidth.solvers.stepping.evolution_system import EvolutionSystem

Array = NDArray[Any]


class Stepper(ABC):
    """Steps of one system, with the work space and the coefficients they need.

    It belongs to one thread and to arrays of one shape and dtype. `evaluations` counts right-hand
    sides. `evolve` is what calls it; by hand:

    >>> import numpy as np
    >>> from nwidth.solvers.stepping import RK43, FunctionSystem
    >>> v, out = np.ones(1), np.empty(1)
    >>> stepper = RK43.start(FunctionSystem(lambda t, v: -v), v)
    >>> error = stepper.step(0.0, 0.1, v, out)
    >>> bool(abs(out[0] - np.exp(-0.1)) < 1e-7), bool(abs(error[0]) < 1e-5)
    (True, True)
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
    """A method by its coefficients: data without a state, which may be shared and compared.

    `name` is what records and messages call it. `order` is that of its error, `embedded_order` that
    of the solution it is compared with, None if there is none. `reach` is how far its region of
    stability goes along the imaginary axis, for the part of the system that it takes explicitly; 0
    where it ends at once, infinity where nothing is explicit. Modes with |dN/dv| <= `held` |Re L|
    are stable whatever the step.

    >>> from nwidth.solvers.stepping import ETDRK4
    >>> ETDRK4.name, ETDRK4.order, ETDRK4.embedded_order
    ('ETDRK4', 4, 3)
    """

    held: ClassVar[float] = 0.0

    name: str
    order: int
    embedded_order: int | None
    reach: float

    @abstractmethod
    def start(self, system: EvolutionSystem, v: Array) -> Stepper:
        """Return a stepper for arrays like v."""
