"""Normal modes of rotating shallow water at rest: a balanced flow and two waves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral import FourierSpace

Array = NDArray[Any]


class InertiaGravityModes:
    """The coordinates in which small motions of rotating shallow water are uncoupled.

        u_t - f v + g eta_x = 0,   v_t + f u + g eta_y = 0,   eta_t + H (u_x + v_y) = 0
        a_0' = 0,   a_1' = i omega a_1,   a_2' = -i omega a_2,   omega^2 = f^2 + g H |k|^2

    a_0 is the flow in geostrophic balance, a_1 and a_2 are waves of either direction. The change of
    coordinates is unitary: sum |a|^2 = |u_k|^2 + |v_k|^2 + g/H |eta_k|^2, twice the energy over H.
    Reference: Vallis (2017), doi:10.1017/9781107588417, chapter 3.

    Args:
        space: functions of two axes.
        coriolis: f.
        gravity: g > 0.
        depth: H > 0.

    Arrays have shape (..., 3, *space.modes): (u, v, eta) or (a_0, a_1, a_2).

    >>> from nwidth.meshes import Grid
    >>> modes = InertiaGravityModes(FourierSpace(Grid.periodic((4, 4))), 3.0, 1.0, 1.0)
    >>> float(modes.frequency[0, 0]), round(float(modes.frequency[1, 0] ** 2 - 4 * np.pi**2), 9)
    (3.0, 9.0)
    """

    def __init__(self, space: FourierSpace, coriolis: float, gravity: float, depth: float):
        require_instance(space, "space", FourierSpace)
        if len(space.shape) != 2:
            raise InputError(f"space: expected two axes, got {len(space.shape)}")
        f = require_number(coriolis, "coriolis", "(-inf, inf)")
        g = require_number(gravity, "gravity", "(0, inf)")
        depth = require_number(depth, "depth", "(0, inf)")
        size = np.sqrt(space.squared)
        self.frequency = np.hypot(f, np.sqrt(g * depth) * size)
        # At k = 0 any direction will do; without rotation nothing is restored there.
        still, nowhere = self.frequency == 0, size == 0
        kind = space.transform.precision
        safe = np.where(still, 1.0, self.frequency)
        self.turn = np.where(still, 1.0, f / safe).astype(kind)
        self.lift = np.where(still, 0.0, np.sqrt(g * depth) * size / safe).astype(kind)
        along = np.where(nowhere, 1.0, size)
        self.x = np.where(nowhere, 1.0, space.wavenumbers[0] / along).astype(kind)
        self.y = np.where(nowhere, 0.0, space.wavenumbers[1] / along).astype(kind)
        self.scale = float(np.sqrt(g / depth))
        self._device: tuple[Array, ...] | None = None

    def to_modes(self, v: Array) -> Array:
        """Return (a_0, a_1, a_2) of (u, v, eta)."""
        x, y, turn, lift = self._factors(v)
        one, two, eta = v[..., 0, :, :], v[..., 1, :, :], v[..., 2, :, :] * self.scale
        along, across = x * one + y * two, -1j * (x * two - y * one)
        waves = turn * across - lift * eta
        out = namespace(v).empty_like(v)
        out[..., 0, :, :] = lift * across + turn * eta
        out[..., 1, :, :] = (along + waves) * 0.5**0.5
        out[..., 2, :, :] = (along - waves) * 0.5**0.5
        return out

    def to_fields(self, a: Array) -> Array:
        """Return (u, v, eta) of (a_0, a_1, a_2)."""
        x, y, turn, lift = self._factors(a)
        flow = a[..., 0, :, :]
        along = (a[..., 1, :, :] + a[..., 2, :, :]) * 0.5**0.5
        waves = (a[..., 1, :, :] - a[..., 2, :, :]) * 0.5**0.5
        across = 1j * (lift * flow + turn * waves)
        out = namespace(a).empty_like(a)
        out[..., 0, :, :] = x * along - y * across
        out[..., 1, :, :] = y * along + x * across
        out[..., 2, :, :] = (turn * flow - lift * waves) * (1 / self.scale)
        return out

    def _factors(self, v: Array) -> tuple[Array, ...]:
        """Return the four factors where v lives."""
        host = self.x, self.y, self.turn, self.lift
        if not lives_on_gpu(v):
            return host
        if self._device is None:
            self._device = tuple(namespace(v).asarray(factor) for factor in host)
        return self._device
