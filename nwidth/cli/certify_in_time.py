"""``nwidth certify`` for models in time: each step against the solver's, and bounds of errors."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nwidth.cli.predict_in_time import KINDS
from nwidth.errors import ConfigError

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.solvers import EvolutionProblem

# Numbers of a trajectory kept in the file, at their largest over its times.
NUMBERS = ("bound", "indicator", "defect", "solver_steps")


def certify_in_time(
    kind: str, path: Path, data: Path, output: Path | None, rtol: float | None, threads: int | None
) -> None:
    """Continue every sample of a data set and certify its trajectory; with rtol, polish.

    The file has the certified trajectories, the predictions beside them, and for each sample the
    largest numbers over its times. Where the model refuses a sample, its predictions are NaN, and
    so are its trajectories unless they are polished.
    """
    import numpy as np

    from nwidth.cli.progress import meter
    from nwidth.errors import NonFiniteError, NwidthError
    from nwidth.fields import FieldDataset
    from nwidth.operators import AutoregressiveOperator, SpaceTimeOperator
    from nwidth.rom import CertifiedTrajectories, certify

    step = kind == KINDS[0]
    model: Any = (AutoregressiveOperator if step else SpaceTimeOperator).load(path)
    with FieldDataset.open(data) as dataset, ExitStack() as stack:
        problem = problem_in_time(dataset)
        stride = model.require_like(dataset)
        assert dataset.times is not None
        start = model.rollout.start if step else model.start
        last = None if step else start + model.window + model.time_axis.size
        times = dataset.times[::stride][start:last]
        if len(times) <= model.window:
            raise ConfigError(
                f"{data}: expected more than {model.window} states from number {start} on, which "
                f"the model starts from, got {len(times)}"
            )
        first = slice(start * stride, (start + model.window - 1) * stride + 1, stride)
        certified, parts = certify(model, problem), []
        keep = None
        if output is not None:
            keep = stack.enter_context(_file(output, model, dataset, times, rtol, path))
        bar = stack.enter_context(meter("certify", len(dataset)))
        for i in range(len(dataset)):
            inputs = {n: np.asarray(dataset[n][i : i + 1, first]) for n in model.fields}
            inputs |= {n: np.asarray(dataset[n][i : i + 1]) for n in model.inputs}
            try:
                found = certified.predict(inputs, times, rtol, threads=threads or 1)
            except NwidthError as error:
                raise type(error)(f"sample {i} of {data}: {error}") from None
            if keep is not None:
                steps = {"steps": len(times) - model.window} if step else {}
                try:
                    predicted = model.predict(inputs, dataset.grid, **steps)
                except NonFiniteError:  # the sample is refused
                    predicted = None
                fields = {}
                for name in model.fields:
                    whole = found.fields[name][0]
                    u = np.moveaxis(whole, 1, -1) if problem.components > 1 else whole
                    raw = np.full_like(u, np.nan)[model.window :]
                    raw = raw if predicted is None else predicted[name][0]
                    fields[name] = u
                    fields[f"{name}_predicted"] = np.concatenate([inputs[name][0], raw])
                keep.append(fields, {name: float(np.max(getattr(found, name))) for name in NUMBERS})
            parts.append(found.without_fields())
            bar.update(i + 1)
        result = CertifiedTrajectories.join(parts)
    typer.echo(repr(result))
    result.checked()


def problem_in_time(dataset: "FieldDataset") -> "EvolutionProblem":
    """Return the problem in time that a data set is of, on its grid."""
    from nwidth.solvers import EvolutionProblem, problem_from_description

    description = dataset.provenance.get("problem")
    problem = None if description is None else problem_from_description(description)
    if not isinstance(problem, EvolutionProblem):
        raise ConfigError(
            f"{dataset.path}: expected a data set in time that names its equation, got "
            f"{'none' if description is None else description['equation']!r}"
        )
    return problem if problem.grid == dataset.grid else problem.on(dataset.grid)


def _file(
    output: Path, model: Any, dataset: "FieldDataset", times: Any, rtol: float | None, path: Path
) -> Any:
    """Open the file of certified trajectories; it takes its name when it is whole."""
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole

    layout: dict[str, Any] = {
        label: dataset.layout.fields[name]
        for name in model.fields
        for label in (name, f"{name}_predicted")
    }
    provenance = {
        "kind": "certified trajectories",
        "model": str(path),
        "data": str(dataset.path),
        "given": model.window,
        "rtol": rtol,
        "problem": dataset.provenance.get("problem"),
        "nwidth": __version__,
    }
    return written_whole(
        output,
        dataset.grid,
        layout,
        times=times,
        time_unit=dataset.layout.time_unit,
        scalars=dict.fromkeys(NUMBERS, "1"),
        provenance=provenance,
        samples=len(dataset),
        allow_nonfinite=(*NUMBERS, *layout),  # of samples that are refused
    )
