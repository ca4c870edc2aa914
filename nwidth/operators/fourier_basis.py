"""Truncated Fourier analysis and synthesis along one axis, as small dense matrices.

Matrices are built from the coordinates of the points and the quadrature weights of their axis, so
that the coefficients mean the same thing on every grid, with an odd or an even number of points.
References: Lingsch et al. (2024), Beyond regular grids: Fourier-based neural operators on arbitrary
domains, arXiv:2305.19663, for dense matrices in place of fast transforms; Trefethen & Weideman
(2014), doi:10.1137/130932132, section 3, for the trapezoid rule on periodic functions.
"""

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Axis

Matrix = NDArray[np.float64]


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
    return min(modes, int(np.ceil(nyquist * (1 - 1e-9))))


def analysis_matrix(axis: Axis, modes: int, padding: float = 0.0, *, real: bool) -> Matrix:
    """Return the matrix that integrates a function against exp(-2 pi i k s) along one axis.

        c_k = (1/P) sum_j w_j v(x_j) exp(-2 pi i k s_j),     s_j = (x_j - lower) / P

    with the trapezoid (node) or midpoint (cell) weights w_j of the axis and the `period` P. On a
    uniform axis whose period is its length this is exact for band-limited v; with padding, v counts
    as zero outside the box and the rule is of second order, as on non-uniform axes.

    real=True: v is real, k = 0 .. modes-1, shape (2 modes, n), rows (k, part).
    real=False: v is complex, k = 1-modes .. modes-1, shape (2 (2 modes - 1), 2 n), rows (k, part)
    and columns (part, point); part 0 is the real part and part 1 the imaginary part.
    """
    cos, sin = _waves(axis, modes, padding, real=real)
    weights = axis.widths / period(axis, padding)
    cos, sin = cos * weights, sin * weights
    if real:
        return np.stack([cos, -sin], axis=1).reshape(-1, axis.size)
    rows = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    return rows.reshape(2 * len(cos), 2 * axis.size)


def synthesis_matrix(axis: Axis, modes: int, padding: float = 0.0, *, real: bool) -> Matrix:
    """Return the matrix that sums coefficients times exp(2 pi i k s) at the points of an axis.

    real=True: the real part of c_0 + 2 sum_{k>0} c_k exp(2 pi i k s), shape (n, 2 modes).
    real=False: the complex sum over k = 1-modes .. modes-1, shape (2 n, 2 (2 modes - 1)).
    Columns are ordered like the rows of `analysis_matrix`, rows like its columns.
    """
    cos, sin = _waves(axis, modes, padding, real=real)
    if real:
        # A positive frequency stands for itself and its conjugate, frequency zero for itself.
        twice = np.where(np.arange(modes) == 0, 1.0, 2.0)[:, None]
        return np.stack([cos * twice, -sin * twice], axis=1).reshape(-1, axis.size).T
    columns = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    return columns.reshape(2 * len(cos), 2 * axis.size).T


def _waves(axis: Axis, modes: int, padding: float, *, real: bool) -> tuple[Matrix, Matrix]:
    """Return cosines and sines of 2 pi k s, shape (frequency, point)."""
    if modes < 1:
        raise InputError(f"modes: expected at least one, got {modes}")
    k = np.arange(0 if real else 1 - modes, modes)
    s = (axis.points - axis.lower) / period(axis, padding)
    # Reducing k s to one turn first keeps the argument of cos and sin small and exact.
    turns = np.multiply.outer(k, s)
    angles = 2 * np.pi * (turns - np.round(turns))
    return np.cos(angles), np.sin(angles)
