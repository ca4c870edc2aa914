"""Least squares by polynomials of several variables, whose degree is that of the least error."""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.regression.regressor import asked_points, training_pairs

Array = NDArray[Any]

# Condition numbers of the polynomials at the samples beyond which a degree is left alone.
_CONDITION = 1e8
# A sample of which nothing is left when the fit knows it says nothing about the error.
_LEAST = 1e-10


@dataclass(frozen=True, eq=False)
class PolynomialRegression:
    """Values y(x) = sum_a c_a P_a(x), products of Legendre polynomials of total degree d.

    `exponents` (t, p) the degrees a of each product, `coefficients` (t, r), `left_out` (m, r)
    errors at samples that are left out, `condition` of the polynomials at the samples.
    """

    exponents: Array
    coefficients: Array
    left_out: Array
    condition: float

    name = "polynomial"

    @property
    def degree(self) -> int:
        """The total degree d."""
        return int(self.exponents.sum(axis=1).max())

    def predict(self, points: Any) -> Array:
        """Return values (k, r) at points (k, p)."""
        x = asked_points(points, self.exponents.shape[1])
        return _products(x, self.exponents) @ self.coefficients

    def deviations(self, points: Any) -> None:
        """Return None: least squares of exact values have no error bars."""
        return

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        return {n: getattr(self, n) for n in _ARRAYS}, {"condition": self.condition}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        exponents = arrays["exponents"]
        (t, p), (m, r) = exponents.shape, arrays["left_out"].shape
        for name, shape in zip(_ARRAYS, ((t, p), (t, r), (m, r)), strict=True):
            require_finite(require_shape(arrays[name], shape, name), name)
        whole = exponents.dtype.kind == "i" and t > 0 and ((exponents >= 0) & (exponents < m)).all()
        if not whole:
            raise ValueError("exponents: expected integers from 0 to less than the samples")
        return cls(condition=float(told["condition"]), **{name: arrays[name] for name in _ARRAYS})


def polynomial_regression(
    points: Any, values: Any, *, degree: int | None = None
) -> PolynomialRegression:
    """Return the polynomial of total degree d that fits the values best in the mean square.

        A = Q R,   c = R^-1 Q^T y,   y_i - y^(-i)(x_i) = (y - Q Q^T y)_i / (1 - h_i),
        A_ia = prod_l sqrt(2 a_l + 1) P_{a_l}(x_il),   h_i = |row i of Q|^2

    The products are orthonormal on the box [-1, 1]^p, so that A is well conditioned where samples
    fill it. The errors at left-out samples, Allen (1974), doi:10.1080/00401706.1974.10489157, need
    no further fit; the degree is the one for which they are smallest.

    Args:
        points: different ones (m, p) in [-1, 1]^p.
        values: (m, r).
        degree: total degree; by default the best of those with fewer terms than samples.

    Raises `InputError` for a degree with as many terms as samples or more, and if the samples lie
    such that they cannot tell its polynomials apart.

    >>> x = np.linspace(-1, 1, 9)[:, None]
    >>> found = polynomial_regression(x, x**3 - 2 * x)
    >>> found.degree, bool(abs(found.left_out).max() < 1e-13)
    (3, True)
    """
    x, y = training_pairs(points, values)
    m, p = x.shape
    if degree is not None:
        found = _fitted(x, y, require_integer(degree, "degree", 0))
        if found is None:
            raise InputError(
                f"degree: {m} samples do not determine the {comb(p + degree, p)} coefficients of "
                f"degree {degree}; lower it or bring more samples, spread over the box"
            )
        return found
    best, least, d = None, np.inf, 0
    while comb(p + d, p) < m:
        found = _fitted(x, y, d)
        if found is None:
            break
        total = float(np.square(found.left_out).sum())
        if total < least:
            best, least = found, total
        d += 1
    if best is None:
        raise InputError(f"points: {m} samples determine no polynomial; bring more of them")
    return best


def _fitted(x: Array, y: Array, degree: int) -> PolynomialRegression | None:
    """Return the fit of one degree; None where the samples do not determine it."""
    from scipy.linalg import solve_triangular

    m, p = x.shape
    if comb(p + degree, p) >= m:
        return None
    exponents = _exponents(p, degree)
    Q, R = np.linalg.qr(_products(x, exponents))
    condition = float(np.linalg.cond(R))
    left = 1 - (Q * Q).sum(axis=1)
    if not condition < _CONDITION or left.min() < _LEAST:
        return None
    inner = Q.T @ y
    left_out = (y - Q @ inner) / left[:, None]
    return PolynomialRegression(exponents, solve_triangular(R, inner), left_out, condition)


def _exponents(p: int, degree: int) -> Array:
    """Return the exponents of all products of total degree up to d, lower degrees first."""
    rows = [
        np.bincount(np.array(axes, dtype=int), minlength=p)
        for d in range(degree + 1)
        for axes in combinations_with_replacement(range(p), d)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, p)


def _products(x: Array, exponents: Array) -> Array:
    """Return the orthonormal products at points, (points, products)."""
    out = np.ones((len(x), len(exponents)))
    for values, degrees in zip(x.T, exponents.T, strict=True):
        table = np.polynomial.legendre.legvander(values, int(degrees.max()))
        out *= (table * np.sqrt(2 * np.arange(table.shape[1]) + 1))[:, degrees]
    return out


_ARRAYS = ("exponents", "coefficients", "left_out")
