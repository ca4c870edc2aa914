"""``nwidth certify``: predictions with an error bound each, polished where it is too large."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Data, Model, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.operators import Ensemble, NeuralOperator
    from nwidth.rom import CertifiedPrediction
    from nwidth.solvers import Problem

# Number of the sample, raw prediction, certified field, numbers of the certificate.
Keep = Callable[[int, Any, Any, dict[str, float]], None]

CERTIFICATE = ("bound", "bound_before", "l2_bound", "polished", "iterations")


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
    two_grid: Annotated[
        bool,
        typer.Option("--two-grid", help="Estimate the error of the grid, too: costs two solves."),
    ] = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Bound the error of each prediction; with --rtol let the solver polish.

    For example:
        nwidth certify fno.h5 darcy_test.h5

        nwidth certify fno.h5 darcy_test.h5 --rtol 1e-2 --two-grid -o certified.h5

        nwidth certify step.h5 flow_test.h5 --rtol 1e-2 -o certified.h5
    """
    from nwidth.cli.build import build, problem_of
    from nwidth.cli.certify_in_time import certify_in_time
    from nwidth.cli.file_kind import file_kind
    from nwidth.cli.outputs import claim
    from nwidth.cli.predict import require_inputs
    from nwidth.cli.predict_in_time import KINDS
    from nwidth.cli.read_config import read_config
    from nwidth.cli.static_operator import static_operator
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError
    from nwidth.fields import FieldDataset

    if rtol is not None and not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    limit_threads(threads)
    if output is not None:
        claim(output, overwrite, inputs=(model, data, configuration))
    kind = file_kind(model)
    if kind in ("reduced-basis", "pod-regression"):
        raise ConfigError(
            f"{model}: expected a neural operator, got a model of kind {kind!r}; reduced bases "
            "come with their bounds: use `nwidth reduce` on a problem file, and `nwidth predict`"
        )
    if kind in KINDS:
        if configuration is not None or two_grid:
            raise ConfigError(
                "--config, --two-grid: expected none for a model in time, whose equation is that "
                "of the data set"
            )
        certify_in_time(kind, model, data, output, rtol, threads)
        return
    operator = static_operator(model)
    with FieldDataset.open(data) as dataset:
        require_inputs(operator, dataset)
        if configuration is not None:
            problem = build(read_config(configuration), configuration.parent).problem
            problem = problem if problem.grid == dataset.grid else problem.on(dataset.grid)
        else:
            problem = problem_of(dataset, "add --config")
        result = certify_data(
            operator, problem, dataset, rtol, output, str(model), discretization=two_grid
        )
    typer.echo(repr(result))
    result.checked()


def certify_data(
    operator: "NeuralOperator | Ensemble",
    problem: "Problem",
    dataset: "FieldDataset",
    rtol: float | None,
    output: Path | None,
    model_name: str,
    *,
    discretization: bool = False,
) -> "CertifiedPrediction":
    """Certify a data set chunk by chunk; write the file if a name is given; return the bounds.

    With `discretization` each sample gets a two-grid estimate beside its bound. No more than one
    chunk of fields is in memory: the result has an empty `u`.
    """
    from nwidth.cli.predict import chunks
    from nwidth.cli.progress import meter
    from nwidth.errors import NwidthError
    from nwidth.rom import CertifiedPrediction, DualNorm, certify_fields

    if discretization:
        from nwidth.solvers.discretization_error import coarser

        coarser(problem)  # raises for a grid that cannot be coarsened
    norm, parts = DualNorm(problem), []
    with ExitStack() as stack:
        keep = None
        if output is not None:
            keep = stack.enter_context(
                certified_file(
                    output,
                    operator,
                    problem,
                    dataset,
                    rtol,
                    model_name,
                    discretization=discretization,
                )
            )
        bar = stack.enter_context(meter("certify", len(dataset)))
        for samples, inputs in chunks(operator, dataset):
            raw = operator.predict(inputs, dataset.grid)
            try:
                part = certify_fields(
                    problem, inputs, raw, rtol, discretization=discretization, dual_norm=norm
                )
            except NwidthError as error:
                raise type(error)(f"counted from sample {samples.start}: {error}") from None
            if keep is not None:
                for k, i in enumerate(samples):
                    keep(i, raw[k], part.u[k], part.scalars(k))
            parts.append(replace(part, u=part.u[:0]))
            bar.update(samples.stop, f"bound {100 * part.bound.max():.2g} %")
    return CertifiedPrediction.join(parts)


@contextmanager
def certified_file(
    output: Path,
    operator: "NeuralOperator | Ensemble",
    problem: "Problem",
    dataset: "FieldDataset",
    rtol: float | None,
    model_name: str,
    *,
    discretization: bool = False,
) -> Iterator[Keep]:
    """Open a file for certified samples; it takes its name when the block ends without an error.

    Yields a function that appends a sample: its number in the data set, which must be the next,
    the raw prediction, the certified field and the numbers of the certificate. The solutions of
    the data set are kept as references unless they are those of another problem.
    """
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole

    name = operator.output
    known = name in dataset.field_names
    if known and not _solves(dataset, problem):
        known = False
        print(
            f"{dataset.path}: {name} is left out, as it solves another problem than the certified "
            "one",
            file=sys.stderr,
        )
    unit = dataset.units.get(name, "1")
    fields = {n: dataset.units[n] for n in operator.inputs}
    fields |= {name: unit, f"{name}_predicted": unit}
    fields |= {f"{name}_reference": unit} if known else {}
    provenance = {
        "kind": "certified predictions",
        "output": name,
        "model": model_name,
        "data": str(dataset.path),
        "rtol": rtol,
        "problem": problem.describe(),
        "bound": "relative error in the energy norm to the discrete solution on this grid",
        "nwidth": __version__,
    }
    numbers = (*CERTIFICATE, *(("discretization",) * discretization))
    with written_whole(
        output,
        dataset.grid,
        fields,
        scalars=dict.fromkeys(numbers, "1"),
        provenance=provenance,
        samples=len(dataset),
        allow_nonfinite=numbers,  # a useless prediction has an infinite bound
    ) as out:

        def keep(i: int, raw: Any, certified: Any, scalars: dict[str, float]) -> None:
            sample = {n: dataset[n][i] for n in operator.inputs}
            sample |= {name: certified, f"{name}_predicted": raw}
            sample |= {f"{name}_reference": dataset[name][i]} if known else {}
            out.append(sample, scalars)

        yield keep


def _solves(dataset: "FieldDataset", problem: "Problem") -> bool:
    """Whether the solutions of a data set, as far as it names their problem, are of this one."""
    from nwidth.solvers import problem_from_description

    description = dataset.provenance.get("problem")
    if description is None:
        return True
    # Where the inputs were drawn from and what units are called changes no solution.
    free = {item.name for item in problem.inputs} | {"unit", "output_unit"}
    one, other = (  # moved to a grid, the boundary is told side by side
        each.on(dataset.grid).describe()
        for each in (problem_from_description(description), problem)
    )
    return all(one.get(k) == other.get(k) for k in {*one, *other} - free)
