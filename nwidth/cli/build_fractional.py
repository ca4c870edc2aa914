"""From the words of a file with a fractional equation to the objects of the library."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.config import ConstantSettings, FileSettings
from nwidth.cli.field_file import read_field
from nwidth.cli.fractional_config import (
    BumpSettings,
    FractionalConfig,
    GridFileSettings,
    PulseSettings,
)
from nwidth.errors import ConfigError, InputError
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
        given = FileSettings(
            kind="file", path=settings.path, name=settings.name, sample=settings.sample
        )
        try:
            return read_field(given, grid.shape, folder, section)
        except ConfigError as error:
            if "[problem] shape" not in str(error):
                raise
            raise ConfigError(
                f"[{section}] path: expected {' x '.join(map(str, grid.shape))} numbers, "
                "intervals + degree along each axis, at the points that `nwidth solve ... -o` "
                f"writes; {str(error).removeprefix('[problem] shape: expected ').split(',')[0]}] "
                f"came from {settings.path}"
            ) from None
    if isinstance(settings, BumpSettings):
        return settings.amplitude * bump_of(settings, problem)(*grid.coordinates())
    return _pulse(settings, grid, section)


def bump_of(settings: BumpSettings, problem: FractionalDiffusion) -> PolynomialBump:
    """Return the bump on the box of a problem."""
    return PolynomialBump(settings.power, problem.space.lower, problem.space.upper)


def bump_source(settings: BumpSettings, problem: FractionalDiffusion) -> Array:
    """Return the source at the inner points of which the solution is the bump."""
    space, bump = problem.space, bump_of(settings, problem)
    f = bump.source(space.points, space.alpha, space.coefficients)
    return settings.amplitude * (f + space.reaction * bump(*space.points))


def _pulse(settings: PulseSettings, grid: Grid, section: str) -> Array:
    d = grid.dimension
    middle = [(axis.lower + axis.upper) / 2 for axis in grid.axes]
    center = middle if settings.center is None else _each(settings.center, d, section, "center")
    width = (
        [length / 10 for length in grid.lengths]
        if settings.width is None
        else _each(settings.width, d, section, "width")
    )
    exponent = sum(
        ((x - c) / w) ** 2 for x, c, w in zip(grid.coordinates(), center, width, strict=True)
    )
    return settings.amplitude * np.exp(-exponent / 2)


def _each(value: float | list[float], d: int, section: str, key: str) -> list[float]:
    values = value if isinstance(value, list) else [value] * d
    if len(values) != d:
        raise ConfigError(f"[{section}] {key}: expected {d} numbers, one per axis, got {values}")
    return values
