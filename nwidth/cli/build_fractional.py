"""From the words of a file with a fractional equation to the objects of the library."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.config import ConstantSettings, FileSettings
from nwidth.cli.field_file import read_field
from nwidth.cli.file_kind import DATA_SET, file_kind
from nwidth.cli.fractional_config import (
    BumpSettings,
    FractionalConfig,
    GridFileSettings,
    PulseSettings,
)
from nwidth.errors import ConfigError, InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.solvers.fractional import FractionalDiffusion, PolynomialBump

Array = NDArray[Any]


def build_fractional(
    config: FractionalConfig, folder: str | Path = ".", modes: str | None = None
) -> FractionalDiffusion:
    """Return the problem of a file, in time or not; `space` of it is the stationary one.

    >>> problem = {"equation": "fractional-diffusion", "alpha": 1.5, "intervals": 8}
    >>> config = FractionalConfig.model_validate({"problem": problem, "source": {"kind": "bump"}})
    >>> build_fractional(config).grid.shape
    (11,)
    """
    given = config.problem
    several: list[Any] = [
        list(v) if isinstance(v, list) else [v] * given.dimension
        for v in (given.intervals, given.degree, given.alpha, given.lower, given.upper)
    ]
    coefficient = given.coefficient
    if not isinstance(coefficient, list):
        coefficient = [coefficient] * given.dimension
    try:
        problem = FractionalDiffusion(
            *several,
            coefficient=coefficient,
            reaction=given.reaction,
            growth=given.growth,
            modes=modes or config.solver.modes,
            unit=given.output_unit,
        )
    except InputError as error:
        raise ConfigError(f"[problem] {error}") from None
    source = config.source
    if source is not None and not isinstance(source, BumpSettings):
        field = field_of(source, problem, Path(folder), "source")
        problem.source = problem.space.field(field, "source")
    problem.grid = Grid.tensor(problem.grid.points, units=given.unit)
    return problem


def field_of(settings: Any, problem: FractionalDiffusion, folder: Path, section: str) -> Array:
    """Return the field of a section on the whole grid."""
    grid = problem.grid
    if isinstance(settings, ConstantSettings):
        return np.full(grid.shape, settings.value)
    if isinstance(settings, GridFileSettings):
        return _from_file(settings, grid, folder, section)
    if isinstance(settings, BumpSettings):
        return settings.amplitude * bump_of(settings, problem)(*grid.coordinates())
    return _pulse(settings, grid, section)


def _from_file(settings: GridFileSettings, grid: Grid, folder: Path, section: str) -> Array:
    """Return a field of a file, of one in time the state that is asked for."""
    path = folder / settings.path
    if path.suffix not in (".h5", ".hdf5", ".npz"):
        raise ConfigError(
            f"[{section}] path: expected a file ending in .h5, .hdf5 or .npz, got {settings.path}"
        )
    given = FileSettings(
        kind="file", path=settings.path, name=settings.name, sample=settings.sample
    )
    count = _states(path)
    if settings.time is not None and settings.time >= (count or 1):
        raise ConfigError(
            f"[{section}] time: expected a number below {count or 1}, the number of states in "
            f"{settings.path}, got {settings.time}"
        )
    shape = grid.shape if count is None else (count, *grid.shape)
    try:
        array = read_field(given, shape, folder, section)
    except ConfigError as error:
        if "[problem] shape" not in str(error):
            raise
        came = str(error).removeprefix("[problem] shape: expected ").split(", the shape of")[0]
        raise ConfigError(
            f"[{section}] path: expected {' x '.join(map(str, shape))} numbers, intervals + degree "
            f"along each axis, at the points that `nwidth solve ... -o` writes; {came} came from "
            f"{settings.path}"
        ) from None
    return array if count is None else array[-1 if settings.time is None else settings.time]


def _states(path: Path) -> int | None:
    """Return the number of states in a file in time, None for other files."""
    if not path.is_file() or path.suffix == ".npz" or file_kind(path) != DATA_SET:
        return None
    with FieldDataset.open(path) as data:
        return None if data.times is None else len(data.times)


def source_of(config: FractionalConfig, problem: FractionalDiffusion, folder: Path) -> Array:
    """Return the source of a stationary problem on the whole grid."""
    settings = config.source
    if isinstance(settings, BumpSettings):
        return bump_source(settings, problem)
    return field_of(settings, problem, folder, "source")


def start_of(config: FractionalConfig, problem: FractionalDiffusion, folder: Path) -> Array:
    """Return the initial density of a problem in time on the whole grid."""
    return field_of(config.initial, problem, folder, "initial")


def bump_of(settings: BumpSettings, problem: FractionalDiffusion) -> PolynomialBump:
    """Return the bump on the box of a problem."""
    return PolynomialBump(settings.power, problem.space.lower, problem.space.upper)


def bump_source(settings: BumpSettings, problem: FractionalDiffusion) -> Array:
    """Return the source on the whole grid of which the solution is the bump."""
    space, bump, x = problem.space, bump_of(settings, problem), problem.grid.coordinates()
    f = bump.source(x, space.alpha, space.coefficients)
    return settings.amplitude * (f + space.reaction * bump(*x))


def _pulse(settings: PulseSettings, grid: Grid, section: str) -> Array:
    d = grid.dimension
    middle = [(axis.lower + axis.upper) / 2 for axis in grid.axes]
    center = middle if settings.center is None else _each(settings.center, d, section, "center")
    width = (
        [length / 10 for length in grid.lengths]
        if settings.width is None
        else _each(settings.width, d, section, "width")
    )
    with np.errstate(over="ignore"):  # far from a thin pulse, where it is zero
        exponent = sum(
            ((x - c) / w) ** 2 for x, c, w in zip(grid.coordinates(), center, width, strict=True)
        )
    return settings.amplitude * np.exp(-exponent / 2)


def _each(value: float | list[float], d: int, section: str, key: str) -> list[float]:
    values = value if isinstance(value, list) else [value] * d
    if len(values) != d:
        raise ConfigError(f"[{section}] {key}: expected {d} numbers, one per axis, got {values}")
    return values
