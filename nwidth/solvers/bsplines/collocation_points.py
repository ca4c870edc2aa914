"""Where splines collocate a differential equation: Greville points, and superconvergent ones."""

from math import comb

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance
from nwidth.errors import InputError
from nwidth.meshes import KnotVector

Array = NDArray[np.float64]

KINDS = ("greville", "superconvergent")


def collocation_points(knots: KnotVector, kind: str = "greville") -> Array:
    """Return as many points as there are splines, the ends of open knots among them.

    At the ends stand boundary conditions, at all others the differential equation. "greville":
    averages of p neighbouring knots, for any knots; a second-order problem is solved with errors of
    h^p in L2 and H1 for even degree p and of h^(p-1) for odd p. "superconvergent": see
    `superconvergent_points`; h^(p+1) in L2 and h^p in H1 for odd p. For even p Greville points are
    among the superconvergent ones, and are returned.

    References: Auricchio, Beirao da Veiga, Hughes, Reali & Sangalli (2010),
    doi:10.1142/S0218202510004878, for Greville points.

    Raises `InputError` for degrees below 2, for knots that are not open or periodic, and where
    splines are not C^1: their second derivatives are no functions.

    >>> collocation_points(KnotVector.uniform(3, 2)).round(3).tolist()
    [0.0, 0.167, 0.5, 0.833, 1.0]
    """
    p = require_instance(knots, "knots", KnotVector).degree
    require_choice(kind, "points", KINDS)
    if p < 2:
        raise InputError(
            f"degree: expected 2 or more for equations of second order, got {p}; raise it"
        )
    repeated = knots.multiplicities if knots.periodic else knots.multiplicities[1:-1]
    if len(repeated) and repeated.max() > p - 1:
        raise InputError(
            f"knots: expected inner ones to stand at most degree - 1 = {p - 1} times, so that "
            f"splines have a second derivative, got {repeated.max()} times"
        )
    if kind == "superconvergent" and p % 2:
        return superconvergent_points(knots)
    points = knots.greville
    if knots.periodic:
        return np.sort(points)
    if points[0] != knots.lower or points[-1] != knots.upper:
        raise InputError(
            f"knots: expected open ones, with both ends {p + 1} times, or periodic ones, got "
            f"{knots}; build them with KnotVector.open or KnotVector.uniform"
        )
    return points


def superconvergent_points(knots: KnotVector) -> Array:
    """Return where second derivatives of Galerkin's splines of odd degree are of higher order.

        u'' - u_h'' = C h^(p-1) B_{p-1}(t) + O(h^p),    t in [0, 1] across a knot interval

    B_{p-1} is Bernoulli's polynomial: u_h' is the L2 projection of u' onto splines of degree p - 1,
    whose error is a multiple of B_p on equal intervals. For odd p there are two zeros per interval,
    at 1/2 -+ sqrt(3)/6 for p = 3; about every second interval is used, with both of its points, and
    what is missing to the number of splines is taken next to the ends. Collocation there reaches
    the orders of Galerkin's method, h^(p+1) in L2 and h^p in H1.

    References: Gomez & De Lorenzis (2016), doi:10.1016/j.cma.2016.06.006; Montardini,
    Sangalli & Tamellini (2017), doi:10.1016/j.cma.2016.08.028, who cluster the points in pairs, and
    Anitescu, Jia, Zhang & Rabczuk (2015), doi:10.1016/j.cma.2014.11.038, who use all of them by
    least squares. The orders are those of equal intervals, or of smoothly varying ones.

    Raises `InputError` for even degrees, for inner knots that are repeated, for knots that are
    neither open nor periodic, and for an odd number of periodic intervals.

    >>> superconvergent_points(KnotVector.uniform(3, 3)).round(4).tolist()
    [0.0, 0.0704, 0.2629, 0.7371, 0.9296, 1.0]
    """
    p, x = require_instance(knots, "knots", KnotVector).degree, knots.breakpoints
    if p < 3 or p % 2 == 0:
        raise InputError(
            f"degree: expected 3, 5, 7, ... for superconvergent points, got {p}; even degrees have "
            "them among the Greville points"
        )
    inner = knots.multiplicities if knots.periodic else knots.multiplicities[1:-1]
    opened = knots.periodic or (knots.greville[0] == x[0] and knots.greville[-1] == x[-1])
    if not opened or np.any(inner != 1):
        raise InputError(
            "knots: expected open or periodic ones without repeated inner knots for "
            f"superconvergent points, got {knots}; take points='greville'"
        )
    intervals, zeros = len(x) - 1, _bernoulli_zeros(p - 1)
    if knots.periodic:
        if intervals % 2:
            raise InputError(
                f"knots: expected an even number of periodic intervals, got {intervals}: "
                "superconvergent points come in pairs; take one more or points='greville'"
            )
        return np.concatenate([_across(x, i, zeros) for i in range(0, intervals, 2)])
    chosen = [_across(x, i, zeros) for i in range(0, intervals, 2)]
    missing = knots.size - 2 - 2 * len(chosen)
    # Next to the ends, where Green's function is small, the irregular pattern does no harm.
    last = intervals - 1 if intervals % 2 == 0 else intervals - 2
    from_left = [_across(x, i, zeros) for i in range(1, intervals, 2)]
    from_right = [_across(x, i, zeros)[::-1] for i in range(last, 0, -2)]
    right = (missing + 1) // 2
    for count, side in ((missing - right, from_left), (right, from_right)):
        if count:
            chosen.append(np.ravel(side)[:count])
    points = np.unique(np.concatenate([[x[0]], *chosen, [x[-1]]]))
    if len(points) != knots.size:
        raise InputError(
            f"knots: expected at least {p} intervals for superconvergent points of degree {p}, got "
            f"{intervals}; take more intervals or points='greville'"
        )
    return points


def _across(x: Array, i: int, t: Array) -> Array:
    """Return points of interval i."""
    return x[i] + t * (x[i + 1] - x[i])


def _bernoulli_zeros(m: int) -> Array:
    """Return the zeros in [0, 1] of Bernoulli's polynomial of even degree, by Newton's method."""
    numbers = [1.0]
    for k in range(1, m + 1):
        numbers.append(-sum(comb(k + 1, j) * numbers[j] for j in range(k)) / (k + 1))
    polynomial = np.polynomial.Polynomial([comb(m, k) * numbers[m - k] for k in range(m + 1)])
    t = 0.25 - 2.0 ** (-m - 1) / np.pi  # nearly
    for _ in range(6):
        t -= polynomial(t) / polynomial.deriv()(t)
    return np.array([t, 1 - t])
