"""Newton's method with a line search, for systems of nonlinear equations."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError, NonFiniteError, NotConvergedError

Array = NDArray[Any]

# Armijo's constant: the part of the predicted decrease that a step must bring.
DECREASE = 1e-4
# Halvings of a step before the direction is given up.
HALVINGS = 12
# Steps below so many units of the last place of u change nothing that could be known better.
ROUND_OFF = 16


class NewtonStatus(Enum):
    """How Newton's method ended; the text of a failure is its remedy."""

    CONVERGED = "the tolerance was reached"
    MAX_ITERATIONS = "the iteration limit was reached: raise max_iterations or start closer"
    STAGNATED = (
        "no step along Newton's direction lowers the residual: start closer, from the solution of "
        "a parameter nearby; there may be no solution"
    )
    SINGULAR = (
        "the Jacobian is singular: start elsewhere; solutions meet or end where it is singular at "
        "a solution"
    )
    NON_FINITE = "a NaN or infinity appeared: check the coefficients and the initial guess"


@dataclass(frozen=True)
class NewtonSolution:
    """A solution of F(u) = 0 and the record of its computation.

    `residuals` are ||F(u_k)||_2 for every iterate, `steps` the norms ||u_{k+1} - u_k||_2; near the
    solution each step is about the error of the iterate before.

    >>> NewtonSolution(np.ones(1), NewtonStatus.CONVERGED, (1.0, 0.1), (0.5,)).checked().iterations
    1
    """

    u: Array
    status: NewtonStatus
    residuals: tuple[float, ...]
    steps: tuple[float, ...]

    @property
    def iterations(self) -> int:
        """Number of steps."""
        return len(self.steps)

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status is NewtonStatus.CONVERGED

    def checked(self) -> "NewtonSolution":
        """Return the solution itself, or raise with the remedy if it did not converge."""
        if self.converged:
            return self
        error = NonFiniteError if self.status is NewtonStatus.NON_FINITE else NotConvergedError
        raise error(
            f"newton: {self.status.value} (residual norm {self.residuals[-1]:.1e} after "
            f"{self.iterations} iterations)"
        )


def newton(
    residual: Callable[[Array], Array],
    direction: Callable[[Array, Array], Array],
    initial: Any,
    rtol: float = 1e-10,
    *,
    max_iterations: int = 50,
) -> NewtonSolution:
    """Solve F(u) = 0 by Newton's method with Armijo's line search.

        J(u_k) d = -F(u_k),    u_{k+1} = u_k + t d,    t = 1, 1/2, 1/4, ...
        until  ||F(u_k + t d)|| <= (1 - 1e-4 t) ||F(u_k)||

    It ends with a full step of ||d|| <= rtol max_k ||u_k||: as convergence is quadratic, the error
    is then far below. References: Kelley (1995), Iterative Methods for Linear and Nonlinear
    Equations, doi:10.1137/1.9781611970944, section 8.1; Armijo (1966), doi:10.2140/pjm.1966.16.1.

    Args:
        residual: u -> F(u), shape (n,).
        direction: (u, F(u)) -> d; raises `numpy.linalg.LinAlgError` where J(u) is singular.
        initial: u_0, shape (n,), real or complex.
        rtol: relative size of the last step. Good values: 1e-6 to 1e-12.
        max_iterations: limit on the number of steps.

    Failures are told by the status, with the best iterate. Raises `InputError` for arguments that
    cannot be used.

    >>> found = newton(lambda u: u**2 - 2, lambda u, F: -F / (2 * u), [1.0])
    >>> float(found.u[0].round(12)), found.status.name
    (1.414213562373, 'CONVERGED')
    """
    for name, function in (("residual", residual), ("direction", direction)):
        if not callable(function):
            raise InputError(f"{name}: expected a function, got {function!r:.80}")
    rtol = require_number(rtol, "rtol", "(0, 1)")
    max_iterations = require_integer(max_iterations, "max_iterations", 1)
    u = require_finite(as_floating(np.asarray(initial), "initial"), "initial")
    if u.ndim != 1 or u.size == 0:
        raise InputError(f"initial: expected shape (n,), got {u.shape}")
    rtol = max(rtol, ROUND_OFF * float(np.finfo(u.dtype).eps))
    with np.errstate(all="ignore"):
        return _iterate(residual, direction, u, rtol, max_iterations)


def _iterate(
    residual: Callable[[Array], Array],
    direction: Callable[[Array, Array], Array],
    u: Array,
    rtol: float,
    max_iterations: int,
) -> NewtonSolution:
    F = residual(u)
    size, norms = _norm(u), [_norm(F)]
    steps: list[float] = []

    def ended(status: NewtonStatus) -> NewtonSolution:
        return NewtonSolution(u, status, tuple(norms), tuple(steps))

    while norms[-1] != 0:
        if not np.isfinite(norms[-1]):
            return ended(NewtonStatus.NON_FINITE)
        if len(steps) == max_iterations:
            return ended(NewtonStatus.MAX_ITERATIONS)
        try:
            d = direction(u, F)
        except np.linalg.LinAlgError:
            return ended(NewtonStatus.SINGULAR)
        length = _norm(d)
        if not np.isfinite(length):
            return ended(NewtonStatus.SINGULAR)
        if length <= rtol * max(size, _norm(u + d)):
            # Down here the residual may be round-off, which no step lowers.
            u = u + d
            norms.append(_norm(residual(u)))
            steps.append(length)
            return ended(NewtonStatus.CONVERGED)
        for halving in range(HALVINGS + 1):
            t = 0.5**halving
            F_new = residual(u + t * d)
            norm = _norm(F_new)
            if norm <= (1 - DECREASE * t) * norms[-1]:
                break
        else:
            return ended(NewtonStatus.STAGNATED)
        u, F, size = u + t * d, F_new, max(size, _norm(u + t * d))
        norms.append(norm)
        steps.append(t * length)
    return ended(NewtonStatus.CONVERGED)


def _norm(v: Array) -> float:
    return float(np.linalg.norm(v))
