"""Waves of one speed everywhere: each Fourier mode goes round by itself, exactly."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem

Array = NDArray[Any]


class TravellingWaves:
    """The coordinates in which the wave equation is diagonal.

        a = (u_t + i c |k| u) / 2^(1/2),   b = (u_t - i c |k| u) / 2^(1/2)
        a' = i c |k| a,   b' = -i c |k| b

    for the coefficients of each wavenumber k != 0; of the means a = u and b = u_t. The sum of
    |a|^2 + |b|^2 is that of |u_t|^2 + c^2 |k|^2 |u|^2, twice the energy. Reference: d'Alembert
    (1747), Histoire de l'Academie de Berlin 3, 214-219.

    Args:
        space: functions of any number of axes.
        speed: c > 0.

    >>> from nwidth.meshes import Grid
    >>> waves = TravellingWaves(FourierSpace(Grid.periodic(4, upper=2 * np.pi)), 3.0)
    >>> waves.frequency.tolist()
    [0.0, 3.0, 6.0]
    """

    def __init__(self, space: FourierSpace, speed: float):
        require_instance(space, "space", FourierSpace)
        self.axis = -len(space.shape) - 1
        self.frequency = require_number(speed, "speed", "(0, inf)") * np.sqrt(space.squared)
        kind = space.transform.precision
        self._turn = self.frequency.astype(kind)
        self._back = (1 / np.where(self.frequency > 0, self.frequency, 1.0)).astype(kind)

    def to_modes(self, v: Array) -> Array:
        """Return (a, b) of the coefficients of (u, u_t)."""
        xp = namespace(v)
        u, w = np.moveaxis(v, self.axis, 0)
        turned, half = 1j * xp.asarray(self._turn) * u, 0.5**0.5
        out = xp.stack([half * (w + turned), half * (w - turned)], axis=self.axis)
        means = np.moveaxis(_means(out, self.axis), -1, 0)
        means[0], means[1] = np.moveaxis(_means(v, self.axis), -1, 0)
        return out

    def to_fields(self, v: Array) -> Array:
        """Return the coefficients of (u, u_t) of (a, b)."""
        xp = namespace(v)
        a, b = np.moveaxis(v, self.axis, 0)
        u = -1j * 0.5**0.5 * xp.asarray(self._back) * (a - b)
        out = xp.stack([u, 0.5**0.5 * (a + b)], axis=self.axis)
        _means(out, self.axis)[...] = _means(v, self.axis)
        return out


class TravellingWaveSystem(EvolutionSystem):
    """a' = i c |k| a, b' = -i c |k| b, and the mean of u, which grows with that of u_t."""

    autonomous = True

    def __init__(self, waves: TravellingWaves, like: Any):
        xp = namespace(like) if lives_on_gpu(like) else np
        self.axis, turn = waves.axis, 1j * waves.frequency
        self.linear = DiagonalPart(xp.asarray(np.stack([turn, -turn])))

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write zero but for the means, which no wave carries."""
        out[...] = 0
        _means(out, self.axis)[..., 0] = _means(v, self.axis)[..., 1]

    def rate(self, t: float, v: Array) -> float:
        """Return zero: nothing limits the step of exponential methods."""
        return 0.0


def _means(v: Array, axis: int) -> Array:
    """Return what the two coordinates of k = 0 are, (..., 2), as a view."""
    return v.reshape(*v.shape[: axis + 1], math.prod(v.shape[axis + 1 :]))[..., 0]
