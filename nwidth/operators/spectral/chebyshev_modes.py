"""Chebyshev polynomials on any points of an axis."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nwidth.arguments import require_integer
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import Matrix, RealAxisBasis, unit_points


@dataclass(frozen=True)
class ChebyshevModes(RealAxisBasis):
    """The polynomials T_k(xi) = cos(k theta), xi = cos(theta) = (2 x - lower - upper) / length.

    They ask nothing of a function at its ends, and coefficients of smooth functions fall
    exponentially. On `Axis.chebyshev` (n nodes, n modes) the analysis is the discrete cosine
    transform in theta, hence that of Clenshaw & Curtis; elsewhere it is a least-squares fit with
    the weights d theta, well conditioned for about 3.3 sqrt(n) modes on n equidistant points.

    References: Trefethen (2019), Approximation Theory and Approximation Practice,
    doi:10.1137/1.9781611975949, chapters 3 and 19 (growth as sqrt(n): chapter 13).

    >>> axis = Axis.chebyshev(5, 0.0, 2.0)
    >>> c = ChebyshevModes().analysis_matrix(axis, 4) @ (axis.points - 1) ** 3
    >>> (c.round(12) + 0.0).tolist()
    [0.0, 0.75, 0.0, 0.25]
    """

    name: ClassVar[str] = "chebyshev"

    def natural_axis(self, axis: Axis, modes: int) -> Axis:
        """Return as many Chebyshev points."""
        n = max(require_integer(modes, "modes", 1), 2)
        return Axis.chebyshev(n, axis.lower, axis.upper, name=axis.name)

    def _functions(self, s: Matrix, modes: int) -> Matrix:
        return np.cos(np.multiply.outer(_angle(s), np.arange(modes)))

    def _scale(self, modes: int) -> Matrix:
        return np.where(np.arange(modes) == 0, 1.0, np.sqrt(2))

    def _measure(self, axis: Axis) -> Matrix:
        if axis.centering == "cell":
            faces = _angle(unit_points(axis, axis.faces))
        else:
            theta = _angle(unit_points(axis))
            faces = np.concatenate([[np.pi], (theta[1:] + theta[:-1]) / 2, [0.0]])
        return -np.diff(faces) / np.pi

    def _remedy(self, axis: Axis) -> str:
        return "more points, or the points of Axis.chebyshev, n of which have n modes"


def _angle(s: Matrix) -> Matrix:
    """Return theta with cos(theta) = 2 s - 1, accurate at both ends."""
    return 2 * np.arctan2(np.sqrt(1 - s), np.sqrt(s))
