"""MINRES for symmetric operators that need not be definite."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import divided, inner, norms, scaled
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.krylov.restarted_iteration import PROGRESS, RestartedIteration
from nwidth.solvers.krylov.symmetry_check import require_symmetric
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# What is left of a number that ought to be zero, in units of round-off.
REST = 50


def minres(
    A: Any,
    b: Array,
    *,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
) -> Iterate:
    """Solve A x = b for a symmetric (Hermitian) A, with a positive definite preconditioner M.

        x_k minimizes (b - A x, M (b - A x)) over x_0 + span{M r_0, (M A) M r_0, ...}

    Reference: Paige & Saunders (1975), doi:10.1137/0712047, section 6, by a three-term recurrence
    and one plane rotation per step. The residual vector follows from its predecessor and the next
    Lanczos vector, so that the tolerance is that of ||b - A x|| / ||b|| also with M. Where the
    recurrence says that the tolerance is reached, or that A r is small against r, the true residual
    is computed, and the iteration starts again from it; it ends as STAGNATED if that no longer
    helps. A singular A with b in its range has a solution, which is found; otherwise the iteration
    ends as BREAKDOWN at a least-squares solution, where A r = 0: where r rests while
    ||A r|| <= eps^(1/2) ||A|| ||r||, which is as small as it gets, x would only grow.

    Args:
        A: LinearOperator, dense or sparse matrix, or SciPy's LinearOperator; symmetric, Hermitian
            if complex. One that does not promise it is tried on two random vectors. A `batched`
            operator holds independent systems, each with its own iteration.
        b: right-hand side, shape `A.range_shape`; float32, float64, complex64 or complex128.
        preconditioner: M, symmetric positive definite, of the same shape; none by default.
        initial: x_0; zero by default, and then the first residual is 1.
        rtol: bound on ||b - A x|| / ||b||. Good values: 1e-6 to 1e-10; single precision reaches
            1e-5.
        max_iterations: limit on the number of iterations, one product with A and M each.
        stop: an extra rule `stop(x, residual) -> bool`, asked before every iteration; True ends the
            iteration as CONVERGED. Of a batch x and residual have a sample axis, and so may the
            answer. It must not change or keep x.

    Raises `InputError` for arrays of another shape, numbers out of range and operators that are not
    symmetric; numerical failures come back as the status, with the best information there is.

    >>> minres(np.array([[1.0, 2.0], [2.0, -1.0]]), np.array([5.0, 0.0])).x.round(6).tolist()
    [1.0, 2.0]
    """
    system = BatchSystem(A, b, preconditioner, initial)
    require_symmetric(system)
    return RestartedIteration(system, rtol, max_iterations, stop).run(_Cycle(system))


class _Cycle:
    """One run from a true residual; the size of A is remembered from run to run."""

    def __init__(self, system: BatchSystem):
        self.system = system
        self.eps = float(np.finfo(system.dtype).eps)
        # ||A r|| / (||A|| ||r||) that counts as zero
        self.small = np.full(system.samples, REST * self.eps)
        self.largest = np.zeros(system.samples)  # largest column of the tridiagonal matrix yet

    def __call__(self, record: RestartedIteration, r: Array) -> None:
        system, going = self.system, record.running
        v_old, v = system.xp.zeros_like(r), r.copy()
        w_old, w = system.xp.zeros_like(r), system.xp.zeros_like(r)
        start = norms(r)
        z, gamma, going = self._precondition(record, v, going, start)
        record.report(going & (gamma == 0), Status.BREAKDOWN)
        going = going & (gamma > 0)
        one, zero = np.ones(system.samples), np.zeros(system.samples)
        gamma_old, eta, above, c_old, c, s_old, s = one, gamma, zero, one, one, zero, zero
        size = start
        while going.any():
            z = divided(z, gamma)
            q = system.multiply(z)
            delta = inner(q, z).real
            before = norms(q)
            q -= scaled(v, _ratio(delta, gamma)) + scaled(v_old, _ratio(gamma, gamma_old))
            v_old, v = v, q
            if not going.all():
                v[system.xp.asarray(~going)] = 0
            z_next, gamma_next, going = self._precondition(record, v, going, before)
            a0 = c * delta - c_old * s * gamma
            a1 = np.hypot(a0, gamma_next)
            a2, a3 = s * delta + c_old * c * gamma, s_old * gamma
            column = np.sqrt(above**2 + delta**2 + gamma_next**2)
            self.largest = np.fmax(self.largest, np.where(going, column, 0.0))
            # ||A r|| = eta hypot(a0, c gamma_next); where it is small and r rests x would only grow
            least = np.hypot(a0, c * gamma_next) <= self.small * self.largest
            record.report(going & least, Status.BREAKDOWN)
            going = going & ~least
            w_old, w = w, z - scaled(w_old, a3) - scaled(w, a2)
            w = divided(w, np.where(going, a1, 0.0))
            c_old, s_old = c, s
            c, s = _ratio(a0, a1), _ratio(gamma_next, a1)
            live = system.xp.asarray(going)
            system.x[live] += scaled(w, c * eta)[live]
            eta = -s * eta
            r = scaled(r, s**2) + scaled(v, _ratio(c * eta, gamma_next))
            last, size = size, norms(r)
            rests = size > (1 - PROGRESS) * last
            small = np.where(rests, self.eps**0.5, REST * self.eps)
            self.small = np.where(going, small, self.small)
            going = record.step(size, going, lambda: system.x)
            going = going & (size > self.eps * start) & (gamma_next > 0)
            gamma_old, gamma, above, z = gamma, gamma_next, gamma_next, z_next

    def _precondition(
        self, record: RestartedIteration, v: Array, going: Array, size: Array
    ) -> tuple[Array, Array, Array]:
        """Return z = M v, (z, v)^(1/2), and who goes on: those whose M seems positive."""
        z = self.system.precondition(v)
        square, length = inner(z, v).real, norms(v)
        length = np.where(length <= REST * self.eps * size, 0.0, length)
        infinite = ~(np.isfinite(square) & np.isfinite(length))
        negative = (length > 0) & (square <= 0)
        record.report(going & infinite, Status.NON_FINITE)
        record.report(going & negative, Status.BREAKDOWN)
        gamma = np.where(length == 0, 0.0, np.sqrt(np.fmax(square, 0.0)))
        return z, gamma, going & ~infinite & ~negative


def _ratio(a: Array, b: Array) -> Array:
    """Return a / b, and zero where b is."""
    return np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b))
