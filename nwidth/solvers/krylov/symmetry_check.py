"""Whether an operator that promises nothing may be taken for symmetric."""

import numpy as np

from nwidth.errors import InputError
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.batch_vectors import inner, norms


def require_symmetric(system: BatchSystem) -> None:
    """Raise `InputError` if A = A* is neither promised nor seen on two random vectors.

        | (A u, v) - (u, A v) |  <=  eps^(3/4) max(||A u|| ||v||, ||u|| ||A v||)

    Operators with "symmetric" among their properties are trusted. Others, matrices without
    properties and SciPy's operators for instance, cost two products. NaN and infinity pass: they
    are for the iteration to tell.

    >>> require_symmetric(BatchSystem(np.array([[2.0, 1.0], [0.0, 2.0]]), np.ones(2), None, None))
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: operator: expected a symmetric one (Hermitian if complex), got \
MatrixOperator((2,) -> (2,)) with (A u, v) and (u, A v) apart by 3.8e-01 of their bound; use fgmres
    """
    if system.A.symmetric:
        return
    rng = np.random.default_rng(0)
    u, v = (system.xp.asarray(rng.standard_normal(system.b.shape), system.dtype) for _ in range(2))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        Au, Av = system.multiply(u), system.multiply(v)
        bound = np.maximum(norms(Au) * norms(v), norms(u) * norms(Av))
        gap = np.abs(inner(Au, v) - inner(u, Av)) / np.where(bound > 0, bound, 1.0)
    if (gap > np.finfo(system.dtype).eps ** 0.75).any():
        raise InputError(
            f"operator: expected a symmetric one (Hermitian if complex), got {system.A} with "
            f"(A u, v) and (u, A v) apart by {np.nanmax(gap):.1e} of their bound; use fgmres"
        )
