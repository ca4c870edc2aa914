"""Whether a data set speaks of the same things as the data that a model was trained on."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


def require_agreement(
    dataset: FieldDataset,
    names: Iterable[str],
    units: Mapping[str, str],
    grid: Grid,
    boundary: Mapping[str, Any],
) -> None:
    """Raise `InputError` unless fields, axes and sides are those that a model was trained on.

    Compared are the units of the named fields, the box with its periodicity and units, and the
    boundary conditions. What one side does not tell (older files, data of others) is not compared.
    """
    where = f"in {dataset.path}"
    for name in names:
        mine, other = units.get(name), dataset.units.get(name)
        if mine is not None and mine != other:
            raise InputError(
                f"{name}: expected the unit {mine!r} that the model was trained with, got "
                f"{other!r} {where}; convert the field, or train a model on such data"
            )
    if not grid.same_box(dataset.grid):
        raise InputError(
            f"expected a grid of the box the model was trained on, {grid}, got {dataset.grid} "
            f"{where}"
        )
    require_same_units(grid, dataset.grid, where)
    differs = _difference(boundary, dataset.boundary) if boundary and dataset.boundary else ""
    if differs:
        raise InputError(
            f"boundary conditions: expected those that the model was trained with, but {differs} "
            f"{where}; train a model on such data"
        )


def require_same_units(grid: Grid, other: Grid, where: str = "") -> None:
    """Raise `InputError` unless the axes of a grid have the units of those of the training."""
    for axis, another in zip(grid.axes, other.axes, strict=True):
        if axis.unit != another.unit:
            raise InputError(
                f"axis {axis.name}: expected the unit {axis.unit!r} that the model was trained "
                f"with, got {f'{another.unit!r} {where}'.strip()}; convert the coordinates"
            )


def require_finite_samples(field: NDArray[Any], samples: NDArray[np.integer], name: str) -> None:
    """Raise `NonFiniteError` naming the sample if a block of a field is not finite.

    >>> require_finite_samples(np.array([[1.0, 2.0], [3.0, np.inf]]), np.array([4, 7]), "pressure")
    Traceback (most recent call last):
        ...
    nwidth.errors.NonFiniteError: pressure: expected finite numbers, got inf in sample 7 at index \
(1,) (1 of its 2 numbers is not finite); repair or leave out the sample
    """
    if np.isfinite(field).all():
        return
    k = int(np.argmin(np.isfinite(field.reshape(len(field), -1)).all(axis=1)))
    bad = np.argwhere(~np.isfinite(field[k]))
    index = tuple(int(i) for i in bad[0])
    count = f"{len(bad)} of its {field[k].size} numbers {'is' if len(bad) == 1 else 'are'}"
    raise NonFiniteError(
        f"{name}: expected finite numbers, got {field[k][index]} in sample {samples[k]} at index "
        f"{index} ({count} not finite); repair or leave out the sample"
    )


def _difference(mine: Any, other: Any, where: str = "") -> str:
    """Return in words where two descriptions differ first."""
    if isinstance(mine, Mapping) and isinstance(other, Mapping):
        for key in sorted({*mine, *other}):
            found = _difference(mine.get(key), other.get(key), f"{where} {key}".strip())
            if found:
                return found
        return ""
    if mine == other:
        return ""
    return f"{where} was {mine!r:.60} and is {other!r:.60}"
