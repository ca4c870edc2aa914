"""What a certificate needs of a model, and what every reduced model and neural operator can do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import NDArray

from nwidth.fields import FieldDataset


@runtime_checkable
class Predictor(Protocol):
    """A model that maps input fields to an output field: all that a certificate needs."""

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return predictions `(sample, *grid)` for input fields `(sample, *grid)` by name."""
        ...


@runtime_checkable
class Surrogate(Predictor, Protocol):
    """A predictor that is fitted to data and lives in one file.

    Options of fit and predict are arguments of the model's own, each with a default. A saved
    surrogate is an HDF5 file of arrays and a JSON description: loading executes nothing.
    """

    def fit(self, dataset: FieldDataset) -> Self:
        """Fit the model to the samples of a data set and return it."""
        ...

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        ...

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file."""
        ...
