"""What a reduced quadratic model answers: coordinates in its basis, each with a bound."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class QuadraticStatus(Enum):
    """How an answer ended; the text of a failure is its remedy."""

    CERTIFIED = "the bound holds"
    TOO_COARSE = (
        "the residual is too large against the square of the stability constant (tau >= 1), so "
        "that no solution is known to be near: add a solution of a parameter nearby to the basis"
    )
    UNSTABLE = (
        "the Jacobian is not known to be coercive here: add a solution of a parameter nearby; "
        "near a fold no bound is possible"
    )
    DIVERGED = (
        "Newton's method found no reduced solution, also by continuation from the nearest known "
        "one: drop the parameter, which may lie beyond a fold, or add a solution nearby"
    )


#: Statuses by the numbers that kernels give them.
STATUSES = tuple(QuadraticStatus)


class QuadraticAnswer(NamedTuple):
    """The answer for one parameter.

    Attributes:
        x: coordinates (N,) of the reduced solution in the basis.
        bound: upper bound of ||u - V x|| in the norm of X, for a solution u of the discrete problem
            that exists; infinite unless `status` is CERTIFIED, and never zero.
        radius: u is the only solution with ||u - V x|| below it; zero where there is no bound.
        stability: lower bound of the stability constant of the Jacobian at V x.
        tau: 4 gamma residual / stability^2, which has to be below one.
        residual: upper bound of the dual norm of the residual.
        iterations: steps of Newton's method.
        inside: whether the parameter lies in the box of the model.
        status: a `QuadraticStatus`.
    """

    x: Array
    bound: float
    radius: float
    stability: float
    tau: float
    residual: float
    iterations: int
    inside: bool
    status: QuadraticStatus


@dataclass(frozen=True, eq=False)
class QuadraticAnswers:
    """The answers for many parameters, as arrays whose first axis counts them.

    The attributes are those of `QuadraticAnswer`; `codes` number the statuses in the order of
    `QuadraticStatus`. `answers[j]` is one of them.
    """

    x: Array
    bound: Array
    radius: Array
    stability: Array
    tau: Array
    residual: Array
    iterations: Array
    inside: Array
    codes: Array

    def __len__(self) -> int:
        return len(self.bound)

    def __getitem__(self, j: int) -> QuadraticAnswer:
        return QuadraticAnswer(
            self.x[j],
            float(self.bound[j]),
            float(self.radius[j]),
            float(self.stability[j]),
            float(self.tau[j]),
            float(self.residual[j]),
            int(self.iterations[j]),
            bool(self.inside[j]),
            STATUSES[int(self.codes[j])],
        )

    @property
    def status(self) -> tuple[QuadraticStatus, ...]:
        """One status for each parameter."""
        return tuple(STATUSES[code] for code in self.codes.tolist())

    @property
    def certified(self) -> Array:
        """Which answers have a bound."""
        return self.codes == 0
