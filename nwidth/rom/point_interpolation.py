"""What every method of sensors and a basis can do, however it chose them."""

from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import NDArray


@runtime_checkable
class PointInterpolation(Protocol):
    """Fields from their values at a few points.

        f(y)  ~  sum_k c_k u_k(y),    c from the values f(y_m)

    `eim`, `deim`, `qdeim`, `s_opt` and `gnat` return one. Fields that are combinations of the basis
    are reproduced; with as many points as functions the given values are, too.
    """

    points: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field; `points` are flat indices into it."""
        ...

    @property
    def rank(self) -> int:
        """Number of basis functions."""
        ...

    def coefficients(self, values: Any) -> NDArray[Any]:
        """Return c (..., rank) from values (..., points)."""
        ...

    def interpolate(self, values: Any) -> NDArray[Any]:
        """Return fields (..., *shape) from values (..., points)."""
        ...

    def lebesgue_constant(self) -> float:
        """Return the factor by which errors of values grow at most, in the maximum norm."""
        ...

    def save(self, path: str | Path) -> None:
        """Write it to one HDF5 file, whole or not at all."""
        ...

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read it back; executes nothing and opens no other file."""
        ...
