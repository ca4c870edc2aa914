"""Conjugate gradients that leave out a subspace carried from system to system."""

from typing import Any

import numpy as np
import scipy.linalg as sla
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import combination, inner, norms, products
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.krylov.recycled_space import (
    RecycledSpace,
    orthonormal_combinations,
    space_for,
)
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration
from nwidth.solvers.krylov.symmetry_check import require_symmetric
from nwidth.solvers.solution import Status

Array = NDArray[Any]

# What is left of a residual in the space, in units of round-off.
REST = 20


def deflated_conjugate_gradient(
    A: Any,
    b: Array,
    *,
    space: RecycledSpace | None = None,
    preconditioner: Any = None,
    initial: Array | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 200,
    stop: Stop | None = None,
    directions: int = 40,
) -> Iterate:
    """Solve A x = b for a Hermitian positive definite A with a subspace W that is recycled.

        W* r_0 = 0,    p_j = M r_j - W (W* A W)^-1 W* A M r_j + beta p_{j-1}

    so that the iteration sees only what is A-orthogonal to W. Afterwards W becomes the k vectors
    Z y of Z = [W, p_1, ..., p_l] with the smallest harmonic Ritz values of M A,

        (A Z)* M (A Z) y = theta (Z* A Z) y,

    where M A p_j = (z_j - z_{j+1}) / alpha_j costs nothing. Reference: Saad, Yeung, Erhel &
    Guyomarc'h (2000), doi:10.1137/S1064829598339761, sections 3 and 5. The first system is one of
    plain conjugate gradients; `conjugate_gradient` is faster for a single one.

    Args:
        A: as in `conjugate_gradient`; no batch.
        b: right-hand side, shape `A.range_shape`.
        space: W, and where it is left for the next system; a fresh one by default.
        preconditioner: M, Hermitian positive definite and fixed; none by default.
        initial: x_0; by default what the last solutions of the space tell, at first zero.
        rtol: bound on ||b - A x|| / ||b||.
        max_iterations: limit on the number of iterations. A new operator costs k products with A,
            and k with M, on top, and one for every solution of the space.
        stop: an extra rule `stop(x, residual) -> bool`, as in `conjugate_gradient`.
        directions: l, how many of the first directions are kept, three vectors each. Good values: 2
            to 3 times the size of the space.

    Raises `InputError` as `conjugate_gradient` does, and for numbers of directions below one;
    numerical failures come back as the status.

    >>> A, space = np.diag(np.arange(1.0, 101.0)), RecycledSpace(5)
    >>> first = deflated_conjugate_gradient(A, np.ones(100), space=space)
    >>> second = deflated_conjugate_gradient(A + 0.01 * np.eye(100), np.ones(100), space=space)
    >>> second.iterations < 0.7 * first.iterations
    True
    """
    directions = require_integer(directions, "directions", 1)
    system = BatchSystem(A, b, preconditioner, initial)
    space = space_for(system, space)
    require_symmetric(system)
    solver = _Cycle(system, space, directions)
    record = RestartedIteration(system, rtol, max_iterations, stop)
    if initial is None:
        space.start(system)
    result = record.run(solver)
    solver.renew()
    space.remember(system)
    return result


