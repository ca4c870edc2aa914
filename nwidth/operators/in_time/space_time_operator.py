"""A learned map from the first states to all later ones at once, on a grid of space and time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Axis, Grid
from nwidth.operators.in_time.state_windows import StateWindows
from nwidth.operators.in_time.time_dependent_operator import TimeDependentOperator
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.augmentation import Augmentation
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.losses import Loss, loss_named
from nwidth.operators.training.sample_blocks import sample_blocks
from nwidth.operators.training.training_options import Progress, TrainingOptions


class SpaceTimeOperator(TimeDependentOperator):
    """A surrogate whose network has time as an axis: the first states in, all later ones out.

        u(t, x) = N(u(t_1, .), ..., u(t_h, .), c; t, x),      t_h < t <= T

    The h = `history` states and the constant fields c go in as channels that do not change with t;
    the grid of the network is (t, x, ...), its dimension one more than that of the fields: FNO-3D
    of Li et al. (2021), arXiv:2010.08895, section 5.3, for two axes in space. Nothing is repeated,
    so errors do not accumulate, and nothing goes beyond the last time of the training data.

    Time is an axis with two ends, from the first predicted time to the last: networks treat it as
    any axis that is not periodic, with padding, or a basis of their own. Predictions can be asked
    for at any times between its ends and on any grid of the same box.

    Good values: history 10 with the data of that paper; 8 modes in time; a `stride` that leaves 10
    to 20 times. It has each trajectory once, where `AutoregressiveOperator` has all its steps, so
    it needs more data or more weights, and is right where steps cannot be repeated.

    >>> from nwidth.operators import FNO
    >>> network = FNO(2, 1, modes=(3, 4, 4), width=8, layers=2)
    >>> model = SpaceTimeOperator(network, fields="vorticity", history=2)
    >>> model.predict({"vorticity": np.ones((1, 2, 8, 8))})
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: space-time-operator: expected a fitted model; call fit, or load one
    """

    kind: ClassVar[str] = "space-time-operator"
    title: ClassVar[str] = kind

    def __init__(
        self,
        model: OperatorNetwork,
        *,
        fields: str | Sequence[str],
        history: int = 1,
        inputs: str | Sequence[str] = (),
    ):
        super().__init__(model, fields=fields, history=history, inputs=inputs)
        if self.model.dimension < 2:
            raise InputError(
                f"{self.kind}: expected a network with an axis for time and at least one for "
                f"space, got dimension {self.model.dimension}; give it modes (time, x, ...)"
            )
        self.start = 0
        self.time_axis: Axis | None = None

    def fit(
        self,
        dataset: FieldDataset,
        options: TrainingOptions | None = None,
        *,
        start: int = 0,
        augmentation: Augmentation | None = None,
        validation: FieldDataset | None = None,
        shared: Mapping[str, Any] | None = None,
        stride: int = 1,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Train on the trajectories of a data set and return the model itself.

        Args:
            dataset: fields at equal time steps.
            options: how long, how fast, by which loss, over the block of space and time.
            start: number of the first state that goes in; all after the `history` come out.
            augmentation: `coarse` epochs are on the grid coarsened in space, not in time.
            validation: trajectories to validate on; else a share of the data is held out.
            shared: fields `(*grid)` by name that are the same for all trajectories.
            stride: use every so many-th time of the data.
            progress: called after every step with a `TrainingReport`.
            checkpoint: file from which an interrupted training continues, bit by bit.
            resume: go on with a model that is trained (after `load`, if it was saved with
                optimizer=True), to `options.epochs` in all, the former ones too.

        Raises `InputError` for data or a network that do not suit, `NonFiniteError` for NaN.
        """
        start = require_integer(start, "start", 0)
        stride = require_integer(stride, "stride", 1)
        augmentation = Augmentation() if augmentation is None else augmentation
        require_instance(augmentation, "augmentation", Augmentation)
        named = TrainingOptions() if options is None else options
        self._checked_fields(dataset)
        if dataset.grid.dimension + 1 != self.model.dimension:
            raise InputError(
                f"expected data with {self.model.dimension - 1} axes in space, one less than the "
                f"network, got {dataset.grid.dimension} in {dataset.path}; choose modes "
                "(time, x, ...)"
            )
        if augmentation.symmetries:
            raise InputError(
                "augmentation: expected none but coarse epochs, got symmetries, which would turn "
                "time into space; train without symmetries"
            )
        axis = _time_axis(dataset, start + self.window, stride)
        trained = dataset.grid
        if augmentation.coarse == 1:
            trained = trained.coarsen(augmentation.factor)
        self.model.check((axis, *trained.axes))

        def task(windows: StateWindows, checking: bool) -> BlockTask:
            return BlockTask(windows, self.window, start, axis, named.loss, augmentation)

        self._fit(dataset, options, validation, shared, stride, task, progress, checkpoint, resume)
        self.start, self.time_axis = start, axis
        self.metrics |= {"steps": axis.size, "augmentation": augmentation.describe()}
        return self

    @torch.no_grad()
    def predict(
        self,
        inputs: Mapping[str, Any],
        grid: Grid | None = None,
        *,
        times: ArrayLike | None = None,
        batch: int | None = None,
    ) -> dict[str, NDArray[np.floating]]:
        """Return each field at the predicted times by name, `(sample, time, *grid[, component])`.

        Args:
            inputs: the first states `(sample, history, *grid[, component])` of each field, oldest
                first and one time step apart, and the constant `inputs` `(sample, *grid)`.
            grid: where they are given, if not on the training grid: any grid of the same box.
            times: increasing, within `time_axis`; by default its points. The network is evaluated
                at these and its own times together.
            batch: samples to evaluate at once (default: as many as fit about 2^17 points).

        Raises `InputError` for other names, shapes, boxes or times, and `NonFiniteError` for NaN
        and for what leaves the range of numbers, with sample and time.
        """
        self._require_fitted()
        states, constants, grid = self._checked_states(inputs, grid)
        axis, wanted = self._refined(times)
        axes = (axis, *grid.axes)
        v = np.concatenate([states.reshape(len(states), -1, *grid.shape), constants], axis=1)
        self.model.eval()
        parts = []
        for some in sample_blocks(len(v), grid.size * axis.size, batch):
            out = to_numpy(self.model(_repeated(self._tensor(v[some]), axis), axes))
            parts.append(np.moveaxis(out[:, :, wanted], 1, 2))
        block = np.concatenate(parts)
        good = np.isfinite(block).reshape(*block.shape[:2], -1).all(axis=2)
        if not good.all():
            sample, j = np.argwhere(~good)[0]
            raise NonFiniteError(
                f"prediction of {', '.join(self.fields)}: expected finite numbers, but sample "
                f"{sample} is beyond their range at t = {axis.points[wanted][j]:g}; bring the "
                "first states nearer to the training data"
            )
        return self._fields_of(block)

    def evaluate(self, dataset: FieldDataset) -> dict[str, Any]:
        """Return the errors over a data set, on its grid, over all times and at each.

        Relative L2 errors are ||p - u|| / ||u|| over space and all predicted times, with equal
        weight for each time: "relative_l2_mean", "..._median", "..._max" over the samples;
        "times" and "relative_l2_over_time" have the mean at each time.
        """
        self._require_fitted()
        assert self.time_axis is not None
        stride = self.require_like(dataset)
        axis = _time_axis(dataset, self.start + self.window, stride)
        if axis != self.time_axis:
            raise InputError(
                f"expected the times of the training data, {self.time_axis} after "
                f"{self.start + self.window} states, got {axis} in {dataset.path}"
            )
        error = self._error_in_time(dataset.grid)
        first = (self.start + self.window) * stride
        for some in sample_blocks(len(dataset), dataset.grid.size * axis.size):
            inputs = self._first_states(dataset, some, self.start, stride)
            predicted = self.predict(inputs, dataset.grid)
            known = {n: dataset[n][some, first::stride] for n in self.fields}
            for j in range(axis.size):
                error.add(
                    j,
                    {n: p[:, j] for n, p in predicted.items()},
                    {n: u[:, j] for n, u in known.items()},
                )
            error.close_samples()
        return {**error.summary(), "times": axis.points.tolist()}

    @staticmethod
    def times_after(dataset: FieldDataset, before: int, stride: int = 1) -> Axis:
        """Return the axis of the times after the first ones of a data set.

        Networks are built for it: `modes` of the first axis are at most what it resolves.
        """
        return _time_axis(dataset, before, stride)

    def _refined(self, times: ArrayLike | None) -> tuple[Axis, NDArray[Any]]:
        """Return the time axis with more points, and the numbers of those that are wanted."""
        assert self.time_axis is not None
        own = self.time_axis
        if times is None:
            return own, np.arange(own.size)
        asked = np.atleast_1d(require_finite(to_numpy(real_floating(times, "times")), "times"))
        slack = 1e-9 * own.length
        inside = (asked >= own.lower - slack) & (asked <= own.upper + slack)
        if asked.ndim != 1 or not len(asked) or not (np.diff(asked) > 0).all() or not inside.all():
            raise InputError(
                f"times: expected increasing ones from {own.lower:g} to {own.upper:g}, those of "
                f"the training, got {asked.tolist()!r:.80}"
            )
        # Times that are those of the axis but for their last digits are those of the axis.
        nearest = own.points[np.abs(own.points[:, None] - asked).argmin(axis=0)]
        asked = np.where(np.abs(nearest - asked) <= slack, nearest, asked)
        points = np.union1d(own.points, asked)
        axis = Axis(points, own.lower, own.upper, own.name, own.unit)
        return (own if len(points) == own.size else axis), np.searchsorted(points, asked)

    def _settings(self) -> dict[str, Any]:
        assert self.time_axis is not None
        return {"start": self.start, "time_axis": self.time_axis.describe()}

    def _restore_settings(self, settings: Mapping[str, Any]) -> None:
        self.start = require_integer(settings["start"], "start", 0)
        self.time_axis = Axis.from_description(settings["time_axis"])


