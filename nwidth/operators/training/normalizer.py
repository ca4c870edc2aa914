"""Scaling of fields by their mean and standard deviation."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.fields import FieldView
from nwidth.operators.training.data_agreement import require_finite_samples

_VALUES_AT_ONCE = 1 << 23
# Smaller numbers count as zero.
_LEAST = 1e-300
# Means of so many scales cost single precision two of its digits, and more beyond.
_LARGE = 100.0


@dataclass(frozen=True)
class Normalizer:
    """An affine scaling with two numbers per field, the same at every point of every grid.

        encode(v) = (v - mean) / scale,      decode(w) = mean + scale w

    The data are read once, block by block: mean and squared deviations of each block in two passes
    over it, joined to those of the blocks before by the formula for two samples of Chan, Golub &
    LeVeque (1983), doi:10.1080/00031305.1983.10483115, in units of a power of two: nothing cancels
    for fields of large mean, and no square overflows or vanishes. A field that is constant keeps
    scale 1.

    There is no normalizer without statistics: they are arguments, and values that are missing, not
    finite or not positive raise `InputError`.

    >>> normalizer = Normalizer.of([np.array([1.0, 3.0]), np.array([5.0])])
    >>> normalizer.mean, round(normalizer.scale**2, 12)
    (3.0, 2.666666666667)
    >>> float(normalizer.decode(normalizer.encode(np.array(7.0))))
    7.0
    """

    mean: float
    scale: float

    def __post_init__(self):
        numbers = all(isinstance(x, int | float | np.number) for x in (self.mean, self.scale))
        if not (numbers and np.isfinite(self.mean) and np.isfinite(self.scale) and self.scale > 0):
            raise InputError(
                f"normalizer: expected a finite mean and a scale > 0, got {self.mean!r:.40} and "
                f"{self.scale!r:.40}; fit the model to data, or repair its file"
            )

    @classmethod
    def of(cls, blocks: Iterable[NDArray[Any]], *, centred: bool = True) -> Self:
        """Return the normalizer of values that come block by block.

        centred=False keeps zero at zero (mean 0, scale the root mean square): right for outputs
        that vanish at walls.
        """
        count, mean, squares = 0, 0.0, 0.0
        power = math.frexp(_LEAST)[1]  # mean and squares are in units of 2^power
        for block in blocks:
            values = np.asarray(block, dtype=np.float64)
            n = values.size
            if n == 0:
                continue
            largest = max(float(values.max()), -float(values.min()), _LEAST)
            larger = max(power, math.frexp(largest)[1])
            mean, squares = mean * 2.0 ** (power - larger), squares * 4.0 ** (power - larger)
            power, values = larger, np.ldexp(values, -larger)
            own = float(values.mean())
            shift = own - mean
            mean += shift * n / (count + n)
            squares += float(np.square(values - own).sum()) + shift**2 * count * n / (count + n)
            count += n
        if count == 0:
            raise InputError("normalizer: expected at least one value, got no samples")
        if not centred:
            squares, mean = squares + count * mean**2, 0.0
        scale = float(np.sqrt(squares / count))
        # Below this, what varies is the rounding of a constant.
        constant = scale <= 1e-12 * abs(mean) or scale == 0.0
        return cls(math.ldexp(mean, power), 1.0 if constant else math.ldexp(scale, power))

    @classmethod
    def of_field(cls, view: FieldView, samples: NDArray[Any], *, centred: bool = True) -> Self:
        """Return the normalizer of the given samples of a data set's field, read in blocks."""
        each = int(np.prod(view.shape[1:]))
        step = max(1, _VALUES_AT_ONCE // each)

        def blocks() -> Iterator[NDArray[Any]]:
            for k in range(0, len(samples), step):
                some = samples[k : k + step]
                block = np.asarray(view[some])
                require_finite_samples(block, some, view.name)
                yield block

        return cls.of(blocks(), centred=centred)

    @property
    def shift(self) -> float:
        """What normalized fields are short of `target`: mean / scale, unless that is large."""
        return 0.0 if self.level else self.mean / self.scale

    @property
    def level(self) -> float:
        """What `target` is short of the field over its scale: mean / scale where that is large.

        Relative errors count it in their denominators alone, so that a large mean costs no digits.

        >>> Normalizer(3.0, 2.0).level, Normalizer(1e5, 0.125).level
        (0.0, 800000.0)
        """
        level = self.mean / self.scale
        return level if abs(level) > _LARGE else 0.0

    def target(self, v: Any) -> NDArray[np.floating]:
        """Return what a network's output + shift shall be: the field over its scale, less level."""
        # A large mean has more digits than fields in single precision.
        return self.encode(np.asarray(v, np.float64)) if self.level else v / self.scale

    def encode(self, v: Any) -> Any:
        """Return (v - mean) / scale."""
        return (v - self.mean) / self.scale

    def decode(self, w: Any) -> Any:
        """Return mean + scale w."""
        return self.mean + self.scale * w
