"""Truncated Fourier analysis and synthesis along one axis, as small dense matrices.

Matrices are built from the coordinates of the points and the quadrature weights of their axis, so
that the coefficients mean the same thing on every grid, with an odd or an even number of points.
References: Lingsch et al. (2024), Beyond regular grids: Fourier-based neural operators on arbitrary
domains, arXiv:2305.19663, for dense matrices in place of fast transforms; Trefethen & Weideman
(2014), doi:10.1137/130932132, section 3, for the trapezoid rule on periodic functions.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from nwidth.arguments import require_integer, require_number
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import (
    AxisBasis,
    Matrix,
    fitted_modes,
    largest_block,
    unit_points,
)
from nwidth.operators.spectral.gregory_weights import gregory_weights, require_order


@dataclass(frozen=True)
class FourierModes(AxisBasis):
    """The waves exp(2 pi i k (x - lower) / P), |k| < modes, of real functions on an axis.

        v = Re sum_{0 <= k < modes} (2 - [k = 0]) c_k exp(2 pi i k s),    s = (x - lower) / P
        c_k = (1/P) int v exp(-2 pi i k s) dx,    P = (1 + padding) length

    Coefficients are ordered (k, part), part 0 the real and part 1 the imaginary part of c_k. The
    further axes of a product, along which functions are complex already, have the matrices
    `complex_analysis_matrix` and `complex_synthesis_matrix` with |k| < modes.

    Without padding, functions of period `length` are analysed to round-off: by the trapezoid or
    midpoint rule on uniform axes, by weighted least squares elsewhere. With padding, axes that are
    not periodic have a longer period than their box: v counts as zero outside it, and the
    quadrature has the order of its weights: those of the axis (2), or `gregory_weights` on uniform
    axes (`order` 3 to 8), which need a smooth v and cost nothing.

    >>> axis = Axis.uniform(6, periodic=True)
    >>> c = FourierModes().analysis_matrix(axis, 2) @ np.sin(2 * np.pi * axis.points)
    >>> (c.round(12) + 0.0).tolist()
    [0.0, 0.0, 0.0, -0.5]
    """

    name: ClassVar[str] = "fourier"
    padding: float = 0.0
    order: int = 2

    def __post_init__(self):
        object.__setattr__(self, "padding", require_number(self.padding, "padding", "[0, inf)"))
        object.__setattr__(self, "order", require_order(self.order))

    def coefficients(self, modes: int) -> int:
        """Return 2 modes: a real and an imaginary part each."""
        return 2 * modes

    def resolved_modes(self, axis: Axis, modes: int) -> int:
        """Return how many of the frequencies 0, ..., modes - 1 an axis resolves."""
        return resolvable_modes(axis, require_integer(modes, "modes", 1), self.padding)

    def analysis_matrix(self, axis: Axis, modes: int) -> Matrix:
        """Return the matrix of shape (2 modes, n) from a real v to (k, part), 0 <= k < modes."""
        even, odd = self._integrals(axis, modes)
        return np.stack([even, -odd], axis=1).reshape(-1, axis.size)

    def synthesis_matrix(self, axis: Axis, modes: int, points: Any = None) -> Matrix:
        """Return the matrix of shape (m, 2 modes) from (k, part) to a real v."""
        even, odd = self._waves(axis, modes, points)
        # A positive frequency stands for itself and its conjugate, frequency zero for itself.
        twice = np.where(np.arange(modes) == 0, 1.0, 2.0)[:, None]
        return np.stack([even * twice, -odd * twice], axis=1).reshape(2 * modes, -1).T

    def natural_axis(self, axis: Axis, modes: int) -> Axis:
        """Return 2 modes uniform points, periodic, or nodes where there is padding."""
        n, periodic = 2 * require_integer(modes, "modes", 1), not self._padded(axis)
        return Axis.uniform(n, axis.lower, axis.upper, name=axis.name, periodic=periodic)

    def complex_analysis_matrix(self, axis: Axis, modes: int) -> Matrix:
        """Return the matrix from a complex v, columns (part, point), to (k, part), |k| < modes.

        Its shape is (2 (2 modes - 1), 2 n).
        """
        even, odd = _mirrored(*self._integrals(axis, modes))
        return _complex_block(even, odd)

    def complex_synthesis_matrix(self, axis: Axis, modes: int, points: Any = None) -> Matrix:
        """Return the matrix from (k, part), |k| < modes, to a complex v, rows (part, point)."""
        even, odd = _mirrored(*self._waves(axis, modes, points))
        return _complex_block(even, odd).T

    def _waves(self, axis: Axis, modes: int, points: Any = None) -> tuple[Matrix, Matrix]:
        """Return cosines and sines of 2 pi k s, shape (modes, points)."""
        k = np.arange(require_integer(modes, "modes", 1))
        s = unit_points(axis, points) * (axis.length / period(axis, self.padding))
        # Reducing k s to one turn first keeps the argument of cos and sin small and exact.
        turns = np.multiply.outer(k, s)
        angles = 2 * np.pi * (turns - np.round(turns))
        return np.cos(angles), np.sin(angles)

    def _integrals(self, axis: Axis, modes: int) -> tuple[Matrix, Matrix]:
        """Return what gives (1/P) int v cos and (1/P) int v sin from values, (modes, n) each."""
        modes = self.require_resolved(axis, modes)
        if self._fits(axis):
            return _fitted(axis, modes)
        weights = gregory_weights(axis, self.order) if self._padded(axis) else axis.widths
        even, odd = self._waves(axis, modes)
        return even * (weights / (p := period(axis, self.padding))), odd * (weights / p)

    def _padded(self, axis: Axis) -> bool:
        return self.padding > 0 and not axis.periodic

    def _fits(self, axis: Axis) -> bool:
        """Whether no quadrature is exact, but a fit is."""
        return not (self._padded(axis) or axis.is_uniform)

    def _remedy(self, axis: Axis) -> str:
        return "more points, the largest distance of which counts"


def period(axis: Axis, padding: float) -> float:
    """Return the period of the basis: the length of a periodic axis, else length (1 + padding)."""
    return axis.length if axis.periodic else axis.length * (1 + padding)


def resolvable_modes(axis: Axis, modes: int, padding: float = 0.0) -> int:
    """Return how many of the frequencies 0, ..., modes - 1 an axis resolves.

    A frequency k of period P is resolved below the Nyquist limit, k < P / (2 h), with h the largest
    distance of neighbouring points; at the limit itself a sine is invisible to the points.

    >>> [resolvable_modes(Axis.uniform(n, periodic=True), 99) for n in (8, 9)]
    [4, 5]
    """
    if axis.periodic:
        seam = axis.points[0] + axis.length - axis.points[-1]
        spacing = max(float(np.diff(axis.points).max()), float(seam))
    elif axis.centering == "cell":
        spacing = float(axis.widths.max())
    else:
        spacing = float(np.diff(axis.points).max())
    nyquist = period(axis, padding) / (2 * spacing)
    # The slack keeps round-off in the spacing from letting the Nyquist frequency itself through.
    most = min(modes, int(np.ceil(nyquist * (1 - 1e-9))))
    if axis.is_uniform or (padding > 0 and not axis.periodic):
        return most
    return _well_fitted(axis, most)


@lru_cache(maxsize=64)
def _well_fitted(axis: Axis, modes: int) -> int:
    """Return how many frequencies a least-squares fit at the points of an axis tells apart."""
    return largest_block(_factors(axis, modes)[1], range(1, 2 * modes, 2))


def _fitted(axis: Axis, modes: int) -> tuple[Matrix, Matrix]:
    """Return the integrals against cosines and sines of the function fitted to the values."""
    fitted = resolvable_modes(axis, fitted_modes(axis, modes))
    q, r, root = _factors(axis, fitted)
    solved = np.linalg.solve(r, q.T * root)
    even, odd = np.zeros((2, fitted, axis.size))
    even[0] = solved[0]
    even[1:], odd[1:] = solved[1::2] / np.sqrt(2), solved[2::2] / np.sqrt(2)
    return even[:modes], odd[:modes]


def _factors(axis: Axis, modes: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return Q and R of the waves in weighted points, (k, part) without sin 0, and the weights."""
    even, odd = FourierModes()._waves(axis, modes)
    root = np.sqrt(axis.widths / axis.length)
    columns = np.sqrt(2) * np.stack([even, odd], axis=1).reshape(2 * modes, -1)
    columns[0] /= np.sqrt(2)
    q, r = np.linalg.qr((np.delete(columns, 1, axis=0) * root).T)
    return q, r, root


def _mirrored(even: Matrix, odd: Matrix) -> tuple[Matrix, Matrix]:
    """Return the rows of k = 1-modes, ..., modes-1 from those of k >= 0."""
    return np.concatenate([even[:0:-1], even]), np.concatenate([-odd[:0:-1], odd])


def _complex_block(even: Matrix, odd: Matrix) -> Matrix:
    """Return the product with cos - i sin in real parts, rows (k, part), columns (part, point)."""
    rows = np.stack([np.stack([even, odd], axis=1), np.stack([-odd, even], axis=1)], axis=1)
    return rows.reshape(2 * len(even), -1)
