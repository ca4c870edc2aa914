"""Coarse points and interpolation from the entries of a matrix alone."""

from typing import Any

import numpy as np

from nwidth.arguments import require_number
from nwidth.errors import InputError

# Couplings of at least this fraction of a row's largest are strong.
THETA = 0.25


def ruge_stueben(matrix: Any, theta: float = THETA) -> Any:
    """Return the interpolation P of classical algebraic multigrid, coarse points in order.

    Point i needs point j if -a_ij >= theta max_k (-a_ik). Coarse points are picked one by one, the
    one that most others need first, so that every other point needs some coarse point; an
    inclusion, however thin and whatever its shape, gets one of its own. Points between take

        u_i = -(sum_k a_ik^- / sum_(j in C_i) a_ij) sum_(j in C_i) a_ij u_j / (a_ii + sum_k a_ik^+)

    with the coarse points C_i that i needs; a^- and a^+ are the negative and positive entries off
    the diagonal. References: the splitting is the first pass of Ruge & Stueben (1987), Algebraic
    multigrid, doi:10.1137/1.9781611971057.ch4; the weights are the direct interpolation of Stueben
    (2001), A review of algebraic multigrid, doi:10.1016/S0377-0427(00)00516-1.

    Args:
        matrix: square SciPy CSR array, float64, symmetric, with positive diagonal.
        theta: between 0 and 1. Good value: 0.25.

    Returns a CSR array with at least one column.

    >>> import scipy.sparse as sp
    >>> A = sp.diags_array([[2.0] * 5, [-1.0] * 4, [-1.0] * 4], offsets=[0, 1, -1]).tocsr()
    >>> ruge_stueben(A).toarray().tolist()
    [[0.5, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 0.5]]
    """
    import scipy.sparse as sp

    from nwidth.solvers.multigrid import _ruge_stueben_numba as kernels

    if not sp.issparse(matrix) or matrix.format != "csr" or matrix.dtype != np.float64:
        raise InputError(f"matrix: expected a SciPy CSR array of float64, got {matrix!r:.80}")
    theta, size = require_number(theta, "theta", "[0, 1]"), matrix.shape[0]
    pointers, columns, values = matrix.indptr, matrix.indices, matrix.data
    strong = np.empty(len(values), np.bool_)
    kernels.strong(pointers, columns, values, theta, strong)
    needs = sp.csr_array((strong, columns, pointers), shape=matrix.shape, copy=True)
    needs.eliminate_zeros()
    needed = needs.T.tocsr()
    kinds = np.empty(size, np.int8)
    kernels.split(needs.indptr, needs.indices, needed.indptr, needed.indices, kinds)
    if not (kinds == kernels.COARSE).any():
        kinds[0] = kernels.COARSE
    numbers = np.cumsum(kinds == kernels.COARSE, dtype=columns.dtype) - 1
    rows = np.empty(size + 1, pointers.dtype)
    kernels.count_weights(pointers, columns, strong, kinds, rows)
    into, weights = np.empty(rows[-1], columns.dtype), np.empty(rows[-1])
    kernels.set_weights(
        pointers, columns, values, strong, kinds, numbers.astype(columns.dtype), rows, into, weights
    )
    return sp.csr_array((weights, into, rows), shape=(size, int(numbers[-1]) + 1))
