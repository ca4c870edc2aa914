"""A Gaussian process with the periodic kernel on a circle, scaled to given bounds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]

# Smallest and largest value of a sample are those at so many points per wave.
_POINTS_PER_WAVE = 64


@dataclass(frozen=True)
class PeriodicKernelField(RandomField):
    """Smooth functions on a circle that reach from `lower` to `upper`.

        g ~ GP(0, K),    K(x, y) = exp(-2 sin^2(pi (x - y) / L) / length^2)
        u = lower + (upper - lower) (g - min g) / (max g - min g)

    By its Fourier series, whose m-th variance is that of K: exp(-1/length^2) I_m(1/length^2), with
    Bessel's function I_m, twice that for cos and sin each. Minimum and maximum are those on a fine
    grid of the field's own, so that one seed is one function on every grid. Kernel: MacKay (1998),
    Introduction to Gaussian processes; with length 0.2 and [0, 1] these are the initial densities
    of Du, Chalapathi & Krishnapriyan (2024), arXiv:2312.05225.

    grid      one periodic uniform axis, of length L
    length    of correlation, in units of L / (2 pi); > 0
    lower     least value
    upper     largest value
    modes     frequencies m < modes

    Raises `InputError` for other grids and parameters out of range.

    >>> u = PeriodicKernelField(Grid.periodic(64)).samples(seed=0, indices=3)
    >>> u.shape, bool(u.min() >= 0), bool(0.98 < u.max() <= 1)
    ((3, 64), True, True)
    """

    grid: Grid
    length: float = 0.2
    lower: float = 0.0
    upper: float = 1.0
    modes: int = 64

    def __post_init__(self):
        axes = self.grid.axes if isinstance(self.grid, Grid) else ()
        if len(axes) != 1 or not axes[0].periodic:
            raise InputError(
                f"periodic kernel: expected a grid of one periodic axis, got {self.grid!r:.200}"
            )
        checked = {
            "length": require_number(self.length, "length", "(0, inf)"),
            "lower": require_number(self.lower, "lower", "(-inf, inf)"),
            "upper": require_number(self.upper, "upper", "(-inf, inf)"),
            "modes": require_integer(self.modes, "modes", 2),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not self.lower < self.upper:
            raise InputError(f"upper: expected more than lower={self.lower}, got {self.upper}")

    @cached_property
    def deviations(self) -> Array:
        """Standard deviations of 1, cos, sin, cos, sin, ...: shape (2 modes - 1,)."""
        m = np.arange(self.modes)
        variances = ive(m, 1 / self.length**2) * np.where(m == 0, 1, 2)
        return np.sqrt(np.repeat(variances, 2)[1:])

    def _waves(self, turns: Array) -> Array:
        """Return 1, cos, sin, ... at points, which are counted in turns."""
        angles = 2 * np.pi * np.outer(turns, np.arange(1, self.modes))
        waves = np.ones((len(turns), 2 * self.modes - 1))
        waves[:, 1::2], waves[:, 2::2] = np.cos(angles), np.sin(angles)
        return waves

    @cached_property
    def _matrices(self) -> tuple[Array, Array]:
        """The waves at the points of the grid and at those that say what is least and largest."""
        axis, fine = self.grid.axes[0], _POINTS_PER_WAVE * self.modes
        return self._waves((axis.points - axis.lower) / axis.length), self._waves(
            np.arange(fine) / fine
        )

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(
                f"periodic kernel: expected a numpy Generator, got {generator!r:.80}; make one "
                "with np.random.default_rng(seed)"
            )
        noise = self.deviations * generator.standard_normal(2 * self.modes - 1)
        here, fine = (waves @ noise for waves in self._matrices)
        low, high = fine.min(), fine.max()
        # A grid point may lie between the fine ones, a little beyond the bounds.
        part = np.clip((here - low) / (high - low), 0.0, 1.0)
        return self.lower + (self.upper - self.lower) * part
