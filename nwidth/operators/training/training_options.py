"""How a neural operator is trained, and what a training reports."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from nwidth.arguments import require_choice, require_instance, require_integer, require_number
from nwidth.errors import InputError
from nwidth.operators.training.losses import Loss, loss_named
from nwidth.operators.training.mixed_precision import PRECISIONS
from nwidth.operators.training.schedules import Schedule, schedule_named


@dataclass(frozen=True)
class LBFGS:
    """A tail of the training: L-BFGS on all samples at once, Liu & Nocedal (1989).

    epochs: how many, after those of AdamW; iterations: in each, every one with at least one pass
    over the data. history: differences of gradients that are kept, each as large as the weights.

    The loss is that of the last epoch, without a random draw. Right for small networks and smooth
    losses in double precision; for large data sets and single precision its line search soon finds
    nothing more. doi:10.1007/BF01589116.
    """

    epochs: int = 10
    iterations: int = 5
    history: int = 20

    def __post_init__(self):
        for name in ("epochs", "iterations", "history"):
            require_integer(getattr(self, name), f"training: L-BFGS {name}", 1)


@dataclass(frozen=True)
class AdamW:
    """The optimizer: Loshchilov & Hutter (2019), Decoupled weight decay, arXiv:1711.05101.

    weight_decay: of all weights. Good values: 1e-4; 0 for few weights.
    gradient_clip: largest norm of the gradient (None: no limit). Good value: 1, for deep networks
        and large learning rates.
    average: if given, the result is not the last weights but a running mean of them with this
        factor, Polyak & Juditsky (1992), doi:10.1137/0330046; it is also what is validated. Good
        values: 0.99 to 0.999 with a constant learning rate; of little use with one that ends at
        zero.
    tail: `LBFGS` afterwards.
    """

    weight_decay: float = 1e-4
    gradient_clip: float | None = None
    average: float | None = None
    tail: LBFGS | None = None

    def __post_init__(self):
        if self.average is not None:
            require_number(self.average, "training: average", "(0, 1)")
        if self.tail is not None:
            require_instance(self.tail, "training: tail", LBFGS)
        require_number(self.weight_decay, "training: weight_decay", "[0, inf)")
        if self.gradient_clip is not None:
            require_number(self.gradient_clip, "training: gradient_clip", "(0, inf)")


@dataclass(frozen=True)
class Execution:
    """How the steps of a training are computed; what they compute is the same, to rounding.

    micro_batch: at most so many samples at once; the gradients of a batch accumulate, so that the
        memory is that of a small batch. None: the whole batch.
    precision: "full", that of the weights, or "bf16": products in bfloat16 where that is safe, with
        weights, transforms and losses in float32. For devices that multiply such numbers.
    compiler: a backend of `torch.compile`, "inductor" for instance; None: as it stands. Compiling
        takes a minute and pays for long trainings of networks of many small operations.
    """

    micro_batch: int | None = None
    precision: str = "full"
    compiler: str | None = None

    def __post_init__(self):
        if self.micro_batch is not None:
            require_integer(self.micro_batch, "training: micro_batch", 1)
        require_choice(self.precision, "training: precision", PRECISIONS)
        if self.compiler is not None and not isinstance(self.compiler, str):
            raise InputError(
                f"training: expected compiler to be a name, for example 'inductor', got "
                f"{self.compiler!r:.80}"
            )


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
    optimizer: `AdamW` with its settings, a running mean of the weights and an L-BFGS tail among
        them. execution: small batches, mixed precision, compilation: see `Execution`.

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
    execution: Execution = field(default_factory=Execution)

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
        require_instance(self.execution, "training: execution", Execution)

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
            "execution": asdict(self.execution),
        }

    @property
    def all_epochs(self) -> int:
        """Number of epochs, those of the tail included."""
        tail = self.optimizer.tail
        return self.epochs if tail is None else self.epochs + tail.epochs

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
    `validation_error`, the mean relative L2 error, comes with the last step of an epoch. L-BFGS,
    whose epochs come last and are one step each, has no learning rate (None).
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    training_loss: float
    learning_rate: float | None
    seconds: float
    validation_error: float | None = None
    best_error: float | None = None
    best_epoch: int = 0

    @property
    def epoch_ended(self) -> bool:
        """Whether this is the last step of its epoch."""
        return self.step == self.steps


Progress = Callable[[TrainingReport], None]
