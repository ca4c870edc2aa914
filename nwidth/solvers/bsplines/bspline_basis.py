"""The functions that span all splines on given knots, each with the smallest support."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import namespace, real_floating, require_finite
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector, wrapped

Array = NDArray[Any]


class BasisValues(NamedTuple):
    """The p + 1 functions that do not vanish at each of m points, and their derivatives.

    Attributes:
        first: the first of these functions, integers (m,); the others follow, of periodic knots
            modulo the size of the basis.
        values: (derivatives + 1, m, p + 1); values[k, i, j] is the k-th derivative of function
            first[i] + j at point i.
    """

    first: Array
    values: Array


class BSplineBasis:
    """B-splines B_0, ..., B_{n-1} of degree p on knots t.

        B_{i,0}(x) = 1 for t_i <= x < t_{i+1}, else 0
        B_{i,p}(x) = (x - t_i) / (t_{i+p} - t_i) B_{i,p-1}(x)
                     + (t_{i+p+1} - x) / (t_{i+p+1} - t_{i+1}) B_{i+1,p-1}(x)
        B_{i,p}'(x) = p / (t_{i+p} - t_i) B_{i,p-1}(x) - p / (t_{i+p+1} - t_{i+1}) B_{i+1,p-1}(x)

    They are positive on (t_i, t_{i+p+1}), zero elsewhere, and sum to one. de Boor (1972), On
    calculating with B-splines, doi:10.1016/0021-9045(72)90080-9; Cox (1972), The numerical
    evaluation of B-splines, doi:10.1093/imamat/10.2.134.

    At a knot, values are those from the right, at the upper end of the domain from the left.

    >>> basis = BSplineBasis(KnotVector.uniform(4, degree=2))
    >>> first, values = basis.evaluate([0.1], derivatives=1)
    >>> first.tolist(), values[:, 0].round(12).tolist()
    ([0], [[0.36, 0.56, 0.08], [-4.8, 3.2, 1.6]])
    """

    def __init__(self, knots: KnotVector):
        self.knots = require_instance(knots, "knots", KnotVector)
        self.degree, self.size = knots.degree, knots.size
        self.lower, self.upper = knots.lower, knots.upper

    @property
    def greville(self) -> Array:
        """The Greville points of the knots, one for each function."""
        return self.knots.greville

    @cached_property
    def integrals(self) -> Array:
        """The integrals of the functions over the whole line, (t_{i+p+1} - t_i) / (p + 1)."""
        t, p, n = self.knots.values, self.degree, self.size
        return (t[p + 1 : p + 1 + n] - t[:n]) / (p + 1)

    def evaluate(self, x: Any, derivatives: int = 0, *, wrap: bool = False) -> BasisValues:
        """Return all functions that do not vanish at points x, and derivatives up to an order.

        Args:
            x: points of the domain, float32 or float64, of any shape; for CuPy arrays the result is
                on the device.
            derivatives: the highest order; those above the degree are zero.
            wrap: whether points anywhere on the line are moved into the domain of periodic knots.

        Raises `InputError` for points outside the domain and `NonFiniteError` for NaN.
        """
        d = require_integer(derivatives, "derivatives", 0)
        x = self._points(x, wrap)
        spans = self._spans(x)
        # Ends that were rounded to x's precision may lie outside by as much.
        inside = namespace(x).clip(x.astype(np.float64), self.lower, self.upper)
        values = nonzero_functions(self.knots.values, self.degree, spans, inside, d)
        return BasisValues(spans - self.degree, values.astype(x.dtype, copy=False))

    def matrix(self, x: Any, order: int = 0, *, wrap: bool = False) -> scipy.sparse.csr_array:
        """Return the matrix of the k-th derivatives of all functions at points x.

            A_ij = B_j^(k)(x_i)

        It is sparse, len(x) by size, with p + 1 entries in each row.

        >>> basis = BSplineBasis(KnotVector.uniform(2, degree=1))
        >>> basis.matrix([0.0, 0.25, 1.0]).toarray().tolist()
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
        """
        k = require_integer(order, "order", 0)
        first, values = self.evaluate(np.ravel(x), k, wrap=wrap)
        m, width = len(first), self.degree + 1
        columns = first[:, None] + np.arange(width)
        entries = values[k]
        if self.knots.periodic:
            columns %= self.size
            by_column = np.argsort(columns, axis=1)
            columns = np.take_along_axis(columns, by_column, 1)
            entries = np.take_along_axis(entries, by_column, 1)
        rows = np.arange(0, m * width + 1, width)
        shape = (m, self.size)
        return scipy.sparse.csr_array((entries.ravel(), columns.ravel(), rows), shape=shape)

    def _points(self, x: Any, wrap: bool) -> Array:
        """Return points as floating numbers of the domain."""
        x = real_floating(x, "x")
        require_finite(x, "x")
        if wrap and not self.knots.periodic:
            raise InputError("wrap: expected periodic knots; take KnotVector.uniform_periodic")
        if wrap:
            x = wrapped(x, self.lower, self.upper)
        low, high = x.dtype.type(self.lower), x.dtype.type(self.upper)
        outside = (x < low) | (x > high)
        if outside.any():
            wrong = x[outside].reshape(-1)[0]
            advice = "; give wrap=True for points beyond one period" if self.knots.periodic else ""
            raise InputError(
                f"x: expected points of the domain [{self.lower}, {self.upper}], got "
                f"{float(wrong)}{advice}"
            )
        return x

    def _spans(self, x: Array) -> Array:
        """Return mu with t_mu <= x < t_{mu+1}, and the last interval for the upper end."""
        xp = namespace(x)
        p, t = self.degree, self.knots.values
        last = len(t) - p - 2
        while t[last] == t[last + 1]:
            last -= 1
        first = p
        while t[first] == t[first + 1]:
            first += 1
        spans = xp.searchsorted(xp.asarray(t), x.astype(np.float64), "right") - 1
        return xp.clip(spans, first, last)


def nonzero_functions(t: Array, p: int, spans: Array, x: Array, derivatives: int) -> Array:
    """Return the functions that do not vanish on the spans, and derivatives: the plain reference.

    The values (derivatives + 1, *x.shape, p + 1) come from degree 0 by raising the degree, the k-th
    derivatives by raising values to degree p - k and differentiating k times.
    """
    xp = namespace(x)
    t = xp.asarray(t)
    values = xp.zeros((derivatives + 1, *x.shape, p + 1), x.dtype)
    for k in range(min(derivatives, p) + 1):
        b = xp.ones((*x.shape, 1))
        for q in range(1, p - k + 1):
            b = raised(t, q, spans, x, b)
        for q in range(p - k + 1, p + 1):
            b = differentiated(t, q, spans, b)
        values[k] = b
    return values


def raised(t: Array, q: int, spans: Array, x: Array, b: Array) -> Array:
    """Return the q + 1 functions of degree q at x from the q of degree q - 1, by de Boor and Cox.

    Function j of degree q - 1 has its support from t_{mu-q+1+j} to t_{mu+1+j}.
    """
    xp = namespace(x)
    out = xp.zeros((*b.shape[:-1], q + 1), b.dtype)
    for j in range(q):
        left, right = t[spans - q + 1 + j], t[spans + 1 + j]
        part = b[..., j] / (right - left)
        out[..., j] += (right - x) * part
        out[..., j + 1] += (x - left) * part
    return out


def differentiated(t: Array, q: int, spans: Array, b: Array) -> Array:
    """Return the derivatives of the q + 1 functions of degree q from values b of degree q - 1."""
    xp = namespace(b)
    out = xp.zeros((*b.shape[:-1], q + 1), b.dtype)
    for j in range(q):
        left, right = t[spans - q + 1 + j], t[spans + 1 + j]
        part = q * b[..., j] / (right - left)
        out[..., j] -= part
        out[..., j + 1] += part
    return out
