"""A subspace that is carried from one linear system to the next."""

from typing import Any

import numpy as np
import scipy.linalg as sla
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import combination, products

Array = NDArray[Any]

# Ratio of the eigenvalues of a Gram matrix above which one orthogonalization is enough.
NEARLY = 0.1


class RecycledSpace:
    """Up to k vectors that slow an iteration down, carried through a sequence of systems.

    And the last p solutions: a system starts from their combination with the least residual,

        x_0 = X y,    y = argmin || b - A X y ||,

    which follows sequences that vary smoothly; p products with a new operator is the price.
    Reference: Fischer (1998), doi:10.1016/S0045-7825(98)00012-7, with least squares for energies.

    One object serves one sequence of systems of one size, which `gcro_dr` or
    `deflated_conjugate_gradient` solves, reading and renewing it. It also remembers what
    preconditioner and operator the vectors have seen, so that nothing is computed again for further
    right-hand sides of one operator: operators must not change in place, only matrices may.

    Args:
        size: k. Good values: 10 to 40, a quarter to half of the vectors of a GMRES cycle.
        solutions: p. Good values: 2 to 6; 0 for systems that have nothing to do with each other.

    Raises `InputError` for sizes that are no counts.

    >>> space = RecycledSpace(10)
    >>> space.dimension
    0
    """

    def __init__(self, size: int = 20, solutions: int = 4):
        self.size = require_integer(size, "size", 1)
        self.memory = require_integer(solutions, "solutions", 0)
        self.forget()

    def forget(self) -> None:
        """Start a new sequence."""
        self.vectors: Any = None  # (k, n): U
        self.sources: Any = None  # (k, n): what M made U of; the same object without M
        self.images: Any = None  # (k, n): C = A U
        self.operator: Any = None  # the A of C
        self.solutions: Any = None  # (p, n): X, the last first

    @property
    def dimension(self) -> int:
        """How many vectors there are."""
        return 0 if self.vectors is None else self.vectors.shape[0]

    def suit(self, n: int, dtype: Any) -> None:
        """Bring the vectors to a precision; raise `InputError` if they have another length."""
        held = [u for u in (self.vectors, self.solutions) if u is not None]
        if any(u.shape[1] != n for u in held):
            raise InputError(
                f"space: expected vectors of {n} numbers, got {held[0].shape[1]}; take a new "
                "RecycledSpace for systems of another size"
            )
        if any(u.dtype != dtype for u in held):
            # complex vectors serve a real system by their real parts
            real = np.dtype(dtype).kind != "c"
            same = self.sources is self.vectors
            for name in ("vectors", "sources", "solutions"):
                u = getattr(self, name)
                setattr(self, name, u if u is None else (u.real if real else u).astype(dtype))
            if same:
                self.sources = self.vectors
            self.images = self.operator = None

    def meet(self, system: BatchSystem) -> None:
        """Make C = A U orthonormal for the operator of a system, if it is another one.

        Vectors whose images depend on others are dropped, and all of them where A is not finite.
        """
        if self.dimension == 0 or self.operator is system.A:
            return
        images = system.xp.concatenate([system.multiply(u[None]) for u in self.vectors])
        if not bool(system.xp.isfinite(images).all()):
            self.forget()
            return
        T, C = orthonormal_combinations(images)
        T = system.xp.asarray(T.astype(system.dtype))
        vectors = T @ self.vectors
        sources = vectors if self.sources is self.vectors else T @ self.sources
        self.keep(vectors, sources, C, system.A)

    def start(self, system: BatchSystem) -> None:
        """Set x to the combination of the last solutions with the least residual."""
        if self.solutions is None:
            return
        images = system.xp.concatenate([system.multiply(u[None]) for u in self.solutions])
        if bool(system.xp.isfinite(images).all()):
            T, Q = orthonormal_combinations(images)
            system.x[:] = combination(self.solutions[None], products(Q, system.b).T @ T)

    def remember(self, system: BatchSystem) -> None:
        """Put x among the solutions."""
        x = system.x
        if self.memory and x.any() and bool(system.xp.isfinite(x).all()):
            older = [] if self.solutions is None else [self.solutions[: self.memory - 1]]
            self.solutions = system.xp.concatenate([x, *older])

    def keep(self, vectors: Array, sources: Array, images: Array | None, operator: Any) -> None:
        """Renew the space."""
        self.vectors, self.sources = vectors, sources
        self.images, self.operator = images, operator


def space_for(system: BatchSystem, space: RecycledSpace | None) -> RecycledSpace:
    """Return the space of a sequence, a fresh one where there is none, ready for a system of it.

    Raises `InputError` for batches, for what is no space, and for vectors of another length.

    >>> space_for(BatchSystem(np.eye(2), np.ones(2), None, None), None).dimension
    0
    """
    space = RecycledSpace() if space is None else space
    require_instance(space, "space", RecycledSpace)
    if system.A.batched:
        raise InputError(f"system: expected a single one to recycle from, got a batch: {system.A}")
    space.suit(system.b.shape[1], system.dtype)
    return space


def orthonormal_combinations(images: Array) -> tuple[Array, Array]:
    """Return (T, Q) with Q = T images, Q Q* = I; dependent rows are dropped.

    By the eigenvectors of the Gram matrix of normalized rows, twice unless the rows were nearly
    orthogonal: products of matrices do the work. Reference: Stathopoulos & Wu (2002),
    doi:10.1137/S1064827500370883.

    >>> T, Q = orthonormal_combinations(np.array([[2.0, 0.0], [4.0, 0.0]]))
    >>> Q.shape, np.abs(Q).round(6).tolist()
    ((1, 2), [[1.0, 0.0]])
    """
    xp, Q = namespace(images), images
    kind = np.result_type(images.dtype, np.float64)
    T = np.eye(images.shape[0], dtype=kind)
    for threshold in (100 * np.finfo(images.dtype).eps, 0.0):
        gram = products(Q, Q).T.astype(kind)
        sizes = np.sqrt(np.diagonal(gram).real)
        scale = np.where(sizes > 0, 1 / np.where(sizes > 0, sizes, 1), 0)
        values, vectors = sla.eigh(gram * scale[:, None] * scale)
        good = values > threshold * values.max(initial=0.0)
        step = (vectors[:, good] / np.sqrt(values[good])).conj().T * scale
        T, Q = step @ T, xp.asarray(step.astype(images.dtype)) @ Q
        if not good.any() or values[0] > NEARLY * values[-1]:
            break
    return T, Q
