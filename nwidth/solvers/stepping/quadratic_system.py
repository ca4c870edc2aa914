"""The system of one-dimensional equations with a quadratic term, in Fourier space."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.linear_part import DiagonalPart

Array = NDArray[Any]


class QuadraticSystem(EvolutionSystem):
    """v_k' = l_k v_k + f_k (u^2)_k for the modes of one real function on a circle.

    With f_k = -i c k, zero where u^2 has aliases (2/3 rule), this is u_t + c (u^2)_x = L u:
    Burgers' equation, those of Korteweg & de Vries and of Kuramoto & Sivashinsky.

    Args:
        transform: of real functions in one dimension, N points.
        symbol: l, shape `(N // 2 + 1,)`, real or complex.
        factor: f, of the same shape.

    Raises `InputError` for other shapes and transforms.

    >>> k = np.arange(5.0)
    >>> system = QuadraticSystem(FastFourier(8), -(k**2), np.where(k < 8 / 3, -0.5j * k, 0))
    >>> v = np.array([0, 0.5, 0, 0, 0], complex)  # cos x
    >>> system.nonlinear(0.0, v, out := np.empty_like(v))
    >>> out[2].imag.round(12)  # of 1/2 sin 2 x
    np.float64(-0.25)
    """

    linear: DiagonalPart

    def __init__(self, transform: FastFourier, symbol: Any, factor: Any):
        self.transform = require_instance(transform, "transform", FastFourier)
        if not transform.real or len(transform.shape) != 1:
            raise InputError(
                "transform: expected one of real functions in one dimension, got "
                f"{'real' if transform.real else 'complex'} ones of shape {transform.shape}"
            )
        self.linear = DiagonalPart(
            require_shape(as_floating(symbol, "symbol"), transform.modes, "symbol")
        )
        factor = require_finite(as_floating(factor, "factor"), "factor")
        self.factor = require_shape(factor, transform.modes, "factor").astype(transform.complex)

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write f_k (u^2)_k."""
        u = self.transform.backward(v)
        with np.errstate(over="ignore", invalid="ignore"):
            u *= u
            self.transform.forward(u, out)
            out *= self.factor

    def rate(self, t: float, v: Array) -> float:
        """Return 2 max |u| max |f|: the largest speed times the largest wavenumber."""
        return self.undamped_rate(t, v, 0.0)

    def undamped_rate(self, t: float, v: Array, held: float) -> float:
        """Return the largest 2 max |u| |f_k| that is above held |Re l_k|."""
        rates = 2 * abs(self.transform.backward(v)).max() * abs(self.factor)
        return float((rates * (rates > -held * self.linear.symbol.real)).max())
