"""What the surrogates of equations in time share: names, grid, time step, units, files, checks."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_instance, require_integer, require_number
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.in_time.error_in_time import ErrorInTime
from nwidth.operators.in_time.resampled_field import resampled_field
from nwidth.operators.in_time.state_windows import CACHE_BYTES, StateWindows
from nwidth.operators.in_time.time_setting import TimeSetting, time_step_of
from nwidth.operators.network_surrogate import NetworkSurrogate, real_field, require_inputs, split
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.learning_task import LearningTask
from nwidth.operators.training.normalizer import Normalizer
from nwidth.operators.training.training_options import Progress, TrainingOptions


class TimeDependentOperator(NetworkSurrogate):
    """A network with names, normalizers, grid and time step: a surrogate of an equation in time.

    `fields` are the names of the fields that change, whose last `history` states go in; `inputs`
    are constant fields of the data, one per trajectory; fields that are the same for all
    trajectories (a forcing) are given to `fit` as `shared` and kept in the model. The network's
    channels are the states, oldest first, each with all fields and their components, then `inputs`,
    then `shared`.

    After `fit`, `history` is the record of the training and `metrics` what it reached.
    """

    samples: ClassVar[str] = "trajectories"

    def __init__(
        self,
        model: OperatorNetwork,
        *,
        fields: str | Sequence[str],
        history: int = 1,
        inputs: str | Sequence[str] = (),
    ):
        super().__init__(model)
        self.fields, self.inputs = _names(fields, "fields"), _names(inputs, "inputs")
        if not self.fields or len({*self.fields, *self.inputs}) < len(self.fields + self.inputs):
            raise InputError(
                f"{self.kind}: expected different names of fields and inputs, at least one field, "
                f"got {self.fields} and {self.inputs}"
            )
        self.window = require_integer(history, f"{self.kind}: history", 1)
        self.grid: Grid | None = None
        self.setting: TimeSetting | None = None
        self.components: dict[str, tuple[int, ...]] = {}
        self.shared: dict[str, NDArray[Any]] = {}

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of fields, inputs and shared fields."""
        return (*self.fields, *self.inputs, *self.shared)

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what the file of this kind has besides, as JSON."""

    @abstractmethod
    def _restore_settings(self, settings: Mapping[str, Any]) -> None:
        """Take the settings back."""

    def _fit(
        self,
        dataset: FieldDataset,
        options: TrainingOptions | None,
        validation: FieldDataset | None,
        shared: Mapping[str, Any] | None,
        stride: int,
        task: Any,
        progress: Progress | None,
        checkpoint: str | Path | None,
        resume: bool,
    ) -> None:
        """Train on `task(windows, checking)`, made of windows of states to train and validate on.

        `checking` says which of the two the windows are for. With `resume`, normalizers and shared
        fields stay those of the former training.
        """
        options = TrainingOptions() if options is None else options
        require_instance(options, "options", TrainingOptions)
        stride = require_integer(stride, "stride", 1)
        if require_flag(resume, "resume"):
            stride = self._stride_to_resume(dataset, stride, shared)
        setting, components = self._setting_of(dataset, stride)
        given = (
            self._shared_on(dataset.grid) if resume else self._checked_shared(shared, dataset.grid)
        )
        self._require_channels(components, given)
        kept, held = split(len(dataset), options, validation is not None)
        like = next(self.model.parameters())
        normalizers = self.normalizers
        if not resume:
            normalizers = self._normalizers_of(
                (*self.fields, *self.inputs),
                self.fields,
                lambda name, centred: Normalizer.of_field(dataset[name], kept, centred=centred),
            )
            normalizers |= {name: Normalizer.of([field]) for name, field in given.items()}
        # What the windows and tasks ask for is set before they are made, and kept only on success.
        former = self.__dict__.copy()
        self.grid, self.setting, self.components = dataset.grid, setting, components
        self.normalizers, self.shared = normalizers, given
        try:

            def windows(data: FieldDataset, samples: NDArray[Any], every: int) -> StateWindows:
                return StateWindows(
                    data,
                    self.fields,
                    self.inputs,
                    samples,
                    normalizers,
                    like,
                    shared=given,
                    stride=every,
                    budget=CACHE_BYTES,
                )

            training: LearningTask = task(windows(dataset, kept, stride), False)
            checking: LearningTask | None = None
            if validation is not None:
                every = self.require_like(validation)
                if validation.grid != dataset.grid:
                    raise InputError(
                        f"validation: expected the grid of the training data, {dataset.grid}, got "
                        f"{validation.grid}"
                    )
                checking = task(windows(validation, np.arange(len(validation)), every), True)
            elif len(held):
                checking = task(windows(dataset, held, stride), True)
            self._train(
                options,
                training,
                checking,
                len(kept),
                progress=progress,
                checkpoint=checkpoint,
                resume=resume,
            )
        except BaseException:
            self.__dict__.update(former)
            raise
        self.provenance = dict(dataset.provenance)

    def _stride_to_resume(
        self, dataset: FieldDataset, stride: int, shared: Mapping[str, Any] | None
    ) -> int:
        """Return the stride of data to go on with, or raise `InputError` why one cannot."""
        self._require_resumable()
        own = self.require_like(dataset)
        if shared is not None or stride not in (1, own):
            raise InputError(
                f"resume: expected the time step and the shared fields of the former training, "
                f"which the model has ({self!r}); leave out shared and stride"
            )
        return own

    def _own_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        assert self.grid is not None and self.setting is not None
        arrays = {f"shared/{name}": field for name, field in self.shared.items()}
        return arrays, {
            "fields": list(self.fields),
            "inputs": list(self.inputs),
            "states": self.window,
            "components": {name: list(c) for name, c in self.components.items()},
            "grid": self.grid.describe(),
            "time": self.setting.describe(),
            "operator": self._settings(),
        }

    @classmethod
    def _named(
        cls,
        network: OperatorNetwork,
        description: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
    ) -> Self:
        self = cls(
            network,
            fields=description["fields"],
            history=description["states"],
            inputs=description["inputs"],
        )
        for name, field in arrays.items():
            part, _, rest = name.partition("/")
            if part == "shared":
                self.shared[rest] = field
        return self

    def _restore(self, description: Mapping[str, Any]) -> None:
        self.grid = Grid.from_description(description["grid"])
        self.components = {n: tuple(c) for n, c in description["components"].items()}
        self._require_channels(self.components, self.shared)
        self.setting = TimeSetting(**description["time"])
        require_number(self.setting.step, "time step", "(0, inf)")
        self._restore_settings(description["operator"])

    def __repr__(self) -> str:
        fitted = "not fitted"
        if self.setting is not None:
            fitted = f"time step {self.setting.step:g}, fitted on {self.grid}"
        return (
            f"{type(self).__name__}({', '.join(self.fields)}, history {self.window}, "
            f"{self._network_told}, {fitted})"
        )

    @property
    def channels(self) -> int:
        """Number of channels of one state."""
        return sum(int(np.prod(self.components[name])) for name in self.fields)

    def _setting_of(
        self, dataset: FieldDataset, stride: int
    ) -> tuple[TimeSetting, dict[str, tuple[int, ...]]]:
        """Return what data have that the model is to be fitted to, if they suit it."""
        components = self._checked_fields(dataset)
        units = {name: dataset.units[name] for name in (*self.fields, *self.inputs)}
        step = stride * time_step_of(dataset)
        setting = TimeSetting(step, dataset.layout.time_unit, units, dict(dataset.boundary))
        return setting, components

    def require_like(self, dataset: FieldDataset) -> int:
        """Return how many steps of a data set are one of the model.

        Raises `InputError` for data with other fields, units, grids, times or boundary conditions
        than those of the training.
        """
        self._require_fitted()
        assert self.setting is not None
        if self._checked_fields(dataset) != self.components:
            raise InputError(
                f"expected fields with the components {self.components}, the model's, "
                f"got others in {dataset.path}"
            )
        self._checked_grid(dataset.grid)
        self.setting.require(dataset, (*self.fields, *self.inputs))
        return self.setting.stride(dataset)

    def _checked_fields(self, dataset: FieldDataset) -> dict[str, tuple[int, ...]]:
        """Return the components of the fields of a data set, or raise `InputError`."""
        require_instance(dataset, "data", FieldDataset)
        if len(dataset) == 0:
            raise InputError(f"expected samples in {dataset.path}, got none; generate some first")
        time_step_of(dataset)
        components = {}
        for name in (*self.fields, *self.inputs):
            if name not in dataset.field_names:
                raise InputError(
                    f"expected a field {name!r} in {dataset.path}, got "
                    f"{', '.join(dataset.field_names)}; name fields and inputs after the data's"
                )
            field = dataset.layout.fields[name]
            if field.constant != (name in self.inputs):
                has, wanted = ("no times", "a field") if field.constant else ("times", "an input")
                raise InputError(
                    f"{name}: expected fields that change in time and inputs that do not, but "
                    f"{wanted} in {dataset.path} has {has}; exchange them"
                )
            components[name] = tuple(field.components)
        return components

    def _require_channels(
        self, components: Mapping[str, tuple[int, ...]], shared: Mapping[str, Any]
    ) -> None:
        """Raise `InputError` unless the network has the channels that the fields need."""
        sizes = {name: int(np.prod(c)) for name, c in components.items()}
        state = sum(sizes[name] for name in self.fields)
        wanted = self.window * state + sum(sizes[name] for name in self.inputs) + len(shared)
        if (self.model.in_channels, self.model.out_channels) != (wanted, state):
            raise InputError(
                f"{self.kind}: expected a network of {wanted} input channels ({self.window} x "
                f"{state} of {', '.join(self.fields)}, {wanted - self.window * state} of inputs "
                f"and shared fields) and {state} output channels, got {self.model.in_channels} and "
                f"{self.model.out_channels}; build it with these numbers"
            )

    def _checked_shared(
        self, shared: Mapping[str, Any] | None, grid: Grid
    ) -> dict[str, NDArray[Any]]:
        """Return shared fields as finite arrays on the grid."""
        given = {} if shared is None else dict(require_instance(shared, "shared", Mapping))
        for name, value in given.items():
            field = to_numpy(as_floating(value, f"shared: {name}"))
            if name in (*self.fields, *self.inputs) or field.dtype.kind == "c":
                raise InputError(
                    f"shared: expected real fields with names of their own, got {name!r}"
                )
            if field.shape != grid.shape:
                raise InputError(
                    f"shared: {name}: expected shape {grid.shape}, the grid's, got {field.shape}"
                )
            given[name] = require_finite(field, f"shared: {name}").astype(np.float64)
        return given

    def _shared_on(self, grid: Grid) -> dict[str, NDArray[Any]]:
        """Return the shared fields on another grid of the box."""
        assert self.grid is not None
        return {n: resampled_field(field, self.grid, grid) for n, field in self.shared.items()}

    def _checked_grid(self, grid: Any) -> Grid:
        """Return a grid if it spans the box the network was trained on, in its units."""
        assert self.grid is not None
        require_instance(grid, "grid", Grid)
        if not self.grid.same_box(grid) or [a.unit for a in grid.axes] != [
            a.unit for a in self.grid.axes
        ]:
            raise InputError(
                f"expected a grid of the box the model was trained on, {self.grid}, got {grid}"
            )
        return grid

    def _checked_states(
        self, inputs: Mapping[str, Any], grid: Grid | None
    ) -> tuple[NDArray[Any], NDArray[Any], Grid]:
        """Return normalized states (n, window, channels, *grid), constants alike, and the grid."""
        assert self.grid is not None
        require_instance(inputs, "inputs", Mapping)
        require_inputs(inputs, (*self.fields, *self.inputs))
        grid = self.grid if grid is None else self._checked_grid(grid)
        states: list[NDArray[Any]] = []
        constants: list[NDArray[Any]] = []
        count: int | None = None
        for name in (*self.fields, *self.inputs):
            field = real_field(inputs[name], name)
            lead = (self.window,) if name in self.fields else ()
            tail = (*lead, *grid.shape, *self.components[name])
            samples = field.shape[0] if field.ndim and count is None else count
            if field.shape != (samples, *tail) or not samples:
                raise InputError(
                    f"{name}: expected shape (sample, {', '.join(map(str, tail))})"
                    f"{' with the last states, oldest first' if lead else ''}, at least one "
                    f"sample and as many of each field, got {field.shape}; pass grid= for fields "
                    "on another grid"
                )
            count = samples
            require_finite(field, name)
            with np.errstate(over="ignore"):
                encoded = self.normalizers[name].encode(field)
            flat = encoded.reshape(*encoded.shape[: 1 + len(lead)], *grid.shape, -1)
            (states if lead else constants).append(np.moveaxis(flat, -1, 1 + len(lead)))
        assert count is not None
        for name, field in self._shared_on(grid).items():
            channel = self.normalizers[name].encode(field)
            constants.append(np.broadcast_to(channel, (count, 1, *grid.shape)))
        nothing = np.empty((count, 0, *grid.shape))
        return (
            np.concatenate(states, axis=2),
            np.concatenate(constants, axis=1) if constants else nothing,
            grid,
        )

    def _first_states(
        self, dataset: FieldDataset, samples: slice, start: int, stride: int
    ) -> dict[str, NDArray[Any]]:
        """Return the states from number `start` of the model on that go in, and the inputs."""
        given = slice(start * stride, (start + self.window - 1) * stride + 1, stride)
        inputs = {name: dataset[name][samples, given] for name in self.fields}
        return inputs | {name: dataset[name][samples] for name in self.inputs}

    def _error_in_time(self, grid: Grid) -> ErrorInTime:
        """Return the errors of the fields, in units of their scales, before any is added."""
        return ErrorInTime(grid, {name: self.normalizers[name].scale for name in self.fields})

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        """Return an array in the precision and on the device of the network."""
        like = next(self.model.parameters())
        return torch.tensor(np.ascontiguousarray(array), dtype=like.dtype, device=like.device)

    def _fields_of(self, states: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return normalized states (n, time, channels, *grid) as fields by name."""
        found, first = {}, 0
        for name in self.fields:
            components = self.components[name]
            n = int(np.prod(components))
            with np.errstate(over="ignore", invalid="ignore"):
                field = self.normalizers[name].decode(states[:, :, first : first + n])
            if not np.isfinite(field).all():
                raise NonFiniteError(
                    f"{name}: expected predictions within the range of {field.dtype}, the "
                    f"network's precision, but the data's scale is "
                    f"{self.normalizers[name].scale:.3g}; choose another unit, or a network of "
                    "double precision"
                )
            field = np.moveaxis(field, 2, -1)
            found[name] = np.ascontiguousarray(field.reshape(*field.shape[:-1], *components))
            first += n
        return found


def _names(names: str | Sequence[str], what: str) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    several = (names,) if isinstance(names, str) else names
    if not isinstance(several, Sequence) or not all(isinstance(name, str) for name in several):
        raise InputError(f"{what}: expected names of fields, got {names!r:.80}")
    return tuple(several)
