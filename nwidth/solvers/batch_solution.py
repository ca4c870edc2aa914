"""What a solver of batches returns: fields, and how the solver ended on each sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.solvers.solution import Solution, Status


@dataclass(frozen=True)
class BatchSolution:
    """Fields `(sample, *grid)` and the record of their computation, one entry per sample.

    `u[i]` is the whole field of sample i. `residuals[i]` are its relative residual norms as in
    `Solution`, `methods[i]` is what solved it in the end and `reasons[i]` tells why. `solution[i]`
    is the sample as a `Solution`, whose seconds are its part of the whole.

    >>> ends, paths = (Status.CONVERGED, Status.MAX_ITERATIONS), ((1.0, 1e-9), (1.0, 0.5))
    >>> batch = BatchSolution([[0.0], [1.0]], ends, paths, ("direct",) * 2, ("small",) * 2)
    >>> batch.residual, batch[1].status.name
    ((1e-09, 0.5), 'MAX_ITERATIONS')
    """

    u: Any
    status: tuple[Status, ...]
    residuals: tuple[tuple[float, ...], ...]
    methods: tuple[str, ...]
    reasons: tuple[str, ...]
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, i: int) -> Solution:
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise InputError(f"batch: expected the number of a sample, got {i!r:.80}")
        part = len(self)
        return Solution(
            *(self.u[i], self.status[i], self.residuals[i], self.methods[i], self.reasons[i]),
            *(self.seconds / part, self.cpu_seconds / part),
        )

    def __iter__(self) -> Iterator[Solution]:
        return (self[i] for i in range(len(self)))

    @property
    def iterations(self) -> tuple[int, ...]:
        """Number of iterations of each sample."""
        return tuple(max(len(history) - 1, 0) for history in self.residuals)

    @property
    def residual(self) -> tuple[float, ...]:
        """The last relative residual norm of each sample."""
        return tuple(history[-1] for history in self.residuals)

    def checked(self) -> "BatchSolution":
        """Return the solution itself, or raise naming the samples that did not converge."""
        failed = [i for i, status in enumerate(self.status) if status is not Status.CONVERGED]
        if not failed:
            return self
        first = failed[0]
        names = ", ".join(map(str, failed[:10])) + (", ..." if len(failed) > 10 else "")
        error = NonFiniteError if self.status[first] is Status.NON_FINITE else NotConvergedError
        raise error(
            f"{len(failed)} of {len(self)} samples did not converge: {names}; sample {first}, "
            f"{self.methods[first]}: {self.status[first].value} (relative residual "
            f"{self.residual[first]:.1e} after {self.iterations[first]} iterations)"
        )
