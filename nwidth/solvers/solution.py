"""What a solver returns: the field, and how the solver ended."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from nwidth.errors import NonFiniteError, NotConvergedError


class Status(Enum):
    """How an iteration ended; the text of a failure is its remedy."""

    CONVERGED = "the tolerance was reached"
    MAX_ITERATIONS = "the iteration limit was reached: raise max_iterations or loosen rtol"
    STAGNATED = (
        "the residual stopped falling: loosen rtol or use float64 if this is round-off, take "
        "another method if it is far above"
    )
    NON_FINITE = (
        "a NaN or infinity appeared, or the solution leaves the range of its dtype: check "
        "coefficients, source and initial guess, or scale them"
    )
    BREAKDOWN = (
        "the operator or preconditioner is singular, or not positive definite where it has to be: "
        "check the coefficients and boundaries, or use fgmres"
    )
    UNRESOLVED = (
        "the discretization error is estimated above 100 %: refine the grid, or use multigrid-cg "
        "for the solution of the discrete equations"
    )


class Outcome:
    """How a computation ended; what all solutions of systems have."""

    status: Status
    residuals: tuple[float, ...]
    method: str

    @property
    def iterations(self) -> int:
        """Number of iterations; 0 for a direct method."""
        return max(len(self.residuals) - 1, 0)

    @property
    def residual(self) -> float:
        """The last relative residual norm."""
        return self.residuals[-1]

    def checked(self) -> Self:
        """Return the solution itself, or raise with the remedy if it did not converge."""
        if self.status is Status.CONVERGED:
            return self
        error = NonFiniteError if self.status is Status.NON_FINITE else NotConvergedError
        raise error(
            f"{self.method}: {self.status.value} "
            f"(relative residual {self.residual:.1e} after {self.iterations} iterations)"
        )


@dataclass(frozen=True)
class Solution(Outcome):
    """A field and the record of its computation.

    `u` is the whole field on the problem's grid, boundary values included. `residuals` are relative
    residual norms ||b - A u|| / ||b||, the first before any iteration, the last one recomputed.
    Full multigrid estimates two errors in the L2 norm, relative to that of u: of the discretization
    and of what the iteration has left; other methods have None.

    >>> solution = Solution([0.0, 1.0], Status.CONVERGED, (1.0, 1e-9), "multigrid-cg")
    >>> solution.checked().iterations, solution.residual
    (1, 1e-09)
    """

    u: Any
    status: Status
    residuals: tuple[float, ...]
    method: str
    reason: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    discretization_error: float | None = None
    algebraic_error: float | None = None
