"""``nwidth predict``: apply a trained model to the samples of a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Model, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.operators import Ensemble, NeuralOperator

SAMPLES_AT_ONCE = 64


def predict(
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            help="Data set (HDF5), or table of parameters (CSV).",
            metavar="DATA",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    rtol: Annotated[
        float | None,
        typer.Option("--rtol", help="Reduced bases: the relative error that bounds have to meet."),
    ] = None,
    configuration: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Reduced bases: problem file, to solve where bounds miss --rtol."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="In time: how many steps; default: to the data's end."),
    ] = None,
    start: Annotated[
        int | None, typer.Option("--start", min=0, help="In time: number of the first state given.")
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Apply a model to every sample of a data set, or to every line of a table of parameters.

    Models that `reduce` made take tables: CSV with the names of the parameters
    in the first line. A reduced basis bounds the error of each answer, and with
    --rtol and --config the solver finishes those whose bound is too large.

    For example:

        nwidth predict fno.h5 darcy_test.h5 -o predictions.h5

        nwidth predict block.h5 parameters.csv -o fields.h5

        nwidth predict block.h5 parameters.csv -o fields.h5 --rtol 1e-3 -c block.toml

        nwidth plot predictions.h5 -o prediction.png --sample 3

        nwidth predict step.h5 flow_test.h5 -o rollouts.h5 --steps 100
    """
    from nwidth.cli.file_kind import file_kind
    from nwidth.cli.outputs import claim
    from nwidth.cli.predict_in_time import KINDS, predict_in_time
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError

    if rtol is not None and not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    if configuration is not None and rtol is None:
        raise ConfigError("--config: expected --rtol too, the error above which to solve in full")
    limit_threads(threads)
    claim(output, overwrite, inputs=(model, data, configuration))
    kind = file_kind(model)
    if kind == "reduced-basis":
        from nwidth.cli.predict_table import predict_certified

        predict_certified(model, data, output, rtol, configuration)
        return
    if rtol is not None or configuration is not None:
        raise ConfigError(
            f"--rtol, --config: expected a reduced basis, which bounds its errors, got a model of "
            f"kind {kind!r}; `nwidth certify` bounds the errors of neural operators"
        )
    if kind in KINDS:
        predict_in_time(kind, model, data, output, steps, start)
        return
    if steps is not None or start is not None:
        raise ConfigError(
            f"--steps, --start: expected a model in time, got one of kind {kind!r}; leave them out"
        )
    if kind == "pod-regression":
        from nwidth.cli.predict_table import predict_estimated

        predict_estimated(model, data, output)
    else:
        _predict_samples(model, data, output)


def _predict_samples(model: Path, data: Path, output: Path) -> None:
    """Apply a model to every sample of a data set."""
    import numpy as np

    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole
    from nwidth.cli.progress import meter
    from nwidth.cli.static_operator import static_operator
    from nwidth.fields import FieldDataset
    from nwidth.operators import Ensemble

    operator = static_operator(model)
    errors: list[float] = []
    with FieldDataset.open(data) as dataset:
        known = require_inputs(operator, dataset)
        name = operator.output
        fields = {n: dataset.units[n] for n in operator.inputs}
        fields[name] = dataset.units.get(name, "1")
        if known:
            fields[f"{name}_reference"] = dataset.units[name]
        if isinstance(operator, Ensemble):
            fields[f"{name}_spread"] = fields[name]
        provenance = {
            "kind": "predictions",
            "output": name,
            "model": str(model),
            "data": str(data),
            "problem": dataset.provenance.get("problem"),
            "nwidth": __version__,
        }
        scalars = {"relative_l2_error": "1"} if known else {}
        with (
            written_whole(
                output,
                dataset.grid,
                fields,
                scalars=scalars,
                provenance=provenance,
                samples=len(dataset),
            ) as out,
            meter("predict", len(dataset)) as bar,
        ):
            for samples, inputs in chunks(operator, dataset):
                if isinstance(operator, Ensemble):
                    mean, spread = operator.predict_with_spread(inputs, dataset.grid)
                    answers = {name: mean, f"{name}_spread": spread}
                else:
                    answers = {name: operator.predict(inputs, dataset.grid)}
                predicted = answers[name]
                for k, i in enumerate(samples):
                    sample = {n: inputs[n][k] for n in operator.inputs}
                    sample |= {n: field[k] for n, field in answers.items()}
                    error: dict[str, float] = {}
                    if known:
                        reference = sample[f"{name}_reference"] = dataset[name][i]
                        difference = dataset.grid.norm(predicted[k] - reference)
                        norm = float(dataset.grid.norm(reference))
                        errors.append(float(difference) / (norm or 1.0))
                        error = {"relative_l2_error": errors[-1]}
                    out.append(sample, error)
                bar.update(samples[-1] + 1)
    typer.echo(f"{output}: {len(dataset)} predictions of {name}")
    if errors:
        typer.echo(
            f"relative L2 error: mean {100 * np.mean(errors):.3g} %, "
            f"median {100 * np.median(errors):.3g} %, largest {100 * np.max(errors):.3g} %"
        )


def require_inputs(operator: "NeuralOperator | Ensemble", dataset: "FieldDataset") -> bool:
    """Check that a data set has the model's inputs; return whether it has the output too."""
    from nwidth.errors import InputError

    missing = [name for name in operator.inputs if name not in dataset.field_names]
    if missing:
        raise InputError(
            f"{dataset.path}: expected the fields {', '.join(operator.inputs)} that the model was "
            f"trained on, got {', '.join(dataset.field_names)}; rename them with "
            f"`nwidth convert ... --map {missing[0]}={dataset.field_names[0]}`"
        )
    if len(dataset) == 0:
        raise InputError(f"{dataset.path}: expected at least one sample, got none; generate some")
    operator.require_agreement_with(dataset)
    return operator.output in dataset.field_names


def chunks(
    operator: "NeuralOperator | Ensemble", dataset: "FieldDataset"
) -> Iterator[tuple[range, dict[str, Any]]]:
    """Yield sample numbers and input fields, a few dozen samples at a time."""
    for start in range(0, len(dataset), SAMPLES_AT_ONCE):
        samples = range(start, min(start + SAMPLES_AT_ONCE, len(dataset)))
        yield samples, {n: dataset[n][samples.start : samples.stop] for n in operator.inputs}
