"""Splines through given values, and near to them: interpolation and least squares."""

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance, require_integer, require_number
from nwidth.arrays import as_floating, namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.generalized_cross_validation import generalized_cross_validation
from nwidth.solvers.bsplines.spline import Spline
from nwidth.solvers.bsplines.spline_matrices import collocation_matrix, mixed_matrix

Array = NDArray[Any]

BOUNDARIES = ("not-a-knot", "natural", "clamped", "periodic")
PENALTIES = ("derivative", "differences")


def interpolate(basis: BSplineBasis | KnotVector, values: Any, points: Any = None) -> Spline:
    """Return the spline of a basis with given values at as many points as it has functions.

        s(x_i) = y_i,    i = 0, ..., n - 1

    There is one solution if and only if, in increasing order, each point lies where its function is
    positive, B_i(x_i) > 0 (Schoenberg & Whitney, 1953, doi:10.2307/1990881). At
    the Greville points that is so, and interpolation is stable there: the largest row sum of the
    inverse is 4 for degree 3, 12 for 5 and 39 for 7, with open equidistant knots of any number.
    Periodic splines of even degree have no solution at an even number of equidistant knots.

    Args:
        basis: the B-splines, or their knots.
        values: y, shape (n, ...), real or complex, of one field or of several components.
        points: x, shape (n,), in any order; by default the Greville points, in the order of
            `basis.greville`.

    float32 values give float32 coefficients. Errors behave as h^(degree + 1). Raises `InputError`
    for points that are doubled or do not fit the knots, `NonFiniteError` for NaN.

    >>> basis = BSplineBasis(KnotVector.uniform(4, degree=3))
    >>> s = interpolate(basis, basis.greville**3)
    >>> s([0.5]).round(12).tolist(), s([0.5], 1).round(12).tolist()
    ([0.125], [0.75])
    """
    basis = _basis(basis)
    y = _values(values, basis.size, "functions of the basis")
    order = None
    if points is None:
        x = basis.greville
    else:
        x = to_numpy(require_finite(real_floating(points, "points"), "points"))
        if x.shape != (basis.size,):
            raise InputError(
                f"points: expected {basis.size}, one for each function, got shape {x.shape}; for "
                "more points there is `least_squares`"
            )
        if np.any(x[1:] < x[:-1]):
            order = np.argsort(x, kind="stable")
            x = x[order]
    matrix = _checked_collocation(basis, x, np.arange(basis.size) if order is None else order)
    xp = namespace(y)
    y = y if order is None else y[xp.asarray(order)]
    return Spline(basis, matrix.solve(y).astype(y.dtype, copy=False))


