"""Errors of predicted fields over a data set."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.training.losses import relative_h1, relative_l2
from nwidth.operators.training.sample_blocks import sample_blocks
from nwidth.operators.training.training_data import as_channels

Predict = Callable[[dict[str, NDArray[Any]], Grid], NDArray[Any]]


def sample_errors(
    predict: Predict, dataset: FieldDataset, inputs: Sequence[str], output: str, scale: float
) -> dict[str, NDArray[np.floating]]:
    """Return the relative L2 and H1 error of every sample of a data set, read in blocks.

    `predict(fields, grid)` answers input fields by name. `scale` is the size of the output, so that
    no unit is too large or too small for squares.
    """
    grid = dataset.grid
    errors: dict[str, list[NDArray[Any]]] = {"relative_l2": [], "relative_h1": []}
    for some in sample_blocks(len(dataset), grid.size):
        predicted = predict({name: dataset[name][some] for name in inputs}, grid)
        p, u = (
            torch.tensor(as_channels(np.asarray(a, np.float64) / scale, grid.dimension))
            for a in (predicted, dataset[output][some])
        )
        errors["relative_l2"].append(relative_l2(p, u, grid.axes).numpy())
        errors["relative_h1"].append(relative_h1(p, u, grid.axes).numpy())
    return {name: np.concatenate(parts) for name, parts in errors.items()}


def summary(errors: dict[str, NDArray[np.floating]]) -> dict[str, float]:
    """Return mean, median and largest of errors by name.

    >>> summary({"l2": np.array([1.0, 2.0, 6.0])})
    {'l2_mean': 3.0, 'l2_median': 2.0, 'l2_max': 6.0}
    """
    found = {}
    for name, each in errors.items():
        found[f"{name}_mean"] = float(each.mean())
        found[f"{name}_median"] = float(np.median(each))
        found[f"{name}_max"] = float(each.max())
    return found
