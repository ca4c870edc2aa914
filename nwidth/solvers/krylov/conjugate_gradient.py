"""Preconditioned conjugate gradients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, lives_on_gpu, namespace, power_of_two, unscaled
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import THREADED_SIZE
from nwidth.solvers.krylov.batch_system import BatchSystem, common_precision
from nwidth.solvers.krylov.batch_vectors import real_parts
from nwidth.solvers.krylov.iterate import Iterate, Stop, check_limits
from nwidth.solvers.krylov.symmetry_check import require_symmetric
from nwidth.solvers.linear_operator import LinearOperator, as_operator
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# Iterations without a new smallest residual after which the method looks for signs of round-off.
PATIENCE = 50

# A residual of so many units of round-off need not be in the range of a singular A.
NOISE = 1e3

# A failed iteration whose last residual is so many times its least one goes back to that.
GROWN = 10


def conjugate_gradient(
    A: Any,
    b: Array,
    *,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
) -> Iterate:
    """Solve A x = b for a Hermitian positive definite A, with a preconditioner M ~ A^-1 alike.

        x_k minimizes ||x - A^-1 b||_A over x_0 + span{M r_0, (M A) M r_0, ..., (M A)^(k-1) M r_0}

    Reference: Saad (2003), Iterative Methods for Sparse Linear Systems,
    doi:10.1137/1.9780898718003, algorithm 9.1. When the recursive residual says that the tolerance
    is reached, the residual is recomputed; if round-off has parted the two, the iteration starts
    again from the true one, and ends as STAGNATED if that no longer helps. So it does for rtol = 0,
    which asks for all that round-off lets be had. The same is done when the residual has not fallen
    for long *and* either the two have parted or the energy, which falls by alpha_k (r_k, z_k) in
    every step, no longer changes in its last digit. A residual that merely rests is no such sign:
    the method minimizes the energy, and for high contrast the residual may stay above its first
    value for many iterations. Data near the ends of the floating-point range is scaled by a power
    of two first, and dot products are float64, so that no square underflows. Where A is singular
    and b out of its range the iteration diverges after a while; x is then the one of the least
    residual before, by running again up to it. Complex vectors are pairs of real numbers: all
    coefficients of the method are real.

    Args:
        A: LinearOperator, dense or sparse matrix, or SciPy's LinearOperator; symmetric, Hermitian
            if complex, and positive definite, or semidefinite with b in its range. One that does
            not promise symmetry is tried on two random vectors.
        b: right-hand side, shape `A.range_shape`; float32, float64, complex64 or complex128. The
            result is single if A and b are.
        preconditioner: Hermitian positive definite operator of the same shape; none by default.
        initial: x_0; zero by default, and then the first residual is 1.
        rtol: bound on ||b - A x|| / ||b||. Good values: 1e-6 to 1e-10; float32 reaches 1e-5.
        max_iterations: limit on the number of products with A.
        stop: an extra rule `stop(x, residual) -> bool`, asked before every iteration; True ends the
            iteration as CONVERGED. It must not change or keep x.

    Raises `InputError` for arrays of another shape, numbers out of range and operators that are not
    symmetric; numerical failures come back as the status, with the best information there is.

    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradient(A, np.array([1.0, 2.0])).x.round(6).tolist()
    [0.090909, 0.636364]
    """
    check_limits(rtol, max_iterations, stop)
    A = as_operator(A)
    preconditioner = None if preconditioner is None else as_operator(preconditioner)
    b, x = _checked(A, b, preconditioner, initial)
    if not A.symmetric:
        require_symmetric(BatchSystem(A, b, None, None))
    if not b.any():
        return Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,))
    scale = power_of_two(real_parts(b))
    if scale != 1.0:
        b, x, stop = b * scale, x * scale, _unscaled(stop, scale)
    work = _Workspace(A, b, preconditioner)
    size = work.norm(b)
    if not np.isfinite(size):
        return Iterate(x, Status.NON_FINITE, (np.inf,))
    with np.errstate(over="ignore", invalid="ignore"):  # the status tells
        residuals = [work.start(x) / size]
        status = _run(work, x, size, residuals, rtol, max_iterations, stop)
    return Iterate(unscaled(x, scale), status, tuple(residuals))


def _unscaled(stop: Stop | None, scale: float) -> Stop | None:
    """Return the stopping rule for iterates that are too large by a factor."""
    return None if stop is None else lambda x, residual: stop(x / scale, residual)


def _run(
    work: "_Workspace",
    x: Array,
    size: float,
    residuals: list[float],
    rtol: float,
    max_iterations: int,
    stop: Stop | None,
) -> Status:
    """Iterate, and again from the true residual as long as that helps."""
    first = len(residuals)
    while True:
        before, done, began = residuals[-1], len(residuals), x.copy()
        status = _iterate(work, x, size, residuals, rtol, max_iterations, stop)
        if len(residuals) > done:  # else the last residual is a true one already
            residuals[-1] = work.start(x) / size
        if status in (Status.BREAKDOWN, Status.STAGNATED, Status.CONVERGED):
            _return_to_least(work, x, began, size, residuals, done)
        if done > first and not residuals[-1] < before:
            x[...], residuals[-1] = began, before
        if status is Status.BREAKDOWN and residuals[-1] <= NOISE * float(np.finfo(x.dtype).eps):
            return Status.STAGNATED
        if len(residuals) == done:
            return status
        if status not in (Status.CONVERGED, Status.STAGNATED):
            return status
        if _finished(x, residuals[-1], rtol, stop):
            return Status.CONVERGED
        if not residuals[-1] < before / 2:
            return Status.STAGNATED


def _return_to_least(
    work: "_Workspace", x: Array, began: Array, size: float, residuals: list[float], done: int
) -> None:
    """Go back to the least residual before the largest one, if the last one is far above it."""
    peak = int(np.argmax(residuals[done - 1 :]))
    steps = int(np.argmin(residuals[done - 1 : done + peak]))
    if residuals[-1] > GROWN * residuals[done - 1 + steps]:
        x[...] = began
        work.start(x)
        _iterate(work, x, size, residuals[:done], 0.0, done - 1 + steps, None)
        residuals[-1] = work.start(x) / size


def _iterate(
    work: "_Workspace",
    x: Array,
    size: float,
    residuals: list[float],
    rtol: float,
    max_iterations: int,
    stop: Stop | None,
) -> Status:
    """Iterate from the residual in the work space, step numbers as in Saad's algorithm 9.1."""
    rho = None
    best, patience, eps = residuals[-1], PATIENCE, float(np.finfo(x.dtype).eps)
    # ||r_k|| <= cond(A)^(1/2) ||r_0||: beyond this A is singular and b out of its range.
    largest = residuals[-1] / eps
    total = recent = 0.0  # decrease of the energy: in all, and since `patience` was renewed
    while True:
        if not np.isfinite(residuals[-1]):
            return Status.NON_FINITE
        if _finished(x, residuals[-1], rtol, stop):
            return Status.CONVERGED
        # No b - A x is smaller than a unit of round-off; and noise that no A x is part of grows.
        if residuals[-1] <= eps / 2 or 10 * best < min(residuals[-1], 100 * eps):
            return Status.STAGNATED
        if residuals[-1] > largest:
            return Status.BREAKDOWN
        if len(residuals) > max_iterations:
            return Status.MAX_ITERATIONS
        if residuals[-1] < best:
            best, patience, recent = residuals[-1], PATIENCE, 0.0
        if patience == 0:
            if recent <= eps * total or work.parted(x):
                return Status.STAGNATED
            patience, recent = PATIENCE, 0.0
        last, rho = rho, work.precondition()  # 6: z = M r, rho = (r, z)
        if not rho > 0.0:
            return Status.BREAKDOWN if np.isfinite(rho) else Status.NON_FINITE
        work.turn(0.0 if last is None else rho / last)  # 7, 8: p = z + beta p
        curvature = work.multiply()  # 3: q = A p, (q, p)
        if not curvature > 0.0:
            return Status.BREAKDOWN if np.isfinite(curvature) else Status.NON_FINITE
        alpha = rho / curvature
        residuals.append(work.step(x, alpha) / size)  # 4, 5: x += alpha p, r -= alpha q
        patience, total, recent = patience - 1, total + alpha * rho, recent + alpha * rho


