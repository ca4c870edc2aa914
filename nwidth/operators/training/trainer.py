"""Training of neural operators: AdamW, schedules, early stopping, checkpoints, exact resume."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_instance
from nwidth.arrays import generator
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.lbfgs_tail import LBFGSTail
from nwidth.operators.training.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training.mixed_precision import mixed, require_precision
from nwidth.operators.training.training_checkpoint import (
    TrainingRecord,
    TrainingState,
    load_training,
    save_training,
)
from nwidth.operators.training.training_options import Progress, TrainingOptions, TrainingReport

# What a random stream of (seed, purpose, epoch) is for.
_ORDER = 1


class Trainer:
    """Trains a network in place, on the device and in the precision of its parameters.

    After every epoch, if `checkpoint_seconds` have passed since the last, the state goes to
    `checkpoint`; within an epoch of AdamW it does so after `within_epoch_seconds`, and on Ctrl-C at
    once. `run` continues from that file if it exists. On one thread (and wherever the arithmetic of
    the machine repeats itself) a resumed training ends with the same bits as one that was never
    interrupted.

    Raises `InputError` for a checkpoint of another job and for a precision or compiler that is not
    there, and `NonFiniteError`, naming epoch and step, when the loss is NaN or infinite.
    """

    def __init__(
        self,
        model: OperatorNetwork,
        options: TrainingOptions,
        task: LearningTask,
        validation: LearningTask | None = None,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 30.0,
        within_epoch_seconds: float = 300.0,
    ):
        self.model: Any = model
        self.options = require_instance(options, "options", TrainingOptions)
        self.task, self.validation = task, validation
        for name, one in (("task", task), ("validation", validation)):
            if one is not None and len(require_instance(one, name, LearningTask)) == 0:
                raise InputError(f"training: expected samples in {name}, got none")
        if progress is not None and not callable(progress):
            raise InputError(f"progress: expected a function of a report, got {progress!r:.80}")
        self.progress = progress
        self.checkpoint, self.checkpoint_seconds = checkpoint, checkpoint_seconds
        self.within_epoch_seconds = within_epoch_seconds
        self._whole = False  # whether all of the state is that after the same step
        self.steps = math.ceil(len(task) / options.batch_size)
        first = next(model.parameters())
        self.device = first.device
        require_precision(options.execution.precision, first.dtype, self.device)
        self._called: Any = compiled(model, options.execution.compiler)
        fused = all(p.device.type in ("cpu", "cuda") for p in model.parameters())
        adamw = options.optimizer
        self.optimizer = torch.optim.AdamW(
            model.parameters(), weight_decay=adamw.weight_decay, fused=fused
        )
        self.tail = self._fresh_tail()

    def run(self, start: TrainingRecord | None = None) -> TrainingState:
        """Train to the end; the model then has the best (or, unvalidated, the last) weights.

        With `start`, the `record` of a training of the same network, it goes on from there to
        `options.epochs` in all. A checkpoint, if there is one, has gone further and wins.
        """
        # The digest of the data costs one reading of all of them, which only a checkpoint needs.
        self._described = {} if self.checkpoint is None else self._job()
        state, origin = TrainingState(), "of the former training"
        if self.checkpoint is not None and self.checkpoint.exists():
            described, origin = self._described, str(self.checkpoint)
            state = load_training(self.checkpoint, self.model, self.optimizer, described, self.tail)
        elif start is not None:
            state = start.restore(self.model, self.optimizer, origin, self.tail)
            if state.tail and state.epoch < self.options.epochs:
                state.tail, self.tail = 0, self._fresh_tail()  # AdamW once more, then a new tail
        if not 0 <= state.within < self.steps:
            raise FileFormatError(
                f"checkpoint {origin}: expected less than the {self.steps} steps of an epoch, got "
                f"{state.within}; train afresh, without the file"
            )
        self._saved = time.monotonic()
        try:
            while not self._finished(state):
                self._epoch(state) if self._by_adamw(state) else self._tail_epoch(state)
                self._save(state, 0.0 if self._finished(state) else self.checkpoint_seconds)
        except KeyboardInterrupt:
            if self._whole:
                self._save(state, 0.0)
            raise
        self.record = TrainingRecord.of(state, self.model, self.optimizer, self.tail)
        if state.best is not None:
            self.model.load_state_dict(state.best)
        elif state.average is not None:
            self.model.load_state_dict(state.average)
        return state

    def _save(self, state: TrainingState, seconds: float) -> None:
        """Write the checkpoint, if there is one, and if so many seconds have passed since."""
        if self.checkpoint is None or time.monotonic() - self._saved < seconds:
            return
        described = self._described
        save_training(self.checkpoint, state, self.model, self.optimizer, described, self.tail)
        self._saved = time.monotonic()

    def _fresh_tail(self) -> LBFGSTail | None:
        tail = self.options.optimizer.tail
        return None if tail is None else LBFGSTail(self.model, tail)

    def _by_adamw(self, state: TrainingState) -> bool:
        """Whether the next epoch is one of AdamW's."""
        patience, validated = self.options.patience, state.best is not None
        waited = state.epoch - state.best_epoch
        exhausted = patience is not None and validated and waited >= patience
        return state.tail == 0 and state.epoch < self.options.epochs and not exhausted

    def _finished(self, state: TrainingState) -> bool:
        tail = self.options.optimizer.tail
        return not self._by_adamw(state) and state.tail >= (0 if tail is None else tail.epochs)

    def _epoch(self, state: TrainingState) -> None:
        """Train for one epoch, validate, and bring the state up to date."""
        options, steps, start = self.options, self.steps, time.perf_counter() - state.seconds
        order = generator(options.seed, _ORDER, state.epoch).permutation(len(self.task))
        self.model.train()
        for k in range(state.within, steps):
            self._whole = True  # until the weights change
            first = k * options.batch_size
            positions = order[first : first + options.batch_size]
            rate = options.learning_rate_at(state.step, steps * options.epochs)
            loss = self._step(positions, state, rate)
            self._require_finite(loss, "loss", f"in epoch {state.epoch + 1}, step {k + 1}")
            state.total += loss * len(positions)
            state.step += 1
            if k + 1 < steps:
                state.within, state.seconds = k + 1, time.perf_counter() - start
                self._whole = True
                self._save(state, self.within_epoch_seconds)
                seen = first + len(positions)
                self._tell(state, k + 1, state.total / seen, rate, start)
        total, state.total, state.within, state.seconds = state.total, 0.0, 0, 0.0
        state.epoch += 1
        self._close_epoch(state, total / len(self.task), rate, start)

    def _step(self, positions: Positions, state: TrainingState, rate: float) -> float:
        """Take one step of AdamW and return the loss before it; none if the loss is not finite."""
        adamw, value = self.options.optimizer, 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for part in self._parts(positions, self._moment(state.epoch, state.step)):
            value += part.item()
            if not math.isfinite(value):
                return value
            part.backward()
        if adamw.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), adamw.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._whole = False
        self.optimizer.step()
        if adamw.average is not None:
            state.average = running_mean(state.average, self.model, adamw.average, state.step)
        return value

    def _parts(self, positions: Positions, when: TrainingMoment) -> Iterator[Tensor]:
        """Give the mean loss of a batch in summands, one for each micro-batch."""
        execution = self.options.execution
        size = execution.micro_batch or len(positions)
        for first in range(0, len(positions), size):
            with mixed(execution.precision, self.device):
                losses = self.task.losses(self._called, positions[first : first + size], when)
            yield losses.sum() / len(positions)

    def _tail_epoch(self, state: TrainingState) -> None:
        """Take the iterations of one epoch of L-BFGS; the loss is that of the last epoch."""
        assert self.tail is not None
        options, start = self.options, time.perf_counter()
        self._whole = False
        if state.average is not None:
            self.model.load_state_dict(state.average)
            state.average = None
        self.model.train()
        everything = np.arange(len(self.task))
        batches = np.array_split(everything, self.steps)

        def parts() -> Iterator[Tensor]:
            for k, positions in enumerate(batches):
                when = self._moment(options.epochs - 1, self.steps * (options.epochs - 1) + k)
                for part in self._parts(positions, when):
                    yield part * (len(positions) / len(everything))

        loss = self.tail.epoch(parts)
        state.tail += 1
        self._require_finite(loss, "loss", f"in epoch {state.tail} of L-BFGS")
        self._close_epoch(state, loss, None, start)

    def _close_epoch(
        self, state: TrainingState, loss: float, rate: float | None, start: float
    ) -> None:
        """Validate, keep the best weights, and write a line of the history."""
        epoch, error = len(state.history) + 1, None
        if self.validation is not None:
            with weights_of(self.model, state.average):
                error = mean_error(self.model, self.validation, self.options.batch_size)
                self._require_finite(error, "validation error", f"after epoch {epoch}")
                if error < state.best_error:
                    state.best_error, state.best_epoch = error, epoch
                    weights = self.model.state_dict().items()
                    state.best = {n: w.detach().clone() for n, w in weights}
        state.history.append(
            {
                "epoch": epoch,
                "training_loss": loss,
                "validation_error": error,
                "learning_rate": rate,
                "seconds": time.perf_counter() - start,
            }
        )
        self._whole = True
        self._tell(state, self.steps, loss, rate, start, error)

    def _moment(self, epoch: int, step: int) -> TrainingMoment:
        options = self.options
        return TrainingMoment(
            epoch, options.epochs, step, self.steps * options.epochs, options.seed
        )

    def _require_finite(self, value: float, what: str, where: str) -> None:
        if not math.isfinite(value):
            raise NonFiniteError(
                f"training: the {what} became {value} {where}; lower learning_rate (now "
                f"{self.options.learning_rate:g}) or set gradient_clip=1"
            )

    def _tell(
        self,
        state: TrainingState,
        step: int,
        loss: float,
        rate: float | None,
        start: float,
        error: float | None = None,
    ) -> None:
        """Report to the progress callback, if there is one."""
        if self.progress is None:
            return
        epoch = len(state.history) + (step < self.steps)
        best = state.best_error if math.isfinite(state.best_error) else None
        self.progress(
            TrainingReport(
                epoch,
                self.options.all_epochs,
                step,
                self.steps,
                loss,
                rate,
                time.perf_counter() - start,
                error,
                best,
                state.best_epoch,
            )
        )

    def _job(self) -> dict[str, Any]:
        """Return what a checkpoint must agree with."""
        first = next(self.model.parameters())
        return {
            "model": {"architecture": type(self.model).__name__, **self.model.describe()},
            "precision": str(first.dtype),
            "options": self.options.describe(),
            "data": self.task.describe(),
            "validation": None if self.validation is None else self.validation.describe(),
        }


