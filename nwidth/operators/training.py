"""Training of neural operators: AdamW, schedules, early stopping, checkpoints, exact resume."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nwidth.arguments import require_instance
from nwidth.arrays import generator
from nwidth.errors import InputError, NonFiniteError
from nwidth.operators.learning_task import LearningTask, Positions, TrainingMoment
from nwidth.operators.training_checkpoint import TrainingState, load_training, save_training
from nwidth.operators.training_options import Progress, TrainingOptions, TrainingReport

# What a random stream of (seed, purpose, epoch) is for.
_ORDER = 1


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
        task: LearningTask,
        validation: LearningTask | None = None,
        *,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 30.0,
    ):
        self.model: Any = model
        self.options = require_instance(options, "options", TrainingOptions)
        self.task, self.validation = task, validation
        for name, one in (("task", task), ("validation", validation)):
            if one is not None and len(require_instance(one, name, LearningTask)) == 0:
                raise InputError(f"training: expected samples in {name}, got none")
        self.progress = progress
        self.checkpoint, self.checkpoint_seconds = checkpoint, checkpoint_seconds
        self.steps = math.ceil(len(task) / options.batch_size)
        fused = all(p.device.type in ("cpu", "cuda") for p in model.parameters())
        self.optimizer = torch.optim.AdamW(
            model.parameters(), weight_decay=options.optimizer.weight_decay, fused=fused
        )

    def run(self) -> TrainingState:
        """Train to the end; the model then has the best (or, unvalidated, the last) weights."""
        options = self.options
        # The digest of the data costs one reading of all of them, which only a checkpoint needs.
        job = {} if self.checkpoint is None else self._job()
        state = TrainingState()
        if self.checkpoint is not None and self.checkpoint.exists():
            state = load_training(self.checkpoint, self.model, self.optimizer, job)
        saved = time.monotonic()
        while state.epoch < options.epochs and not self._exhausted(state):
            self._epoch(state)
            finished = state.epoch == options.epochs or self._exhausted(state)
            due = time.monotonic() - saved >= self.checkpoint_seconds
            if self.checkpoint is not None and (due or finished):
                save_training(self.checkpoint, state, self.model, self.optimizer, job)
                saved = time.monotonic()
        if state.best is not None:
            self.model.load_state_dict(state.best)
        return state

    def _epoch(self, state: TrainingState) -> None:
        """Train for one epoch, validate, and bring the state up to date."""
        options, steps, start = self.options, self.steps, time.perf_counter()
        order = generator(options.seed, _ORDER, state.epoch).permutation(len(self.task))
        total = 0.0
        self.model.train()
        for k in range(steps):
            first = k * options.batch_size
            positions = order[first : first + options.batch_size]
            rate = options.learning_rate_at(state.step, steps * options.epochs)
            loss = self._step(positions, state, rate)
            if not math.isfinite(loss):
                raise NonFiniteError(
                    f"training: the loss became {loss} in epoch {state.epoch + 1}, step {k + 1}; "
                    f"lower learning_rate (now {options.learning_rate:g}) or set gradient_clip=1"
                )
            total += loss * len(positions)
            state.step += 1
            if k + 1 < steps:
                seen = first + len(positions)
                self._tell(state, k + 1, total / seen, rate, start)
        state.epoch += 1
        error = None
        if self.validation is not None:
            error = mean_error(self.model, self.validation, options.batch_size)
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
                "training_loss": total / len(self.task),
                "validation_error": error,
                "learning_rate": rate,
                "seconds": time.perf_counter() - start,
            }
        )
        self._tell(state, steps, total / len(self.task), rate, start, error)

    def _step(self, positions: Positions, state: TrainingState, rate: float) -> float:
        """Take one step of AdamW and return the loss before it; none if the loss is not finite."""
        options = self.options
        moment = TrainingMoment(
            state.epoch, options.epochs, state.step, self.steps * options.epochs, options.seed
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.task.losses(self.model, positions, moment).mean()
        value = loss.item()
        if math.isfinite(value):
            loss.backward()
            if options.optimizer.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), options.optimizer.gradient_clip)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        return value

    def _tell(
        self,
        state: TrainingState,
        step: int,
        loss: float,
        rate: float,
        start: float,
        error: float | None = None,
    ) -> None:
        """Report to the progress callback, if there is one."""
        if self.progress is None:
            return
        epoch = state.epoch + (step < self.steps)
        best = state.best_error if math.isfinite(state.best_error) else None
        self.progress(
            TrainingReport(
                epoch,
                self.options.epochs,
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

    def _exhausted(self, state: TrainingState) -> bool:
        """Whether patience has run out."""
        patience, validated = self.options.patience, state.best is not None
        return patience is not None and validated and state.epoch - state.best_epoch >= patience

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
