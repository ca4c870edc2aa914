"""Log-normal fields: the exponential of a Gaussian field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField, random_field


@dataclass(frozen=True)
class LogNormalField(RandomField):
    """The exponential of a random field g: positive, with high contrast for a large scale.

        a(x) = exp(scale g(x))

    The standard model of rock permeability: Freeze (1975), doi:10.1029/WR011i005p00725. A mean of g
    shifts the median of a to exp(scale mean).

    Good values: scale 1 with the default amplitude of `GaussianRandomField`. Raises `InputError`
    unless scale > 0, and `NonFiniteError` if a sample overflows.

    >>> from nwidth.meshes import GaussianRandomField
    >>> g = GaussianRandomField(Grid.uniform((17, 17)), alpha=2.0, tau=3.0)
    >>> bool(LogNormalField(g).samples(seed=0, indices=5).min() > 0)
    True
    """

    gaussian: RandomField
    scale: float = 1.0
    grid: Grid = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not isinstance(self.gaussian, RandomField):
            raise InputError(f"log-normal field: expected a random field, got {self.gaussian!r}")
        object.__setattr__(self, "grid", self.gaussian.grid)
        good = isinstance(self.scale, int | float | np.number) and not isinstance(self.scale, bool)
        if not good or not np.isfinite(self.scale) or self.scale <= 0:
            raise InputError(
                f"log-normal field: expected scale to be a finite number > 0, got {self.scale!r}"
            )
        object.__setattr__(self, "scale", float(self.scale))

    def sample(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw one field, shape `grid.shape`."""
        exponent = self.scale * self.gaussian.sample(generator)
        limit = np.log(np.finfo(np.float64).max)
        if np.max(np.abs(exponent)) > limit:
            raise NonFiniteError(
                f"log-normal field: expected exponents within {limit:.0f}, "
                f"got {np.max(np.abs(exponent)):.3g}; lower scale or sigma"
            )
        return np.exp(exponent)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description, without the grid."""
        kind = type(self).__name__
        return {"kind": kind, "gaussian": self.gaussian.describe(), "scale": self.scale}

    @classmethod
    def from_description(cls, description: Mapping[str, Any], grid: Grid) -> Self:
        """Rebuild the field from `describe()` on a grid."""
        facts = dict(description)
        return cls(random_field(facts.pop("gaussian"), grid), **facts)

    def on(self, grid: Grid) -> Self:
        """Return the same distribution on another grid of the same box."""
        return type(self)(self.gaussian.on(grid), self.scale)
