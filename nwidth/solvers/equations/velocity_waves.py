"""Velocities and forces in space that are sums of a few waves: Taylor-Green, ABC, Kolmogorov."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid

Array = NDArray[Any]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class VelocityWaves:
    """A sum of waves of vectors, as an initial velocity or as a force that stays.

        u(x) = sum_j a_j cos(theta_j) + b_j sin(theta_j),   theta_j = 2 pi m_j . (x - x_0) / L

    x_0 is the lower corner of the box, L its lengths. There is no divergence where all a_j and b_j
    are normal to their wave, which those that have a name here are on cubes.

    Args:
        waves: (m_x, m_y, m_z, a, b) of each, m integers, a and b three numbers.

    Raises `InputError` for what is no wave.

    >>> waves = VelocityWaves.kolmogorov(1)
    >>> waves.field(Grid.periodic((2, 4, 2)))[0, 0, :, 0].round(9).tolist()
    [0.0, 1.0, 0.0, -1.0]
    """

    waves: tuple[tuple[int, int, int, Vector, Vector], ...]

    def __post_init__(self):
        try:
            waves = tuple(tuple(wave) for wave in self.waves)
        except TypeError:
            waves = ((),)
        if any(len(wave) != 5 for wave in waves):
            raise InputError(
                f"waves: expected (m_x, m_y, m_z, a, b) of each, got {self.waves!r:.80}"
            )
        low = -(2**31)
        checked = tuple(
            (
                *(require_integer(k, f"m_{x}", low) for x, k in zip("xyz", m, strict=True)),
                _vector(a, "a"),
                _vector(b, "b"),
            )
            for *m, a, b in waves
        )
        object.__setattr__(self, "waves", checked)

    @classmethod
    def taylor_green(cls, amplitude: float = 1.0) -> Self:
        """Return amplitude (sin x cos y cos z, -cos x sin y cos z, 0) on a box of 2 pi.

        Brachet et al. (1983), doi:10.1017/S0022112083001159.
        """
        q = require_number(amplitude, "amplitude", "(-inf, inf)") / 4
        still = (0.0, 0.0, 0.0)
        return cls(
            (
                (1, 1, 1, still, (q, -q, 0.0)),
                (1, 1, -1, still, (q, -q, 0.0)),
                (1, -1, 1, still, (q, q, 0.0)),
                (1, -1, -1, still, (q, q, 0.0)),
            )
        )

    @classmethod
    def abc(cls, a: float = 1.0, b: float = 1.0, c: float = 1.0, wavenumber: int = 1) -> Self:
        """Return (A sin nz + C cos ny, B sin nx + A cos nz, C sin ny + B cos nx) on a box of 2 pi.

        Its curl is n times itself, so that it does not change but by viscosity. Dombre et al.
        (1986), doi:10.1017/S0022112086002859.
        """
        a, b, c = _vector((a, b, c), "a, b, c")
        n = require_integer(wavenumber, "wavenumber", 1)
        return cls(
            (
                (0, 0, n, (0.0, a, 0.0), (a, 0.0, 0.0)),
                (n, 0, 0, (0.0, 0.0, b), (0.0, b, 0.0)),
                (0, n, 0, (c, 0.0, 0.0), (0.0, 0.0, c)),
            )
        )

    @classmethod
    def kolmogorov(cls, wavenumber: int = 4, amplitude: float = 1.0) -> Self:
        """Return (amplitude sin n y, 0, 0) on a box of 2 pi.

        Boffetta & Ecke (2012), doi:10.1146/annurev-fluid-120710-101240.
        """
        n = require_integer(wavenumber, "wavenumber", 1)
        size = require_number(amplitude, "amplitude", "(-inf, inf)")
        return cls(((0, n, 0, (0.0, 0.0, 0.0), (size, 0.0, 0.0)),))

    def field(self, grid: Grid) -> Array:
        """Return u on a grid of three axes, shape (3, *grid.shape)."""
        if require_instance(grid, "grid", Grid).dimension != 3:
            raise InputError(f"grid: expected 3 dimensions, got {grid.dimension}")
        x, y, z = (2 * np.pi * (axis.points - axis.lower) / axis.length for axis in grid.axes)
        total = np.zeros((3, *grid.shape))
        for k, m, n, a, b in self.waves:
            angle = np.add.outer(np.add.outer(k * x, m * y), n * z)
            for u, p, q in zip(total, a, b, strict=True):
                u += p * np.cos(angle) + q * np.sin(angle)
        return total

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {"waves": [[*m, list(a), list(b)] for *m, a, b in self.waves]}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the waves whose `describe()` this is."""
        if not isinstance(description, Mapping) or {*description} != {"waves"}:
            raise InputError(f"forcing: expected a mapping with waves, got {description!r:.80}")
        return cls(description["waves"])


def _vector(value: Any, name: str) -> Vector:
    """Return three numbers."""
    if not isinstance(value, list | tuple | np.ndarray) or len(value) != 3:
        raise InputError(f"{name}: expected three numbers, got {value!r:.80}")
    x, y, z = (require_number(c, name, "(-inf, inf)") for c in value)
    return x, y, z
