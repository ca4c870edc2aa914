"""A neural operator as a surrogate: named fields in, a named field out, one file on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_flag
from nwidth.arrays import to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.network_surrogate import NetworkSurrogate, real_field, require_inputs, split
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.augmentation import Augmentation
from nwidth.operators.training.coefficient_task import static_task
from nwidth.operators.training.data_agreement import (
    require_agreement,
    require_finite_samples,
    require_same_units,
)
from nwidth.operators.training.field_errors import sample_errors, summary
from nwidth.operators.training.normalizer import Normalizer
from nwidth.operators.training.sample_blocks import sample_blocks
from nwidth.operators.training.training_data import TrainingData, as_channels, channels_of
from nwidth.operators.training.training_options import Progress, TrainingOptions
from nwidth.rom.surrogate import Surrogate


class NeuralOperator(NetworkSurrogate, Surrogate):
    """A network with the names, normalizers and grid that make it a surrogate of a problem.

        u = decode(network(encode(a_1), encode(a_2), ...; grid))

    `fit` trains it on the fields of a data set by name, `predict` evaluates it on any grid of the
    same box, `save` writes weights, normalizers, architecture, grid, units, boundary conditions,
    provenance of the data (problem, parameters, solver), history and metrics to one HDF5 file, and
    `load` builds it from that file and executes nothing. Data of other variables, units, boxes,
    dimension or boundary conditions than those of the training are refused in words.

    `inputs` (one name or several, in the order of the network's channels) and `output` are names of
    fields of the data. Fields have shape (sample, *grid), or (sample, *grid, component) for
    vectors, whose components are channels of the network. Precision and device are those of the
    network's parameters; predictions come as NumPy arrays in the same precision.

    >>> from nwidth.operators import FNO
    >>> network = FNO(modes=(4, 4), width=8, layers=2)
    >>> model = NeuralOperator(network, inputs="permeability", output="pressure")
    >>> model.predict({"permeability": np.ones((1, 9, 9))})
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: neural operator: expected a fitted model; call fit, or load one
    """

    kind: ClassVar[str] = "neural-operator"
    title: ClassVar[str] = "neural operator"

    def __init__(
        self,
        model: OperatorNetwork,
        *,
        inputs: str | Sequence[str],
        output: str,
    ):
        super().__init__(model)
        names: tuple[Any, ...] = (inputs,) if isinstance(inputs, str) else (None,)
        if isinstance(inputs, Sequence) and not isinstance(inputs, str):
            names = tuple(inputs)
        if not all(isinstance(name, str) for name in (*names, output)):
            raise InputError(
                f"neural operator: expected names of fields for inputs and output, got {inputs!r} "
                f"and {output!r}"
            )
        if not names or len({*names, output}) != len(names) + 1:
            raise InputError(
                f"neural operator: expected different names of inputs and output, got {names} "
                f"and {output!r}"
            )
        self.inputs, self.output = names, output
        self.grid: Grid | None = None
        self.channels: dict[str, int] = {}
        self.units: dict[str, str] = {}
        self.boundary: dict[str, Any] = {}

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of inputs and output."""
        return (*self.inputs, self.output)

    def fit(
        self,
        dataset: FieldDataset,
        options: TrainingOptions | None = None,
        *,
        augmentation: Augmentation | None = None,
        validation: FieldDataset | None = None,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Train on the samples of a data set and return the model itself.

        Statistics for the normalizers come from the training samples alone. Without a `validation`
        data set, the share `options.validation` of the samples is held out. With `checkpoint`, an
        interrupted training continues from that file, and a finished one is read from it.

        With `resume` a model goes on with its training (after `load`, if it was saved with
        optimizer=True): weights, optimizer, normalizers and history are those it ended with, and
        `options.epochs` counts all epochs, the former ones too. On the same data and with a
        constant schedule it ends as if it had not been stopped.

        Raises `InputError` for data whose dimension, fields or grid do not suit the network; it
        may not have more modes than their grid resolves.
        """
        options = TrainingOptions() if options is None else options
        _require(options, TrainingOptions, "options", "pass TrainingOptions(...)")
        channels = self._checked_channels(dataset)
        if require_flag(resume, "resume"):
            self._require_resumable()
            self.require_agreement_with(dataset)
        self.model.check(dataset.grid.axes)
        if augmentation is not None:
            _require(augmentation, Augmentation, "augmentation", "pass Augmentation(...)")
        kept, held = split(len(dataset), options, validation is not None)
        like = next(self.model.parameters())
        normalizers = self.normalizers
        if not resume:
            normalizers = self._normalizers_of(
                self.field_names,
                (self.output,),
                lambda name, centred: Normalizer.of_field(dataset[name], kept, centred=centred),
            )
        _require_range(normalizers[self.output], self.output, like.dtype)
        arguments = (self.inputs, self.output)
        training = TrainingData(dataset, *arguments, kept, normalizers, like)
        checking = None
        if validation is not None:
            self._checked_channels(validation)
            require_agreement(
                validation, self.field_names, dataset.units, dataset.grid, dataset.boundary
            )
            every = np.arange(len(validation))
            checking = TrainingData(validation, *arguments, every, normalizers, like)
        elif len(held):
            checking = TrainingData(dataset, *arguments, held, normalizers, like)
        task = static_task(self.model, training, options.loss, augmentation)
        held_out = None if checking is None else static_task(self.model, checking, options.loss)
        self._train(
            options,
            task,
            held_out,
            len(kept),
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
        )
        self.metrics["augmentation"] = (augmentation or Augmentation()).describe()
        self.units = {name: dataset.units[name] for name in self.field_names}
        self.boundary = dict(dataset.boundary)
        self.grid, self.normalizers, self.channels = dataset.grid, normalizers, channels
        self.provenance = dict(dataset.provenance)
        return self

    @torch.no_grad()
    def predict(
        self,
        inputs: Mapping[str, Any] | FieldDataset,
        grid: Grid | None = None,
        *,
        batch: int | None = None,
    ) -> NDArray[np.floating]:
        """Return the output (sample, *grid) for inputs (sample, *grid) by name.

        `grid` says where the inputs are given; without it they lie on the training grid, or, for
        another number of points, on the like grid of the same box. A data set brings its grid
        along, and its units and boundary conditions are compared with those of the training.
        `batch` samples are evaluated at once (default: as many as fit about 2^17 points).

        Raises `InputError` for other names, shapes or boxes and for complex numbers, and
        `NonFiniteError` for NaN inputs and for inputs so far from the training data that the
        network's precision has no number for them or for what comes of them.
        """
        self._require_fitted()
        if isinstance(inputs, FieldDataset):
            self.require_agreement_with(inputs)
            grid = inputs.grid
            inputs = {name: inputs[name][:] for name in self.inputs if name in inputs.field_names}
        fields = self._checked_inputs(inputs)
        d = self.model.dimension
        first = fields[self.inputs[0]]
        grid = self._grid_of(first.shape[1 : d + 1]) if grid is None else self._checked_grid(grid)
        for name, field in fields.items():
            wanted = (len(first), *grid.shape)
            if field.shape[: d + 1] != wanted:
                raise InputError(
                    f"{name}: expected shape {wanted} for {len(first)} samples on this grid, "
                    f"got {field.shape}"
                )
        like = next(self.model.parameters())
        v = np.concatenate([self._encoded(name, fields[name]) for name in self.inputs], axis=1)
        self.model.eval()
        parts = []
        for some in sample_blocks(len(v), grid.size, batch):
            part = torch.tensor(v[some], dtype=like.dtype, device=like.device)
            self._require_representable(part, some.start, "normalized inputs")
            part = self.model(part, grid.axes)
            self._require_representable(part, some.start, "outputs")
            parts.append(to_numpy(part))
        with np.errstate(over="ignore", invalid="ignore"):
            u = self.normalizers[self.output].decode(np.concatenate(parts))
        self._require_representable(torch.from_numpy(u), 0, "outputs")
        return u[:, 0] if self.channels[self.output] == 1 else np.moveaxis(u, 1, -1)

    def evaluate(self, dataset: FieldDataset) -> dict[str, float]:
        """Return mean, median and largest relative L2 and H1 error over a data set, on its grid.

        Raises `InputError` for data of other units, boundary conditions or boxes than the model's.
        """
        self.require_suitable(dataset)
        scale = self.normalizers[self.output].scale
        return summary(sample_errors(self.predict, dataset, self.inputs, self.output, scale))

    def require_suitable(self, dataset: FieldDataset) -> None:
        """Raise `InputError` unless the model is fitted and was so on data of this kind."""
        self._require_fitted()
        self._checked_channels(dataset)
        self.require_agreement_with(dataset)

    def _own_parts(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        assert self.grid is not None
        return {}, {
            "inputs": list(self.inputs),
            "output": self.output,
            "channels": self.channels,
            "grid": self.grid.describe(),
            "units": self.units,
            "boundary": self.boundary,
        }

    @classmethod
    def _named(
        cls, network: OperatorNetwork, description: Mapping[str, Any], arrays: Mapping[str, NDArray]
    ) -> Self:
        return cls(network, inputs=description["inputs"], output=description["output"])

    def _restore(self, description: Mapping[str, Any]) -> None:
        self.channels = {name: int(n) for name, n in description["channels"].items()}
        self.grid = Grid.from_description(description["grid"])
        incoming = sum(self.channels[name] for name in self.inputs)
        told = (self.grid.dimension, incoming, self.channels[self.output])
        needed = (self.model.dimension, self.model.in_channels, self.model.out_channels)
        if told != needed:
            raise ValueError(f"expected {needed} axes, inputs and outputs, got {told}")
        # Files of the first version tell nothing of these.
        self.units = dict(description.get("units", {}))
        self.boundary = dict(description.get("boundary", {}))

    def __repr__(self) -> str:
        return (
            f"NeuralOperator({', '.join(self.inputs)} -> {self.output}, {self._network_told}, "
            f"{'fitted on ' + str(self.grid) if self.grid else 'not fitted'})"
        )

    def require_agreement_with(self, dataset: FieldDataset) -> None:
        """Raise `InputError` unless a data set is of the kind the model was trained on."""
        self._require_fitted()
        assert self.grid is not None
        if dataset.grid.dimension != self.grid.dimension:
            raise InputError(
                f"expected data of dimension {self.grid.dimension}, the model's, got "
                f"{dataset.grid.dimension} in {dataset.path}"
            )
        names = [n for n in self.field_names if n in dataset.field_names]
        require_agreement(dataset, names, self.units, self.grid, self.boundary)

    def _checked_channels(self, dataset: FieldDataset) -> dict[str, int]:
        """Return the channels of each field, if the data set suits the network."""
        _require(dataset, FieldDataset, "data", "open a file with FieldDataset.open(path)")
        if len(dataset) == 0:
            raise InputError(f"expected samples in {dataset.path}, got none; generate some first")
        if dataset.grid.dimension != self.model.dimension:
            raise InputError(
                f"expected data of dimension {self.model.dimension}, the network's, got "
                f"{dataset.grid.dimension} in {dataset.path}; choose as many modes as axes"
            )
        channels = {name: channels_of(dataset, name) for name in self.field_names}
        incoming = sum(channels[name] for name in self.inputs)
        if (incoming, channels[self.output]) != (self.model.in_channels, self.model.out_channels):
            raise InputError(
                f"expected {self.model.in_channels} input and {self.model.out_channels} output "
                f"channels, the network's, got {incoming} and {channels[self.output]} in "
                f"{dataset.path}; build the network with these numbers"
            )
        return channels

    def _checked_inputs(self, inputs: Mapping[str, Any]) -> dict[str, NDArray]:
        """Return the input fields as finite floating arrays of plausible shape."""
        _require(inputs, Mapping, "inputs", "pass arrays by name: {name: array}")
        require_inputs(inputs, self.inputs)
        d = self.model.dimension
        fields = {}
        for name in self.inputs:
            field = real_field(inputs[name], name)
            components = self.channels[name]
            right = field.ndim == d + 1 if components == 1 else field.ndim == d + 2
            if components > 1 and right:
                right = field.shape[-1] == components
            if not right or not len(field):
                tail = ", component" if components > 1 else ""
                raise InputError(
                    f"{name}: expected shape (sample, {d} grid axes{tail}) with at least one "
                    f"sample, got {field.shape}; a single field needs a leading axis: field[None]"
                )
            require_finite_samples(field, np.arange(len(field)), name)
            fields[name] = field
        return fields

    def _encoded(self, name: str, field: NDArray) -> NDArray:
        """Return a field normalized, as (sample, channel, *grid)."""
        with np.errstate(over="ignore"):
            return as_channels(self.normalizers[name].encode(field), self.model.dimension)

    def _require_representable(self, values: torch.Tensor, start: int, what: str) -> None:
        """Raise `NonFiniteError` for samples, counted from `start`, that overflowed."""
        good = torch.isfinite(values).flatten(1).all(1)
        if not bool(good.all()):
            sample = start + int(np.argmin(to_numpy(good)))
            kind = str(values.dtype).removeprefix("torch.")
            raise NonFiniteError(
                f"prediction of {self.output}: expected finite {what}, but sample {sample} is "
                f"beyond the range of {kind}; bring {', '.join(self.inputs)} nearer to the "
                "training data"
            )

    def _checked_grid(self, grid: Grid) -> Grid:
        """Return the grid if it spans the box the network was trained on."""
        assert self.grid is not None
        _require(grid, Grid, "grid", "pass the Grid that the fields are given on")
        if not self.grid.same_box(grid):
            raise InputError(
                f"expected a grid of the box the model was trained on, {self.grid}, got {grid}"
            )
        require_same_units(self.grid, grid)
        return grid

    def _grid_of(self, shape: tuple[int, ...]) -> Grid:
        """Return the training grid, or the like uniform grid of the same box with this shape."""
        assert self.grid is not None
        if shape == self.grid.shape:
            return self.grid
        if not all(axis.is_uniform for axis in self.grid.axes):
            raise InputError(
                f"expected inputs of shape {self.grid.shape}, the training grid's, got {shape}; "
                "the grid is not uniform, so pass grid= with the new points"
            )
        return Grid(
            tuple(axis.with_points(n) for n, axis in zip(shape, self.grid.axes, strict=True))
        )


def _require_range(normalizer: Normalizer, name: str, dtype: torch.dtype) -> None:
    """Raise `InputError` for an output whose numbers the network's precision does not hold."""
    limits, kind = torch.finfo(dtype), str(dtype).removeprefix("torch.")
    if not 1e3 * limits.tiny < max(normalizer.scale, abs(normalizer.mean)) < 1e-3 * limits.max:
        raise InputError(
            f"{name}: expected numbers well within the range of {kind}, the network's, got some of "
            f"the size {max(normalizer.scale, abs(normalizer.mean)):.3g}; store the field in "
            "another unit, or convert the network by .double()"
        )


def _require(value: Any, kind: type, name: str, remedy: str) -> None:
    """Raise `InputError` for an argument of another type."""
    if not isinstance(value, kind):
        raise InputError(f"{name}: expected {kind.__name__}, got {type(value).__name__}; {remedy}")
