"""``nwidth train``: fit a neural operator to a data set, static or in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Data, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.fields import FieldDataset
    from nwidth.operators import Ensemble, NeuralOperator, TrainingReport


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
    network: Annotated[
        str | None,
        typer.Option(
            "--model", help="The network: FNO (the default), T1, MgNO, GNO, MGNO, LNO, ..."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Passes over the samples.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Samples per step.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="Its largest value.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            help="Of the learning rate: one-cycle, cosine, warm-up-cosine, steps or constant.",
        ),
    ] = None,
    modes: Annotated[
        int | None, typer.Option("--modes", min=1, help="Frequencies per axis, if it has such.")
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", min=1, help="Channels of each layer.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="Relative error to minimize: l2, h1 or spectral.")
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option("--ensemble", min=2, help="Train so many from as many seeds; their mean."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu or cuda.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of weights, split and order.")
    ] = None,
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
    """Fit a neural operator to a data set; run the same command again to resume.

    FNO multiplies the Fourier coefficients of every layer and suits most
    problems; T1 learns coefficients from coefficients and has the cheapest
    steps; MgNO has learned multigrid cycles, for rough coefficients on one
    grid; GNO, MGNO and LNO integrate over neighbours and low-rank kernels.
    All settings are those of a configuration: `nwidth run --keys`.

    For example:
        nwidth train darcy.h5 -o fno.h5 --epochs 50

        nwidth train darcy.h5 -o mgno.h5 --model MgNO --schedule cosine

        nwidth train darcy.h5 -o five.h5 --ensemble 5

        nwidth train theirs.h5 -o fno.h5 --input x --target y --config examples/darcy.toml

        nwidth train flow.h5 -o step.h5 --rollout curriculum --rollout-steps 4

        nwidth train flow.h5 -o block.h5 --space-time --history 10
    """
    from nwidth.cli.config import AugmentationSettings, ModelSettings, TrainingSettings
    from nwidth.cli.outputs import claim
    from nwidth.cli.plan_training import architecture_named
    from nwidth.cli.read_config import changed, read_config
    from nwidth.cli.threads import limit_threads
    from nwidth.cli.train_in_time import TimeChoice, states_to_learn, train_in_time
    from nwidth.errors import ConfigError
    from nwidth.fields import FieldDataset

    model_settings, training_settings = ModelSettings(), TrainingSettings()
    augmentation = AugmentationSettings()
    if configuration is not None:
        config = read_config(configuration)
        model_settings, training_settings = config.model, config.training
        augmentation = config.augmentation
        threads = threads or config.run.threads
    chosen = None if network is None else architecture_named(network)
    if chosen is not None and chosen != model_settings.architecture:
        # Widths and modes of a file are those of its own network.
        model_settings = ModelSettings(file=model_settings.file)
    model_settings = changed(
        model_settings, "model", architecture=chosen, modes=modes, width=width, seed=seed
    )
    training_settings = changed(
        training_settings,
        "training",
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        loss=loss,
        seed=seed,
        execution=None
        if device is None
        else {**training_settings.execution.model_dump(exclude_unset=True), "device": device},
    )
    limit_threads(threads)
    claim(output, overwrite, inputs=(data, configuration))
    choice = TimeChoice(history, rollout, rollout_steps, start, horizon, space_time)
    settings = (model_settings, training_settings, augmentation)
    model: Any
    with FieldDataset.open(data) as dataset:
        if dataset.times is not None and len(dataset.times) > 1:
            if ensemble is not None:
                raise ConfigError(
                    f"--ensemble: expected static fields, got some in time in {data}; leave it out"
                )
            states = states_to_learn(dataset, inputs, target)
            model = train_in_time(dataset, output, states, choice, *settings)
        else:
            choice.require_none(dataset)
            names, wanted = fields_to_learn(dataset, inputs, target)
            model = train_model(dataset, output, names, wanted, *settings, members=ensemble or 1)
    typer.echo(f"{output}: {model!r}")
    if "validation_relative_l2" in model.metrics:
        found = model.metrics["validation_relative_l2"]
        each = ", ".join(f"{100 * e:.3g}" for e in (found if isinstance(found, list) else [found]))
        typer.echo(f"validation: {each} % relative L2 error on samples held out")


def fields_to_learn(
    dataset: "FieldDataset", inputs: list[str] | None, target: str | None
) -> tuple[tuple[str, ...], str]:
    """Return names of inputs and output: as asked, else as the data set's problem says."""
    from nwidth.cli.build import described_problem
    from nwidth.errors import ConfigError

    if inputs and target:
        names, wanted = tuple(inputs), target
    else:
        problem = described_problem(dataset, "add --input and --target")
        names = tuple(inputs or (item.name for item in problem.inputs))
        wanted = target or str(getattr(problem, "output", ""))
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


