"""From the words of a configuration to the objects of the library."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.config import (
    BoxSettings,
    Config,
    ConstantSettings,
    FileSettings,
    GaussianSettings,
    LogNormalSettings,
    ProblemSettings,
    Side,
    TwoPhaseSettings,
)
from nwidth.cli.field_file import read_field
from nwidth.errors import ConfigError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import (
    GaussianRandomField,
    Grid,
    LogNormalField,
    RandomField,
    TwoPhaseField,
)
from nwidth.solvers import (
    Boundary,
    Darcy,
    Dirichlet,
    Neumann,
    Poisson,
    Problem,
    Robin,
    problem_from_description,
)
from nwidth.solvers.problem import ParametrizedProblem


@dataclass(frozen=True)
class Task:
    """A problem and, where the configuration fixes them, its inputs."""

    problem: Problem
    inputs: dict[str, NDArray[Any]] | None


def build(config: Config, folder: str | Path = ".", restrict: int = 1) -> Task:
    """Return the problem of a configuration on a grid `restrict` times finer than the stated one.

    Paths of field files are relative to `folder`, the place of the configuration file.
    """
    grid = build_grid(config.problem, restrict)
    boundary = build_boundary(config.problem, grid)
    settings = config.permeability or config.source
    if settings is None:
        raise ConfigError("expected a section [permeability] or [source]; add one")
    unit = settings.unit if isinstance(settings, FileSettings) else "1"
    rest: dict[str, Any] = {"unit": unit, "output_unit": config.problem.output_unit}
    rest["reaction"] = config.problem.reaction
    name = "permeability" if config.problem.equation == "darcy" else "source"
    sampler = fixed = None
    if isinstance(settings, ConstantSettings):
        fixed = np.full(grid.shape, settings.value)
    elif isinstance(settings, FileSettings):
        fixed = read_field(settings, grid.shape, Path(folder), name)
    else:
        try:
            sampler = build_random_field(settings, grid)
        except InputError as error:
            raise ConfigError(f"[{name}]: {error}") from None
    problem: Problem
    if config.problem.equation == "darcy":
        problem = Darcy(grid, boundary, config.problem.forcing, sampler, **rest)
    else:
        problem = Poisson(grid, boundary, sampler, **rest)
    return Task(problem, None if fixed is None else {name: fixed})


def build_grid(settings: BoxSettings, restrict: int = 1) -> Grid:
    """Return the uniform grid of a box, refined so that `restrict` leads back to it.

    >>> build_grid(ProblemSettings(shape=[5, 5]), restrict=2).shape
    (9, 9)
    """
    centering = settings.centering if isinstance(settings, ProblemSettings) else "node"
    node = centering == "node"
    shape = [(n - 1) * restrict + 1 if node else n * restrict for n in settings.shape]
    lower, upper = (_per_axis(v, len(shape)) for v in (settings.lower, settings.upper))
    return Grid.uniform(shape, lower, upper, units=settings.unit, centering=centering)


def build_boundary(settings: BoxSettings, grid: Grid, section: str = "problem") -> Boundary:
    """Return the boundary of a section; zero Dirichlet where nothing is said."""
    try:
        sides = {name: _condition(side) for name, side in settings.boundary.items()}
    except InputError as error:
        raise ConfigError(f"[{section}.boundary]: {error}") from None
    default = sides.pop("default", Dirichlet(0.0))
    return Boundary(sides, default).check(grid)


def build_random_field(
    settings: GaussianSettings | TwoPhaseSettings | LogNormalSettings, grid: Grid
) -> RandomField:
    """Return the random field of [permeability] or [source] on a grid."""
    mean = getattr(settings, "mean", 0.0)
    gaussian = GaussianRandomField(
        grid,
        settings.alpha,
        settings.tau,
        sigma=settings.sigma,
        boundary=settings.boundary,
        mean=mean,
    )
    if isinstance(settings, TwoPhaseSettings):
        return TwoPhaseField(gaussian, settings.low, settings.high, settings.threshold)
    if isinstance(settings, LogNormalSettings):
        return LogNormalField(gaussian, settings.scale)
    return gaussian


def require_random(task: Task) -> Problem:
    """Return a problem that samples can be drawn from, or say what to do with a fixed field."""
    if task.inputs is not None:
        name = next(iter(task.inputs))
        raise ConfigError(
            f"[{name}] kind: expected a random field to draw samples from, got a fixed one; "
            "use 'two-phase' or 'log-normal', or solve this one field with `nwidth solve`"
        )
    return task.problem


def _condition(side: Side) -> Dirichlet | Neumann | Robin:
    if side.dirichlet is not None:
        return Dirichlet(side.dirichlet)
    if side.robin is not None:
        return Robin(side.robin, side.value or 0.0)
    return Neumann(side.neumann or 0.0)


def _per_axis(value: float | list[float], count: int) -> list[float]:
    return value if isinstance(value, list) else [value] * count


def described_problem(dataset: FieldDataset, remedy: str) -> ParametrizedProblem:
    """Return the problem that a data set names, as it was solved."""
    description = dataset.provenance.get("problem")
    if description is None:
        raise InputError(
            f"{dataset.path}: expected a data set that names its problem, got one without; {remedy}"
        )
    return problem_from_description(description)


def problem_of(dataset: FieldDataset, remedy: str) -> Problem:
    """Return the problem whose solutions a data set holds, on the grid of the data set."""
    problem = described_problem(dataset, remedy)
    if not isinstance(problem, Problem):
        raise InputError(
            f"{dataset.path}: expected solutions of a symmetric positive definite problem, which "
            f"certificates are for, got those of {dataset.provenance['problem']['equation']}"
        )
    return problem if problem.grid == dataset.grid else problem.on(dataset.grid)