def interpolating_spline(
    x: Any,
    y: Any,
    degree: int = 3,
    boundary: str = "not-a-knot",
    *,
    lower: Any = 0.0,
    upper: Any = 0.0,
) -> Spline:
    """Return a spline through the points (x_i, y_i), with conditions at its ends.

    Splines of odd degree p = 2 m - 1 have their knots at the points and need m - 1 more conditions
    at either end:

        not-a-knot   the m - 1 points next to each end are no knots: the best choice without more
                     knowledge, of order h^(p+1) up to the ends
        natural      the derivatives of order m, ..., p - 1 vanish: the s with least int |s^(m)|^2
        clamped      the derivatives of order 1, ..., m - 1 are `lower` and `upper`
        periodic     all derivatives up to p - 1 go on from upper to lower; y must do so

    Even degrees have their knots between the points, and "not-a-knot" alone. Reference: de Boor
    (2001), A Practical Guide to Splines, doi:10.1007/978-1-4612-6333-3 (of the first edition),
    chapters IV and XIII.

    Args:
        x: points (n,), increasing, at least degree + 1 of them ("natural", "clamped": two).
        y: values (n, ...); of periodic splines y[-1] repeats y[0].
        degree: 1 to 15 in practice.
        boundary: one of the four above.
        lower: for "clamped" the derivatives of order 1, ..., m - 1 at x[0], a number for degree 3,
            else shape (m - 1, ...); zero by default.
        upper: the same at x[-1].

    Raises `InputError` for points that are not increasing, too few of them, and values that are not
    periodic.

    >>> x = np.linspace(0, np.pi, 9)
    >>> s = interpolating_spline(x, np.sin(x), boundary="clamped", lower=1.0, upper=-1.0)
    >>> bool(abs(s(x, 1) - np.cos(x)).max() < 2e-4), round(s.integral(), 3)
    (True, 2.0)
    """
    p = require_integer(degree, "degree", 0)
    require_choice(boundary, "boundary", BOUNDARIES)
    points = to_numpy(require_finite(real_floating(x, "x"), "x")).astype(np.float64)
    least = p + 1 if boundary == "not-a-knot" else p + 2 if boundary == "periodic" else 2
    if points.ndim != 1 or len(points) < least or np.any(np.diff(points) <= 0):
        raise InputError(
            f"x: expected at least {least} points for degree {p} and {boundary!r}, increasing, got "
            f"{x!r:.80}"
        )
    values = _values(y, len(points), "points")
    if boundary != "not-a-knot" and p % 2 == 0:
        raise InputError(
            f"degree: expected an odd one for {boundary!r}, got {p}; even ones have their knots "
            "between the points"
        )
    if boundary == "periodic":
        return _periodic(points, values, p)
    m = (p + 1) // 2
    ends = m - 1
    if boundary == "not-a-knot":
        inner = points[m:-m] if p % 2 else ((points[1:] + points[:-1]) / 2)[p // 2 :]
        inner = inner if p % 2 else inner[: len(points) - p - 1]
        knots = KnotVector.open(np.concatenate([points[:1], inner, points[-1:]]), p)
        return interpolate(knots, values, points)
    basis = BSplineBasis(KnotVector.open(points, p))
    orders = range(1, m) if boundary == "clamped" else range(m, p)
    given = [
        _end_values(value, values, ends if boundary == "clamped" else 0, name)
        for value, name in ((lower, "lower"), (upper, "upper"))
    ]
    if boundary == "natural":
        given = [np.zeros((ends, *values.shape[1:]), values.dtype)] * 2
    first, at_lower = _end_rows(basis, points, orders, given[0], upper=False)
    last, at_upper = _end_rows(basis, points, orders, given[1], upper=True)
    rows = [*first, basis.matrix(points), *last]
    matrix = BandedOperator(scipy.sparse.vstack(rows, format="csr"))
    xp, host = namespace(values), to_numpy(values)
    complex_ = any(np.iscomplexobj(part) for part in given)
    kind = np.result_type(host.dtype, np.complex64) if complex_ else host.dtype
    stacked = np.concatenate([at_lower, host, at_upper]).astype(kind, copy=False)
    return Spline(basis, xp.asarray(matrix.solve(stacked).astype(kind, copy=False)))


def least_squares(
    basis: BSplineBasis | KnotVector,
    points: Any,
    values: Any,
    weights: Any = None,
    *,
    smoothing: float | str = 0.0,
    penalty: str = "derivative",
    order: int = 2,
) -> Spline:
    """Return the spline of a basis that is nearest to given values, and smooth if asked.

        sum_i w_i |y_i - s(x_i)|^2 + lambda int |s^(k)|^2       penalty "derivative" (O'Sullivan)
        sum_i w_i |y_i - s(x_i)|^2 + lambda sum_j |D^k c_j|^2    "differences" (P-splines)

    is least. With knots at all points and degree 2 k - 1 the first is the smoothing spline; with
    few equidistant knots both are cheap forms of it, and as lambda grows s becomes a polynomial of
    degree k - 1 (with differences, if the knots are equidistant beyond the ends too). The banded
    normal equations are solved and corrected once by the residual of the data, after which the
    error is nearly that of a QR factorization while the weighted matrix of the data has a condition
    well below 1e8 (Bjorck, 1987, doi:10.1016/0024-3795(87)90101-7, for factors by QR).
    Eilers & Marx (1996), doi:10.1214/ss/1038425655; O'Sullivan (1986), doi:10.1214/ss/1177013525.

    Args:
        basis: the B-splines, or their knots.
        points: x, shape (m,), in any order, repeated as they come.
        values: y, shape (m, ...), real or complex.
        weights: w, shape (m,), >= 0, of 1 / variance; 1 by default.
        smoothing: lambda >= 0, or "gcv" for the one that generalized cross-validation finds. With
            zero every function needs points of its own.
        penalty: of derivatives, or of differences of neighbouring coefficients.
        order: k of the penalty, see `penalty_matrix`; without smoothing it does not matter.

    Raises `InputError` where data do not determine all coefficients, `NonFiniteError` for NaN.

    >>> x = np.linspace(0, 1, 50)
    >>> s = least_squares(KnotVector.uniform(5, degree=2), x, x**2)
    >>> bool(abs(s(x) - x**2).max() < 1e-13)
    True
    """
    basis = _basis(basis)
    x = to_numpy(require_finite(real_floating(points, "points"), "points"))
    if x.ndim != 1 or len(x) == 0:
        raise InputError(f"points: expected shape (m,), m >= 1, got {x.shape}")
    y = _values(values, len(x), "points")
    w = _weights(weights, len(x))
    automatic = isinstance(smoothing, str) and smoothing == "gcv"
    strength = 1.0 if automatic else _strength(smoothing)
    require_choice(penalty, "penalty", PENALTIES)
    k = require_integer(order, "order", 0)
    B = basis.matrix(x)
    weighted = (B.T @ scipy.sparse.diags_array(w)).tocsr()
    normal = weighted @ B
    flat = to_numpy(y).reshape(len(x), -1)
    if strength:
        P = penalty_matrix(basis, penalty, k)
        strength = generalized_cross_validation(B, w, P, flat) if automatic else strength
        with np.errstate(over="ignore"):  # told as an entry that is not finite
            normal = normal + strength * P
    c = corrected(BandedOperator(normal), normal, weighted, B, flat)
    c = c.reshape(basis.size, *y.shape[1:]).astype(y.dtype, copy=False)
    return Spline(basis, namespace(y).asarray(c))


def penalty_matrix(basis: BSplineBasis, penalty: str = "derivative", order: int = 2) -> Any:
    """Return the sparse matrix P with c* P c = int |s^(k)|^2, or the sum of |D^k c_j|^2.

    Args:
        basis: the B-splines.
        penalty: "derivative" or "differences"; those of periodic splines go around the circle.
        order: k, of derivatives at most the degree, of differences less than there are functions.

    >>> basis = BSplineBasis(KnotVector.uniform(2, degree=1))
    >>> penalty_matrix(basis, "differences", 1).toarray().tolist()
    [[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]
    """
    require_instance(basis, "basis", BSplineBasis)
    require_integer(order, "order", 0)
    n, derivative = basis.size, require_choice(penalty, "penalty", PENALTIES) == "derivative"
    most = basis.degree if derivative else n - 1
    if order > most:
        of = f"the degree {most} for derivatives" if derivative else f"{most} for {n} functions"
        raise InputError(f"order: expected at most {of}, got {order}")
    if derivative:
        return mixed_matrix(basis, basis, (order, order)).matrix
    if basis.knots.periodic:
        shift = scipy.sparse.eye_array(n, k=1) + scipy.sparse.eye_array(n, k=1 - n)
        step = (shift - scipy.sparse.eye_array(n)).tocsr()
        difference = scipy.sparse.eye_array(n, format="csr")
        for _ in range(order):
            difference = step @ difference
    else:
        difference = scipy.sparse.eye_array(n, format="csr")
        for j in range(order):
            rows = n - j - 1
            step = scipy.sparse.eye_array(rows, n - j, k=1) - scipy.sparse.eye_array(rows, n - j)
            difference = step.tocsr() @ difference
    return (difference.T @ difference).tocsr()


def corrected(solver: Any, normal: Any, weighted: Any, B: Any, y: Array) -> Array:
    """Return the c with N c = B* W y for N = B* W B + P, corrected by the residual of the data.

    Args:
        solver: what has `solve`, for N.
        normal: N, sparse.
        weighted: B* W.
        B: from coefficients to values at the points.
        y: the data, shape (m, components).
    """
    penalty = normal - weighted @ B
    try:
        c = solver.solve(weighted @ y)
    except InputError as error:
        advice = "take fewer knots or smoothing > 0"
        if penalty.nnz:
            advice = "take more points, fewer knots or less smoothing"
        raise InputError(
            "points: expected data that determine every coefficient, got too few of positive "
            f"weight under some functions; {advice} ({error})"
        ) from None
    return c + solver.solve(weighted @ (y - B @ c) - penalty @ c)


def _periodic(points: Array, values: Array, p: int) -> Spline:
    """Return the periodic spline of odd degree with its knots at the points."""
    host = to_numpy(values)
    size = np.abs(host).max(initial=0.0)
    if np.abs(host[-1] - host[0]).max(initial=0.0) > 1e3 * np.finfo(host.dtype).eps * size:
        raise InputError(
            "y: expected its last value to repeat the first for a periodic spline, got values that "
            f"differ by {np.abs(host[-1] - host[0]).max():.3g}"
        )
    knots = KnotVector.closed(points, p)
    matrix = collocation_matrix(BSplineBasis(knots), points[:-1])
    found = matrix.solve(values[:-1])
    return Spline(knots, found.astype(values.dtype, copy=False))


def _checked_collocation(basis: BSplineBasis, x: Array, names: Array) -> BandedOperator:
    """Return the collocation matrix, or raise for points that violate Schoenberg and Whitney."""
    double = np.flatnonzero(np.diff(x) == 0)
    if len(double):
        i = int(double[0])
        raise InputError(
            f"points: expected different ones, got {x[i]} as points {names[i]} and {names[i + 1]}"
        )
    matrix = collocation_matrix(basis, x)
    if not basis.knots.periodic:
        empty = np.flatnonzero(matrix.matrix.diagonal() <= 0)
        if len(empty):
            i, t, p = int(empty[0]), basis.knots.values, basis.degree
            raise InputError(
                f"points: expected, in increasing order, number {i} between the knots {t[i]} and "
                f"{t[i + p + 1]}, where function {i} is positive (Schoenberg-Whitney), got "
                f"{x[i]}; take the Greville points or other knots"
            )
    return matrix


def _end_values(value: Any, values: Array, count: int, name: str) -> Array:
    """Return derivatives at an end, shape (count, ...)."""
    given = to_numpy(require_finite(as_floating(value, name), name))
    shape = (count, *values.shape[1:])
    if given.ndim == 0 or (count == 1 and given.shape == values.shape[1:]):
        return np.broadcast_to(given, shape)
    if given.shape != shape:
        raise InputError(
            f"{name}: expected a number or derivatives of order 1 to {count}, shape {shape}, got "
            f"{given.shape}"
        )
    return given


def _end_rows(
    basis: BSplineBasis, points: Array, orders: Any, given: Array, upper: bool
) -> tuple[list[Any], Array]:
    """Return rows of derivatives at an end, and those given there, both times powers of a length.

    The length is that of the interval at the end, but for rounding to a power of two: rows are of
    the size of those of values, and nothing overflows.
    """
    near = points[-basis.degree - 1 :] if upper else points[: basis.degree + 1]
    power = int(np.frexp(near[-1] - near[-2] if upper else near[1] - near[0])[1]) - 1
    part = BSplineBasis(KnotVector.open(np.ldexp(near, -power), basis.degree))
    end, shift = (part.upper, basis.size - part.size) if upper else (part.lower, 0)
    rows, scaled = [], np.array(given)
    for i, k in enumerate(orders):
        row = part.matrix([end], k)
        shape = 1, basis.size
        rows.append(scipy.sparse.csr_array((row.data, row.indices + shift, row.indptr), shape))
        for _ in range(k):
            scaled[i] *= np.ldexp(1.0, power)
    return rows, scaled


def _basis(basis: Any) -> BSplineBasis:
    require_instance(basis, "basis", BSplineBasis, KnotVector)
    return BSplineBasis(basis) if isinstance(basis, KnotVector) else basis


def _values(values: Any, count: int, what: str) -> Array:
    y = require_finite(as_floating(values, "values"), "values")
    if y.ndim == 0 or y.shape[0] != count:
        raise InputError(
            f"values: expected {count} along the first axis, as many as {what}, got shape "
            f"{tuple(y.shape)}"
        )
    return y


def _strength(smoothing: Any) -> float:
    try:
        return require_number(smoothing, "smoothing", "[0, inf)")
    except InputError:
        raise InputError(
            f"smoothing: expected a number >= 0 or 'gcv', got {smoothing!r:.80}"
        ) from None


def _weights(weights: Any, count: int) -> Array:
    if weights is None:
        return np.ones(count)
    w = to_numpy(require_finite(real_floating(weights, "weights"), "weights"))
    if w.shape != (count,) or w.min() < 0 or w.max() == 0:
        raise InputError(
            f"weights: expected {count} numbers >= 0, one for each point and not all zero, got "
            f"{weights!r:.80}"
        )
    return w
