"""One system on its way through time by steps as long as they may be, and states between them."""

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.stepping.courant_control import CourantControl
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.explicit_runge_kutta import ExplicitRungeKutta, ExplicitStepper
from nwidth.solvers.stepping.integration import MOST, EvolutionStatus, Integration
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]


class DenseIntegration(Integration):
    """An `Integration` whose steps go past the times asked for: states there are interpolated.

        v(t + theta h) = v + h sum_i b_i(theta) k_i

    So many times cost no steps. With Dormand and Prince's method errors between steps are O(h^5),
    as small as those of the steps; with cubics, which the others take, they are h^4 / 384 times the
    fourth derivative, which may be some tens of rtol. Reference: Hairer, Norsett & Wanner (1993),
    doi:10.1007/978-3-540-78862-1, section II.6.

    Args:
        system: what is stepped, by slopes of L and N together.
        method: an explicit one whose last stage is the first of the next step.
        v, t, h, control, max_steps: see `Integration`; control is needed.
        end: the last time, where a step ends.

    Raises `InputError` for methods that do not interpolate.

    >>> from nwidth.solvers.stepping import DORMAND_PRINCE, FunctionSystem
    >>> growth, control = FunctionSystem(lambda t, v: v), StepControl(1e-6, 5)
    >>> run = DenseIntegration(growth, DORMAND_PRINCE, np.ones(1), 0.0, 0.1, control, end=2.0)
    >>> run.advance(1.0).name, bool(abs(run.state[0] - np.e) < 1e-5), run.t > 1.0
    ('FINISHED', True, True)
    """

    def __init__(
        self,
        system: EvolutionSystem,
        method: SteppingMethod,
        v: Array,
        t: float,
        h: float,
        control: StepControl | CourantControl,
        max_steps: int = 1_000_000,
        *,
        end: float,
    ):
        if not (isinstance(method, ExplicitRungeKutta) and method.interpolates):
            raise InputError(
                f"dense: expected a method that knows states between its steps, such as "
                f"DORMAND_PRINCE, RK43 or BOGACKI_SHAMPINE, got {method.name}"
            )
        super().__init__(system, method, v, t, h, control, max_steps)
        self.end, self.before, self.asked = float(end), self.t, self.t

    @property
    def state(self) -> Array:
        """The state at the time that was asked for last."""
        if self.asked >= self.t:
            return self.v
        out, h = self.xp.empty_like(self.v), self.t - self.before
        stepper = cast(ExplicitStepper, self.stepper)  # the old state is where the next one will be
        stepper.interpolate((self.asked - self.before) / h, h, self.next, out)
        return out

    def advance(self, time: float) -> EvolutionStatus:
        """Go on until a time is reached or passed; see `Integration.advance`."""
        self.asked = time
        with np.errstate(over="ignore", invalid="ignore"):
            while self.t < time:
                rest = self.end - self.t
                if rest / self.h > MOST:
                    return EvolutionStatus.STEP_VANISHED
                # Two equal steps at the end, rather than a long one and a tiny one.
                h = rest / math.ceil(rest / self.h) if rest < 2 * self.h else self.h
                failure, accepted, wanted = self._try(h, self.end)
                if failure is not None:
                    return failure
                if accepted:
                    self.before, self.t = self.t, self.end if h == rest else self.t + h
                self.h = wanted
        return EvolutionStatus.FINISHED
