"""How a neural operator is trained, and what a training reports."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.errors import InputError
from nwidth.operators.losses import Loss, loss_named
from nwidth.operators.schedules import Schedule, schedule_named


@dataclass(frozen=True)
class AdamW:
    """The optimizer: Loshchilov & Hutter (2019), Decoupled weight decay, arXiv:1711.05101.

    weight_decay: of all weights. Good values: 1e-4; 0 for few weights.
    gradient_clip: largest norm of the gradient (None: no limit). Good value: 1, for deep networks
        and large learning rates.
    """

    weight_decay: float = 1e-4
    gradient_clip: float | None = None

    def __post_init__(self):
        require_number(self.weight_decay, "training: weight_decay", "[0, inf)")
        if self.gradient_clip is not None:
            require_number(self.gradient_clip, "training: gradient_clip", "(0, inf)")


@dataclass(frozen=True)
class TrainingOptions:
    """How a neural operator is trained.

    epochs, batch_size: passes over the samples, and samples per step.
    learning_rate: its largest value; `schedule`, a name of `schedules.SCHEDULES` or a `Schedule`
        with settings of its own, says how it rises and falls over all steps.
    loss: "l2", "h1" or "spectral", or a `Loss` with settings of its own (see `losses`): the mean of
        this relative error is minimized.
    validation: share of the samples held out (0: none); the weights with the least validation
        error are kept. patience: stop after so many epochs without a better one (None: never).
    seed: decides the split, the order of samples and the augmentation.
    optimizer: `AdamW` with its settings.

    Good values for FNO on 1000 samples: learning_rate 1e-3 to 4e-3, batch_size 16 to 32.

    >>> TrainingOptions(schedule="cosin")
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: training: expected schedule to be one of one-cycle, cosine, \
warm-up-cosine, steps, constant, or a Schedule with settings of its own, got 'cosin'
    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 2e-3
    schedule: str | Schedule = "one-cycle"
    loss: str | Loss = "l2"
    validation: float = 0.1
    patience: int | None = None
    seed: int = 0
    optimizer: AdamW = field(default_factory=AdamW)

    def __post_init__(self):
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
            value = getattr(self, name)
            if not (name == "patience" and value is None):
                require_integer(value, f"training: {name}", least)
        require_number(self.learning_rate, "training: learning_rate", "(0, inf)")
        require_number(self.validation, "training: validation", "[0, 1)")
        schedule_named(self.schedule)
        loss_named(self.loss)
        require_instance(self.optimizer, "training: optimizer", AdamW)

    def describe(self) -> dict[str, Any]:
        """Return the options as a JSON-able dict."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "schedule": schedule_named(self.schedule).describe(),
            "loss": loss_named(self.loss).describe(),
            "validation": self.validation,
            "patience": self.patience,
            "seed": self.seed,
            "optimizer": asdict(self.optimizer),
        }

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, of so many in all."""
        return self.learning_rate * schedule_named(self.schedule).factor(step / steps)

    def held_out(self, samples: int) -> int:
        """Return how many of so many samples are held out, or raise `InputError` if too many."""
        held = round(self.validation * samples)
        if held >= samples or (self.validation > 0 and held == 0):
            least = max(2, int(0.5 / self.validation) + 1) if self.validation else 1
            share = "all of them" if held else "none of them"
            raise InputError(
                f"training: expected samples to train on and samples to hold out, but "
                f"validation={self.validation} of {samples} samples holds out {share}; bring more "
                f"samples (at least {least}), or change validation (0: hold out none)"
            )
        return held


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
