"""Random fields on a grid: what can be drawn, described, rebuilt and moved to another grid."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid


class RandomField(ABC):
    """A probability distribution of fields on `grid`.

    Subclasses define `sample`. `describe`, `from_description` and `on` are those of dataclasses of
    the grid and JSON-able settings; others define theirs. Sample k of a seed depends on (seed, k)
    alone: any order, any number of workers and any part of the list give the same bytes.
    """

    grid: Grid

    @abstractmethod
    def sample(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw one field, shape `grid.shape`."""

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description, without the grid, that `random_field` understands."""
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in self._settings().items()}
        return {"kind": type(self).__name__, **listed}

    @classmethod
    def from_description(cls, description: Mapping[str, Any], grid: Grid) -> Self:
        """Rebuild the field from `describe()` on a grid."""
        return cls(**{**description, "grid": grid})

    def on(self, grid: Grid) -> Self:
        """Return the same distribution on another grid of the same box."""
        if not self.grid.same_box(grid):
            raise InputError(
                f"{type(self).__name__}: expected a grid of the same box as {self.grid}, got {grid}"
            )
        return type(self)(**{**self._settings(), "grid": grid})

    def _settings(self) -> dict[str, Any]:
        """Return all but the grid."""
        every: Any = self
        return {f.name: getattr(self, f.name) for f in fields(every) if f.name != "grid"}

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


def random_field(description: Mapping[str, Any], grid: Grid) -> RandomField:
    """Rebuild a random field from its `describe()` on a grid.

    `description["kind"]` is the name of a public random field of `nwidth.meshes`. Raises
    `InputError` for kinds and settings that are not known.

    >>> from nwidth.meshes import GaussianRandomField
    >>> field = GaussianRandomField(Grid.uniform(5), alpha=2.0, tau=3.0)
    >>> random_field(field.describe(), field.grid) == field
    True
    """
    from nwidth import meshes

    kinds = [
        name
        for name in meshes.__all__
        if isinstance(kind := getattr(meshes, name), type)
        and issubclass(kind, RandomField)
        and kind is not RandomField
    ]
    if not isinstance(description, Mapping) or description.get("kind") not in kinds:
        raise InputError(
            f"random field: expected a description with kind {' or '.join(kinds)}, "
            f"got {description!r:.200}"
        )
    facts = {key: value for key, value in description.items() if key != "kind"}
    try:
        return getattr(meshes, description["kind"]).from_description(facts, grid)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"random field: expected the settings of {description['kind']}, "
            f"got {', '.join(facts)} ({error})"
        ) from None


def _sample_number(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise InputError(f"samples: expected integers >= 0, got {k!r}")
    return int(k)
