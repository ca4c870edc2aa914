"""What every reduced model and every neural operator can do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import NDArray

from nwidth.fields import FieldDataset


@runtime_checkable
class Surrogate(Protocol):
    """A model that maps input fields to an output field, is fitted to data and lives in one file.

    A saved surrogate is an HDF5 file of arrays and a JSON description: loading executes nothing.
    """

    def fit(self, dataset: FieldDataset, **options: Any) -> Self:
        """Fit the model to the samples of a data set and return it."""
        ...

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return predictions `(sample, *grid)` for input fields `(sample, *grid)` by name."""
        ...

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        ...

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file."""
        ...
