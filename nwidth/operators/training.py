"""Training of neural operators: AdamW, schedules, early stopping, checkpoints, exact resume."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arrays import generator
from nwidth.errors import InputError, NonFiniteError
from nwidth.operators.augmentation import Augmentation, transformed
from nwidth.operators.losses import LOSSES, relative_l2
from nwidth.operators.training_checkpoint import TrainingState, load_training, save_training
from nwidth.operators.training_data import TrainingData

SCHEDULES = ("one-cycle", "cosine", "constant")

# What a random stream of (seed, purpose, ...) is for.
_ORDER, _SYMMETRY = 1, 2


@dataclass(frozen=True)
class TrainingOptions:
    """How a neural operator is trained.

    AdamW: Loshchilov & Hutter (2019), arXiv:1711.05101. Schedules of the learning rate over all
    steps: "one-cycle" rises by a half cosine from 1/25 of `learning_rate` during the first quarter
    and falls to zero by another, the form of PyTorch's `OneCycleLR` (Smith & Topin 2018,
    arXiv:1708.07120, have straight lines and cycle the momentum as well, which stays fixed here);
    "cosine" only falls (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts); "constant"
    stays.

    loss: "l2" or "h1", the mean relative error of the batch (see `losses`).
    validation: share of the samples held out (0: none); the weights with the least validation
        error are kept. patience: stop after so many epochs without a better one (None: never).
    gradient_clip: largest norm of the gradient (None: no limit).
    seed: decides the split, the order of samples and the augmentation.

    Good values for FNO on 1000 samples: learning_rate 1e-3 to 4e-3, batch_size 16 to 32.

    >>> TrainingOptions(schedule="cosin")
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: training: expected schedule to be one of one-cycle, cosine, \
constant, got 'cosin'
    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    schedule: str = "one-cycle"
    loss: str = "l2"
    validation: float = 0.1
    patience: int | None = None
    gradient_clip: float | None = None
    seed: int = 0

    def __post_init__(self):
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
            value = getattr(self, name)
            if name == "patience" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(
                    f"training: expected {name} to be an integer >= {least}, got {value!r}"
                )
        numbers = {
            "learning_rate": lambda x: 0 < x < math.inf,
            "weight_decay": lambda x: 0 <= x < math.inf,
            "validation": lambda x: 0 <= x < 1,
            "gradient_clip": lambda x: 0 < x < math.inf,
        }
        for name, fits in numbers.items():
            value = getattr(self, name)
            if name == "gradient_clip" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
                raise InputError(f"training: {name} is out of range, got {value!r}")
        for name, known in (("schedule", SCHEDULES), ("loss", tuple(LOSSES))):
            if getattr(self, name) not in known:
                raise InputError(
                    f"training: expected {name} to be one of {', '.join(known)}, "
                    f"got {getattr(self, name)!r}"
                )

    def describe(self) -> dict[str, Any]:
        """Return the options as a dict."""
        return asdict(self)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, of so many in all."""
        t = step / steps
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "cosine":
            return self.learning_rate * (1 + math.cos(math.pi * t)) / 2
        rise, low = 0.25, 1 / 25
        if t < rise:
            return self.learning_rate * (low + (1 - low) * (1 - math.cos(math.pi * t / rise)) / 2)
        return self.learning_rate * (1 + math.cos(math.pi * (t - rise) / (1 - rise))) / 2


@dataclass(frozen=True)
class TrainingReport:
    """What a progress callback is told after every step.

    `epoch` and `step` count from 1. `training_loss` is the mean over the epoch so far.
    `validation_error`, the mean relative L2 error, comes with the last step of an epoch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    training_loss: float
    learning_rate: float
    seconds: float
    validation_error: float | None = None
    best_error: float | None = None
    best_epoch: int = 0

    @property
    def epoch_ended(self) -> bool:
        """Whether this is the last step of its epoch."""
        return self.step == self.steps


Progress = Callable[[TrainingReport], None]


