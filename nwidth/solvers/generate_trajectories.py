"""Generate a data set in time: draw initial fields, follow each, stream the samples to one file."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import (
    require_choice,
    require_dtype,
    require_instance,
    require_integer,
    require_number,
    require_path,
)
from nwidth.arrays import generator, require_finite
from nwidth.errors import InputError
from nwidth.solvers.cluster_workers import cluster_client, computed_on_cluster
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.sampled_trajectory import RESTRICTIONS, SampledTrajectory
from nwidth.solvers.simulate import RTOL, UNRESOLVED, WORK_ARRAYS
from nwidth.solvers.stepping import StepControl, SteppingMethod
from nwidth.solvers.worker_processes import computed_in_order

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset

Progress = Callable[[int, int], None]

# What an interpreter with this package takes by itself, in bytes.
INTERPRETER = 160 * 2**20
# What each sample takes besides, its number, twice.
NUMBERED = 16


def generate_trajectories(
    problem: EvolutionProblem,
    path: str | Path,
    samples: int,
    times: Any,
    *,
    seed: int = 0,
    restrict: int = 1,
    restriction: str = "subsample",
    method: SteppingMethod | None = None,
    dt: float | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    max_steps: int = 1_000_000,
    dtype: DTypeLike = "float64",
    compression: str | None = None,
    workers: int = 1,
    cluster: Any = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> "FieldDataset":
    """Write the fields `(sample, time, *grid)` of random initial states to a file; return it.

    Sample i depends on (seed, i) alone: the bytes are the same for any number of workers and
    wherever an earlier call ended. Killed and called again, the function continues; what is lost is
    what was in flight. Called with a finished file of the same provenance it returns that as it is.
    A file of another provenance is refused unless `overwrite`.

    Args:
        problem: an equation whose inputs have samplers.
        path: the file, `.h5` or `.hdf5`.
        samples: how many, >= 1.
        times: increasing, from zero on, which is the initial field.
        seed: an integer >= 0.
        restrict: solve on the problem's grid, store on the one coarsened by this factor.
        restriction: "subsample" picks points (averages cells), as most published data do; "fourier"
            cuts the series of periodic fields, which leaves no aliases.
        method: by default the problem's own.
        dt: fixed steps, at most so long.
        rtol: adaptive steps, of such errors; 1e-6 if neither is given.
        atol: see `evolve`.
        max_steps: see `evolve`.
        dtype: precision of the stored fields, "float64" or "float32".
        compression: see `FieldDataset.create`.
        workers: processes. More than one need a script to guard its calls with
            `if __name__ == "__main__":`, as each starts by importing it.
        cluster: instead of `workers`, a running Dask cluster: the address of its scheduler,
            "tcp://host:8786", or a `dask.distributed.Client`. Its workers have this package and
            draw, solve and send the samples; this process alone writes. The bytes are the same on
            processors and libraries of one kind.
        about: more entries of the provenance, such as whose setting it is.
        progress: called as `progress(done, total)` at the start and after each sample.
        overwrite: replace an existing file whatever it holds.

    In memory are one sample for each worker, and those that wait for their turn to be written, two
    for each worker. The file has the outputs of the problem, inputs that are no initial fields, and
    the scalars "steps" and, where it is known, "tail": the largest part of the solution, initial
    fields too, in its finest modes; a hundredth of it warns. Raises `InputError` for arguments that
    cannot be used, `FileFormatError` for a file that is in the way, and `NotConvergedError` or
    `NonFiniteError` naming the sample that could not be followed.

    >>> import tempfile
    >>> from nwidth.meshes import GaussianRandomField, Grid
    >>> from nwidth.solvers import Burgers
    >>> grid = Grid.periodic(64)
    >>> u = GaussianRandomField(grid, alpha=4, tau=5, boundary="periodic")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with generate_trajectories(
    ...         Burgers(grid, 0.1, u), f"{folder}/burgers.h5", 2, [0, 0.5, 1], restrict=2
    ...     ) as data:
    ...         print(data["velocity"].shape, data.times.tolist())
    (2, 3, 32) [0.0, 0.5, 1.0]
    """
    from nwidth.fields import FieldDataset
    from nwidth.solvers.generated_file import existing_file, versions

    require_instance(problem, "problem", EvolutionProblem)
    samples = require_integer(samples, "samples", 1)
    workers = min(require_integer(workers, "workers", 1), samples)
    dtype = require_dtype(dtype, "float32", "float64")
    require_choice(restriction, "restriction", RESTRICTIONS)
    times = _times(times)
    if dt is None and rtol is None:
        rtol = RTOL
    _require_steps(dt, rtol, atol, max_steps)
    if method is None:
        method = problem.method
    require_instance(method, "method", SteppingMethod)
    generator(seed, 0)  # raises for a seed that is none
    size = data_set_size(problem, samples, len(times), restrict, dtype=dtype, workers=workers)
    size.require_memory()
    recipe = SampledTrajectory(
        problem, tuple(times), int(seed), restrict, restriction, method, dt, rtol, atol, max_steps
    )
    fields, scalars = recipe.layout()
    if cluster is not None and workers > 1:
        raise InputError("workers, cluster: expected one of them; a cluster has its own workers")
    path = require_path(path, "path")
    if progress is not None and not callable(progress):
        raise InputError(f"progress: expected a function, got {progress!r:.80}")
    provenance = {
        "kind": "generated",
        "problem": problem.describe(),
        "samples": samples,
        "seed": int(seed),
        "times": times,
        "restrict": restrict,
        "restriction": restriction,
        "method": method.name,
        "dt": dt,
        "rtol": rtol,
        "atol": float(atol),
        "max_steps": int(max_steps),
        "dtype": dtype.name,
        "versions": versions("ducc0"),
    }
    if about is not None:
        taken = provenance.keys() & require_instance(about, "about", Mapping).keys()
        if taken:
            raise InputError(f"about: expected other names than {', '.join(sorted(taken))}")
        provenance |= about

    def create() -> "FieldDataset":
        return FieldDataset.create(
            path,
            problem.grid.coarsen(restrict),
            fields,
            scalars=scalars,
            times=times,
            time_unit=problem.time_unit,
            samples=samples,
            dtype=dtype,
            provenance=provenance,
            overwrite=overwrite,
            compression=compression,
        )

    report = progress or (lambda done, total: None)
    with ExitStack() as stack:
        compute = partial(computed_in_order, workers=workers)
        if cluster is not None:  # before there is a file
            client = stack.enter_context(cluster_client(cluster))
            compute = partial(computed_on_cluster, client=client)
        data = (None if overwrite else existing_file(path, provenance)) or create()
        try:
            if not data.complete:
                report(len(data), samples)
                _append(data, recipe, samples, compute, report)
                data.finish()
            else:
                report(samples, samples)
        except BaseException:
            data.close()
            raise
    return data


@dataclass(frozen=True)
class DataSetSize:
    """Bytes that a data set takes on disk, and in memory while it is generated."""

    file: int
    memory: int

    def require_memory(self) -> None:
        """Raise `InputError` if this machine has not so much memory."""
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.memory > there:
            raise InputError(
                f"samples, times, workers: they would take {self.memory / 2**30:.3g} GiB of "
                f"memory, expected at most the {there / 2**30:.3g} GiB of this machine; take fewer "
                "workers, times or samples, a larger `restrict` or a coarser grid"
            )


def data_set_size(
    problem: EvolutionProblem,
    samples: int,
    times: int,
    restrict: int = 1,
    *,
    dtype: DTypeLike = "float64",
    workers: int = 1,
) -> DataSetSize:
    """Return about how many bytes `generate_trajectories` will take.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Burgers
    >>> data_set_size(Burgers(Grid.periodic(1000)), 100, 11).file
    8800000
    """
    numbers = problem.numbers
    points = problem.grid.coarsen(restrict).size
    stored = times * points * np.dtype(dtype).itemsize * numbers
    held = times * points * 8 * numbers
    state = 8 * problem.grid.size * numbers
    alone = 1 if workers == 1 else 2 * workers + 1
    memory = workers * (WORK_ARRAYS * state + held) + alone * held + NUMBERED * samples
    return DataSetSize(samples * stored, memory + (workers + (workers > 1)) * INTERPRETER)


def _require_steps(dt: Any, rtol: Any, atol: Any, max_steps: Any) -> None:
    """Raise for steps that `evolve` would refuse, before there is a file."""
    if (dt is None) == (rtol is None):
        raise InputError(f"dt, rtol: expected one of them, got dt = {dt!r} and rtol = {rtol!r}")
    if dt is None:
        StepControl(rtol, 4, atol)
    else:
        require_number(dt, "dt", "(0, inf)")
    require_number(atol, "atol", "[0, inf)")
    require_integer(max_steps, "max_steps", 1)


def _times(times: Any) -> list[float]:
    try:
        found = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"times: expected numbers, got {times!r:.80}") from None
    found = require_finite(found, "times")
    if found.ndim != 1 or found.size == 0 or found[0] < 0 or (np.diff(found) <= 0).any():
        raise InputError(f"times: expected increasing numbers from 0 on, got {times!r:.80}")
    return [float(t) for t in found]


def _append(
    data: "FieldDataset",
    recipe: SampledTrajectory,
    samples: int,
    compute: Callable[..., Iterator[Any]],
    report: Progress,
) -> None:
    """Append the samples that are missing, in their order."""
    results: Iterator[tuple[dict[str, NDArray[Any]], dict[str, float]]]
    results = compute(recipe, range(len(data), samples))
    warned = False
    with closing(results):  # type: ignore[type-var]
        for fields, scalars in results:
            done = data.append(fields, scalars) + 1
            if scalars.get("tail", 0.0) > UNRESOLVED and not warned:
                warned = True
                warnings.warn(
                    f"sample {done - 1} of seed {recipe.seed}: {scalars['tail']:.2%} of it is in "
                    f"the finest third of the modes, expected less than {UNRESOLVED:.0%}; refine "
                    "the grid; the scalar 'tail' tells which other samples are not resolved",
                    stacklevel=3,
                )
            report(done, samples)