class _Cycle:
    """Deflated conjugate gradients from a true residual; vectors in rows."""

    def __init__(self, system: BatchSystem, space: RecycledSpace, directions: int):
        self.system, self.space, self.directions = system, space, directions
        self.kind = np.result_type(system.dtype, np.float64)
        self.p: list[Array] = []  # directions, A p, M A p
        self.Ap: list[Array] = []
        self.MAp: list[Array] = []

    def __call__(self, record: RestartedIteration, r: Array) -> None:
        best = self._iterate(record, r)
        if record.claims[0] is Status.BREAKDOWN:
            self.system.x[:] = best

    def _iterate(self, record: RestartedIteration, r: Array) -> Array:
        """Improve x until something ends it; return the x of the smallest residual."""
        system, x = self.system, self.system.x
        self._meet()
        eps, given = float(np.finfo(x.dtype).eps), norms(r)
        y = self._solve(self.space.vectors, r)
        x += self._along(self.space.vectors, y)
        r = r - self._along(self.space.images, y)
        start, going, last = norms(r), record.running, None
        if start[0] <= REST * eps * given[0]:  # W has it all
            record.step(start, going, lambda: system.x)
            return x
        p = system.xp.zeros_like(r)
        z = system.precondition(r)
        least, best = start, x.copy()
        while going[0]:
            rho = float(inner(r, z).real[0])
            if not rho > 0:
                record.report(going, _failure(rho))
                return best
            mu = self._solve(self.space.images, z)
            p *= 0.0 if last is None else rho / last
            p += z
            p -= self._along(self.space.vectors, mu)
            q = system.multiply(p)
            curvature = float(inner(q, p).real[0])
            if not curvature > 0:
                record.report(going, _failure(curvature))
                return best
            alpha, last = rho / curvature, rho
            x += alpha * p
            r = r - alpha * q
            before, z = z, system.precondition(r)
            if len(self.p) < self.directions:
                size = curvature**-0.5
                self.p.append(size * p)
                self.Ap.append(size * q)
                self.MAp.append(size / alpha * (before - z))
            residual = norms(r)
            going = record.step(residual, going, lambda: system.x)
            if residual[0] < least[0]:
                least, best[:] = residual, x
            # As in `conjugate_gradient`: A is singular and b out of its range.
            record.report(going & (eps * residual > start), Status.BREAKDOWN)
            going = going & (residual > eps * start) & (eps * residual <= start)
        return best

    def _meet(self) -> None:
        """Take the space to this operator and factor W* A W; a space that does not suit is left."""
        space = self.space
        space.meet(self.system)
        if space.dimension:
            G = products(space.vectors, space.images).astype(self.kind)
            try:
                self.factors = sla.cho_factor((G + G.conj().T) / 2)
            except np.linalg.LinAlgError:  # the space was one of another operator
                space.forget()

    def _solve(self, basis: Array, u: Array) -> Array:
        """Return (W* A W)^-1 basis* u."""
        if not self.space.dimension:
            return np.zeros((0, 1))
        c = products(basis, u).astype(self.kind)
        return sla.cho_solve(self.factors, c, check_finite=False)

    def _along(self, basis: Array, y: Array) -> Any:
        """Return the combination of the basis; zero without one."""
        if not self.space.dimension:
            return 0.0
        return combination(basis[None], y.T)

    def renew(self) -> None:
        """Put the vectors of the smallest harmonic Ritz values into the space."""
        system, space, xp = self.system, self.space, self.system.xp
        if not self.p:
            return
        Z, AZ, MAZ = (xp.concatenate(rows) for rows in (self.p, self.Ap, self.MAp))
        if space.dimension:
            images = [system.precondition(c[None]) for c in space.images]
            Z = xp.concatenate([space.vectors, Z])
            AZ = xp.concatenate([space.images, AZ])
            MAZ = xp.concatenate([*images, MAZ])
        G, F = (products(*pair).astype(self.kind) for pair in ((Z, AZ), (AZ, MAZ)))
        if not (np.isfinite(G).all() and np.isfinite(F).all()):
            return
        Y = smallest_pencil_vectors((F + F.conj().T) / 2, (G + G.conj().T) / 2, space.size)
        Y = xp.asarray(Y.T.astype(system.dtype))
        T, C = orthonormal_combinations(Y @ AZ)
        vectors = xp.asarray(T.astype(system.dtype)) @ (Y @ Z)
        space.keep(vectors, vectors, C, system.A)


def _failure(number: float) -> Status:
    """Return what a number says that ought to be positive."""
    return Status.BREAKDOWN if np.isfinite(number) else Status.NON_FINITE


def smallest_pencil_vectors(F: Array, G: Array, k: int) -> Array:
    """Return the k vectors y of smallest theta in F y = theta G y, for G semidefinite.

    What G says nothing of, to half the digits, is left out.

    >>> smallest_pencil_vectors(np.diag([3.0, 1.0]), np.eye(2), 1).round(6) ** 2
    array([[0.],
           [1.]])
    """
    scale = 1 / np.sqrt(np.maximum(np.diagonal(G).real, np.finfo(np.float64).tiny))
    values, vectors = sla.eigh(scale[:, None] * G * scale)
    good = values > 1e-8 * values[-1]
    T = scale[:, None] * (vectors[:, good] / np.sqrt(values[good]))
    _, Y = sla.eigh(T.conj().T @ F @ T)
    return T @ Y[:, :k]
