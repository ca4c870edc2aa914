"""Answers of a reduced model to a table of parameters, each with its bound where there is one."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

from nwidth._version import __version__
from nwidth.cli.dataset_file import written_whole
from nwidth.cli.parameter_table import read_parameters
from nwidth.cli.percent import percent
from nwidth.cli.progress import meter
from nwidth.errors import ConfigError, InputError, NotConvergedError
from nwidth.fields import FieldDataset

# Answers that are made together.
AT_ONCE = 256
# What stands in files for an infinite bound: they hold finite numbers alone.
MOST = float(np.finfo(float).max)

# What stands in files beside the parameters, for their readers.
MEANING = {
    "bound": "||u - solution|| is at most this, in the norm of the model's inner product",
    "relative_bound": "||u - solution|| / ||u|| is at most this",
    "inside": "1 where the parameters are in the box of the model, else 0",
    "solved": "1 where the full problem was solved as the bound missed rtol, else 0",
}


def predict_certified(
    path: Path, table: Path, output: Path, rtol: float | None, problem_file: Path | None
) -> None:
    """Answer a table by a reduced basis; with `rtol` the solver finishes where it must.

    The output has a field per line, or its real and imaginary parts; its parameters, the bound of
    its error in the norm of the model, absolute and relative, and flags: `inside` the box of the
    model, `solved` by elimination. Where no bound is known, the largest number stands for it.
    """
    from nwidth.cli.affine_file import read_affine, whole_fields
    from nwidth.rom import AffineErrorBound, ReducedBasis, certify_vectors

    model = ReducedBasis.load(path)
    if model.box is None or model.box.names is None:
        raise InputError(f"{path}: expected a model whose parameters have names, as `reduce` makes")
    names = model.box.names
    mus = read_parameters(table, names)
    task = None if problem_file is None else read_affine(problem_file)
    size = 0 if model.basis is None else len(model.basis)
    if task is not None and not (
        task.problem.size == size
        and (task.problem.theta, task.problem.phi) == (model.problem.theta, model.problem.phi)
        and task.about.items() <= model.about.items()
    ):
        raise ConfigError(
            f"--config: {problem_file} is not the problem of {path}; give the file that `reduce` "
            "made it of, unchanged, with its matrices"
        )
    grid, whole = whole_fields(model.about, size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mu lies outside")  # they are counted at the end
        with np.errstate(over="ignore"):  # of parameters near the largest numbers: no bound
            answers = model.solve_many(mus)
            sizes = np.linalg.norm(answers.x, axis=1)
    dtype, parts = answers.x.dtype, _parts(answers.x.dtype)
    unit = model.about.get("unit", "1")
    bounds = answers.bound.copy()
    relative = _relative(bounds, sizes)
    missed = np.zeros(len(mus), bool) if rtol is None else ~(relative <= rtol)
    finish = None if task is None else AffineErrorBound(task.problem, task.energy, model.stability)
    scalars = {**dict.fromkeys(names, "1"), "bound": "1", "relative_bound": "1"}
    scalars |= {"inside": "1", "solved": "1"}
    with (
        written_whole(
            output,
            grid,
            dict.fromkeys(parts, unit),
            scalars=scalars,
            provenance=_provenance("certified predictions", path, table)
            | {"rtol": rtol, "meaning": MEANING},
            samples=len(mus),
            dtype=np.zeros(0, dtype).real.dtype,
        ) as out,
        meter("predict", len(mus)) as bar,
    ):
        for start in range(0, len(mus), AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, len(mus)))
            fields = np.nan_to_num(model.lift(answers.x[rows]))  # NaN where a matrix is singular
            again = missed[rows]
            if finish is not None and again.any():
                solved = certify_vectors(finish, mus[rows[again]], fields[again], rtol)
                fields[again] = solved.u
                bounds[rows[again]], relative[rows[again]] = solved.absolute_bound, solved.bound
            for j, u in zip(rows, fields, strict=True):
                numbers = dict(zip(names, mus[j], strict=True))
                numbers |= {"bound": min(bounds[j], MOST), "relative_bound": min(relative[j], MOST)}
                numbers |= {"inside": float(answers.inside[j])}
                done = float(missed[j] and finish is not None)
                field = whole(u)
                sample = {name: part(field) for name, part in parts.items()}
                out.append(sample, numbers | {"solved": done})
            bar.update(int(rows[-1]) + 1)
    _tell(output, relative, missed, rtol, finish is not None)
    outside = int((~answers.inside).sum())
    if outside:
        typer.echo(f"{outside} of them lie outside of the box of the model (inside = 0)")


def predict_estimated(path: Path, table: Path, output: Path) -> None:
    """Answer a table or a data set by a fitted model; errors are estimated, not bounded."""
    from nwidth.rom.regression import PODRegression

    model = PODRegression.load(path)
    inputs = _inputs(table, model.inputs)
    estimate = model.estimate(inputs)
    numbers = {name: values for name, values in inputs.items() if values.ndim == 1}
    unit = str(model.provenance.get("output_unit", "1"))
    fields = {model.output: unit}
    if estimate.deviation is not None:
        fields[f"{model.output}_std"] = unit
    times = model.provenance.get("output_times")
    assert model.grid is not None
    with written_whole(
        output,
        model.grid,
        fields,
        scalars={**dict.fromkeys(numbers, "1"), "inside": "1"},
        provenance=_provenance("predictions", path, table) | {"output": model.output},
        samples=len(estimate.u),
        times=None if times is None else np.array(times),
        dtype=estimate.u.dtype,
    ) as out:
        for j, u in enumerate(estimate.u):
            sample = {model.output: u}
            if estimate.deviation is not None:
                sample[f"{model.output}_std"] = estimate.deviation[j]
            told = {name: float(values[j]) for name, values in numbers.items()}
            out.append(sample, told | {"inside": float(estimate.inside[j])})
    typer.echo(f"{output}: {len(estimate.u)} predictions of {model.output}")
    typer.echo(
        f"error at samples left out of training: {percent(model.metrics['error'])} (an estimate)"
    )
    outside = int((~estimate.inside).sum())
    if outside:
        typer.echo(f"{outside} of them extrapolate: their errors are not those (inside = 0)")


def _inputs(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return scalars and fields by name, from a table or a data set."""
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return dict(zip(names, read_parameters(path, names).T, strict=True))
    with FieldDataset.open(path) as data:
        there = (*data.scalar_names, *data.field_names)
        missing = [name for name in names if name not in there]
        if missing or not len(data):
            raise InputError(
                f"{path}: expected samples with {', '.join(names)}, got {len(data)} samples with "
                f"{', '.join(there)}; bring the inputs that the model was fitted to"
            )
        return {n: data.scalars[n] if n in data.scalar_names else data[n][:] for n in names}


