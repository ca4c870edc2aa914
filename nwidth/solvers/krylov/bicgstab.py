"""BiCGStab for any operator, in the memory of seven vectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import inner, norms, scaled
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Iterations without a new smallest residual after which the method starts again.
PATIENCE = 50


def bicgstab(
    A: Any,
    b: Array,
    *,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
) -> Iterate:
    """Solve A x = b for any square A, with a preconditioner M ~ A^-1.

        r_j = (I - omega_j A M) ... (I - omega_1 A M) p_j(A M) r_0

    where p_j is the polynomial of the biconjugate gradients and omega_j minimizes ||r_j||.
    Reference: van der Vorst (1992), doi:10.1137/0913035, with preconditioning from the right. The
    residual may rise on the way, and nothing is minimal; `fgmres` is safer and `bicgstab` needs
    less memory. Where a coefficient breaks down, where there has been no new smallest residual for
    long, and where the recursive residual has parted from the true one, the method starts again
    from the true residual; if that does not lower it, it ends as BREAKDOWN or STAGNATED. Skew
    operators, for which every omega is zero, are beyond this method.

    Args:
        A: LinearOperator, dense or sparse matrix, or SciPy's LinearOperator; square, real or
            complex. A `batched` operator holds independent systems, each with its own iteration.
        b: right-hand side, shape `A.range_shape`; float32, float64, complex64 or complex128.
        preconditioner: M, a fixed operator of the same shape; none by default.
        initial: x_0; zero by default, and then the first residual is 1.
        rtol: bound on ||b - A x|| / ||b||. Good values: 1e-6 to 1e-10; single precision reaches
            1e-5.
        max_iterations: limit on the number of iterations, two products with A and M each.
        stop: an extra rule `stop(x, residual) -> bool`, asked before every iteration; True ends the
            iteration as CONVERGED. Of a batch x and residual have a sample axis, and so may the
            answer. It must not change or keep x.

    Raises `InputError` for arrays of another shape and numbers out of range; numerical failures
    come back as the status, with the best information there is.

    >>> bicgstab(np.array([[2.0, 1.0], [-1.0, 2.0]]), np.array([4.0, 3.0])).x.round(6).tolist()
    [1.0, 2.0]
    """
    system = BatchSystem(A, b, preconditioner, initial)
    return RestartedIteration(system, rtol, max_iterations, stop).run(_cycle)


def _cycle(record: RestartedIteration, r: Array) -> None:
    """Iterate from a true residual until something ends it for every sample."""
    system, going = record.system, record.running
    x, start = system.x, r.copy()
    p, v = system.xp.zeros_like(r), system.xp.zeros_like(r)
    rho = alpha = omega = np.ones(system.samples)
    size, eps = norms(r), float(np.finfo(r.dtype).eps)
    shadow = norms(start)
    best, patience = size.copy(), np.full(system.samples, PATIENCE)
    while going.any():
        last, rho = rho, inner(r, start)
        going = _unbroken(record, going, np.abs(rho), eps * size * shadow)
        beta = _ratio(rho, last, going) * _ratio(alpha, omega, going)
        p = r + scaled(p - scaled(v, omega), beta)
        y = system.precondition(p)
        v = system.multiply(y)
        curvature = inner(v, start)
        going = _unbroken(record, going, np.abs(curvature), eps * norms(v) * shadow)
        alpha = _ratio(rho, curvature, going)
        s = r - scaled(v, alpha)
        z = system.precondition(s)
        t = system.multiply(z)
        length = norms(t)
        omega = _ratio(inner(s, t), length**2, going & (length > 0))
        live = system.xp.asarray(going)
        x[live] += (scaled(y, alpha) + scaled(z, omega))[live]
        r = s - scaled(t, omega)
        size = norms(r)
        going = record.step(size, going, lambda: x)
        arrived = size <= eps * shadow
        going = going & ~arrived
        going = _unbroken(record, going, np.abs(omega) * length, eps * norms(s))
        patience = np.where(size < best, PATIENCE, patience - 1)
        best = np.minimum(best, size)
        going = going & (patience > 0)


def _unbroken(record: RestartedIteration, going: Array, value: Array, noise: Array) -> Array:
    """Return who goes on: those whose value is more than its round-off."""
    infinite = ~(np.isfinite(value) & np.isfinite(noise))
    record.report(going & infinite, Status.NON_FINITE)
    record.report(going & (value <= noise), Status.BREAKDOWN)
    return going & ~infinite & (value > noise)


def _ratio(a: Array, b: Array, where: Array) -> Array:
    """Return a / b, and zero elsewhere."""
    return np.where(where, a / np.where(where & (b != 0), b, 1), 0)
