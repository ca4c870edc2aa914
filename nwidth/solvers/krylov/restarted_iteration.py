"""Cycles of a Krylov method, each from a true residual, until every sample has its status."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers._one_blas_thread import one_blas_thread
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import norms
from nwidth.solvers.krylov.iterate import Iterate, Stop, check_limits
from nwidth.solvers.solution import Status

Array = NDArray[Any]
Solutions = Callable[[], Array]

# A cycle that lowers the true residual by less than this part of it has stagnated; one that took
# the tolerance for reached, but had parted from the true residual, has to halve it at least.
PROGRESS, PARTED = 1e-4, 0.5

# Numbers in a vector from which on BLAS may use its threads.
LONG = 100_000


class RestartedIteration:
    """The record of an iteration in cycles, sample by sample, and what ends it.

    A method runs `cycle(iteration, r)`: from the true residual r it improves `system.x`, calls
    `step` after every iteration with its estimate of the norms of the residuals, and returns when
    no sample is going any more, or earlier if it wants a restart. Then the true residual is
    computed, and each sample that was running is settled:

    - CONVERGED if it is small enough or the stopping rule says so;
    - NON_FINITE, MAX_ITERATIONS as they are;
    - BREAKDOWN if the cycle reported one, STAGNATED if not, where there was no progress;
    - otherwise it runs again.

    A sample whose last cycle raised the true residual has the unknowns from before it.

    The residuals of samples without status are zero vectors in later cycles, and a method leaves
    their unknowns alone. A sample whose b is zero has the solution zero.

    Args:
        system: the batch.
        rtol, max_iterations, stop: as in the methods.
    """

    def __init__(self, system: BatchSystem, rtol: float, max_iterations: int, stop: Stop | None):
        check_limits(rtol, max_iterations, stop)
        self.system, self.rtol, self.max_iterations, self.stop = system, rtol, max_iterations, stop
        self.status: list[Status | None] = [None] * system.samples
        self.claims: list[Status | None] = [None] * system.samples
        self._history: list[Array] = []
        self._lengths = np.ones(system.samples, int)

    @property
    def running(self) -> Array:
        """Which samples have no status yet."""
        return np.array([s is None for s in self.status])

    @property
    def steps_left(self) -> int:
        """How many iterations the limit still allows."""
        return self.max_iterations - (len(self._history) - 1)

    def step(self, residuals: Array, going: Array, solutions: Solutions) -> Array:
        """Record the norms of the residuals of those that are going; return who goes on.

        Args:
            residuals: estimates of ||b - A x||, shape `(sample,)`.
            going: which samples they mean; the others keep what they had.
            solutions: returns the unknowns at this point, for the stopping rule.
        """
        relative = np.where(going, residuals / self._sizes, self._history[-1])
        self._history.append(relative)
        self._lengths[going] = len(self._history)
        done = self._finished(relative, solutions)
        last = self.steps_left <= 0
        for sample in np.flatnonzero(going & (last | done | ~np.isfinite(relative))):
            if not np.isfinite(relative[sample]):
                self.claims[sample] = Status.NON_FINITE
            else:
                self.claims[sample] = Status.CONVERGED if done[sample] else Status.MAX_ITERATIONS
        return going & np.array([claim is None for claim in self.claims])

    def report(self, samples: Array, claim: Status) -> None:
        """Tell that the cycle cannot go on for these samples."""
        for sample in np.flatnonzero(samples):
            self.claims[sample] = self.claims[sample] or claim

    def run(self, cycle: Callable[["RestartedIteration", Array], None]) -> Iterate:
        """Cycle until every sample has its status."""
        system = self.system
        self._sizes = np.where(system.sizes > 0, system.sizes, 1.0)
        # A dense matrix is worth the threads.
        dense = isinstance(getattr(system.A, "matrix", None), np.ndarray)
        short = system.xp is np and system.b.size < LONG and not dense
        threads = one_blas_thread() if short else nullcontext()
        quiet = np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore")
        with threads, quiet:
            system.x[system.xp.asarray(system.sizes == 0)] = 0
            r = system.residual()
            self._history.append(norms(r) / self._sizes)
            self._start()
            while self.running.any():
                before, kept = self._history[-1].copy(), system.x.copy()
                r[system.xp.asarray(~self.running)] = 0
                self.claims = [None if s is None else s for s in self.status]
                cycle(self, r)
                r = system.residual()
                self._settle(before, norms(r) / self._sizes)
                risen = system.xp.asarray(~(self._history[-1] <= before))
                system.x[risen] = kept[risen]
                self._history[-1] = np.fmin(self._history[-1], before)
        return self._result()

    def _finished(self, relative: Array, solutions: Solutions) -> Array:
        """Return for which samples the tolerance or the stopping rule is met."""
        done = relative <= self.rtol
        if self.stop is not None:
            x = self.system.solution(solutions())
            batched = self.system.A.batched
            asked = np.asarray(self.stop(x, relative if batched else float(relative[0])))
            done = np.broadcast_to(done | asked, relative.shape)
        return done

    def _start(self) -> None:
        """Settle samples that need no iteration, or may have none."""
        residuals = self._history[-1]
        done = self._finished(residuals, lambda: self.system.x)
        for sample, residual in enumerate(residuals):
            if not np.isfinite(residual) or not np.isfinite(self.system.sizes[sample]):
                self.status[sample] = Status.NON_FINITE
                residuals[sample] = np.inf
            elif done[sample] or self.system.sizes[sample] == 0:
                self.status[sample] = Status.CONVERGED
            elif self.max_iterations == 0:
                self.status[sample] = Status.MAX_ITERATIONS

    def _settle(self, before: Array, after: Array) -> None:
        """Give a status to samples that ran and need no other cycle."""
        last = self._history[-1]
        done = self._finished(after, lambda: self.system.x)
        for sample in np.flatnonzero(self.running):
            claim, last[sample] = self.claims[sample], after[sample]
            least = PARTED if claim is Status.CONVERGED else 1 - PROGRESS
            if not np.isfinite(after[sample]) or claim is Status.NON_FINITE:
                self.status[sample] = Status.NON_FINITE
            elif done[sample]:
                self.status[sample] = Status.CONVERGED
            elif self.steps_left <= 0:
                self.status[sample] = Status.MAX_ITERATIONS
            elif not after[sample] < least * before[sample]:
                broken = claim is Status.BREAKDOWN
                self.status[sample] = Status.BREAKDOWN if broken else Status.STAGNATED

    def _result(self) -> Iterate:
        x = self.system.solution(self.system.x)
        history = np.array(self._history)
        samples = tuple(
            Iterate(part, status, tuple(history[:length, k].tolist()))  # type: ignore[arg-type]
            for k, (part, status, length) in enumerate(
                zip(x.reshape(self.system.samples, -1), self.status, self._lengths, strict=True)
            )
        )
        if not self.system.A.batched:
            return Iterate(x, samples[0].status, samples[0].residuals)
        samples = tuple(Iterate(x[k], s.status, s.residuals) for k, s in enumerate(samples))
        failures = [s.status for s in samples if s.status is not Status.CONVERGED]
        status = failures[0] if failures else Status.CONVERGED
        return Iterate(x, status, tuple(history.max(axis=1).tolist()), samples)