class BlockTask(LearningTask):
    """Trajectories whose first states shall give all later ones, a block of space and time.

    Loss and errors are relative ones over the block, with the trapezoid rule in time.
    """

    def __init__(
        self,
        data: StateWindows,
        window: int,
        start: int,
        axis: Axis,
        loss: str | Loss = "l2",
        augmentation: Augmentation | None = None,
    ):
        self.data, self.window, self.start, self.axis = data, window, start, axis
        self.loss = loss_named(loss)
        self.augmentation = Augmentation() if augmentation is None else augmentation
        self.augmentation.check(data.grid)

    def __len__(self) -> int:
        return len(self.data)

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the loss of each block."""
        factor = self.augmentation.factor_of(when.epoch, when.epochs)
        return self._compared(model, positions, factor, self.loss)

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return the relative L2 error of each block."""
        factor = self.augmentation.factor if self.augmentation.coarse == 1 else 1
        return self._compared(model, positions, factor, loss_named("l2"))

    def _compared(self, model: nn.Module, positions: Positions, factor: int, loss: Loss) -> Tensor:
        """Return a norm of the difference of prediction and data over that of the data."""
        positions = np.asarray(positions)
        starts = np.full(len(positions), self.start)
        count = self.data.length - self.start
        series = self.data.states(positions, starts, count, factor)
        constants = self.data.unchanging(positions, factor)
        first, later = series[:, : self.window], series[:, self.window :].transpose(1, 2)
        axes = (self.axis, *self.data.axes(factor))
        v = torch.cat([first.flatten(1, 2), constants], dim=1)
        near, level = self.data.near.unsqueeze(1), self.data.level
        level = level.unsqueeze(1) if isinstance(level, Tensor) else level
        return loss(model(_repeated(v, self.axis), axes) + near, later + near, axes, level)

    def describe(self) -> dict[str, Any]:
        """Return data, window, loss and augmentation."""
        return {
            **self.data.describe(),
            "history": self.window,
            "start": self.start,
            "loss": self.loss.describe(),
            "augmentation": self.augmentation.describe(),
        }


def _repeated(v: Tensor, axis: Axis) -> Tensor:
    """Return channels (n, channels, *grid) at all times, (n, channels, time, *grid)."""
    return v.unsqueeze(2).expand(-1, -1, axis.size, *(-1,) * (v.ndim - 2))


def _time_axis(dataset: FieldDataset, before: int, stride: int) -> Axis:
    """Return the axis of the times after the first ones of a data set."""
    assert dataset.times is not None
    times = dataset.times[::stride][before:]
    if len(times) < 2:
        raise InputError(
            f"expected at least two states after the first {before}, got {len(times)} in "
            f"{dataset.path}; start earlier, lower stride or history"
        )
    first, last = float(times[0]), float(times[-1])
    return Axis.uniform(len(times), first, last, name="time", unit=dataset.layout.time_unit)
