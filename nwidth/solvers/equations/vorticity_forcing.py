"""What drives vorticity on a torus, in a closed form that fits every grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid

Array = NDArray[Any]


@dataclass(frozen=True)
class VorticityForcing:
    """A sum of waves that do not change with time.

        f(x) = sum_j a_j cos(theta_j) + b_j sin(theta_j),   theta_j = 2 pi m_j . (x - x_0) / L

    x_0 is the lower corner of the box, L its lengths.

    Args:
        waves: (m_x, m_y, a, b) of each, m integers.

    Raises `InputError` for what is no wave.

    >>> forcing = VorticityForcing.diagonal()
    >>> forcing.field(Grid.periodic((4, 4))).round(3)[0].tolist()
    [0.1, 0.1, -0.1, -0.1]
    """

    waves: tuple[tuple[int, int, float, float], ...]

    def __post_init__(self):
        try:
            waves = tuple(tuple(wave) for wave in self.waves)
        except TypeError:
            waves = ((),)
        if any(len(wave) != 4 for wave in waves):
            raise InputError(f"waves: expected (m_x, m_y, a, b) of each, got {self.waves!r:.80}")
        low = -(2**31)
        checked = tuple(
            (
                require_integer(k, "m_x", low),
                require_integer(m, "m_y", low),
                require_number(a, "a", "(-inf, inf)"),
                require_number(b, "b", "(-inf, inf)"),
            )
            for k, m, a, b in waves
        )
        object.__setattr__(self, "waves", checked)

    @classmethod
    def diagonal(cls, amplitude: float = 0.1) -> Self:
        """Return amplitude (sin 2 pi (x + y) + cos 2 pi (x + y)) on the unit torus.

        It drives the data sets of Li et al. (2021), arXiv:2010.08895, section 5.3.
        """
        return cls(((1, 1, amplitude, amplitude),))

    @classmethod
    def kolmogorov(cls, wavenumber: int = 4, amplitude: float = 1.0) -> Self:
        """Return -amplitude n cos(n y): on a box of 2 pi the curl of the force amplitude sin(n y).

        The force is along x. Boffetta & Ecke (2012), doi:10.1146/annurev-fluid-120710-101240.
        """
        n = require_integer(wavenumber, "wavenumber", 1)
        return cls(((0, n, -n * require_number(amplitude, "amplitude", "(-inf, inf)"), 0.0),))

    def field(self, grid: Grid) -> Array:
        """Return f on a grid of two axes."""
        x, y = (2 * np.pi * (axis.points - axis.lower) / axis.length for axis in grid.axes)
        total = np.zeros(grid.shape)
        for k, m, a, b in self.waves:
            angle = np.add.outer(k * x, m * y)
            total += a * np.cos(angle) + b * np.sin(angle)
        return total

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {"waves": [list(wave) for wave in self.waves]}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the forcing whose `describe()` this is."""
        if not isinstance(description, Mapping) or {*description} != {"waves"}:
            raise InputError(f"forcing: expected a mapping with waves, got {description!r:.80}")
        return cls(description["waves"])
