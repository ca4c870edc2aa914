"""GCRO-DR: GMRES that keeps a subspace from cycle to cycle and from system to system."""

from typing import Any

import numpy as np
import scipy.linalg as sla
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.errors import InputError
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import (
    combination,
    divided,
    norms,
    orthogonalize,
    products,
)
from nwidth.solvers.krylov.hessenberg_least_squares import HessenbergLeastSquares
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.krylov.recycled_space import RecycledSpace, space_for
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration
from nwidth.solvers.solution import Status

Array = NDArray[Any]


def gcro_dr(
    A: Any,
    b: Array,
    *,
    space: RecycledSpace | None = None,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
    restart: int = 40,
) -> Iterate:
    """Solve A x = b for any square A with a subspace that is recycled: GCRO-DR(m, k).

        A U = C,  C* C = I,    (I - C C*) A Z = V H,    Z = M V without its last vector
        x minimizes ||b - A x|| over x_0 + span{U, Z}

    After a cycle U becomes the k harmonic Ritz vectors of A M with the smallest values: in
    G = [[I, C* A Z], [0, H]], with W = [C V], S = W* [M^-1 U, V] and G = Q R,

        G* G p = theta G* S p,    that is    Q* S R^-1 y = y / theta,    p = R^-1 y,

    is solved by a Schur form, whose leading Schur vectors Y give C = W Q Y, which is orthonormal,
    and U = [U Z] R^-1 Y. In real arithmetic a pair of conjugate values stays together. The last
    cycle of a system, which is a short one, leaves a space that is full or new as it is. Reference:
    Parks, de Sturler, Mackey, Johnson & Maiti (2006), doi:10.1137/040607277, the algorithm in the
    appendix. The preconditioner may change as in `fgmres`. For a new A the vectors U are multiplied
    by it, at the price of k products, and C made orthonormal again; what has become dependent is
    dropped. With nothing to recycle the first cycle is one of GMRES.

    Args:
        A: as in `fgmres`, but no batch.
        b: right-hand side, shape `A.range_shape`.
        space: what is recycled, and where it is left for the next system; a fresh one by default,
            which still carries over from cycle to cycle.
        preconditioner: M, as in `fgmres`.
        initial: x_0; by default what the last solutions of the space tell, at first zero.
        rtol: bound on ||b - A x|| / ||b||.
        max_iterations: limit on the number of iterations, one product with A and one with M each; a
            cycle needs one more product, a new operator k and one for every solution of the space.
        stop: an extra rule `stop(x, residual) -> bool`, as in `fgmres`.
        restart: m, the number of vectors in a cycle, those of the space included. Memory is 2 m to
            3 m vectors. Good values: 40 and k = 20.

    Recycling pays for systems that vary slowly and take many iterations; where a direct or a
    multigrid solver works it is quicker. Raises `InputError` as `fgmres` does, and for a space that
    is not smaller than a cycle; numerical failures come back as the status.

    >>> A, space = np.diag(np.arange(1.0, 101.0)), RecycledSpace(10)
    >>> first = gcro_dr(A, np.ones(100), space=space, restart=30)
    >>> second = gcro_dr(A + 0.01 * np.eye(100), np.ones(100), space=space, restart=30)
    >>> second.iterations < 0.7 * first.iterations
    True
    """
    restart = require_integer(restart, "restart", 2)
    space = RecycledSpace(max(1, restart // 2)) if space is None else space
    system = BatchSystem(A, b, preconditioner, initial)
    space = space_for(system, space)
    if space.size >= restart:
        raise InputError(f"space: expected one smaller than {restart}, got {space.size}")
    record = RestartedIteration(system, rtol, max_iterations, stop)
    if initial is None:
        space.start(system)
    result = record.run(_Cycle(system, space, restart))
    space.remember(system)
    return result


class _Cycle:
    """One cycle of GCRO-DR: what is recycled, then Arnoldi, then what shall be recycled."""

    def __init__(self, system: BatchSystem, space: RecycledSpace, m: int):
        n = system.b.shape[1]
        self.system, self.space = system, space
        self.m = max(min(m, n), space.size + 2)  # a pair may be one vector too many
        self.W = system.xp.empty((1, self.m + 1, n), system.dtype)  # C, then V
        self.Z = (
            self.W[:, : self.m]
            if system.M is None
            else system.xp.empty((1, self.m, n), system.dtype)
        )
        self.overlap: Any = None  # C* M^-1 U of a space that this solve has renewed

    def __call__(self, record: RestartedIteration, r: Array) -> None:
        system, space = self.system, self.space
        space.meet(system)
        U, k = space.vectors, space.dimension
        W, Z = self.W, self.Z
        if k:
            W[0, :k] = space.images
            c = products(W[0, :k], r).T
            system.x += combination(U[None], c)  # x += U C* r
            r = r - combination(W[:, :k], c)  # r -= C C* r
        kind = np.result_type(system.dtype, np.float64)
        beta = norms(r)
        W[:, k] = divided(r, beta)
        fit = HessenbergLeastSquares(beta, self.m - k, kind)
        B = np.zeros((k, self.m), kind)
        count, going = 0, record.running

        def solution() -> Array:
            y = fit.solution(np.array([count]))[:, :count]
            step = combination(Z[:, k : k + count], y)
            return system.x + (step - combination(U[None], y @ B[:, :count].T) if k else step)

        for j in range(self.m - k):
            if system.M is not None:
                Z[:, k + j] = system.precondition(W[:, k + j])
            w = system.multiply(Z[:, k + j])
            h, size = orthogonalize(W[:, : k + j + 1], w, W[:, k + j + 1])
            B[:, j] = h[0, :k]
            residuals = fit.append(h[:, k:], size)
            if np.isfinite(residuals[0]) and np.isfinite(h).all():
                count = j + 1
            going = record.step(residuals, going, solution)
            if going[0] and size[0] == 0:
                record.report(going, Status.BREAKDOWN)
                break
            if not going[0]:
                break
        system.x[:] = solution()
        # A last, short cycle tells less of the operator than a space that is full or new.
        short = 2 * count < self.m - k
        fresh = self.overlap is None and (k < space.size or not short)
        if count and (going[0] or fresh):
            self._renew(B[:, :count], fit.H[0, : count + 1, :count], k)

    def _renew(self, B: Array, H: Array, k: int) -> None:
        """Replace the space by harmonic Ritz vectors."""
        space, system, xp = self.space, self.system, self.system.xp
        count = H.shape[1]
        W, Z = self.W[0, : k + count + 1], self.Z[0, k : k + count]
        G = np.block([[np.eye(k), B], [np.zeros((count + 1, k)), H]])
        Q, R = sla.qr(G, mode="economic")
        pivots = np.abs(np.diagonal(R))
        if pivots.min() <= np.finfo(system.dtype).eps * pivots.max():
            return  # a singular operator: what there is stays
        S = np.eye(k + count + 1, k + count, dtype=G.dtype)
        if k and self.overlap is None:
            S[:, :k] = products(W, space.sources)
        elif k:
            S[:k, :k] = self.overlap
            S[k:, :k] = products(W[k:], space.sources)
        K = sla.solve_triangular(R, (Q.conj().T @ S).T, trans="T").T  # Q* S R^-1
        Y = leading_subspace(K, min(space.size, k + count))
        if Y.shape[1] == 0:
            return
        QY, P = Q @ Y, sla.solve_triangular(R, Y)
        self.overlap = QY.conj().T @ S @ P
        up, low = (xp.asarray(part.T.astype(system.dtype)) for part in (P[:k], P[k:]))
        images = xp.asarray(QY.T.astype(system.dtype)) @ W
        vectors = sources = _sum(up, space.vectors, low, Z)
        if system.M is not None or space.sources is not space.vectors:
            sources = _sum(up, space.sources, low, self.W[0, k : k + count])
        space.keep(vectors, sources, images, system.A)


def _sum(a: Array, U: Array, b: Array, V: Array) -> Array:
    """Return a U + b V, where U may be missing."""
    total = b @ V
    if a.shape[1]:
        total += a @ U
    return total


def leading_subspace(K: Array, k: int) -> Array:
    """Return an orthonormal basis of the invariant subspace of the k largest eigenvalues.

    By an ordered Schur form, real for real K: conjugate pairs come together or not at all, and
    where only a pair is left to choose there are k + 1 vectors.

    >>> leading_subspace(np.diag([1.0, 3.0, 2.0]), 2).round(6).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    gees, trsen = sla.get_lapack_funcs(("gees", "trsen"), (K,))
    T, _, *values, vectors, _, _ = gees(lambda *_: None, K)
    moduli = np.abs(values[0]) if len(values) == 1 else np.hypot(*values)
    order = np.sort(moduli)[::-1]
    close = 1e-10 * order[0]
    cuts = [j for j in range(1, order.size) if order[j - 1] - order[j] > close]
    cuts = [*cuts, order.size]
    count = max((j for j in cuts if j <= k), default=min(cuts))
    if count == order.size:
        return np.eye(order.size, dtype=K.dtype)
    leading = moduli > (order[count - 1] + order[count]) / 2
    _, vectors, *_ = trsen(leading, T, vectors, job="N")
    return vectors[:, :count]
