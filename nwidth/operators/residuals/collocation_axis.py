"""Functions of one axis by their values at collocation points: the matrices of a solver's basis."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.spectral import ChebyshevBasis, FourierSpace, LegendreBasis, SineBasis

Matrix = NDArray[np.float64]

KINDS = ("chebyshev", "fourier", "sine")


@dataclass(frozen=True)
class CollocationAxis:
    """As many functions of an axis as there are points, so that values are coefficients.

        chebyshev   polynomials through Chebyshev's points, on axes with ends (time)
        fourier     waves through the points of a periodic axis
        sine        waves that vanish at both ends, through nodes at equal distances

    All matrices are those of `nwidth.solvers.spectral`, applied to the identity: what a residual
    in coefficients differentiates is what the solver differentiates. `analysis` has coefficients
    in functions that are orthonormal in (1/length) times the integral, whatever the kind, so that
    sums of their squares are mean squares over the axis (Parseval).

    Args:
        kind: one of KINDS.
        size: number of points.
        lower, upper: ends.

    >>> time = CollocationAxis("chebyshev", 4, 0.0, 2.0)
    >>> (time.derivative() @ time.points**2).round(12).tolist() == (2 * time.points).tolist()
    True
    >>> float(((time.analysis @ time.points) ** 2).sum().round(12)) == round(4 / 3, 12)
    True
    """

    kind: str
    size: int
    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self):
        require_choice(self.kind, "kind", KINDS)
        require_integer(self.size, "size", 3)
        require_number(self.lower, "lower", "(-inf, inf)")
        if not self.lower < require_number(self.upper, "upper", "(-inf, inf)"):
            raise InputError(f"upper: expected more than {self.lower}, got {self.upper}")

    @cached_property
    def basis(self) -> Any:
        """The basis of `nwidth.solvers.spectral`."""
        if self.kind == "fourier":
            return FourierSpace(Grid.periodic(self.size, self.lower, self.upper))
        if self.kind == "sine":
            return SineBasis(self.size, self.lower, self.upper, centering="node")
        return ChebyshevBasis(self.size, self.lower, self.upper)

    def axis(self, name: str = "x") -> Axis:
        """Return the points as an axis of grids."""
        if self.kind == "chebyshev":
            return Axis.chebyshev(self.size, self.lower, self.upper, name=name)
        wraps = self.kind == "fourier"
        return Axis.uniform(self.size, self.lower, self.upper, name=name, periodic=wraps)

    @property
    def points(self) -> Matrix:
        """The points, increasing."""
        return self.axis().points

    def resized(self, size: int) -> "CollocationAxis":
        """Return the axis of this kind with another number of points."""
        return CollocationAxis(self.kind, size, self.lower, self.upper)

    def derivative(self, order: int = 1) -> Matrix:
        """Return the matrix that takes values to values of a derivative; of sines an even one."""
        if self.kind == "sine" and order % 2:
            raise InputError(f"order: expected an even one for sines, got {order}")
        values = self._backward(self._differentiated(self._forward(np.eye(self.size)), order))
        return np.ascontiguousarray(values.T)

    def _differentiated(self, v: Any, order: int) -> Any:
        if self.kind == "fourier":
            return self.basis.derivative(v, 0, order)
        return self.basis.derivative(v, order)

    def _forward(self, u: Matrix) -> Any:
        return self.basis.transform.forward(u) if self.kind == "fourier" else self.basis.forward(u)

    def _backward(self, v: Any) -> Matrix:
        if self.kind == "fourier":
            return self.basis.transform.backward(v)
        return self.basis.backward(v)

    def at(self, points: Any) -> Matrix:
        """Return the matrix that takes values at the points to those anywhere, shape (m, size)."""
        v, x = self._forward(np.eye(self.size)), np.asarray(points, np.float64)
        if x.ndim != 1 or not np.isfinite(x).all():
            raise InputError(f"points: expected finite numbers of shape (m,), got {points!r:.80}")
        if self.kind == "fourier":
            return np.ascontiguousarray(self.basis.evaluate(v, x[:, None]).T)
        return np.ascontiguousarray(self.basis.evaluate(v, x).T)

    @cached_property
    def numbers(self) -> NDArray[np.integer]:
        """How many half turns (sines) or turns (waves) the functions of `analysis` make."""
        if self.kind == "sine":
            return np.arange(1, self.size - 1)
        if self.kind == "fourier":
            return (np.arange(self.size) + 1) // 2
        return np.arange(self.size)

    @property
    def wavenumbers(self) -> Matrix:
        """The k of waves and sines, whose second derivatives are -k^2 times themselves."""
        turn = {"fourier": 2 * np.pi, "sine": np.pi}
        if self.kind not in turn:
            raise InputError("wavenumbers: expected waves or sines, got polynomials")
        k = turn[self.kind] / (self.upper - self.lower) * self.numbers
        return np.asarray(k, np.float64)

    @cached_property
    def analysis(self) -> Matrix:
        """The matrix from values to orthonormal coefficients.

        Waves come as 1, cos, sin, cos, sin, ..., so that those of fewer points are the first ones;
        polynomials are Legendre's.
        """
        if self.kind == "chebyshev":
            return np.asarray(np.linalg.inv(self.synthesis), np.float64)
        v = self._forward(np.eye(self.size))
        if self.kind == "sine":
            sines: Matrix = v.T / np.sqrt(2)
            return sines
        out = np.empty((self.size, self.size))
        out[0] = v[:, 0].real
        twice = np.sqrt(2) * v[:, 1:].T
        out[1::2] = twice.real[: self.size // 2]
        out[2::2] = -twice.imag[: (self.size - 1) // 2]
        if self.size % 2 == 0:  # the cosine that the points see as 1, -1, 1, ...: it stands alone
            out[-1] /= 2
        return out

    @cached_property
    def synthesis(self) -> Matrix:
        """The matrix from orthonormal coefficients to values."""
        if self.kind == "chebyshev":
            legendre = LegendreBasis(self.size, self.lower, self.upper)
            values: Matrix = legendre.values(self.points) * np.sqrt(2 * np.arange(self.size) + 1)
            return values
        x = np.outer(self.points - self.lower, self.wavenumbers)
        if self.kind == "sine":
            return np.sqrt(2) * np.sin(x)
        waves = np.sqrt(2) * np.where(np.arange(self.size) % 2, np.cos(x), np.sin(x))
        waves[:, 0] = 1.0
        return waves

    @cached_property
    def antiderivative(self) -> Matrix:
        """The matrix from values to values of the integral from lower to each point (chebyshev)."""
        if self.kind != "chebyshev":
            raise InputError("antiderivative: expected polynomials, got waves")
        v = self.basis.antiderivative(self._forward(np.eye(self.size)))
        return np.ascontiguousarray(self.resized(self.size + 1).basis.evaluate(v, self.points).T)
