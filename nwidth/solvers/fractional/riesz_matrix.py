"""The collocation matrix of the Riesz derivative: Toeplitz with a border, multiplied by the FFT."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.fractional.bordered_toeplitz import BorderedToeplitz
from nwidth.solvers.fractional.riesz_entries import RieszEntries, require_degree
from nwidth.solvers.fractional.riesz_symbol import RieszSymbol, require_alpha
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Distance of knots from one another, in floating-point numbers.
APART = 100


class RieszMatrix(LinearOperator):
    """The Riesz derivatives of B-splines at the Greville points of uniform open knots.

        A_ij = d^alpha B_j / d|x|^alpha (xi_i),    i, j = 1, ..., N = n + p - 2

        d^alpha / d|x|^alpha = -(D_left^alpha + D_right^alpha) / (2 cos(pi alpha / 2))

    of functions that are zero outside (lower, upper): the first and the last B-spline, which do not
    vanish at the ends, are left out with their points. With K = p - 1,

            | corner   rows      corner |     T symmetric Toeplitz, of size m = n - p,
        A = | columns   T       columns |     T_ij = h^-alpha f_{|i-j|} of the symbol f,
            | corner   rows      corner |     A_ij = A_{N+1-i,N+1-j}

    so that O(p N) numbers, each exact to rounding, hold all of it; they take O(p N) time. A product
    is two Fourier transforms of length 2 m and two thin matrices. A is not symmetric; it is
    negative: its eigenvalues have negative real parts.

    Reference: Mazza, Donatelli, Manni & Speleers (2023), doi:10.1002/nla.2462; entries:
    `RieszEntries`; products with Toeplitz matrices: Chan & Ng (1996),
    doi:10.1137/S0036144594276474.

    Args:
        intervals: n > p, of the knots.
        degree: p, from 2 to 20. Errors fall as h^{p+2-alpha} for even p, h^{p+1-alpha} for odd p.
        alpha: order of the derivative, 1 < alpha <= 2; at 2 it is the second derivative.
        lower, upper: the ends of the interval.

    Attributes: `basis`, all n + p functions; `points` xi and `toeplitz`, the first column of T;
    `columns` (K, N), the first columns of A; `rows` (K, m), the first rows over the columns of T.

    Raises `InputError` for a degree or alpha out of range and for too few intervals.

    >>> A = RieszMatrix(8, 2, 2.0)
    >>> A.toeplitz[:3].tolist(), A.shape
    ([-128.0, 64.0, 0.0], (8, 8))
    >>> A.apply(np.arange(8.0) ** 2)[3:5].round(9).tolist()
    [128.0, 128.0]
    """

    def __init__(
        self, intervals: int, degree: int, alpha: float, lower: float = 0.0, upper: float = 1.0
    ):
        p = self.degree = require_degree(degree)
        self.alpha = require_alpha(alpha)
        n = self.intervals = require_integer(intervals, "intervals", 1)
        if n <= p:
            raise InputError(
                f"intervals: expected at least degree + 1 = {p + 1}, got {n}; "
                "lower the degree or take more intervals"
            )
        self.lower = require_number(lower, "lower", "(-inf, inf)")
        self.upper = require_number(upper, "upper", "(-inf, inf)")
        if not 0 < self.upper - self.lower < np.inf:
            raise InputError(
                f"upper: expected a number above lower = {self.lower}, got {self.upper}"
            )
        self.border, self.size = p - 1, n + p - 2
        self.domain_shape = self.range_shape = (self.size,)
        self.dtype = np.dtype(np.float64)
        with np.errstate(all="ignore"):
            self.scale = float(np.float64(n / (self.upper - self.lower)) ** self.alpha)
        if not 0 < self.scale < np.inf:
            raise InputError(
                "lower, upper: expected an interval whose width^-alpha is a floating-point number, "
                f"got [{self.lower}, {self.upper}]"
            )
        here = np.spacing(max(abs(self.lower), abs(self.upper)))
        if (self.upper - self.lower) / n < APART * here:
            raise InputError(
                f"lower, upper: expected knots that are {APART} floating-point numbers apart, got "
                f"{n} intervals on [{self.lower}, {self.upper}]; move the interval towards zero"
            )
        #: What is multiplied by: T and the border.
        self.block = BorderedToeplitz(RieszEntries(p, self.alpha), n, p, self.scale)
        self.toeplitz = self.block.toeplitz
        self.columns, self.rows = self.block.columns, self.block.rows

    @cached_property
    def basis(self) -> BSplineBasis:
        """All B-splines of the knots, also the two that do not vanish at the ends."""
        return BSplineBasis(KnotVector.uniform(self.intervals, self.degree, self.lower, self.upper))

    @cached_property
    def points(self) -> Array:
        """The Greville points of the unknowns, inside the interval."""
        return self.basis.greville[1:-1]

    def symbol(self, theta: Any) -> Array:
        """Return h^-alpha f(theta): T is the Toeplitz matrix of its Fourier coefficients.

        >>> RieszMatrix(4, 2, 2.0).symbol(np.array([np.pi])).round(9).tolist()
        [-64.0]
        """
        return self.scale * RieszSymbol(self.degree, self.alpha)(theta)

    def _apply(self, u: Any) -> Any:
        return self.along(u)

    def _adjoint(self, v: Any) -> Any:
        return self.along(v, adjoint=True)

    def along(self, u: Any, axis: int = -1, *, adjoint: bool = False) -> Any:
        """Return the products with all vectors along one axis of a real array.

        Args:
            u: float32 or float64, N numbers along the axis; CuPy arrays stay on the device.
            axis: the one that counts the unknowns.
            adjoint: whether to multiply with the transpose.

        >>> A = RieszMatrix(8, 3, 1.5)
        >>> A.along(np.ones((9, 2)), axis=0).shape
        (9, 2)
        """
        return self.block.along(u, axis, adjoint=adjoint)

    def dense(self) -> Array:
        """Return the matrix, for tests and small problems.

        >>> A = RieszMatrix(6, 3, 1.2)
        >>> bool(np.allclose(A.dense() @ np.arange(7.0), A.apply(np.arange(7.0))))
        True
        """
        return self.block.dense()

    def __repr__(self) -> str:
        return (
            f"RieszMatrix({self.size} unknowns, degree {self.degree}, alpha {self.alpha}, on "
            f"[{self.lower}, {self.upper}])"
        )
