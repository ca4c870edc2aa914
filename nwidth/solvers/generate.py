"""Generate a data set: draw random inputs, solve, and stream the samples to one file."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwidth.arguments import require_choice, require_integer, require_number, require_path
from nwidth.arrays import generator
from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.batch_solver import BatchSolver
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.problem import Inputs, LinearProblem
from nwidth.solvers.solution import Solution
from nwidth.solvers.solve import METHODS, solve

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset

Progress = Callable[[int, int], None]

# Samples in a batch unless told otherwise, at most.
LARGEST_BATCH = 32


def generate(
    problem: LinearProblem,
    path: str | Path,
    samples: int,
    *,
    seed: int = 0,
    rtol: float = 1e-8,
    restrict: int = 1,
    method: str = "auto",
    max_iterations: int = 200,
    dtype: str = "float64",
    compression: str | None = None,
    batch: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> "FieldDataset":
    """Write `samples` random inputs of a problem and their solutions to a file; return it to read.

    Sample i depends on (seed, i) alone: not on the batch, the number of threads or where an earlier
    call ended. Samples go to disk one by one. Killed and called again, the function continues; what
    is lost is the batch in flight, or the sample in flight where `solve_batch` takes samples one by
    one and for any method but "auto". Called with a finished file of the same provenance it returns
    that as it is. A file of another provenance is refused unless `overwrite`.

    Args:
        problem: a problem whose inputs have samplers and that can be described (no callables).
        path: the file, `.h5` or `.hdf5`.
        samples: how many, >= 1.
        seed: an integer >= 0.
        rtol: relative residual of the solutions. Good value: 1e-8.
        restrict: solve on the problem's grid, store on the one coarsened by this factor.
        method: see `solve`; "auto" is `solve_batch`.
        max_iterations: see `solve`.
        dtype: precision of the stored fields, "float64" or "float32".
        compression: see `FieldDataset.create`.
        batch: how many samples are drawn and solved at once, in memory for twice as many fields.
            Good values: multiples of 8 per thread; by default 8 per thread, but 32 at most.
        progress: called as `progress(done, total)` at the start and after each sample.
        overwrite: replace an existing file whatever it holds.

    The file has the inputs, the solution (of waves the fields "wave_real" and "wave_imag"), the
    scalars "residual" and "iterations" of each sample, and the boundary conditions; its provenance
    holds the description of the problem, all arguments, and versions. Raises `InputError` for
    arguments that cannot be used, `FileFormatError` for a file that is in the way, and
    `NotConvergedError` naming the sample that could not be solved.

    >>> import tempfile
    >>> from nwidth.meshes import GaussianRandomField, Grid, LogNormalField
    >>> from nwidth.solvers import Darcy
    >>> grid = Grid.uniform((9, 9))
    >>> a = LogNormalField(GaussianRandomField(grid, alpha=2, tau=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with generate(Darcy(grid, permeability=a), f"{folder}/darcy.h5", 2) as data:
    ...         print(data["pressure"].shape, data.complete)
    (2, 9, 9) True
    """
    from nwidth.fields import FieldDataset
    from nwidth.solvers.generated_file import existing_file, versions

    samples = require_integer(samples, "samples", 1)
    if not isinstance(problem, LinearProblem):
        raise InputError(f"problem: expected a Problem like Darcy(grid), got {problem!r:.80}")
    _require_options(rtol, max_iterations, dtype)
    require_choice(method, "method", METHODS)
    if batch is not None:
        batch = require_integer(batch, "batch", 1)
    generator(seed, 0)  # raises for a seed that is none
    for item in problem.inputs:
        if item.sampler is None:
            raise InputError(
                f"{item.name}: expected a sampler to draw random inputs from, got none; "
                "give the problem a random field"
            )
    path = require_path(path, "path")
    grid = problem.grid.coarsen(restrict)
    description = problem.describe()
    provenance = {
        "kind": "generated",
        "problem": description,
        "output": _outputs(problem)[0],
        "samples": samples,
        "seed": int(seed),
        "rtol": float(rtol),
        "restrict": int(restrict),
        "method": method,
        "max_iterations": int(max_iterations),
        "dtype": dtype,
        "versions": versions(),
    }
    data = None if overwrite else existing_file(path, provenance)
    if data is None:
        units = {item.name: item.unit for item in problem.inputs}
        data = FieldDataset.create(
            path,
            grid,
            {**units, **dict.fromkeys(_outputs(problem), problem.output_unit)},
            scalars={"residual": "1", "iterations": "1"},
            samples=samples,
            dtype=dtype,
            provenance=provenance,
            boundary=description.get("boundary"),
            overwrite=overwrite,
            compression=compression,
        )
    try:
        if not data.complete:
            report = progress or (lambda done, total: None)
            limits = (rtol, method, max_iterations)
            for i, inputs, solution in _solved(
                problem, seed, len(data), samples, batch, *limits, report
            ):
                try:
                    solution.checked()
                except NotConvergedError as error:
                    raise NotConvergedError(f"sample {i} of seed {seed}: {error}") from None
                u = solution.u
                parts = (u.real, u.imag) if np.iscomplexobj(u) else (u,)
                fields = {**inputs, **dict(zip(_outputs(problem), parts, strict=True))}
                data.append(
                    {name: problem.grid.restrict(u, restrict) for name, u in fields.items()},
                    {"residual": solution.residual, "iterations": solution.iterations},
                )
            data.finish()
        if progress is not None:
            progress(samples, samples)
    except BaseException:
        data.close()
        raise
    return data


def _solved(
    problem: LinearProblem,
    seed: int,
    first: int,
    samples: int,
    batch: int | None,
    rtol: float,
    method: str,
    max_iterations: int,
    report: Progress,
) -> Iterator[tuple[int, Inputs, Solution]]:
    """Yield the numbers, inputs and solutions of samples, computed batch by batch."""
    solver = BatchSolver(problem)
    if method != "auto" or solver.why is not None:
        for i in range(first, samples):
            report(i, samples)
            inputs = problem.sample(generator(seed, i))
            yield (
                i,
                inputs,
                solve(problem, inputs, rtol, method=method, max_iterations=max_iterations),
            )
        return
    from nwidth.solvers._lanes_numba import LANES, get_num_threads

    batch = min(LANES * get_num_threads(), LARGEST_BATCH) if batch is None else batch
    with ThreadPoolExecutor(get_num_threads()) as threads:
        for start in range(first, samples, batch):
            report(start, samples)
            numbers = range(start, min(start + batch, samples))
            drawn = [*threads.map(lambda i: problem.sample(generator(seed, i)), numbers)]
            inputs = {name: np.stack([item[name] for item in drawn]) for name in drawn[0]}
            del drawn
            solutions = solver.solve(inputs, rtol, max_iterations=max_iterations, first=start)
            for k, i in enumerate(numbers):
                if k > 0:
                    report(i, samples)
                yield i, {name: fields[k] for name, fields in inputs.items()}, solutions[k]


def _outputs(problem: LinearProblem) -> tuple[str, ...]:
    """Return the names of the solution's fields in the file: complex numbers take two."""
    name = problem.output
    return (f"{name}_real", f"{name}_imag") if isinstance(problem, Helmholtz) else (name,)


def _require_options(rtol: Any, max_iterations: Any, dtype: Any) -> None:
    """Raise `InputError` for options that no solve could use, before there is a file."""
    require_number(rtol, "rtol", "(0, 1)")
    require_integer(max_iterations, "max_iterations", 1)
    require_choice(dtype, "dtype", ("float64", "float32"))
