"""Cosines and sines between two ends: functions of vanishing slope, functions that vanish."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import Matrix, RealAxisBasis


@dataclass(frozen=True)
class CosineModes(RealAxisBasis):
    """The functions cos(pi k s), k = 0, 1, ..., whose slopes vanish at both ends (Neumann).

        v = sum_k c_k cos(pi k s),    s = (x - lower) / length

    On uniform nodes and cells the analysis is the discrete cosine transform of kind one and two,
    and n points have n modes. Reference: Strang (1999), doi:10.1137/S0036144598336745.

    >>> from nwidth.meshes import Axis
    >>> axis = Axis.uniform(6, centering="cell")
    >>> c = CosineModes().analysis_matrix(axis, 4) @ np.cos(2 * np.pi * axis.points)
    >>> (c.round(12) + 0.0).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "cosine"

    def _functions(self, s: Matrix, modes: int) -> Matrix:
        # cos(pi t) = sin(pi (1/2 - t)): exactly zero where it should be.
        return sine_of_half_turns(0.5 - np.multiply.outer(s, np.arange(modes)))

    def _scale(self, modes: int) -> Matrix:
        return np.where(np.arange(modes) == 0, 1.0, np.sqrt(2))

    def _orthogonal_modes(self, axis: Axis) -> int | None:
        return axis.size if axis.is_uniform else None


@dataclass(frozen=True)
class SineModes(RealAxisBasis):
    """The functions sin(pi k s), k = 1, 2, ..., which vanish at both ends (Dirichlet), exactly.

        v = sum_k c_k sin(pi k s),    s = (x - lower) / length

    On uniform nodes and cells the analysis is the discrete sine transform of kind one and two; n
    nodes have n - 2 modes, n cells have n. Values at the ends do not count. Reference: Strang
    (1999), doi:10.1137/S0036144598336745.

    >>> from nwidth.meshes import Axis
    >>> axis = Axis.uniform(6)
    >>> c = SineModes().analysis_matrix(axis, 3) @ np.sin(2 * np.pi * axis.points)
    >>> (c.round(12) + 0.0).tolist()
    [0.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "sine"
    constant: ClassVar[int | None] = None

    def _functions(self, s: Matrix, modes: int) -> Matrix:
        return sine_of_half_turns(np.multiply.outer(s, np.arange(1, modes + 1)))

    def _scale(self, modes: int) -> Matrix:
        return np.full(modes, np.sqrt(2))

    def _orthogonal_modes(self, axis: Axis) -> int | None:
        ends = 2 if axis.centering == "node" else 0
        return axis.size - ends if axis.is_uniform else None


def sine_of_half_turns(t: Matrix) -> Matrix:
    """Return sin(pi t), exactly zero for integers t and odd about them.

    >>> sine_of_half_turns(np.array([1.0, 2.5, 7.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    t = t - 2 * np.round(t / 2)  # within [-1, 1]
    t = np.where(np.abs(t) > 0.5, np.copysign(1.0, t) - t, t)
    return np.sin(np.pi * t) + 0.0
