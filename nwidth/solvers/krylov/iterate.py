"""Where an iteration ended, and the limits it was given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.solvers.solution import Status

Array = NDArray[Any]
Stop = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Iterate:
    """Where an iteration ended: unknowns, status, and ||b - A x|| / ||b|| from first to last.

    Of a batch, `samples` holds what became of every sample; `status` is then CONVERGED if all of
    them converged and that of the first failure otherwise, and `residuals` are the largest ones.

    >>> Iterate([0.0, 0.0], Status.CONVERGED, (1.0, 0.5)).iterations
    1
    """

    x: Array
    status: Status
    residuals: tuple[float, ...]
    samples: tuple["Iterate", ...] = ()

    @property
    def iterations(self) -> int:
        """Number of iterations."""
        return len(self.residuals) - 1


def how_it_ended(
    residuals: Sequence[float], rtol: float, max_iterations: int, patience: int = 0
) -> Status | None:
    """Return how an iteration ends at its last residual, None if it goes on.

    It stagnates when so many residuals in a row, `patience`, are no smaller than one before; with 0
    that is not asked.

    >>> how_it_ended([1.0, 0.1, 1e-9], 1e-8, 10, patience=3)
    <Status.CONVERGED: 'the tolerance was reached'>
    """
    if not isfinite(residuals[-1]):
        return Status.NON_FINITE
    if residuals[-1] <= rtol:
        return Status.CONVERGED
    if len(residuals) > max_iterations:
        return Status.MAX_ITERATIONS
    recent, former = residuals[-patience:], residuals[:-patience] if patience else []
    return Status.STAGNATED if former and min(recent) >= min(former) else None


def check_limits(rtol: float, max_iterations: int, stop: Stop | None = None) -> None:
    """Raise `InputError` unless 0 <= rtol < 1, max_iterations >= 0, and stop is a function."""
    require_number(rtol, "rtol", "[0, 1)")
    require_integer(max_iterations, "max_iterations", 0)
    if stop is not None and not callable(stop):
        raise InputError(f"stop: expected a function of unknowns and residual, got {stop!r:.80}")
