"""Conjugate gradients for several samples side by side."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.krylov.iterate import how_it_ended, is_slow
from nwidth.solvers.multigrid.batched_multigrid import BatchedMultigrid
from nwidth.solvers.solution import Status

Array = NDArray[Any]


@dataclass
class LaneResult:
    """How one sample ended: `status` is None for one that was given up as slow."""

    status: Status | None = None
    residuals: list[float] = field(default_factory=list)


class BatchedConjugateGradient:
    """Conjugate gradients preconditioned by a V-cycle, each sample with its own steps and end.

        p = z + beta p,   x += alpha p,   r -= alpha A p,   z = M r,
        beta = (r, z) / (r, z)_before,   alpha = (r, z) / ((z, A z) - beta (r, z) / alpha_before)

    One iteration is the two passes per level of M, the last of which collects both products, and
    one pass over the vectors: alpha, by the recurrence of Chronopoulos & Gear (1989),
    doi:10.1016/0377-0427(89)90045-9, needs no product of its own. x, r and A are float64, M, z and
    p float32: p is a direction like any other, and x and r follow it by one float64 step. In
    the plane this moves 68 bytes per unknown and iteration, and M about 64.

    A sample that has ended rests, alpha = 0, until the others have too. When the recursive residual
    says that the tolerance is reached the residual is recomputed; if round-off has parted the two,
    the sample starts again from the true one, and ends as STAGNATED if that no longer helps. One
    that is slow (`is_slow`) is given up: other methods are quicker then.

    Args:
        preconditioner: M, set up for its operator A.

    `right` and `solution` are flat arrays of the operator: write b to the first, call `solve`, and
    read x from the second.

    >>> from nwidth.solvers.batched_diffusion_operator import BatchedDiffusionOperator
    >>> from nwidth.solvers.diffusion_operator import DiffusionOperator
    >>> A = BatchedDiffusionOperator((3, 3), (True, True))
    >>> A.set_operators([DiffusionOperator((np.ones((4, 3)), np.ones((3, 4))))])
    >>> M = BatchedMultigrid(A)
    >>> M.set_up()
    >>> cg = BatchedConjugateGradient(M)
    >>> A.pack(np.ones((1, 3, 3)), cg.right)
    >>> cg.solve(1, 1e-8, 100)[0].status.name
    'CONVERGED'
    >>> A.fields(cg.solution, 1, A.scales).round(4)[0, 1].tolist()
    [0.875, 1.125, 0.875]
    """

    def __init__(self, preconditioner: BatchedMultigrid):
        from nwidth.solvers.krylov import _batched_conjugate_gradient_numba as kernels

        self.kernels, self.M, self.A = kernels, preconditioner, preconditioner.operator
        self.right, self.solution = self.A.zeros(), self.A.zeros()
        self._r, self._p = self.A.zeros(), self.A.zeros(np.float32)

    def solve(
        self,
        samples: int,
        rtol: float,
        max_iterations: int,
        taken: Array | None = None,
        guessed: bool = False,
    ) -> list[LaneResult]:
        """Solve A x = b for the first samples and return how each ended.

        x_0 is what `solution` holds if `guessed` and zero otherwise. Where b is zero, x becomes
        zero. Samples that are not `taken` are given up at once.
        """
        lanes = self.A.lanes
        results = [LaneResult() for _ in range(samples)]
        norms, sizes = self._residual() if guessed else self._start()
        active = (np.arange(lanes) < samples) & (sizes > 0)
        if taken is not None:
            active &= taken
        for s in np.flatnonzero(sizes[:samples] == 0):
            self.A.box(self.solution)[..., s] = 0.0
            results[s] = LaneResult(Status.CONVERGED, [0.0])
        sizes = np.where(active, sizes, 1.0)
        norms = np.where(active, norms / sizes, 0.0)
        for number, result in enumerate(results):
            if not result.residuals:
                result.residuals.append(float(norms[number]) if active[number] else np.inf)
        while active.any():
            before = norms
            self._iterate(results, active, sizes, rtol, max_iterations)
            norms = np.where(active, self._residual()[0] / sizes, 0.0)
            for s in np.flatnonzero(active):
                result = results[s]
                stale = len(result.residuals) > 1
                result.residuals[-1] = float(norms[s])
                if result.status is Status.CONVERGED and stale and not norms[s] <= rtol:
                    again = norms[s] < before[s] / 2
                    result.status = None if again else Status.STAGNATED
                    active[s] = again
                else:
                    active[s] = False
        return results

    def _iterate(
        self,
        results: list[LaneResult],
        active: Array,
        sizes: Array,
        rtol: float,
        max_iterations: int,
    ) -> None:
        """Iterate from the residual in the work space until every active sample has ended."""
        running = active.copy()
        alpha, rho, total = np.zeros((3, self.A.lanes))
        self._p[:] = 0
        while True:
            for s in np.flatnonzero(running):
                status = how_it_ended(results[s].residuals, rtol, max_iterations)
                results[s].status = status
                running[s] = status is None and not is_slow(results[s].residuals, rtol)
            if not running.any():
                return
            self.M.cycle()  # z = M r
            last, (rho, curvature) = rho, self.M.products.copy()
            with np.errstate(all="ignore"):
                beta = np.where(running & (alpha > 0), rho / last, 0.0)
                curvature = curvature - np.where(beta > 0, beta * rho / alpha, 0.0)
                sound = (rho > 0) & (curvature > 0) & np.isfinite(rho / curvature)
                alpha = np.where(running & sound, rho / curvature, 0.0)
            beta = beta.astype(np.float32)
            for s in np.flatnonzero(running & ~sound):
                finite = np.isfinite(rho[s]) and np.isfinite(curvature[s])
                results[s].status = Status.BREAKDOWN if finite else Status.NON_FINITE
                running[s] = False
            self.kernels.step(
                *(self.solution, self._r, self.M.right, self._p, self.M.solution),
                *(
                    *self.A.couplings(self.A.faces),
                    self.A.reaction,
                    alpha,
                    beta,
                    self.A.level,
                    total,
                ),
            )
            norms = np.sqrt(total) / sizes
            for s in np.flatnonzero(running):
                results[s].residuals.append(float(norms[s]))

    def _start(self) -> tuple[Array, Array]:
        """Set x = 0 and r = b and return the norm of b twice."""
        squares = np.empty(self.A.lanes)
        vectors = (self.right, self.solution, self._r, self.M.right)
        self.kernels.start(*vectors, self.A.level, squares)
        return np.sqrt(squares), np.sqrt(squares)

    def _residual(self) -> tuple[Array, Array]:
        """Set r = b - A x and return the norms of r and b."""
        squares = np.empty((2, self.A.lanes))
        self.kernels.residual(
            *(self.right, self.solution, *self.A.couplings(self.A.faces), self.A.reaction),
            *(self._r, self.M.right, self.A.level, squares.reshape(-1)),
        )
        return tuple(np.sqrt(squares))  # type: ignore[return-value]