@contextmanager
def resumable(checkpoint: Path, members: int = 1) -> Iterator[None]:
    """Tell from where a training goes on that Ctrl-C has ended."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"train: {_goes_on(checkpoint, members)}", err=True)
        raise


def _goes_on(checkpoint: Path, members: int) -> str:
    """Return a sentence on what is in the checkpoint."""
    from nwidth.errors import FileFormatError
    from nwidth.operators.training.training_checkpoint import training_reached

    files = [checkpoint] if members == 1 else [Path(f"{checkpoint}.{k}") for k in range(members)]
    there = [k for k, file in enumerate(files) if file.exists()]
    who = f"member {there[-1] + 1} " if there and members > 1 else ""
    try:
        epochs, steps = training_reached(files[there[-1]]) if there else (0, 0)
    except FileFormatError as error:
        return f"cannot go on: {error}"
    if not there or (epochs, steps) == (0, 0):
        return f"{who}begins anew: no step is kept"
    within = f", step {steps + 1}" if steps else ""
    return f"{who}goes on from epoch {epochs + 1}{within}"


def train_model(
    dataset: "FieldDataset",
    path: Path,
    inputs: tuple[str, ...],
    output: str,
    settings: "ModelSettings",
    training: "TrainingSettings",
    cheaper: "AugmentationSettings",
    members: int = 1,
) -> "NeuralOperator | Ensemble":
    """Train under a progress meter and write the model; resume from an unfinished training."""
    from nwidth.cli.plan_training import plan_training
    from nwidth.cli.progress import meter
    from nwidth.operators import Ensemble, NeuralOperator
    from nwidth.operators.training.training_data import channels_of

    network, options, augmentation = plan_training(
        dataset.grid,
        sum(channels_of(dataset, name) for name in inputs),
        settings,
        training,
        cheaper,
        channels_of(dataset, output),
        dataset.provenance.get("problem"),
    )
    model: NeuralOperator | Ensemble
    if members == 1:
        model = NeuralOperator(network, inputs=inputs, output=output)
    else:
        model = Ensemble(network, inputs=inputs, output=output, members=members)
    checkpoint = checkpoint_of(path)
    count = len(dataset) - options.held_out(len(dataset))
    past: dict[str, Any] = {"members": 0, "place": (0, 0)}
    with meter("train", members * options.all_epochs * count) as bar:

        def progress(report: "TrainingReport") -> None:
            place = (report.epoch, report.step)
            past["members"] += place <= past["place"]  # the next one begins
            past["place"] = place
            seen = past["members"] * report.epochs + report.epoch - 1
            steps = count if report.epoch_ended else report.step * options.batch_size
            number = f"member {past['members'] + 1}/{members}  " if members > 1 else ""
            bar.update(seen * count + min(steps, count), number + _words(report))

        with resumable(checkpoint, members):
            model.fit(
                dataset,
                options,
                augmentation=augmentation,
                progress=progress,
                checkpoint=checkpoint,
            )
    model.save(path)
    for unfinished in (checkpoint, *(Path(f"{checkpoint}.{k}") for k in range(members))):
        unfinished.unlink(missing_ok=True)
    return model


def _words(report: "TrainingReport") -> str:
    words = f"epoch {report.epoch}/{report.epochs}  loss {report.training_loss:.3g}"
    best: Any = report.best_error
    return words if best is None else f"{words}  validation {100 * best:.3g} %"
