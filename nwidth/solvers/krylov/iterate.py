"""Where an iteration ended, and the limits it was given."""

from collections.abc import Callable
from dataclasses import dataclass
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


def check_limits(rtol: float, max_iterations: int, stop: Stop | None = None) -> None:
    """Raise `InputError` unless 0 <= rtol < 1, max_iterations >= 0, and stop is a function."""
    require_number(rtol, "rtol", "[0, 1)")
    require_integer(max_iterations, "max_iterations", 0)
    if stop is not None and not callable(stop):
        raise InputError(f"stop: expected a function of unknowns and residual, got {stop!r:.80}")
