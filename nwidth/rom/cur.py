"""CUR: a matrix from its own columns and rows, chosen by DEIM on singular vectors."""

from typing import Any

import numpy as np

from nwidth.arguments import require_choice
from nwidth.rom.deim import deim
from nwidth.rom.matrix_products import adjoint_products, finite_operator, products
from nwidth.rom.qdeim import qdeim
from nwidth.rom.randomized_svd import randomized_svd
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.skeleton import Skeleton

CHOICES = {"deim": deim, "qdeim": qdeim}


def cur(
    A: Any,
    rtol: float = 1e-6,
    *,
    max_rank: int | None = None,
    choice: str = "deim",
    seed: int = 0,
) -> Skeleton:
    """Return A ~ C M R from columns C and rows R of A at the DEIM points of singular vectors.

        A ~ W S Z*,    p = DEIM points of W,  q = of Z,    C = A(:, q),  R = A(p, :),  M = C^+ A R^+

    M is the best core for these rows and columns. The error in the 2-norm is at most
    (eta_p + eta_q) sigma_{k+1}, with eta the `error_constant` of the points. As a skeleton the core
    is G = M^+ = T_R* (Q_C* A Q_R)^-1 T_C, from C = Q_C T_C and R* = Q_R T_R. Reference: Sorensen &
    Embree (2016), doi:10.1137/140978430; Q-DEIM's pivots: Drmac & Gugercin (2016),
    doi:10.1137/15M1019271.

    Args:
        A: matrix, dense or sparse, or operator, shape (m, n).
        rtol: singular values above rtol times the first are followed. Good values: 1e-1 to 1e-10.
        max_rank: limit on the number of rows and columns.
        choice: "deim" or "qdeim".
        seed: an integer, of the random products for singular vectors, and for the error.

    >>> A = 1 / (1 + np.add.outer(np.arange(60.0), np.arange(50.0)))
    >>> found = cur(A, 1e-4)
    >>> found.rank, bool(np.linalg.norm(A - found.to_dense()) < 1e-3 * np.linalg.norm(A))
    (6, True)
    """
    require_choice(choice, "choice", tuple(CHOICES))
    operator = finite_operator(A)
    W, sigma, Zh, _ = randomized_svd(operator, rtol, max_rank=max_rank, seed=seed)
    k = len(Zh)
    p, q = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if k:
        select = CHOICES[choice]
        # Conjugates of the right vectors span the same row space, and have the same points.
        p, q = select(np.ascontiguousarray(W.T)).points, select(Zh).points
    C = products(operator, _unit_vectors(q, operator.shape[1], operator.dtype)).T
    R = adjoint_products(operator, _unit_vectors(p, operator.shape[0], operator.dtype)).conj()
    Q_C, T_C = np.linalg.qr(C)
    Q_R, T_R = np.linalg.qr(R.conj().T)
    middle = Q_C.conj().T @ products(operator, np.ascontiguousarray(Q_R.T)).T
    core = T_R.conj().T @ np.linalg.solve(middle, T_C)
    followed = not (sigma[k:] > rtol * sigma.max(initial=0.0)).any()
    found = Skeleton(
        C,
        core,
        R,
        row_indices=p,
        column_indices=q,
        status=SelectionStatus.CONVERGED if followed else SelectionStatus.MAX_RANK,
        domain_shape=operator.domain_shape,
        range_shape=operator.range_shape,
    )
    found.error = found.error_estimate(operator)
    return found


def _unit_vectors(indices: np.ndarray, size: int, dtype: np.dtype) -> np.ndarray:
    """Return unit vectors as rows."""
    rows = np.zeros((len(indices), size), dtype)
    rows[np.arange(len(indices)), indices] = 1
    return rows
