"""``nwidth train`` for fields in time: a map from state to state, or all times at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwidth.errors import ConfigError

if TYPE_CHECKING:
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.fields import FieldDataset
    from nwidth.operators import AutoregressiveOperator, SpaceTimeOperator, TrainingReport


# Longest rollout in training where nothing else is asked for and the data are long enough.
USUAL_STEPS = 4


@dataclass(frozen=True)
class TimeChoice:
    """What the command line says of time; None where it says nothing."""

    history: int | None = None
    rollout: str | None = None
    steps: int | None = None
    start: int | None = None
    horizon: int | None = None
    space_time: bool = False

    def require_none(self, dataset: "FieldDataset") -> None:
        """Raise `ConfigError` if anything is said of time and the data are static."""
        said = {
            "--history": self.history,
            "--rollout": self.rollout,
            "--rollout-steps": self.steps,
            "--start": self.start,
            "--horizon": self.horizon,
            "--space-time": self.space_time or None,
        }
        for option, value in said.items():
            if value is not None:
                raise ConfigError(
                    f"{option}: expected fields in time, got static ones in {dataset.path}; "
                    "leave it out"
                )


def states_to_learn(
    dataset: "FieldDataset", inputs: list[str] | None, target: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of fields that change and of constant inputs: as asked, else all of the data."""
    changing = [n for n, field in dataset.layout.fields.items() if not field.constant]
    constant = [n for n, field in dataset.layout.fields.items() if field.constant]
    for option, asked, there in (
        ("--target", [target] if target else [], changing),
        ("--input", inputs or [], constant),
    ):
        for name in asked:
            if name not in there:
                raise ConfigError(
                    f"{option}: expected one of {', '.join(there) or 'none'}, which "
                    f"{'change in time' if there is changing else 'do not change in time'} in "
                    f"{dataset.path}, got {name!r}"
                )
    fields = (target,) if target else tuple(changing)
    return fields, tuple(constant if inputs is None else inputs)


def driving_of(dataset: "FieldDataset") -> dict[str, Any]:
    """Return the forcing that the data's problem is driven by, as a field of the grid.

    A state alone does not tell it, and it is the same for all trajectories. Empty if there is none
    or if the data do not name their problem.
    """
    from nwidth.solvers.equations import VorticityForcing

    problem = dataset.provenance.get("problem")
    forcing = problem.get("forcing") if isinstance(problem, dict) else None
    if not isinstance(forcing, dict) or {*forcing} != {"waves"} or dataset.grid.dimension != 2:
        return {}
    return {"forcing": VorticityForcing.from_description(forcing).field(dataset.grid)}


def train_in_time(
    dataset: "FieldDataset",
    path: Path,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    choice: TimeChoice,
    settings: "ModelSettings",
    training: "TrainingSettings",
    cheaper: "AugmentationSettings",
) -> "AutoregressiveOperator | SpaceTimeOperator":
    """Train under a progress meter and write the model; resume from an unfinished training."""
    from math import prod

    from nwidth.cli.plan_training import plan_training
    from nwidth.cli.progress import meter
    from nwidth.cli.train import checkpoint_of, resumable
    from nwidth.meshes import Grid
    from nwidth.operators import (
        Augmentation,
        AutoregressiveOperator,
        Rollout,
        SpaceTimeOperator,
    )
    from nwidth.operators.in_time.time_setting import time_step_of

    time_step_of(dataset)
    fields, inputs = names
    shared = driving_of(dataset)
    history = choice.history or 1
    sizes = {n: prod(dataset.layout.fields[n].components) for n in (*fields, *inputs)}
    state = sum(sizes[n] for n in fields)
    incoming = history * state + sum(sizes[n] for n in inputs) + len(shared)
    start = choice.start or 0
    grid, planned = dataset.grid, cheaper
    if choice.space_time:
        said = {
            "--rollout": choice.rollout,
            "--rollout-steps": choice.steps,
            "--horizon": choice.horizon,
        }
        for option, value in said.items():
            if value is not None:
                raise ConfigError(
                    f"{option}: expected none with --space-time, which repeats nothing"
                )
        if grid.dimension > 2:
            raise ConfigError(
                f"--space-time: expected one or two axes in space, got {grid.dimension} in "
                f"{dataset.path}; learn a map from state to state instead"
            )
        grid = Grid((SpaceTimeOperator.times_after(dataset, start + history), *grid.axes))
        # Coarse epochs are coarse in space only.
        planned = cheaper.model_copy(update={"coarse": 0.0})
    network, options, _ = plan_training(
        grid, incoming, settings, training, planned, state, dataset.provenance.get("problem")
    )
    augmentation = Augmentation(coarse=cheaper.coarse, symmetries=cheaper.symmetries)
    common: dict[str, Any] = {"shared": shared, "augmentation": augmentation}
    model: Any
    if choice.space_time:
        model = SpaceTimeOperator(network, fields=fields, history=history, inputs=inputs)
        common["start"], windows = start, 1
    else:
        scheme = choice.rollout or "curriculum"
        assert dataset.times is not None
        room = max(1, len(dataset.times) - start - history)
        rollout = Rollout(
            scheme,
            steps=choice.steps or min(USUAL_STEPS, room),
            start=start,
            horizon=choice.horizon,
        )
        model = AutoregressiveOperator(network, fields=fields, history=history, inputs=inputs)
        common["rollout"], windows = rollout, rollout.windows
    checkpoint = checkpoint_of(path)
    count = (len(dataset) - options.held_out(len(dataset))) * windows
    with meter("train", options.epochs * count) as bar:

        def progress(report: "TrainingReport") -> None:
            seen = (report.epoch - 1) * count + min(report.step * options.batch_size, count)
            words = f"epoch {report.epoch}/{report.epochs}  loss {report.training_loss:.3g}"
            if report.best_error is not None:
                words += f"  rollouts {100 * report.best_error:.3g} %"
            bar.update(seen, words)

        with resumable(checkpoint):
            model.fit(dataset, options, progress=progress, checkpoint=checkpoint, **common)
    model.save(path)
    checkpoint.unlink(missing_ok=True)
    return model
