"""Number of negative eigenvalues of a Hermitian matrix, and for which matrix nearby it is exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.rom._rounding_numba import EPS

Array = NDArray[Any]

# Up to so many unknowns sparse matrices are treated as dense ones.
DENSE = 200
# A bound of |E| in units of eps |L| |U|: products of complex numbers, and U against D L^H.
_UNITS = 4
# Least growth of the distances at which proofs are tried.
_GROWTH = 8.0


@dataclass(frozen=True)
class Inertia:
    """How many eigenvalues are negative, and the size of E in that statement.

    The count is exact for a Hermitian S + E with |v^H E v| <= error v^H D v. `factors` solve with
    S, if it is sparse. `negative` is -1 where the factorization met a zero pivot.
    """

    negative: int
    error: float
    factors: Any


def inertia(S: Any, weights: Array) -> Inertia:
    """Count the negative eigenvalues of a Hermitian matrix by its factors.

        P S P^T + E  =  L D L^H,    |E|  <=  c k eps |L| |D L^H|

    and by Sylvester's law D has as many negative entries as S + E has negative eigenvalues; k is
    the largest number of entries in a row of L. Pivots stay on the diagonal; that their growth did
    no harm is seen in |L| |D L^H|, which is computed. Small and dense matrices are counted by
    their eigenvalues. References: Parlett (1998), doi:10.1137/1.9781611971163, section 3.3; Higham
    (2002), doi:10.1137/1.9780898718027, theorem 9.3; Rump (2006), doi:10.1007/s10543-006-0056-1,
    on definiteness.

    Args:
        S: Hermitian, dense or sparse, n x n.
        weights: the positive diagonal D, shape (n,), against which E is measured.

    >>> inertia(np.diag([2.0, -1.0]), np.ones(2)).negative
    1
    """
    import scipy.sparse as sp

    if sp.issparse(S) and S.shape[0] > DENSE:
        return _sparse_inertia(S, weights)
    S = S.toarray() if sp.issparse(S) else S
    root = np.sqrt(weights)
    scaled = S / root[:, None] / root
    values = np.linalg.eigvalsh(scaled)
    # Backward error of the eigenvalues; that of the scaling is a small part of it.
    error = (len(S) + 4) * EPS * float(np.abs(values).max())
    return Inertia(int((values < 0).sum()), error, None)


def further(distance: float, size: float, error: float, most: float) -> float:
    """Return the next distance from a computed eigenvalue at which a bound of it may be proved.

    A few units of round-off of its size first, half of the error of the last trial, if that is no
    more than `most`, and always more than before.

    >>> further(0.0, 1.0, 1e-9, 1e-4), further(1e-3, 1.0, 1e-9, 1e-4)
    (5e-10, 0.008)
    """
    return max(_GROWTH * distance, 16 * EPS * size, error / 2 if error / 2 <= most else 0.0)


def row_sums(A: Any) -> Array:
    """Return the sums of the magnitudes in the rows of a matrix, dense or sparse.

    >>> row_sums(np.array([[1.0, -2.0], [0.0, 3.0]])).tolist()
    [3.0, 3.0]
    """
    return np.ravel(abs(A).sum(axis=1))


def _sparse_inertia(S: Any, weights: Array) -> Inertia:
    from scipy.sparse.linalg import splu

    options = {"SymmetricMode": True}
    try:
        lu = splu(S.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    except RuntimeError:  # an exactly singular matrix
        return Inertia(-1, np.inf, None)
    pivots = lu.U.diagonal().real
    if not (lu.perm_c == lu.perm_r).all() or not np.isfinite(pivots).all():
        return Inertia(-1, np.inf, None)
    L = abs(lu.L).tocsr()
    longest = int(np.diff(L.indptr).max())
    sums = L @ np.ravel(abs(lu.U).sum(axis=1))
    # Row i of S is row perm_r[i] of L U.
    error = _UNITS * (longest + 2) * EPS * float((sums[lu.perm_r] / weights).max())
    return Inertia(int((pivots < 0).sum()), error, lu)
