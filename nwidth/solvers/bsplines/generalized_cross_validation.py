"""How much to smooth: the strength that predicts data which were left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.errors import InputError

Array = NDArray[Any]

# Eigenvalues of dense matrices of this size take some seconds.
LARGEST = 2048

# Parts of a mode below this are rounding.
ROUNDING = 1e-13


def generalized_cross_validation(B: Any, weights: Array, penalty: Any, y: Array) -> float:
    """Return the strength of smoothing that minimizes the generalized cross-validation score.

        V(lambda) = m sum_i w_i |y_i - (H y)_i|^2 / (m - tr H)^2,
        H = B (B* W B + lambda P)^-1 B* W

    In the eigenvectors of B* W B and P (Demmler & Reinsch) each of the n modes is damped by a
    number of its own, so that scores of many strengths cost little. The minimum is looked for over
    twenty-four decades, then refined. Noise has to be independent from point to point, else too
    little is smoothed. Golub, Heath & Wahba (1979), doi:10.1080/00401706.1979.10489751; Craven &
    Wahba (1978), doi:10.1007/BF01404567.

    Args:
        B: sparse (m, n), from coefficients to values at the points.
        weights: w, shape (m,).
        penalty: P, sparse (n, n).
        y: the data, shape (m, components), which share one strength.

    Raises `InputError` for more than 2048 functions and where data and penalty together do not
    determine all coefficients.

    >>> import scipy.sparse as sp
    >>> y = np.array([[0.0], [0.1], [-0.1], [0.05], [0.0], [-0.05]])
    >>> D = np.diff(np.eye(6), n=2, axis=0)
    >>> generalized_cross_validation(sp.eye_array(6), np.ones(6), sp.csr_array(D.T @ D), y) > 1e3
    True
    """
    from scipy.linalg import eigh, eigvalsh
    from scipy.optimize import minimize_scalar

    n = require_integer(B.shape[1], "functions", 1)
    if n > LARGEST:
        raise InputError(
            f"smoothing: expected up to {LARGEST} functions for 'gcv', got {n}; take fewer knots "
            "or give a number"
        )
    y = y / (np.abs(y).max() or 1.0)  # the minimum is where it was
    A = (B.T @ (B * weights[:, None]).tocsr()).toarray()
    P = penalty.toarray()
    unit = np.trace(A) / max(np.trace(P), 1e-300)
    sizes = eigvalsh(A + unit * P)
    if not sizes[0] > ROUNDING * sizes[-1]:
        raise InputError(
            "points: expected data that determine a spline up to smoothing, got too few; take a "
            "penalty of lower order"
        )
    part, modes = eigh(A, A + unit * P)  # part of the data in each mode, 1 - part of P
    part = np.clip(part, 0.0, 1.0)
    z = modes.T @ (B.T @ (weights[:, None] * y))
    there = part > ROUNDING
    part, z, modes = part[there], z[there], modes[:, there]
    energy = np.sum(np.abs(z) ** 2, axis=1) / part
    rest = float(weights @ np.sum(np.abs(y - B @ (modes @ (z / part[:, None]))) ** 2, axis=1))
    m = int(np.count_nonzero(weights))

    def score(power: float) -> float:
        damping = 10**power * (1 - part)
        kept = part / (part + damping)
        free = m - kept.sum()
        missed = rest + float(energy @ (1 - kept) ** 2)
        return m * missed / free**2 if free > 1e-9 * m else np.inf

    powers = np.linspace(-14, 10, 97)
    scores = np.array([score(power) for power in powers])
    best = int(np.argmin(scores))
    ends = powers[max(best - 1, 0)], powers[min(best + 1, len(powers) - 1)]
    found = minimize_scalar(score, bounds=ends, method="bounded", options={"xatol": 1e-4})
    power = found.x if found.fun <= scores[best] else powers[best]
    return float(unit * 10**power)
