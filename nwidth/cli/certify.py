"""``nwidth certify``: predictions with an error bound each, polished where it is too large."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Data, Model, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.operators import NeuralOperator
    from nwidth.rom import CertifiedPrediction
    from nwidth.solvers import Problem


def certify(
    model: Model,
    data: Data,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write fields and bounds (HDF5).")
    ] = None,
    rtol: Annotated[
        float | None,
        typer.Option("--rtol", help="Polish predictions whose relative bound is above this."),
    ] = None,
    configuration: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Take the problem from here, not from the data set."),
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Bound the error of each prediction; with --rtol let the solver polish.

    For example:
        nwidth certify fno.h5 darcy_test.h5

        nwidth certify fno.h5 darcy_test.h5 --rtol 1e-2 -o certified.h5
    """
    from nwidth.cli.build import build, problem_of
    from nwidth.cli.outputs import claim
    from nwidth.cli.predict import require_inputs
    from nwidth.cli.read_config import read_config
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError
    from nwidth.fields import FieldDataset
    from nwidth.operators import NeuralOperator

    if rtol is not None and not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    limit_threads(threads)
    if output is not None:
        claim(output, overwrite)
    operator = NeuralOperator.load(model)
    with FieldDataset.open(data) as dataset:
        require_inputs(operator, dataset)
        if configuration is not None:
            problem = build(read_config(configuration), configuration.parent).problem
            problem = problem if problem.grid == dataset.grid else problem.on(dataset.grid)
        else:
            problem = problem_of(dataset, "add --config")
        result = certify_data(operator, problem, dataset, rtol, output, str(model))
    typer.echo(repr(result))
    result.checked()


def certify_data(
    operator: "NeuralOperator",
    problem: "Problem",
    dataset: "FieldDataset",
    rtol: float | None,
    output: Path | None,
    model_name: str,
) -> "CertifiedPrediction":
    """Certify every sample of a data set; write the file if a name is given; return the bounds."""
    import numpy as np

    from nwidth.cli.predict import chunks
    from nwidth.cli.progress import meter
    from nwidth.rom import CertifiedPrediction, certify_fields
    from nwidth.rom import certify as certified_surrogate

    certified = certified_surrogate(operator, problem)
    parts, predictions = [], []
    with meter("certify", len(dataset)) as bar:
        for samples, inputs in chunks(operator, dataset):
            fields = operator.predict(inputs, dataset.grid)
            for k, i in enumerate(samples):
                one = {name: values[k : k + 1] for name, values in inputs.items()}
                parts.append(
                    certify_fields(
                        problem, one, fields[k : k + 1], rtol, dual_norm=certified.dual_norm
                    )
                )
                bar.update(i + 1, f"bound {100 * parts[-1].bound[0]:.2g} %")
            predictions.append(fields)
    result = CertifiedPrediction.join(parts)
    if output is not None:
        _write(output, operator, dataset, result, np.concatenate(predictions), model_name)
    return result


def _write(
    output: Path,
    operator: "NeuralOperator",
    dataset: "FieldDataset",
    result: "CertifiedPrediction",
    predictions: Any,
    model_name: str,
) -> None:
    """Write inputs, certified fields, raw predictions, references and the certificates."""
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole

    name = operator.output
    known = name in dataset.field_names
    unit = dataset.units.get(name, "1")
    fields = {n: dataset.units[n] for n in operator.inputs}
    fields |= {name: unit, f"{name}_predicted": unit}
    fields |= {f"{name}_reference": unit} if known else {}
    provenance = {
        "kind": "certified predictions",
        "output": name,
        "model": model_name,
        "data": str(dataset.path),
        "rtol": result.rtol,
        "problem": dataset.provenance.get("problem"),
        "bound": "relative error in the energy norm to the discrete solution on this grid",
        "nwidth": __version__,
    }
    with written_whole(
        output,
        dataset.grid,
        fields,
        scalars=dict.fromkeys(result.scalars(0), "1"),
        provenance=provenance,
        samples=len(dataset),
    ) as out:
        for i in range(len(dataset)):
            sample = {n: dataset[n][i] for n in operator.inputs}
            sample |= {name: result.u[i], f"{name}_predicted": predictions[i]}
            sample |= {f"{name}_reference": dataset[name][i]} if known else {}
            out.append(sample, result.scalars(i))
