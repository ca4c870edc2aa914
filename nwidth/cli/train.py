"""``nwidth train``: fit a neural operator to a data set, static or in time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Data, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.fields import FieldDataset
    from nwidth.meshes import Grid
    from nwidth.operators import (
        FNO,
        Augmentation,
        NeuralOperator,
        TrainingOptions,
        TrainingReport,
    )

# Fourier modes per axis where nothing else is asked for and the grid resolves them.
USUAL_MODES = 12


def train(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")],
    configuration: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help=r"Take \[model], \[training] and \[augmentation] from it."
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Input field; repeat for several.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Field to learn.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1)] = None,
    modes: Annotated[int | None, typer.Option("--modes", min=1)] = None,
    width: Annotated[int | None, typer.Option("--width", min=1)] = None,
    loss: Annotated[str | None, typer.Option("--loss", help="l2 or h1.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0)] = None,
    history: Annotated[
        int | None, typer.Option("--history", min=1, help="In time: how many states go in.")
    ] = None,
    rollout: Annotated[
        str | None,
        typer.Option("--rollout", help="In time: one-step, pushforward or curriculum."),
    ] = None,
    rollout_steps: Annotated[
        int | None, typer.Option("--rollout-steps", min=1, help="In time: longest in training.")
    ] = None,
    start: Annotated[
        int | None, typer.Option("--start", min=0, help="In time: number of the first state used.")
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", min=1, help="In time: steps of the rollouts that validate."),
    ] = None,
    space_time: Annotated[
        bool, typer.Option("--space-time", help="In time: all later states at once.")
    ] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Fit a Fourier neural operator; run the same command again to resume.

    For example:
        nwidth train darcy.h5 -o fno.h5 --epochs 50

        nwidth train theirs.h5 -o fno.h5 --input x --target y --config examples/darcy.toml

        nwidth train flow.h5 -o step.h5 --rollout curriculum --rollout-steps 4

        nwidth train flow.h5 -o block.h5 --space-time --history 10
    """
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.cli.outputs import claim
    from nwidth.cli.read_config import changed, read_config
    from nwidth.cli.threads import limit_threads
    from nwidth.cli.train_in_time import TimeChoice, states_to_learn, train_in_time
    from nwidth.fields import FieldDataset

    model_settings, training_settings = ModelSettings(), TrainingSettings()
    augmentation = AugmentationSettings()
    if configuration is not None:
        config = read_config(configuration)
        model_settings, training_settings = config.model, config.training
        augmentation = config.augmentation
        threads = threads or config.run.threads
    model_settings = changed(model_settings, "model", modes=modes, width=width, seed=seed)
    training_settings = changed(
        training_settings, "training", epochs=epochs, batch_size=batch_size, loss=loss, seed=seed
    )
    limit_threads(threads)
    claim(output, overwrite, inputs=(data, configuration))
    choice = TimeChoice(history, rollout, rollout_steps, start, horizon, space_time)
    settings = (model_settings, training_settings, augmentation)
    model: Any
    with FieldDataset.open(data) as dataset:
        if dataset.times is not None and len(dataset.times) > 1:
            states = states_to_learn(dataset, inputs, target)
            model = train_in_time(dataset, output, states, choice, *settings)
        else:
            choice.require_none(dataset)
            names, wanted = fields_to_learn(dataset, inputs, target)
            model = train_model(dataset, output, names, wanted, *settings)
    typer.echo(f"{output}: {model!r}")
    if "validation_relative_l2" in model.metrics:
        error = 100 * model.metrics["validation_relative_l2"]
        typer.echo(f"validation: {error:.3g} % relative L2 error on samples held out")


