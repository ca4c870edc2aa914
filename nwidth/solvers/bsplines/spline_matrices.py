"""Matrices of splines: mass, stiffness, any product of derivatives, and collocation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_integers
from nwidth.arrays import as_floating, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis

Array = NDArray[Any]
Coefficient = float | complex | Callable[[Array], Any] | None

# Points of Gauss per interval beyond those of constant coefficients, where one varies.
EXTRA_POINTS = 2


def gauss_points(breakpoints: Array, count: int) -> tuple[Array, Array]:
    """Return points and weights of Gauss's quadrature on each of the intervals between breakpoints.

    Exact for polynomials of degree 2 count - 1 on each interval. Both arrays have shape (intervals,
    count).

    >>> x, w = gauss_points(np.array([0.0, 1.0, 3.0]), 2)
    >>> float(np.sum(w * x**3)).__round__(12)
    20.25
    """
    ends = to_numpy(require_finite(real_floating(breakpoints, "breakpoints"), "breakpoints"))
    if ends.ndim != 1 or len(ends) < 2:
        raise InputError(f"breakpoints: expected shape (n,), n >= 2, got {ends.shape}")
    ends = ends.astype(np.float64)
    points, weights = np.polynomial.legendre.leggauss(require_integer(count, "count", 1))
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half) + half * points, half * weights


def mass_matrix(
    basis: BSplineBasis, coefficient: Coefficient = None, *, points: int | None = None
) -> BandedOperator:
    """Return the matrix M_ij = int c(x) B_i(x) B_j(x) dx.

    See `mixed_matrix` for the arguments. Without a coefficient, and with positive ones, it is
    promised to be symmetric and positive definite.

    >>> from nwidth.meshes import KnotVector
    >>> M = mass_matrix(BSplineBasis(KnotVector.uniform(1, degree=1)))
    >>> (6 * M.to_dense()).round(12).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    return mixed_matrix(basis, basis, (0, 0), coefficient, points=points)


def stiffness_matrix(
    basis: BSplineBasis, coefficient: Coefficient = None, *, points: int | None = None
) -> BandedOperator:
    """Return the matrix K_ij = int c(x) B_i'(x) B_j'(x) dx.

    See `mixed_matrix` for the arguments. Constants are in its kernel: first and last rows and
    columns are left out where values are given at the ends of open knots.

    >>> from nwidth.meshes import KnotVector
    >>> K = stiffness_matrix(BSplineBasis(KnotVector.uniform(1, degree=1)), lambda x: 2 + 6 * x)
    >>> K.to_dense().round(12).tolist()
    [[5.0, -5.0], [-5.0, 5.0]]
    """
    return mixed_matrix(basis, basis, (1, 1), coefficient, points=points)


