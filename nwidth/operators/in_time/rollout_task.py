"""Training of a map from states to the next: one step, pushforward, rollouts that grow."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_choice, require_instance, require_integer
from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.operators.in_time.state_windows import StateWindows
from nwidth.operators.training.augmentation import Augmentation, transformed
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.losses import Loss, loss_named

SCHEMES = ("one-step", "pushforward", "curriculum")

# What a random stream of (seed, purpose, ...) is for.
_STARTS, _LENGTH, _SYMMETRY = 30, 31, 32

# The error of a rollout that left the range of numbers: large, and a number that can be compared.
_LOST = 1e6


@dataclass(frozen=True)
class Rollout:
    """How a map from the last states to the next is trained to be applied to its own output.

    scheme: "one-step" shows true states only, which is cheap, and leaves the map alone with its
        own errors when it is repeated. "pushforward" makes up to `steps` steps, all but the last
        without gradient, so that the last starts from states as the map itself makes them, at the
        memory of one step (Brandstetter, Worrall & Welling 2022, arXiv:2202.03376, section 3.1).
        "curriculum" makes rollouts whose length grows from 1 to `steps` while the epochs pass, and
        differentiates through all of them: the loss is the mean over the steps of a rollout.
    steps: the longest rollout in training. How far one can predict does not depend on it.
    windows: how many windows of each trajectory an epoch shows, spread over its times.
    start: number of the first state that is used, in training and in validation; earlier ones may
        be transients that nobody wants predicted.
    horizon: how many steps the rollouts have by which weights are compared (None: to the last
        time). Chaos needs one within which it can be predicted: beyond it, weights whose states
        fade to the mean look best.

    Good values: "one-step" where the equation damps errors, else "curriculum" of 4 to 10 steps;
    so many windows that an epoch takes some minutes at most.

    >>> [Rollout("curriculum", steps=3).longest(epoch, 6) for epoch in range(6)]
    [1, 1, 2, 2, 3, 3]
    """

    scheme: str = "curriculum"
    steps: int = 4
    windows: int = 8
    start: int = 0
    horizon: int | None = None

    def __post_init__(self):
        require_choice(self.scheme, "rollout: scheme", SCHEMES)
        if self.horizon is not None:
            require_integer(self.horizon, "rollout: horizon", 1)
        for name, least in (("steps", 1), ("windows", 1), ("start", 0)):
            object.__setattr__(
                self, name, require_integer(getattr(self, name), f"rollout: {name}", least)
            )

    def describe(self) -> dict[str, Any]:
        """Return the settings as a dict."""
        return asdict(self)

    def longest(self, epoch: int, epochs: int) -> int:
        """Return the longest rollout of an epoch, counted from 0."""
        return 1 if self.scheme == "one-step" else 1 + epoch * self.steps // epochs

    def length(self, when: TrainingMoment) -> int:
        """Return how many steps are made; pushforward draws 1 to `longest`, all equally likely."""
        longest = self.longest(when.epoch, when.epochs)
        if self.scheme != "pushforward":
            return longest
        return 1 + int(generator(when.seed, _LENGTH, when.step).integers(longest))


@dataclass(frozen=True)
class NextState:
    """One application of a network: from normalized states to the next normalized state.

        increments:  v_{n+1} = v_n + g N(v_{n-h+1}, ..., v_n, c),   else   v_{n+1} = N(..., c)

    `window` h is the number of states that go in, oldest first, `gain` g the size of increments
    per channel, shape (channels, 1, ...), None to predict states. c are constant fields.
    """

    window: int
    gain: Tensor | None

    def __call__(self, model: nn.Module, states: Tensor, constants: Tensor, axes: Any) -> Tensor:
        """Return the state (n, channels, *grid) after `states` (n, window, channels, *grid)."""
        v = torch.cat([states.flatten(1, 2), constants], dim=1)
        out: Tensor = model(v, axes)
        return out if self.gain is None else states[:, -1] + self.gain * out

    def shifted(self, states: Tensor, after: Tensor) -> Tensor:
        """Return the window one step on."""
        return torch.cat([states[:, 1:], after[:, None]], dim=1)


class RolloutTask(LearningTask):
    """Windows of trajectories that a network shall continue.

    The samples of an epoch are `rollout.windows` windows of each trajectory; their starts are
    drawn anew each epoch, one in each of so many equal parts of the times. The errors are those of
    the rollout from `rollout.start` over its horizon, ||p - u|| / ||u|| over space and time, of the
    trajectory position // windows.

    `loss` compares states with their means, so that relative errors are those of physical fields;
    several fields count in units of their scales. With `augmentation.coarse` = 1 errors too are
    measured on the coarse grid, else on that of the data.

    Raises `InputError` for trajectories that are too short for the window and the rollout.
    """

    def __init__(
        self,
        data: StateWindows,
        step: NextState,
        rollout: Rollout,
        loss: str | Loss = "l2",
        augmentation: Augmentation | None = None,
    ):
        self.data, self.step = data, step
        self.rollout = require_instance(rollout, "rollout", Rollout)
        self.loss = loss_named(loss)
        self.augmentation = Augmentation() if augmentation is None else augmentation
        require_instance(self.augmentation, "augmentation", Augmentation).check(
            data.grid, data.dataset.provenance.get("problem")
        )
        steps = 1 if rollout.scheme == "one-step" else rollout.steps
        least = rollout.start + step.window + steps
        if data.length < least:
            raise InputError(
                f"rollout: expected at least {least} states, for start={rollout.start}, "
                f"history={step.window} and {steps} steps, got {data.length} in "
                f"{data.dataset.path}; shorten one of them"
            )
        if self.augmentation.symmetries and len(data.shift) != len(data.fields):
            raise InputError(
                "augmentation: expected scalar fields for symmetries, got components, which turn "
                "with the square; train without symmetries"
            )

    def __len__(self) -> int:
        return len(self.data) * self.rollout.windows

    def losses(self, model: nn.Module, positions: Positions, when: TrainingMoment) -> Tensor:
        """Return the error of each window: of the last step (pushforward), or the mean of all."""
        length = self.rollout.length(when)
        factor = self.augmentation.factor_of(when.epoch, when.epochs)
        which = np.asarray(positions) // self.rollout.windows
        series = self.data.states(
            which, self.starts(positions, length, when), self.step.window + length, factor
        )
        constants = self.data.unchanging(which, factor)
        if self.augmentation.symmetries:
            draw = int(generator(when.seed, _SYMMETRY, when.step).integers(48))
            shape = series.shape
            series = transformed(series.flatten(1, 2), draw).view(shape)
            constants = transformed(constants, draw)
        axes = self.data.axes(factor)
        states, total = series[:, : self.step.window], series.new_zeros(len(series))
        pushed = self.rollout.scheme == "pushforward"
        for k in range(length):
            last = k + 1 == length
            # Pushforward: what leads to the last step is taken as data.
            with torch.set_grad_enabled(torch.is_grad_enabled() and (last or not pushed)):
                after = self.step(model, states, constants, axes)
            if last or not pushed:
                known = series[:, self.step.window + k]
                near, level = self.data.near, self.data.level
                total = total + self.loss(after + near, known + near, axes, level)
            states = self.step.shifted(states, after)
        return total if pushed else total / length

    def starts(
        self, positions: Positions, length: int, when: TrainingMoment
    ) -> np.ndarray[Any, Any]:
        """Return where the windows begin: one start in each part of the times, drawn per epoch."""
        windows, first = self.rollout.windows, self.rollout.start
        room = self.data.length - first - self.step.window - length + 1
        draws = generator(when.seed, _STARTS, when.epoch).random(len(self))
        positions = np.asarray(positions)
        within = (positions % windows + draws[positions]) / windows
        return first + np.minimum((within * room).astype(int), room - 1)

    def errors(self, model: nn.Module, positions: Positions) -> Tensor:
        """Return the error of the rollout over its horizon, over space and time."""
        factor = self.augmentation.factor if self.augmentation.coarse == 1 else 1
        which, axes = np.asarray(positions) // self.rollout.windows, self.data.axes(factor)
        start = np.full(len(which), self.rollout.start)
        horizon = self.data.length - self.rollout.start
        if self.rollout.horizon is not None:
            horizon = min(horizon, self.step.window + self.rollout.horizon)
        # State by state, as all of a rollout may be more than fits in memory.
        states = self.data.states(which, start, self.step.window, factor)
        constants, weights = self.data.unchanging(which, factor), _weights(axes, states)
        error, size = states.new_zeros(2, len(states))
        for k in range(self.step.window, horizon):
            after = self.step(model, states, constants, axes)
            known = self.data.states(which, start + k, 1, factor)[:, 0]
            error = error + ((after - known).square() * weights).flatten(1).sum(1)
            size = size + ((known + self.data.shift).square() * weights).flatten(1).sum(1)
            states = self.step.shifted(states, after)
        errors = (error / torch.where(size > 0, size, 1.0)).sqrt()
        return errors.nan_to_num(nan=_LOST, posinf=_LOST).clamp(max=_LOST)

    def describe(self) -> dict[str, Any]:
        """Return data, rollout, loss and augmentation."""
        gain = self.step.gain
        return {
            **self.data.describe(),
            "history": self.step.window,
            "increments": None if gain is None else gain.flatten().tolist(),
            "rollout": self.rollout.describe(),
            "loss": self.loss.describe(),
            "augmentation": self.augmentation.describe(),
        }


def _weights(axes: Any, like: Tensor) -> Tensor:
    """Return the quadrature weights of the points."""
    weights = axes[0].widths
    for axis in axes[1:]:
        weights = np.multiply.outer(weights, axis.widths)
    return torch.tensor(weights, dtype=like.dtype, device=like.device)
