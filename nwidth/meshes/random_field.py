"""Random fields on a grid: what can be drawn, described and moved to another grid."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid


class RandomField(ABC):
    """A probability distribution of fields on `grid`.

    Subclasses define `sample`, `describe` and `on`. Sample k of a seed depends on (seed, k) alone:
    any order, any number of workers and any part of the list give the same bytes.
    """

    grid: Grid

    @abstractmethod
    def sample(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw one field, shape `grid.shape`."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description, without the grid, that `random_field` understands."""

    @abstractmethod
    def on(self, grid: Grid) -> Self:
        """Return the same distribution on another grid."""

    def samples(self, seed: int, indices: int | Iterable[int]) -> NDArray[np.float64]:
        """Draw the numbered samples of a seed, shape `(len(indices), *grid.shape)`.

        An integer n stands for the first n samples.
        """
        if isinstance(indices, Iterable):
            numbers = [_sample_number(k) for k in indices]
        else:
            numbers = list(range(_sample_number(indices)))
        drawn = np.empty((len(numbers), *self.grid.shape))
        for row, k in zip(drawn, numbers, strict=True):
            row[...] = self.sample(generator(seed, k))
        return drawn


def _sample_number(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise InputError(f"samples: expected integers >= 0, got {k!r}")
    return int(k)
