"""White noise that is damped at two plates, on top of a straight line: a start of convection."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DampedNoise(RandomField):
    """A line between two plates with noise that vanishes at both; along x of period L it repeats.

        b(x, z) = lower + (upper - lower) s + scale s (1 - s) e(x, z),    s = (z - z_0) / H
        e = (m_x m_z)^(-1/2) sum_{|j| < m_x / 2} sum_{l < m_z} a_jl f_j(x) cos(pi l s),  a ~ N(0, 1)

    f_j are sines and cosines; all functions have a mean square of one, and e has variance one, all
    waves up to the highest ones equally: white noise to grids of as many points. One seed is one
    function on every grid of the box. Reference: the settings of Ohana et al. (2024),
    arXiv:2412.00568, section Rayleigh-Benard convection.

    grid       a periodic axis, then one that is not
    scale      of the noise, > 0
    lower      value at the lower plate
    upper      value at the upper plate
    modes      (m_x, m_z) waves along and across; an even m_x is as the odd number below

    Raises `InputError` for other grids and parameters out of range.

    >>> grid = Grid.chebyshev((8, 5), periodic=(True, False))
    >>> b = DampedNoise(grid).samples(seed=0, indices=3)
    >>> b.shape, b[0, :, 0].tolist()
    ((3, 8, 5), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """

    grid: Grid
    scale: float = 1e-3
    lower: float = 1.0
    upper: float = 0.0
    modes: tuple[int, int] = (512, 128)

    def __post_init__(self):
        if (
            not isinstance(self.grid, Grid)
            or self.grid.dimension != 2
            or [axis.periodic for axis in self.grid.axes] != [True, False]
        ):
            raise InputError(
                "damped noise: expected a periodic axis and one that is not, got "
                f"{self.grid!r:.200}"
            )
        modes = self.modes
        if not isinstance(modes, Sequence) or isinstance(modes, str) or len(modes) != 2:
            raise InputError(f"modes: expected a pair of integers, got {modes!r:.80}")
        checked = {
            "scale": require_number(self.scale, "scale", "(0, inf)"),
            "lower": require_number(self.lower, "lower", "(-inf, inf)"),
            "upper": require_number(self.upper, "upper", "(-inf, inf)"),
            "modes": tuple(require_integer(m, "modes", 1) for m in modes),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(f"damped noise: expected a numpy Generator, got {generator!r:.80}")
        along, across = self.grid.axes
        half, many = (self.modes[0] - 1) // 2, self.modes[1]
        a = generator.standard_normal((2 * half + 1, many))
        x = 2 * np.pi * (along.points - along.lower) / along.length
        s = (across.points - across.lower) / across.length
        turns = np.outer(x, np.arange(1, half + 1))
        waves = np.concatenate(
            [np.ones((len(x), 1)), 2**0.5 * np.cos(turns), 2**0.5 * np.sin(turns)], axis=1
        )
        cosines = np.cos(np.pi * np.outer(np.arange(many), s))
        cosines[1:] *= 2**0.5
        noise = waves @ a @ cosines / a.size**0.5
        return self.lower + (self.upper - self.lower) * s + self.scale * s * (1 - s) * noise
