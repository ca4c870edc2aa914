"""What a reduced model answers: coordinates in its basis, each with a bound of the error."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, to_numpy
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
        energy_bound: upper bound of the energy norm of e = u - V x, infinite unless `status` is
            CERTIFIED and the stability constant alpha is one of coercivity. As A e is the residual
            r, Re e^H A e = Re e^H r <= ||e|| ||r||' and alpha ||e||^2 <= Re e^H A e::

                sqrt(Re e^H A e)  <=  ||r||' / sqrt(alpha)

            for matrices that need not be Hermitian. It is for V x in exact numbers: rounding of
            the lifted field, which is in `bound`, costs in this norm more by the square root of
            the continuity constant.
    """

    x: Array
    bound: float
    stability: float
    inside: bool
    status: ReducedStatus
    residual: float
    energy_bound: float


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
    energy_bound: Array

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
            float(self.energy_bound[j]),
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


def energy_bounds(bound: Array, stability: Array, coercive: bool) -> Array:
    """Return bounds in the energy norm from those in the norm of X, sqrt(stability) times as large.

    >>> energy_bounds(np.array([2.0, np.inf]), np.array([9.0, -1.0]), True).tolist()
    [6.0, inf]
    """
    xp = namespace(bound)
    if not coercive:
        return xp.full_like(bound, np.inf)
    return bound * xp.sqrt(xp.where(stability > 0, stability, 1.0))
