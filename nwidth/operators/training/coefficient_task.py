"""Learning coefficients from coefficients: data that are transformed once, losses by Parseval."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.orthonormal_modes import is_orthonormal
from nwidth.operators.training.augmentation import Augmentation
from nwidth.operators.training.field_task import FieldTask
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.losses import L2Loss, Loss, loss_named, raised
from nwidth.operators.training.training_data import TrainingData

_BLOCK_POINTS = 1 << 22


@runtime_checkable
class SpectralNetwork(Protocol):
    """What the task needs to know of a network, `T1` for one."""

    modes: tuple[int, ...]
    bases: tuple[str, ...]
    output_bases: tuple[str, ...]

    def analysis(self, v: Tensor, axes: tuple[Axis, ...], bases: Any = None) -> Tensor:
        """Return coefficients of functions on a grid."""

    def coefficients(self, c: Tensor) -> Tensor:
        """Return the coefficients of the output."""


def static_task(
    network: Any, data: TrainingData, loss: str | Loss, augmentation: Augmentation | None = None
) -> LearningTask:
    """Return how a network learns static fields: in coefficients if it can, else on the grid.

    Networks with `coefficients` learn by `CoefficientTask` where that is the L2 error, without an
    augmentation; all others, and all other losses, are a `FieldTask`.
    """
    plain = augmentation is None or augmentation == Augmentation()
    if isinstance(network, SpectralNetwork) and isinstance(loss_named(loss), L2Loss) and plain:
        return CoefficientTask(data, network)
    return FieldTask(data, loss, augmentation)


class CoefficientTask(LearningTask):
    """Samples of input and output fields, kept as the coefficients of a network's bases.

        loss = ( sum_k |c_k(network) - c_k(u)|^2 )^(1/2) / ||u||

    All samples are analysed once, at the start; steps of training then see coefficients alone. By
    Parseval's equation, exact for orthonormal functions, the loss is the relative L2 error of the
    network's output against the part of u that its modes can hold, and `errors` adds the rest,
    which is orthogonal to it:

        error^2 = loss^2 + ( ||u - u_modes|| / ||u|| )^2 = relative L2 error on the grid, squared.

    `truncation_error` is the mean of the rest: no training comes below.

    Raises `InputError` for grids on which the functions of the network are not orthonormal.

    >>> import tempfile
    >>> from nwidth.fields import FieldDataset
    >>> from nwidth.meshes import Grid
    >>> from nwidth.operators import Normalizer, T1
    >>> grid = Grid.periodic((8,))
    >>> wave = np.sin(2 * np.pi * grid.points[0])[None]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     names = {"a": "1", "u": "1"}
    ...     with FieldDataset.create(folder + "/d.h5", grid, names, dtype="float32") as dataset:
    ...         _ = dataset.extend({"a": wave, "u": wave + 0.1 * wave**3})
    ...         scales = {name: Normalizer(0.0, 1.0) for name in names}
    ...         samples = np.arange(1)
    ...         data = TrainingData(dataset, ("a",), "u", samples, scales, torch.zeros(1))
    ...         network = T1(modes=(2,), bases="fourier", width=4, layers=1)
    ...         round(CoefficientTask(data, network).truncation_error, 4)
    0.0232
    """

    def __init__(self, data: TrainingData, network: SpectralNetwork):
        self.data = data
        axes = data.grid.axes
        for axis, m, word in zip(axes, network.modes, network.output_bases, strict=True):
            if not is_orthonormal(axis, m, word):
                raise InputError(
                    f"coefficient task: expected an axis on which {m} {word} modes are "
                    f"orthonormal, got {axis}; take uniform points, or one mode less"
                )
        self.settings = {
            "modes": list(network.modes),
            "bases": list(network.bases),
            "output_bases": list(network.output_bases),
        }
        step = max(1, _BLOCK_POINTS // data.grid.size)
        parts: list[tuple[Tensor, ...]] = []
        with torch.no_grad():
            for start in range(0, len(data), step):
                v, u = data.batch(np.arange(start, min(start + step, len(data))))
                target = network.analysis(u - data.shift, axes, network.output_bases)
                parts.append((network.analysis(v, axes), target, *_norms(u, target, data)))
        self.inputs, self.targets, self.rest, self.sizes = (
            torch.cat(column) for column in zip(*parts, strict=True)
        )

    def __len__(self) -> int:
        return len(self.data)

    @property
    def truncation_error(self) -> float:
        """Mean relative L2 error of the best that the network's modes can do."""
        return float((self.rest / self.sizes).double().mean())

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the relative L2 error of each sample within the modes."""
        return self._distance(model, positions) / self.sizes[self._where(positions)]

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return the relative L2 error of each sample, that beyond the modes included."""
        where = self._where(positions)
        return torch.hypot(self._distance(model, positions), self.rest[where]) / self.sizes[where]

    def describe(self) -> dict[str, Any]:
        """Return names, grid, normalizers, a digest of every number, and the modes."""
        return {**self.data.describe(), "loss": "coefficients", **self.settings}

    def _distance(self, model: Any, positions: Positions) -> Tensor:
        """Return the norm of what separates the network's coefficients from the target's."""
        where = self._where(positions)
        difference = model.coefficients(self.inputs[where]) - self.targets[where]
        # vector_norm, unlike a square root of a sum, has a finite gradient at zero.
        return torch.linalg.vector_norm(difference.flatten(1), dim=1)

    def _where(self, positions: Positions) -> Tensor:
        return torch.as_tensor(positions, device=self.inputs.device)


def _norms(u: Tensor, target: Tensor, data: TrainingData) -> tuple[Tensor, Tensor]:
    """Return the norms of what the modes leave out of u, and of the field (1 where it is 0)."""
    weights = torch.ones((), dtype=torch.float64, device=u.device)
    for axis in data.grid.axes:
        share = torch.as_tensor(axis.widths / axis.length, device=u.device)
        weights = weights[..., None] * share

    def energy(field: Tensor) -> Tensor:
        return (field.double().square() * weights).flatten(1).sum(1)

    rest = energy(u - data.shift) - target.double().square().flatten(1).sum(1)
    size = energy(raised(u, data.level)).sqrt()
    size = torch.where(size > 0, size, 1.0)
    return rest.clamp(min=0).sqrt().to(u.dtype), size.to(u.dtype)
