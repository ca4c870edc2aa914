"""Random series of products of sines, whose amplitudes are uniform and fall by a power."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RandomSineSeries(RandomField):
    """A sum of products of sines with random amplitudes.

        u(x) = amplitude sum_m a_m |m|^(-2 decay) prod_i sin(w_i m_i (x_i - lower_i) / L_i)
        a_m ~ U(-1, 1),    m_i = 1 ... modes,    w_i = 2 pi on periodic axes, pi on others

    It is zero on the sides, and odd about them and the middle on a torus: waves between walls are
    such on a torus of twice the length. One seed is one function on every grid of the box.
    Reference: Raonic et al. (2023), arXiv:2302.01178, for the wave equation.

    grid       one to three axes
    modes      sines along each axis, >= 1
    decay      of the amplitudes, >= 0
    amplitude  > 0

    Raises `InputError` for parameters out of range.

    >>> RandomSineSeries(Grid.periodic((8, 8))).samples(seed=0, indices=3).shape
    (3, 8, 8)
    """

    grid: Grid
    modes: int = 24
    decay: float = 1.0
    amplitude: float = 1.0

    def __post_init__(self):
        if not isinstance(self.grid, Grid):
            raise InputError(f"random sine series: expected a grid, got {self.grid!r:.200}")
        checked = {
            "modes": require_integer(self.modes, "modes", 1),
            "decay": require_number(self.decay, "decay", "[0, inf)"),
            "amplitude": require_number(self.amplitude, "amplitude", "(0, inf)"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(f"random sine series: expected a Generator, got {generator!r:.80}")
        d, m = self.grid.dimension, np.arange(1.0, self.modes + 1)
        square = reduce(np.add.outer, [m**2] * d)
        u = self.amplitude * square**-self.decay * generator.uniform(-1, 1, (self.modes,) * d)
        for axis in self.grid.axes:
            turns = np.multiply.outer(m, (axis.points - axis.lower) / axis.length)
            # The axis that is summed goes in front, its points to the end: d times, all in order.
            u = np.tensordot(u, np.sin((2 if axis.periodic else 1) * np.pi * turns), axes=(0, 0))
        return u