@torch.no_grad()
def mean_error(model: nn.Module, task: LearningTask, batch_size: int) -> float:
    """Return the mean error of a task over all samples, in the order of the data."""
    model.eval()
    errors = []
    for start in range(0, len(task), batch_size):
        errors.append(task.errors(model, np.arange(start, min(start + batch_size, len(task)))))
    return float(torch.cat(errors).double().mean())


def running_mean(
    mean: dict[str, Tensor] | None, model: nn.Module, factor: float, step: int
) -> dict[str, Tensor]:
    """Return the running mean of the weights after a step, counted from 0.

    The factor grows from 0.1 to its value, so that the first weights are soon forgotten.
    """
    state = {name: weight.detach() for name, weight in model.state_dict().items()}
    if mean is None:
        return {name: weight.clone() for name, weight in state.items()}
    share = 1 - min(factor, (1 + step) / (10 + step))
    for name, weight in state.items():
        mean[name].lerp_(weight, share) if weight.is_floating_point() else mean[name].copy_(weight)
    return mean


@contextmanager
def weights_of(model: nn.Module, weights: dict[str, Tensor] | None) -> Iterator[None]:
    """Lend a model other weights; None: its own."""
    if weights is None:
        yield
        return
    own = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(weights)
    try:
        yield
    finally:
        model.load_state_dict(own)


def compiled(model: nn.Module, backend: str | None) -> Any:
    """Return the model as `torch.compile` makes it with a backend, or as it is."""
    if backend is None:
        return model
    known = torch.compiler.list_backends(exclude_tags=())
    if backend not in known:
        raise InputError(
            f"training: expected compiler to be one of {', '.join(known)}, got {backend!r}"
        )
    return torch.compile(model, backend=backend)
