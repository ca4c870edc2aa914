"""Random sums of few sine waves, as initial states of waves and of chaos."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RandomSines(RandomField):
    """A sum of sine waves with random amplitudes, frequencies and phases on a circle.

        u(x) = sum_j a_j sin(2 pi m_j (x - x_0) / L + phi_j),    j = 1 ... waves
        a_j ~ U(-amplitude, amplitude),  m_j ~ U{lowest, ..., highest},  phi_j ~ U(0, 2 pi)

    One seed is one function on every grid of the box. Reference: Brandstetter, Welling & Worrall
    (2022), arXiv:2202.07643, for data sets of waves and of chaos; frequencies are those of the code
    published with it.

    grid       one periodic axis
    waves      how many, >= 1
    amplitude  > 0
    lowest     smallest frequency, >= 0
    highest    largest frequency, which belongs to the choice

    Raises `InputError` for other grids and parameters out of range.

    >>> RandomSines(Grid.periodic(16)).samples(seed=0, indices=3).shape
    (3, 16)
    """

    grid: Grid
    waves: int = 10
    amplitude: float = 0.5
    lowest: int = 1
    highest: int = 2

    def __post_init__(self):
        if (
            not isinstance(self.grid, Grid)
            or self.grid.dimension != 1
            or not self.grid.axes[0].periodic
        ):
            raise InputError(f"random sines: expected one periodic axis, got {self.grid!r:.200}")
        checked = {
            "waves": require_integer(self.waves, "waves", 1),
            "amplitude": require_number(self.amplitude, "amplitude", "(0, inf)"),
            "lowest": require_integer(self.lowest, "lowest", 0),
            "highest": require_integer(self.highest, "highest", self.lowest),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(f"random sines: expected a numpy Generator, got {generator!r:.80}")
        a = generator.uniform(-self.amplitude, self.amplitude, self.waves)
        m = generator.integers(self.lowest, self.highest, self.waves, endpoint=True)
        phase = generator.uniform(0.0, 2 * np.pi, self.waves)
        axis = self.grid.axes[0]
        turns = np.multiply.outer(m, (axis.points - axis.lower) / axis.length)
        return a @ np.sin(2 * np.pi * turns + phase[:, None])
