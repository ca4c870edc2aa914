"""A box of parameters: lower and upper ends, axes that may be logarithmic, points in it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flags, require_integer, require_integers
from nwidth.arrays import Seed, generator, real_floating, require_finite
from nwidth.errors import InputError

Array = NDArray[Any]
# Sobol points are multiples of 2^-30.
_BITS = 30


@dataclass(frozen=True, eq=False)
class ParameterBox:
    """The parameters mu with lower_i <= mu_i <= upper_i, p of them.

        mu_i = lower_i + t_i (upper_i - lower_i),   or   lower_i (upper_i / lower_i)^t_i

    with t in the unit cube; the second on logarithmic axes, for parameters that span decades.
    Parameters that are given as a list have their own class, `TrainingParameters`.

    Args:
        lower, upper: ends, shape (p,), or numbers for one parameter.
        names: of the parameters, for messages and tables.
        log: whether points are spread, and boxes are halved, by factors; one for all axes or (p,).

    Raises `InputError` unless lower < upper, and 0 < lower on logarithmic axes.

    >>> box = ParameterBox([1.0, 0.1], [2.0, 10.0], log=[False, True])
    >>> box.grid(3)[:3].round(3).tolist()
    [[1.0, 0.1], [1.0, 1.0], [1.0, 10.0]]
    >>> box.contains([[1.5, 1.0], [3.0, 1.0]]).tolist()
    [True, False]
    """

    lower: Array
    upper: Array
    names: tuple[str, ...] | None = None
    log: tuple[bool, ...] | bool = False

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            ends = np.array(np.atleast_1d(real_floating(getattr(self, name), name)), float)
            if ends.ndim != 1 or ends.size == 0:
                raise InputError(f"{name}: expected shape (p,), got {ends.shape}")
            ends.flags.writeable = False
            object.__setattr__(self, name, require_finite(ends, name))
        p = len(self.lower)
        if self.upper.shape != (p,):
            raise InputError(f"upper: expected shape ({p},) as lower, got {self.upper.shape}")
        log = (self.log,) * p if isinstance(self.log, bool | np.bool_) else self.log
        object.__setattr__(self, "log", require_flags(log, "log", p))
        if self.names is not None:
            object.__setattr__(self, "names", parameter_names(self.names))
            if len(self.names) != p:
                raise InputError(f"names: expected {p}, one per axis, got {len(self.names)}")
        for i, (a, b) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not a < b:
                raise InputError(
                    f"{self.name(i)}: expected lower < upper, got {a} and {b}; write a parameter "
                    "that does not change into the problem"
                )
            if self._log[i] and not a > 0:
                raise InputError(f"{self.name(i)}: expected lower > 0 on a log axis, got {a}")

    @property
    def dimension(self) -> int:
        """Number p of parameters."""
        return len(self.lower)

    def name(self, axis: int) -> str:
        """Return the name of a parameter, mu[i] if it was not given one."""
        return f"mu[{axis}]" if self.names is None else self.names[axis]

    def contains(self, mus: Any) -> Array:
        """Return which parameters lie in the closed box, shape (m,) for mus (m, p)."""
        mus = self._rows(mus)
        return ((mus >= self.lower) & (mus <= self.upper)).all(axis=-1)

    def unit(self, mus: Any) -> Array:
        """Return where parameters lie in the unit cube, t of the class's formula."""
        mus = self._rows(mus)
        t = (mus - self.lower) / (self.upper - self.lower)
        for i in np.flatnonzero(self._log):
            t[..., i] = np.log(mus[..., i] / self.lower[i]) / np.log(self.upper[i] / self.lower[i])
        return t

    def at(self, t: Any) -> Array:
        """Return the parameters of points t of the unit cube, shape (..., p)."""
        t = self._rows(t)
        mus = self.lower + t * (self.upper - self.lower)
        for i in np.flatnonzero(self._log):
            mus[..., i] = self.lower[i] * (self.upper[i] / self.lower[i]) ** t[..., i]
        # Rounding may leave the box by a unit of the last place.
        return np.clip(mus, self.lower, self.upper)

    def random(self, count: int, seed: Seed = 0) -> Array:
        """Return independent points (count, p), uniform in t."""
        count = require_integer(count, "count", 1)
        return self.at(generator(seed).random((count, self.dimension)))

    def grid(self, counts: Any) -> Array:
        """Return a grid of so many points per axis, two or more, with the corners of the box.

        `counts` is one number or p of them; the last axis runs fastest.
        """
        numbers = require_integers(counts, "counts", 2)
        numbers = numbers * self.dimension if len(numbers) == 1 else numbers
        if len(numbers) != self.dimension:
            raise InputError(f"counts: expected {self.dimension}, one per axis, got {len(numbers)}")
        spaces = [np.geomspace if log else np.linspace for log in self._log]
        axes = [
            space(a, b, n)
            for space, a, b, n in zip(spaces, self.lower, self.upper, numbers, strict=True)
        ]
        return np.stack([c.ravel() for c in np.meshgrid(*axes, indexing="ij")], axis=1)

    def sobol(self, count: int, seed: Seed = 0) -> Array:
        """Return the first points (count, p) of a Sobol sequence with a random digital shift.

        They fill the box more evenly than independent ones. Good values of count: powers of two.
        Reference: Joe & Kuo (2008), doi:10.1137/070709359.
        """
        from scipy.stats import qmc

        count = require_integer(count, "count", 1)
        points = qmc.Sobol(self.dimension, scramble=False, bits=_BITS)
        t = points.random_base2(int(count - 1).bit_length())[:count]
        shift = generator(seed).integers(0, 1 << _BITS, self.dimension)
        digits = np.ldexp(t, _BITS).astype(np.int64) ^ shift
        return self.at(np.ldexp(digits.astype(float), -_BITS))

    def halves(self, axis: int) -> tuple[Self, Self]:
        """Return the two boxes that a cut in the middle of an axis gives, the lower one first."""
        if require_integer(axis, "axis", 0) >= self.dimension:
            raise InputError(f"axis: expected one of {self.dimension}, got {axis}")
        t = np.full(self.dimension, 0.5)
        upper, lower = self.upper.copy(), self.lower.copy()
        upper[axis] = lower[axis] = self.at(t)[axis]
        return (
            type(self)(self.lower, upper, self.names, self.log),
            type(self)(lower, self.upper, self.names, self.log),
        )

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description."""
        arrays = {"lower": self.lower, "upper": self.upper, "log": np.array(self.log)}
        return arrays, {"names": self.names}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the box of what `archived` gave."""
        return cls(arrays["lower"], arrays["upper"], told["names"], tuple(arrays["log"]))

    @property
    def _log(self) -> tuple[bool, ...]:
        return self.log if isinstance(self.log, tuple) else (self.log,) * self.dimension

    def _rows(self, mus: Any) -> Array:
        """Return points as a float64 array whose last axis counts parameters."""
        mus = np.asarray(real_floating(mus, "mu"), float)
        if mus.ndim == 0 or mus.shape[-1] != self.dimension:
            raise InputError(
                f"mu: expected shape ({self.dimension},) or (m, {self.dimension}), got {mus.shape}"
            )
        return require_finite(mus, "mu")


def parameter_names(names: Any) -> tuple[str, ...]:
    """Return names of parameters, each a different word that is not "mu".

    >>> parameter_names(["k1", "k2"])
    ('k1', 'k2')
    """
    known = tuple(names) if isinstance(names, list | tuple) else ()
    words = all(isinstance(name, str) and name.isidentifier() and name != "mu" for name in known)
    if not known or not words or len({*known}) < len(known):
        raise InputError(
            f"names: expected a sequence of different words like ['k1', 'k2'], got {names!r:.80}"
        )
    return known
