"""Learning static fields from fields: one forward pass and a relative error per sample."""

from typing import Any

from torch import Tensor, nn

from nwidth.arguments import require_instance
from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.operators.training.augmentation import Augmentation, transformed
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.losses import Loss, loss_named, relative_l2
from nwidth.operators.training.training_data import TrainingData

# What a random stream of (seed, purpose, step) is for; 0 is the split and 1 the order of samples.
_SYMMETRY = 2


class FieldTask(LearningTask):
    """Samples of input fields a and output fields u of a data set: network(a) shall be u.

    The loss compares physical fields: the network's output is decoded by mean and scale of the
    output (see `TrainingData`). `loss` is a name of `losses.LOSSES` or a `Loss`; `augmentation` may
    begin on a coarser grid and turn and mirror the samples (one draw for all samples of a step).

    Raises `InputError` for an augmentation that the grid does not allow, and for symmetries of
    vector fields.
    """

    def __init__(
        self,
        data: TrainingData,
        loss: str | Loss = "l2",
        augmentation: Augmentation | None = None,
    ):
        self.data, self.loss = data, loss_named(loss)
        self.augmentation = Augmentation() if augmentation is None else augmentation
        require_instance(self.augmentation, "augmentation", Augmentation)
        self.augmentation.check(data.grid, data.dataset.provenance.get("problem"))
        for name in (*data.inputs, data.output):
            if self.augmentation.symmetries and data.dataset[name].ndim > 1 + data.grid.dimension:
                raise InputError(
                    f"augmentation: expected scalar fields for symmetries, got {name} of several "
                    "components, which would have to turn along; train without symmetries, or "
                    "store what are scalars as fields of their own"
                )

    def __len__(self) -> int:
        return len(self.data)

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the relative error of each sample in the norm of the loss."""
        factor = self.augmentation.factor_of(when.epoch, when.epochs)
        v, u = self.data.batch(positions, factor)
        if self.augmentation.symmetries:
            draw = int(generator(when.seed, _SYMMETRY, when.step).integers(48))
            v, u = transformed(v, draw), transformed(u, draw)
        grid = self.data.grid if factor == 1 else self.data.grid.coarsen(factor)
        return self.loss(model(v, grid.axes) + self.data.shift, u, grid.axes, self.data.level)

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return the relative L2 error of each sample, on the grid of the data."""
        v, u = self.data.batch(positions)
        axes = self.data.grid.axes
        return relative_l2(model(v, axes) + self.data.shift, u, axes, self.data.level)

    def describe(self) -> dict[str, Any]:
        """Return names, grid, normalizers, a digest of every number, loss and augmentation."""
        return {
            **self.data.describe(),
            "loss": self.loss.describe(),
            "augmentation": self.augmentation.describe(),
        }
