"""What a reduced model without a certificate answers: coordinates, each with an error estimate."""

from enum import Enum
from typing import Any, NamedTuple


class EstimateStatus(Enum):
    """How an answer ended; the text of a failure is its remedy."""

    ESTIMATED = "the error is estimated"
    UNSTABLE = (
        "the problem is not known to be stable here: take a stability bound that covers the "
        "parameter; where g falls with u faster than A is coercive there may be several solutions"
    )
    DIVERGED = "Newton's method found no reduced solution: add solutions of parameters nearby"


#: Statuses by their numbers.
STATUSES = tuple(EstimateStatus)


class EstimatedAnswer(NamedTuple):
    """The answer for one parameter, or for many: then arrays whose first axis counts them.

    Attributes:
        x: coordinates (N,) of the reduced solution in the basis.
        estimate: of ||u - V x|| in the norm of X; not a bound, unless g(V x) is a combination of
            all interpolation functions. Infinite unless the status is ESTIMATED.
        stability: the constant that was used.
        residual: upper bound of the dual norm of the residual with g interpolated at all points.
        interpolation: part of the residual that the points beyond the first M account for.
        iterations: steps of Newton's method.
        inside: whether the parameter lies in the box of the model.
        status: an `EstimateStatus`, or a tuple of them.
    """

    x: Any
    estimate: Any
    stability: Any
    residual: Any
    interpolation: Any
    iterations: Any
    inside: Any
    status: Any