def fields_to_learn(
    dataset: "FieldDataset", inputs: list[str] | None, target: str | None
) -> tuple[tuple[str, ...], str]:
    """Return names of inputs and output: as asked, else as the data set's problem says."""
    from nwidth.cli.build import problem_of
    from nwidth.errors import ConfigError

    if inputs and target:
        names, wanted = tuple(inputs), target
    else:
        problem = problem_of(dataset, "add --input and --target")
        names = tuple(inputs or (item.name for item in problem.inputs))
        wanted = target or problem.output
    for option, asked in (("--input", names), ("--target", (wanted,))):
        for name in asked:
            if name not in dataset.field_names:
                raise ConfigError(
                    f"{option}: expected one of {', '.join(dataset.field_names)} in "
                    f"{dataset.path}, got {name!r}"
                )
    if len({*names, wanted}) <= len(names):
        raise ConfigError(
            f"--input, --target: expected different fields, got {', '.join(names)} and {wanted}"
        )
    return names, wanted


def checkpoint_of(path: Path) -> Path:
    """Return where an unfinished training of a model is kept."""
    return path.with_name(path.name + ".training.partial")


def plan_training(
    grid: "Grid",
    channels: int,
    settings: "ModelSettings",
    training: "TrainingSettings",
    cheaper: "AugmentationSettings",
    outgoing: int = 1,
) -> tuple["FNO", "TrainingOptions", "Augmentation"]:
    """Return network, options and augmentation, or `ConfigError` if they do not fit the grid."""
    from nwidth.errors import ConfigError, InputError
    from nwidth.operators import FNO, AdamW, Augmentation, TrainingOptions
    from nwidth.operators.fourier_basis import resolvable_modes

    d = grid.dimension
    if settings.modes is None:
        modes = [resolvable_modes(axis, USUAL_MODES, settings.padding) for axis in grid.axes]
    else:
        modes = settings.modes if isinstance(settings.modes, list) else [settings.modes] * d
    if len(modes) != d:
        raise ConfigError(f"[model] modes: expected one number or {d}, got {modes}")
    network = FNO(
        in_channels=channels,
        out_channels=outgoing,
        modes=modes,
        width=settings.width,
        layers=settings.layers,
        projection=settings.projection,
        padding=settings.padding,
        dirichlet=settings.dirichlet,
        seed=settings.seed,
    )
    options = TrainingOptions(
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        schedule=training.schedule,
        loss=training.loss,
        validation=training.validation,
        patience=training.patience,
        seed=training.seed,
        optimizer=AdamW(training.weight_decay, training.gradient_clip),
    )
    augmentation = Augmentation(coarse=cheaper.coarse, symmetries=cheaper.symmetries)
    for check, where in (
        (lambda: network.check(grid.axes), "[model] modes"),
        (lambda: augmentation.check(grid), "[augmentation] coarse, symmetries"),
    ):
        try:
            check()
        except InputError as error:
            raise ConfigError(f"{where}: {error}") from None
    return network, options, augmentation


def train_model(
    dataset: "FieldDataset",
    path: Path,
    inputs: tuple[str, ...],
    output: str,
    settings: "ModelSettings",
    training: "TrainingSettings",
    cheaper: "AugmentationSettings",
) -> "NeuralOperator":
    """Train under a progress meter and write the model; resume from an unfinished training."""
    from nwidth.cli.progress import meter
    from nwidth.operators import NeuralOperator

    network, options, augmentation = plan_training(
        dataset.grid, len(inputs), settings, training, cheaper
    )
    checkpoint = checkpoint_of(path)
    count = len(dataset) - round(training.validation * len(dataset))
    with meter("train", training.epochs * count) as bar:

        def progress(report: "TrainingReport") -> None:
            seen = (report.epoch - 1) * count + min(report.step * training.batch_size, count)
            bar.update(seen, _words(report))

        model = NeuralOperator(network, inputs=inputs, output=output).fit(
            dataset, options, augmentation=augmentation, progress=progress, checkpoint=checkpoint
        )
    model.save(path)
    checkpoint.unlink(missing_ok=True)
    return model


def _words(report: "TrainingReport") -> str:
    words = f"epoch {report.epoch}/{report.epochs}  loss {report.training_loss:.3g}"
    best: Any = report.best_error
    return words if best is None else f"{words}  validation {100 * best:.3g} %"
