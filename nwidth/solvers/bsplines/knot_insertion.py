"""Knot insertion: the coefficients of the same spline on finer knots."""

import numpy as np
import scipy.sparse

from nwidth.arguments import require_instance
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import raised


def knot_insertion(coarse: KnotVector, fine: KnotVector) -> scipy.sparse.csr_array:
    """Return the matrix from the coefficients of a spline to those on knots that contain its own.

        d = T c,    T_ij = alpha_{j,p}(i)    with sum_j T_ij = 1,  T_ij >= 0

    The discrete B-splines alpha follow the recursion of de Boor and Cox, with the fine knot
    tau_{i+q} in place of x when the degree is raised to q. One point inserted gives Boehm's (1980),
    Inserting new knots into B-spline curves, doi:10.1016/0010-4485(80)90154-2. Cohen, Lyche &
    Riesenfeld (1980), Discrete B-splines and subdivision techniques in computer-aided geometric
    design and computer graphics, doi:10.1016/0146-664X(80)90040-4 (the Oslo algorithm).

    Returns a sparse matrix, fine.size by coarse.size. Raises `InputError` unless degree, domain and
    periodicity are the same, and the fine knots are the coarse ones and more.

    >>> knots = KnotVector.uniform(1, degree=2)
    >>> knot_insertion(knots, knots.inserted([0.5])).toarray().tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]
    """
    require_instance(coarse, "coarse", KnotVector)
    require_instance(fine, "fine", KnotVector)
    _require_nested(coarse, fine)
    p, n, m = coarse.degree, coarse.size, fine.size
    t, tau = coarse.values, fine.values
    # p more knots in front, for fine functions that start before the domain.
    front = (
        t[n - p : n] - (coarse.upper - coarse.lower)
        if coarse.periodic
        else t[0] - np.arange(p, 0, -1.0)
    )
    padded = np.concatenate([front, t])
    spans = np.searchsorted(padded, tau[:m], "right") - 1
    alpha = np.ones((m, 1))
    for q in range(1, p + 1):
        alpha = raised(padded, q, spans, tau[q : q + m], alpha)
    columns = spans[:, None] - 2 * p + np.arange(p + 1)
    rows = np.repeat(np.arange(m), p + 1).reshape(m, p + 1)
    if coarse.periodic:
        columns %= n
    used = (columns >= 0) & (columns < n) & (alpha != 0)
    entries = (alpha[used], (rows[used], columns[used]))
    return scipy.sparse.coo_array(entries, shape=(m, n)).tocsr()


def _require_nested(coarse: KnotVector, fine: KnotVector) -> None:
    """Raise unless splines on the coarse knots are splines on the fine ones."""
    for fact in ("degree", "periodic", "lower", "upper"):
        if getattr(coarse, fact) != getattr(fine, fact):
            raise InputError(
                f"fine: expected knots of the same {fact} {getattr(coarse, fact)}, got "
                f"{getattr(fine, fact)}"
            )
    where = np.searchsorted(fine.breakpoints, coarse.breakpoints)
    if (fine.breakpoints[where] != coarse.breakpoints).any():
        lost = coarse.breakpoints[fine.breakpoints[where] != coarse.breakpoints][0]
        raise InputError(f"fine: expected all of the coarse knots and more, got none at {lost}")
    if (fine.multiplicities[where] < coarse.multiplicities).any():
        lost = coarse.breakpoints[fine.multiplicities[where] < coarse.multiplicities][0]
        raise InputError(
            f"fine: expected all of the coarse knots and more, got fewer repeats at {lost}"
        )
