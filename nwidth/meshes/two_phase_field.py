"""Two-phase media: a Gaussian field cut at a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField, random_field


@dataclass(frozen=True)
class TwoPhaseField(RandomField):
    """A field of two values, split where another random field g crosses a threshold.

        a(x) = high where g(x) >= threshold, low elsewhere

    The permeability of the Darcy benchmark of Li et al. (2021), arXiv:2010.08895, section 5.2, has
    low 3, high 12, threshold 0 and g a `GaussianRandomField` with alpha 2, tau 3, Neumann.

    Raises `InputError` unless low < high and all three numbers are finite.

    >>> from nwidth.meshes import GaussianRandomField
    >>> g = GaussianRandomField(Grid.uniform((17, 17)), alpha=2.0, tau=3.0)
    >>> np.unique(TwoPhaseField(g, low=3.0, high=12.0).samples(seed=0, indices=5)).tolist()
    [3.0, 12.0]
    """

    gaussian: RandomField
    low: float
    high: float
    threshold: float = 0.0
    grid: Grid = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not isinstance(self.gaussian, RandomField):
            raise InputError(f"two-phase field: expected a random field, got {self.gaussian!r}")
        object.__setattr__(self, "grid", self.gaussian.grid)
        for name in ("low", "high", "threshold"):
            value = getattr(self, name)
            good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not good or not np.isfinite(value):
                raise InputError(
                    f"two-phase field: expected {name} to be a finite number, got {value!r}"
                )
            object.__setattr__(self, name, float(value))
        if not self.low < self.high:
            raise InputError(
                f"two-phase field: expected low < high, got low {self.low} and high {self.high}"
            )

    def sample(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw one field, shape `grid.shape`."""
        return np.where(self.gaussian.sample(generator) >= self.threshold, self.high, self.low)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description, without the grid."""
        return {
            "kind": type(self).__name__,
            "gaussian": self.gaussian.describe(),
            "low": self.low,
            "high": self.high,
            "threshold": self.threshold,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any], grid: Grid) -> Self:
        """Rebuild the field from `describe()` on a grid."""
        facts = dict(description)
        return cls(random_field(facts.pop("gaussian"), grid), **facts)

    def on(self, grid: Grid) -> Self:
        """Return the same distribution on another grid of the same box."""
        return type(self)(self.gaussian.on(grid), self.low, self.high, self.threshold)
