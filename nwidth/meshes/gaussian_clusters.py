"""Random clusters of Gaussians, from which patterns of reactions start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]

# Points per axis of the lattice on which the smallest value is taken, for each dimension.
LATTICE = {1: 512, 2: 128, 3: 32}
# A Gaussian is nothing where its exponent is above this.
NOTHING = 37.0
# Centres from which the largest value is sought, and steps from each.
STARTS, STEPS = 4, 50


@dataclass(frozen=True)
class GaussianClusters(RandomField):
    """A sum of Gaussians at random places of a torus, scaled to two given values.

        u = low + (high - low) (g - min g) / (max g - min g),   g = sum_j a_j exp(-s_j |x - c_j|^2)
        a_j ~ U(amplitude), s_j ~ U(sharpness), c_j uniform in the box, j = 1 ... m, m ~ U{clusters}

    Gaussians go on periodically. With the values that are set here on a square of side 2, u is the
    initial catalyst of the Gray-Scott data set of Ohana et al. (2024), arXiv:2412.00568, by the
    code published with it; with low = 1 and high = 0, the substrate. One seed is one function on
    every grid of the box: extremes are not those of the grid, but min g that of a fixed lattice,
    and max g that of the function.

    grid       one to three periodic axes
    clusters   the fewest and the most, >= 1
    amplitude  the smallest and the largest a, > 0
    sharpness  the smallest and the largest s, in 1/length^2, >= 1 in units of the shortest axis
    low        the value far from all clusters
    high       the value at the highest peak

    Raises `InputError` for other grids and parameters out of range.

    >>> u = GaussianClusters(Grid.periodic((32, 32), upper=2.0)).samples(seed=0, indices=3)
    >>> u.shape, bool(u.min() > -1e-3), bool(u.max() <= 1)
    ((3, 32, 32), True, True)
    """

    grid: Grid
    clusters: tuple[int, int] = (10, 100)
    amplitude: tuple[float, float] = (1.0, 3.0)
    sharpness: tuple[float, float] = (150.0, 300.0)
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        axes = self.grid.axes if isinstance(self.grid, Grid) else ()
        if len(axes) not in LATTICE or not all(axis.periodic for axis in axes):
            raise InputError(
                f"clusters: expected a grid of one to three periodic axes, got {self.grid!r:.200}"
            )
        checked: dict[str, Any] = {
            "clusters": _pair(self.clusters, "clusters", _count),
            "amplitude": _pair(self.amplitude, "amplitude", _positive),
            "sharpness": _pair(self.sharpness, "sharpness", _positive),
            "low": require_number(self.low, "low", "(-inf, inf)"),
            "high": require_number(self.high, "high", "(-inf, inf)"),
        }
        if checked["low"] == checked["high"]:
            raise InputError(f"clusters: expected low and high to differ, got {self.low!r} twice")
        shortest = min(axis.length for axis in axes)
        if checked["sharpness"][0] * shortest**2 < 1:  # with its images, it is flat
            raise InputError(
                f"sharpness: expected at least 1 / length^2 = {1 / shortest**2:.3g} for this box, "
                f"got {self.sharpness!r}"
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(f"clusters: expected a numpy Generator, got {generator!r:.80}")
        m = int(generator.integers(*self.clusters, endpoint=True))
        a = generator.uniform(*self.amplitude, m)
        s = generator.uniform(*self.sharpness, m)
        centres = self._lower + self._length * generator.random((m, self.grid.dimension))
        n = LATTICE[self.grid.dimension]
        lattice = self._lower[:, None] + self._length[:, None] * (np.arange(n) / n)
        least = self._values([*lattice], a, s, centres).min()
        most = self._largest(a, s, centres)
        g = self._values([axis.points for axis in self.grid.axes], a, s, centres)
        return self.low + (self.high - self.low) * (g - least) / (most - least)

    @property
    def _lower(self) -> Array:
        return np.array([axis.lower for axis in self.grid.axes])

    @property
    def _length(self) -> Array:
        return np.array([axis.length for axis in self.grid.axes])

    def _turns(self, length: float) -> NDArray[Any]:
        """Return the shifts along an axis of which something is left in the box."""
        most = int(1 + (NOTHING / self.sharpness[0]) ** 0.5 / length)
        return length * np.arange(-most, most + 1)

    def _values(self, points: Sequence[Array], a: Array, s: Array, centres: Array) -> Array:
        """Return g on a lattice: each Gaussian is a product of functions of one coordinate."""
        factors = []
        for k, x in enumerate(points):
            places = centres[:, k, None] + self._turns(self._length[k])
            gaps = x - places[:, :, None]
            factors.append(np.exp(-s[:, None, None] * gaps**2).sum(axis=1))
        *others, last = factors
        total = a[:, None]
        for factor in others:
            total = (total[:, :, None] * factor[:, None, :]).reshape(len(a), -1)
        return np.einsum("ja,jb->ab", total, last).reshape([len(x) for x in points])

    def _largest(self, a: Array, s: Array, centres: Array) -> float:
        """Return max g, by mean shifts from the highest centres.

        x <- sum_j w_j s_j c_j / sum_j w_j s_j, w_j the parts of g, never descends: Fukunaga &
        Hostetler (1975), doi:10.1109/TIT.1975.1055330.
        """
        turns = np.array([*product(*(self._turns(length) for length in self._length))])
        places = (centres[:, None, :] + turns).reshape(-1, centres.shape[1])
        sharp, size = np.repeat(s, len(turns)), np.repeat(a, len(turns))
        beyond = np.maximum(self._lower - places, places - self._lower - self._length)
        seen = (beyond < (NOTHING / self.sharpness[0]) ** 0.5).all(axis=1)
        places, sharp, size = places[seen], sharp[seen], size[seen]

        def parts(x: Array) -> Array:
            return size * np.exp(-sharp * ((x[:, None, :] - places) ** 2).sum(axis=2))

        height = parts(centres).sum(axis=1)
        x = centres[np.argsort(-height, kind="stable")[:STARTS]]
        for _ in range(STEPS):
            pull = parts(x) * sharp
            x = np.einsum("ij,jk->ik", pull, places) / pull.sum(axis=1)[:, None]
        return float(parts(x).sum(axis=1).max())


def _count(value: Any, name: str) -> int:
    return require_integer(value, name, 1)


def _positive(value: Any, name: str) -> float:
    return require_number(value, name, "(0, inf)")


def _pair(values: Any, name: str, check: Callable[[Any, str], Any]) -> tuple[Any, Any]:
    """Return a smallest and a largest value that pass a check."""
    listed = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    if listed and len(values) == 2:
        low, high = (check(v, name) for v in values)
        if low <= high:
            return low, high
    raise InputError(
        f"{name}: expected two numbers, the smallest and the largest, got {values!r:.80}"
    )
