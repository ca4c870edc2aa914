"""Where an iteration ended, and the limits it was given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.solution import Status

Array = NDArray[Any]
Stop = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Iterate:
    """Where an iteration ended: unknowns, status, and ||b - A x|| / ||b|| from first to last.

    Of a batch, `samples` holds what became of every sample; `status` is then CONVERGED if all of
    them converged and that of the first failure otherwise, and `residuals` are the largest ones.

    >>> Iterate(np.zeros(2), Status.CONVERGED, (1.0, 0.5)).iterations
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


def check_limits(rtol: float, max_iterations: int) -> None:
    """Raise `InputError` unless 0 <= rtol < 1 and max_iterations is an integer >= 0."""
    real = isinstance(rtol, float | int | np.floating | np.integer) and not isinstance(rtol, bool)
    if not real or not 0 <= rtol < 1:
        raise InputError(f"rtol: expected a number in [0, 1), got {rtol!r}")
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, int | np.integer):
        raise InputError(f"max_iterations: expected an integer, got {max_iterations!r}")
    if max_iterations < 0:
        raise InputError(f"max_iterations: expected a number >= 0, got {max_iterations}")
