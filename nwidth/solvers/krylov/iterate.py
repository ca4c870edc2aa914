"""Where an iteration ended, and the limits it was given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.solvers.solution import Status

Array = NDArray[Any]
Stop = Callable[[Any, Any], Any]

# An iteration is slow when after every so many steps its residual is behind a pace of so many in
# all.
PROBE, PACE = 20, 80


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


def in_range(status: Status, x: Any, residual: float) -> Status:
    """Return the status of a solution; NON_FINITE if its numbers leave the range of its dtype.

    Iterations are scaled: only what they return may be infinite, or zero though the residual is not
    that of zero, which is one.

    >>> in_range(Status.CONVERGED, np.array([np.inf]), 1e-9).name
    'NON_FINITE'
    """
    with np.errstate(all="ignore"):
        finite = bool(np.isfinite(x.sum())) or bool(np.isfinite(x).all())
    lost = finite and 0 < residual < 1 and not bool(x.any())
    return Status.NON_FINITE if lost or not finite else status


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


def is_slow(residuals: Sequence[float], rtol: float) -> bool:
    """Return whether an iteration is so slow that another method will be quicker.

    It is asked after every 20th step, and wants a pace of 80 to the tolerance:

        ||r_k|| / ||r_0||  >  (rtol / ||r_0||)^(k / 80),    k = 20, 40, ...

    >>> is_slow(20 * [1.0], 1e-8), is_slow(21 * [1.0], 1e-8)
    (False, True)
    """
    k = len(residuals) - 1
    if k == 0 or k % PROBE:
        return False
    wanted = max(rtol, float(np.finfo(np.float64).tiny)) / residuals[0]
    return residuals[-1] > residuals[0] * wanted ** (k / PACE)


def check_limits(rtol: float, max_iterations: int, stop: Stop | None = None) -> None:
    """Raise `InputError` unless 0 <= rtol < 1, max_iterations >= 0, and stop is a function."""
    require_number(rtol, "rtol", "[0, 1)")
    require_integer(max_iterations, "max_iterations", 0)
    if stop is not None and not callable(stop):
        raise InputError(f"stop: expected a function of unknowns and residual, got {stop!r:.80}")