def _parts(dtype: Any) -> dict[str, Callable[[Any], Any]]:
    """Return names and the real parts of which data sets keep fields of this type."""
    if np.issubdtype(dtype, np.complexfloating):
        return {"solution_real": np.real, "solution_imag": np.imag}
    return {"solution": np.asarray}


def _relative(bounds: Any, sizes: Any) -> Any:
    """Return bounds over lower bounds of ||u||, infinite where these are not positive."""
    least = sizes - bounds
    with np.errstate(invalid="ignore"):
        return np.where(least > 0, bounds / np.where(least > 0, least, 1.0), np.inf)


def _provenance(kind: str, model: Path, table: Path) -> dict[str, Any]:
    return {"kind": kind, "model": str(model), "parameters": str(table), "nwidth": __version__}


def _tell(output: Path, relative: Any, missed: Any, rtol: float | None, finished: bool) -> None:
    """Print the bounds, and raise if some miss the tolerance."""
    typer.echo(
        f"{output}: {len(relative)} solutions, bound of the relative error: median "
        f"{percent(float(np.median(relative)), up=True)}, largest "
        f"{percent(float(np.max(relative)), up=True)}"
    )
    unknown = int(np.isinf(relative).sum())
    if unknown:
        typer.echo(
            f"{unknown} of them have none: the problem is not known to be stable there, or the "
            f"error is as large as the solution (relative_bound = {MOST:.2g})"
        )
    if rtol is None or not missed.any():
        return
    left = int((~(relative <= rtol)).sum())
    if finished:
        typer.echo(f"{int(missed.sum())} of them were above {rtol:g} and have been solved in full")
    if left:
        remedy = (
            "their stability is not known, or round-off is reached: see relative_bound"
            if finished
            else "give the problem file by --config, so that the solver finishes these"
        )
        raise NotConvergedError(
            f"predict: {left} of {len(relative)} bounds are above --rtol {rtol:g} (all are in "
            f"{output}); {remedy}"
        )
