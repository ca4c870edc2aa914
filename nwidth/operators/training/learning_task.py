"""What a `Trainer` needs to know of data and loss."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Positions = NDArray[np.integer]


@dataclass(frozen=True)
class TrainingMoment:
    """When a loss is asked for: everything that it may depend on besides model and samples.

    `epoch` and `step` count from 0, of `epochs` and `steps` in all. Whatever a task draws it draws
    from `nwidth.arrays.generator(seed, PURPOSE, step)`, with a number PURPOSE of its own, 10 or
    larger (order, symmetries and split have the smaller ones). Training then repeats itself, is
    resumed bit by bit without a stored generator, and is the same in one batch and in several
    small ones.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seed: int


class LearningTask(ABC):
    """Samples and what a network shall do with them.

    A trainer hands over positions among the samples, in batches, and minimizes the mean of the
    losses. Fields on a grid are a `FieldTask`; fields in time, point clouds, and residuals of
    equations without data are tasks of their own.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return one differentiable loss per sample, shape (n,).

        A loss may depend on its sample alone, not on the others of the batch: batches are split
        where the options ask for it.
        """

    @abstractmethod
    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return one error per sample, shape (n,), by which weights are compared.

        The relative L2 error wherever the solution is known. Called in evaluation mode and without
        gradients.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what a resumed training must agree with: settings, and a digest of the data.

        JSON-able. Called only if there is a checkpoint, so it may read all data once.
        """
