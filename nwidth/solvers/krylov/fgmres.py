"""Flexible GMRES, which is GMRES where the preconditioner is a fixed one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import combination, divided, norms, orthogonalize
from nwidth.solvers.krylov.hessenberg_least_squares import HessenbergLeastSquares
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration
from nwidth.solvers.solution import Status

Array = NDArray[Any]


def fgmres(
    A: Any,
    b: Array,
    *,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
    restart: int = 40,
) -> Iterate:
    """Solve A x = b for any square A, with a preconditioner M ~ A^-1 that may change all the time.

        x_j minimizes ||b - A x|| over x_0 + span{z_1, ..., z_j},    z_i = M v_i,  A Z = V H

    Reference: Saad (1993), doi:10.1137/0914028, algorithm 2.2; for a fixed linear M this is GMRES
    with right preconditioning, Saad & Schultz (1986), doi:10.1137/0907058. The residuals are those
    of the system itself, not of a preconditioned one. Every cycle starts from the true residual;
    one that does not lower it ends the iteration as STAGNATED, or as BREAKDOWN if the Krylov space
    had been exhausted: then A or M is singular. Gram-Schmidt is repeated where vectors cancel.

    Args:
        A: LinearOperator, dense or sparse matrix, or SciPy's LinearOperator; square, real or
            complex. A `batched` operator holds independent systems, each with its own iteration.
        b: right-hand side, shape `A.range_shape`; float32, float64, complex64 or complex128.
        preconditioner: M, of the same shape; none by default. A batched one for a batch.
        initial: x_0; zero by default, and then the first residual is 1.
        rtol: bound on ||b - A x|| / ||b||. Good values: 1e-6 to 1e-10; single precision reaches
            1e-5.
        max_iterations: limit on the number of iterations, one product with A and one with M each;
            a cycle needs one more product.
        stop: an extra rule `stop(x, residual) -> bool`, asked before every iteration; True ends the
            iteration as CONVERGED. Of a batch x and residual have a sample axis, and so may the
            answer. It must not change or keep x, which is formed for it at the price of a cycle's
            vectors.
        restart: m, the number of iterations in a cycle; memory is 2 m vectors (m without M). Good
            values: 20 to 100.

    Raises `InputError` for arrays of another shape and numbers out of range; numerical failures
    come back as the status, with the best information there is.

    >>> fgmres(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([1.0, 2.0])).x.round(6).tolist()
    [-2.0, 1.0]
    """
    restart = require_integer(restart, "restart", 1)
    system = BatchSystem(A, b, preconditioner, initial)
    m = min(restart, system.b.shape[1])
    size = (system.samples, m, system.b.shape[1])
    V = system.xp.empty((size[0], m + 1, size[2]), system.dtype)
    Z = V if system.M is None else system.xp.empty(size, system.dtype)
    iteration = RestartedIteration(system, rtol, max_iterations, stop)
    return iteration.run(lambda record, r: _cycle(record, r, V, Z))


def _cycle(record: RestartedIteration, r: Array, V: Array, Z: Array) -> None:
    """One cycle of Saad's algorithm 2.2."""
    system, going = record.system, record.running
    beta = norms(r)  # 1
    V[:, 0] = divided(r, beta)
    kind = np.result_type(system.dtype, np.float64)
    fit = HessenbergLeastSquares(beta, V.shape[1] - 1, kind)
    counts = np.zeros(system.samples, int)
    for j in range(V.shape[1] - 1):  # 2
        if system.M is not None:
            Z[:, j] = system.precondition(V[:, j])  # z = M v
        w = system.multiply(Z[:, j])  # w = A z
        h, size = orthogonalize(V[:, : j + 1], w, V[:, j + 1])
        residuals = fit.append(h, size)
        counts[going & np.isfinite(residuals)] = j + 1
        going = record.step(
            residuals,
            going,
            lambda: system.x + combination(Z[:, : fit.count], fit.solution(counts)),
        )
        record.report(going & (size == 0), Status.BREAKDOWN)
        going = going & (size > 0)
        if not going.any():
            break
    ran = system.xp.asarray(record.running)  # 3
    system.x[ran] += combination(Z[:, : fit.count], fit.solution(counts))[ran]
