"""A learned map from the last states to the next, applied to its own output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_instance, require_integer
from nwidth.arrays import to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.in_time.rollout_task import NextState, Rollout, RolloutTask
from nwidth.operators.in_time.state_windows import StateWindows
from nwidth.operators.in_time.time_dependent_operator import TimeDependentOperator
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.augmentation import Augmentation
from nwidth.operators.training.sample_blocks import sample_blocks
from nwidth.operators.training.training_options import Progress, TrainingOptions

# A state so many times larger than all that were seen in training is no prediction any more.
_BLOWN_UP = 100.0


class AutoregressiveOperator(TimeDependentOperator):
    """A surrogate that predicts fields step by step: the network makes one, its output goes in.

        u_{n+1} = u_n + g N(u_{n-h+1}, ..., u_n; c)          (increments, the default)
        u_{n+1} =       N(u_{n-h+1}, ..., u_n; c)

    with h = `history` states that go in and constant fields c. This is FNO-2D of Li et al. (2021),
    arXiv:2010.08895, section 5.3, for h = 10 and states. An autonomous equation of first order in
    time needs h = 1 only, if all that drives it is among the fields, `inputs` and `shared`: its
    next state depends on the present one alone. That is easier to learn, multiplies the data, and
    predictions can start at any state.

    `fit` learns from fields of a data set in time by name, at equal time steps, which are kept with
    the model; `predict` continues given states as far as wanted; `evaluate` says how the error
    grows; `save` and `load` keep it in one HDF5 file. Any network of
    `nwidth.operators.architectures` of the dimension of the data will do; its channels are in
    `TimeDependentOperator`.

    Good values: history 1 and increments where the step changes the fields by less than their size;
    more states for data that do not determine their future (coarse, partly observed, or of second
    order in time). See `Rollout` for the training.

    >>> from nwidth.operators import FNO
    >>> network = FNO(1, 1, modes=(4, 4), width=8, layers=2)
    >>> model = AutoregressiveOperator(network, fields="vorticity")
    >>> model.predict({"vorticity": np.ones((1, 1, 8, 8))}, steps=3)
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: autoregressive-operator: expected a fitted model; call fit, or load \
one
    """

    kind: ClassVar[str] = "autoregressive-operator"
    title: ClassVar[str] = kind

    def __init__(
        self,
        model: OperatorNetwork,
        *,
        fields: str | Sequence[str],
        history: int = 1,
        inputs: str | Sequence[str] = (),
        increments: bool = True,
    ):
        super().__init__(model, fields=fields, history=history, inputs=inputs)
        self.increments = require_flag(increments, f"{self.kind}: increments")
        self.rollout: Rollout | None = None
        self._gain: list[float] | None = None
        self._largest = 1.0

    def fit(
        self,
        dataset: FieldDataset,
        options: TrainingOptions | None = None,
        *,
        rollout: Rollout | None = None,
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
            dataset: fields at equal time steps. Small sets (2 GB as tensors) are kept in memory,
                of larger ones each window is read from the file when it is needed.
            options: how long, how fast, by which loss; an epoch is `rollout.windows` windows of
                each trajectory. Validation is the error of whole rollouts over all times.
            rollout: one-step, pushforward or curriculum; by default a curriculum of 4 steps.
            augmentation: `coarse` = 1 trains and validates on the coarsened grid alone.
            validation: trajectories to validate on; else a share of the data is held out.
            shared: fields `(*grid)` by name that are the same for all trajectories and that the
                network gets as channels, such as a forcing. They are kept with the model.
            stride: one step of the model is so many of the data.
            progress: called after every step with a `TrainingReport`.
            checkpoint: file from which an interrupted training continues, bit by bit.
            resume: go on with a model that is trained (after `load`, if it was saved with
                optimizer=True), to `options.epochs` in all, the former ones too. Another `rollout`
                may follow: one step first, which is cheap, then a curriculum.

        Raises `InputError` for data or a network that do not suit, `NonFiniteError` for NaN.
        """
        rollout = Rollout() if rollout is None else require_instance(rollout, "rollout", Rollout)
        augmentation = Augmentation() if augmentation is None else augmentation
        require_instance(augmentation, "augmentation", Augmentation)
        named = TrainingOptions() if options is None else options
        self._checked_fields(dataset)
        if dataset.grid.dimension != self.model.dimension:
            raise InputError(
                f"expected data of dimension {self.model.dimension}, the network's, got "
                f"{dataset.grid.dimension} in {dataset.path}; choose as many modes as axes"
            )
        trained = dataset.grid
        if augmentation.coarse == 1:
            trained = trained.coarsen(augmentation.factor)
        self.model.check(trained.axes)
        finest = augmentation.factor if augmentation.coarse == 1 else 1
        gain: list[float] | None = None
        largest = 1.0

        def task(windows: StateWindows, checking: bool) -> RolloutTask:
            nonlocal gain, largest
            if resume:
                gain, largest = self._gain, self._largest
            elif not checking:
                gain, largest = _sizes(windows, self.increments, finest)
            one = replace(rollout, windows=1) if checking else rollout
            step = self._next_state(gain, windows.shift)
            return RolloutTask(windows, step, one, named.loss, augmentation)

        self._fit(dataset, options, validation, shared, stride, task, progress, checkpoint, resume)
        self.rollout, self._gain, self._largest = rollout, gain, largest
        assert dataset.times is not None
        self.metrics |= {
            "steps": len(dataset.times[::stride]) - rollout.start - self.window,
            "rollout": rollout.describe(),
            "augmentation": augmentation.describe(),
        }
        return self

    @torch.no_grad()
    def predict(
        self,
        inputs: Mapping[str, Any],
        grid: Grid | None = None,
        *,
        steps: int | None = None,
        batch: int | None = None,
    ) -> dict[str, NDArray[np.floating]]:
        """Return the next states of each field by name, `(sample, steps, *grid[, component])`.

        Args:
            inputs: the last states `(sample, history, *grid[, component])` of each field, oldest
                first and one time step apart, and the constant `inputs` `(sample, *grid)`.
            grid: where they are given, if not on the training grid: any grid of the same box.
            steps: how many time steps to go; by default the number that the training data had.
            batch: samples to evaluate at once (default: as many as fit about 2^17 points).

        Raises `InputError` for other names, shapes or boxes, and `NonFiniteError` for NaN and for a
        rollout that leaves the range of numbers or grows a hundred times beyond all fields of the
        training, with sample and step.
        """
        self._require_fitted()
        states, constants, grid = self._checked_states(inputs, grid)
        steps = require_integer(self.metrics["steps"] if steps is None else steps, "steps", 1)
        parts = []
        for some in sample_blocks(len(states), grid.size, batch):
            rolled = self._rolled(states[some], constants[some], grid, some.start)
            parts.append(np.stack([next(rolled) for _ in range(steps)], axis=1))
        return self._fields_of(np.concatenate(parts))

    def evaluate(
        self, dataset: FieldDataset, *, start: int | None = None, steps: int | None = None
    ) -> dict[str, Any]:
        """Return the errors of rollouts of a data set, on its grid, over all times and at each.

        Rollouts begin with the states from number `start` of the data on (default: where training
        began) and go on for `steps` steps of the model (default: to the end of the data).
        Relative L2 errors are ||p - u|| / ||u|| over space and all predicted times, with equal
        weight for each time, as published tables have them: "relative_l2_mean", "..._median",
        "..._max" over the samples. "times" and "relative_l2_over_time" say how the error grows:
        the mean over samples of the error at each time.
        """
        self._require_fitted()
        assert self.rollout is not None
        stride = self.require_like(dataset)
        start = self.rollout.start if start is None else require_integer(start, "start", 0)
        assert dataset.times is not None
        times = dataset.times[::stride][start + self.window :]
        if steps is not None:
            times = times[: require_integer(steps, "steps", 1)]
        if not len(times):
            raise InputError(
                f"evaluate: expected states after the first {start + self.window}, got "
                f"{len(dataset.times[::stride])} in {dataset.path}; start earlier"
            )
        error = self._error_in_time(dataset.grid)
        for some in sample_blocks(len(dataset), dataset.grid.size):
            inputs = self._first_states(dataset, some, start, stride)
            states, constants, grid = self._checked_states(inputs, dataset.grid)
            rolled = self._rolled(states, constants, grid, some.start)
            for j in range(len(times)):
                at = (start + self.window + j) * stride
                with torch.no_grad():
                    predicted = self._fields_of(next(rolled)[:, None])
                known = {n: dataset[n][some, at] for n in self.fields}
                error.add(j, {n: p[:, 0] for n, p in predicted.items()}, known)
            error.close_samples()
        return {**error.summary(), "times": times.tolist()}

    def _rolled(
        self, states: NDArray[Any], constants: NDArray[Any], grid: Grid, first: int
    ) -> Iterator[NDArray[Any]]:
        """Yield one normalized state after the other; samples are counted from `first`."""
        window, unchanging = self._tensor(states), self._tensor(constants)
        step = self._next_state(self._gain, window[0, 0])
        limit = _BLOWN_UP * max(1.0, self._largest, float(np.abs(states).max()))
        self.model.eval()
        number = 0
        while True:
            number += 1
            with torch.no_grad():
                after = step(self.model, window, unchanging, grid.axes)
            self._require_sane(after, first, number, limit)
            yield to_numpy(after)
            window = step.shifted(window, after)

    def _require_sane(self, state: torch.Tensor, first: int, step: int, limit: float) -> None:
        """Raise `NonFiniteError` for a sample that overflowed or is far beyond the training."""
        largest = state.abs().flatten(1).amax(1)
        good = to_numpy(largest <= limit)
        if good.all():
            return
        assert self.setting is not None
        sample = int(np.argmin(good))
        finite = bool(torch.isfinite(state[sample]).all())
        what = "grew a hundred times beyond the training data" if finite else "is not finite"
        raise NonFiniteError(
            f"rollout of {', '.join(self.fields)}: sample {first + sample} {what} at step {step} "
            f"({step * self.setting.step:g} {self.setting.unit} after the last state given); "
            "predict fewer steps, bring the first states nearer to the training data, or train "
            "with a curriculum of more steps"
        )

    def _next_state(self, gain: list[float] | None, like: torch.Tensor) -> NextState:
        """Return the map from states to the next for tensors of this kind."""
        if gain is None:
            return NextState(self.window, None)
        tensor = torch.tensor(gain, dtype=like.dtype, device=like.device)
        return NextState(self.window, tensor.view(-1, *(1,) * self.model.dimension))

    def _settings(self) -> dict[str, Any]:
        assert self.rollout is not None
        return {
            "increments": self.increments,
            "gain": self._gain,
            "largest": self._largest,
            "rollout": self.rollout.describe(),
        }

    def _restore_settings(self, settings: Mapping[str, Any]) -> None:
        self.increments, gain = settings["increments"], settings["gain"]
        self._gain = None if gain is None else [float(g) for g in gain]
        if self._gain is not None and len(self._gain) != self.channels:
            raise ValueError(f"expected increments of {self.channels} channels, got {gain!r:.80}")
        self._largest = float(settings["largest"])
        self.rollout = Rollout(**settings["rollout"])


def _sizes(
    windows: StateWindows, increments: bool, factor: int
) -> tuple[list[float] | None, float]:
    """Return the root mean square of the increments per channel, and the largest number of all."""
    count, largest = 0, 0.0
    squares: Any = 0.0
    length = windows.length
    step = windows.trajectories_at_once
    for k in range(0, len(windows), step):
        some = np.arange(k, min(k + step, len(windows)))
        series = windows.states(some, np.zeros_like(some), length, factor)
        largest = max(largest, float(series.abs().max()))
        steps = series.diff(dim=1).transpose(1, 2).flatten(2).double()
        squares = squares + steps.square().sum((0, 2))
        count += steps.shape[0] * steps.shape[2]
    gain = np.sqrt(to_numpy(squares) / max(1, count))
    # A field that never changes keeps gain 1.
    return (np.where(gain > 0, gain, 1.0).tolist() if increments else None), largest