def _finished(x: Array, residual: float, rtol: float, stop: Stop | None) -> bool:
    return residual <= rtol or (stop is not None and bool(stop(x, residual)))


class _Workspace:
    """The vectors r, z, p, q of one solve, and the passes over them."""

    def __init__(self, A: LinearOperator, b: Array, preconditioner: LinearOperator | None):
        kernels: Any
        if lives_on_gpu(b):
            from nwidth.solvers.krylov import _conjugate_gradient_cupy as kernels
        else:
            from nwidth.solvers.krylov import _conjugate_gradient_numba as kernels

        self.kernels, self.A, self.b, self.M = kernels, A, b, preconditioner
        real = b.dtype.kind == "f"  # fused passes are
        self.apply_into = getattr(preconditioner, "apply_into", None) if real else None
        self.apply_with_energy = getattr(A, "apply_with_energy", None) if real else None
        self.r, self.q = np.empty_like(b), np.empty_like(b)
        self.z = self.r if preconditioner is None else np.empty_like(b)
        self.p = np.zeros_like(b)
        xp = namespace(b)
        self.rows = xp.empty(b.size // b.shape[-1])
        self.parts = xp.empty(-(-_flat(b).size // kernels.BLOCK))
        self.threaded = b.size >= THREADED_SIZE

    def start(self, x: Array) -> float:
        """Set r = b - A x and p = 0; return the norm of r."""
        if x.any():
            self._product(self.q, x)
            np.subtract(self.b, self.q, out=self.r)
        else:
            self.r[...] = self.b
        self.p[...] = 0.0
        return self.norm(self.r)

    def parted(self, x: Array) -> bool:
        """Return whether r has little to do with b - A x any more; spoils q."""
        self._product(self.q, x)
        np.subtract(self.b, self.q, out=self.q)
        true = self.norm(self.q)
        self.q -= self.r
        return self.norm(self.q) > true / 2

    def norm(self, u: Array) -> float:
        """Return ||u||."""
        return self._dot(u, u) ** 0.5

    def precondition(self) -> float:
        """Set z = M r and return (r, z)."""
        if self.M is None:
            return self._dot(self.r, self.r)
        if self.apply_into is None:
            self.z[...] = self.M.apply(self.r)
        else:
            self.apply_into(self.z, self.r)
        return self._dot(self.r, self.z)

    def turn(self, beta: float) -> None:
        """Set p = z + beta p."""
        beta = self.b.real.dtype.type(beta)
        self.kernels.direction(_flat(self.p), _flat(self.z), beta, self.parts, self.threaded)

    def multiply(self) -> float:
        """Set q = A p and return (q, p)."""
        return self._product(self.q, self.p)

    def step(self, x: Array, alpha: float) -> float:
        """Set x += alpha p, r -= alpha q and return the norm of r."""
        alpha = self.b.real.dtype.type(alpha)
        vectors = (_flat(x), _flat(self.r), _flat(self.p), _flat(self.q))
        self.kernels.step(*vectors, alpha, self.parts, self.threaded)
        return float(self.parts.sum()) ** 0.5

    def _product(self, out: Array, u: Array) -> float:
        if self.apply_with_energy is None:
            out[...] = self.A.apply(u)
            return self._dot(out, u)
        self.apply_with_energy(out, u, self.rows)
        return float(self.rows.sum())

    def _dot(self, u: Array, v: Array) -> float:
        self.kernels.dot(_flat(u), _flat(v), self.parts, self.threaded)
        return float(self.parts.sum())


def _flat(u: Array) -> Array:
    """Return the real numbers of a vector, whose products are the real parts of those of u."""
    return real_parts(u.ravel())


def _checked(
    A: LinearOperator, b: Array, M: LinearOperator | None, initial: Array | None
) -> tuple[Array, Array]:
    """Return b and a fresh x_0 as contiguous floating arrays of one dtype."""
    xp, b = namespace(b), as_floating(b, "right-hand side")
    initial = None if initial is None else as_floating(initial, "initial guess")
    dtype = common_precision(A, b, M, initial)
    b = xp.ascontiguousarray(b, dtype=dtype)
    if b.shape != A.range_shape or A.range_shape != A.domain_shape or b.size == 0:
        raise InputError(f"right-hand side: expected shape {A.range_shape}, got {b.shape}")
    if M is not None and (M.domain_shape, M.range_shape) != (b.shape, b.shape):
        raise InputError(f"preconditioner: expected shape {b.shape}, got {M}")
    if initial is None:
        return b, np.zeros_like(b)
    if initial.shape != b.shape:
        raise InputError(f"initial guess: expected shape {b.shape}, got {initial.shape}")
    return b, xp.array(initial, dtype=dtype, order="C")