def mixed_matrix(
    test: BSplineBasis,
    trial: BSplineBasis,
    orders: tuple[int, int] = (0, 0),
    coefficient: Coefficient = None,
    *,
    points: int | None = None,
) -> BandedOperator:
    """Return the matrix A_ij = int c(x) T_i^(a)(x) B_j^(b)(x) dx of two bases on one interval.

    Integrals are sums of Gauss's quadrature over the pieces on which both are polynomials, exact
    for constant c. Derivatives are those of the pieces, without what jumps add.

    Args:
        test: the T_i.
        trial: the B_j; degrees and knots may differ from those of the T_i, ends must not.
        orders: a and b.
        coefficient: c, a number or a function of an array of points, real or complex; 1 by default.
        points: of Gauss's quadrature per piece; by default as many as are exact for constant c,
            and two more if c is a function, exact where it is a polynomial of degree 4. A function
            that jumps should do so at breakpoints.

    Raises `InputError` for bases on different intervals and coefficients of another shape,
    `NonFiniteError` for coefficients that are not finite.

    >>> from nwidth.meshes import KnotVector
    >>> flat, ramp = (BSplineBasis(KnotVector.uniform(1, degree=p)) for p in (0, 1))
    >>> mixed_matrix(flat, ramp, (0, 1)).to_dense().round(12).tolist()
    [[-1.0, 1.0]]
    """
    require_instance(test, "test", BSplineBasis)
    require_instance(trial, "trial", BSplineBasis)
    if (test.lower, test.upper) != (trial.lower, trial.upper):
        raise InputError(
            f"trial: expected the interval [{test.lower}, {test.upper}] of test, got "
            f"[{trial.lower}, {trial.upper}]"
        )
    pair = require_integers(orders, "orders", 0)
    if len(pair) != 2:
        raise InputError(f"orders: expected two, of test and trial, got {orders!r:.80}")
    degree = max(0, test.degree - pair[0]) + max(0, trial.degree - pair[1])
    x, w = _quadrature(test, trial, degree, coefficient, points)
    c = _values_of(coefficient, x)
    left, right = test.matrix(x, pair[0]), trial.matrix(x, pair[1])
    matrix = (left.T @ scipy.sparse.diags_array(w * c) @ right).tocsr()
    properties: set[str] = set()
    if test.knots == trial.knots and pair[0] == pair[1]:
        matrix = (matrix + matrix.T) / 2  # equal but for rounding
        if c.dtype.kind != "c":
            properties.add("symmetric")
            definite = len(x) >= (degree // 2 + 1) * (len(test.knots.breakpoints) - 1)
            if definite and c.min() > 0:
                properties.add("positive definite" if pair[0] == 0 else "positive semidefinite")
    return BandedOperator(matrix, frozenset(properties))


def load_vector(
    basis: BSplineBasis, source: Coefficient, order: int = 0, *, points: int | None = None
) -> Array:
    """Return the integrals f_i = int f(x) B_i^(k)(x) dx, shape (size, ...).

    Args:
        basis: the B_i.
        source: f, a number or a function of an array of points (m,), with values (m, ...).
        order: k.
        points: of Gauss's quadrature per interval; by default degree + 3, exact for f of degree
            degree + 5.

    >>> from nwidth.meshes import KnotVector
    >>> load_vector(BSplineBasis(KnotVector.uniform(1, degree=1)), lambda x: 6 * x).round(12)
    array([1., 2.])
    """
    require_instance(basis, "basis", BSplineBasis)
    degree = 2 * basis.degree
    x, w = _quadrature(basis, basis, degree, source, points)
    f = _values_of(source, x, components=True)
    rows = basis.matrix(x, require_integer(order, "order", 0))
    flat = rows.T @ (w[:, None] * f.reshape(len(x), -1))
    return flat.reshape(basis.size, *f.shape[1:])


def collocation_matrix(
    basis: BSplineBasis, points: Any = None, order: int = 0, coefficient: Coefficient = None
) -> BandedOperator:
    """Return the matrix A_ij = c(x_i) B_j^(k)(x_i).

    Args:
        basis: the B_j.
        points: x_i, shape (m,), at the Greville points by default. As many as functions, each in
            the support of its own, make a matrix for values that can be solved.
        order: k, of the derivative.
        coefficient: c, as for `mixed_matrix`, or an array (m,).

    >>> from nwidth.meshes import KnotVector
    >>> basis = BSplineBasis(KnotVector.uniform(2, degree=1))
    >>> collocation_matrix(basis, order=1).to_dense().tolist()
    [[-2.0, 2.0, 0.0], [0.0, -2.0, 2.0], [0.0, -2.0, 2.0]]
    """
    require_instance(basis, "basis", BSplineBasis)
    x = basis.greville if points is None else to_numpy(real_floating(points, "points"))
    if x.ndim != 1:
        raise InputError(f"points: expected shape (m,), got {x.shape}")
    matrix = basis.matrix(x, order)
    if coefficient is not None:
        matrix = scipy.sparse.diags_array(_values_of(coefficient, x)) @ matrix
    return BandedOperator(matrix)


def _quadrature(
    test: BSplineBasis, trial: BSplineBasis, degree: int, c: Any, points: int | None
) -> tuple[Array, Array]:
    """Return points and weights on the pieces of both bases, flat."""
    if points is None:
        points = degree // 2 + 1 + (EXTRA_POINTS if callable(c) else 0)
    ends = np.union1d(test.knots.breakpoints, trial.knots.breakpoints)
    x, w = gauss_points(ends, require_integer(points, "points", 1))
    return x.ravel(), w.ravel()


def _values_of(coefficient: Any, x: Array, components: bool = False) -> Array:
    """Return a coefficient at points."""
    if coefficient is None:
        return np.ones(len(x))
    given = coefficient(x) if callable(coefficient) else coefficient
    c = to_numpy(require_finite(as_floating(given, "coefficient"), "coefficient"))
    if c.ndim == 0:
        c = np.full(len(x), c)
    if c.shape[:1] != x.shape or (c.ndim > 1 and not components):
        raise InputError(
            f"coefficient: expected a number or values at {len(x)} points, got shape {c.shape}"
        )
    return c
