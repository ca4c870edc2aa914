"""What a reduced model answers: coordinates in its basis, each with a bound of the error."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import to_numpy
from nwidth.errors import NotConvergedError

Array = NDArray[Any]


class ReducedStatus(Enum):
    """How an answer ended; the text of a failure is its remedy."""

    CERTIFIED = "the bound holds"
    UNSTABLE = (
        "the stability constant is not known to be positive here, so that no residual bounds the "
        "error: drop the parameter, or build the model with a stability bound that covers it"
    )
    SINGULAR = (
        "the reduced matrix is singular to rounding: drop the parameter, or build the model with "
        "test='least-squares'"
    )


#: Statuses by the numbers that kernels give them.
STATUSES = tuple(ReducedStatus)


class ReducedSolution(NamedTuple):
    """The answer for one parameter.

    Attributes:
        x: coordinates (N,) of the solution in the basis; NaN where the matrix is singular.
        bound: upper bound of ||u - V x|| in the norm of X, of the discrete solution u against the
            lifted field; infinite unless `status` is CERTIFIED, and never zero.
        stability: lower bound of the stability constant that was used.
        inside: whether the parameter lies in the box of the model.
        status: a `ReducedStatus`.
        residual: upper bound of the dual norm of the residual.
    """

    x: Array
    bound: float
    stability: float
    inside: bool
    status: ReducedStatus
    residual: float


@dataclass(frozen=True, eq=False)
class ReducedSolutions:
    """The answers for many parameters, as arrays whose first axis counts them.

    The attributes are those of `ReducedSolution`; `codes` number the statuses in the order of
    `ReducedStatus`. `solutions[j]` is one of them.
    """

    x: Array
    bound: Array
    stability: Array
    inside: Array
    codes: Array
    residual: Array

    def __len__(self) -> int:
        return len(self.bound)

    def __getitem__(self, j: int) -> ReducedSolution:
        return ReducedSolution(
            self.x[j],
            float(self.bound[j]),
            float(self.stability[j]),
            bool(self.inside[j]),
            STATUSES[int(self.codes[j])],
            float(self.residual[j]),
        )

    @property
    def status(self) -> tuple[ReducedStatus, ...]:
        """One status for each parameter."""
        return tuple(STATUSES[code] for code in to_numpy(self.codes).tolist())

    @property
    def certified(self) -> Array:
        """Which answers have a bound."""
        return self.codes == 0

    def checked(self) -> Self:
        """Return the answers themselves, or raise if any has no bound, saying which and why."""
        codes = to_numpy(self.codes)
        failed = np.flatnonzero(codes)
        if len(failed) == 0:
            return self
        first = int(failed[0])
        raise NotConvergedError(
            f"reduced basis: {len(failed)} of {len(codes)} answers have no bound; parameter "
            f"{first}: {STATUSES[codes[first]].value} (stability {self.stability[first]:.3g})"
        )
