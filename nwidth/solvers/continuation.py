"""Natural continuation: a hard nonlinear problem through easier ones that lead to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.newton import NewtonSolution

Array = NDArray[Any]

# A corrector that needs so few steps lets the next continuation step be twice as long.
EASY = 4


@dataclass(frozen=True)
class ContinuationSolution:
    """The solution at t = 1, or the last one on the way there.

    `u` is the solution for t = `reached`; `levels` are all t that were solved for. `last` is the
    record of Newton's method there, or of the failure beyond it.
    """

    u: Array
    reached: float
    levels: tuple[float, ...]
    last: NewtonSolution

    @property
    def converged(self) -> bool:
        """Whether t = 1 was reached."""
        return self.reached == 1.0

    def checked(self) -> "ContinuationSolution":
        """Return the solution itself, or raise if the path ended before t = 1."""
        if self.converged:
            return self
        raise NotConvergedError(
            f"continuation: the path of solutions could not be followed beyond t = "
            f"{self.reached:.4g} of 1, where Newton's method ended so: {self.last.status.value}; "
            "if the path turns back there, the problem has no solution on this branch"
        )


def continuation(
    solve: Callable[[float, Array], NewtonSolution],
    start: NewtonSolution,
    *,
    step: float = 0.5,
    least: float = 1e-4,
) -> ContinuationSolution:
    """Follow solutions u(t) of F(u, t) = 0 from t = 0 to t = 1.

    Predictor: the secant through the last two solutions; corrector: Newton's method. Where it fails
    the step is halved, where it needs at most four steps the next one is doubled. A path that turns
    back at a fold cannot be followed beyond it: steps then shrink to `least`, and `reached` tells
    where. Reference: Allgower & Georg (2003), Introduction to Numerical Continuation Methods,
    doi:10.1137/1.9780898719154, section 2.2.

    Args:
        solve: (t, u_0) -> what `newton` returns for F(u, t) = 0 from u_0.
        start: the solution at t = 0.
        step: the first step, in (0, 1].
        least: the step at which the path is given up. Good values: 1e-2 to 1e-6.

    >>> import numpy as np
    >>> from nwidth.solvers.newton import newton
    >>> def solve(t, u):  # u^2 = 2 - 3 t: there is no solution beyond t = 2/3
    ...     return newton(lambda u: u**2 - 2 + 3 * t, lambda u, F: -F / (2 * u), u)
    >>> round(continuation(solve, solve(0.0, np.ones(1))).reached, 2)
    0.67
    """
    if not callable(solve) or not isinstance(start, NewtonSolution):
        raise InputError(
            f"solve, start: expected a function and a NewtonSolution, got {solve!r:.40} and "
            f"{start!r:.40}"
        )
    step = require_number(step, "step", "(0, 1]")
    least = require_number(least, "least", "(0, 1)")
    last = start.checked()
    levels, u, before = [0.0], start.u, start.u
    while levels[-1] < 1 and step >= least:
        t = min(levels[-1] + step, 1.0)
        guess = u
        if len(levels) > 1:
            guess = u + (t - levels[-1]) / (levels[-1] - levels[-2]) * (u - before)
        last = solve(t, guess)
        if not last.converged:
            step /= 2
            continue
        u, before = last.u, u
        levels.append(t)
        if last.iterations <= EASY:
            step *= 2
    return ContinuationSolution(u, levels[-1], tuple(levels), last)