class Trainer:
    """Trains a network in place, on the device and in the precision of its parameters.

    After every epoch, if `checkpoint_seconds` have passed since the last, the state goes to
    `checkpoint`; `run` continues from that file if it exists. On one thread (and wherever the
    arithmetic of the machine repeats itself) a resumed training ends with the same bits as one
    that was never interrupted.

    Raises `InputError` for a checkpoint of another job and `NonFiniteError`, naming epoch and
    step, when the loss is NaN or infinite.
    """

    def __init__(
        self,
        model: nn.Module,
        options: TrainingOptions,
        augmentation: Augmentation | None = None,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 30.0,
    ):
        self.model: Any = model
        self.options = options
        self.augmentation = augmentation or Augmentation()
        self.progress = progress
        self.checkpoint, self.checkpoint_seconds = checkpoint, checkpoint_seconds
        self.loss = LOSSES[options.loss]
        fused = all(p.device.type in ("cpu", "cuda") for p in model.parameters())
        self.optimizer = torch.optim.AdamW(
            model.parameters(), weight_decay=options.weight_decay, fused=fused
        )

    def run(self, training: TrainingData, validation: TrainingData | None) -> TrainingState:
        """Train to the end; the model then has the best (or, unvalidated, the last) weights."""
        options = self.options
        self.augmentation.check(training.grid)
        # The digest of the data costs one reading of all of them, which only a checkpoint needs.
        job = {} if self.checkpoint is None else self._job(training, validation)
        state = TrainingState()
        if self.checkpoint is not None and self.checkpoint.exists():
            state = load_training(self.checkpoint, self.model, self.optimizer, job)
        saved = time.monotonic()
        while state.epoch < options.epochs and not self._exhausted(state):
            self._epoch(state, training, validation)
            finished = state.epoch == options.epochs or self._exhausted(state)
            due = time.monotonic() - saved >= self.checkpoint_seconds
            if self.checkpoint is not None and (due or finished):
                save_training(self.checkpoint, state, self.model, self.optimizer, job)
                saved = time.monotonic()
        if state.best is not None:
            self.model.load_state_dict(state.best)
        return state

    def _epoch(
        self, state: TrainingState, training: TrainingData, validation: TrainingData | None
    ) -> None:
        """Train for one epoch, validate, and bring the state up to date."""
        options, start = self.options, time.perf_counter()
        steps = math.ceil(len(training) / options.batch_size)
        order = generator(options.seed, _ORDER, state.epoch).permutation(len(training))
        factor = self.augmentation.factor_of(state.epoch, options.epochs)
        total = 0.0
        self.model.train()
        for k in range(steps):
            first = k * options.batch_size
            v, u = training.batch(order[first : first + options.batch_size], factor)
            if self.augmentation.symmetries:
                draw = int(generator(options.seed, _SYMMETRY, state.step).integers(48))
                v, u = transformed(v, draw), transformed(u, draw)
            rate = options.learning_rate_at(state.step, steps * options.epochs)
            loss = self._step(v, u, training, factor, rate)
            if not math.isfinite(loss):
                raise NonFiniteError(
                    f"training: the loss became {loss} in epoch {state.epoch + 1}, step {k + 1}; "
                    f"lower learning_rate (now {options.learning_rate:g}) or set gradient_clip=1"
                )
            total += loss * len(v)
            state.step += 1
            if k + 1 < steps:
                seen = first + len(v)
                self._tell(state, k + 1, steps, total / seen, rate, start)
        state.epoch += 1
        error = None
        if validation is not None:
            error = mean_error(self.model, validation, options.batch_size)
        if error is not None and not math.isfinite(error):
            raise NonFiniteError(
                f"training: the validation error became {error} after epoch {state.epoch}; "
                f"lower learning_rate (now {options.learning_rate:g}) or set gradient_clip=1"
            )
        if error is not None and error < state.best_error:
            state.best_error, state.best_epoch = error, state.epoch
            state.best = {n: w.detach().clone() for n, w in self.model.state_dict().items()}
        state.history.append(
            {
                "epoch": state.epoch,
                "training_loss": total / len(training),
                "validation_error": error,
                "learning_rate": rate,
                "seconds": time.perf_counter() - start,
            }
        )
        self._tell(state, steps, steps, total / len(training), rate, start, error)

    def _step(
        self, v: Tensor, u: Tensor, training: TrainingData, factor: int, rate: float
    ) -> float:
        """Take one step of AdamW and return the loss before it; none if the loss is not finite."""
        axes = training.grid.axes if factor == 1 else training.grid.coarsen(factor).axes
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.model(v, axes) + training.shift, u, axes).mean()
        value = loss.item()
        if math.isfinite(value):
            loss.backward()
            if self.options.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.options.gradient_clip)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        return value

    def _tell(
        self,
        state: TrainingState,
        step: int,
        steps: int,
        loss: float,
        rate: float,
        start: float,
        error: float | None = None,
    ) -> None:
        """Report to the progress callback, if there is one."""
        if self.progress is None:
            return
        epoch = state.epoch + (step < steps)
        best = state.best_error if math.isfinite(state.best_error) else None
        seconds = time.perf_counter() - start
        self.progress(
            TrainingReport(
                epoch,
                self.options.epochs,
                step,
                steps,
                loss,
                rate,
                seconds,
                error,
                best,
                state.best_epoch,
            )
        )

    def _exhausted(self, state: TrainingState) -> bool:
        """Whether patience has run out."""
        patience, validated = self.options.patience, state.best is not None
        return patience is not None and validated and state.epoch - state.best_epoch >= patience

    def _job(self, training: TrainingData, validation: TrainingData | None) -> dict[str, Any]:
        """Return what a checkpoint must agree with."""
        return {
            "model": {"architecture": type(self.model).__name__, **self.model.describe()},
            "precision": str(training.dtype),
            "options": self.options.describe(),
            "augmentation": self.augmentation.describe(),
            "data": training.describe(),
            "validation": None if validation is None else validation.describe(),
        }


@torch.no_grad()
def mean_error(model: nn.Module, data: TrainingData, batch_size: int) -> float:
    """Return the mean relative L2 error over all samples, in the order of the data."""
    model.eval()
    errors = []
    for start in range(0, len(data), batch_size):
        v, u = data.batch(np.arange(start, min(start + batch_size, len(data))))
        errors.append(relative_l2(model(v, data.grid.axes) + data.shift, u, data.grid.axes))
    return float(torch.cat(errors).double().mean())
