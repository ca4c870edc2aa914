"""What the surrogates of a network share: its training, what is known of that, and their file."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_path
from nwidth.arrays import as_floating, generator, to_numpy
from nwidth.errors import InputError
from nwidth.operators.architectures import require_network
from nwidth.operators.model_file import described, load_model, save_model, training_record
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.learning_task import LearningTask
from nwidth.operators.training.normalizer import Normalizer
from nwidth.operators.training.trainer import Trainer
from nwidth.operators.training.training_checkpoint import TrainingRecord
from nwidth.operators.training.training_options import Progress, TrainingOptions

Array = NDArray[Any]

_SPLIT = 0


class NetworkSurrogate(ABC):
    """A network, the normalizers of its fields, and the record of its training.

    A kind of surrogate adds the names of its fields, where they live, and how a network is asked.
    It is fitted once it has normalizers.

    Attributes:
        kind: what its file says that it holds.
        title: how its messages begin.
        samples: what the counts in `metrics` are counts of.
        kept: names of the attributes that the description in the file has as they are.
        model: the network.
        normalizers: of each field by name.
        provenance: where the data came from.
        record: weights and optimizer at the end of the training, None if they were not kept.
        history: the training, epoch by epoch. metrics: what it reached.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    samples: ClassVar[str] = "samples"
    kept: ClassVar[tuple[str, ...]] = ("provenance", "history", "metrics")

    def __init__(self, model: OperatorNetwork):
        self.model: Any = require_network(model, self.title)
        self.normalizers: dict[str, Normalizer] = {}
        self.provenance: dict[str, Any] = {}
        self.record: TrainingRecord | None = None
        self.history: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}

    @property
    @abstractmethod
    def field_names(self) -> tuple[str, ...]:
        """Names of all fields that have a normalizer."""

    @abstractmethod
    def _own_parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the arrays and the description that a file of this kind has besides."""

    @classmethod
    @abstractmethod
    def _named(
        cls, network: OperatorNetwork, description: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Return a surrogate with the names of the fields in a file, all `field_names` of them."""

    @abstractmethod
    def _restore(self, description: Mapping[str, Any]) -> None:
        """Take back the rest of what `_own_parts` described."""

    def save(self, path: str | Path, *, optimizer: bool = False) -> None:
        """Write the model to one HDF5 file, whole or not at all.

        With `optimizer` the state of the optimizer goes along, about three times the weights, from
        which `fit(..., resume=True)` goes on.
        """
        arrays, description = self.parts()
        if require_flag(optimizer, "optimizer") and self.record is None:
            raise InputError(
                "save: expected a model that knows its optimizer, got one that was loaded without; "
                "leave out optimizer=True"
            )
        record = self.record if optimizer else None
        save_model(path, self.kind, self.model, description, arrays, record)

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description: all of the file but network and optimizer."""
        self._require_fitted()
        arrays, description = self._own_parts()
        for name, normalizer in self.normalizers.items():
            arrays[f"normalizers/{name}"] = np.array([normalizer.mean, normalizer.scale])
        return arrays, description | {name: getattr(self, name) for name in self.kept}

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file.

        Raises `FileFormatError` for a missing, damaged or foreign file and for a network that this
        version does not know.
        """
        network, description, arrays = load_model(path, cls.kind)
        with described(Path(path), cls.kind):
            self = cls.of_parts(network, description, arrays)
            self.record = training_record(arrays, description)
        return self

    @classmethod
    def of_parts(
        cls, network: OperatorNetwork, description: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Return the model of `parts`; KeyError, TypeError or ValueError if something lacks."""
        self = cls._named(network, description, arrays)
        for name in self.field_names:
            self.normalizers[name] = Normalizer(*arrays[f"normalizers/{name}"].tolist())
        self._restore(description)
        for name in self.kept:
            setattr(self, name, description[name])
        return self

    def _require_fitted(self) -> None:
        if not self.normalizers:
            raise InputError(f"{self.title}: expected a fitted model; call fit, or load one")

    def _require_resumable(self) -> None:
        """Raise `InputError` unless the training can go on."""
        self._require_fitted()
        if self.record is None:
            raise InputError(
                "resume: expected a model that knows its optimizer, got one without; fit it "
                "first, or save it with save(path, optimizer=True)"
            )

    def _train(
        self,
        options: TrainingOptions,
        task: LearningTask,
        validation: LearningTask | None,
        count: int,
        *,
        progress: Progress | None,
        checkpoint: str | Path | None,
        resume: bool,
    ) -> None:
        """Train the network on a task of so many samples, and keep record, history and metrics.

        With `resume` it goes on from the record. The best weights by the validation task, if there
        is one, are those it ends with.
        """
        trainer = Trainer(
            self.model,
            options,
            task,
            validation,
            progress=progress,
            checkpoint=None if checkpoint is None else require_path(checkpoint, "checkpoint"),
        )
        state = trainer.run(self.record if resume else None)
        self.record, self.history = trainer.record, state.history
        self.metrics = {
            f"training_{self.samples}": count,
            "epochs": state.epoch,
            "options": options.describe(),
        }
        if validation is not None:
            self.metrics |= {
                f"validation_{self.samples}": len(validation),
                "validation_relative_l2": state.best_error,
                "best_epoch": state.best_epoch,
            }

    def _normalizers_of(
        self, names: Iterable[str], outputs: Collection[str], of: Callable[[str, bool], Normalizer]
    ) -> dict[str, Normalizer]:
        """Return the normalizers of fields by name; `of(name, centred)` measures one."""
        # A network that forces zeros at walls needs an output that is scaled, not shifted.
        walls = any(self.model.dirichlet)
        return {name: of(name, not (walls and name in outputs)) for name in names}

    @property
    def _network_told(self) -> str:
        """Name and size of the network."""
        count = sum(p.numel() for p in self.model.parameters())
        return f"{type(self.model).__name__} of {count} parameters"


def split(samples: int, options: TrainingOptions, validated: bool) -> tuple[Array, Array]:
    """Return the sorted numbers of the samples to train on and to hold out.

    None are held out if the training is `validated` on samples of their own.

    >>> [part.tolist() for part in split(5, TrainingOptions(validation=0.4), False)]
    [[0, 1, 3], [2, 4]]
    """
    order = generator(options.seed, _SPLIT).permutation(samples)
    held = 0 if validated else options.held_out(samples)
    return np.sort(order[held:]), np.sort(order[:held])


def require_inputs(inputs: Mapping[str, Any], names: Collection[str]) -> None:
    """Raise `InputError` unless the inputs are those of these names."""
    if {*inputs} != {*names}:
        raise InputError(
            f"expected the inputs {', '.join(names)}, got "
            f"{', '.join(map(str, inputs)) or 'none'}; this model was trained on those"
        )


def real_field(value: Any, name: str) -> NDArray[np.floating]:
    """Return a field as a real floating array on the host, or raise `InputError`."""
    field = to_numpy(as_floating(value, name))
    if field.dtype.kind == "c":
        raise InputError(
            f"{name}: expected real numbers, got {field.dtype}; pass real and imaginary parts as "
            "fields of their own"
        )
    return field
