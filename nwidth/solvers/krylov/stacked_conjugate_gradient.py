"""Conjugate gradients for many systems in one array, whatever library it is of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.iterate import Iterate
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration
from nwidth.solvers.solution import Status

Array = NDArray[Any]


def stacked_conjugate_gradient(
    A: Any,
    b: Array,
    *,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
) -> Iterate:
    """Solve A_s x_s = b_s for all samples s of a `batched` operator that is positive definite.

        x_k minimizes ||x - A^-1 b||_A over x_0 + span{M r_0, (M A) M r_0, ..., (M A)^(k-1) M r_0}

    Reference: Saad (2003), Iterative Methods for Sparse Linear Systems,
    doi:10.1137/1.9780898718003, algorithm 9.1, with numbers of its own for every sample. Samples
    that have converged wait for the others, unchanged. When all seem to have, the true residuals
    are computed, and those that are above the tolerance go on from them; a sample ends as STAGNATED
    if that no longer helps. Only array functions are used, and one transfer of three numbers per
    sample and iteration goes from a device to the host. `conjugate_gradient` is for one system,
    `BatchedConjugateGradient` for processors, where samples are lanes of vector instructions.

    Args:
        A: real operator, symmetric positive definite; its first axis counts samples if it is
            `batched`.
        b: right-hand sides, shape `A.range_shape`; NumPy or CuPy, float32 or float64.
        preconditioner: symmetric positive definite, of the same shape, block diagonal like A; none
            by default.
        initial: x_0, zero by default.
        rtol: bound on ||b_s - A_s x_s|| / ||b_s||. Good values: 1e-6 to 1e-10.
        max_iterations: limit on the number of iterations.

    The result has `samples` if A is batched. Raises `InputError` for arrays of another shape and
    complex numbers; numerical failures come back as the status of a sample.

    >>> from nwidth.solvers.stacked_operator import StackedOperator
    >>> A = StackedOperator([np.diag([1.0, 2.0]), np.diag([4.0, 4.0])])
    >>> result = stacked_conjugate_gradient(A, np.full((2, 2), 4.0))
    >>> result.x.round(6).tolist(), [sample.iterations for sample in result.samples]
    ([[4.0, 2.0], [1.0, 1.0]], [2, 1])
    """
    system = BatchSystem(A, b, preconditioner, initial)
    if system.dtype.kind == "c":
        raise InputError(f"operator: expected real numbers, got {system.dtype}; use minres")
    return RestartedIteration(system, rtol, max_iterations, None).run(_Cycle(system))


class _Cycle:
    """One run from true residuals, step numbers as in Saad's algorithm 9.1."""

    def __init__(self, system: BatchSystem):
        self.system = system

    def __call__(self, record: RestartedIteration, r: Array) -> None:
        system, xp, going = self.system, self.system.xp, record.running
        r, p = r.copy(), xp.zeros_like(r)
        last = None
        while going.any():
            live = xp.asarray(going)
            z = system.precondition(r)
            rho = _products(r, z)
            if last is not None:
                p *= _factors(rho, last, live, p)  # 7: beta
            p += z  # 8
            q = system.multiply(p)  # 3
            curvature = _products(q, p)
            alpha = _factors(rho, curvature, live, p)
            system.x += alpha * p  # 4
            q *= alpha
            r -= q  # 5
            last = rho
            numbers = xp.stack([rho, curvature, _products(r, r)])
            rho_host, curvature_host, squares = to_numpy(numbers)
            broken = going & ~((rho_host > 0) & (curvature_host > 0))
            finite = np.isfinite(rho_host) & np.isfinite(curvature_host)
            record.report(broken & finite, Status.BREAKDOWN)
            record.report(broken & ~finite, Status.NON_FINITE)
            going = record.step(np.sqrt(squares), going & ~broken, lambda: system.x)


def _products(u: Array, v: Array) -> Array:
    """Return u . v of every sample, where the arrays live."""
    return (u * v).sum(axis=1, dtype=np.float64)


def _factors(a: Array, b: Array, live: Array, p: Array) -> Array:
    """Return a column of a / b in the precision of p; zero where both are not positive or live."""
    xp = namespace(p)
    good = live & (a > 0) & (b > 0)
    return xp.where(good, a / xp.where(good, b, 1.0), 0.0).astype(p.dtype)[:, None]
