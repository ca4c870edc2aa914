"""A spline through as few points of a table as represent all of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.ndimage import maximum_filter1d

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.bsplines.adaptive_spline import AdaptiveSpline, AdaptiveStatus, through
from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance

Array = NDArray[Any]

DEGREES = (3, 4, 5, 6, 7)
# Intervals whose error is below this part of a neighbour's wait for it.
WAITING, NEIGHBOURS = 0.3, 8


def table_knots(
    x: Any, values: Any, *, degree: int = 3, rtol: float = 1e-6, atol: Any = None
) -> AdaptiveSpline:
    """Return a spline through some points of a table that reproduces all others to a tolerance.

        |s(x_i) - f_i| <= rtol |f_i| + atol    for all rows i and all components

    A round interpolates the chosen points; in each interval between two of them where a row
    differs by more, the row nearest the middle is chosen as well. At the worst all rows are chosen:
    the tolerance is always met at the rows. Between them nothing is known of f; noise in the table
    is reproduced, unless it is below the tolerance. Knots at data points are those of `auto_knots`.

    Args:
        x: (n,) increasing, n > degree.
        values: (n, *components), real or complex.
        degree: 3 to 7.
        rtol: the relative part of the tolerance.
        atol: the absolute part, by default rtol times the largest value of each component.

    Returns an `AdaptiveSpline`, of which `sites` are the chosen points, and `errors` those found at
    the rows of each interval, over what is allowed. Raises `InputError` for tables that are not
    sorted or too short, `NonFiniteError` for NaN.

    >>> x = np.linspace(0, 1, 1001)
    >>> s = table_knots(x, np.tanh(20 * x - 10), rtol=1e-6)
    >>> len(s.sites), bool(abs(s(x) - np.tanh(20 * x - 10)).max() < 2e-6)
    (75, True)
    """
    x = to_numpy(require_finite(real_floating(x, "x"), "x")).astype(np.float64)
    f = to_numpy(require_finite(as_floating(values, "values"), "values"))
    if require_integer(degree, "degree", 1) not in DEGREES:
        raise InputError(f"degree: expected an integer from 3 to 7, got {degree}")
    if x.ndim != 1 or len(x) <= degree:
        raise InputError(f"x: expected more than {degree} points (n,), got shape {x.shape}")
    if f.ndim == 0 or len(f) != len(x) or f.size == 0:
        raise InputError(f"values: expected {len(x)} rows, one for each point, got {f.shape}")
    if not (np.diff(x) > 0).all():
        k = int(np.flatnonzero(np.diff(x) <= 0)[0])
        raise InputError(
            f"x: expected increasing points, got {x[k]:g} before {x[k + 1]:g} at row {k}; sort the "
            "table and drop rows that repeat a point"
        )
    flat = f.reshape(len(f), -1).astype(np.complex128 if f.dtype.kind == "c" else np.float64)
    tolerance = MixedTolerance(rtol, atol)
    tolerance.see(flat)
    chosen = np.unique(np.linspace(0, len(x) - 1, min(2 * degree + 3, len(x))).astype(int))
    rounds = 0
    while True:
        rounds += 1
        s = make_interp_spline(x[chosen], flat[chosen], degree)
        u = tolerance.units(s(x) - flat, flat)
        u[chosen] = 0.0
        errors = np.maximum.reduceat(u, chosen[:-1])
        # Splines show waves beside what is not yet resolved: small errors wait for large ones.
        worst = maximum_filter1d(errors, 2 * NEIGHBOURS + 1)
        bad = np.flatnonzero((errors > 1) & (errors >= WAITING * worst))
        if not len(bad):
            break
        middle = (x[chosen[bad]] + x[chosen[bad + 1]]) / 2
        nearest = np.searchsorted(x, middle)
        nearest -= middle - x[nearest - 1] < x[nearest] - middle
        nearest = np.clip(nearest, chosen[bad] + 1, chosen[bad + 1] - 1)
        chosen = np.union1d(chosen, nearest)
    knots, c = through([(x[chosen], flat[chosen])], degree)
    shape = f.shape[1:]
    return AdaptiveSpline(
        knots,
        c.reshape(len(c), *shape),
        x[chosen],
        flat[chosen].reshape(len(chosen), *shape),
        errors=errors,
        status=AdaptiveStatus.CONVERGED,
        rtol=tolerance.rtol,
        atol=tolerance.atol.reshape(shape) if shape else float(tolerance.atol[0]),
        rounds=rounds,
    )
